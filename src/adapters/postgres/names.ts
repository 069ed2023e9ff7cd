import {access, readFile} from 'node:fs/promises'
import {Socket} from 'node:net'
import {homedir} from 'node:os'
import {join} from 'node:path'
import type {ConnectionOptions} from 'node:tls'
import pg from 'pg'
import {noNames, type RelationName, type RelationNames} from '../../domain/names.ts'
import type {UtcInstant} from '../../domain/time.ts'
import type {RelationKey} from '../../domain/wal/record.ts'
import type {NameSource} from '../../ports.ts'
import {type ConnectionKeywords, parseConninfo} from './conninfo.ts'
import {asText, sqlState} from './private-connection.ts'

/** Where the names come from. */
export interface NameSourceOptions {
	/** As libpq takes it; nobody is asked when absent. */
	readonly conninfo: string | undefined
	readonly now: () => UtcInstant
}

const connectTimeoutMs = 3000

/**
 * Before anything is asked. Waiting for a lock would hold the damaged server's own work up behind it; an empty search path
 * keeps functions that somebody put into a schema from being called.
 */
const readOnlySession = [
	'set default_transaction_read_only = on',
	"set statement_timeout = '10s'",
	"set lock_timeout = '1s'",
	"set timezone = 'UTC'",
	'set search_path = pg_catalog',
].join('; ')

/**
 * Asks the primary for the names of relations, by the file numbers they have now: what was dropped, truncated or rewritten
 * since is not among them. It never throws but for its signal; what went wrong stands in `problem`.
 */
export function createNameSource({conninfo, now}: NameSourceOptions): NameSource {
	return {
		async namesOf(relations, signal, systemIdentifier) {
			signal?.throwIfAborted()
			if (conninfo === undefined) return noNames('no primary was named to ask for table names (--primary)')
			const reading = parseConninfo(conninfo)
			if (!reading.ok) return noNames(reading.problem)
			try {
				return await askPrimary(new Primary(reading.keywords, signal), relations, systemIdentifier, now)
			} catch (error) {
				signal?.throwIfAborted()
				return noNames(`the primary does not answer: ${textOf(error)}`)
			}
		},
	}
}

async function askPrimary(
	primary: Primary,
	relations: readonly RelationKey[],
	systemIdentifier: string | undefined,
	now: () => UtcInstant,
): Promise<RelationNames> {
	const overview = await primary.ask(undefined, async client => ({
		identifier: await rowsOf(client, 'select system_identifier from pg_control_system()').catch(() => []),
		databases: await rowsOf(client, 'select oid, datname from pg_database where datallowconn'),
	}))
	const found = overview.identifier[0]?.system_identifier
	if (systemIdentifier !== undefined && found !== undefined && found !== systemIdentifier) {
		return noNames(
			`the primary is another cluster: its system identifier is ${found}, the archive's is ${systemIdentifier}`,
		)
	}
	const nameOfDatabase = new Map(overview.databases.map(({oid, datname}) => [Number(oid), datname ?? '']))
	const wanted = Map.groupBy(relations, relation => Number(relation.split('/')[1]))
	const entries = new Map<RelationKey, RelationName>()
	const problems: string[] = []
	for (const [oid, keys] of wanted) {
		const database = nameOfDatabase.get(oid)
		if (database === undefined) continue
		try {
			const named = await primary.ask(database, client => namesIn(client, database, keys))
			for (const [key, name] of named) entries.set(key, name)
		} catch (error) {
			primary.signal?.throwIfAborted()
			problems.push(`database ${database}: ${textOf(error)}`)
		}
	}
	return {source: 'primary', asOf: now(), problem: problems.length === 0 ? undefined : problems.join('; '), entries}
}

/**
 * Of an index the table it is on, of a TOAST table and its index the table whose values it holds. pg_class.relfilenode is 0
 * for mapped catalogs, so the function is asked; reltablespace 0 means the database's own.
 */
const relationsByFile = `
	select coalesce(nullif(c.reltablespace, 0), d.dattablespace) as tablespace, d.oid as database,
		pg_relation_filenode(c.oid) as filenode, n.nspname as schema, c.relname as name, c.relkind as kind,
		tn.nspname as table_schema, t.relname as table_name
	from pg_class c
	join pg_namespace n on n.oid = c.relnamespace
	join pg_database d on d.datname = current_database()
	left join pg_index i on i.indexrelid = c.oid
	left join pg_class o on o.reltoastrelid <> 0 and o.reltoastrelid = coalesce(i.indrelid, c.oid)
	left join pg_class t on t.oid = coalesce(o.oid, i.indrelid)
	left join pg_namespace tn on tn.oid = t.relnamespace
	where pg_relation_filenode(c.oid) = any ($1::oid[])`

async function namesIn(
	client: pg.Client,
	database: string,
	keys: readonly RelationKey[],
): Promise<readonly (readonly [RelationKey, RelationName])[]> {
	const wanted = new Set(keys)
	const filenodes = keys.map(key => key.slice(key.lastIndexOf('/') + 1))
	const rows = await rowsOf(client, relationsByFile, [`{${filenodes.join(',')}}`])
	return rows.flatMap(row => {
		const key: RelationKey = `${Number(row.tablespace)}/${Number(row.database)}/${Number(row.filenode)}`
		if (!wanted.has(key)) return []
		const serves = row.table_name === null ? {} : {table: `${row.table_schema}.${row.table_name}`}
		return [
			[key, {database, schema: row.schema ?? '', name: row.name ?? '', kind: kindOf(row.kind), ...serves}] as const,
		]
	})
}

function kindOf(relkind: string | null | undefined): RelationName['kind'] {
	switch (relkind) {
		case 'r':
		case 'm':
			return 'table'
		case 't':
			return 'toast'
		case 'i':
			return 'index'
		default:
			return 'other'
	}
}

async function rowsOf(
	client: pg.Client,
	text: string,
	values: readonly string[] = [],
): Promise<readonly Readonly<Record<string, string | null>>[]> {
	const {rows} = await client.query<Record<string, string | null>>({text, values: [...values], types: asText})
	return rows
}

/** The server behind a connection string, asked for one thing per connection. */
class Primary {
	readonly signal: AbortSignal | undefined
	readonly #keywords: ConnectionKeywords

	constructor(keywords: ConnectionKeywords, signal: AbortSignal | undefined) {
		this.#keywords = keywords
		this.signal = signal
	}

	/** Of this database, or of the one that the connection string names. */
	async ask<Answer>(database: string | undefined, question: (client: pg.Client) => Promise<Answer>): Promise<Answer> {
		const client = await this.#connect(database)
		const stop = (): void => {
			client.end().catch(() => {})
		}
		this.signal?.addEventListener('abort', stop, {once: true})
		try {
			this.signal?.throwIfAborted()
			await client.query(readOnlySession)
			return await question(client)
		} finally {
			this.signal?.removeEventListener('abort', stop)
			await client.end().catch(() => {})
		}
	}

	async #connect(database: string | undefined): Promise<pg.Client> {
		const {dbname} = this.#keywords
		const named = database ?? dbname
		if (named !== undefined) return this.#open(named)
		// libpq takes the user's name; where no such database is, every cluster has this one.
		return this.#open(undefined).catch((error: unknown) => {
			if (sqlState(error) !== '3D000') throw error
			return this.#open('postgres')
		})
	}

	async #open(database: string | undefined): Promise<pg.Client> {
		const {host = await defaultHost(), port, user, password, sslmode} = this.#keywords
		if (host.includes(',') || port?.includes(',') === true) throw new Error('it can be only one host')
		const place = {
			host,
			...(port === undefined ? {} : {port: Number(port)}),
			...(user === undefined ? {} : {user}),
			...(password === undefined ? {} : {password}),
			...(database === undefined ? {} : {database}),
			application_name: 'lastgood',
			connectionTimeoutMillis: connectTimeoutMs,
		}
		const ssl = host.startsWith('/') ? false : await tlsOf(this.#keywords)
		try {
			return await connected({...place, ssl}, this.signal)
		} catch (error) {
			// `prefer`, the default, takes what the server offers; pg itself does not.
			const optional = sslmode === undefined || sslmode === 'prefer' || sslmode === 'allow'
			if (ssl === false || !optional || !(error instanceof Error) || !/does not support SSL/.test(error.message))
				throw error
			return connected({...place, ssl: false}, this.signal)
		}
	}
}

async function connected(config: pg.ClientConfig, signal: AbortSignal | undefined): Promise<pg.Client> {
	signal?.throwIfAborted()
	// Of its own, because pg has no way to give up a connection that is still being made.
	const socket = new Socket()
	const client = new pg.Client({...config, stream: () => socket})
	// A server that stops says so to every connection; whoever waits for an answer gets the error.
	client.on('error', () => {})
	const stop = (): void => {
		socket.destroy()
	}
	signal?.addEventListener('abort', stop, {once: true})
	try {
		await client.connect()
		return client
	} catch (error) {
		stop()
		throw error
	} finally {
		signal?.removeEventListener('abort', stop)
	}
}

/** Without a host libpq takes the socket directory that it was built with: Debian's, then upstream's. */
async function defaultHost(): Promise<string> {
	const {PGHOST} = process.env
	if (PGHOST !== undefined && PGHOST !== '') return PGHOST
	for (const directory of ['/var/run/postgresql', '/tmp']) {
		const socket = join(directory, `.s.PGSQL.${process.env.PGPORT ?? 5432}`)
		if (
			await access(socket).then(
				() => true,
				() => false,
			)
		)
			return directory
	}
	return 'localhost'
}

/** TLS as `sslmode` asks for it: up to `require` anybody's certificate will do, `verify-ca` does not compare host names. */
async function tlsOf(keywords: ConnectionKeywords): Promise<ConnectionOptions | false> {
	const {sslmode = 'prefer', sslrootcert, sslcert, sslkey} = keywords
	if (sslmode === 'disable') return false
	const own = {
		...(sslcert === undefined ? {} : {cert: await readFile(sslcert)}),
		...(sslkey === undefined ? {} : {key: await readFile(sslkey)}),
	}
	if (sslmode !== 'verify-ca' && sslmode !== 'verify-full') return {...own, rejectUnauthorized: false}
	const root = sslrootcert ?? join(homedir(), '.postgresql', 'root.crt')
	const ca = root === 'system' ? {} : {ca: await readFile(root)}
	return {...own, ...ca, ...(sslmode === 'verify-ca' ? {checkServerIdentity: () => undefined} : {})}
}

/** A refused connection to a name with several addresses is an AggregateError without words of its own. */
function textOf(error: unknown): string {
	if (error instanceof AggregateError && error.message === '') return error.errors.map(textOf).join('; ')
	return error instanceof Error ? error.message : String(error)
}
