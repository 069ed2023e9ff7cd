import type {Import, Source} from './sources.ts'

/** A part of src that may know of some others and of no more. */
export interface Room {
	readonly name: string
	readonly knows: readonly string[]
	/** Rooms of which it may name the types and call nothing. */
	readonly knowsTypesOf?: readonly string[]
	readonly packages: readonly string[] | 'any'
	readonly node: 'any' | 'none'
}

const pure = ['date-fns-tz', 'zod']

/** The arrows of src, one way each. The composition root, main.tsx, knows everything and is therefore not listed. */
export const rooms: readonly Room[] = [
	{name: 'domain', knows: [], packages: pure, node: 'none'},
	{name: 'guide', knows: ['domain'], packages: pure, node: 'none'},
	{name: 'ports', knows: ['domain'], packages: [], node: 'none'},
	{name: 'operations', knows: ['ports', 'domain'], packages: pure, node: 'none'},
	{name: 'loop', knows: ['operations', 'guide', 'ports', 'domain'], packages: [], node: 'none'},
	{name: 'adapters', knows: ['ports', 'domain'], packages: 'any', node: 'any'},
	{
		name: 'tui',
		knows: ['guide'],
		knowsTypesOf: ['domain'],
		packages: ['ink', 'react', 'string-width'],
		node: 'none',
	},
	{name: 'cli', knows: ['guide', 'operations', 'ports', 'domain'], packages: 'any', node: 'any'},
	{name: 'demo', knows: ['adapters', 'operations', 'ports', 'domain'], packages: 'any', node: 'any'},
]

/** What a room may import, in words. */
export function allowedIn(room: Room): string {
	const {packages, node, knows, knowsTypesOf = []} = room
	return [
		room.name,
		...knows,
		...knowsTypesOf.map(name => `the types of ${name}`),
		...(packages === 'any' ? ['packages'] : packages),
		...(node === 'any' ? ['Node'] : []),
	].join(', ')
}

/** Imports of this room that its arrows do not allow, as `importer -> imported`. */
export function forbiddenImports(room: Room, sources: readonly Source[]): string[] {
	return importsWhere(
		sources.filter(source => roomOf(source.path) === room.name),
		(imported, source) => !isAllowed(room, imported, source),
	)
}

function isAllowed(room: Room, imported: Import, source: Source): boolean {
	switch (imported.kind) {
		case 'node':
			return room.node === 'any'
		case 'package':
			return room.packages === 'any' || room.packages.includes(imported.target)
		case 'file': {
			// The manifest is reached from anywhere that may read files.
			if (imported.target === 'package.json') return room.node === 'any'
			const other = roomOf(imported.target)
			if (other === roomOf(source.path) || room.knows.includes(other)) return true
			return imported.typeOnly && room.knowsTypesOf?.includes(other) === true
		}
		default:
			return imported.kind satisfies never
	}
}

/** The part of src that a file belongs to: its folder, or its own name at the top of src; empty outside src. */
export function roomOf(path: string): string {
	const [top, room = ''] = path.split('/')
	return top === 'src' ? room.replace(/\.tsx?$/, '') : ''
}

/** Imports that the test picks out, as `importer -> imported`. */
export function importsWhere(
	sources: readonly Source[],
	picks: (imported: Import, source: Source) => boolean,
): string[] {
	return sources.flatMap(source =>
		source.imports.filter(imported => picks(imported, source)).map(imported => `${source.path} -> ${imported.target}`),
	)
}

/** The first way round that leads from a file back to itself, type-only imports included; empty without one. */
export function importCycle(sources: readonly Source[]): readonly string[] {
	const targets = new Map(
		sources.map(source => [
			source.path,
			source.imports.filter(imported => imported.kind === 'file').map(imported => imported.target),
		]),
	)
	const cleared = new Set<string>()
	const follow = (path: string, trail: readonly string[]): readonly string[] => {
		if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path]
		if (cleared.has(path)) return []
		for (const target of targets.get(path) ?? []) {
			const cycle = follow(target, [...trail, path])
			if (cycle.length > 0) return cycle
		}
		cleared.add(path)
		return []
	}
	for (const path of targets.keys()) {
		const cycle = follow(path, [])
		if (cycle.length > 0) return cycle
	}
	return []
}

/** What the two pure rooms do that depends on when, where or how often they are run, as `file: use`. */
export function impurities(sources: readonly Source[]): string[] {
	return sources
		.filter(source => ['domain', 'guide'].includes(roomOf(source.path)))
		.flatMap(source =>
			source.worldly
				// Resolving a zone needs a Date made from given numbers; everything else is microseconds.
				.filter(use => !(use === 'new Date(…)' && source.path === 'src/domain/time.ts'))
				.map(use => `${source.path}: ${use}`),
		)
}
