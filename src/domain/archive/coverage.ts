import type {UtcInstant} from '../time.ts'
import type {Lsn} from '../wal/lsn.ts'
import {compareLsn, formatLsn} from '../wal/lsn.ts'
import {segmentFileName, segmentNumberOf} from '../wal/segment.ts'
import type {TimelineHistory} from '../wal/timeline.ts'
import {forkOf} from '../wal/timeline.ts'
import {chainFrom, pathHolds, type SegmentSource} from './chain.ts'
import {backupOfOtherVersion, backupWithoutWal} from './findings.ts'
import type {BaseBackup, ClusterIdentity, Coverage, Finding, WalChain} from './survey.ts'

/** A stretch that one can recover: from the backup's consistent state along a history to where its WAL ends. */
export interface CoverageSpan {
	readonly backup: BaseBackup
	readonly chain: WalChain
	readonly fromLsn: Lsn
	readonly toLsn: Lsn
}

/** The archive side of the judgement. */
export interface BackupSurroundings extends SegmentSource {
	readonly cluster: ClusterIdentity
	readonly histories: readonly TimelineHistory[]
}

/** A base backup judged by the archive: with its reason if it cannot be used, and the finding that says so. */
export interface JudgedBackup {
	readonly backup: BaseBackup
	readonly finding: Finding | undefined
}

/** Whether the archive can carry a whole base backup to its consistent state, on any timeline. */
export function judgeBackup(backup: BaseBackup, archive: BackupSurroundings): JudgedBackup {
	if (backup.whyNot !== undefined || backup.stopLsn === undefined) return {backup, finding: undefined}
	const {cluster} = archive
	const refused = (whyNot: string, finding: Finding) => ({backup: {...backup, whyNot}, finding})
	if (backup.systemIdentifier !== undefined && backup.systemIdentifier !== cluster.systemIdentifier) {
		const why = `it is of another cluster: system identifier ${backup.systemIdentifier}, while the WAL's is ${cluster.systemIdentifier}`
		return refused(why, backupWithoutWal(backup.id, why))
	}
	if (backup.postgresMajor !== cluster.postgresMajor) {
		return refused(
			`it is of PostgreSQL ${backup.postgresMajor}, the WAL of ${cluster.postgresMajor}`,
			backupOfOtherVersion(backup, cluster),
		)
	}
	if (spansOf(backup, archive).length > 0) return {backup, finding: undefined}
	const chain = chainFrom(archive, ownHistory(backup, archive.histories), backup.startLsn)
	const missing =
		chain.gap?.firstMissing ??
		segmentFileName(
			{timeline: backup.timeline, number: segmentNumberOf(chain.endLsn, cluster.walSegmentBytes)},
			cluster.walSegmentBytes,
		)
	const why = `the WAL from its start ${formatLsn(backup.startLsn)} to its end ${formatLsn(backup.stopLsn)} is not whole in the archive, the first segment to be missing or damaged is ${missing}`
	return refused(why, backupWithoutWal(backup.id, why, missing))
}

/** The stretches that can be recovered from a usable backup, one for each timeline whose way leads through it. */
export function spansOf(backup: BaseBackup, archive: BackupSurroundings): readonly CoverageSpan[] {
	const {stopLsn, startLsn, timeline} = backup
	if (stopLsn === undefined || backup.whyNot !== undefined) return []
	return archive.histories
		.filter(history => pathHolds(history, timeline, startLsn) && pathHolds(history, timeline, stopLsn))
		.map(history => {
			const chain = chainFrom(archive, history, startLsn)
			return {backup, chain, fromLsn: stopLsn, toLsn: chain.endLsn}
		})
		.filter(({chain, toLsn}) => toLsn >= stopLsn && reachesOwnTimeline(chain))
}

/** A chain that breaks before its history's own timeline begins is the parent's coverage, not this timeline's. */
function reachesOwnTimeline({history, endLsn}: WalChain): boolean {
	const fork = forkOf(history)
	return fork === undefined || endLsn > fork.switchLsn
}

function ownHistory(backup: BaseBackup, histories: readonly TimelineHistory[]): TimelineHistory {
	return histories.find(history => history.timeline === backup.timeline) ?? {timeline: backup.timeline, switches: []}
}

/** Commit times at the ends of a span, as far as they could be read. */
export interface SpanTimes {
	readonly fromAt: UtcInstant | undefined
	readonly toAt: UtcInstant | undefined
}

/** A span as the survey carries it. */
export function coverageOf({backup, chain, fromLsn, toLsn}: CoverageSpan, times: SpanTimes): Coverage {
	return {backup: backup.id, timeline: chain.history.timeline, fromLsn, fromAt: times.fromAt, toLsn, toAt: times.toAt}
}

const easable: ReadonlySet<Finding['code']> = new Set([
	'archive-gap',
	'segment-truncated',
	'segment-recycled',
	'segment-unreadable',
	'segment-name-mismatch',
])

/**
 * Turns errors about WAL that no recovery would read into warnings: what stands before every usable backup's start.
 * A hole where old WAL was deleted unevenly stops nobody. A damage that reaches over a backup's start has already made that backup unusable.
 */
export function easeBeforeBackups(
	findings: readonly Finding[],
	backups: readonly BaseBackup[],
	walSegmentBytes: number,
): readonly Finding[] {
	const earliest = backups
		.filter(backup => backup.whyNot === undefined)
		.toSorted((a, b) => compareLsn(a.startLsn, b.startLsn))[0]
	if (earliest === undefined) return findings
	const firstNeeded = segmentFileName(
		{timeline: earliest.timeline, number: segmentNumberOf(earliest.startLsn, walSegmentBytes)},
		walSegmentBytes,
	).slice(8)
	return findings.map(finding =>
		finding.severity === 'error' &&
		finding.segment !== undefined &&
		easable.has(finding.code) &&
		finding.segment.slice(8) < firstNeeded
			? {...finding, severity: 'warning', message: `${finding.message} (before every usable base backup)`}
			: finding,
	)
}
