import {JournalUnreadableError, PromotionFailedError, troubleOf, UsageError} from '../domain/errors.ts'
import type {RecoveryState} from '../domain/recovery/journal.ts'
import {recoveryStateOf} from '../domain/recovery/journal.ts'
import type {RestorePlan} from '../domain/recovery/plan.ts'
import type {Standing} from '../domain/recovery/progress.ts'
import type {Lsn} from '../domain/wal/lsn.ts'
import {formatLsn} from '../domain/wal/lsn.ts'
import type {World} from '../ports.ts'
import {notableLines, standingOf} from './restore.ts'

type FinishWorld = Pick<World, 'now' | 'pause' | 'engine' | 'journals'>

/** Opens the held cluster for writes on a new timeline. Throws PromotionFailedError, also when it does not hold where it was planned. */
export async function promoteRecovery(
	world: FinishWorld,
	plan: RestorePlan,
	how: string,
): Promise<{readonly timeline: number; readonly lsn: Lsn}> {
	const before = await world.engine.observe(plan)
	const standing = standingOf(plan, before)
	if (standing.state !== 'held') {
		throw new PromotionFailedError(`the restored server does not hold at the target: ${describeStanding(standing)}`, [
			`lastgood status ${plan.recovery}`,
			`read ${plan.workDirectory}/server.log`,
		])
	}
	await world.journals.append(plan.recovery, {event: 'promotion-requested', at: world.now(), how})
	try {
		await world.engine.promote(plan)
		const {answers} = await world.engine.observe(plan)
		if (answers === undefined || answers.inRecovery || answers.timeline === undefined) {
			throw new PromotionFailedError('the server was told to promote and does not say that it did', [
				`read ${plan.workDirectory}/server.log`,
			])
		}
		await world.journals.append(plan.recovery, {
			event: 'promoted',
			at: world.now(),
			timeline: answers.timeline,
			lsn: answers.replayEndLsn,
		})
		return {timeline: answers.timeline, lsn: answers.replayEndLsn}
	} catch (error) {
		const {log} = await world.engine.observe(plan).catch(() => before)
		const {code, message, whatToDo} = troubleOf(error)
		await world.journals.append(plan.recovery, {
			event: 'failed',
			at: world.now(),
			trouble: {code, message, whatToDo: [...whatToDo]},
			leaves: [plan.destination, plan.workDirectory],
			serverLog: [...notableLines(log)],
		})
		throw error
	}
}

function describeStanding(standing: Exclude<Standing, {state: 'held'}>): string {
	switch (standing.state) {
		case 'starting':
			return 'it is starting'
		case 'replaying':
			return 'it is replaying'
		case 'paused-elsewhere':
			return `it paused at ${formatLsn(standing.stoppedAtLsn)}`
		case 'paused-for-parameters':
			return `it paused at ${formatLsn(standing.stoppedAtLsn)} because a setting is lower than the WAL requires`
		case 'promoted-itself':
			return 'it promoted itself'
		case 'died':
			return `it stopped: ${standing.reasons.join(' | ') || 'it left no message'}`
		default:
			return standing satisfies never
	}
}

/** Stops the restored server and removes what the recovery made; its journal stays. Throws UsageError for a cluster that was promoted. */
export async function abandonRecovery(
	world: FinishWorld,
	state: RecoveryState,
	how: string,
): Promise<readonly string[]> {
	const plan = planOf(state)
	if (await wasPromoted(world, state, plan)) {
		throw new UsageError(
			`recovery ${state.recovery} was promoted: its cluster in ${plan.destination} is no longer lastgood’s to remove`,
			[
				`if it is really not wanted, stop it with ${plan.programs.directory}/pg_ctl -D ${plan.destination} stop and remove the folder by hand`,
			],
		)
	}
	await world.journals.append(state.recovery, {event: 'abandon-requested', at: world.now(), how})
	const removed = await world.engine.removeAll(plan)
	await world.journals.append(state.recovery, {event: 'abandoned', at: world.now(), removed: [...removed]})
	return removed
}

/**
 * Whether somebody's data may be in the restored cluster by now. The journal can have missed it: lastgood may have ended between
 * the request and the answer, so once a promotion was asked for, the server and its log are.
 */
async function wasPromoted(world: Pick<World, 'engine'>, state: RecoveryState, plan: RestorePlan): Promise<boolean> {
	if (state.phase === 'promoted') return true
	if (!state.promotionRequested) return false
	return standingOf(plan, await world.engine.observe(plan)).state === 'promoted-itself'
}

/** The recovery of this name, or the latest one that began to restore. Throws JournalUnreadableError. */
export async function findRecovery(world: Pick<World, 'journals'>, named: string | undefined): Promise<RecoveryState> {
	if (named !== undefined) return recoveryStateOf(named, await world.journals.read(named))
	const known = await world.journals.list()
	let drafted: RecoveryState | undefined
	for (const recovery of known.toSorted((a, b) => b.localeCompare(a, 'en', {numeric: true}))) {
		const state = recoveryStateOf(recovery, await world.journals.read(recovery))
		if (state.phase !== 'planning') return state
		drafted ??= state
	}
	if (drafted !== undefined) return drafted
	throw new JournalUnreadableError('no recovery is recorded here', [
		'start one: lastgood <source>',
		'or name the state folder it was started with: --state <folder>',
	])
}

/**
 * The recovery as it really is: lastgood may have been closed while the server went on replaying, and then nobody wrote down
 * that it reached its target. What the server shows now is added to the journal.
 */
export async function settle(
	world: Pick<World, 'now' | 'engine' | 'journals'>,
	state: RecoveryState,
): Promise<RecoveryState> {
	if (state.phase !== 'replaying' || state.plan === undefined) return state
	const observation = await world.engine.observe(state.plan)
	const standing = standingOf(state.plan, observation)
	if (standing.state !== 'held') return state
	await world.journals.append(state.recovery, {
		event: 'held',
		at: world.now(),
		stoppedAtLsn: standing.stoppedAtLsn,
		provenExact: standing.exact,
		serverLog: [...notableLines(observation.log)],
	})
	return recoveryStateOf(state.recovery, await world.journals.read(state.recovery))
}

/** The plan of a recovery. Throws UsageError for one that was never planned. */
export function planOf(state: RecoveryState): RestorePlan {
	if (state.plan === undefined)
		throw new UsageError(`recovery ${state.recovery} ended before there was a plan`, [
			'lastgood runbook tells what was done',
		])
	return state.plan
}

/** What `status` says, with where the server is right now when it runs. Its fields are a contract (cli.md). */
export async function statusJson(
	world: Pick<World, 'engine' | 'journals'>,
	state: RecoveryState,
): Promise<Record<string, unknown>> {
	const plan = planOf(state)
	const observation = state.phase === 'abandoned' ? undefined : await world.engine.observe(plan)
	const replayEndLsn = observation?.answers?.replayEndLsn
	return {
		recovery: state.recovery,
		phase: state.phase,
		...placeJson(world, plan),
		stoppedAtLsn: state.stoppedAtLsn === undefined ? null : formatLsn(state.stoppedAtLsn),
		provenExact: state.provenExact,
		timeline: state.timeline ?? plan.target.timeline,
		serverRunning: observation?.processAlive ?? false,
		replayEndLsn: replayEndLsn === undefined ? null : formatLsn(replayEndLsn),
		...(state.trouble === undefined ? {} : {trouble: state.trouble}),
	}
}

/** Where the restored cluster is and how to reach it. */
export function placeJson(world: Pick<World, 'journals'>, plan: RestorePlan): Record<string, unknown> {
	return {
		dataDirectory: plan.destination,
		socketDirectory: plan.socketDirectory,
		port: plan.port,
		user: plan.superuser,
		connect: connectCommand(plan),
		runbook: world.journals.pathOf(plan.recovery),
	}
}

/** How to reach the restored cluster by hand; the socket lets in root and the server's own account. */
export function connectCommand(plan: RestorePlan): readonly string[] {
	return [plan.psql, '-h', plan.socketDirectory, '-p', String(plan.port), '-U', plan.superuser]
}
