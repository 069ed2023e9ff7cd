import {describe, expect, test} from 'vitest'
import {formatInstant} from '../../../src/domain/time.ts'
import {createBoundaryFold} from '../../../src/domain/wal/boundaries.ts'
import {formatLsn, lsnAt, parseLsn} from '../../../src/domain/wal/lsn.ts'
import type {Boundary, DecodedWal, RelationKey, TransactionBoundary, WalRecord} from '../../../src/domain/wal/record.ts'
import {nextRecordLsn} from '../../../src/domain/wal/succession.ts'
import {
	type FixtureMajor,
	fixtureMajors,
	fixtureSegmentBytes,
	parsed,
	waldumpText,
} from '../../support/waldump-fixtures.ts'

function decoded(
	records: readonly WalRecord[],
	options: Partial<Parameters<typeof createBoundaryFold>[0]> = {},
): DecodedWal {
	const fold = createBoundaryFold({walSegmentBytes: fixtureSegmentBytes, postgresMajor: 15, ...options})
	const wal = fold.decoded(fold.take(records))
	if (wal === undefined) throw new Error('no record')
	return wal
}

const ofFixture = (major: FixtureMajor) => decoded(parsed(waldumpText(major)), {postgresMajor: major})

/** What a boundary tells, without what differs from one cluster to the next. */
function story(boundaries: readonly Boundary[]): readonly string[] {
	const tables = new Map<RelationKey, string>()
	const nameOf = (relation: RelationKey) => {
		const name = tables.get(relation) ?? String.fromCharCode(65 + tables.size)
		tables.set(relation, name)
		return name
	}
	return boundaries.map(boundary => {
		if (boundary.kind === 'restore-point') return `restore-point ${boundary.name}`
		if (boundary.kind === 'prepare') return `prepare ${boundary.gid}`
		const {work, subxids, gid} = boundary
		return [
			boundary.kind,
			...work.rows.map(
				({relation, inserted, updated, deleted}) => `${nameOf(relation)}+${inserted}~${updated}-${deleted}`,
			),
			...(work.dropped.length === 0 ? [] : [`dropped ${work.dropped.map(nameOf).join('')}`]),
			...(work.truncated.length === 0 ? [] : [`truncated ${work.truncated.map(nameOf).join('')}`]),
			...(work.droppedDatabases.length === 0 ? [] : [`databases ${work.droppedDatabases.length}`]),
			...(subxids.length === 0 ? [] : [`subtransactions ${subxids.length}`]),
			...(gid === undefined ? [] : [gid]),
		].join(' ')
	})
}

describe('the boundaries of real WAL', () => {
	test.each(fixtureMajors)('of version %d tell what its script did', major => {
		const {boundaries} = ofFixture(major)
		const begin = boundaries.findIndex(boundary => boundary.kind === 'restore-point')
		expect(story(boundaries.slice(begin))).toEqual([
			'restore-point before maintenance window',
			'commit A+1~0-0',
			// ROLLBACK TO SAVEPOINT: the subtransaction ends before its parent, and is no part of it.
			'abort A+0~0-1',
			'commit A+1~1-0 subtransactions 1',
			'abort A+1~0-0',
			"prepare settle-42 it's, odd; desc: x",
			'prepare settle-43',
			'abort-prepared A+0~1-0 settle-43',
			// The logical message, then CREATE TEMPORARY TABLE, its rows (which are not in the WAL), DROP.
			'commit',
			'commit',
			'commit',
			'commit',
			// CREATE TABLE, COPY of 500 rows, CREATE TABLE AS and INSERT with 2000 rows each.
			'commit',
			'commit B+500~0-0',
			'commit C+2000~0-0',
			'commit C+2000~0-0',
			// The release job.
			'commit A+0~101-0 D+0~0-100',
			"commit-prepared A+0~1-0 settle-42 it's, odd; desc: x",
			'commit truncated EFC',
			'commit dropped B',
			'restore-point after',
			'commit',
			'commit databases 1',
			'commit A+1~0-0',
		])
	})

	test.each(fixtureMajors)(
		'of version %d stand in WAL order, numbered from 0, and end where the next record begins',
		major => {
			const records = parsed(waldumpText(major))
			const {boundaries} = decoded(records, {postgresMajor: major})
			expect(boundaries.map(boundary => boundary.ordinal)).toEqual(boundaries.map((_, index) => index))
			for (const boundary of boundaries) {
				const at = records.findIndex(record => record.lsn === boundary.lsn)
				const [record, next] = [records[at], records[at + 1]]
				if (record === undefined || next === undefined) throw new Error('no such record')
				expect(nextRecordLsn(record, fixtureSegmentBytes)).toBe(next.lsn)
				expect(boundary.endLsn > boundary.lsn && boundary.endLsn <= next.lsn).toBe(true)
			}
		},
	)

	test('carry microseconds, the original xid of what was prepared, where it began and how much it wrote', () => {
		const wal = ofFixture(15)
		const settled = wal.boundaries.find(boundary => boundary.kind === 'commit-prepared')
		if (settled?.kind !== 'commit-prepared') throw new Error('no such boundary')
		expect(formatInstant(settled.at)).toBe('2026-11-22T07:44:50.981856Z')
		expect([formatLsn(settled.lsn), formatLsn(settled.endLsn), settled.xid]).toEqual(['0/89CA30', '0/89CA80', 733])
		expect(settled.work.firstLsn).toBe(parseLsn('0/804D30'))
		const own = parsed(waldumpText(15)).filter(record => record.xid === 733 || record.lsn === settled.lsn)
		expect(settled.work.walBytes).toBe(own.reduce((sum, record) => sum + record.totalBytes, 0))
	})

	test('count system catalogs together', () => {
		const [created] = ofFixture(15).boundaries.filter(
			boundary => boundary.kind === 'commit' && boundary.work.catalogRows > 50,
		)
		expect(created).toMatchObject({xid: 724, work: {rows: [], catalogRows: 62}})
	})

	test.each(fixtureMajors)('of version %d come with what replay must be ready for', major => {
		const {facts, open, recordCount, endLsn} = ofFixture(major)
		expect(facts.parameterChanges).toMatchObject([
			{
				settings: {
					max_connections: 100,
					max_worker_processes: 8,
					max_wal_senders: 10,
					max_prepared_transactions: 10,
					max_locks_per_transaction: 64,
				},
				walLevel: 'logical',
			},
		])
		expect(facts.backupEnds).toHaveLength(1)
		expect(facts.backupEnds.every(end => end.startLsn < end.lsn && end.lsn < end.endLsn)).toBe(true)
		expect(facts).toMatchObject({tablespacesCreated: [], subtransactionOverflows: []})
		expect(open).toEqual([])
		expect(recordCount).toBe(waldumpText(major).trimEnd().split('\n').length)
		expect(endLsn % BigInt(fixtureSegmentBytes)).toBe(0n)
	})

	test.each(fixtureMajors)('of version %d are the same however the records are handed over', major => {
		const records = parsed(waldumpText(major))
		const whole = decoded(records, {postgresMajor: major})
		for (const size of [1, 7, 1000]) {
			const fold = createBoundaryFold({walSegmentBytes: fixtureSegmentBytes, postgresMajor: major})
			const boundaries: Boundary[] = []
			for (let at = 0; at < records.length; at += size) boundaries.push(...fold.take(records.slice(at, at + size)))
			expect(fold.decoded(boundaries)).toEqual(whole)
		}
	})

	test('begin where replay begins, and know what ran before', () => {
		const records = parsed(waldumpText(15))
		const fromLsn = lsnAt(parseLsn('0/804E00') ?? 0n)
		const wal = decoded(records, {fromLsn, startOrdinal: 7})
		expect(wal.fromLsn).toBe(fromLsn)
		expect(wal.boundaries[0]).toMatchObject({kind: 'prepare', gid: 'settle-43', ordinal: 7})
		const settled = wal.boundaries.find(boundary => boundary.kind === 'commit-prepared')
		expect(settled).toMatchObject({gid: "settle-42 it's, odd; desc: x", work: {firstLsn: parseLsn('0/804D30')}})
		expect(wal.facts).toMatchObject({parameterChanges: [], backupEnds: []})
	})
})

type WrittenRecord = readonly [xid: number, rmgr: string, description: string, bytes?: number]

/** Records one after the other from 0/1000028 on, each with its xid, resource manager and description. */
function wal(...rows: readonly WrittenRecord[]): readonly WalRecord[] {
	let lsn = lsnAt(parseLsn('0/1000028') ?? 0n)
	let prevLsn = lsnAt(parseLsn('0/FFFFD0') ?? 0n)
	return rows.map(([xid, rmgr, text, totalBytes = 64]) => {
		const [, type = '', description = ''] = /^(\S+) ?([\s\S]*)$/.exec(text) ?? []
		const record: WalRecord = {rmgr, totalBytes, xid, lsn, prevLsn, type, description}
		prevLsn = lsn
		lsn = nextRecordLsn(record, fixtureSegmentBytes)
		return record
	})
}

const at = '2026-11-22 07:44:50.000001 UTC'
const row = (relfilenode: number, type = 'INSERT off 1 flags 0x08') =>
	`${type}, blkref #0: rel 1663/5/${relfilenode} blk 0`
const runningFrom = (nextXid: number, rest = '') =>
	[
		0,
		'Standby',
		`RUNNING_XACTS nextXid ${nextXid} latestCompletedXid ${nextXid - 1} oldestRunningXid ${nextXid}${rest}`,
	] as const
const ends = (boundaries: readonly Boundary[]) =>
	boundaries.filter((boundary): boundary is TransactionBoundary => 'work' in boundary)

describe('rows', () => {
	test.each([
		['INSERT off 18 flags 0x08', [1, 0, 0]],
		['INSERT+INIT off: 1, flags: 0x08', [1, 0, 0]],
		['UPDATE off 17 xmax 725 flags 0x00 ; new off 52 xmax 0', [0, 1, 0]],
		['UPDATE+INIT old_xmax: 759, old_off: 2, old_infobits: [], flags: 0x18, new_xmax: 0, new_off: 11', [0, 1, 0]],
		['HOT_UPDATE off 3 xmax 725 flags 0x60 ; new off 6 xmax 0', [0, 1, 0]],
		['DELETE xmax: 763, off: 14, infobits: [KEYS_UPDATED], flags: 0x04', [0, 0, 1]],
		['DELETE off 14 flags 0x04 KEYS_UPDATED ', [0, 0, 1]],
		['LOCK off 17: xid 725: flags 0x00 LOCK_ONLY EXCL_LOCK ', undefined],
		['HEAP_CONFIRM off 3', undefined],
		['INPLACE off 3', undefined],
	] as const)('%s writes %j', (text, counts) => {
		const [commit] = ends(decoded(wal([9, 'Heap', row(16402, text)], [9, 'Transaction', `COMMIT ${at}`])).boundaries)
		expect(commit?.work.rows.map(({inserted, updated, deleted}) => [inserted, updated, deleted])).toEqual(
			counts === undefined ? [] : [counts],
		)
	})

	test.each([
		['MULTI_INSERT 61 tuples flags 0x02', 61],
		['MULTI_INSERT+INIT 1 tuples flags 0x03', 1],
		['MULTI_INSERT ntuples: 226, flags: 0x02, offsets: [13, 14]', 226],
		['MULTI_INSERT+INIT ntuples: 7, flags: 0x02', 7],
	])('%s are %d', (text, inserted) => {
		const [commit] = ends(decoded(wal([9, 'Heap2', row(16402, text)], [9, 'Transaction', `COMMIT ${at}`])).boundaries)
		expect(commit?.work.rows).toEqual([{relation: '1663/5/16402', inserted, updated: 0, deleted: 0}])
	})

	test('of subtransactions are their parent’s once it commits, nested and prepared ones too, and nobody’s once they are rolled back', () => {
		const {boundaries, open} = decoded(
			wal(
				runningFrom(10),
				[10, 'Heap', row(16402)],
				[11, 'Heap', row(16402)],
				[12, 'Heap', row(16403)],
				[13, 'Heap', row(16402)],
				[13, 'Transaction', `ABORT ${at}; subxacts: 14`],
				[10, 'Transaction', `COMMIT ${at}; subxacts: 11 12; inval msgs: catcache 7`],
				[20, 'Heap', row(16402)],
				[21, 'Heap', row(16402)],
				[20, 'Transaction', `PREPARE gid g: ${at}; subxacts: 21; inval msgs: catcache 7`],
				[0, 'Transaction', `COMMIT_PREPARED 20: ${at}; subxacts: 21`],
			),
		)
		expect(story(boundaries)).toEqual([
			'abort A+1~0-0 subtransactions 1',
			'commit A+2~0-0 B+1~0-0 subtransactions 2',
			'prepare g',
			'commit-prepared A+2~0-0 subtransactions 1 g',
		])
		expect(open).toEqual([])
	})
})

describe('a prepared transaction', () => {
	test.each(['plain', 'a: b', 'x; desc: y; subxacts: 99', `x: ${at}`, `x: ${at}; subxacts: 99`, 'line\nbreak', ''])(
		'keeps its gid %j',
		gid => {
			const {boundaries} = decoded(
				wal([
					9,
					'Transaction',
					`PREPARE gid ${gid}: ${at}; rels(commit): base/5/16402; subxacts: 10 11; inval msgs: catcache 7`,
				]),
			)
			expect(boundaries).toMatchObject([{kind: 'prepare', xid: 9, gid}])
		},
	)

	test('whose PREPARE lies before what was decoded ends without a gid and without a first LSN', () => {
		const {boundaries} = decoded(
			wal(runningFrom(20), [0, 'Transaction', `ABORT_PREPARED 9: ${at}; rels: base/5/16402`, 100]),
		)
		expect(boundaries).toMatchObject([
			{
				kind: 'abort-prepared',
				xid: 9,
				gid: undefined,
				work: {firstLsn: undefined, walBytes: 100, dropped: [], truncated: []},
			},
		])
	})

	test('survives a crash that ends all others', () => {
		const {open} = decoded(
			wal(
				runningFrom(9),
				[9, 'Heap', row(16402)],
				[10, 'Heap', row(16402)],
				[9, 'Transaction', `PREPARE gid g: ${at}`],
				[0, 'XLOG', 'CHECKPOINT_SHUTDOWN redo 0/1000100; tli 1; prev tli 1; fpw true; xid 0:11; oid 24576; shutdown'],
			),
		)
		expect(open).toMatchObject([{xid: 9, gid: 'g', firstLsn: parseLsn('0/1000068')}])
	})
})

const shutdown = [
	0,
	'XLOG',
	'CHECKPOINT_SHUTDOWN redo 0/1000100; tli 1; prev tli 1; fpw true; xid 0:11; oid 24576; shutdown',
] as const

describe('a transaction that has not ended', () => {
	test('and was prepared before what is decoded survives a shutdown as long as it is listed', () => {
		const listed = (xids: string) =>
			[0, 'Standby', `RUNNING_XACTS nextXid 9 latestCompletedXid 8 oldestRunningXid 5; 1 xacts: ${xids}`] as const
		const openAfter = (...rows: readonly WrittenRecord[]) => decoded(wal(...rows)).open.map(({xid}) => xid)
		expect(openAfter(listed('5 6'), shutdown)).toEqual([5, 6])
		expect(openAfter(listed('5 6'), shutdown, listed('5'))).toEqual([5])
		expect(openAfter(listed('5 6'), [6, 'Heap', row(16402)], shutdown)).toEqual([5])
	})

	test('is open from its first record on, its subtransactions within it', () => {
		const {open} = decoded(
			wal(
				runningFrom(9),
				[9, 'Transaction', 'ASSIGNMENT xtop 9: subxacts: 10 11'],
				[10, 'Heap', row(16402)],
				[12, 'Heap', row(16402)],
			),
		)
		expect(open.map(({xid, firstLsn}) => [xid, firstLsn && formatLsn(firstLsn)])).toEqual([
			[9, '0/1000068'],
			[12, '0/10000E8'],
		])
	})

	test('and began before what was decoded has no first LSN, whether it writes or only stands in a list', () => {
		const running = [
			0,
			'Standby',
			'RUNNING_XACTS nextXid 9 latestCompletedXid 6 oldestRunningXid 7; 2 xacts: 7 8',
		] as const
		const {open} = decoded(wal(running, [8, 'Heap', row(16402)], [9, 'Heap', row(16402)]))
		expect(open.map(({xid, firstLsn}) => [xid, firstLsn && formatLsn(firstLsn)])).toEqual([
			[7, undefined],
			[8, undefined],
			[9, '0/10000A8'],
		])
	})

	test('and is listed although it has just ended is not open', () => {
		const running = [
			0,
			'Standby',
			'RUNNING_XACTS nextXid 9 latestCompletedXid 6 oldestRunningXid 7; 2 xacts: 7 8',
		] as const
		const {open} = decoded(wal([7, 'Transaction', `COMMIT ${at}`], running, [8, 'Transaction', `ABORT ${at}`]))
		expect(open).toEqual([])
	})

	test('is forgotten when a later list shows that it is gone: a crash leaves no record of it', () => {
		const later = [
			0,
			'Standby',
			'RUNNING_XACTS nextXid 12 latestCompletedXid 10 oldestRunningXid 11; 1 xacts: 11; subxid ovf',
		] as const
		const {open, facts} = decoded(wal(runningFrom(9), [9, 'Heap', row(16402)], [11, 'Heap', row(16402)], later))
		expect(open.map(({xid}) => xid)).toEqual([11])
		expect(facts.subtransactionOverflows.map(formatLsn)).toEqual(['0/10000E8'])
	})

	test('is known by xids that wrap after 4294967295', () => {
		const {open} = decoded(
			wal(
				runningFrom(4_294_967_290),
				[4_294_967_289, 'Heap', row(1)],
				[4_294_967_295, 'Heap', row(1)],
				[3, 'Heap', row(1)],
			),
		)
		expect(open.map(({xid, firstLsn}) => [xid, firstLsn !== undefined])).toEqual([
			[4_294_967_289, false],
			[4_294_967_295, true],
			[3, true],
		])
	})
})

describe('what replay must be ready for', () => {
	test('is a tablespace with the path as it is written, overflowed subtransactions in both spellings, and the ends of backups', () => {
		const {facts} = decoded(
			wal(
				[9, 'Tablespace', 'CREATE 16515 "/srv/fast disk"'],
				[9, 'Tablespace', 'CREATE 16516 "/srv/"odd"\nname"'],
				[9, 'Tablespace', 'DROP 16515'],
				runningFrom(874, '; 1 xacts: 773; subxid ovf'),
				runningFrom(875, '; 1 xacts: 773; subxid overflowed'),
				[0, 'XLOG', 'BACKUP_END 0/800028'],
			),
		)
		expect(facts.tablespacesCreated.map(({path}) => path)).toEqual(['/srv/fast disk', '/srv/"odd"\nname'])
		expect(facts.subtransactionOverflows).toHaveLength(2)
		expect(facts.backupEnds.map(({lsn, endLsn, startLsn}) => [lsn, endLsn, startLsn].map(formatLsn))).toEqual([
			['0/1000168', '0/10001A8', '0/800028'],
		])
	})
})

describe('files that a commit removes', () => {
	const removed = (postgresMajor: number, commit: string, ...created: readonly string[]) => {
		const records = wal(...created.map(path => [9, 'Storage', `CREATE ${path}`] as const), [
			9,
			'Transaction',
			`COMMIT ${at}; ${commit}`,
		])
		const [end] = ends(decoded(records, {postgresMajor}).boundaries)
		return {dropped: end?.work.dropped, truncated: end?.work.truncated}
	}

	test('on 13 and 14 are those of a drop when the transaction made none, else of a rewrite', () => {
		expect(removed(14, 'rels: base/5/16402 pg_tblspc/16515/PG_14_202107181/5/16529')).toEqual({
			dropped: ['1663/5/16402', '16515/5/16529'],
			truncated: [],
		})
		expect(removed(14, 'rels: base/5/16402; inval msgs: catcache 7', 'base/5/16500')).toEqual({
			dropped: [],
			truncated: ['1663/5/16402'],
		})
	})

	test('from 15 on are those of a drop when the statistics are dropped too', () => {
		expect(removed(15, 'rels: base/5/16402; dropped stats: 2/5/16402')).toEqual({
			dropped: ['1663/5/16402'],
			truncated: [],
		})
		expect(removed(15, 'rels: base/5/16402')).toEqual({dropped: [], truncated: ['1663/5/16402']})
		expect(removed(15, 'rels: base/5/16402 base/5/16403; dropped stats: 2/5/16403 3/5/16402', 'base/5/16500')).toEqual({
			dropped: ['1663/5/16403'],
			truncated: ['1663/5/16402'],
		})
	})

	test('are neither when the same transaction made them, or when they are catalogs', () => {
		expect(removed(15, 'rels: base/5/16402; dropped stats: 2/5/16402', 'base/5/16402')).toEqual({
			dropped: [],
			truncated: [],
		})
		expect(removed(15, 'rels: base/5/1259 global/1262', 'base/5/16500')).toEqual({dropped: [], truncated: []})
	})

	test('mean nothing in an abort, which removes what it had made', () => {
		const [end] = ends(
			decoded(wal([9, 'Storage', 'CREATE base/5/16402'], [9, 'Transaction', `ABORT ${at}; rels: base/5/16402`]))
				.boundaries,
		)
		expect(end).toMatchObject({kind: 'abort', work: {dropped: [], truncated: []}})
	})

	test('of a whole database are its directory in every tablespace, but not of one that only moved', () => {
		const dropped = wal(
			[9, 'Database', 'DROP dir 1663/16425 16515/16425'],
			[0, 'Database', 'DROP dir 1663/16426'],
			[9, 'Transaction', `COMMIT ${at}; dropped stats: 1/16425/0`],
		)
		expect(ends(decoded(dropped).boundaries)[0]?.work.droppedDatabases).toEqual([16425])
	})
})
