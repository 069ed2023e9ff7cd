import {join} from 'node:path'
import type pg from 'pg'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {createLocalStore} from '../../../src/adapters/store/local.ts'
import {connect} from '../../../src/demo/cluster.ts'
import {lsnAt, parseLsn} from '../../../src/domain/wal/lsn.ts'
import type {DecodedWal, RelationKey, TransactionBoundary, WalRecord} from '../../../src/domain/wal/record.ts'
import {endLsnOf, nextRecordLsn} from '../../../src/domain/wal/succession.ts'
import {decodeChain} from '../../../src/operations/decode.ts'
import {archivedSegments, testReader} from '../../support/archived-segments.ts'
import {type ServerTestFolder, serverTestFolder, testInstallation} from '../../support/postgres.ts'
import {makeFor, type RestorableCluster, restorableCluster, segmentBytes} from '../../support/restorable.ts'
import {parsed} from '../../support/waldump-fixtures.ts'

let folder: ServerTestFolder
let source: RestorableCluster
let primary: pg.Client
let wal: DecodedWal
let records: readonly WalRecord[]
const files = new Map<string, RelationKey>()
const markers: string[] = []
const numbers = new Map<string, number>()

async function value(text: string): Promise<string> {
	const {rows} = await primary.query<Record<string, string>>(text)
	return String(Object.values(rows[0] ?? {})[0])
}

/** Remembers which file a relation has now, to be asked for as `name`. */
async function remember(name: string, relation = name): Promise<void> {
	const key = await value(
		`select format('%s/%s/%s', coalesce(nullif(c.reltablespace, 0), 1663), d.oid, pg_relation_filenode(c.oid))
		from pg_class c join pg_database d on d.datname = current_database() where c.oid = '${relation}'::regclass`,
	)
	files.set(name, key as RelationKey)
}

/** A restore point, from which on what follows is called by its name. */
async function mark(name: string): Promise<void> {
	markers.push(name)
	await primary.query('select pg_create_restore_point($1)', [name])
}

async function execute(...statements: readonly string[]): Promise<void> {
	for (const statement of statements) await primary.query(statement)
}

/** Transaction ends between this restore point and the next. */
function endsAfter(name: string): readonly TransactionBoundary[] {
	const from = wal.boundaries.findIndex(boundary => boundary.kind === 'restore-point' && boundary.name === name)
	if (from === -1) throw new Error(`no restore point ${name}`)
	const to = wal.boundaries.findIndex((boundary, index) => index > from && boundary.kind === 'restore-point')
	return wal.boundaries.slice(from, to).filter((boundary): boundary is TransactionBoundary => 'work' in boundary)
}

const file = (name: string): RelationKey => files.get(name) ?? '0/0/0'
const droppedAfter = (name: string) => endsAfter(name).flatMap(({work}) => work.dropped)
const truncatedAfter = (name: string) => endsAfter(name).flatMap(({work}) => work.truncated)

const forgedLine = (lsn: bigint, prev: bigint) => {
	const at = (place: bigint) =>
		`${(place >> 32n).toString(16).toUpperCase()}/${(place & 0xffff_ffffn).toString(16).toUpperCase().padStart(8, '0')}`
	return `rmgr: Transaction len (rec/tot):     46/    46, tx:        666, lsn: ${at(lsn)}, prev ${at(prev)}, desc: COMMIT 2001-01-01 00:00:00.000000 UTC`
}

beforeAll(async () => {
	folder = await serverTestFolder()
	source = await restorableCluster(folder)
	primary = source.primary
	const tablespace = join(folder.path, 'fast "disk"')
	await makeFor(folder.serverUser, tablespace)

	for (const name of ['a', 'b', 'c', 'd', 'e']) {
		await execute(
			`create table ${name} (id int primary key, note text)`,
			`insert into ${name} select g, 'x' from generate_series(1, 10) g`,
		)
	}
	await execute(
		'vacuum full d',
		'create materialized view m as select * from e',
		'create unlogged table u (id int)',
		'create unlogged table u2 (id int)',
	)
	for (const name of ['a', 'b', 'c', 'd', 'e', 'm', 'u', 'u2']) await remember(name)

	await mark('drop')
	await execute('drop table a')
	await mark('truncate')
	await execute('truncate b')
	await mark('vacuum full')
	await execute('vacuum full c')
	await remember('c later', 'c')
	await mark('cluster')
	await execute('cluster c using c_pkey')
	await mark('alter')
	await remember('e before alter', 'e_pkey')
	await execute('drop materialized view m', 'alter table e alter id type bigint')
	await mark('reindex')
	await remember('e index', 'e_pkey')
	await execute('reindex table e')
	await mark('refresh')
	await execute('create materialized view m2 as select * from e')
	await remember('m2')
	await execute('refresh materialized view m2')
	await mark('drop rewritten')
	await execute('drop table d')
	await mark('drop unlogged')
	await execute('drop table u')
	await mark('truncate unlogged')
	await execute('truncate u2')
	await mark('temporary')
	await execute('create temporary table t (id int)', 'insert into t values (1)', 'drop table t')
	await mark('made and dropped')
	await execute('begin', 'create table z (id int)', 'drop table z', 'commit')
	await mark('truncated twice')
	await remember('b again', 'b')
	await execute('begin', 'truncate b', "insert into b values (1, 'x')", 'truncate b', 'commit')
	await mark('drop rolled back')
	await execute('begin', "insert into b values (2, 'x')", 'savepoint s', 'drop table c', 'rollback to s', 'commit')
	await mark('drop in a subtransaction')
	await remember('c last', 'c')
	await execute('begin', 'savepoint s', 'drop table c', 'release s', 'commit')
	await mark('catalog')
	await execute('vacuum full pg_am')
	await mark('tablespace')
	await execute(`create tablespace fast location '${tablespace}'`)
	await execute('create table f (id int) tablespace fast')
	await remember('f')
	await execute('drop table f')
	await mark('database moved')
	await execute('create database moved', 'alter database moved set tablespace fast')
	await mark('database dropped')
	numbers.set('moved', Number(await value("select oid from pg_database where datname = 'moved'")))
	await execute('drop database moved')

	await mark('rows')
	await execute('create table r (id int, note text)')
	await remember('r')
	await mark('rows written')
	await execute(
		'begin',
		"insert into r select g, 'x' from generate_series(1, 100) g",
		'savepoint s',
		"insert into r values (101, 'x')",
		'rollback to s',
		'update r set note = id where id <= 30',
		'savepoint t',
		'delete from r where id > 90',
		'release t',
		'commit',
	)
	await mark('rows copied')
	await execute('create table copied as select g as id, g::text as note from generate_series(1, 5000) g')
	await remember('copied')
	await execute('begin', 'create table pasted (id int, note text)', 'insert into pasted select * from copied', 'commit')
	await remember('pasted')
	await mark('rows toasted')
	await execute('alter table r alter note set storage external', "insert into r values (500, repeat('x', 20000))")

	await mark('prepared')
	await execute(
		'begin',
		'update r set note = id where id <= 5',
		'savepoint s',
		'delete from r where id = 6',
		'release s',
		"prepare transaction 'settle: 42; desc: x'",
	)
	await execute("commit prepared 'settle: 42; desc: x'")
	await execute('begin', 'drop table b', "prepare transaction 'never'", "rollback prepared 'never'")

	await mark('many subtransactions')
	await execute(
		"do $$ begin for n in 1..100 loop begin insert into r values (n, 'sub'); exception when division_by_zero then null; end; end loop; end $$",
	)
	await mark('overflow')
	await execute(
		'begin',
		"do $$ begin for n in 1..100 loop begin insert into r values (n, 'sub'); exception when division_by_zero then null; end; end loop; end $$",
	)
	const other = await connect(source.cluster, 'postgres', 'test')
	await other.query('checkpoint')
	await execute('commit')
	await mark('left open')
	await other.query('begin')
	await other.query("insert into r values (1000, 'never ended')")
	numbers.set(
		'open',
		Number((await other.query<{xid: string}>('select txid_current() % 4294967296 as xid')).rows[0]?.xid),
	)

	await mark('forged')
	await primary.query('select pg_create_restore_point($1)', [`evil\n${forgedLine(1n, 1n).slice(0, 55)}`])
	// The forger knows where the WAL is and how long the own record will be, and guesses everything.
	const insertAt = async () => parseLsn(await value('select pg_current_wal_insert_lsn()')) ?? lsnAt(0n)
	const text = (next: bigint, own: bigint) => `prefix\n${forgedLine(next, own)}\n${forgedLine(next + 48n, next)}`
	for (let round = 0; round < 5; round++) {
		const own = await insertAt()
		// 24 bytes of header, 5 of its data's header, 24 of the message's, the prefix with its end, the message.
		const bytes = 24 + 5 + 24 + text(own, own).length + 1 + 3
		const next = nextRecordLsn({lsn: own, totalBytes: bytes, rmgr: 'LogicalMessage', type: 'MESSAGE'}, segmentBytes)
		await primary.query('select pg_logical_emit_message(false, $1, $2)', [text(next, own), 'abc'])
	}
	await execute(
		'begin',
		"insert into r values (2000, 'x')",
		`prepare transaction '${`x\n${forgedLine(await insertAt(), 1n)}`.slice(0, 199)}'`,
	)
	await mark('end')
	await source.archiveAll()
	await other.end()

	const installation = await testInstallation()
	const reader = testReader(installation)
	const store = createLocalStore(source.archive)
	const segments = archivedSegments(source.archive)
	const request = {store, postgresMajor: installation.major, walSegmentBytes: segmentBytes, segments}
	let text2 = ''
	for await (const part of (await reader.dump(request)).text) text2 += part
	records = parsed(text2, {walSegmentBytes: segmentBytes})
	const decoding = decodeChain({
		world: {wal: reader},
		store,
		cluster: {postgresMajor: installation.major, walSegmentBytes: segmentBytes},
		chain: {segments, gap: undefined},
	})
	for (;;) {
		const step = await decoding.next()
		if (step.done !== true) continue
		wal = step.value.wal
		break
	}
})
afterAll(async () => {
	await primary?.end().catch(() => {})
	await folder?.remove()
})

describe('on a real server', () => {
	test('DROP TABLE drops its file and those of its index', () => {
		expect(droppedAfter('drop')).toContain(file('a'))
		expect(truncatedAfter('drop')).toEqual([])
	})

	test('TRUNCATE replaces the file', () => {
		expect(truncatedAfter('truncate')).toContain(file('b'))
		expect(droppedAfter('truncate')).toEqual([])
	})

	test('VACUUM FULL and CLUSTER replace it', () => {
		expect(truncatedAfter('vacuum full')).toContain(file('c'))
		expect(truncatedAfter('cluster')).toContain(file('c later'))
		expect([...droppedAfter('vacuum full'), ...droppedAfter('cluster')]).not.toContain(file('c'))
		expect(droppedAfter('cluster')).not.toContain(file('c later'))
	})

	test('a rewriting ALTER and REFRESH replace it', () => {
		expect(truncatedAfter('alter')).toContain(file('e'))
		expect(droppedAfter('alter')).toContain(file('m'))
		expect(droppedAfter('alter')).not.toContain(file('e'))
		expect(truncatedAfter('refresh')).toContain(file('m2'))
		expect(droppedAfter('refresh')).not.toContain(file('m2'))
	})

	test('REINDEX replaces the file of the index and touches no table', () => {
		expect(truncatedAfter('reindex')).toContain(file('e index'))
		expect(droppedAfter('reindex')).toEqual([])
	})

	test('DROP of a table that was rewritten before, and so has not its own number, drops it', () => {
		expect(droppedAfter('drop rewritten')).toContain(file('d'))
		expect(truncatedAfter('drop rewritten')).toEqual([])
	})

	test('unlogged tables are told like others', () => {
		expect(droppedAfter('drop unlogged')).toEqual([file('u')])
		expect(truncatedAfter('truncate unlogged')).toEqual([file('u2')])
	})

	test('temporary tables, and those that the same transaction made, are no loss', () => {
		expect([...droppedAfter('temporary'), ...truncatedAfter('temporary')]).toEqual([])
		expect([...droppedAfter('made and dropped'), ...truncatedAfter('made and dropped')]).toEqual([])
	})

	test('two TRUNCATEs in one transaction replace the file that was there before', () => {
		expect(truncatedAfter('truncated twice')).toContain(file('b again'))
		expect(droppedAfter('truncated twice')).toEqual([])
	})

	test('a DROP that was rolled back to a savepoint drops nothing, one in a released savepoint does', () => {
		expect([...droppedAfter('drop rolled back'), ...truncatedAfter('drop rolled back')]).toEqual([])
		expect(endsAfter('drop rolled back').map(({kind}) => kind)).toEqual(['abort', 'commit'])
		expect(droppedAfter('drop in a subtransaction')).toContain(file('c last'))
		expect(endsAfter('drop in a subtransaction').at(-1)?.subxids).toHaveLength(1)
	})

	test('rewriting a catalog is no loss', () => {
		expect([...droppedAfter('catalog'), ...truncatedAfter('catalog')]).toEqual([])
	})

	test('CREATE TABLESPACE is found with its path, and relations in it by its number', () => {
		expect(wal.facts.tablespacesCreated.map(({path}) => path)).toEqual([join(folder.path, 'fast "disk"')])
		expect(file('f')).not.toMatch(/^1663\//)
		expect(droppedAfter('tablespace')).toEqual([file('f')])
	})

	test('a database that moved is not dropped, one that was dropped is', () => {
		expect(endsAfter('database moved').flatMap(({work}) => work.droppedDatabases)).toEqual([])
		expect(endsAfter('database dropped').flatMap(({work}) => work.droppedDatabases)).toEqual([numbers.get('moved')])
	})

	test('rows are counted as SQL counts them, without what was rolled back', () => {
		expect(endsAfter('rows written').map(({kind, work}) => [kind, work.rows])).toEqual([
			['abort', [{relation: file('r'), inserted: 1, updated: 0, deleted: 0}]],
			['commit', [{relation: file('r'), inserted: 100, updated: 30, deleted: 10}]],
		])
	})

	test('rows that come many to a record are counted each', () => {
		const rows = endsAfter('rows copied').flatMap(({work}) => work.rows)
		expect(rows).toContainEqual({relation: file('copied'), inserted: 5000, updated: 0, deleted: 0})
		expect(rows).toContainEqual({relation: file('pasted'), inserted: 5000, updated: 0, deleted: 0})
	})

	test('chunks of TOAST are rows of a relation of their own', () => {
		const rows = endsAfter('rows toasted').flatMap(({work}) => work.rows)
		expect(rows).toContainEqual({relation: file('r'), inserted: 1, updated: 0, deleted: 0})
		expect(rows.find(({relation}) => relation !== file('r'))?.inserted).toBeGreaterThan(5)
	})

	test('a prepared transaction keeps its work until it is committed under its own xid and gid', () => {
		const [committed, aborted] = endsAfter('prepared')
		expect(committed).toMatchObject({
			kind: 'commit-prepared',
			gid: 'settle: 42; desc: x',
			work: {rows: [{relation: file('r'), inserted: 0, updated: 5, deleted: 1}]},
		})
		expect(committed?.subxids).toHaveLength(1)
		expect(aborted).toMatchObject({kind: 'abort-prepared', gid: 'never', work: {dropped: [], truncated: []}})
	})

	test('more subtransactions than a backend remembers are still one transaction', () => {
		expect(endsAfter('many subtransactions')).toMatchObject([
			{kind: 'commit', work: {rows: [{relation: file('r'), inserted: 100, updated: 0, deleted: 0}]}},
		])
		expect(endsAfter('many subtransactions')[0]?.subxids).toHaveLength(100)
		expect(records.some(({type}) => type === 'ASSIGNMENT')).toBe(true)
		expect(wal.facts.subtransactionOverflows.length).toBeGreaterThan(0)
	})

	test('what never ended is open, and what stays prepared with its gid', () => {
		expect(wal.open.map(({xid, gid}) => [xid, gid?.slice(0, 8)])).toEqual([
			[numbers.get('open'), undefined],
			[expect.any(Number), 'x\nrmgr: '],
		])
		expect(wal.open.every(({firstLsn}) => firstLsn !== undefined)).toBe(true)
	})

	test('records are one unbroken chain, and none of them is forged', () => {
		const broken = records.slice(1).filter((record, index) => {
			const before = records[index]
			return before === undefined || record.prevLsn !== before.lsn || nextRecordLsn(before, segmentBytes) !== record.lsn
		})
		expect(broken).toEqual([])
		expect(records.filter(({xid}) => xid === 666)).toEqual([])
		expect(wal.boundaries.filter(boundary => 'xid' in boundary && boundary.xid === 666)).toEqual([])
	})

	test('names that hold forged lines keep them, also where the forger guessed every value', () => {
		const messages = records.filter(({rmgr}) => rmgr === 'LogicalMessage')
		expect(messages).toHaveLength(5)
		const exact = messages.filter(message => {
			const next = nextRecordLsn(message, segmentBytes)
			return message.description.includes(
				`prefix "prefix\n${forgedLine(next, message.lsn)}\n${forgedLine(next + 48n, next)}"; payload (3 bytes): 61 62 63`,
			)
		})
		expect(exact.length).toBeGreaterThan(0)
		expect(wal.boundaries).toContainEqual(
			expect.objectContaining({kind: 'restore-point', name: `evil\n${forgedLine(1n, 1n).slice(0, 55)}`}),
		)
	})

	test('every boundary ends where the server would say it stands', () => {
		const byLsn = new Map(records.map(record => [record.lsn, record]))
		for (const boundary of wal.boundaries) {
			const record = byLsn.get(boundary.lsn)
			expect(record !== undefined && endLsnOf(record, segmentBytes) === boundary.endLsn).toBe(true)
		}
		expect(
			markers.every(name =>
				wal.boundaries.some(boundary => boundary.kind === 'restore-point' && boundary.name === name),
			),
		).toBe(true)
	})
})
