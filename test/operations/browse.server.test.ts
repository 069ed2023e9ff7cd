import {appendFile, readdir, stat, writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import {text} from 'node:stream/consumers'
import {setTimeout as sleep} from 'node:timers/promises'
import type pg from 'pg'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {programPath} from '../../src/adapters/postgres/programs.ts'
import {run, stream} from '../../src/adapters/process.ts'
import {archiveEverything, connect, startServer} from '../../src/demo/cluster.ts'
import {segmentsOnPath} from '../../src/domain/archive/chain.ts'
import type {ArchivedSegment} from '../../src/domain/archive/survey.ts'
import type {ListedRecord} from '../../src/domain/archive/walk.ts'
import {formatLsn, parseLsn} from '../../src/domain/wal/lsn.ts'
import {everyRecord, parseRecordFilter} from '../../src/domain/wal/record-filter.ts'
import {
	segmentFileName,
	segmentNumberAt,
	segmentNumberEndingAt,
	segmentNumberOf,
	segmentStartLsn,
} from '../../src/domain/wal/segment.ts'
import {nextRecordLsn} from '../../src/domain/wal/succession.ts'
import {firstTimeline} from '../../src/domain/wal/timeline.ts'
import {type BrowseAccess, findRecord, findTime, readRecords} from '../../src/operations/browse.ts'
import {surveyArchive} from '../../src/operations/survey.ts'
import {type ServerTestFolder, serverTestFolder} from '../support/postgres.ts'
import {type RestorableCluster, restorableCluster, segmentBytes} from '../support/restorable.ts'
import {localWorld} from '../support/survey-world.ts'
import {parsed} from '../support/waldump-fixtures.ts'

/** A server that wrote some segments, was recovered in the middle of one, and went on on timeline 2. */
describe('browsing the archive of a server that was recovered once', () => {
	let folder: ServerTestFolder
	let source: RestorableCluster
	let access: BrowseAccess
	/** The last commit of timeline 2, as the server said. */
	let last: {readonly xid: number; readonly before: string}

	beforeAll(async () => {
		folder = await serverTestFolder()
		source = await restorableCluster(folder)
		const {cluster, primary, archive} = source
		await fill(primary)
		const {rows: ends} = await primary.query<{lsn: string}>('select pg_current_wal_lsn() as lsn')
		const current = segmentNumberOf(parseLsn(ends[0]?.lsn ?? '') ?? expect.fail('no LSN'), segmentBytes)
		const before = segmentFileName({timeline: firstTimeline, number: segmentNumberAt(current - 1n)}, segmentBytes)
		while (!(await source.segments()).includes(before)) await sleep(50)
		await primary.end()
		// A fast shutdown would end the segment first.
		const stop = ['stop', '--mode=immediate', '-D', cluster.dataDirectory]
		await run(join(cluster.installation.directory, 'pg_ctl'), stop, {asUser: cluster.serverUser})
		await appendFile(
			join(cluster.dataDirectory, 'postgresql.conf'),
			`restore_command = 'cp ${archive}/%f %p'\nrecovery_target_timeline = 'current'\n`,
		)
		await writeFile(join(cluster.dataDirectory, 'recovery.signal'), '', {mode: 0o644})
		await startServer(cluster, undefined)
		const recovered = await connect(cluster, 'postgres', 'test')
		while (await inRecovery(recovered)) await sleep(50)
		await fill(recovered)
		const {rows} = await recovered.query<{xid: string; before: string}>(
			"insert into ledger (note) values ('last') returning txid_current() % 4294967296 as xid, pg_current_wal_insert_lsn() as before",
		)
		last = {xid: Number(rows[0]?.xid), before: rows[0]?.before ?? ''}
		await archiveEverything(recovered, archive, undefined)
		await recovered.end()
		const world = localWorld()
		access = {world, opened: await surveyArchive(world, {archive, backups: [source.backup]})}
	})

	afterAll(() => folder?.remove())

	/** Some megabytes of WAL in transactions of many sizes, then records so large that one crosses into the last segment. */
	async function fill(client: pg.Client): Promise<void> {
		for (let index = 0; index < 40; index++) {
			await client.query("insert into ledger (note) select repeat('n', $1) from generate_series(1, 200)", [
				100 + ((index * 37) % 600),
			])
		}
		await client.query("select pg_logical_emit_message(true, 'large', repeat('m', 100000)) from generate_series(1, 25)")
	}

	async function inRecovery(client: pg.Client): Promise<boolean> {
		const {rows} = await client.query<{answer: boolean}>('select pg_is_in_recovery() as answer')
		return rows[0]?.answer === true
	}

	async function all(segment: ArchivedSegment): Promise<readonly ListedRecord[]> {
		const records: ListedRecord[] = []
		let around = segmentStartLsn(segment.number, segmentBytes)
		for (;;) {
			const page = await readRecords(access, {segment, around, filter: everyRecord})
			records.push(...page.records.filter(({lsn}) => lsn >= around))
			if (!page.hasAfter) return records
			around = records.at(-1)?.endLsn ?? around
		}
	}

	function ownSegments(timeline: number): readonly ArchivedSegment[] {
		return access.opened.survey.segments.filter(segment => segment.timeline === timeline)
	}

	test.each([1, 2])('timeline %d has the records that pg_waldump prints of all of its segments', async timeline => {
		const segments = ownSegments(timeline)
		expect(segments.length).toBeGreaterThan(2)
		const {stdout, finished} = stream(programPath(source.cluster.installation, 'pg_waldump'), [
			...['-p', source.archive],
			...[segments[0]?.name ?? '', segments.at(-1)?.name ?? ''],
		])
		const printed = await text(stdout)
		await finished
		const truth = parsed(printed, {walSegmentBytes: segmentBytes}).map(({lsn, description}) => [
			formatLsn(lsn),
			description.slice(0, 4000),
		])
		const walked: (readonly [string, string])[] = []
		for (const segment of segments)
			for (const {lsn, description} of await all(segment)) walked.push([formatLsn(lsn), description])
		expect(walked.slice(0, truth.length)).toEqual(truth)
		// pg_waldump alone cannot show a record that goes on in the fork segment, which is another timeline's.
		expect(walked.length - truth.length).toBeLessThanOrEqual(timeline === 1 ? 1 : 0)
	})

	test('what crosses from the last segment of a timeline into the fork segment is whole', async () => {
		const parent = ownSegments(1).at(-1) ?? expect.fail('no segment')
		const fork = ownSegments(2)[0] ?? expect.fail('no segment')
		expect(fork.number).toBe(parent.number + 1n)
		const crossing = (await all(parent)).at(-1) ?? expect.fail('no record')
		const [next] = await all(fork)
		expect(formatLsn(nextRecordLsn(crossing, segmentBytes))).toBe(formatLsn(next?.lsn ?? crossing.lsn))
		expect(segmentNumberEndingAt(crossing.endLsn, segmentBytes)).toBe(fork.number)
		expect(crossing).toMatchObject({rmgr: 'LogicalMessage', type: 'MESSAGE'})
		expect(crossing.description).toHaveLength(4000)
		expect(crossing.cutCharacters).toBeGreaterThan(290_000)
	})

	test('a commit is found by its xid from far away, and by its time over the fork', async () => {
		const {survey} = access.opened
		const reading = parseRecordFilter(`xid:${last.xid} type:COMMIT`)
		if (!reading.ok) throw new Error(reading.problem)
		const first = ownSegments(2)[0] ?? expect.fail('no segment')
		const {found} = await findRecord(access, {
			segment: first,
			fromLsn: segmentStartLsn(first.number, segmentBytes),
			direction: 1,
			filters: [reading.filter],
		})
		const commit = (await all(found?.segment ?? first)).find(({lsn}) => lsn === found?.lsn)
		expect(commit).toMatchObject({rmgr: 'Transaction', type: 'COMMIT', xid: last.xid})
		const history = survey.timelines.find(summary => summary.history.timeline === 2)?.history
		const way = segmentsOnPath(survey, history ?? expect.fail('no timeline 2'))
		expect(way.map(({timeline}) => timeline)).toContain(1)
		const instants = new Map<number, string>()
		for (const segment of way) {
			const commits = (await all(segment)).filter(({rmgr, type}) => rmgr === 'Transaction' && type === 'COMMIT')
			for (const record of commits) instants.set(record.xid, record.description.slice(0, 26))
			const [middle] = commits.slice(Math.floor(commits.length / 2))
			if (middle === undefined) continue
			const at = BigInt(Date.parse(`${middle.description.slice(0, 19).replace(' ', 'T')}Z`)) * 1000n
			const micros = BigInt(middle.description.slice(20, 26))
			const hit = await findTime(access, {way, at: (at + micros) as never})
			expect(formatLsn(hit?.lsn ?? middle.lsn)).toBe(formatLsn(middle.lsn))
			expect(hit?.segment.number).toBe(segmentNumberOf(middle.lsn, segmentBytes))
		}
		expect(instants.size).toBeGreaterThan(80)
	})

	test('leaves nothing behind', async () => {
		const names = await readdir(source.archive)
		const times = await Promise.all(names.map(async name => (await stat(join(source.archive, name))).mtimeMs))
		for (const segment of ownSegments(1)) await all(segment)
		expect(await readdir(source.archive)).toEqual(names)
		expect(await Promise.all(names.map(async name => (await stat(join(source.archive, name))).mtimeMs))).toEqual(times)
	})
})
