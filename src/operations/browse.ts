import type {ArchivedSegment, ClusterIdentity, Survey} from '../domain/archive/survey.ts'
import type {ListedRecord, RecordsPage, SegmentTimes} from '../domain/archive/walk.ts'
import {OperatorError} from '../domain/errors.ts'
import {compareInstant, parseWaldumpTime, type UtcInstant} from '../domain/time.ts'
import type {Lsn} from '../domain/wal/lsn.ts'
import {formatLsn, lsnAt} from '../domain/wal/lsn.ts'
import type {WalRecord} from '../domain/wal/record.ts'
import {matchesRecord, type RecordFilter} from '../domain/wal/record-filter.ts'
import {
	longPageHeaderBytes,
	readSegmentHeader,
	type SegmentNumber,
	segmentFileName,
	segmentNumberAt,
	segmentNumberEndingAt,
	segmentNumberOf,
	segmentStartLsn,
} from '../domain/wal/segment.ts'
import {endLsnOf, firstSeam, nextRecordLsn} from '../domain/wal/succession.ts'
import {forkOf} from '../domain/wal/timeline.ts'
import {describeEnding, type EndingVerdict, judgeEnding} from '../domain/wal/waldump-ending.ts'
import {createWaldumpParser} from '../domain/wal/waldump-text.ts'
import type {OpenedArchive, World} from '../ports.ts'

/** What browsing reads from: no destination, no server, nothing that writes. */
export interface BrowseAccess {
	readonly world: Pick<World, 'wal' | 'codecs'>
	readonly opened: Pick<OpenedArchive, 'store' | 'survey'>
}

/** How a long reading is left and followed. */
export interface ReadingWishes {
	readonly signal?: AbortSignal
	/** How much of what may have to be read was read, from 0 to 100, and where that is. */
	readonly onProgress?: (percent: number, segment: string) => void
}

/** Records that are kept before and after the place that was asked for: more than a screen, and far from a segment's. */
const keptBefore = 1000
const keptAfter = 2000
/** Longer than any description but those of large commits and of logical messages, of which one may have a gigabyte. */
const longestDescription = 4000
/** How far back a page that is asked for by its place is read from at first. */
const firstReachBytes = 512 * 1024

/** Some of the records that begin in a segment: those before and from `around` on that match. Throws what the reader throws. */
export async function readRecords(
	access: BrowseAccess,
	{segment, around, filter}: {readonly segment: ArchivedSegment; readonly around: Lsn; readonly filter: RecordFilter},
	{signal, onProgress = () => {}}: ReadingWishes = {},
): Promise<RecordsPage> {
	const {walSegmentBytes} = clusterOf(access)
	const {startLsn, endLsn} = spanOf(segment, walSegmentBytes)
	const segments = await segmentsHolding(access, segment, signal)
	// What is packed has to be unpacked from its beginning whatever is wanted of it.
	let reach = segment.codec === 'none' ? firstReachBytes : walSegmentBytes
	for (; ; reach *= 4) {
		const fromLsn = around - startLsn <= reach ? startLsn : lsnAt(around - BigInt(reach))
		const page = createPage(segment, around, filter, walSegmentBytes)
		const reading = recordsBetween(access, segments, {fromLsn, endLsn, signal})
		let last: WalRecord | undefined
		let step = await reading.next()
		for (; step.done !== true; step = await reading.next()) {
			const isFull = step.value.some(record => {
				last = record
				return page.take(record)
			})
			if (last !== undefined) onProgress(percentOf(last.lsn, startLsn, endLsn), segment.name)
			if (isFull) break
		}
		if (step.done !== true) await reading.return(leftEarly)
		const isStart = fromLsn === startLsn
		if (page.lacksBefore && !isStart) continue
		const ending = step.done === true ? endingOf(step.value, last, segment, segments, walSegmentBytes) : undefined
		return page.finished(!isStart, ending)
	}
}

/** The next record in this direction, from the segment on and beyond it, that matches; undefined when there is none. */
export interface FoundRecord {
	readonly segment: ArchivedSegment
	readonly lsn: Lsn
}

/**
 * Looks for a record that matches all of the filters, after `fromLsn` or before it, in one segment after the other of the timeline.
 * Segments that cannot be read are passed over and named.
 */
export async function findRecord(
	access: BrowseAccess,
	request: {
		readonly segment: ArchivedSegment
		readonly fromLsn: Lsn
		readonly direction: 1 | -1
		readonly filters: readonly RecordFilter[]
	},
	{signal, onProgress = () => {}}: ReadingWishes = {},
): Promise<{readonly found: FoundRecord | undefined; readonly unreadable: readonly string[]}> {
	const {segment: first, fromLsn, direction, filters} = request
	const {walSegmentBytes} = clusterOf(access)
	const own = access.opened.survey.segments.filter(({timeline}) => timeline === first.timeline)
	const ahead =
		direction === 1
			? own.filter(({number}) => number >= first.number)
			: own.filter(({number}) => number <= first.number).reverse()
	const unreadable: string[] = []
	for (const [index, segment] of ahead.entries()) {
		onProgress((index * 100) / ahead.length, segment.name)
		const {startLsn, endLsn} = spanOf(segment, walSegmentBytes)
		const segments = await segmentsHolding(access, segment, signal)
		const begin = direction === 1 && segment === first ? fromLsn : startLsn
		let last: WalRecord | undefined
		let found: Lsn | undefined
		const reading = recordsBetween(access, segments, {fromLsn: begin, endLsn, signal})
		let step = await reading.next()
		for (; step.done !== true; step = await reading.next()) {
			for (const record of step.value) {
				last = record
				const isAhead = segment !== first || (direction === 1 ? record.lsn > fromLsn : record.lsn < fromLsn)
				if (isAhead && filters.every(filter => matchesRecord(filter, record))) {
					found = record.lsn
					if (direction === 1) break
				}
			}
			if (direction === 1 && found !== undefined) break
			if (direction === -1 && segment === first && last !== undefined && last.lsn >= fromLsn) break
		}
		if (step.done !== true) await reading.return(leftEarly)
		else if (endingOf(step.value, last, segment, segments, walSegmentBytes) !== undefined) unreadable.push(segment.name)
		if (found !== undefined) return {found: {segment, lsn: found}, unreadable}
	}
	return {found: undefined, unreadable}
}

/** The end of a transaction, found by its time. */
export interface FoundTime extends FoundRecord {
	readonly at: UtcInstant
	readonly xid: number
	/** Whether it is stamped at the time or after; the last one before it when there is none. */
	readonly isReached: boolean
}

/**
 * The first commit or abort in WAL order that is stamped at the time or after it, by bisection: of about log2 of the segments
 * the beginning is read. undefined when no transaction ends in any of them. Segments that cannot be read tell no time.
 */
export async function findTime(
	access: BrowseAccess,
	{way, at}: {readonly way: readonly ArchivedSegment[]; readonly at: UtcInstant},
	{signal, onProgress = () => {}}: ReadingWishes = {},
): Promise<FoundTime | undefined> {
	let readCount = 0
	const expected = Math.ceil(Math.log2(way.length + 1)) + 2
	const firstEnd = async (index: number): Promise<TransactionEnd | undefined> => {
		const segment = way[index]
		if (segment === undefined) return undefined
		readCount += 1
		onProgress(Math.min(99, (readCount * 100) / expected), segment.name)
		for await (const ends of transactionEnds(access, [segment], segment, signal))
			if (ends[0] !== undefined) return ends[0]
		return undefined
	}
	/** The first segment from `index` on, before `end`, in which a transaction ends. */
	const firstStamped = async (index: number, end: number) => {
		for (let place = index; place < end; place++) {
			const first = await firstEnd(place)
			if (first !== undefined) return {place, at: first.at}
		}
		return undefined
	}
	let low = 0
	let high = way.length
	while (low < high) {
		const middle = (low + high) >>> 1
		const stamped = await firstStamped(middle, high)
		if (stamped === undefined || compareInstant(stamped.at, at) >= 0) high = middle
		else low = stamped.place + 1
	}
	// The segment before is the last whose first transaction ended earlier: what is looked for is in it or opens what follows.
	let before: FoundTime | undefined
	for (let index = Math.max(0, low - 1); index < way.length; index++) {
		const segment = way[index]
		if (segment === undefined) break
		readCount += 1
		onProgress(99, segment.name)
		for await (const ends of transactionEnds(access, await segmentsHolding(access, segment, signal), segment, signal)) {
			for (const end of ends) {
				if (compareInstant(end.at, at) >= 0) return {...end, segment, isReached: true}
				before = {...end, segment, isReached: false}
			}
		}
	}
	return before
}

/** Commit times of neighbouring segments of one timeline, told as they become known; each is told once. */
export async function readSegmentTimes(
	access: BrowseAccess,
	segments: readonly ArchivedSegment[],
	onTimes: (times: SegmentTimes) => void,
	{signal}: Pick<ReadingWishes, 'signal'> = {},
): Promise<void> {
	for (const segment of segments) {
		signal?.throwIfAborted()
		let times: SegmentTimes = {
			segment: segment.name,
			firstAt: undefined,
			lastAt: undefined,
			commitCount: 0,
			isWhole: true,
		}
		const holding = await segmentsHolding(access, segment, signal)
		const reading = transactionEnds(access, holding, segment, signal)
		let step = await reading.next()
		for (; step.done !== true; step = await reading.next()) {
			for (const {at, isCommit} of step.value) {
				if (!isCommit) continue
				times = {...times, firstAt: times.firstAt ?? at, lastAt: at, commitCount: times.commitCount + 1}
			}
		}
		const {kind} = step.value
		onTimes({...times, isWhole: kind === 'complete' || kind === 'end-of-wal'})
	}
}

function clusterOf({opened}: BrowseAccess): ClusterIdentity {
	return opened.survey.cluster
}

function spanOf({number}: ArchivedSegment, walSegmentBytes: number): {readonly startLsn: Lsn; readonly endLsn: Lsn} {
	return {
		startLsn: segmentStartLsn(number, walSegmentBytes),
		endLsn: segmentStartLsn(segmentNumberAt(number + 1n), walSegmentBytes),
	}
}

/**
 * The segment with those into which its last record goes on: a dump of one segment alone leaves that record out without a word
 * (postgres-recovery.md §0.5). How far it goes stands in the header of the next segment.
 */
async function segmentsHolding(
	access: BrowseAccess,
	segment: ArchivedSegment,
	signal: AbortSignal | undefined,
): Promise<readonly ArchivedSegment[]> {
	const {world, opened} = access
	const {walSegmentBytes} = clusterOf(access)
	const holding = [segment]
	const next = segmentAfter(access, segment)
	if (next === undefined) return holding
	let head: Uint8Array
	try {
		head = (await world.codecs.head(opened.store, next, longPageHeaderBytes, signal)).bytes
	} catch (error) {
		if (!(error instanceof OperatorError)) throw error
		return holding
	}
	if (!readSegmentHeader(head).ok) return holding
	const last: SegmentNumber = segmentNumberEndingAt(firstSeam(head, walSegmentBytes).endLsn, walSegmentBytes)
	for (let more: ArchivedSegment | undefined = next; more !== undefined && more.number <= last; ) {
		holding.push(more)
		more = segmentAfter(access, more)
	}
	return holding
}

/** The segment that follows on the same timeline; at its end the one that a younger timeline began in it, which has the same records up to the fork. */
function segmentAfter({opened}: BrowseAccess, {timeline, number}: ArchivedSegment): ArchivedSegment | undefined {
	const {survey} = opened
	const following = byNumber(survey).get(segmentNumberAt(number + 1n)) ?? []
	const own = following.find(segment => segment.timeline === timeline)
	if (own !== undefined) return own
	return following.find(segment => {
		const fork = survey.timelines
			.filter(({history}) => history.timeline === segment.timeline)
			.map(({history}) => forkOf(history))[0]
		return (
			fork?.parent === timeline && segmentNumberOf(fork.switchLsn, survey.cluster.walSegmentBytes) === segment.number
		)
	})
}

/** The segments of each number, made once for a survey: of 100,000 one is looked for many times. */
function byNumber(survey: Survey): ReadonlyMap<SegmentNumber, readonly ArchivedSegment[]> {
	const made = numbered.get(survey)
	if (made !== undefined) return made
	const map = Map.groupBy(survey.segments, ({number}) => number)
	numbered.set(survey, map)
	return map
}

const numbered = new WeakMap<Survey, ReadonlyMap<SegmentNumber, readonly ArchivedSegment[]>>()

/** What a reading comes to that was left before its end. */
const leftEarly: EndingVerdict = {kind: 'stopped'}

/** Records that begin from `fromLsn` up to `endLsn`, as they come; then how pg_waldump ended, which is complete where the end was reached. */
async function* recordsBetween(
	access: BrowseAccess,
	segments: readonly ArchivedSegment[],
	{
		fromLsn,
		endLsn,
		rmgrs,
		signal,
	}: {
		readonly fromLsn: Lsn
		readonly endLsn: Lsn
		readonly rmgrs?: readonly string[]
		readonly signal: AbortSignal | undefined
	},
): AsyncGenerator<readonly WalRecord[], EndingVerdict> {
	const {walSegmentBytes, postgresMajor} = clusterOf(access)
	const [first] = segments
	const parser = createWaldumpParser({filtered: rmgrs !== undefined, walSegmentBytes})
	const run = await access.world.wal.dump({
		store: access.opened.store,
		postgresMajor,
		walSegmentBytes,
		segments,
		...(first === undefined || fromLsn <= segmentStartLsn(first.number, walSegmentBytes) ? {} : {startLsn: fromLsn}),
		...(rmgrs === undefined ? {} : {rmgrs}),
		...(signal === undefined ? {} : {signal}),
	})
	// Nobody waits for the ending of a reading that is left early.
	run.ended.catch(() => {})
	for await (const text of run.text) {
		const records = parser.push(text)
		const end = records.findIndex(({lsn}) => lsn >= endLsn)
		const own = (end === -1 ? records : records.slice(0, end)).filter(({lsn}) => lsn >= fromLsn)
		if (own.length > 0) yield own
		if (end !== -1) return {kind: 'complete'}
	}
	yield parser.finish().filter(({lsn}) => lsn >= fromLsn && lsn < endLsn)
	const last = segments.at(-1)
	return judgeEnding(await run.ended, {
		isEndOfArchive: last === undefined || segmentAfter(access, last) === undefined,
		walSegmentBytes,
		segments,
	})
}

interface TransactionEnd {
	readonly lsn: Lsn
	readonly at: UtcInstant
	readonly xid: number
	readonly isCommit: boolean
}

/** Commits and aborts whose records begin in the segment; they end early, without a word, where pg_waldump cannot read on. */
async function* transactionEnds(
	access: BrowseAccess,
	holding: readonly ArchivedSegment[],
	segment: ArchivedSegment,
	signal: AbortSignal | undefined,
): AsyncGenerator<readonly TransactionEnd[], EndingVerdict> {
	const {startLsn, endLsn} = spanOf(segment, clusterOf(access).walSegmentBytes)
	const wishes = {fromLsn: startLsn, endLsn, rmgrs: ['Transaction'], signal}
	const reading = recordsBetween(access, holding, wishes)
	try {
		for (;;) {
			const step = await reading.next()
			if (step.done === true) return step.value
			const ends = step.value.flatMap(transactionEnd)
			if (ends.length > 0) yield ends
		}
	} catch (error) {
		if (!(error instanceof OperatorError)) throw error
		return {kind: 'failed', message: error.message}
	} finally {
		// Whoever has seen enough leaves this reading, and with it the one below, which holds a program and a folder.
		await reading.return(leftEarly)
	}
}

const endDescription = /^(?:(\d+): )?(.*)$/s

function transactionEnd({rmgr, type, xid, lsn, description}: WalRecord): readonly TransactionEnd[] {
	if (rmgr !== 'Transaction' || !/^(COMMIT|ABORT)(_PREPARED)?$/.test(type)) return []
	const [, prepared, rest = ''] = endDescription.exec(description) ?? []
	const at = parseWaldumpTime(rest)
	const own = prepared === undefined ? xid : Number(prepared)
	return at === undefined ? [] : [{lsn, at, xid: own, isCommit: type.startsWith('COMMIT')}]
}

/** What stopped the reading of a segment before its end, in words; undefined when nothing did. */
function endingOf(
	verdict: EndingVerdict,
	last: WalRecord | undefined,
	segment: ArchivedSegment,
	holding: readonly ArchivedSegment[],
	walSegmentBytes: number,
): string | undefined {
	if (verdict.kind !== 'complete') return describeEnding(verdict)
	const {endLsn} = spanOf(segment, walSegmentBytes)
	const next = last === undefined ? endLsn : nextRecordLsn(last, walSegmentBytes)
	// pg_waldump says nothing of a record of which the end lies in a segment that it was not given.
	if (next >= endLsn || holding.length > 1) return undefined
	const number = segmentNumberAt(segment.number + 1n)
	const missing = segmentFileName({timeline: segment.timeline, number}, walSegmentBytes)
	return `the record at ${formatLsn(next)} goes on in ${missing}, which is not in the archive`
}

function percentOf(lsn: Lsn, startLsn: Lsn, endLsn: Lsn): number {
	return Number(((lsn - startLsn) * 100n) / (endLsn - startLsn))
}

interface PageInMaking {
	/** Takes the next record in WAL order; true once nothing more is needed. */
	take(record: WalRecord): boolean
	/** Whether there is room left for records before the place that was asked for. */
	readonly lacksBefore: boolean
	finished(mayHaveBefore: boolean, ending: string | undefined): RecordsPage
}

function createPage(
	segment: ArchivedSegment,
	around: Lsn,
	filter: RecordFilter,
	walSegmentBytes: number,
): PageInMaking {
	// Records that stand far apart would each keep the text around it.
	const isSparse = filter.words.length > 0
	let before: CutRecord[] = []
	const after: CutRecord[] = []
	let droppedBefore = false
	let hasAfter = false
	return {
		take(record) {
			if (!matchesRecord(filter, record)) return false
			if (record.lsn < around) {
				before.push(cutRecord(record, isSparse))
				if (before.length >= keptBefore * 2) {
					before = before.slice(-keptBefore)
					droppedBefore = true
				}
				return false
			}
			if (after.length < keptAfter) after.push(cutRecord(record, isSparse))
			else hasAfter = true
			return hasAfter
		},
		get lacksBefore() {
			return before.length < keptBefore
		},
		finished(mayHaveBefore, ending) {
			const listed = (record: CutRecord): ListedRecord => ({...record, endLsn: endLsnOf(record, walSegmentBytes)})
			return {
				segment: segment.name,
				records: [...before.slice(-keptBefore), ...after].map(listed),
				hasBefore: mayHaveBefore || droppedBefore || before.length > keptBefore,
				hasAfter,
				ending,
			}
		},
	}
}

type CutRecord = Omit<ListedRecord, 'endLsn'>

/** The record with no more of its description than is read. What a parser gives are slices of all that was printed around it: `own` makes them texts of their own. */
function cutRecord(record: WalRecord, own: boolean): CutRecord {
	const cutCharacters = Math.max(0, record.description.length - longestDescription)
	if (!own && cutCharacters === 0) return {...record, cutCharacters}
	return {
		...record,
		rmgr: ownText(record.rmgr),
		type: ownText(record.type),
		description: ownText(record.description.slice(0, longestDescription)),
		cutCharacters,
	}
}

function ownText(text: string): string {
	return JSON.parse(JSON.stringify(text)) as string
}
