import type {ArchivedSegment, Survey} from '../../domain/archive/survey.ts'
import {type RecordsPage, type SegmentTimes, type TimelineEntry, timelineEntries} from '../../domain/archive/walk.ts'
import type {Trouble} from '../../domain/errors.ts'
import type {Lsn} from '../../domain/wal/lsn.ts'
import type {TimelineId} from '../../domain/wal/timeline.ts'
import type {TextField} from '../text-field.ts'
import type {BrowseLevel, Span} from '../views.ts'

/*
 * A walk through an archive, level by level; nothing in it can write. Enter goes one level down, Esc one up.
 *
 * timelines  every timeline of the archive; entered at the start
 * segments   the segments of one timeline, with its base backups and the holes between them
 * records    the records that begin in one segment: a page of them around the selected one, others are read when it comes near an end
 *
 * Of the readings with a number the last one counts; what an earlier one still answers is ignored.
 */
export interface Browse {
	readonly survey: Survey
	readonly timelineIndex: number
	readonly segments: SegmentsPlace | undefined
	readonly records: RecordsPlace | undefined
	readonly prompt: Prompt | undefined
	/** What was searched for last, for n and N. */
	readonly searched: string
	readonly detail: boolean
	/** The reading that is at work, which the screen waits for. */
	readonly work: Work | undefined
	readonly requestCount: number
	/** By name of the segment. */
	readonly times: ReadonlyMap<string, SegmentTimes>
	/** Names of the segments whose times were asked for last, joined. */
	readonly timesAsked: string
	readonly notice: Span | undefined
	readonly trouble: Trouble | undefined
}

export interface SegmentsPlace {
	readonly timeline: TimelineId
	readonly index: number
}

export interface RecordsPlace {
	readonly segment: ArchivedSegment
	/** Undefined until the first one is read. */
	readonly page: RecordsPage | undefined
	readonly index: number
	readonly filter: string
	/** Which record is to be selected once the page at work is read; the one that is selected now when undefined. */
	readonly aim: Aim | undefined
}

/** A record by its place: the first that begins at `lsn` or after, and so many further on. */
export interface Aim {
	readonly lsn: Lsn
	readonly offset: number
}

/** A line that is being typed. */
export interface Prompt {
	readonly kind: 'search' | 'filter' | 'place'
	readonly field: TextField
	readonly problem: string | undefined
}

export interface Work {
	readonly request: number
	readonly kind: 'page' | 'search' | 'time'
	readonly percent: number | undefined
	readonly segment: string
}

/** The level at which the operator is. */
export function levelOf({records, segments}: Browse): BrowseLevel {
	return records !== undefined ? 'records' : segments !== undefined ? 'segments' : 'timelines'
}

/** The start of a walk: the newest timeline is selected. */
export function openBrowse(survey: Survey): Browse {
	return {
		survey,
		timelineIndex: Math.max(0, survey.timelines.length - 1),
		segments: undefined,
		records: undefined,
		prompt: undefined,
		searched: '',
		detail: false,
		work: undefined,
		requestCount: 0,
		times: new Map(),
		timesAsked: '',
		notice: undefined,
		trouble: undefined,
	}
}

/** What a timeline of the survey has of its own; the same survey gives the same list without making it again. */
export function entriesOf(survey: Survey, timeline: TimelineId): readonly TimelineEntry[] {
	const lists = known.get(survey) ?? new Map<TimelineId, readonly TimelineEntry[]>()
	known.set(survey, lists)
	const list = lists.get(timeline) ?? timelineEntries(survey, timeline)
	lists.set(timeline, list)
	return list
}

const known = new WeakMap<Survey, Map<TimelineId, readonly TimelineEntry[]>>()

/** How many entries there are of each kind; of the same list it is counted once. */
export function countsOf(entries: readonly TimelineEntry[]): Readonly<Record<TimelineEntry['kind'], number>> {
	const made = counted.get(entries)
	if (made !== undefined) return made
	const counts = {segment: 0, backup: 0, hole: 0}
	for (const {kind} of entries) counts[kind] += 1
	counted.set(entries, counts)
	return counts
}

const counted = new WeakMap<readonly TimelineEntry[], Readonly<Record<TimelineEntry['kind'], number>>>()

/** First of the rows in sight when this one is selected and so many fit. */
export function topOf(index: number, count: number, height: number): number {
	return Math.min(Math.max(0, index - Math.floor(height / 2)), Math.max(0, count - height))
}
