import {appendFile, cp, mkdir, readdir, readFile, rm, writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import {gzipSync} from 'node:zlib'
import type pg from 'pg'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {programPath} from '../../src/adapters/postgres/programs.ts'
import {run} from '../../src/adapters/process.ts'
import {createLocalStore} from '../../src/adapters/store/local.ts'
import {archiveEverything, connect, type DemoCluster, startServer} from '../../src/demo/cluster.ts'
import {parseBackupLabel} from '../../src/domain/archive/backup.ts'
import {chainFrom} from '../../src/domain/archive/chain.ts'
import type {ArchivedSegment, WalChain} from '../../src/domain/archive/survey.ts'
import {formatLsn, type Lsn} from '../../src/domain/wal/lsn.ts'
import type {DecodedWal, TransactionBoundary} from '../../src/domain/wal/record.ts'
import {historyFileName, parseTimelineHistory, type TimelineHistory, timelineId} from '../../src/domain/wal/timeline.ts'
import {decodeChain} from '../../src/operations/decode.ts'
import {archivedSegments, testReader} from '../support/archived-segments.ts'
import {type ServerTestFolder, serverTestFolder, testInstallation} from '../support/postgres.ts'
import {makeFor, type RestorableCluster, restorableCluster, segmentBytes} from '../support/restorable.ts'
import {parsed} from '../support/waldump-fixtures.ts'

let folder: ServerTestFolder
let source: RestorableCluster
const servers: pg.Client[] = []

/** A restore of the base backup to a place on a timeline, promoted there, archiving into the same archive. */
async function promoted(
	name: string,
	target: string,
	timeline: number,
): Promise<{readonly cluster: DemoCluster; readonly client: pg.Client}> {
	const at = (part: string): string => join(folder.path, `${name}-${part}`)
	await cp(source.backup, at('data'), {recursive: true, preserveTimestamps: true})
	await makeFor(folder.serverUser, at('data'))
	await makeFor(folder.serverUser, at('s'))
	await writeFile(join(at('data'), 'recovery.signal'), '')
	await appendFile(
		join(at('data'), 'postgresql.conf'),
		[
			`unix_socket_directories = '${at('s')}'`,
			`restore_command = 'cp ${source.archive}/%f %p'`,
			`recovery_target_lsn = '${target}'`,
			`recovery_target_timeline = '${timeline}'`,
			"recovery_target_action = 'promote'",
			'',
		].join('\n'),
	)
	if (process.getuid?.() === 0) await run('chown', ['-R', folder.serverUser.name, at('data')])
	const cluster: DemoCluster = {
		...source.cluster,
		dataDirectory: at('data'),
		socketDirectory: at('s'),
		serverLog: at('log'),
	}
	await startServer(cluster, undefined)
	const client = await connect(cluster, 'postgres', 'test')
	servers.push(client)
	for (let tries = 0; tries < 600; tries++) {
		const {rows} = await client.query<{recovering: boolean}>('select pg_is_in_recovery() as recovering')
		if (rows[0]?.recovering === false) return {cluster, client}
		await new Promise(resolve => setTimeout(resolve, 50))
	}
	throw new Error('not promoted')
}

function newest(): pg.Client {
	const client = servers.at(-1)
	if (client === undefined) throw new Error('no server')
	return client
}

async function inserted(client: pg.Client, note: string): Promise<void> {
	await client.query('insert into ledger (note) values ($1)', [note])
}

async function historyOf(timeline: number): Promise<TimelineHistory> {
	const id = timelineId(timeline)
	if (id === undefined) throw new Error('no timeline')
	const reading = parseTimelineHistory(id, await readFile(join(source.archive, historyFileName(id)), 'utf8'))
	if (!reading.ok) throw new Error(reading.problem)
	return reading.history
}

async function decodeAll(
	chain: Pick<WalChain, 'segments' | 'gap'>,
	location: string,
	batchBytes?: number,
): Promise<DecodedWal> {
	const installation = await testInstallation()
	const decoding = decodeChain({
		world: {wal: testReader(installation, batchBytes === undefined ? {} : {batchBytes})},
		store: createLocalStore(location),
		cluster: {postgresMajor: installation.major, walSegmentBytes: segmentBytes},
		chain,
	})
	for (;;) {
		const step = await decoding.next()
		if (step.done !== true) continue
		expect(step.value.findings).toEqual([])
		return step.value.wal
	}
}

/** The same segments packed with gzip in a folder of their own. */
async function packed(segments: readonly ArchivedSegment[], to: string): Promise<readonly ArchivedSegment[]> {
	await rm(to, {recursive: true, force: true})
	await mkdir(to)
	for (const {key} of segments)
		await writeFile(join(to, `${key}.gz`), gzipSync(await readFile(join(source.archive, key))))
	return segments.map(segment => ({...segment, key: `${segment.key}.gz`, codec: 'gzip' as const}))
}

/** What pg_waldump itself prints of one timeline of the archive. */
async function dumped(timeline: number, first: string, last: string) {
	const installation = await testInstallation()
	const prefix = timeline.toString(16).toUpperCase().padStart(8, '0')
	const {stdout} = await run(programPath(installation, 'pg_waldump'), [
		'-p',
		source.archive,
		`${prefix}${first.slice(8)}`,
		`${prefix}${last.slice(8)}`,
	])
	return parsed(stdout, {walSegmentBytes: segmentBytes})
}

const ends = (wal: DecodedWal): readonly TransactionBoundary[] =>
	wal.boundaries.filter((boundary): boundary is TransactionBoundary => 'work' in boundary)
const rowsOf = (wal: DecodedWal) =>
	ends(wal).map(({lsn, kind, xid, work}) => [formatLsn(lsn), kind, xid, work.rows] as const)

beforeAll(async () => {
	folder = await serverTestFolder()
	source = await restorableCluster(folder)
})
afterAll(async () => {
	for (const client of [source?.primary, ...servers]) await client?.end().catch(() => {})
	await folder?.remove()
})

describe('an archive with three timelines', () => {
	let history: TimelineHistory
	let chain: WalChain
	let startLsn: Lsn
	const forks: Lsn[] = []

	beforeAll(async () => {
		const {primary, cluster, archive} = source
		await primary.query('create table big (id int, note text)')
		await inserted(primary, 'on 1')
		await primary.query("insert into big select g, repeat('x', 500) from generate_series(1, 4000) g")
		// Open across the fork: the promotion ends it without a record.
		const trader = await connect(cluster, 'postgres', 'test')
		servers.push(trader)
		await trader.query('begin')
		await inserted(trader, 'in flight at the fork')
		const first = await source.commit('the last on 1')
		await inserted(primary, 'lost with 1')
		await trader.query('commit')
		await source.archiveAll()

		const second = await promoted('second', formatLsn(first.lsn), 1)
		await inserted(second.client, 'on 2')
		const {rows} = await second.client.query<{lsn: string}>('select pg_current_wal_lsn() as lsn')
		await inserted(second.client, 'lost with 2')
		await archiveEverything(second.client, archive, undefined)

		const third = await promoted('third', rows[0]?.lsn ?? '', 2)
		await inserted(third.client, 'on 3')
		await third.client.query("insert into big select g, repeat('y', 500) from generate_series(1, 4000) g")
		await archiveEverything(third.client, archive, undefined)

		history = await historyOf(3)
		forks.push(...history.switches.map(({switchLsn}) => switchLsn))
		const segments = archivedSegments(archive).toSorted(
			(a, b) => a.timeline - b.timeline || (a.number < b.number ? -1 : 1),
		)
		const label = parseBackupLabel(await readFile(join(source.backup, 'backup_label'), 'utf8'))
		if (label === undefined) throw new Error('no label')
		startLsn = label.startLsn
		chain = chainFrom({segments, cluster: {walSegmentBytes: segmentBytes}}, history, startLsn)
	})

	test('is read in one run, every record of its way once, as pg_waldump prints each timeline by itself', async () => {
		expect(history.switches.map(({parent}) => parent)).toEqual([1, 2])
		expect(new Set(chain.segments.map(({timeline}) => timeline)).size).toBeGreaterThan(1)
		const [first, last] = [chain.segments[0]?.name ?? '', chain.segments.at(-1)?.name ?? '']
		const names = (await readdir(source.archive)).sort()
		const parts = []
		for (const [index, timeline] of [1, 2, 3].entries()) {
			const own = names.filter(
				name =>
					/^[0-9A-F]{24}$/.test(name) &&
					Number.parseInt(name.slice(0, 8), 16) === timeline &&
					name.slice(8) >= first.slice(8) &&
					name.slice(8) <= last.slice(8),
			)
			const [from, to] = [forks[index - 1] ?? 0n, forks[index] ?? 0xffff_ffff_ffff_ffffn]
			const records = await dumped(timeline, own[0] ?? '', own.at(-1) ?? '')
			parts.push(...records.filter(record => record.lsn >= from && record.lsn < to))
		}
		const wal = await decodeAll(chain, source.archive)
		expect(wal.recordCount).toBe(parts.length)
		const commits = parts.filter(({rmgr, type}) => rmgr === 'Transaction' && (type === 'COMMIT' || type === 'ABORT'))
		expect(ends(wal).map(({lsn}) => lsn)).toEqual(commits.map(({lsn}) => lsn))
		expect(wal.boundaries.map(({ordinal}) => ordinal)).toEqual(wal.boundaries.map((_, index) => index))
	})

	test('keeps what each timeline kept and nothing that was lost with its parent', async () => {
		const wal = await decodeAll(chain, source.archive)
		const {rows: kept} = await newest().query<{note: string}>(
			"select note from ledger where note <> 'before the backup' order by note",
		)
		expect(kept.map(({note}) => note)).toEqual(['on 1', 'on 2', 'on 3', 'the last on 1'])
		const {rows} = await newest().query<{filenode: string}>("select pg_relation_filenode('ledger') as filenode")
		const counted = ends(wal)
			.filter(({kind, lsn}) => kind === 'commit' && lsn >= startLsn)
			.flatMap(({work}) => work.rows)
			.filter(({relation}) => relation.endsWith(`/${rows[0]?.filenode}`))
		expect(counted.map(({inserted: count}) => count)).toEqual([1, 1, 1, 1])
	})

	test('has nothing open that a promotion ended', async () => {
		expect((await decodeAll(chain, source.archive)).open).toEqual([])
	})

	test('is the same packed and read one segment at a time', async () => {
		const plain = await decodeAll(chain, source.archive)
		const at = join(folder.path, 'packed-fork')
		const segments = await packed(chain.segments, at)
		expect(await decodeAll({segments, gap: undefined}, at, segmentBytes)).toEqual(plain)
	})
})

describe('a record longer than a segment', () => {
	test('is read whole, packed and read one segment at a time', async () => {
		const {primary, archive} = source
		const from = (await source.segments()).filter(name => name.startsWith('00000001')).at(-1) ?? ''
		await inserted(primary, 'before the long one')
		await primary.query("select pg_logical_emit_message(true, 'audit', repeat('long', 900000))")
		await inserted(primary, 'after the long one')
		await source.archiveAll()
		const segments = archivedSegments(archive).filter(({timeline, name}) => timeline === 1 && name > from)
		expect(segments.length).toBeGreaterThan(3)
		const plain = await decodeAll({segments, gap: undefined}, archive)
		expect(rowsOf(plain).filter(([, , , rows]) => rows.length > 0)).toHaveLength(2)
		const at = join(folder.path, 'packed-long')
		expect(await decodeAll({segments: await packed(segments, at), gap: undefined}, at, segmentBytes)).toEqual(plain)
	})
})
