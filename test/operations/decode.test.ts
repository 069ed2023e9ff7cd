import {mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {gunzipSync} from 'node:zlib'
import {afterEach, beforeEach, describe, expect, test} from 'vitest'
import {createLocalStore} from '../../src/adapters/store/local.ts'
import type {ArchivedSegment} from '../../src/domain/archive/survey.ts'
import {WaldumpFailedError} from '../../src/domain/errors.ts'
import {createBoundaryFold} from '../../src/domain/wal/boundaries.ts'
import {parseLsn} from '../../src/domain/wal/lsn.ts'
import type {Boundary, DecodedWal} from '../../src/domain/wal/record.ts'
import {type DecodeBatch, type Decoded, type DecodeRequest, decodeChain} from '../../src/operations/decode.ts'
import type {WalReader} from '../../src/ports.ts'
import {archivedSegments, testReader, waldumpForFixtures} from '../support/archived-segments.ts'
import {createMemoryStore} from '../support/memory-store.ts'
import {
	chunkSizes,
	fixturePath,
	fixtureSegmentBytes,
	inChunks,
	parsed,
	waldumpText,
} from '../support/waldump-fixtures.ts'

const fixture = 15
const segments = archivedSegments(fixturePath(fixture, 'archive'))
const lsn = (text: string) => {
	const found = parseLsn(text)
	if (found === undefined) throw new Error(text)
	return found
}

/** What the fixture's text holds, folded without any of what decoding does. */
function expected(fromLsn = lsn('0/0')): DecodedWal {
	const fold = createBoundaryFold({walSegmentBytes: fixtureSegmentBytes, postgresMajor: fixture, fromLsn})
	const wal = fold.decoded(fold.take(parsed(waldumpText(fixture))))
	if (wal === undefined) throw new Error('no record')
	return wal
}

/** A reader that prints a text in chunks and then ends as told. */
function printing(
	text: string,
	chunkSize: number,
	ending: {readonly exitCode: number | null; readonly stderr: string},
): WalReader {
	return {
		async dump() {
			async function* told(): AsyncGenerator<string> {
				yield* inChunks(text, chunkSize)
			}
			return {text: told(), ended: Promise.resolve(ending)}
		},
		installedMajors: async () => [fixture],
	}
}

async function collect(
	request: Omit<DecodeRequest, 'store' | 'cluster'> & Partial<DecodeRequest>,
): Promise<Decoded & {readonly batches: readonly DecodeBatch[]}> {
	const decoding = decodeChain({
		store: createMemoryStore(),
		cluster: {postgresMajor: fixture, walSegmentBytes: fixtureSegmentBytes},
		...request,
	})
	const batches: DecodeBatch[] = []
	for (;;) {
		const step = await decoding.next()
		if (step.done === true) return {...step.value, batches}
		batches.push(step.value)
	}
}

const chain = {segments, gap: undefined}
const complete = {exitCode: 0, stderr: ''}

describe('decoding a chain', () => {
	test.each(chunkSizes.filter(size => size > 1))(
		'gives the boundaries of its text, cut every %d characters',
		async size => {
			const {wal, findings, warnings} = await collect({
				world: {wal: printing(waldumpText(fixture), size, complete)},
				chain,
			})
			expect(wal).toEqual(expected())
			expect([findings, warnings]).toEqual([[], []])
		},
	)

	test('gives every boundary once, in order, in batches that say how far they got', async () => {
		const {wal, batches} = await collect({world: {wal: printing(waldumpText(fixture), 4096, complete)}, chain})
		const told: Boundary[] = batches.flatMap(batch => [...batch.boundaries])
		expect(told).toEqual(wal.boundaries)
		const reached = batches.map(batch => batch.uptoLsn)
		expect(reached).toEqual(reached.toSorted((a, b) => (a < b ? -1 : 1)))
		expect(batches.at(-1)).toMatchObject({segmentsRead: segments.length, segmentCount: segments.length})
	})

	test('leaves out what stands before the place where replay begins', async () => {
		const startLsn = lsn('0/800028')
		const {wal} = await collect({world: {wal: printing(waldumpText(fixture), 4096, complete)}, chain, startLsn})
		expect(wal).toEqual(expected(startLsn))
		expect(wal.boundaries[0]).toMatchObject({kind: 'restore-point', ordinal: 0})
		expect(wal.facts.backupEnds).toEqual([])
	})

	test('ends at a record that cannot be read, says where, and keeps what stands before it', async () => {
		const stderr =
			'pg_waldump: error: error in WAL record at 0/805190: incorrect resource manager data checksum in record at 0/8051C0\n'
		const text = waldumpText(fixture)
			.split('\n')
			.filter(line => !/lsn: 0\/00(8051C|8[1-9A-F]|[9A-F])/.test(line))
			.join('\n')
		const {wal, findings, warnings} = await collect({world: {wal: printing(text, 4096, {exitCode: 1, stderr})}, chain})
		expect(wal.boundaries.length).toBeGreaterThan(10)
		expect(findings).toMatchObject([
			{code: 'segment-unreadable', severity: 'error', segment: '000000010000000000000008'},
		])
		expect(warnings[0]).toContain('at 0/8051C0 in segment 000000010000000000000008')
		expect(findings[0]?.whatToDo.join()).toContain('pg_wal')
	})

	test('takes the natural end for one in the last segment only', async () => {
		const last =
			'pg_waldump: error: error in WAL record at 0/D000A0: invalid record length at 0/D00120: wanted 24, got 0\n'
		const world = (stderr: string) => ({wal: printing(waldumpText(fixture), 4096, {exitCode: 1, stderr})})
		expect((await collect({world: world(last), chain})).findings).toEqual([])
		expect((await collect({world: world(last), chain, isEndOfArchive: false})).findings).toHaveLength(1)
		const gap = {firstMissing: '00000001000000000000000E', missingCount: 1, lastReachableLsn: lsn('0/E00000')}
		expect((await collect({world: world(last), chain: {segments, gap}})).findings).toHaveLength(1)
		expect((await collect({world: world(last.replaceAll('0/D', '0/B')), chain})).findings).toHaveLength(1)
	})

	test('fails when nothing could be read, with what pg_waldump said', async () => {
		const stderr = 'pg_waldump: error: could not find a valid record after 0/600000\n'
		const error = await collect({world: {wal: printing('', 1, {exitCode: 1, stderr})}, chain}).catch(
			(reason: unknown) => reason,
		)
		if (!(error instanceof WaldumpFailedError)) throw error
		expect(error.message).toContain('could not find a valid record after 0/600000')
		expect(error.message).toContain('000000010000000000000006')
	})

	test('of no segment fails', async () => {
		await expect(
			collect({world: {wal: printing('', 1, complete)}, chain: {segments: [], gap: undefined}}),
		).rejects.toThrow(WaldumpFailedError)
	})
})

const installed = await waldumpForFixtures()

describe.skipIf(installed === undefined)('decoding the archive of a fixture with the real pg_waldump', () => {
	const major = installed?.major ?? 15
	let root: string
	let packed: readonly ArchivedSegment[]
	const folder = fixturePath(major, 'archive')

	beforeEach(() => {
		root = realpathSync(mkdtempSync(join(tmpdir(), 'lastgood-test-')))
		packed = archivedSegments(folder)
	})
	afterEach(() => rmSync(root, {recursive: true, force: true}))

	const decodeFrom = (from: string, given: readonly ArchivedSegment[], signal?: AbortSignal) => {
		if (installed === undefined) throw new Error('not installed')
		return collect({
			world: {wal: testReader(installed.installation, {batchBytes: fixtureSegmentBytes, temporaryDirectory: root})},
			store: createLocalStore(from),
			cluster: {postgresMajor: major, walSegmentBytes: fixtureSegmentBytes},
			chain: {segments: given, gap: undefined},
			...(signal === undefined ? {} : {signal}),
		})
	}

	test('gives the same of packed and of plain segments', async () => {
		const plain = join(root, 'plain')
		mkdirSync(plain)
		for (const {name, key} of packed) writeFileSync(join(plain, name), gunzipSync(readFileSync(join(folder, key))))
		const [fromPacked, fromPlain] = [await decodeFrom(folder, packed), await decodeFrom(plain, archivedSegments(plain))]
		expect(fromPacked.wal).toEqual(fromPlain.wal)
		expect(fromPacked.wal.recordCount).toBe(parsed(waldumpText(major)).length)
		expect(fromPacked.findings).toEqual([])
	})

	test('stops when it is aborted and leaves nothing behind', async () => {
		const abort = new AbortController()
		const reason = new Error('the operator left')
		const decoding = decodeFrom(folder, packed, abort.signal)
		abort.abort(reason)
		await expect(decoding).rejects.toBe(reason)
		expect(readdirSync(root)).toEqual([])
	})
})
