import {chainFrom} from '../domain/archive/chain.ts'
import type {BaseBackup} from '../domain/archive/survey.ts'
import {tableRows} from '../domain/names.ts'
import {estimateRecovery, type MeasuredPace, measuredPaces} from '../domain/recovery/estimate.ts'
import {recoveryStateOf} from '../domain/recovery/journal.ts'
import {consistentLsnOf, type DecodedPath} from '../domain/recovery/path.ts'
import {type NamedBoundary, plannedTarget, planSteps, type RestorePlan} from '../domain/recovery/plan.ts'
import {disarmedStatements, serverSettings} from '../domain/recovery/settings.ts'
import {type Consequences, type RecoveryTarget, targetValue} from '../domain/recovery/target.ts'
import {listedWal, restoreCommandSetting} from '../domain/recovery/wal-feed.ts'
import {describeCount} from '../domain/text.ts'
import {formatSecond, type UtcInstant} from '../domain/time.ts'
import {formatLsn, type Lsn, walBytesBetween} from '../domain/wal/lsn.ts'
import type {DecodedWal, TransactionBoundary} from '../domain/wal/record.ts'
import type {OpenedArchive, World} from '../ports.ts'
import {obstacleTo} from './obstacle.ts'
import {decideDestination, decidePort, refuseLineBreak, requireReadable} from './place.ts'
import {
	decideStop,
	firstNotApplied,
	lastNeededLsn,
	noUsableBackup,
	refuseBucket,
	refuseTablespaces,
	requireWhole,
	resolveLatest,
} from './stop.ts'

type PlanWorld = Pick<World, 'now' | 'host' | 'journals'>

/** What the operator decided. */
export interface PlanRequest {
	readonly target: RecoveryTarget
	readonly destination: string
	readonly port?: number
	readonly incident?: {readonly typed: string; readonly at: UtcInstant; readonly zone: string}
	/** The recovery whose journal is already open; a new name is made when absent. */
	readonly recovery?: string
}

/**
 * Decides a restore: the stop and what it keeps and loses, the base backup, the segments, the place, every setting and command.
 * Nothing is done yet. Throws the OperatorError that says why it cannot succeed, with the nearest thing that can.
 */
export async function planRestore(
	world: PlanWorld,
	{survey}: OpenedArchive,
	path: DecodedPath,
	request: PlanRequest,
): Promise<RestorePlan> {
	const {backup: decodedFrom} = path
	if (decodedFrom === undefined) throw noUsableBackup(survey)
	const target = resolveLatest(request.target, path)
	const {consequences, backup, why, rejected} = decideStop(survey, path, decodedFrom, target)
	const chain = chainFrom(survey, path.history, backup.startLsn)
	const neededEndLsn = lastNeededLsn(path.wal, consequences)
	const notAppliedFromLsn = firstNotApplied(path.wal, target, consequences)
	requireWhole(chain, neededEndLsn, survey.cluster.walSegmentBytes)
	refuseTablespaces(path.wal, backup, notAppliedFromLsn)
	refuseBucket(survey, backup)

	const recovery = request.recovery ?? (await newRecoveryName(world))
	const {host} = world
	const serverUser = await host.serverUser(request.destination)
	const place = await decideDestination(world, survey, backup, request.destination, serverUser)
	const workDirectory = `${place.path}.lastgood`
	const socketDirectory = host.socketDirectory(workDirectory, recovery)
	const port = await decidePort(world, request.port)
	const programs = await host.serverPrograms(survey.cluster.postgresMajor)
	await requireReadable(world, survey, chain, serverUser)
	const controlData = await host.controlData(backup, programs.directory)
	const replayBytes = Math.max(0, walBytesBetween(backup.startLsn, consequences.stopLsn))
	const wal = listedWal(survey, chain, path.history, neededEndLsn)
	for (const path of [...wal.runs.map(run => run.directory), ...wal.histories.map(history => history.path)]) {
		refuseLineBreak(path, 'name the archive by a path without one, a symbolic link for instance')
	}
	const estimate = estimateRecovery(backup.bytes, replayBytes, await pastPaces(world))
	const required = requiredSettings(controlData, path.wal, notAppliedFromLsn)

	const plan: RestorePlan = {
		version: 1,
		recovery,
		plannedAt: world.now(),
		source: {location: survey.location, layout: survey.layout, store: survey.store},
		cluster: {
			systemIdentifier: survey.cluster.systemIdentifier,
			postgresMajor: survey.cluster.postgresMajor,
			walSegmentBytes: survey.cluster.walSegmentBytes,
		},
		target: plannedTarget(request.target, targetValue(target)),
		newTimeline: nextTimeline(survey, target.timeline),
		stop: {
			lsn: consequences.stopLsn,
			replayEndLsn: consequences.replayEndLsn ?? null,
			lastKept: named(consequences.lastKept),
			firstLost: named(consequences.firstLost),
		},
		inFlight: [...consequences.inFlight],
		preparedInDoubt: [...consequences.preparedInDoubt],
		kept: {commits: consequences.keptCommits},
		lost: {
			commits: consequences.lostCommits,
			untilAt: consequences.lostUntil ?? null,
			tables: tableRows(path.names, consequences.lostRows).map(row => ({...row, database: row.database ?? null})),
		},
		backup: {
			id: backup.id,
			why,
			location: backup.location,
			timeline: backup.timeline,
			startLsn: backup.startLsn,
			consistentLsn: consistentLsnOf({backup, wal: path.wal}),
			stoppedAt: backup.stoppedAt ?? null,
			bytes: backup.bytes,
			files: backup.fileCount,
			rejected: [...rejected],
		},
		wal: {...wal, replayBytes},
		destination: place.path,
		destinationExisted: place.existed,
		workDirectory,
		socketDirectory,
		port,
		serverUser: {...serverUser},
		programs: {...programs},
		superuser: await host.superuserOf(backup),
		psql: await host.psql(programs.directory),
		settings: serverSettings({
			recovery,
			target,
			postgresMajor: survey.cluster.postgresMajor,
			workDirectory,
			socketDirectory,
			port,
			restoreCommand: restoreCommandSetting(workDirectory),
			required,
		}).map(([name, value]) => [name, value]),
		disarmed: disarmedStatements(survey.cluster.postgresMajor),
		steps: [],
		estimate,
		findings: planFindings(path, backup, consequences),
		incident: request.incident ?? null,
	}
	return {...plan, steps: planSteps(plan)}
}

async function newRecoveryName({now, journals}: PlanWorld): Promise<string> {
	const moment = now()
	const base = `r${formatSecond(moment).replaceAll(/[-:Z]/g, '').replace(' ', '-')}`
	const taken = new Set(await journals.list())
	for (let copy = 1; ; copy++) {
		const name = copy === 1 ? base : `${base}-${copy}`
		if (!taken.has(name)) return name
	}
}

/** The server probes history files upward from the target's timeline and takes the first number that has none. */
function nextTimeline({timelines}: OpenedArchive['survey'], target: number): number {
	const known = new Set<number>(
		timelines.flatMap(({history, historyFile}) => (historyFile === undefined ? [] : [history.timeline])),
	)
	let next = target + 1
	while (known.has(next)) next++
	return next
}

/** pg_control holds the values at backup time; a PARAMETER_CHANGE on the path can have raised them since (postgres-recovery.md §4). */
function requiredSettings(
	controlData: Readonly<Record<string, string>>,
	wal: DecodedWal,
	notAppliedFromLsn: Lsn,
): Readonly<Record<string, number>> {
	const required: Record<string, number> = {}
	const raise = (name: string, value: number) => {
		if (Number.isFinite(value)) required[name] = Math.max(required[name] ?? 0, value)
	}
	for (const [name, line] of controlDataLines) raise(name, Number(controlData[line]))
	for (const change of wal.facts.parameterChanges.filter(candidate => candidate.lsn < notAppliedFromLsn)) {
		for (const [name, value] of Object.entries(change.settings)) raise(name, value)
	}
	return required
}

const controlDataLines: readonly (readonly [string, string])[] = [
	['max_connections', 'max_connections setting'],
	['max_worker_processes', 'max_worker_processes setting'],
	['max_wal_senders', 'max_wal_senders setting'],
	['max_prepared_transactions', 'max_prepared_xacts setting'],
	['max_locks_per_transaction', 'max_locks_per_xact setting'],
]

function planFindings(path: DecodedPath, backup: BaseBackup, consequences: Consequences): RestorePlan['findings'] {
	const {wal} = path
	const onPath = (lsn: Lsn) => lsn >= backup.startLsn && lsn < consequences.stopLsn
	const findings: RestorePlan['findings'] = []
	const overflow = wal.facts.subtransactionOverflows.find(onPath)
	if (overflow !== undefined) {
		findings.push({
			code: 'subxact-overflow',
			severity: 'warning',
			message: `at ${formatLsn(overflow)} a transaction had more than 64 subtransactions: hot standby, and with it the pause at the target, may not be possible`,
			whatToDo: [
				'lastgood checks that the server really holds; if it promotes instead, it is stopped: nobody can connect to it and it archives nothing',
			],
		})
	}
	if (consequences.preparedInDoubt.length > 0) {
		findings.push({
			code: 'prepared-in-doubt',
			severity: 'warning',
			message: `${describeCount(consequences.preparedInDoubt.length, 'prepared transaction')} in doubt at the target, holding locks after promotion: ${consequences.preparedInDoubt.map(gid => JSON.stringify(gid)).join(', ')}`,
			whatToDo: ['after promotion decide each one: COMMIT PREPARED or ROLLBACK PREPARED'],
		})
	}
	const obstacle = obstacleTo(`what was committed from ${formatLsn(wal.endLsn)} on is given up and not counted`, path)
	if (obstacle !== undefined) {
		findings.push({
			code: path.warnings.length > 0 ? 'segment-unreadable' : 'archive-gap',
			severity: 'warning',
			message: obstacle.message,
			whatToDo: ['if those commits matter more than the incident’s, mend the archive first'],
		})
	}
	return findings
}

async function pastPaces({journals}: PlanWorld): Promise<readonly MeasuredPace[]> {
	const paces: MeasuredPace[] = []
	for (const recovery of (await journals.list()).toSorted().slice(-5)) {
		// A damaged journal of another recovery is no reason to refuse this one; `status` and `runbook` report it.
		const entries = await journals.read(recovery).catch(() => [])
		const {plan} = recoveryStateOf(recovery, entries)
		if (plan !== undefined) paces.push(...measuredPaces(plan, entries))
	}
	return paces
}

function named(boundary: TransactionBoundary | undefined): NamedBoundary | null {
	return boundary === undefined
		? null
		: {lsn: boundary.lsn, endLsn: boundary.endLsn, xid: boundary.xid, at: boundary.at}
}
