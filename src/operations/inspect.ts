import {OperatorError} from '../domain/errors.ts'
import type {CheckResult} from '../domain/recovery/check.ts'
import type {RestorePlan} from '../domain/recovery/plan.ts'
import {formatLsn} from '../domain/wal/lsn.ts'
import type {QueryAnswer, World} from '../ports.ts'
import {standingOf} from './restore.ts'

type InspectWorld = Pick<World, 'now' | 'engine' | 'sql' | 'journals'>

/** The built-in checks at the target, each in the journal as it is done. Throws when the restored server does not answer. */
export async function* runChecks(
	world: InspectWorld,
	plan: RestorePlan,
	signal?: AbortSignal,
): AsyncGenerator<CheckResult> {
	for await (const check of checksOf(world, plan, signal)) {
		await world.journals.append(plan.recovery, {event: 'check-finished', at: world.now(), ...check})
		yield check
	}
}

async function* checksOf(world: InspectWorld, plan: RestorePlan, signal?: AbortSignal): AsyncGenerator<CheckResult> {
	const observation = await world.engine.observe(plan)
	const standing = standingOf(plan, observation)
	const {answers} = observation
	const expectedLsn = formatLsn(plan.stop.replayEndLsn ?? plan.stop.lsn)
	yield {
		name: 'replay stopped where the plan says',
		outcome: standing.state === 'held' ? 'passed' : 'failed',
		expected:
			plan.stop.replayEndLsn === null ? `at or after ${expectedLsn}` : `end of the last record before ${expectedLsn}`,
		found: 'stoppedAtLsn' in standing ? formatLsn(standing.stoppedAtLsn) : standing.state,
	}
	yield {
		name: 'the server holds, in recovery',
		outcome: answers?.inRecovery === true && answers.pauseState === 'paused' ? 'passed' : 'failed',
		expected: 'in recovery, paused',
		found:
			answers === undefined
				? 'no answer'
				: `${answers.inRecovery ? 'in recovery' : 'out of recovery'}, ${answers.pauseState}`,
	}
	yield {
		name: 'nothing gets out and nobody gets in',
		outcome: answers?.archiveMode === 'off' && answers.listenAddresses === '' ? 'passed' : 'failed',
		expected: 'archive_mode off, no listen address',
		found:
			answers === undefined
				? 'no answer'
				: `archive_mode ${answers.archiveMode}, listen_addresses '${answers.listenAddresses}'`,
	}
	const [database] = await world.sql.databases(plan)
	if (database === undefined) return
	const {lastKept, firstLost} = plan.stop
	if (lastKept !== null) {
		const status = await transactionStatus(world, plan, database, lastKept.xid, signal)
		yield {
			name: `last kept commit, xid ${lastKept.xid}, is in`,
			outcome: outcomeFor(status === 'committed'),
			expected: 'committed',
			found: status,
		}
	}
	if (firstLost !== null) {
		const status = await transactionStatus(world, plan, database, firstLost.xid, signal)
		yield {
			name: `first lost commit, xid ${firstLost.xid}, is not in`,
			outcome: outcomeFor(status !== 'committed'),
			expected: 'not committed',
			found: status,
		}
	}
	yield await checksumCheck(world, plan, database, signal)
}

/** pg_xact_status wants the 64-bit xid: the epoch is the snapshot's, one less where the 32 bits would lie in its future. */
async function transactionStatus(
	world: InspectWorld,
	plan: RestorePlan,
	database: string,
	xid: number,
	signal?: AbortSignal,
): Promise<string> {
	const statement = `with now as (select pg_snapshot_xmax(pg_current_snapshot())::text::numeric as xmax),
		whole as (select xmax, xmax - mod(xmax, 4294967296) + ${xid} as candidate from now),
		placed as (select xmax, case when candidate - xmax > 2147483648 then candidate - 4294967296 else candidate end as xid from whole)
		select case when xid >= xmax then 'not begun' else coalesce(pg_xact_status(xid::text::xid8), 'too old to tell') end from placed`
	return firstValue(await world.sql.ask(plan, database, statement, signal)) ?? 'no answer'
}

async function checksumCheck(
	world: InspectWorld,
	plan: RestorePlan,
	database: string,
	signal?: AbortSignal,
): Promise<CheckResult> {
	const name = 'data checksums of what was read so far'
	const enabled = firstValue(await world.sql.ask(plan, database, 'show data_checksums', signal))
	if (enabled !== 'on')
		return {name, outcome: 'noted', expected: 'no failure', found: 'the cluster has no data checksums'}
	const failures = firstValue(
		await world.sql.ask(plan, database, 'select coalesce(sum(checksum_failures), 0) from pg_stat_database', signal),
	)
	return {name, outcome: outcomeFor(failures === '0'), expected: '0 failures', found: `${failures} failures`}
}

/** Asks the restored cluster one read-only question; the statement is in the journal, its rows are not. Throws UsageError for one that fails or would write. */
export async function askRestored(
	world: InspectWorld,
	plan: RestorePlan,
	database: string,
	statement: string,
	signal?: AbortSignal,
): Promise<QueryAnswer> {
	const write = (rows: number | null, problem: string | null) =>
		world.journals.append(plan.recovery, {event: 'question-asked', at: world.now(), database, statement, rows, problem})
	try {
		const answer = await world.sql.ask(plan, database, statement, signal)
		await write(answer.rows.length, null)
		return answer
	} catch (error) {
		if (error instanceof OperatorError) await write(null, error.message)
		throw error
	}
}

function firstValue(answer: QueryAnswer): string | undefined {
	return answer.rows[0]?.[0] ?? undefined
}

function outcomeFor(holds: boolean): 'passed' | 'failed' {
	return holds ? 'passed' : 'failed'
}
