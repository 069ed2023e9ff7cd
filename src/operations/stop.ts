import {restoringTool} from '../domain/archive/record.ts'
import type {BaseBackup, WalChain} from '../domain/archive/survey.ts'
import {
	ArchiveGapError,
	NoUsableBackupError,
	TargetBeforeConsistencyError,
	TargetBeyondArchiveError,
	UsageError,
} from '../domain/errors.ts'
import {chooseBackup} from '../domain/recovery/backup-choice.ts'
import {type DecodedPath, outlookOf} from '../domain/recovery/path.ts'
import {type Consequences, isTransactionEnd, type Prediction, type RecoveryTarget} from '../domain/recovery/target.ts'
import {shellText} from '../domain/text.ts'
import {formatLsn, type Lsn} from '../domain/wal/lsn.ts'
import type {DecodedWal, TransactionBoundary} from '../domain/wal/record.ts'
import {segmentNumberEndingAt} from '../domain/wal/segment.ts'
import type {OpenedArchive} from '../ports.ts'
import {gapAdvice, obstacleTo} from './obstacle.ts'

/** The engine copies files and gives the server's restore_command their paths: a bucket has none. */
export function refuseBucket(survey: OpenedArchive['survey'], backup: BaseBackup): void {
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
export function resolveLatest(target: RecoveryTarget, path: DecodedPath): RecoveryTarget {
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

/** Where replay stops, and the base backup that carries it there. */
export interface DecidedStop {
	readonly consequences: Consequences
	readonly backup: BaseBackup
	readonly why: string
	readonly rejected: readonly {readonly id: string; readonly why: string}[]
}

/** Predicts the stop and chooses the base backup. Throws the OperatorError that says why the target cannot be reached, and what can. */
export function decideStop(
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
export function refuseForeignFormat(backup: BaseBackup): void {
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

function _noUsableBackup({backups, location}: OpenedArchive['survey']): NoUsableBackupError {
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

/** Why no base backup can start a recovery. */
export function noUsableBackup({backups, location}: OpenedArchive['survey']): NoUsableBackupError {
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
export function lastNeededLsn(wal: DecodedWal, {stopLsn, stopRecordLsn}: Consequences): Lsn {
	if (stopRecordLsn === undefined) return stopLsn
	return wal.boundaries.find(boundary => boundary.lsn >= stopRecordLsn)?.endLsn ?? wal.endLsn
}

/** From where on nothing is applied. An inclusive LSN at a record that is no boundary applies that record too, which ends before the next boundary begins. */
export function firstNotApplied(wal: DecodedWal, target: RecoveryTarget, {replayEndLsn, stopLsn}: Consequences): Lsn {
	if (replayEndLsn !== undefined) return replayEndLsn
	if (target.kind !== 'lsn' || !target.inclusive) return stopLsn
	return wal.boundaries.find(boundary => boundary.lsn >= stopLsn)?.lsn ?? wal.endLsn
}

/** Throws ArchiveGapError or TargetBeyondArchiveError where the chain ends before the last record that replay has to read. */
export function requireWhole(chain: WalChain, neededLsn: Lsn, walSegmentBytes: number): void {
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

/** Throws NoUsableBackupError where replay would create a tablespace's link at its original path (postgres-recovery.md §0.2). */
export function refuseTablespaces(wal: DecodedWal, backup: BaseBackup, notAppliedFromLsn: Lsn): void {
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
