import type {UtcInstant} from '../time.ts'
import {msBetween} from '../time.ts'
import type {SegmentHeader, SegmentHeaderReading, SegmentNumber, SegmentRef} from '../wal/segment.ts'
import {
	parseSegmentFileName,
	readSegmentHeader,
	segmentFileName,
	segmentNumberOf,
	segmentStartLsn,
} from '../wal/segment.ts'
import type {TimelineHistory, TimelineId} from '../wal/timeline.ts'
import {parseTimelineHex, timelineAt} from '../wal/timeline.ts'
import type {SegmentRun} from './findings.ts'
import {
	pageMagicText,
	segmentDuplicate,
	segmentForeign,
	segmentNameMismatch,
	segmentRecycled,
	segmentTruncated,
	segmentUnreadable,
	tailPending,
} from './findings.ts'
import {type SegmentEntry, shownKey} from './listing.ts'
import type {ArchivedSegment, ClusterIdentity, Codec, Finding} from './survey.ts'

/** The first bytes of a segment's content, or why there are none. */
export type SegmentHead =
	| {
			readonly ok: true
			readonly codec: Codec
			readonly bytes: Uint8Array
			/** Length of the whole content; undefined where only unpacking all of it would tell. */
			readonly contentBytes: number | undefined
	  }
	| {readonly ok: false; readonly why: string; readonly whatToDo: readonly string[]}

/** A segment as found: its name, and what it begins with. */
export interface ReadSegment {
	readonly entry: SegmentEntry
	readonly head: SegmentHead
}

/** Which cluster the WAL is of. The major is undefined for a page magic of no version that lastgood knows. */
export type WalIdentity = Omit<ClusterIdentity, 'postgresMajor'> & {readonly postgresMajor: number | undefined}

/** The segments of an archive, proven by their headers. */
export interface Inventory {
	readonly identity: WalIdentity
	/** Every valid segment once, by timeline, then number. */
	readonly segments: readonly ArchivedSegment[]
	/** Places whose segment is stored and not valid: not missing, and yet of no use. */
	readonly damaged: readonly SegmentRef[]
	readonly findings: readonly Finding[]
}

type Verdict =
	| {readonly kind: 'valid'}
	| {
			readonly kind: 'segment-truncated' | 'segment-recycled' | 'segment-unreadable' | 'segment-name-mismatch'
			readonly detail: string
	  }
	| {readonly kind: 'segment-foreign'; readonly systemIdentifier: string}

interface Copy {
	readonly entry: SegmentEntry
	readonly codec: Codec
	readonly verdict: Verdict
}

/**
 * Says of each segment whether it is what its name says. Undefined when none has a WAL page header: then nothing tells whose WAL it is.
 * `histories` holds the timelines that are known, for the pages before a fork carry the parent's number.
 * `takenAt` tells a newest segment that is still on its way from one that was cut off long ago.
 */
export function takeInventory(
	read: readonly ReadSegment[],
	histories: ReadonlyMap<TimelineId, TimelineHistory>,
	takenAt?: UtcInstant,
): Inventory | undefined {
	const readings = read.map(segment => ({...segment, header: headerOf(segment.head)}))
	const identity = majorityOf(
		readings.flatMap(({entry, header}) => (header.ok ? [{entry, header: header.header}] : [])),
	)
	if (identity === undefined) return undefined

	const copiesByPlace = new Map<string, {readonly ref: SegmentRef; readonly copies: Copy[]}>()
	const foreign = new Map<string, SegmentEntry[]>()
	const findings: Finding[] = []
	const damaged: SegmentRef[] = []
	for (const {entry, head, header} of readings) {
		const ref = parseSegmentFileName(entry.name, identity.walSegmentBytes)
		const verdict = judge(ref, entry, head, header, identity, histories)
		if (verdict.kind === 'segment-foreign') {
			const entries = foreign.get(verdict.systemIdentifier)
			if (entries === undefined) foreign.set(verdict.systemIdentifier, [entry])
			else entries.push(entry)
			if (ref !== undefined) damaged.push(ref)
		} else if (ref === undefined) {
			const timeline = parseTimelineHex(entry.name.slice(0, 8))
			const detail = verdict.kind === 'valid' ? '' : verdict.detail
			if (timeline !== undefined)
				findings.push(segmentNameMismatch({timeline, first: entry.name, last: entry.name, count: 1, detail}, undefined))
		} else {
			const place = copiesByPlace.get(entry.name) ?? {ref, copies: []}
			place.copies.push({entry, codec: head.ok ? head.codec : 'none', verdict})
			copiesByPlace.set(entry.name, place)
		}
	}

	for (const [systemIdentifier, entries] of foreign) {
		const first = entries.toSorted((a, b) => compareText(a.name, b.name))[0]
		if (first !== undefined)
			findings.push(
				segmentForeign({
					firstKey: first.key,
					first: first.name,
					count: entries.length,
					systemIdentifier,
					expected: identity.systemIdentifier,
				}),
			)
	}

	const places = [...copiesByPlace.values()].sort((a, b) => comparePlace(a.ref, b.ref))
	const segments: ArchivedSegment[] = []
	const damages: Damage[] = []
	for (const {ref, copies} of places) {
		const [used, ...others] = copies.sort(preferred)
		if (used === undefined) continue
		if (used.verdict.kind === 'valid') segments.push(archivedSegment(ref, used))
		else {
			damaged.push(ref)
			if (used.verdict.kind !== 'segment-foreign')
				damages.push({
					ref,
					name: used.entry.name,
					kind: used.verdict.kind,
					detail: used.verdict.detail,
					storedAt: used.entry.modifiedAt,
				})
		}
		if (others.length > 0) {
			findings.push(
				segmentDuplicate({
					timeline: ref.timeline,
					name: used.entry.name,
					keys: copies.map(copy => copy.entry.key).sort(compareText),
					used: used.entry.key,
					contents: contentsOf(copies),
				}),
			)
		}
		// A second copy that is damaged harms nobody while the first is whole, but should not be there.
		for (const {verdict, entry} of others) {
			if (verdict.kind === 'valid' || verdict.kind === 'segment-foreign') continue
			const run = {
				timeline: ref.timeline,
				first: entry.name,
				last: entry.name,
				count: 1,
				detail: `at ${shownKey(entry.key)} ${verdict.detail}`,
			}
			const finding = damageFinding(verdict.kind, run, segmentStartLsn(ref.number, identity.walSegmentBytes), false)
			findings.push({...finding, severity: used.verdict.kind === 'valid' ? 'warning' : finding.severity})
		}
	}
	const lastNumbers = new Map<TimelineId, SegmentNumber>(places.map(({ref}) => [ref.timeline, ref.number]))
	findings.push(...damageFindings(damages, identity.walSegmentBytes, lastNumbers, takenAt))
	return {identity, segments, damaged, findings}
}

function contentsOf(copies: readonly Copy[]): 'same' | 'different' | 'unknown' {
	const known = new Set(copies.map(copy => copy.entry.contentId))
	if (known.has(undefined)) return known.size > 2 ? 'different' : 'unknown'
	return known.size > 1 ? 'different' : 'same'
}

function headerOf(head: SegmentHead): SegmentHeaderReading {
	return head.ok ? readSegmentHeader(head.bytes) : {ok: false, problem: 'no-wal-page'}
}

/** The cluster that most segments are of; where two have as many, the one that archived last. */
function majorityOf(
	readings: readonly {readonly entry: SegmentEntry; readonly header: SegmentHeader}[],
): WalIdentity | undefined {
	const tallies = new Map<string, {readonly identity: WalIdentity; count: number; newest: bigint}>()
	for (const {entry, header} of readings) {
		const {systemIdentifier, pageMagic, walSegmentBytes, postgresMajor} = header
		const key = `${systemIdentifier} ${pageMagic} ${walSegmentBytes}`
		const tally = tallies.get(key) ?? {
			identity: {systemIdentifier, pageMagic, walSegmentBytes, postgresMajor},
			count: 0,
			newest: 0n,
		}
		tally.count += 1
		if (entry.modifiedAt > tally.newest) tally.newest = entry.modifiedAt
		tallies.set(key, tally)
	}
	return [...tallies.values()].sort((a, b) => b.count - a.count || (a.newest < b.newest ? 1 : -1))[0]?.identity
}

function judge(
	ref: SegmentRef | undefined,
	entry: SegmentEntry,
	head: SegmentHead,
	reading: SegmentHeaderReading,
	identity: WalIdentity,
	histories: ReadonlyMap<TimelineId, TimelineHistory>,
): Verdict {
	if (!head.ok) return {kind: 'segment-unreadable', detail: `cannot be read: ${head.why}`}
	if (!reading.ok) {
		switch (reading.problem) {
			case 'too-short':
				return {
					kind: 'segment-truncated',
					detail:
						entry.storedBytes === 0 ? 'is empty' : `holds ${bytesText(head.bytes.byteLength)}, less than a page header`,
				}
			case 'zero-filled':
				return {kind: 'segment-recycled', detail: 'begins with zeros: it was set aside and never written'}
			case 'no-wal-page':
				return {kind: 'segment-unreadable', detail: 'does not begin with a WAL page'}
			default:
				return reading.problem satisfies never
		}
	}
	const {header} = reading
	if (header.systemIdentifier !== identity.systemIdentifier)
		return {kind: 'segment-foreign', systemIdentifier: header.systemIdentifier}
	if (header.pageMagic !== identity.pageMagic) {
		return {
			kind: 'segment-unreadable',
			detail: `has page magic ${pageMagicText(header.pageMagic)}, while the archive's is ${pageMagicText(identity.pageMagic)}`,
		}
	}
	if (header.walSegmentBytes !== identity.walSegmentBytes) {
		return {
			kind: 'segment-unreadable',
			detail: `says that segments have ${bytesText(header.walSegmentBytes)}, while the archive's have ${bytesText(identity.walSegmentBytes)}`,
		}
	}
	if (ref === undefined)
		return {
			kind: 'segment-name-mismatch',
			detail: `cannot be the name of a segment of ${bytesText(identity.walSegmentBytes)}`,
		}
	const startLsn = segmentStartLsn(ref.number, identity.walSegmentBytes)
	// A segment file that is set aside for reuse keeps the header of what it held before, at an older place (§6).
	if (header.pageLsn < startLsn)
		return {
			kind: 'segment-recycled',
			detail: `still holds the WAL of ${placeText(header)}: it was set aside for reuse and never written again`,
		}
	if (header.pageLsn > startLsn) return {kind: 'segment-name-mismatch', detail: `holds the WAL of ${placeText(header)}`}
	const history = histories.get(ref.timeline)
	const expected = history === undefined ? undefined : timelineAt(history, startLsn)
	if (expected === undefined ? header.timeline > ref.timeline : header.timeline !== expected) {
		return {
			kind: 'segment-name-mismatch',
			detail: `holds WAL of timeline ${header.timeline}${expected === undefined || expected === ref.timeline ? '' : `, where timeline ${expected} should stand`}`,
		}
	}
	if (head.contentBytes !== undefined && head.contentBytes !== header.walSegmentBytes) {
		return {
			kind: 'segment-truncated',
			detail: `holds ${bytesText(head.contentBytes)} of ${bytesText(header.walSegmentBytes)}`,
		}
	}
	return {kind: 'valid'}
}

function archivedSegment(ref: SegmentRef, {entry, codec}: Copy): ArchivedSegment {
	return {...ref, name: entry.name, key: entry.key, codec, storedBytes: entry.storedBytes, modifiedAt: entry.modifiedAt}
}

/** Valid before damaged, plain before packed, then by key: the same choice every time. */
function preferred(a: Copy, b: Copy): number {
	const rank = ({verdict, codec}: Copy) => (verdict.kind === 'valid' ? 0 : 2) + (codec === 'none' ? 0 : 1)
	return rank(a) - rank(b) || compareText(a.entry.key, b.entry.key)
}

type DamageKind = Exclude<Verdict['kind'], 'valid' | 'segment-foreign'>

interface Damage {
	readonly ref: SegmentRef
	readonly name: string
	readonly kind: DamageKind
	readonly detail: string
	readonly storedAt: UtcInstant
}

/** A segment of any size is copied in less. */
const onItsWayMs = 10 * 60_000

/** One finding for each run of neighbours with the same damage: a folder of ten thousand spoilt segments is one sentence. */
function damageFindings(
	damages: readonly Damage[],
	walSegmentBytes: number,
	lastNumbers: ReadonlyMap<TimelineId, SegmentNumber>,
	takenAt: UtcInstant | undefined,
): Finding[] {
	const findings: Finding[] = []
	for (let from = 0; from < damages.length; ) {
		let to = from + 1
		while (to < damages.length && follows(damages[to - 1], damages[to])) to += 1
		const first = damages[from]
		const last = damages[to - 1]
		if (first !== undefined && last !== undefined) {
			const {timeline, number} = first.ref
			const run = {timeline, first: first.name, last: last.name, count: to - from, detail: first.detail}
			const isTail = to - from === 1 && lastNumbers.get(timeline) === number
			const ageMs = takenAt === undefined ? undefined : msBetween(first.storedAt, takenAt)
			const isOnItsWay = isTail && first.kind !== 'segment-name-mismatch' && ageMs !== undefined && ageMs < onItsWayMs
			findings.push(
				isOnItsWay
					? tailPending(run, first.storedAt)
					: damageFinding(first.kind, run, segmentStartLsn(number, walSegmentBytes), isTail),
			)
		}
		from = to
	}
	return findings
}

function follows(before: Damage | undefined, after: Damage | undefined): boolean {
	return (
		before !== undefined &&
		after !== undefined &&
		before.kind === after.kind &&
		before.ref.timeline === after.ref.timeline &&
		before.ref.number + 1n === after.ref.number
	)
}

function damageFinding(
	kind: DamageKind,
	run: SegmentRun,
	startLsn: Parameters<typeof segmentRecycled>[1],
	tail: boolean,
): Finding {
	switch (kind) {
		case 'segment-truncated':
			return segmentTruncated(run, startLsn, tail)
		case 'segment-recycled':
			return segmentRecycled(run, startLsn)
		case 'segment-unreadable':
			return segmentUnreadable(run, startLsn)
		case 'segment-name-mismatch':
			return segmentNameMismatch(run, startLsn)
		default:
			return kind satisfies never
	}
}

function comparePlace(a: SegmentRef, b: SegmentRef): number {
	return a.timeline - b.timeline || (a.number < b.number ? -1 : a.number > b.number ? 1 : 0)
}

function placeText(header: SegmentHeader): string {
	return segmentFileName(
		{timeline: header.timeline, number: segmentNumberOf(header.pageLsn, header.walSegmentBytes)},
		header.walSegmentBytes,
	)
}

function bytesText(bytes: number): string {
	return bytes === 1 ? '1 byte' : `${bytes} bytes`
}

function compareText(a: string, b: string): number {
	return a < b ? -1 : a > b ? 1 : 0
}
