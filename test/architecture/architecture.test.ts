import {describe, expect, test} from 'vitest'
import {allowedIn, forbiddenImports, importCycle, importsWhere, impurities, roomOf, rooms} from './arrows.ts'
import {parseSource, readSources} from './sources.ts'

const sources = readSources()

describe('the program', () => {
	test.each(rooms)('$name imports only what its arrows allow', room => {
		expect(forbiddenImports(room, sources), `${room.name} may import: ${allowedIn(room)}`).toEqual([])
	})

	test('every file belongs to a room that has its arrows', () => {
		const known = [...rooms.map(room => room.name), 'main']
		expect(sources.map(source => source.path).filter(path => !known.includes(roomOf(path)))).toEqual([])
	})

	test('no file imports itself, directly or around a corner', () => {
		expect(importCycle(sources)).toEqual([])
	})

	test('nothing outside src is imported but the manifest', () => {
		const outside = importsWhere(
			sources,
			({kind, target}) => kind === 'file' && roomOf(target) === '' && target !== 'package.json',
		)
		expect(outside).toEqual([])
	})

	test('domain and guide know no clock, no environment, no chance and no network', () => {
		expect(impurities(sources)).toEqual([])
	})

	test('only adapters/process.ts starts other programs', () => {
		expect(spawners(sources)).toEqual([])
	})

	test('only the screens and the composition root draw with Ink and React', () => {
		expect(drawers(sources)).toEqual([])
	})
})

describe('the checker', () => {
	test.each([
		['src/domain/wal/lsn.ts', "import {readFile} from 'node:fs/promises'"],
		['src/domain/wal/lsn.ts', "import type {Guide} from '../../guide/state.ts'"],
		['src/domain/wal/lsn.ts', "import React from 'react'"],
		['src/guide/update.ts', "import type {ArchiveStore} from '../ports.ts'"],
		['src/ports.ts', "export type {LocalStore} from './adapters/store/local.ts'"],
		['src/operations/survey.ts', "export * from '../adapters/store/local.ts'"],
		['src/operations/survey.ts', "import {join} from 'node:path'"],
		['src/adapters/store/local.ts', "import {runLoop} from '../../loop.ts'"],
		['src/adapters/store/local.ts', "const later = await import('../../operations/survey.ts')"],
		['src/tui/App.tsx', "import {formatLsn} from '../domain/wal/lsn.ts'"],
		['src/tui/App.tsx', "import type {ArchiveStore} from '../ports.ts'"],
		['src/tui/App.tsx', "type Store = import('../adapters/store/local.ts').LocalStore"],
		['src/cli/survey.ts', "import {\n\t// a remark with a ' in it\n\tlocalStore,\n} from '../adapters/store/local.ts'"],
		['src/loop.ts', "import {App} from './tui/App.tsx'"],
		['src/demo/harbor.ts', "import {update} from '../guide/update.ts'"],
	])('refuses in %s: %s', (path, text) => {
		const found = rooms.flatMap(room => forbiddenImports(room, [parseSource(path, text)]))
		expect(found).toHaveLength(1)
	})

	test.each([
		['src/domain/time.ts', "import {toDate} from 'date-fns-tz'\nimport {z} from 'zod'"],
		['src/guide/update.ts', "import type {Lsn} from '../domain/wal/lsn.ts'\nimport {step} from './state.ts'"],
		[
			'src/adapters/store/local.ts',
			"import {open} from 'node:fs/promises'\nimport type {ArchiveStore} from '../../ports.ts'",
		],
		['src/tui/App.tsx', "import {Box} from 'ink'\nimport {type Lsn} from '../domain/wal/lsn.ts'"],
		[
			'src/tui/parts.tsx',
			"// import {x} from '../ports.ts'\nexport const Note = () => <a>import x from '../ports.ts', don't</a>",
		],
		['src/cli/version.ts', "import manifest from '../../package.json' with {type: 'json'}"],
		['src/main.tsx', "import {App} from './tui/App.tsx'\nimport {localStore} from './adapters/store/local.ts'"],
	])('allows in %s: %s', (path, text) => {
		expect(rooms.flatMap(room => forbiddenImports(room, [parseSource(path, text)]))).toEqual([])
	})

	test('names the whole way round a cycle, and counts type-only imports', () => {
		const cycle = importCycle([
			parseSource('src/domain/start.ts', "import {a} from './a.ts'"),
			parseSource('src/domain/a.ts', "import {b} from './b.ts'"),
			parseSource('src/domain/b.ts', "import type {A} from './a.ts'"),
		])
		expect(cycle).toEqual(['src/domain/a.ts', 'src/domain/b.ts', 'src/domain/a.ts'])
	})

	test('takes a file that is imported twice for no cycle', () => {
		const cycle = importCycle([
			parseSource('src/domain/a.ts', "import {b} from './b.ts'\nimport {c} from './c.ts'"),
			parseSource('src/domain/b.ts', "import {c} from './c.ts'"),
			parseSource('src/domain/c.ts', ''),
		])
		expect(cycle).toEqual([])
	})

	test.each([
		'Date.now()',
		'new Date()',
		'new Date(0)',
		'Date()',
		'Math.random()',
		'process.env.TZ',
		'performance.now()',
		'setTimeout(later, 0)',
		'globalThis.setTimeout',
		'crypto.randomUUID()',
	])('refuses %s in domain and guide, and in no other room', use => {
		const text = `export const value = ${use}`
		expect(impurities([parseSource('src/domain/recovery/plan.ts', text)])).toHaveLength(1)
		expect(impurities([parseSource('src/guide/update.ts', text)])).toHaveLength(1)
		expect(impurities([parseSource('src/adapters/clock.ts', text)])).toEqual([])
	})

	test('lets domain/time.ts make a Date of given numbers and never of the clock', () => {
		expect(impurities([parseSource('src/domain/time.ts', 'new Date(ms)')])).toEqual([])
		expect(impurities([parseSource('src/domain/time.ts', 'new Date()')])).toEqual(['src/domain/time.ts: new Date()'])
		expect(impurities([parseSource('src/domain/time.ts', 'Date.now()')])).toEqual(['src/domain/time.ts: Date.now'])
	})

	test('takes a word in a comment, a message or the name of a field for no use', () => {
		const text =
			"// Date.now() would read the clock\nexport const message = 'stop the process. Then go on'\nplan.process.steps"
		expect(impurities([parseSource('src/domain/recovery/plan.ts', text)])).toEqual([])
	})

	test('finds a program started elsewhere, under either name of the module', () => {
		expect(spawners([parseSource('src/adapters/store/local.ts', "import {spawn} from 'child_process'")])).toHaveLength(
			1,
		)
		expect(spawners([parseSource('src/cli/survey.ts', "import {exec} from 'node:child_process'")])).toHaveLength(1)
		expect(spawners([parseSource('src/adapters/process.ts', "import {spawn} from 'node:child_process'")])).toEqual([])
	})
})

function spawners(given: typeof sources): string[] {
	return importsWhere(
		given,
		({target}, {path}) => /^(node:)?child_process$/.test(target) && path !== 'src/adapters/process.ts',
	)
}

function drawers(given: typeof sources): string[] {
	return importsWhere(
		given,
		({target}, {path}) => ['ink', 'react'].includes(target) && !['tui', 'main'].includes(roomOf(path)),
	)
}
