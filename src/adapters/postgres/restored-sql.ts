import type pg from 'pg'
import Cursor from 'pg-cursor'
import {UsageError} from '../../domain/errors.ts'
import type {RestorePlan} from '../../domain/recovery/plan.ts'
import type {QueryAnswer, RestoredSql} from '../../ports.ts'
import {asText, connectPrivately, connectSomewhere, sqlState} from './private-connection.ts'

const rowsShown = 200
const statementTimeout = '60s'

const readingWords = ['SELECT', 'WITH', 'VALUES', 'TABLE', 'SHOW', 'EXPLAIN']

/**
 * Functions that change the server although the transaction is read-only. At the pause pg_wal_replay_resume() promotes
 * (postgres-recovery.md §3), and 13 has no role that may read everything and call none of them.
 */
const changingFunctions = [
	'pg_promote',
	'pg_wal_replay_resume',
	'pg_wal_replay_pause',
	'pg_terminate_backend',
	'pg_cancel_backend',
	'pg_reload_conf',
	'pg_rotate_logfile',
	'pg_switch_wal',
	'pg_create_restore_point',
	'pg_start_backup',
	'pg_stop_backup',
	'pg_backup_start',
	'pg_backup_stop',
	'pg_create_physical_replication_slot',
	'pg_create_logical_replication_slot',
	'pg_drop_replication_slot',
	'pg_replication_origin_\\w+',
	'pg_file_(?:write|rename|unlink|sync)',
	'pg_stat_(?:statements_)?reset\\w*',
	'lo_(?:import|export)',
	'dblink\\w*',
	// Could take the role that only reads off again; the others run a statement that is given to them as text.
	'set_config',
	'query_to_xml\\w*',
	'ts_stat',
]
const changingCall = new RegExp(`\\b(${changingFunctions.join('|')})"?(?:\\s|/\\*[^]*?\\*/|--[^\\n]*\\n)*\\(`, 'i')

/** Questions to the restored cluster, each in a connection and a read-only transaction of its own. */
export class LocalRestoredSql implements RestoredSql {
	async databases(plan: RestorePlan): Promise<readonly string[]> {
		const client = await connectSomewhere(plan, readOnlySession).catch(refused)
		try {
			const {rows} = await client.query<{datname: string}>(
				'select datname from pg_database where datallowconn and not datistemplate order by datname',
			)
			return rows.map(row => row.datname)
		} catch (error) {
			return refused(error)
		} finally {
			await client.end()
		}
	}

	async ask(plan: RestorePlan, database: string, statement: string, signal?: AbortSignal): Promise<QueryAnswer> {
		refuseUnlessReading(statement)
		signal?.throwIfAborted()
		const client = await connectPrivately(plan, database, readOnlySession).catch(refused)
		const cancel = () => {
			cancelStatement(plan, client).catch(() => {})
		}
		signal?.addEventListener('abort', cancel, {once: true})
		try {
			await client.query('begin read only')
			// A superuser's session could promote, terminate others and run programs; this role can read, and nothing else.
			if (plan.cluster.postgresMajor >= 14) await client.query('set local role pg_read_all_data')
			// Where a policy would hide rows, the statement fails: a check that misses rows in silence is worse than none.
			await client.query('set local row_security = off')
			return await readRows(client, statement)
		} catch (error) {
			signal?.throwIfAborted()
			throw statementTrouble(error)
		} finally {
			signal?.removeEventListener('abort', cancel)
			await client.end()
		}
	}
}

const readOnlySession = {default_transaction_read_only: 'on', statement_timeout: statementTimeout}

/** Throws UsageError for anything but one statement that reads; of two in one string the server itself refuses the second. */
function refuseUnlessReading(statement: string): void {
	const [word = ''] = /^[a-z]+/i.exec(withoutLead(statement)) ?? []
	if (word === '') throw new UsageError('there is no statement to ask', ['type a SELECT'])
	if (!readingWords.includes(word.toUpperCase())) {
		throw new UsageError(
			`${word.toUpperCase()} is refused: only ${readingWords.join(', ')} can be asked of the restored cluster`,
			cannotWrite,
		)
	}
	const [, changing] = changingCall.exec(statement) ?? []
	if (changing !== undefined) {
		throw new UsageError(
			`${changing.toLowerCase()}() is refused: it could change the server, and this prompt only reads`,
			cannotWrite,
		)
	}
}

const cannotWrite = [
	'to promote, use the step for it: it proves first that the server stands where it was planned',
	'to change data, promote first, then connect with psql',
]

/** The statement from its first word on, without the blanks, comments (which nest) and parentheses before it. */
function withoutLead(statement: string): string {
	let rest = statement
	for (;;) {
		rest = rest.replace(/^(?:[\s(]|--[^\n]*)+/, '')
		if (!rest.startsWith('/*')) return rest
		let depth = 0
		let at = 0
		do {
			const mark = rest.slice(at, at + 2)
			depth += mark === '/*' ? 1 : mark === '*/' ? -1 : 0
			at += mark === '/*' || mark === '*/' ? 2 : 1
		} while (depth > 0 && at < rest.length)
		rest = rest.slice(at)
	}
}

/** Rows through a portal of the extended protocol, which takes one statement and hands out no more rows than are asked for. */
async function readRows(client: pg.Client, statement: string): Promise<QueryAnswer> {
	const cursor = client.query(new Cursor<(string | null)[]>(statement, [], {rowMode: 'array', types: asText}))
	const {rows, columns} = await new Promise<{rows: (string | null)[][]; columns: string[]}>((resolve, reject) => {
		cursor.read(rowsShown + 1, (error: Error | undefined, read, result) => {
			if (error) reject(error)
			else resolve({rows: read, columns: result.fields.map(field => field.name)})
		})
	})
	await cursor.close()
	return {columns, rows: rows.slice(0, rowsShown), cut: rows.length > rowsShown}
}

async function cancelStatement(
	plan: RestorePlan,
	client: pg.Client & {readonly processID?: number | null},
): Promise<void> {
	const other = await connectSomewhere(plan, readOnlySession)
	try {
		await other.query('select pg_cancel_backend($1)', [client.processID])
	} finally {
		await other.end()
	}
}

function unanswered(error: unknown): UsageError {
	const words = error instanceof Error ? error.message : String(error)
	if (sqlState(error) === '3D000') return new UsageError(words, ['name a database of the cluster'], {cause: error})
	const whatToDo = ['lastgood status tells whether it runs']
	return new UsageError(`the restored server does not answer: ${words}`, whatToDo, {cause: error})
}

function refused(error: unknown): never {
	throw unanswered(error)
}

function statementTrouble(error: unknown): unknown {
	const state = sqlState(error)
	if (state === undefined) return unanswered(error)
	const {message, detail, hint} = error as pg.DatabaseError
	const words = [message, ...(detail === undefined ? [] : [detail])].join(': ')
	switch (state) {
		// read_only_sql_transaction
		case '25006':
			return new UsageError(`${words}: this prompt can only read`, cannotWrite, {cause: error})
		// insufficient_privilege
		case '42501':
			return new UsageError(words, ['the prompt reads as pg_read_all_data; as superuser, connect with psql'], {
				cause: error,
			})
		// query_canceled
		case '57014':
			return new UsageError(
				`${words} (a question may take ${statementTimeout})`,
				['ask for less, or connect with psql'],
				{cause: error},
			)
		default:
			return new UsageError(words, hint === undefined ? ['correct the statement and ask again'] : [hint], {
				cause: error,
			})
	}
}
