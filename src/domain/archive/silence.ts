import {describeDuration} from '../text.ts'
import type {UtcInstant} from '../time.ts'
import {formatInstant, msBetween} from '../time.ts'
import type {Coverage, Finding} from './survey.ts'

const timesUsual = 10
const shortestSilenceMs = 10 * 60_000
const fewestSegments = 3

/**
 * Says that nothing more comes: the last commit of the newest timeline is many times older than the time that a segment usually took. Commit
 * times tell it, for those of the files are new wherever somebody has copied them.
 */
export function silenceFinding(
	coverage: readonly Coverage[],
	walSegmentBytes: number,
	surveyedAt: UtcInstant,
): Finding | undefined {
	const newest = Math.max(...coverage.map(({timeline}) => timeline))
	const longest = coverage
		.filter(({timeline}) => timeline === newest)
		.toSorted((a, b) => (a.fromLsn < b.fromLsn ? -1 : 1))[0]
	if (longest?.fromAt === undefined || longest.toAt === undefined) return undefined
	const segments = Number(longest.toLsn - longest.fromLsn) / walSegmentBytes
	const spanMs = msBetween(longest.fromAt, longest.toAt)
	const silentMs = msBetween(longest.toAt, surveyedAt)
	if (segments < fewestSegments || spanMs <= 0) return undefined
	const usualMs = spanMs / segments
	if (silentMs < Math.max(shortestSilenceMs, timesUsual * usualMs)) return undefined
	return {
		code: 'archive-silent',
		severity: 'warning',
		timeline: longest.timeline,
		message: `the last commit in the archive is of ${formatInstant(longest.toAt)}, ${describeDuration(silentMs)} before this survey, and until then a segment came every ${describeDuration(usualMs)}`,
		whatToDo: [
			'if the primary still runs, ask it: select * from pg_stat_archiver; its log says why archive_command fails',
			'if it does not, look in its pg_wal for segments that were never archived (archive_status/*.ready), and copy them into the archive',
		],
	}
}
