import type {BaseBackup, Survey} from '../archive/survey.ts'
import type {UtcInstant} from '../time.ts'
import type {Lsn} from '../wal/lsn.ts'
import {formatLsn} from '../wal/lsn.ts'
import type {TimelineHistory, TimelineId} from '../wal/timeline.ts'
import {timelineAt} from '../wal/timeline.ts'

/** A base backup chosen for a target, and why each other one was not. */
export type BackupChoice =
	| {
			readonly ok: true
			readonly backup: BaseBackup
			readonly why: string
			readonly rejected: readonly {readonly id: string; readonly why: string}[]
	  }
	| {readonly ok: false; readonly rejected: readonly {readonly id: string; readonly why: string}[]}

/** The newest backup that is consistent at or before `stopLsn`: it leaves the least WAL to replay. */
export function chooseBackup(survey: Survey, history: TimelineHistory, stopLsn: Lsn): BackupChoice {
	return choose(survey, history, backup => {
		const consistent = backup.stopLsn ?? backup.startLsn
		return consistent > stopLsn
			? `it is consistent only from ${formatLsn(consistent)}, after the stop at ${formatLsn(stopLsn)}`
			: undefined
	})
}

/** What has to be on the decoded path: everything after a time, a place in the WAL, or, with neither, all there is. */
export interface DecodeNeed {
	readonly from?: UtcInstant
	readonly stopLsn?: Lsn
}

/** The newest backup from which all that is needed can be decoded; the oldest usable one where none is old enough. undefined without any. */
export function backupToDecodeFrom(survey: Survey, history: TimelineHistory, need: DecodeNeed): BaseBackup | undefined {
	const {from, stopLsn} = need
	const newest =
		stopLsn !== undefined
			? chooseBackup(survey, history, stopLsn)
			: from !== undefined
				? choose(survey, history, ({stoppedAt}) =>
						stoppedAt === undefined || stoppedAt > from ? 'it ended too late' : undefined,
					)
				: undefined
	if (newest?.ok) return newest.backup
	return usableBackups(survey, history).toSorted((a, b) => (a.startLsn < b.startLsn ? -1 : 1))[0]
}

function choose(
	survey: Survey,
	history: TimelineHistory,
	objection: (backup: BaseBackup) => string | undefined,
): BackupChoice {
	const judged = survey.backups.map(backup => ({backup, why: objectionTo(backup, history) ?? objection(backup)}))
	const [best, ...others] = judged
		.filter(candidate => candidate.why === undefined)
		.map(candidate => candidate.backup)
		.toSorted((a, b) => (a.startLsn > b.startLsn ? -1 : 1))
	const rejected = judged.flatMap(candidate =>
		candidate.why === undefined ? [] : [{id: candidate.backup.id, why: candidate.why}],
	)
	if (best === undefined) return {ok: false, rejected}
	return {
		ok: true,
		backup: best,
		why:
			others.length > 0
				? 'the newest that is consistent before the stop: the least WAL to replay'
				: 'the only one that can reach the stop',
		rejected: [
			...rejected,
			...others.map(backup => ({id: backup.id, why: `${best.id} is newer and leaves less WAL to replay`})),
		],
	}
}

function usableBackups(survey: Survey, history: TimelineHistory): readonly BaseBackup[] {
	return survey.backups.filter(backup => objectionTo(backup, history) === undefined)
}

function objectionTo(backup: BaseBackup, history: TimelineHistory): string | undefined {
	if (backup.whyNot !== undefined) return backup.whyNot
	if (timelineAt(history, backup.startLsn) !== backup.timeline) {
		return `it was taken on timeline ${backup.timeline}, which is not on the way to timeline ${history.timeline} at ${formatLsn(backup.startLsn)}`
	}
	return undefined
}

/** The history of a timeline of the archive; the newest timeline that has any segment when none is named. undefined when it is not there. */
export function historyOf(survey: Survey, timeline: TimelineId | undefined): TimelineHistory | undefined {
	const candidates = survey.timelines.filter(summary => summary.segmentCount > 0)
	const found =
		timeline === undefined
			? candidates.reduce<(typeof candidates)[number] | undefined>(
					(newest, summary) =>
						newest === undefined || summary.history.timeline > newest.history.timeline ? summary : newest,
					undefined,
				)
			: candidates.find(summary => summary.history.timeline === timeline)
	return found?.history
}
