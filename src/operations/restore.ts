import {
	type OperatorError,
	PauseUnavailableError,
	ReplayAbortedError,
	TargetNotHonouredError,
	troubleOf,
} from '../domain/errors.ts'
import type {JournalEntry} from '../domain/recovery/journal.ts'
import type {PlanStepId, RestorePlan} from '../domain/recovery/plan.ts'
import type {
	CopyProgress,
	ReplayProgress,
	ServerLogFacts,
	ServerObservation,
	Standing,
} from '../domain/recovery/progress.ts'
import {judgeStanding, paceOf, readServerLog, replayedBytes} from '../domain/recovery/progress.ts'
import type {UtcInstant} from '../domain/time.ts'
import type {Lsn} from '../domain/wal/lsn.ts'
import {formatLsn} from '../domain/wal/lsn.ts'
import {parseSegmentFileName, segmentStartLsn} from '../domain/wal/segment.ts'
import type {World} from '../ports.ts'

type RestoreWorld = Pick<World, 'now' | 'pause' | 'engine' | 'journals'>

/** What is told while a plan is carried out. */
export type RestoreNews =
	| {readonly type: 'stepStarted'; readonly step: PlanStepId}
	| {readonly type: 'stepFinished'; readonly step: PlanStepId; readonly notes: readonly string[]}
	| {readonly type: 'copyProgressed'; readonly progress: CopyProgress}
	| {readonly type: 'replayProgressed'; readonly replay: ReplayProgress}

/** The restored server, paused at the target. */
export interface HeldRecovery {
	readonly stoppedAtLsn: Lsn
	readonly exact: boolean
	readonly observation: ServerObservation
}

const pollMs = 150
const logTailLines = 12

/**
 * Carries a plan out up to the pause at the target. Each step is in the journal before it is done. A failure before the
 * server has started removes what was made; after that the data and the server log stay for a look and `abandon` removes them.
 * Throws the OperatorError that stopped it.
 */
export async function carryOut(
	world: RestoreWorld,
	plan: RestorePlan,
	{
		signal,
		onNews,
		how,
	}: {readonly signal: AbortSignal; readonly onNews: (news: RestoreNews) => void; readonly how: string},
): Promise<HeldRecovery> {
	const {engine, journals} = world
	const write = (entry: JournalEntry) => journals.append(plan.recovery, entry)
	await write({event: 'confirmed', at: world.now(), how})

	async function step(id: PlanStepId, act: () => Promise<readonly string[]>): Promise<void> {
		signal.throwIfAborted()
		await write({event: 'step-started', at: world.now(), step: id})
		onNews({type: 'stepStarted', step: id})
		const notes = await act()
		await write({event: 'step-finished', at: world.now(), step: id, notes: [...notes]})
		onNews({type: 'stepFinished', step: id, notes})
	}

	let serverStarted = false
	try {
		await step('create-directories', async () => {
			await engine.createDirectories(plan)
			return []
		})
		await step('copy-base-backup', async () => {
			const copied = await engine.copyBaseBackup(plan, progress => onNews({type: 'copyProgressed', progress}), signal)
			return [`${copied.files} files, ${copied.bytes} bytes`]
		})
		await step('disarm', () => engine.disarm(plan))
		await step('write-configuration', () => engine.writeConfiguration(plan))
		await step('check-configuration', async () => {
			await engine.checkConfiguration(plan)
			return []
		})
		await step('start-server', async () => {
			serverStarted = true
			const {pid} = await engine.startServer(plan)
			await write({event: 'server-started', at: world.now(), pid})
			return [`process ${pid}`]
		})
		let held: HeldRecovery | undefined
		await step('replay', async () => {
			held = await replayToTarget(world, plan, signal, onNews)
			return [`stopped at ${formatLsn(held.stoppedAtLsn)}`]
		})
		if (held === undefined) throw new Error('replay ended without a verdict')
		await write({
			event: 'held',
			at: world.now(),
			stoppedAtLsn: held.stoppedAtLsn,
			provenExact: held.exact,
			serverLog: [...notableLines(held.observation.log)],
		})
		return held
	} catch (error) {
		const {leaves, serverLog, problems} = await cleanUp(world, plan, serverStarted)
		const failure = signal.aborted ? interrupted(plan, leaves, problems.length === 0) : error
		const {code, message, whatToDo} = troubleOf(failure)
		await write({
			event: 'failed',
			at: world.now(),
			trouble: {code, message, whatToDo: [...problems, ...whatToDo]},
			leaves: [...leaves],
			serverLog: [...serverLog],
		})
		throw failure
	}
}

async function replayToTarget(
	world: RestoreWorld,
	plan: RestorePlan,
	signal: AbortSignal,
	onNews: (news: RestoreNews) => void,
): Promise<HeldRecovery> {
	const startedAt = world.now()
	for (;;) {
		signal.throwIfAborted()
		const observation = await world.engine.observe(plan)
		const standing = standingOf(plan, observation)
		onNews({type: 'replayProgressed', replay: replayProgress(plan, observation, startedAt)})
		const held = heldOrThrow(plan, observation, standing)
		if (held !== undefined) return held
		await world.pause(pollMs, signal)
	}
}

/** Where the restored server stands against its plan. */
export function standingOf(plan: RestorePlan, observation: ServerObservation): Standing {
	return judgeStanding(observation, {
		stopLsn: plan.stop.lsn,
		replayEndLsn: plan.stop.replayEndLsn ?? undefined,
		walSegmentBytes: plan.cluster.walSegmentBytes,
	})
}

/** The held recovery, undefined while it is still on its way; throws what is wrong with where it ended. */
function heldOrThrow(plan: RestorePlan, observation: ServerObservation, standing: Standing): HeldRecovery | undefined {
	switch (standing.state) {
		case 'starting':
		case 'replaying':
			return undefined
		case 'held':
			return {stoppedAtLsn: standing.stoppedAtLsn, exact: standing.exact, observation}
		case 'paused-elsewhere':
			throw new TargetNotHonouredError(
				`the server paused at ${formatLsn(standing.stoppedAtLsn)}, but the plan stops at ${formatLsn(plan.stop.replayEndLsn ?? plan.stop.lsn)}`,
				[
					'do not promote it: this is not the state that was planned',
					`read ${plan.workDirectory}/server.log`,
					`lastgood abandon ${plan.recovery} --yes`,
				],
			)
		case 'paused-for-parameters':
			throw new TargetNotHonouredError(
				`the server paused at ${formatLsn(standing.stoppedAtLsn)} because a setting is lower than the WAL requires, not because it reached the target`,
				[
					`read the WARNING in ${plan.workDirectory}/server.log for the setting`,
					`lastgood abandon ${plan.recovery} --yes, and plan again`,
				],
			)
		case 'promoted-itself':
			throw new PauseUnavailableError(
				`the server did not pause at the target but promoted itself${standing.timeline === undefined ? '' : ` to timeline ${standing.timeline}`}: hot standby was not possible there`,
				[
					'the restored server was stopped; it archived nothing and nobody could connect to it',
					`read ${plan.workDirectory}/server.log, then lastgood abandon ${plan.recovery} --yes`,
					'choose a base backup that was taken while no transaction had more than 64 subtransactions',
				],
			)
		case 'died':
			throw new ReplayAbortedError(
				`the restored server stopped before the target: ${standing.reasons.join(' | ') || 'it left no message'}`,
				[`read ${plan.workDirectory}/server.log`, `lastgood abandon ${plan.recovery} --yes removes what was restored`],
			)
		default:
			return standing satisfies never
	}
}

function replayProgress(plan: RestorePlan, observation: ServerObservation, startedAt: UtcInstant): ReplayProgress {
	const facts = readServerLog(observation.log)
	const replayEndLsn = observation.answers?.replayEndLsn ?? lowerBoundFromLog(plan, facts)
	const redoLsn = facts.redoStartLsn ?? plan.backup.startLsn
	const {doneBytes, totalBytes} = replayedBytes(redoLsn, replayEndLsn ?? redoLsn, plan.stop.lsn)
	const pace = paceOf(startedAt, observation.at, doneBytes, totalBytes)
	return {
		accepting: observation.answers !== undefined,
		replayEndLsn,
		replayedAt: observation.answers?.lastReplayedAt,
		doneBytes,
		totalBytes,
		bytesPerSecond: pace.bytesPerSecond,
		etaMs: pace.etaMs,
		segment: facts.restoredSegments.at(-1),
		logTail: observation.log.slice(-logTailLines),
	}
}

/** Before the server answers, the log alone tells how far replay is: a segment is fetched when the one before it is used up. */
function lowerBoundFromLog(plan: RestorePlan, facts: ServerLogFacts): Lsn | undefined {
	if (facts.redoStartLsn === undefined) return undefined
	const {walSegmentBytes} = plan.cluster
	const segment = parseSegmentFileName(facts.restoredSegments.at(-1) ?? '', walSegmentBytes)
	if (segment === undefined) return facts.redoStartLsn
	const fetchedFrom = segmentStartLsn(segment.number, walSegmentBytes)
	return fetchedFrom > facts.redoStartLsn ? fetchedFrom : facts.redoStartLsn
}

interface CleanedUp {
	readonly leaves: readonly string[]
	readonly serverLog: readonly string[]
	/** What could not be cleaned up, and why. It is told with the failure and never takes its place. */
	readonly problems: readonly string[]
}

async function cleanUp({engine}: RestoreWorld, plan: RestorePlan, serverStarted: boolean): Promise<CleanedUp> {
	const made = [plan.destination, plan.workDirectory]
	const problemOf = (what: string) => (error: unknown) => [`${what}: ${troubleOf(error).message}`]
	if (serverStarted) {
		const log = await engine.observe(plan).then(
			observation => observation.log,
			() => [],
		)
		const problems = await engine.stopServer(plan).then(() => [], problemOf('the restored server was not stopped'))
		return {leaves: made, serverLog: notableLines(log), problems}
	}
	const problems = await engine.removeAll(plan).then(() => [], problemOf('what was made was not removed'))
	return {leaves: problems.length === 0 ? [] : made, serverLog: [], problems}
}

function interrupted(plan: RestorePlan, leaves: readonly string[], cleanedUp: boolean): OperatorError {
	const what = `the restore into ${plan.destination} was interrupted before it reached the target`
	if (leaves.length === 0)
		return new ReplayAbortedError(`${what}, and what it had made was removed`, [
			'nothing is left: make a new plan to restore again',
		])
	return new ReplayAbortedError(cleanedUp ? `${what}, and its server was stopped` : what, [
		`lastgood abandon ${plan.recovery} --yes removes ${leaves.join(' and ')}`,
		'make a new plan to restore again',
	])
}

/** The log lines that tell the story of a replay; the fetch of each segment is left out. */
export function notableLines(log: readonly string[]): readonly string[] {
	return log.filter(line => !/restored log file|: {2}redo in progress|the database system is /.test(line)).slice(-60)
}
