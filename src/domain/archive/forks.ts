import {describeCount} from '../text.ts'
import type {Lsn} from '../wal/lsn.ts'
import {formatLsn} from '../wal/lsn.ts'
import type {SegmentNumber, SegmentRef} from '../wal/segment.ts'
import {parseSegmentFileName, segmentFileName, segmentNumberOf} from '../wal/segment.ts'
import type {TimelineId} from '../wal/timeline.ts'
import {forkOf, historyFileName} from '../wal/timeline.ts'
import type {Finding, TimelineSummary} from './survey.ts'

/** What stands in the archive where timelines part. */
export interface ForkSurroundings {
	readonly timelines: readonly TimelineSummary[]
	readonly walSegmentBytes: number
	/** Names of the partial segments. */
	readonly partials: ReadonlySet<string>
	/** Segments that are stored and not valid. */
	readonly damaged: readonly SegmentRef[]
}

interface Fork {
	readonly child: TimelineSummary
	readonly parent: TimelineSummary
	readonly switchLsn: Lsn
	/** The segment in which the child begins. */
	readonly number: SegmentNumber
	readonly parentLast: SegmentNumber
}

/** What is wrong, or worth knowing, where timelines part: the old one's last segment lost, an old one that goes on, a history without WAL. */
export function forkFindings(archive: ForkSurroundings): readonly Finding[] {
	const forks = archive.timelines.flatMap(child => forkFrom(child, archive) ?? [])
	return [...lostPartials(forks, archive), ...abandonedTimelines(forks, archive), ...strayHistories(archive.timelines)]
}

/** Undefined where one of the two timelines has no WAL: of such a fork nothing can be told. */
function forkFrom(child: TimelineSummary, {timelines, walSegmentBytes}: ForkSurroundings): Fork | undefined {
	const step = forkOf(child.history)
	const parent = timelines.find(({history}) => history.timeline === step?.parent)
	const last = parseSegmentFileName(parent?.lastSegment ?? '', walSegmentBytes)
	if (step === undefined || parent === undefined || last === undefined || child.segmentCount === 0) return undefined
	const {switchLsn} = step
	return {child, parent, switchLsn, number: segmentNumberOf(switchLsn, walSegmentBytes), parentLast: last.number}
}

/**
 * The parent's own copy of the segment in which a child begins: whole where the parent went on, `.partial` where it ended there. With neither,
 * what the parent wrote behind the fork is lost. At a segment's very beginning there is nothing to lose.
 */
function lostPartials(forks: readonly Fork[], {walSegmentBytes, partials, damaged}: ForkSurroundings): Finding[] {
	const lost = new Map<string, Fork>()
	for (const fork of forks) {
		const {timeline} = fork.parent.history
		const name = segmentFileName({timeline, number: fork.number}, walSegmentBytes)
		const isThere = partials.has(name) || fork.parentLast >= fork.number
		const isDamaged = damaged.some(ref => ref.timeline === timeline && ref.number === fork.number)
		if (!isThere && !isDamaged && fork.switchLsn % BigInt(walSegmentBytes) !== 0n) lost.set(name, fork)
	}
	return [...lost].map(([name, {parent, child, switchLsn}]) => ({
		code: 'partial-lost',
		severity: 'warning',
		timeline: parent.history.timeline,
		segment: name,
		message: `timeline ${parent.history.timeline} ended in ${name}, where timeline ${child.history.timeline} left it at ${formatLsn(switchLsn)}, and neither ${name} nor ${name}.partial is in the archive: what the old primary committed behind that point is not here`,
		whatToDo: [
			`look for ${name} or ${name}.partial in pg_wal of the old primary and of the server that was promoted`,
			`for a recovery along timeline ${child.history.timeline} it is not needed`,
		],
	}))
}

/** Timelines with whole segments behind the last fork: commits there are on no other timeline. */
function abandonedTimelines(forks: readonly Fork[], {walSegmentBytes}: ForkSurroundings): Finding[] {
	const lastForks = new Map<TimelineId, Fork>()
	for (const fork of forks) {
		const known = lastForks.get(fork.parent.history.timeline)
		if (known === undefined || known.switchLsn < fork.switchLsn) lastForks.set(fork.parent.history.timeline, fork)
	}
	return [...lastForks].flatMap(([timeline, {child, switchLsn, number, parentLast}]): Finding[] => {
		const count = Number(parentLast - number)
		if (count <= 0) return []
		const first = segmentFileName({timeline, number: (number + 1n) as SegmentNumber}, walSegmentBytes)
		return [
			{
				code: 'timeline-abandoned',
				severity: 'info',
				timeline,
				segment: first,
				count,
				message: `timeline ${timeline} goes on for ${describeCount(count, 'WAL segment')} from ${first} on, after timeline ${child.history.timeline} left it at ${formatLsn(switchLsn)}: what was committed there is on no other timeline`,
				whatToDo: [
					`to recover to a point there, follow it: --timeline ${timeline}`,
					`if timeline ${child.history.timeline} was only a test, see that its server archives elsewhere`,
				],
			},
		]
	})
}

/** History files of timelines without WAL that `latest` would take: the server probes upward from its own timeline and follows the last one it finds. */
function strayHistories(timelines: readonly TimelineSummary[]): Finding[] {
	const newest = Math.max(
		...timelines.filter(({segmentCount}) => segmentCount > 0).map(({history}) => history.timeline),
	)
	return timelines.flatMap(({history, segmentCount, historyFile}): Finding[] => {
		const fork = forkOf(history)
		if (segmentCount > 0 || historyFile === undefined || history.timeline < newest || fork === undefined) return []
		return [
			{
				code: 'history-stray',
				severity: 'warning',
				timeline: history.timeline,
				message: `${historyFileName(history.timeline)} says that timeline ${history.timeline} left timeline ${fork.parent} at ${formatLsn(fork.switchLsn)}, and the archive holds no WAL of it: recovery_target_timeline = latest would follow it and find nothing`,
				whatToDo: [
					`find out which server was promoted to timeline ${history.timeline}: its first segment may still be on its way, or it archives elsewhere`,
					`if that server was thrown away, move the file out of the archive`,
					'lastgood itself names the timeline that it follows, and is not misled',
				],
			},
		]
	})
}
