import type {UtcInstant} from '../time.ts'
import {formatInstant} from '../time.ts'
import type {Lsn} from '../wal/lsn.ts'
import {formatLsn} from '../wal/lsn.ts'
import {forkOf} from '../wal/timeline.ts'
import {pageMagicText} from './findings.ts'
import type {BaseBackup, Finding, Survey, TimelineSummary} from './survey.ts'

/** The survey as `survey --json` prints it: LSNs and 64-bit identifiers as text, times in RFC 3339 UTC, null where there is nothing to say. */
export function surveyToJson(survey: Survey) {
	const {cluster} = survey
	return {
		source: {location: survey.location, layout: survey.layout, store: survey.store},
		cluster: {
			systemIdentifier: cluster.systemIdentifier,
			postgresMajor: cluster.postgresMajor,
			walSegmentBytes: cluster.walSegmentBytes,
			pageMagic: pageMagicText(cluster.pageMagic),
		},
		timelines: survey.timelines.map(timelineToJson),
		backups: survey.backups.map(backupToJson),
		coverage: survey.coverage.map(({backup, timeline, fromLsn, fromAt, toLsn, toAt}) => ({
			backup,
			timeline,
			fromLsn: formatLsn(fromLsn),
			fromAt: instantText(fromAt),
			toLsn: formatLsn(toLsn),
			toAt: instantText(toAt),
		})),
		findings: survey.findings.map(findingToJson),
		segmentCount: survey.segments.length,
		surveyedAt: formatInstant(survey.surveyedAt),
	}
}

/** A finding as every `--json` document carries it. */
export function findingToJson(finding: Finding) {
	return {
		code: finding.code,
		severity: finding.severity,
		timeline: finding.timeline ?? null,
		segment: finding.segment ?? null,
		count: finding.count ?? null,
		backup: finding.backup ?? null,
		message: finding.message,
		whatToDo: finding.whatToDo,
	}
}

function timelineToJson({history, firstSegment, lastSegment, segmentCount}: TimelineSummary) {
	const fork = forkOf(history)
	return {
		id: history.timeline,
		parent: fork?.parent ?? null,
		switchLsn: lsnText(fork?.switchLsn),
		reason: fork?.reason ?? null,
		firstSegment: firstSegment ?? null,
		lastSegment: lastSegment ?? null,
		segmentCount,
	}
}

function backupToJson(backup: BaseBackup) {
	return {
		id: backup.id,
		kind: backup.kind,
		format: backup.format,
		needs: backup.needs,
		timeline: backup.timeline,
		startLsn: formatLsn(backup.startLsn),
		stopLsn: lsnText(backup.stopLsn),
		stoppedAt: instantText(backup.stoppedAt),
		bytes: backup.bytes,
		fileCount: backup.fileCount,
		location: backup.location,
		label: backup.label,
		postgresMajor: backup.postgresMajor,
		systemIdentifier: backup.systemIdentifier ?? null,
		tablespaces: backup.tablespaces,
		usable: backup.whyNot === undefined,
		whyNot: backup.whyNot ?? null,
	}
}

function lsnText(lsn: Lsn | undefined): string | null {
	return lsn === undefined ? null : formatLsn(lsn)
}

function instantText(instant: UtcInstant | undefined): string | null {
	return instant === undefined ? null : formatInstant(instant)
}
