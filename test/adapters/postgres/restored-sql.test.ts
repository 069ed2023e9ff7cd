import {access} from 'node:fs/promises'
import {join} from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {LocalRestoreEngine} from '../../../src/adapters/postgres/engine.ts'
import {LocalRestoredSql} from '../../../src/adapters/postgres/restored-sql.ts'
import type {RestorePlan} from '../../../src/domain/recovery/plan.ts'
import {instantOfMs} from '../../../src/domain/time.ts'
import {type ServerTestFolder, serverTestFolder} from '../../support/postgres.ts'
import {handBuiltPlan, type RestorableCluster, restorableCluster} from '../../support/restorable.ts'

let folder: ServerTestFolder
let source: RestorableCluster
let plan: RestorePlan
const engine = new LocalRestoreEngine({now: () => instantOfMs(Date.now())})
const sql = new LocalRestoredSql()

beforeAll(async () => {
	folder = await serverTestFolder()
	source = await restorableCluster(folder, 'harbor admin')
	await source.primary.query(
		'create table numbers as select n, n * 1.50 as price, null::text as nothing from generate_series(1, 500) n',
	)
	await source.primary.query('create table hidden (owner text)')
	await source.primary.query("insert into hidden values ('somebody')")
	await source.primary.query('alter table hidden enable row level security')
	await source.primary.query('create database "Second One"')
	await source.primary.query(`alter role "harbor admin" set session_preload_libraries = 'no_such_library'`)
	const stop = await source.commit('the stop')
	await source.archiveAll()
	plan = await handBuiltPlan(source, {destination: join(folder.path, 'restored'), stopLsn: stop.lsn})
	await engine.createDirectories(plan)
	await engine.copyBaseBackup(plan, () => {}, new AbortController().signal)
	await engine.disarm(plan)
	await engine.writeConfiguration(plan)
	await engine.startServer(plan)
	while ((await engine.observe(plan)).answers?.pauseState !== 'paused') await sleep(50)
})

afterAll(async () => {
	if (plan !== undefined) await engine.removeAll(plan)
	await source?.primary.end()
	await folder?.remove()
})

const ask = (statement: string, signal?: AbortSignal) => sql.ask(plan, 'postgres', statement, signal)

describe('the held cluster', () => {
	test('names its databases', async () => {
		expect(await sql.databases(plan)).toEqual(['Second One', 'postgres'])
	})

	test.each([
		[
			'select n, price, nothing from numbers order by n limit 2',
			['n', 'price', 'nothing'],
			[
				['1', '1.50', null],
				['2', '3.00', null],
			],
		],
		['-- a remark\n /* and /* another */ */ (select 1 as n) union all (select 1)', ['n'], [['1'], ['1']]],
		['with w as (select 1 as a, 2 as a) select * from w;', ['a', 'a'], [['1', '2']]],
		[
			'values (1, true), (2, false)',
			['column1', 'column2'],
			[
				['1', 't'],
				['2', 'f'],
			],
		],
		['table numbers limit 0', ['n', 'price', 'nothing'], []],
		['show transaction_read_only', ['transaction_read_only'], [['on']]],
		['select current_user', ['current_user'], [['pg_read_all_data']]],
		["select timestamptz '2026-11-22 07:25:06.501967+00'", ['timestamptz'], [['2026-11-22 07:25:06.501967+00']]],
	])('answers %s', async (statement, columns, rows) => {
		expect(await ask(statement)).toEqual({columns, rows, cut: false})
	})

	test('answers EXPLAIN', async () => {
		expect((await ask('explain select * from numbers')).rows[0]?.[0]).toMatch(/^Seq Scan on numbers/)
	})

	test('shows the first 200 rows and says that there are more', async () => {
		const answer = await ask('select n from numbers order by n')
		expect(answer.rows).toHaveLength(200)
		expect(answer.cut).toBe(true)
		expect((await ask('select n from numbers order by n limit 200')).cut).toBe(false)
	})

	test('answers in another database', async () => {
		expect((await sql.ask(plan, 'Second One', 'select current_database()')).rows).toEqual([['Second One']])
		await expect(sql.ask(plan, 'no such', 'select 1')).rejects.toMatchObject({
			code: 'usage',
			message: 'database "no such" does not exist',
		})
	})

	test('tells a mistake in the words of the server', async () => {
		await expect(ask('select * from nowhere')).rejects.toMatchObject({
			code: 'usage',
			message: 'relation "nowhere" does not exist',
		})
		await expect(ask('select 1 from')).rejects.toMatchObject({code: 'usage', message: 'syntax error at end of input'})
		await expect(ask('')).rejects.toMatchObject({code: 'usage'})
	})

	test('fails where a policy would hide rows, instead of hiding them', async () => {
		await expect(ask('select * from hidden')).rejects.toMatchObject({
			message: expect.stringContaining('query would be affected by row-level security policy'),
		})
	})

	test('stops asking when it is told to', async () => {
		const abort = new AbortController()
		const asked = ask('select pg_sleep(50)', abort.signal)
		setTimeout(() => abort.abort(new Error('enough')), 300)
		await expect(asked).rejects.toThrow('enough')
		const {rows} = await ask(
			"select count(*) from pg_stat_activity where query like 'select pg_sleep%' and state = 'active'",
		)
		expect(rows).toEqual([['0']])
	})

	const writes = join('/tmp', `lastgood-wrote-${process.pid}`)
	test.each([
		'select pg_promote()',
		'select pg_wal_replay_resume()',
		'SELECT pg_catalog."pg_wal_replay_resume"/* */()',
		"select query_to_xml('select pg_wal_replay_resume()', true, true, '')",
		"select set_config('role', 'none', true), query_to_xml('select pg_' || 'wal_replay_resume()', true, true, '')",
		"select query_to_xml('select pg_' || 'wal_replay_resume()', true, true, '')",
		"select query_to_xml('select set_' || 'config(''role'', ''none'', true)', true, true, '')",
		'select U&"pg\\005fpromote"()',
		`copy (select 1) to program 'touch ${writes}'`,
		`copy numbers to '${writes}'`,
		'do $$ begin perform pg_promote(); end $$',
		'select 1; select 2',
		'select 1; select pg_switch_wal()',
		'commit; select 1',
		"insert into ledger (note) values ('x')",
		"with w as (insert into ledger (note) values ('x') returning 1) select * from w",
		'explain analyze delete from ledger',
		'select * into taken from numbers',
		'select * from numbers for update',
		"select nextval('ledger_id_seq')",
		'call nothing()',
		'set role none',
		'reset all',
		'vacuum',
		'checkpoint',
		"select pg_read_file('/etc/passwd')",
		"select set_config('transaction_read_only', 'off', true)",
	])('refuses %s and stays as it is', async statement => {
		await expect(ask(statement)).rejects.toMatchObject({code: 'usage'})
		const {answers, processAlive} = await engine.observe(plan)
		expect({processAlive, inRecovery: answers?.inRecovery, paused: answers?.pauseState}).toEqual({
			processAlive: true,
			inRecovery: true,
			paused: 'paused',
		})
		await expect(access(writes)).rejects.toThrow()
	})
})

describe('the promoted cluster', () => {
	test('still answers only what reads', async () => {
		await engine.promote(plan)
		expect((await ask('select count(*) from numbers')).rows).toEqual([['500']])
		for (const statement of [
			"insert into ledger (note) values ('x')",
			"with w as (insert into ledger (note) values ('x') returning 1) select * from w",
			"select nextval('ledger_id_seq')",
			'create table t ()',
			'select pg_switch_wal()',
		]) {
			await expect(ask(statement)).rejects.toMatchObject({code: 'usage'})
		}
	})

	test('that does not run is said not to answer', async () => {
		await engine.stopServer(plan)
		await expect(ask('select 1')).rejects.toMatchObject({
			code: 'usage',
			message: expect.stringContaining('does not answer'),
		})
		await expect(sql.databases(plan)).rejects.toMatchObject({code: 'usage'})
	})
})
