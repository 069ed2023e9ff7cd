import {readdirSync, readFileSync} from 'node:fs'
import {posix} from 'node:path'
import {fileURLToPath} from 'node:url'
import {parseAst} from 'vitest/node'

/** A module of the program, with what ties it to others and to the world. */
export interface Source {
	/** From the top of the clone: `src/domain/wal/lsn.ts`. */
	readonly path: string
	readonly imports: readonly Import[]
	/** Places where it reads the clock, the environment, chance or the network, spelled as in the source. */
	readonly worldly: readonly string[]
}

export interface Import {
	/** A path from the top of the clone for a file, the name for a package or a module of Node. */
	readonly target: string
	readonly kind: 'file' | 'package' | 'node'
	readonly typeOnly: boolean
}

const top = new URL('../../', import.meta.url)

/** Every TypeScript module under src. */
export function readSources(): Source[] {
	return readdirSync(new URL('src/', top), {recursive: true, encoding: 'utf8'})
		.filter(name => /\.tsx?$/.test(name))
		.map(name => posix.join('src', name))
		.sort()
		.map(path => parseSource(path, readFileSync(fileURLToPath(new URL(path, top)), 'utf8')))
}

export function parseSource(path: string, text: string): Source {
	const nodes = [...descendants(parseAst(text, {lang: path.endsWith('.tsx') ? 'tsx' : 'ts'}))]
	return {
		path,
		imports: nodes.flatMap(node => importOf(node, path)),
		worldly: nodes.flatMap(worldlyUse),
	}
}

interface SyntaxNode {
	readonly type: string
	readonly [field: string]: unknown
}

function* descendants(value: unknown): Generator<SyntaxNode> {
	if (Array.isArray(value)) {
		for (const element of value) yield* descendants(element)
	} else if (isSyntaxNode(value)) {
		yield value
		for (const field of Object.values(value)) yield* descendants(field)
	}
}

function isSyntaxNode(value: unknown): value is SyntaxNode {
	return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string'
}

function importOf(node: SyntaxNode, path: string): Import[] {
	const specifier = specifierOf(node)
	if (specifier === undefined) return []
	return [{...resolved(specifier, path), typeOnly: isTypeOnly(node)}]
}

function specifierOf(node: SyntaxNode): string | undefined {
	switch (node.type) {
		case 'ImportDeclaration':
		case 'ExportNamedDeclaration':
		case 'ExportAllDeclaration':
		case 'ImportExpression':
		case 'TSImportType':
			return literal(node.source)
		case 'CallExpression':
			return nameOf(node.callee) === 'require' && Array.isArray(node.arguments) ? literal(node.arguments[0]) : undefined
		default:
			return undefined
	}
}

function isTypeOnly(node: SyntaxNode): boolean {
	if (node.type === 'TSImportType' || node.importKind === 'type' || node.exportKind === 'type') return true
	const names = Array.isArray(node.specifiers) ? node.specifiers : []
	return names.length > 0 && names.every(name => name.importKind === 'type' || name.exportKind === 'type')
}

function resolved(specifier: string, path: string): Pick<Import, 'target' | 'kind'> {
	if (specifier.startsWith('.')) return {kind: 'file', target: posix.join(posix.dirname(path), specifier)}
	if (specifier.startsWith('node:')) return {kind: 'node', target: specifier}
	const [scope = '', name = ''] = specifier.split('/')
	return {kind: 'package', target: scope.startsWith('@') ? `${scope}/${name}` : scope}
}

const worldlyObjects = ['process', 'performance', 'crypto', 'globalThis']
const worldlyMembers = ['Date.now', 'Math.random']
const worldlyCalls = ['setTimeout', 'setInterval', 'setImmediate', 'fetch', 'Date']

function worldlyUse(node: SyntaxNode): string[] {
	if (node.type === 'MemberExpression') {
		const object = nameOf(node.object)
		const use = `${object}.${nameOf(node.property)}`
		return worldlyObjects.includes(object ?? '') || worldlyMembers.includes(use) ? [use] : []
	}
	const callee = nameOf(node.callee)
	if (node.type === 'CallExpression') return worldlyCalls.includes(callee ?? '') ? [`${callee}()`] : []
	if (node.type === 'NewExpression' && callee === 'Date') {
		return [Array.isArray(node.arguments) && node.arguments.length > 0 ? 'new Date(…)' : 'new Date()']
	}
	return []
}

function nameOf(node: unknown): string | undefined {
	return isSyntaxNode(node) && node.type === 'Identifier' ? String(node.name) : undefined
}

function literal(node: unknown): string | undefined {
	return isSyntaxNode(node) && node.type === 'Literal' && typeof node.value === 'string' ? node.value : undefined
}
