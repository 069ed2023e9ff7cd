import {mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {gunzipSync} from 'node:zlib'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {segmentsOnPath} from '../../src/domain/archive/chain.ts'
import type {ArchivedSegment} from '../../src/domain/archive/survey.ts'
import type {ListedRecord, RecordsPage, SegmentTimes} from '../../src/domain/archive/walk.ts'
import {addMs, formatInstant, parseWaldumpTime, type UtcInstant} from '../../src/domain/time.ts'
import {advanceLsn, formatLsn, type Lsn, lsnAt} from '../../src/domain/wal/lsn.ts'
import type {WalRecord} from '../../src/domain/wal/record.ts'
import {everyRecord, matchesRecord, parseRecordFilter, type RecordFilter} from '../../src/domain/wal/record-filter.ts'
import {segmentNumberOf, segmentStartLsn} from '../../src/domain/wal/segment.ts'
import {firstHistory} from '../../src/domain/wal/timeline.ts'
import {type BrowseAccess, findRecord, findTime, readRecords, readSegmentTimes} from '../../src/operations/browse.ts'
import {surveyArchive} from '../../src/operations/survey.ts'
import {localWorld, type SurveyWorld} from '../support/survey-world.ts'
import {fixturePath, fixtureSegmentBytes, parsed, waldumpText} from '../support/waldump-fixtures.ts'

const fixture = 15
const isInstalled = (await localWorld().wal.installedMajors()).includes(fixture)
if (!isInstalled)
	process.stderr.write(`skipped: no pg_waldump ${fixture} is installed to read test/fixtures/pg${fixture}\n`)

/** The archive of test/fixtures, unpacked. */
const plain = mkdtempSync(join(tmpdir(), 'lastgood-browse-'))
const truth = parsed(waldumpText(fixture))
const commits = truth.flatMap(record => {
	const at = parseWaldumpTime(record.description.replace(/^\d+: /, ''))
	return /^(COMMIT|ABORT)(_PREPARED)?$/.test(record.type) && at !== undefined ? [{record, at}] : []
})

/** An archive to browse, with the segments that each pg_waldump was given to read. */
interface Counted {
	readonly access: BrowseAccess
	dumped: string[][]
	/** How many readings hold a program and a folder right now. */
	running: () => number
}

async function open(location: string): Promise<Counted> {
	const world = localWorld()
	const dumped: string[][] = []
	let running = 0
	const wal: SurveyWorld['wal'] = {
		...world.wal,
		dump: async request => {
			dumped.push(request.segments.map(({name}) => name))
			const run = await world.wal.dump(request)
			running++
			const ended = () => {
				running--
			}
			run.ended.then(ended, ended)
			return run
		},
	}
	const opened = await surveyArchive(world, {location})
	return {access: {world: {...world, wal}, opened}, dumped, running: () => running}
}

function unpack(into: string): void {
	const archive = fixturePath(fixture, 'archive')
	for (const name of readdirSync(archive).filter(file => !file.includes('backup')))
		writeFileSync(join(into, name.replace('.gz', '')), gunzipSync(readFileSync(join(archive, name))))
}

const filter = (text: string): RecordFilter => {
	const reading = parseRecordFilter(text)
	if (!reading.ok) throw new Error(reading.problem)
	return reading.filter
}

/** All records of a segment, page by page. */
async function allOf(
	{access}: Counted,
	segment: ArchivedSegment,
	wanted = everyRecord,
): Promise<readonly ListedRecord[]> {
	const all: ListedRecord[] = []
	let around = segmentStartLsn(segment.number, fixtureSegmentBytes)
	for (;;) {
		const page = await readRecords(access, {segment, around, filter: wanted})
		const fresh = page.records.filter(({lsn}) => lsn >= around)
		all.push(...fresh)
		const last = page.records.at(-1)
		if (!page.hasAfter || last === undefined) return all
		around = advanceLsn(last.lsn, 1)
	}
}

function bare({endLsn: _, cutCharacters: __, ...record}: ListedRecord): WalRecord {
	return record
}

const segmentOf = ({lsn}: WalRecord) => segmentNumberOf(lsn, fixtureSegmentBytes)

describe.runIf(isInstalled)('browsing the archive of a real server', () => {
	let packed: Counted
	let unpacked: Counted

	beforeAll(async () => {
		unpack(plain)
		packed = await open(fixturePath(fixture, 'archive'))
		unpacked = await open(plain)
	})

	afterAll(() => {
		rmSync(plain, {recursive: true, force: true})
	})

	const both = () => [packed, unpacked] as const

	test('ends every reading, also those that have seen enough', async () => {
		const [first] = commits
		if (first === undefined) throw new Error('the fixture holds no commit')
		for (const archive of both()) {
			await findTime(archive.access, {way: archive.access.opened.survey.segments, at: first.at})
			expect(archive.running()).toBe(0)
		}
	})
	const segmentAt = ({access}: Counted, number: bigint) =>
		access.opened.survey.segments.find(segment => segment.number === number) ?? expect.fail(`no segment ${number}`)

	test('shows each record once, whole, in the segment in which it begins: also those that cross', async () => {
		for (const archive of both()) {
			const all: ListedRecord[] = []
			for (const segment of archive.access.opened.survey.segments) {
				const own = await allOf(archive, segment)
				expect(own.every(record => segmentOf(record) === segment.number)).toBe(true)
				all.push(...own)
			}
			expect(all.map(bare)).toEqual(truth)
			const crossing = all.filter(record => segmentNumberOf(record.endLsn, fixtureSegmentBytes) > segmentOf(record))
			expect(crossing.filter(({type}) => type !== 'SWITCH').length).toBeGreaterThan(0)
		}
	})

	test('reads a page around any place, the same whether it is reached from the start or not', async () => {
		const inEight = truth.filter(record => segmentOf(record) === 8n)
		for (const place of [0, 1, 900, 1500, inEight.length - 1]) {
			const around = inEight[place]?.lsn ?? expect.fail('no record')
			for (const archive of both()) {
				const page = await readRecords(archive.access, {segment: segmentAt(archive, 8n), around, filter: everyRecord})
				expect(page.records.map(bare)).toEqual(inEight.slice(Math.max(0, place - 1000), place + 2000))
				expect(page.hasBefore).toBe(place > 1000)
				expect(page.hasAfter).toBe(place + 2000 < inEight.length)
			}
		}
	})

	test('filters as it reads', async () => {
		for (const text of ['rmgr:Transaction', 'rel:16406', 'xid:738 rmgr:heap2', 'settle-42']) {
			const wanted = filter(text)
			const found = await allOf(unpacked, segmentAt(unpacked, 8n), wanted)
			expect(found.map(bare)).toEqual(truth.filter(record => segmentOf(record) === 8n && matchesRecord(wanted, record)))
			expect(found.length).toBeGreaterThan(0)
		}
	})

	test('finds forwards and backwards over segments, and says when there is nothing', async () => {
		const wanted = [filter('type:SWITCH')]
		const switches = truth.filter(({type}) => type === 'SWITCH')
		const start = segmentAt(unpacked, 6n)
		const forwards: Lsn[] = []
		let from = {segment: start, lsn: segmentStartLsn(6n as never, fixtureSegmentBytes)}
		for (;;) {
			const {found} = await findRecord(unpacked.access, {
				segment: from.segment,
				fromLsn: from.lsn,
				direction: 1,
				filters: wanted,
			})
			if (found === undefined) break
			forwards.push(found.lsn)
			from = found
		}
		expect(forwards).toEqual(switches.map(({lsn}) => lsn))
		const backwards = await findRecord(unpacked.access, {
			segment: from.segment,
			fromLsn: from.lsn,
			direction: -1,
			filters: wanted,
		})
		expect(backwards.found?.lsn).toBe(switches.at(-2)?.lsn)
	})

	test('finds the first commit at or after any time, as WAL order has it', async () => {
		const way = segmentsOnPath(unpacked.access.opened.survey, firstHistory)
		const inWalOrder = (at: UtcInstant) => commits.find(commit => commit.at >= at)
		for (const {at} of commits.filter((_, index) => index % 7 === 0)) {
			for (const wanted of [at, addMs(at, 0.001)]) {
				const found = await findTime(unpacked.access, {way, at: wanted})
				const expected = inWalOrder(wanted)
				if (expected !== undefined) expect(formatLsn(found?.lsn ?? lsnAt(0n))).toBe(formatLsn(expected.record.lsn))
			}
		}
		const beyond = await findTime(unpacked.access, {way, at: addMs(commits.at(-1)?.at ?? expect.fail('none'), 1000)})
		expect(beyond).toMatchObject({lsn: commits.at(-1)?.record.lsn, isReached: false})
		const before = await findTime(unpacked.access, {way, at: addMs(commits[0]?.at ?? expect.fail('none'), -1000)})
		expect(before).toMatchObject({lsn: commits[0]?.record.lsn, isReached: true})
	})

	test('tells the commit times of segments, and which of them hold none', async () => {
		const told: SegmentTimes[] = []
		const {segments} = unpacked.access.opened.survey
		await readSegmentTimes(unpacked.access, segments, times => told.push(times))
		const expected = segments.map(segment => {
			const own = commits.filter(({record}) => segmentOf(record) === segment.number && record.type.startsWith('COMMIT'))
			return {
				segment: segment.name,
				firstAt: own[0]?.at,
				lastAt: own.at(-1)?.at,
				commitCount: own.length,
				isWhole: true,
			}
		})
		expect(told).toEqual(expected)
		expect(told.filter(({commitCount}) => commitCount === 0).length).toBeGreaterThan(0)
	})

	test('gives pg_waldump a second segment only where a record goes on into it', async () => {
		const archive = await open(plain)
		const names = async (number: bigint) => {
			archive.dumped.length = 0
			const segment = segmentAt(archive, number)
			await readRecords(archive.access, {
				segment,
				around: segmentStartLsn(segment.number, fixtureSegmentBytes),
				filter: everyRecord,
			})
			return archive.dumped.flat().map(name => name.slice(-2))
		}
		// 06 ends with a switch.
		expect(await names(6n)).toEqual(['06'])
		expect(await names(8n)).toEqual(['08', '09'])
	})

	test('stops at the signal', async () => {
		const stopping = AbortSignal.abort(new Error('enough'))
		const segment = segmentAt(unpacked, 8n)
		await expect(
			readRecords(
				unpacked.access,
				{segment, around: segmentStartLsn(8n as never, fixtureSegmentBytes), filter: everyRecord},
				{signal: stopping},
			),
		).rejects.toThrow('enough')
	})

	test('leaves the archive as it was', async () => {
		const look = () =>
			readdirSync(plain).map(name => [name, statSync(join(plain, name)).size, statSync(join(plain, name)).mtimeMs])
		const before = look()
		const archive = await open(plain)
		await allOf(archive, segmentAt(archive, 8n))
		await findTime(archive.access, {
			way: archive.access.opened.survey.segments,
			at: commits[3]?.at ?? expect.fail('none'),
		})
		expect(look()).toEqual(before)
	})
})

describe.runIf(isInstalled)('where the WAL is damaged', () => {
	const folders: string[] = []
	const damaged = async (damage: (folder: string) => void): Promise<Counted> => {
		const folder = mkdtempSync(join(tmpdir(), 'lastgood-browse-'))
		folders.push(folder)
		unpack(folder)
		damage(folder)
		return open(folder)
	}
	const pageOf = async ({access}: Counted, number: bigint): Promise<RecordsPage> => {
		const segment = access.opened.survey.segments.find(one => one.number === number) ?? expect.fail('no segment')
		return readRecords(access, {
			segment,
			around: segmentStartLsn(segment.number, fixtureSegmentBytes),
			filter: filter('xid:0'),
		})
	}

	afterAll(() => {
		for (const folder of folders) rmSync(folder, {recursive: true, force: true})
	})

	test('a record that goes on in a segment which is not there is named', async () => {
		const archive = await damaged(folder => rmSync(join(folder, '000000010000000000000009')))
		const {ending} = await pageOf(archive, 8n)
		const last = truth.findLast(record => segmentOf(record) === 8n) ?? expect.fail('no record')
		expect(ending).toBe(
			`the record at ${formatLsn(last.lsn)} goes on in 000000010000000000000009, which is not in the archive`,
		)
	})

	test('what was read before the damage is shown, with what stands in the way of more', async () => {
		const zeroed = truth.find(record => segmentOf(record) === 8n && record.lsn % 0x10_0000n > 0x8_0000n)
		const archive = await damaged(folder => {
			const path = join(folder, '000000010000000000000008')
			const bytes = readFileSync(path)
			bytes.fill(0xab, 0x8_0000, 0x8_4000)
			writeFileSync(path, bytes)
		})
		const segment = archive.access.opened.survey.segments.find(one => one.number === 8n) ?? expect.fail('no segment')
		const page = await readRecords(archive.access, {
			segment,
			around: segmentStartLsn(segment.number, fixtureSegmentBytes),
			filter: filter('rmgr:Transaction'),
		})
		expect(page.ending).toMatch(/^pg_waldump cannot read a record at 0\/8[0-9A-F]{5}/)
		expect(page.records.length).toBeGreaterThan(0)
		expect(page.records.every(({lsn}) => zeroed === undefined || lsn < zeroed.lsn)).toBe(true)
		const told: SegmentTimes[] = []
		await readSegmentTimes(archive.access, [segment], times => told.push(times))
		expect(told.map(({isWhole}) => isWhole)).toEqual([false])
		const {found, unreadable} = await findRecord(archive.access, {
			segment,
			fromLsn: page.records[0]?.lsn ?? lsnAt(0n),
			direction: 1,
			filters: [filter('nothing-like-it')],
		})
		expect(found).toBeUndefined()
		expect(unreadable).toEqual(['000000010000000000000008'])
	})

	test('a segment that was truncated after the survey is told of, not thrown', async () => {
		const archive = await damaged(() => {})
		const location = archive.access.opened.survey.location
		truncateSync(join(location, '00000001000000000000000C'), 300_000)
		const {ending} = await pageOf(archive, 12n)
		expect(ending).toContain('pg_waldump')
	})

	test('a time is found across what cannot be read', async () => {
		const archive = await damaged(folder => {
			const path = join(folder, '000000010000000000000008')
			const bytes = readFileSync(path)
			bytes.fill(0xab, 0x2000)
			writeFileSync(path, bytes)
		})
		const wanted = commits.find(({record}) => segmentOf(record) > 8n) ?? expect.fail('none')
		const found = await findTime(archive.access, {way: archive.access.opened.survey.segments, at: wanted.at})
		expect(formatInstant(found?.at ?? wanted.at)).toBe(formatInstant(wanted.at))
		expect(found?.lsn).toBe(wanted.record.lsn)
	})
})
