import type {Lsn} from '../wal/lsn.ts'
import type {SegmentNumber, SegmentRef} from '../wal/segment.ts'
import {segmentFileName, segmentNumberAt, segmentNumberOf, segmentStartLsn} from '../wal/segment.ts'
import type {TimelineHistory, TimelineId} from '../wal/timeline.ts'
import {forkOf} from '../wal/timeline.ts'
import {archiveGap} from './findings.ts'
import type {ArchivedSegment, Finding, Survey, TimelineSummary, WalChain} from './survey.ts'

/** What a chain is made from: the valid segments, by timeline, then number, and their size. */
export interface SegmentSource {
	readonly segments: readonly ArchivedSegment[]
	readonly cluster: Pick<Survey['cluster'], 'walSegmentBytes'>
}

/** A timeline's part of the way to a history's own timeline: its segments from `first` up to, not including, `end`. */
interface PathPart {
	readonly timeline: TimelineId
	readonly first: SegmentNumber
	readonly end: SegmentNumber | undefined
}

/**
 * The way that replay takes through segment numbers. The segment in which a timeline begins is that timeline's: PostgreSQL
 * asks for the newest timeline first, and the parent's copy runs past the fork (XLogFileReadAnyTLI, §6). Nothing of the parent
 * is on the way from there on.
 */
function pathParts(history: TimelineHistory, walSegmentBytes: number): readonly PathPart[] {
	const starts = [
		segmentNumberAt(0n),
		...history.switches.map(({switchLsn}) => segmentNumberOf(switchLsn, walSegmentBytes)),
	]
	const timelines = [...history.switches.map(({parent}) => parent), history.timeline]
	return (
		timelines
			.map((timeline, index) => ({timeline, first: starts[index] ?? segmentNumberAt(0n), end: starts[index + 1]}))
			// A timeline that began and was left within one segment has none of its own on the way.
			.filter(({first, end}) => end === undefined || end > first)
	)
}

/** Whether the way to the history's timeline leads through this LSN of this timeline. An end of recovery exactly at a fork still belongs to the parent. */
export function pathHolds(history: TimelineHistory, timeline: TimelineId, lsn: Lsn): boolean {
	const index = history.switches.findIndex(({parent}) => parent === timeline)
	const begins = history.switches[index === -1 ? history.switches.length - 1 : index - 1]?.switchLsn
	if (begins !== undefined && lsn < begins) return false
	if (index === -1) return timeline === history.timeline
	const ends = history.switches[index]?.switchLsn
	return ends !== undefined && lsn <= ends
}

/**
 * The unbroken segments from the one that holds `startLsn` along the history. A fork segment is the child's or missing: never the parent's.
 * Where the chain breaks, `gap` says whether more WAL stands behind the break.
 */
export function chainFrom({segments, cluster}: SegmentSource, history: TimelineHistory, startLsn: Lsn): WalChain {
	const {walSegmentBytes} = cluster
	const parts = pathParts(history, walSegmentBytes)
	const chain: ArchivedSegment[] = []
	let next = segmentNumberOf(startLsn, walSegmentBytes)
	let broken: PathPart | undefined
	for (const part of parts) {
		if (part.end !== undefined && part.end <= next) continue
		let index = placeOf(segments, part.timeline, next)
		for (let segment = segments[index]; segment !== undefined && broken === undefined; segment = segments[index]) {
			if (segment.timeline !== part.timeline || segment.number !== next || (part.end !== undefined && next >= part.end))
				break
			chain.push(segment)
			next = segmentNumberAt(next + 1n)
			index += 1
		}
		if (part.end === undefined || next < part.end) {
			broken = part
			break
		}
	}
	const endLsn = chain.length === 0 ? startLsn : segmentStartLsn(next, walSegmentBytes)
	const after = broken === undefined ? undefined : firstOnPath(segments, parts, next)
	return {
		history,
		segments: chain,
		endLsn,
		gap:
			broken === undefined || after === undefined
				? undefined
				: {
						firstMissing: segmentFileName({timeline: broken.timeline, number: next}, walSegmentBytes),
						missingCount: Number(after.number - next),
						lastReachableLsn: endLsn,
					},
	}
}

/** Every segment on the way to the history's timeline, in order, whatever is missing between them. */
export function segmentsOnPath(
	{segments, cluster}: SegmentSource,
	history: TimelineHistory,
): readonly ArchivedSegment[] {
	return [...placesOnPath(segments, pathParts(history, cluster.walSegmentBytes))]
}

/** The first segment on the way whose number is not below this one. */
function firstOnPath(
	segments: readonly ArchivedSegment[],
	parts: readonly PathPart[],
	from: SegmentNumber,
): ArchivedSegment | undefined {
	for (const part of parts) {
		const segment = segments[placeOf(segments, part.timeline, part.first > from ? part.first : from)]
		if (segment?.timeline === part.timeline && (part.end === undefined || segment.number < part.end)) return segment
	}
	return undefined
}

/** Index of the first segment that does not stand before this place, by binary search. */
function placeOf(sorted: readonly SegmentRef[], timeline: TimelineId, number: SegmentNumber): number {
	let low = 0
	let high = sorted.length
	while (low < high) {
		const middle = (low + high) >>> 1
		const segment = sorted[middle]
		if (segment !== undefined && comparePlace(segment, {timeline, number}) < 0) low = middle + 1
		else high = middle
	}
	return low
}

function comparePlace(a: SegmentRef, b: SegmentRef): number {
	return a.timeline - b.timeline || (a.number < b.number ? -1 : a.number > b.number ? 1 : 0)
}

/**
 * Holes in the archive: places that are empty on the way to some timeline, between two valid segments. What is stored there and
 * damaged is no hole, for it has a finding of its own.
 */
export function archiveGaps(
	{segments, cluster}: SegmentSource,
	histories: readonly TimelineHistory[],
	damaged: readonly SegmentRef[],
): readonly Finding[] {
	const {walSegmentBytes} = cluster
	const nameOf = (ref: SegmentRef) => segmentFileName(ref, walSegmentBytes)
	const places = [
		...segments.map(({timeline, number}) => ({timeline, number, valid: true})),
		...damaged.map(({timeline, number}) => ({timeline, number, valid: false})),
	].sort(comparePlace)
	const found = new Map<string, Finding>()
	for (const history of histories) {
		const parts = pathParts(history, walSegmentBytes)
		let before: SegmentRef | undefined
		let spoilt = new Set<SegmentNumber>()
		for (const place of placesOnPath(places, parts)) {
			if (!place.valid) {
				spoilt.add(place.number)
				continue
			}
			const hole = before === undefined ? undefined : holeBetween(before, place, spoilt, parts)
			if (before !== undefined && hole !== undefined && !found.has(nameOf(hole.first))) {
				const beginning = parts.find(part => part.timeline === hole.first.timeline && part.first === hole.first.number)
				found.set(
					nameOf(hole.first),
					archiveGap({
						timeline: hole.first.timeline,
						firstMissing: nameOf(hole.first),
						count: hole.count,
						before: nameOf(before),
						after: nameOf(place),
						startLsn: segmentStartLsn(hole.first.number, walSegmentBytes),
						forkLsn: beginning === undefined ? undefined : beginsAt(history, beginning.timeline),
					}),
				)
			}
			before = place
			spoilt = new Set()
		}
	}
	return [...found.values()]
}

function* placesOnPath<Place extends SegmentRef>(
	sorted: readonly Place[],
	parts: readonly PathPart[],
): Generator<Place> {
	for (const part of parts) {
		for (let index = placeOf(sorted, part.timeline, part.first); ; index += 1) {
			const place = sorted[index]
			if (place?.timeline !== part.timeline || (part.end !== undefined && place.number >= part.end)) break
			yield place
		}
	}
}

function holeBetween(
	before: SegmentRef,
	after: SegmentRef,
	spoilt: ReadonlySet<SegmentNumber>,
	parts: readonly PathPart[],
): {readonly first: SegmentRef; readonly count: number} | undefined {
	const count = Number(after.number - before.number) - 1 - spoilt.size
	if (count <= 0) return undefined
	let number = segmentNumberAt(before.number + 1n)
	while (spoilt.has(number)) number = segmentNumberAt(number + 1n)
	const part = parts.findLast(({first, end}) => first <= number && (end === undefined || number < end))
	return part === undefined ? undefined : {first: {timeline: part.timeline, number}, count}
}

/** Where a timeline of the history begins; undefined for the first. */
function beginsAt(history: TimelineHistory, timeline: TimelineId): Lsn | undefined {
	const index = history.switches.findIndex(({parent}) => parent === timeline)
	return index === -1 ? forkOf(history)?.switchLsn : history.switches[index - 1]?.switchLsn
}

/** A timeline with those that left it. */
export interface TimelineNode {
	readonly summary: TimelineSummary
	readonly children: readonly TimelineNode[]
}

/** The timelines as a tree: at the top those whose parent is not in the archive. */
export function timelinesTree(timelines: readonly TimelineSummary[]): readonly TimelineNode[] {
	const known = new Set(timelines.map(({history}) => history.timeline))
	const parentOf = ({history}: TimelineSummary) => {
		const parent = forkOf(history)?.parent
		return parent !== undefined && known.has(parent) ? parent : undefined
	}
	const nodesBelow = (parent: TimelineId | undefined): readonly TimelineNode[] =>
		timelines
			.filter(summary => parentOf(summary) === parent)
			.map(summary => ({summary, children: nodesBelow(summary.history.timeline)}))
	return nodesBelow(undefined)
}
