import {once} from 'node:events'
import {readFile} from 'node:fs/promises'
import {createServer, type Server, type Socket} from 'node:net'
import type pg from 'pg'
import {afterAll, afterEach, beforeAll, describe, expect, test} from 'vitest'
import {createNameSource} from '../../../src/adapters/postgres/names.ts'
import {connect} from '../../../src/demo/cluster.ts'
import {tableRows} from '../../../src/domain/names.ts'
import {instantAt} from '../../../src/domain/time.ts'
import type {RelationKey} from '../../../src/domain/wal/record.ts'
import {type ServerTestFolder, serverTestFolder} from '../../support/postgres.ts'
import {makeFor, type RestorableCluster, restorableCluster} from '../../support/restorable.ts'

const asOf = instantAt(1_790_000_000_000_000n)
const now = () => asOf
const ask = (
	conninfo: string | undefined,
	relations: readonly RelationKey[],
	signal?: AbortSignal,
	systemIdentifier?: string,
) => createNameSource({conninfo, now}).namesOf(relations, signal, systemIdentifier)

describe('the names of relations on a real primary', () => {
	let folder: ServerTestFolder
	let source: RestorableCluster
	let conninfo: string
	const keys = new Map<string, RelationKey>()

	async function remember(client: pg.Client, ...names: readonly string[]): Promise<void> {
		for (const name of names) {
			const {rows} = await client.query<{key: RelationKey}>(
				`select format('%s/%s/%s', coalesce(nullif(c.reltablespace, 0), d.dattablespace), d.oid, pg_relation_filenode(c.oid)) as key
				from pg_class c join pg_database d on d.datname = current_database() where c.oid = $1::regclass`,
				[name],
			)
			keys.set(name, rows[0]?.key ?? '0/0/0')
		}
	}
	const key = (name: string): RelationKey => keys.get(name) ?? '0/0/0'

	beforeAll(async () => {
		folder = await serverTestFolder()
		source = await restorableCluster(folder)
		const {primary, cluster} = source
		conninfo = `host=${cluster.socketDirectory} port=${cluster.port} user=${cluster.superuser} dbname=postgres`
		const tablespace = `${folder.path}/fast`
		await makeFor(folder.serverUser, tablespace)
		await primary.query(`create tablespace fast location '${tablespace}'`)
		await primary.query('create database harbor')
		await primary.query('create database archive tablespace fast')
		await primary.query('create materialized view latest as select * from ledger')
		await primary.query('create table on_fast (id int) tablespace fast')
		await primary.query('create sequence ids')
		const {rows} = await primary.query<{toast: string; toast_index: string}>(
			`select c.reltoastrelid::regclass::text as toast, i.indexrelid::regclass::text as toast_index
			from pg_class c join pg_index i on i.indrelid = c.reltoastrelid where c.oid = 'ledger'::regclass`,
		)
		const {toast = '', toast_index: toastIndex = ''} = rows[0] ?? {}
		await primary.query('vacuum full pg_class')
		await remember(primary, 'ledger', 'ledger_pkey', 'latest', 'on_fast', 'ids', 'pg_class')
		await remember(primary, toast, toastIndex)
		keys.set('toast', key(toast))
		keys.set('toast index', key(toastIndex))
		for (const name of ['harbor', 'archive']) {
			const client = await connect(cluster, name, 'test')
			await client.query('create schema trading')
			await client.query('create table trading."Bond reservations" (id int)')
			await remember(client, 'trading."Bond reservations"')
			keys.set(name, key('trading."Bond reservations"'))
			await client.end()
		}
	})
	afterAll(async () => {
		await source?.primary.end().catch(() => {})
		await folder?.remove()
	})

	test('are found in every database and tablespace, with what they serve', async () => {
		const wanted = [
			'ledger',
			'ledger_pkey',
			'latest',
			'on_fast',
			'ids',
			'pg_class',
			'toast',
			'toast index',
			'harbor',
			'archive',
		].map(key)
		const names = await ask(conninfo, wanted)
		expect(names).toMatchObject({source: 'primary', asOf, problem: undefined})
		const found = Object.fromEntries(wanted.map(relation => [relation, names.entries.get(relation)]))
		const here = {database: 'postgres', schema: 'public'}
		expect(found).toEqual({
			[key('ledger')]: {...here, name: 'ledger', kind: 'table'},
			[key('ledger_pkey')]: {...here, name: 'ledger_pkey', kind: 'index', table: 'public.ledger'},
			[key('latest')]: {...here, name: 'latest', kind: 'table'},
			[key('on_fast')]: {...here, name: 'on_fast', kind: 'table'},
			[key('ids')]: {...here, name: 'ids', kind: 'other'},
			[key('pg_class')]: {database: 'postgres', schema: 'pg_catalog', name: 'pg_class', kind: 'table'},
			[key('toast')]: {
				database: 'postgres',
				schema: 'pg_toast',
				name: expect.stringMatching(/^pg_toast_\d+$/),
				kind: 'toast',
				table: 'public.ledger',
			},
			[key('toast index')]: {
				database: 'postgres',
				schema: 'pg_toast',
				name: expect.stringMatching(/^pg_toast_\d+_index$/),
				kind: 'index',
				table: 'public.ledger',
			},
			[key('harbor')]: {database: 'harbor', schema: 'trading', name: 'Bond reservations', kind: 'table'},
			[key('archive')]: {database: 'archive', schema: 'trading', name: 'Bond reservations', kind: 'table'},
		})
		expect(key('archive')).not.toMatch(/^1663\//)
		expect(key('pg_class')).not.toMatch(/\/1259$/)
	})

	test('fold the TOAST table into its table', async () => {
		const names = await ask(conninfo, [key('ledger'), key('toast')])
		const rows = [
			{relation: key('toast'), inserted: 9, updated: 0, deleted: 0},
			{relation: key('ledger'), inserted: 1, updated: 0, deleted: 0},
		]
		expect(tableRows(names, rows)).toEqual([
			{name: 'public.ledger', database: 'postgres', relation: key('ledger'), inserted: 1, updated: 0, deleted: 0},
		])
	})

	test('are not made up for relations that are gone, databases that are gone, and other tablespaces', async () => {
		const [tablespace, database, filenode] = key('ledger').split('/').map(Number)
		const names = await ask(conninfo, [
			`1663/${database ?? 0}/99999999`,
			`1663/99999999/${filenode ?? 0}`,
			`${(tablespace ?? 0) + 1}/${database ?? 0}/${filenode ?? 0}`,
		])
		expect([...names.entries]).toEqual([])
		expect(names.problem).toBeUndefined()
	})

	test('are asked in a session that says who it is and first of all cannot write', async () => {
		const {primary, cluster} = source
		await primary.query("alter system set log_line_prefix = '<%a> '")
		await primary.query("alter system set log_statement = 'all'")
		await primary.query('select pg_reload_conf()')
		const said = async (): Promise<readonly string[]> =>
			(await readFile(cluster.serverLog, 'utf8')).split('\n').filter(line => line.startsWith('<lastgood>'))
		while ((await said()).length === 0) await ask(conninfo, [key('ledger')])
		expect((await said())[0]).toMatch(
			/statement: set default_transaction_read_only = on; set statement_timeout = '10s'; set lock_timeout = '1s'; set timezone = 'UTC'/,
		)
	})

	test('of another cluster are refused', async () => {
		const {rows} = await source.primary.query<{own: string}>(
			'select system_identifier::text as own from pg_control_system()',
		)
		const own = rows[0]?.own ?? ''
		expect((await ask(conninfo, [key('ledger')], undefined, own)).source).toBe('primary')
		expect(await ask(conninfo, [key('ledger')], undefined, '7710895412341931179')).toMatchObject({
			source: 'none',
			problem: `the primary is another cluster: its system identifier is ${own}, the archive's is 7710895412341931179`,
		})
	})

	test('are asked by URI as well, and of the database that everybody has when none is named', async () => {
		const {socketDirectory, port, superuser} = source.cluster
		for (const text of [
			`postgres://${superuser}@${encodeURIComponent(socketDirectory)}:${port}/postgres`,
			`postgres:///?host=${socketDirectory}&port=${port}&user=${superuser}`,
			`host=${socketDirectory} port=${port} user=${superuser}`,
		]) {
			expect((await ask(text, [key('ledger')])).entries.size, text).toBe(1)
		}
	})

	test('of a database that refuses stay unknown, the others do not', async () => {
		const {primary, cluster} = source
		await primary.query('create role reader login')
		await primary.query('revoke connect on database harbor from public')
		const names = await ask(`host=${cluster.socketDirectory} port=${cluster.port} user=reader dbname=postgres`, [
			key('harbor'),
			key('archive'),
		])
		expect([...names.entries.keys()]).toEqual([key('archive')])
		expect(names.source).toBe('primary')
		expect(names.problem).toMatch(/^database harbor: permission denied for database/)
	})
})

describe('a primary that does not answer', () => {
	let server: Server | undefined
	const sockets: Socket[] = []

	afterEach(() => {
		for (const socket of sockets.splice(0)) socket.destroy()
		server?.close()
	})

	/** Listens on a free port and does with each connection what is told. */
	async function listening(onConnection: (socket: Socket, nth: number) => void): Promise<number> {
		server = createServer(socket => {
			sockets.push(socket)
			socket.on('error', () => {})
			onConnection(socket, sockets.length)
		})
		server.listen(0, '127.0.0.1')
		await once(server, 'listening')
		const address = server.address()
		if (address === null || typeof address === 'string') throw new Error('no port')
		return address.port
	}

	test('gives no names and says why, never an error and never a password', async () => {
		for (const conninfo of [
			'host=/nonexistent user=postgres password=secret',
			'host=127.0.0.1 port=1 user=postgres password=secret',
			'host=localhost port=1 user=postgres password=secret',
			'postgres://postgres:secret@127.0.0.1:1/postgres',
			"password='secret",
			'host=a,b password=secret',
			'host=127.0.0.1 port=1 sslmode=verify-full sslrootcert=/nonexistent password=secret',
		]) {
			const names = await ask(conninfo, ['1663/5/16402'])
			expect(names).toMatchObject({source: 'none', asOf: undefined, problem: expect.stringMatching(/.{10}/)})
			expect(names.entries.size).toBe(0)
			expect(names.problem).not.toContain('secret')
		}
	})

	test('because none was named is said so', async () => {
		expect(await ask(undefined, ['1663/5/16402'])).toMatchObject({
			source: 'none',
			problem: expect.stringContaining('--primary'),
		})
	})

	test('is waited for three seconds', async () => {
		const port = await listening(() => {})
		const startedAt = performance.now()
		const names = await ask(`host=127.0.0.1 port=${port} user=postgres dbname=postgres sslmode=disable`, [
			'1663/5/16402',
		])
		expect(names.source).toBe('none')
		expect(names.problem).toContain('timeout')
		expect(performance.now() - startedAt).toBeLessThan(6000)
	})

	test('with TLS is asked without, unless it is required', async () => {
		let plain = 0
		const port = await listening(socket => {
			socket.once('data', (bytes: Buffer) => {
				const wantsTls = bytes.length === 8 && bytes.readInt32BE(4) === 80877103
				if (wantsTls) socket.write('N')
				else {
					plain++
					socket.destroy()
				}
			})
		})
		const place = `host=127.0.0.1 port=${port} user=postgres dbname=postgres`
		expect((await ask(`${place} sslmode=require`, ['1663/5/16402'])).problem).toContain('does not support SSL')
		expect(plain).toBe(0)
		await ask(place, ['1663/5/16402'])
		expect(plain).toBe(1)
	})

	test('is given up at once when it is aborted', async () => {
		const port = await listening(() => {})
		const abort = new AbortController()
		const reason = new Error('the operator left')
		const asking = ask(
			`host=127.0.0.1 port=${port} user=postgres dbname=postgres sslmode=disable`,
			['1663/5/16402'],
			abort.signal,
		)
		setTimeout(() => abort.abort(reason), 50)
		const startedAt = performance.now()
		await expect(asking).rejects.toBe(reason)
		expect(performance.now() - startedAt).toBeLessThan(2000)
	})
})
