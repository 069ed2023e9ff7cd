import {chainFrom} from '../domain/archive/chain.ts'
import {restoringTool} from '../domain/archive/record.ts'
import type {BaseBackup, WalChain} from '../domain/archive/survey.ts'
import {
	ArchiveGapError,
	ArchiveUnreachableError,
	DataDirectoryOccupiedError,
	NoUsableBackupError,
	ServerStillRunningError,
	TargetBeforeConsistencyError,
	TargetBeyondArchiveError,
	UsageError,
} from '../domain/errors.ts'
import {tableRows} from '../domain/names.ts'
import {chooseBackup} from '../domain/recovery/backup-choice.ts'
import {estimateRecovery, type MeasuredPace, measuredPaces} from '../domain/recovery/estimate.ts'
import {recoveryStateOf} from '../domain/recovery/journal.ts'
import {consistentLsnOf, type DecodedPath, outlookOf} from '../domain/recovery/path.ts'
import {type NamedBoundary, plannedTarget, planSteps, type RestorePlan} from '../domain/recovery/plan.ts'
import {disarmedStatements, serverSettings} from '../domain/recovery/settings.ts'
import {
	type Consequences,
	isTransactionEnd,
	type Prediction,
	type RecoveryTarget,
	targetValue,
} from '../domain/recovery/target.ts'
import {listedWal, pathProblem, restoreCommandSetting} from '../domain/recovery/wal-feed.ts'
import {describeCount, shellText} from '../domain/text.ts'
import {formatSecond, type UtcInstant} from '../domain/time.ts'
import {formatLsn, type Lsn, walBytesBetween} from '../domain/wal/lsn.ts'
import type {DecodedWal, TransactionBoundary} from '../domain/wal/record.ts'
import {segmentNumberEndingAt} from '../domain/wal/segment.ts'
import type {OpenedArchive, OsUser, World} from '../ports.ts'
import {gapAdvice, obstacleTo} from './obstacle.ts'

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

const firstPrivatePort = 54330

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

/** The engine copies files and gives the server's restore_command their paths: a bucket has none. */
function refuseBucket(survey: OpenedArchive['survey'], backup: BaseBackup): void {
	const location = [survey.store === 's3' ? survey.location : '', backup.location].find(at => at.startsWith('s3://'))
	if (location === undefined) return
	throw new UsageError(
		`this version of lastgood surveys ${location} and shows its commits, and restores from folders of this machine only`,
		[
			`copy what the recovery needs into a folder, for instance aws s3 sync ${shellText([location])} /srv/archive-copy`,
			'then name that folder instead: the commits have the same LSNs there',
		],
	)
}

/** `latest` is the last transaction end in the archive, kept: with no target at all the server would promote there by itself. */
function resolveLatest(target: RecoveryTarget, path: DecodedPath): RecoveryTarget {
	if (target.kind !== 'latest') return target
	const last = path.wal.boundaries.findLast(isTransactionEnd)
	const obstacle = obstacleTo('the end of the archive cannot be reached', path, nearestStop(last))
	if (obstacle !== undefined) throw obstacle
	if (last === undefined)
		throw new TargetBeyondArchiveError('the archived WAL after the base backup holds no transaction', [
			'choose the target `--immediate`',
		])
	return {kind: 'lsn', lsn: last.lsn, inclusive: true, timeline: target.timeline}
}

interface DecidedStop {
	readonly consequences: Consequences
	readonly backup: BaseBackup
	readonly why: string
	readonly rejected: readonly {readonly id: string; readonly why: string}[]
}

function decideStop(
	survey: OpenedArchive['survey'],
	path: DecodedPath,
	decodedFrom: BaseBackup,
	target: RecoveryTarget,
): DecidedStop {
	const prediction = outlookOf(path, target)
	if (!prediction.ok) throw refusal(prediction, path, target)
	const {consequences} = prediction
	const copied = survey.backups.filter(candidate => restoringTool(candidate) === undefined)
	const choice = chooseBackup({...survey, backups: copied}, path.history, consequences.stopLsn)
	// The decoded path begins at a backup that can carry the target, so there is one; a newer one may carry it too.
	if (!choice.ok || choice.backup.startLsn < path.wal.fromLsn) {
		refuseForeignFormat(decodedFrom)
		return {consequences, backup: decodedFrom, why: 'the one that the boundaries were decoded from', rejected: []}
	}
	const others = survey.backups.flatMap(other => {
		const restoring = restoringTool(other)
		return restoring === undefined ? [] : [{id: other.id, why: `only ${restoring.tool} can put it together`}]
	})
	return {consequences, backup: choice.backup, why: choice.why, rejected: [...choice.rejected, ...others]}
}

/** A base backup that its own tool keeps is no data directory yet. */
function refuseForeignFormat(backup: BaseBackup): void {
	const restoring = restoringTool(backup)
	if (restoring === undefined) return
	throw new NoUsableBackupError(
		`base backup ${backup.id} is kept by ${restoring.tool}, which alone can put it together: this version of lastgood reads it and does not restore it`,
		[
			`let ${restoring.tool} restore it into an empty folder, and do not start it there: ${restoring.command.join(' ')}`,
			'then plan again with that folder as --backups: lastgood takes the WAL from this archive',
		],
	)
}

function noUsableBackup({backups, location}: OpenedArchive['survey']): NoUsableBackupError {
	if (backups.length === 0) {
		return new NoUsableBackupError(`no base backup was found in ${location}`, [
			'name the folder that holds the base backups: --backups <folder>',
			'without a base backup the WAL alone cannot be restored',
		])
	}
	return new NoUsableBackupError(
		`${backups.length === 1 ? 'the only base backup' : `none of the ${backups.length} base backups`} in ${location} ${backups.length === 1 ? 'cannot' : 'can'} start a recovery: ${backups.map(backup => `${backup.id}: ${backup.whyNot ?? 'it is on another timeline'}`).join('; ')}`,
		['lastgood survey shows what is wrong with each', 'name another folder of base backups: --backups <folder>'],
	)
}

function refusal(prediction: Extract<Prediction, {ok: false}>, path: DecodedPath, target: RecoveryTarget): Error {
	const nearest = nearestStop(prediction.nearest)
	if (prediction.reason === 'before-consistency') {
		return new TargetBeforeConsistencyError(prediction.why, [
			...nearest,
			`an older base backup than ${path.backup?.id ?? 'this one'} would reach it, if there is one: --backups <folder>`,
		])
	}
	const obstacle = obstacleTo(prediction.why, path, nearest)
	if (obstacle !== undefined) return obstacle
	return new TargetBeyondArchiveError(prediction.why, [
		...nearest,
		target.kind === 'lsn' || target.kind === 'time'
			? 'the primary may not have archived its last segment yet: SELECT pg_switch_wal() on it, if it may be touched'
			: 'lastgood boundaries lists what is there',
	])
}

function nearestStop(nearest: TransactionBoundary | undefined): readonly string[] {
	return nearest === undefined
		? []
		: [`the nearest stop that works: --after ${formatLsn(nearest.lsn)} (xid ${nearest.xid})`]
}

/** End of the last record that replay has to read: the stop record itself too, which PostgreSQL reads whole before it stops at it. */
function lastNeededLsn(wal: DecodedWal, {stopLsn, stopRecordLsn}: Consequences): Lsn {
	if (stopRecordLsn === undefined) return stopLsn
	return wal.boundaries.find(boundary => boundary.lsn >= stopRecordLsn)?.endLsn ?? wal.endLsn
}

/** From where on nothing is applied. An inclusive LSN at a record that is no boundary applies that record too, which ends before the next boundary begins. */
function firstNotApplied(wal: DecodedWal, target: RecoveryTarget, {replayEndLsn, stopLsn}: Consequences): Lsn {
	if (replayEndLsn !== undefined) return replayEndLsn
	if (target.kind !== 'lsn' || !target.inclusive) return stopLsn
	return wal.boundaries.find(boundary => boundary.lsn >= stopLsn)?.lsn ?? wal.endLsn
}

function requireWhole(chain: WalChain, neededLsn: Lsn, walSegmentBytes: number): void {
	const last = chain.segments.at(-1)
	if (last !== undefined && last.number >= segmentNumberEndingAt(neededLsn, walSegmentBytes)) return
	if (chain.gap === undefined) {
		throw new TargetBeyondArchiveError(
			`the target needs WAL up to ${formatLsn(neededLsn)}, and the archive ends at ${formatLsn(chain.endLsn)}`,
			['wait until the segment is archived, or choose an earlier target'],
		)
	}
	const {missingCount, firstMissing} = chain.gap
	throw new ArchiveGapError(
		`${missingCount} WAL segment(s) missing from the archive, the first is ${firstMissing}`,
		gapAdvice(chain.gap),
	)
}

function refuseTablespaces(wal: DecodedWal, backup: BaseBackup, notAppliedFromLsn: Lsn): void {
	const created = wal.facts.tablespacesCreated.find(
		tablespace => tablespace.lsn >= backup.startLsn && tablespace.lsn < notAppliedFromLsn,
	)
	if (created === undefined) return
	throw new NoUsableBackupError(
		`replaying from ${backup.id} would run CREATE TABLESPACE at ${formatLsn(created.lsn)}, which links to ${JSON.stringify(created.path)}: on the primary’s own host that overwrites live files`,
		[
			`choose a target before ${formatLsn(created.lsn)}`,
			'or a base backup that was taken after the tablespace was created',
		],
	)
}

interface Place {
	readonly path: string
	readonly existed: boolean
}

async function decideDestination(
	{host}: PlanWorld,
	survey: OpenedArchive['survey'],
	backup: BaseBackup,
	wanted: string,
	user: OsUser,
): Promise<Place> {
	if (!wanted.startsWith('/'))
		throw new UsageError(`the destination ${JSON.stringify(wanted)} is not an absolute path`, [
			'type it from the root: /…',
		])
	refuseLineBreak(wanted, 'choose another folder')
	const found = await host.destination(wanted)
	const within = foldersOnlyRead(survey).find(folder => isWithin(found.realPath, folder))
	if (within !== undefined) {
		throw new DataDirectoryOccupiedError(`the destination ${wanted} lies inside ${within}, which is only ever read`, [
			'choose a folder outside the archive and the base backups',
		])
	}
	if (found.state === 'occupied') {
		const others = found.holds.length - 3
		throw new DataDirectoryOccupiedError(
			`the destination ${wanted} is not empty: it holds ${found.holds.slice(0, 3).join(', ')}${others > 0 ? ` and ${others} more` : ''}`,
			['choose an empty folder or one that does not exist yet', 'lastgood never overwrites a data directory'],
		)
	}
	const neededBytes = backup.bytes + diskReserveBytes
	if (found.freeBytes < neededBytes) {
		throw new DataDirectoryOccupiedError(
			`${wanted} has ${found.freeBytes} bytes free, and the restore needs ${neededBytes}`,
			['choose a destination on a larger file system', `or free ${neededBytes - found.freeBytes} bytes there`],
		)
	}
	const blocked = await host.unreachableFor(user, found.realPath)
	if (blocked !== undefined) {
		throw new UsageError(`${user.name}, who will run the restored server, cannot reach ${wanted}: ${blocked}`, [
			'choose a destination below folders that this account may enter, such as /var/lib/postgresql or /srv',
		])
	}
	return {path: found.realPath, existed: found.state === 'empty'}
}

/** A path in the server's settings or in the list of its WAL cannot be told from two. */
function refuseLineBreak(path: string, whatToDo: string): void {
	const problem = pathProblem(path)
	if (problem !== undefined) throw new UsageError(problem, [whatToDo])
}

/** Room for what replay adds before the first checkpoint: segments in pg_wal and grown relations. */
const diskReserveBytes = 64 * 1024 * 1024

function foldersOnlyRead({location, backups}: OpenedArchive['survey']): readonly string[] {
	return [location, ...backups.map(backup => backup.location)]
}

function isWithin(path: string, folder: string): boolean {
	return path === folder || path.startsWith(`${folder}/`)
}

async function requireReadable(
	{host}: PlanWorld,
	survey: OpenedArchive['survey'],
	chain: WalChain,
	user: OsUser,
): Promise<void> {
	const first = chain.segments[0]
	if (first === undefined) return
	const problem = await host.unreadableFor(user, `${survey.location}/${first.key}`)
	if (problem === undefined) return
	throw new ArchiveUnreachableError(
		`${user.name}, who will run the restored server, cannot read the archive: ${problem}`,
		[
			`let ${user.name} read ${survey.location}`,
			'or make the destination folder beforehand, owned by an account that can: the server runs as its owner',
		],
	)
}

async function decidePort({host}: PlanWorld, wanted: number | undefined): Promise<number> {
	if (wanted === undefined) return host.freePort(firstPrivatePort)
	if (!(await host.portTaken(wanted))) return wanted
	throw new ServerStillRunningError(`port ${wanted} is in use on this machine`, [
		'choose another: --port <number>',
		'or leave --port out and a free one is taken',
	])
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
