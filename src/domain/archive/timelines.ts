import type {Lsn} from '../wal/lsn.ts'
import {formatLsn} from '../wal/lsn.ts'
import type {HistoryReading, TimelineHistory, TimelineId} from '../wal/timeline.ts'
import {firstHistory, firstTimeline, forkOf} from '../wal/timeline.ts'
import {historyMissing, timelineOrphan} from './findings.ts'
import type {ArchivedSegment, Codec, Finding, TimelineSummary} from './survey.ts'

/** A timeline history file, read. */
export interface ReadHistory {
	readonly timeline: TimelineId
	readonly key: string
	readonly codec: Codec
	readonly reading: HistoryReading
}

/**
 * The history of each timeline that the files tell of. A history file repeats its ancestors' lines, so it also tells
 * where an ancestor comes from whose own file is gone.
 */
export function knownHistories(read: readonly ReadHistory[]): ReadonlyMap<TimelineId, TimelineHistory> {
	const known = new Map<TimelineId, TimelineHistory>([[firstTimeline, firstHistory]])
	const histories = read.flatMap(({reading}) => (reading.ok ? [reading.history] : []))
	for (const history of histories) if (!known.has(history.timeline)) known.set(history.timeline, history)
	for (const {switches} of histories) {
		for (const [index, {parent}] of switches.entries()) {
			if (!known.has(parent)) known.set(parent, {timeline: parent, switches: switches.slice(0, index)})
		}
	}
	return known
}

/** Every timeline that has a segment or a history file, by number. One of which nothing else is known stands alone. */
export function summarizeTimelines(
	segments: readonly ArchivedSegment[],
	read: readonly ReadHistory[],
	histories: ReadonlyMap<TimelineId, TimelineHistory>,
): readonly TimelineSummary[] {
	const files = new Map(
		read.filter(({reading}) => reading.ok).map(file => [file.timeline, {key: file.key, codec: file.codec}]),
	)
	const spans = new Map<TimelineId, {first: string; last: string; count: number}>()
	for (const {timeline, name} of segments) {
		const span = spans.get(timeline)
		if (span === undefined) spans.set(timeline, {first: name, last: name, count: 1})
		else {
			span.last = name
			span.count += 1
		}
	}
	const timelines = [...new Set([...spans.keys(), ...files.keys()])].sort((a, b) => a - b)
	return timelines.map(timeline => ({
		history: histories.get(timeline) ?? {timeline, switches: []},
		historyFile: files.get(timeline),
		firstSegment: spans.get(timeline)?.first,
		lastSegment: spans.get(timeline)?.last,
		segmentCount: spans.get(timeline)?.count ?? 0,
	}))
}

/** What is wrong with how the timelines hang together. */
export function timelineFindings(
	timelines: readonly TimelineSummary[],
	read: readonly ReadHistory[],
	histories: ReadonlyMap<TimelineId, TimelineHistory>,
): readonly Finding[] {
	return timelines
		.flatMap(summary => {
			const {timeline} = summary.history
			if (timeline === firstTimeline) return []
			if (summary.historyFile === undefined) return [missingHistory(summary, read, histories)]
			return orphanFinding(summary.history, timelines, histories) ?? []
		})
		.concat(unreadableHistories(timelines, read))
}

function missingHistory(
	summary: TimelineSummary,
	read: readonly ReadHistory[],
	histories: ReadonlyMap<TimelineId, TimelineHistory>,
): Finding {
	const {timeline} = summary.history
	const unreadable = read.find(file => file.timeline === timeline && !file.reading.ok)?.reading
	return historyMissing({
		timeline,
		segment: summary.firstSegment,
		problem: unreadable?.ok === false ? unreadable.problem : undefined,
		knownFrom: histories.has(timeline) ? descendantOf(timeline, read) : undefined,
	})
}

/** Files with garbage in them for timelines that have no segment either. */
function unreadableHistories(timelines: readonly TimelineSummary[], read: readonly ReadHistory[]): readonly Finding[] {
	const listed = new Set(timelines.map(({history}) => history.timeline))
	return read.flatMap(({timeline, reading}) =>
		reading.ok || listed.has(timeline)
			? []
			: [historyMissing({timeline, segment: undefined, problem: reading.problem, knownFrom: undefined})],
	)
}

function descendantOf(timeline: TimelineId, read: readonly ReadHistory[]): TimelineId | undefined {
	return read.find(({reading}) => reading.ok && reading.history.switches.some(({parent}) => parent === timeline))
		?.timeline
}

function orphanFinding(
	history: TimelineHistory,
	timelines: readonly TimelineSummary[],
	histories: ReadonlyMap<TimelineId, TimelineHistory>,
): Finding | undefined {
	const fork = forkOf(history)
	if (fork === undefined) return undefined
	const orphan = {timeline: history.timeline, parent: fork.parent, switchLsn: fork.switchLsn}
	const parentHistory = histories.get(fork.parent)
	const expected = history.switches.slice(0, -1)
	// Servers that cannot see each other's history files choose the same number for different branches (§6).
	if (parentHistory !== undefined && !sameSwitches(parentHistory.switches, expected)) {
		return timelineOrphan({
			...orphan,
			why: `but its history gives timeline ${fork.parent} another origin (${originText(expected)}) than the archive's timeline ${fork.parent} has (${originText(parentHistory.switches)})`,
			severity: 'error',
		})
	}
	if (!timelines.some(summary => summary.history.timeline === fork.parent && summary.segmentCount > 0)) {
		return timelineOrphan({...orphan, why: `of which the archive holds no WAL`, severity: 'warning'})
	}
	return undefined
}

type Switches = readonly {readonly parent: TimelineId; readonly switchLsn: Lsn}[]

function sameSwitches(a: Switches, b: Switches): boolean {
	return (
		a.length === b.length &&
		a.every((step, index) => step.parent === b[index]?.parent && step.switchLsn === b[index]?.switchLsn)
	)
}

function originText(switches: Switches): string {
	const last = switches.at(-1)
	return last === undefined ? 'none' : `timeline ${last.parent} at ${formatLsn(last.switchLsn)}`
}
