import type {UtcInstant} from '../time.ts'
import type {Lsn} from '../wal/lsn.ts'
import type {WalRecord} from '../wal/record.ts'
import {segmentFileName, segmentNumberAt, segmentNumberOf} from '../wal/segment.ts'
import type {TimelineId} from '../wal/timeline.ts'
import type {ArchivedSegment, BaseBackup, Survey} from './survey.ts'

/** One thing of a timeline as a walk through it meets it: base backups stand before the segment in which they begin. */
export type TimelineEntry =
	| {readonly kind: 'segment'; readonly segment: ArchivedSegment}
	| {readonly kind: 'backup'; readonly backup: BaseBackup}
	/** Places between two segments at which none can be used. */
	| {readonly kind: 'hole'; readonly firstMissing: string; readonly count: number}

/** What a timeline has of its own, in WAL order. */
export function timelineEntries(
	{segments, backups, cluster}: Pick<Survey, 'segments' | 'backups' | 'cluster'>,
	timeline: TimelineId,
): readonly TimelineEntry[] {
	const {walSegmentBytes} = cluster
	const waiting = backups
		.filter(backup => backup.timeline === timeline)
		.sort((a, b) => (a.startLsn < b.startLsn ? -1 : a.startLsn > b.startLsn ? 1 : 0))
	const entries: TimelineEntry[] = []
	let next = 0
	let before: ArchivedSegment | undefined
	const takeBackups = (upTo: bigint | undefined) => {
		for (let backup = waiting[next]; backup !== undefined; backup = waiting[next]) {
			if (upTo !== undefined && segmentNumberOf(backup.startLsn, walSegmentBytes) > upTo) break
			entries.push({kind: 'backup', backup})
			next += 1
		}
	}
	for (const segment of segments) {
		if (segment.timeline !== timeline) continue
		if (before !== undefined && segment.number > before.number + 1n) {
			const number = segmentNumberAt(before.number + 1n)
			const firstMissing = segmentFileName({timeline, number}, walSegmentBytes)
			entries.push({kind: 'hole', firstMissing, count: Number(segment.number - number)})
		}
		takeBackups(segment.number)
		entries.push({kind: 'segment', segment})
		before = segment
	}
	takeBackups(undefined)
	return entries
}

/** What the transaction ends of one segment tell. */
export interface SegmentTimes {
	/** Name of the segment. */
	readonly segment: string
	/** Stamp of the first and of the last commit whose record begins in it, in WAL order; undefined where it has none. */
	readonly firstAt: UtcInstant | undefined
	readonly lastAt: UtcInstant | undefined
	readonly commitCount: number
	/** Whether its records could be read to the end. */
	readonly isWhole: boolean
}

/** A record to be looked at. A description that is longer than anybody reads is cut. */
export interface ListedRecord extends WalRecord {
	readonly endLsn: Lsn
	/** Characters of the description that were left out. */
	readonly cutCharacters: number
}

/** Some of the records that begin in one segment, in WAL order. */
export interface RecordsPage {
	/** Name of the segment. */
	readonly segment: string
	readonly records: readonly ListedRecord[]
	/** Whether the segment may have more before these, or has more after them. */
	readonly hasBefore: boolean
	readonly hasAfter: boolean
	/** Why nothing was read beyond the last record although the segment goes on; undefined when nothing stood in the way. */
	readonly ending: string | undefined
}
