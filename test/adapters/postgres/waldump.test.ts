import {mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, statSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {gunzipSync} from 'node:zlib'
import {afterEach, beforeEach, describe, expect, test} from 'vitest'
import {createCodecs} from '../../../src/adapters/codec/codecs.ts'
import {createWalReader} from '../../../src/adapters/postgres/waldump.ts'
import {createLocalStore} from '../../../src/adapters/store/local.ts'
import type {ArchivedSegment} from '../../../src/domain/archive/survey.ts'
import {ArchiveUnreachableError, WaldumpFailedError, WaldumpVersionMismatchError} from '../../../src/domain/errors.ts'
import {judgeEnding} from '../../../src/domain/wal/waldump-ending.ts'
import type {ArchiveStore, WaldumpRun} from '../../../src/ports.ts'
import {archivedSegments, testReader, waldumpForFixtures} from '../../support/archived-segments.ts'
import {createMemoryStore} from '../../support/memory-store.ts'
import {fixturePath, fixtureSegmentBytes, parsed, waldumpText} from '../../support/waldump-fixtures.ts'

const installed = await waldumpForFixtures()
const major = installed?.major ?? 15
const packed = fixturePath(major, 'archive')

let root: string
let scratch: string

beforeEach(() => {
	root = realpathSync(mkdtempSync(join(tmpdir(), 'lastgood-test-')))
	scratch = join(root, 'scratch')
	mkdirSync(scratch)
})
afterEach(() => rmSync(root, {recursive: true, force: true}))

/** The fixture's segments as plain files, changed on the way. */
function unpacked(change: (name: string, bytes: Buffer) => Buffer = (_name, bytes) => bytes): string {
	const folder = join(root, 'plain')
	mkdirSync(folder)
	for (const {name, key} of archivedSegments(packed)) {
		writeFileSync(join(folder, name), change(name, gunzipSync(readFileSync(join(packed, key)))))
	}
	return folder
}

async function whole(run: WaldumpRun): Promise<string> {
	let text = ''
	for await (const part of run.text) text += part
	return text
}

interface Reading {
	readonly batchBytes?: number
	readonly rmgrs?: readonly string[]
	readonly signal?: AbortSignal
	readonly segments?: readonly ArchivedSegment[]
}

function dump(
	store: ArchiveStore,
	{batchBytes, rmgrs, signal, segments = archivedSegments(store.location)}: Reading = {},
): Promise<WaldumpRun> {
	if (installed === undefined) throw new Error('not installed')
	const reader = testReader(installed.installation, {
		temporaryDirectory: scratch,
		...(batchBytes === undefined ? {} : {batchBytes}),
	})
	return reader.dump({
		store,
		postgresMajor: major,
		walSegmentBytes: fixtureSegmentBytes,
		segments,
		...(rmgrs === undefined ? {} : {rmgrs}),
		...(signal === undefined ? {} : {signal}),
	})
}

describe.skipIf(installed === undefined)(`pg_waldump ${major} over the archive of its fixture`, () => {
	test('prints of plain segments what the fixture holds', async () => {
		const run = await dump(createLocalStore(unpacked()))
		expect(await whole(run)).toBe(waldumpText(major))
		expect(await run.ended).toEqual({exitCode: 0, stderr: ''})
		expect(readdirSync(scratch)).toEqual([])
	})

	test.each([1, 2, 3, 5, 100])(
		'prints the same of gzip segments read %d MB at a time: no record is lost at a seam',
		async megabytes => {
			const run = await dump(createLocalStore(packed), {batchBytes: megabytes * fixtureSegmentBytes})
			expect(await whole(run)).toBe(waldumpText(major))
			expect(await run.ended).toEqual({exitCode: 0, stderr: ''})
			expect(readdirSync(scratch)).toEqual([])
		},
	)

	test('loses records at the seams when each segment is dumped by itself, so the seams are real', async () => {
		const store = createLocalStore(packed)
		let records = 0
		for (const segment of archivedSegments(packed))
			records += parsed(await whole(await dump(store, {segments: [segment]}))).length
		expect(records).toBeLessThan(parsed(waldumpText(major)).length)
	})

	test('reads a store without paths, packed and plain segments mixed', async () => {
		const contents = archivedSegments(packed).map(({name, key}, index) => {
			const bytes = readFileSync(join(packed, key))
			return index % 2 === 0 ? ([key, bytes] as const) : ([name, gunzipSync(bytes)] as const)
		})
		const segments = archivedSegments(packed).map((segment, index) =>
			index % 2 === 0 ? segment : {...segment, key: segment.name, codec: 'none' as const},
		)
		const run = await dump(createMemoryStore(new Map(contents)), {segments, batchBytes: fixtureSegmentBytes})
		expect(await whole(run)).toBe(waldumpText(major))
	})

	test('never has more unpacked segments on disk than two batches', async () => {
		const run = await dump(createLocalStore(packed), {batchBytes: 2 * fixtureSegmentBytes})
		let most = 0
		for await (const _part of run.text) {
			const [folder = ''] = readdirSync(scratch)
			most = Math.max(most, readdirSync(join(scratch, folder)).length)
			expect(statSync(join(scratch, folder)).mode & 0o777).toBe(0o700)
		}
		expect(archivedSegments(packed).length).toBeGreaterThan(3)
		expect(most).toBeLessThanOrEqual(5)
		expect(most).toBeGreaterThan(0)
	})

	test('makes nothing on disk until somebody reads', async () => {
		await dump(createLocalStore(packed))
		expect(readdirSync(scratch)).toEqual([])
	})

	test('prints only the resource managers that were asked for, where the version can', async () => {
		const text = await whole(
			await dump(createLocalStore(packed), {rmgrs: ['Transaction', 'XLOG'], batchBytes: fixtureSegmentBytes}),
		)
		const wanted = parsed(waldumpText(major)).filter(({rmgr}) => rmgr === 'Transaction' || rmgr === 'XLOG')
		expect(parsed(text, {filtered: true})).toEqual(major >= 15 ? wanted : parsed(waldumpText(major)))
	})

	test('stops and leaves nothing behind when the reader has enough', async () => {
		const run = await dump(createLocalStore(packed), {batchBytes: fixtureSegmentBytes})
		for await (const _part of run.text) break
		expect((await run.ended).exitCode).toBeNull()
		expect(readdirSync(scratch)).toEqual([])
	})

	test('stops and leaves nothing behind when it is aborted', async () => {
		const abort = new AbortController()
		const run = await dump(createLocalStore(packed), {batchBytes: fixtureSegmentBytes, signal: abort.signal})
		const reason = new Error('the operator left')
		const reading = (async () => {
			for await (const _part of run.text) abort.abort(reason)
		})()
		await expect(reading).rejects.toBe(reason)
		await expect(run.ended).rejects.toBe(reason)
		expect(readdirSync(scratch)).toEqual([])
	})

	test('says where a flipped bit stands', async () => {
		const victim = parsed(waldumpText(major)).find(({type, lsn}) => type === 'INSERT' && lsn % 0x100000n > 0x20000n)
		if (victim === undefined) throw new Error('no record')
		const at = Number(victim.lsn % 0x100000n) + 30
		const segment = archivedSegments(packed).find(({number}) => number === victim.lsn / 0x100000n)
		const folder = unpacked((name, bytes) => {
			if (name === segment?.name) bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at)
			return bytes
		})
		const segments = archivedSegments(folder)
		const run = await dump(createLocalStore(folder))
		const records = parsed(await whole(run))
		expect(records.at(-1)?.lsn).toBe(victim.prevLsn)
		expect(
			judgeEnding(await run.ended, {isEndOfArchive: true, walSegmentBytes: fixtureSegmentBytes, segments}),
		).toMatchObject({
			kind: 'unreadable',
			atLsn: victim.lsn,
			segment: segment?.name,
			message: expect.stringContaining('incorrect resource manager data checksum'),
		})
	})

	test('ends where the WAL does when the last segment is half written', async () => {
		const count = archivedSegments(packed).length - 1
		const last = archivedSegments(packed)[count - 1]
		const halfBytes = 20 * 8192
		const folder = unpacked((name, bytes) => (name === last?.name ? bytes.fill(0, halfBytes) : bytes))
		const segments = archivedSegments(folder).slice(0, count)
		const run = await dump(createLocalStore(folder), {segments})
		const records = parsed(await whole(run))
		expect(records).toEqual(parsed(waldumpText(major)).slice(0, records.length))
		const ending = await run.ended
		expect(ending.exitCode).toBe(1)
		const given = {walSegmentBytes: fixtureSegmentBytes, segments}
		const verdict = judgeEnding(ending, {...given, isEndOfArchive: true})
		if (verdict.kind !== 'end-of-wal' || verdict.atLsn === undefined) throw new Error(verdict.kind)
		expect(verdict.atLsn > (records.at(-1)?.lsn ?? 0n)).toBe(true)
		expect(verdict.atLsn <= (last?.number ?? 0n) * BigInt(fixtureSegmentBytes) + BigInt(halfBytes)).toBe(true)
		expect(judgeEnding(ending, {...given, isEndOfArchive: false})).toMatchObject({
			kind: 'unreadable',
			segment: last?.name,
		})
	})

	test('does not take a damaged packed segment for the end of the WAL', async () => {
		const segments = archivedSegments(packed)
		const contents = segments.map(({key}, index) => {
			const bytes = readFileSync(join(packed, key))
			return [key, index === 1 ? bytes.subarray(0, bytes.length - 200) : bytes] as const
		})
		const run = await dump(createMemoryStore(new Map(contents)), {segments, batchBytes: fixtureSegmentBytes})
		await expect(whole(run)).rejects.toThrow(ArchiveUnreachableError)
		await expect(run.ended).rejects.toThrow(ArchiveUnreachableError)
		expect(readdirSync(scratch)).toEqual([])
	})

	test('that cannot be run is an error with what to do', async () => {
		const broken = join(root, 'bin')
		mkdirSync(broken)
		writeFileSync(join(broken, 'pg_waldump'), 'not a program')
		const reader = testReader(
			{directory: broken, major, version: `${major}.0`, has: ['pg_waldump']},
			{temporaryDirectory: scratch},
		)
		const run = await reader.dump({
			store: createLocalStore(packed),
			postgresMajor: major,
			walSegmentBytes: fixtureSegmentBytes,
			segments: archivedSegments(packed),
		})
		await expect(whole(run)).rejects.toThrow(WaldumpFailedError)
		expect(readdirSync(scratch)).toEqual([])
	})

	test('is among the majors that are installed', async () => {
		if (installed === undefined) return
		expect(await testReader(installed.installation).installedMajors()).toEqual([major])
	})
})

describe('WAL of a version whose pg_waldump is not installed', () => {
	const installation = {
		directory: '/usr/lib/postgresql/15/bin',
		major: 15,
		version: '15.18',
		has: ['pg_waldump'],
	} as const

	test('is named by version and page magic, with what is installed and what to install', async () => {
		const reader = createWalReader({codecs: createCodecs(), installations: async () => [installation]})
		const folder = fixturePath(18, 'archive')
		const dumping = reader.dump({
			store: createLocalStore(folder),
			postgresMajor: 18,
			walSegmentBytes: fixtureSegmentBytes,
			segments: archivedSegments(folder),
		})
		const error = await dumping.catch((reason: unknown) => reason)
		if (!(error instanceof WaldumpVersionMismatchError)) throw error
		expect(error.message).toBe(
			'the WAL is of PostgreSQL 18 (page magic D118) and only pg_waldump 18 reads it; installed here: 15.18',
		)
		expect(error.exitCode).toBe(41)
		expect(error.whatToDo.join('\n')).toContain('apt install postgresql-18')
		expect(error.whatToDo.join('\n')).toContain('--pg-bin')
	})

	test('is told also when nothing is installed, or an installation lacks the program', async () => {
		for (const installations of [[], [{...installation, major: 18, version: '18.3', has: ['psql'] as const}]]) {
			const reader = createWalReader({codecs: createCodecs(), installations: async () => installations})
			const folder = fixturePath(18, 'archive')
			const dumping = reader.dump({
				store: createLocalStore(folder),
				postgresMajor: 18,
				walSegmentBytes: fixtureSegmentBytes,
				segments: archivedSegments(folder),
			})
			await expect(dumping).rejects.toThrow('no pg_waldump is installed at all')
			expect(await reader.installedMajors()).toEqual([])
		}
	})
})
