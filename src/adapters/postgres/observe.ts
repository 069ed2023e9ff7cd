import {open} from 'node:fs/promises'
import type pg from 'pg'
import type {RestorePlan} from '../../domain/recovery/plan.ts'
import type {ServerAnswers, ServerLogLine, ServerObservation} from '../../domain/recovery/progress.ts'
import {workFile} from '../../domain/recovery/wal-feed.ts'
import {parseWaldumpTime, type UtcInstant} from '../../domain/time.ts'
import {parseLsn} from '../../domain/wal/lsn.ts'
import {timelineId} from '../../domain/wal/timeline.ts'
import {systemCode} from '../durable-files.ts'
import {connectSomewhere, type PrivateClient} from './private-connection.ts'
import {postmasterPid} from './server.ts'

const answerTimeoutMs = 5000

/** Watches one restored server: reads on in its log, and keeps a connection open between two looks. */
export class ServerWatch {
	readonly #plan: RestorePlan
	readonly #log: LogReader
	#client: PrivateClient | undefined
	#lastLook: Promise<unknown> = Promise.resolve()

	constructor(plan: RestorePlan) {
		this.#plan = plan
		this.#log = new LogReader(workFile(plan.workDirectory, 'serverLog'))
	}

	/** One look after the other: two at once would read the same piece of the log twice. */
	look(now: () => UtcInstant): Promise<ServerObservation> {
		const looking = this.#lastLook.then(() => this.#look(now()))
		this.#lastLook = looking.catch(() => {})
		return looking
	}

	async #look(at: UtcInstant): Promise<ServerObservation> {
		// In this order, so that a server that is seen dead is seen with its last words.
		const alive = (await postmasterPid(this.#plan)) !== undefined
		const log = await this.#log.read()
		// Refused connections would fill the log with FATAL lines that mean nothing.
		if (!alive || !this.#log.saysReady) return {at, processAlive: alive, log, answers: undefined}
		const answers = await this.#ask()
		return {at, processAlive: alive, log: await this.#log.read(), answers}
	}

	/** Lets go of the connection, without waiting for a server that may be hanging. */
	close(): void {
		this.#client?.end().catch(() => {})
		this.#client = undefined
	}

	async #ask(): Promise<ServerAnswers | undefined> {
		try {
			this.#client ??= await connectSomewhere(this.#plan, {default_transaction_read_only: 'on'})
			this.#client.ref()
			const {rows} = await this.#client.query<Record<string, string | null>>({
				text: questionFor(this.#plan.cluster.postgresMajor),
				query_timeout: answerTimeoutMs,
			} as pg.QueryConfig)
			// Between two looks the connection must not keep a finished command waiting.
			this.#client.unref()
			return answersOf(rows[0] ?? {})
		} catch {
			// Starting, stopping, or replay has cut us off: the next look tries again.
			this.close()
			return undefined
		}
	}
}

/**
 * One statement, so that all of it is of one moment. Of the two sides of each CASE only the one that fits is run: the other
 * is an error during recovery, or outside of it. In recovery the timeline is the last restartpoint's, as pg_control has it.
 */
function questionFor(postgresMajor: number): string {
	const pauseState =
		postgresMajor >= 14
			? 'pg_get_wal_replay_pause_state()'
			: "case when pg_is_wal_replay_paused() then 'paused' else 'not paused' end"
	return `select pg_is_in_recovery() as in_recovery,
		case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_flush_lsn() end as replay_end_lsn,
		to_char(pg_last_xact_replay_timestamp() at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') as last_replayed_at,
		case when pg_is_in_recovery() then ${pauseState} else 'not paused' end as pause_state,
		case when pg_is_in_recovery() then (select timeline_id from pg_control_checkpoint())
			else ('x' || left(pg_walfile_name(pg_current_wal_flush_lsn()), 8))::bit(32)::int end as timeline,
		current_setting('archive_mode') as archive_mode,
		current_setting('listen_addresses') as listen_addresses`
}

function answersOf(row: Readonly<Record<string, string | null>>): ServerAnswers | undefined {
	const replayEndLsn = parseLsn(row.replay_end_lsn ?? '')
	const pauseState = row.pause_state
	// There is no replay position before the first record.
	if (replayEndLsn === undefined) return undefined
	return {
		inRecovery: row.in_recovery === 't',
		replayEndLsn,
		lastReplayedAt: parseWaldumpTime(row.last_replayed_at ?? ''),
		pauseState: pauseState === 'paused' || pauseState === 'pause requested' ? pauseState : 'not paused',
		timeline: timelineId(Number(row.timeline)),
		archiveMode: row.archive_mode ?? '',
		listenAddresses: row.listen_addresses ?? '',
	}
}

/** Reads a growing log, each byte once. */
class LogReader {
	readonly #path: string
	#file = ''
	#offset = 0
	#pending: Buffer = Buffer.alloc(0)
	#lines: readonly ServerLogLine[] = []
	#saysReady = false

	constructor(path: string) {
		this.#path = path
	}

	/** Whether the server has said that it accepts connections, read-only ones or all. */
	get saysReady(): boolean {
		return this.#saysReady
	}

	/** Every line from the beginning, with what there is of the last one. */
	async read(): Promise<readonly ServerLogLine[]> {
		const file = await open(this.#path).catch(error => {
			if (systemCode(error) === 'ENOENT') return undefined
			throw error
		})
		if (file === undefined) return []
		try {
			const {size, ino, dev} = await file.stat()
			// A server that is started again writes a file of its own.
			if (this.#file !== `${dev}:${ino}` || size < this.#offset) {
				this.#file = `${dev}:${ino}`
				this.#offset = 0
				this.#pending = Buffer.alloc(0)
				this.#lines = []
				this.#saysReady = false
			}
			if (size > this.#offset) {
				const added = Buffer.alloc(size - this.#offset)
				const {bytesRead} = await file.read(added, 0, added.length, this.#offset)
				this.#offset += bytesRead
				this.#take(Buffer.concat([this.#pending, added.subarray(0, bytesRead)]))
			}
		} finally {
			await file.close()
		}
		return this.#pending.length === 0 ? this.#lines : [...this.#lines, this.#pending.toString()]
	}

	#take(bytes: Buffer): void {
		const end = bytes.lastIndexOf(0x0a) + 1
		if (end > 0) {
			const added = bytes
				.subarray(0, end - 1)
				.toString()
				.split('\n')
			this.#lines = [...this.#lines, ...added]
			this.#saysReady ||= added.some(line => line.includes('LOG:  database system is ready to accept '))
		}
		this.#pending = bytes.subarray(end)
	}
}
