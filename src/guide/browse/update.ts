import {segmentsOnPath} from '../../domain/archive/chain.ts'
import type {ArchivedSegment} from '../../domain/archive/survey.ts'
import type {RecordsPage, TimelineEntry} from '../../domain/archive/walk.ts'
import {describeCount} from '../../domain/text.ts'
import {formatInstant, parseTime, type TimeProblem, type UtcInstant} from '../../domain/time.ts'
import {formatLsn, type Lsn, lsnAt, parseLsn} from '../../domain/wal/lsn.ts'
import {everyRecord, matchesRecord, parseRecordFilter, type RecordFilter} from '../../domain/wal/record-filter.ts'
import {isSegmentFileName, segmentNumberAt, segmentNumberOf, segmentStartLsn} from '../../domain/wal/segment.ts'
import type {TimelineId} from '../../domain/wal/timeline.ts'
import type {BrowseEffect} from '../effects.ts'
import type {GuideEvent} from '../events.ts'
import {describeTimeProblem} from '../incident.ts'
import {browseTableRows, type TerminalSize} from '../layout.ts'
import {editField, emptyField, fieldWith} from '../text-field.ts'
import type {Span} from '../views.ts'
import {
	type Aim,
	type Browse,
	entriesOf,
	type Prompt,
	type RecordsPlace,
	type SegmentsPlace,
	topOf,
	type Work,
} from './state.ts'

/** What one event made of a walk; without `browse`, the operator has left it. */
export interface BrowseOutcome {
	readonly browse: Browse | undefined
	readonly effects: readonly BrowseEffect[]
}

/** So near to an end of the page more records are read before they are needed. */
const margin = 200

/** A walk after one event, on a terminal of this size. */
export function updateBrowse(
	browse: Browse,
	event: GuideEvent,
	size: TerminalSize & {readonly now: UtcInstant},
): BrowseOutcome {
	const outcome = afterEvent(browse, event, size)
	return outcome.browse === undefined ? outcome : withTimes(outcome.browse, outcome.effects, size)
}

function afterEvent(browse: Browse, event: GuideEvent, size: TerminalSize & {readonly now: UtcInstant}): BrowseOutcome {
	switch (event.type) {
		case 'recordsRead':
			return isOf(browse.work, event.request) ? quiet(takePage(browse, event.page)) : quiet(browse)
		case 'readingProgressed':
			return isOf(browse.work, event.request)
				? quiet({...browse, work: {...browse.work, percent: event.percent, segment: event.segment}})
				: quiet(browse)
		case 'readingFailed':
			return isOf(browse.work, event.request)
				? quiet({...browse, work: undefined, trouble: event.trouble})
				: quiet(browse)
		case 'recordFound':
			return isOf(browse.work, event.request)
				? openRecords(browse, event.segment, event.lsn, remarkSpan(event.remark))
				: quiet(browse)
		case 'recordMissed':
			return isOf(browse.work, event.request)
				? quiet({...browse, work: undefined, notice: {text: event.remark, tone: 'warn'}})
				: quiet(browse)
		case 'segmentTimesRead':
			return quiet({...browse, times: new Map(browse.times).set(event.times.segment, event.times)})
		default:
			return browse.prompt === undefined
				? updateLevel(browse, event, size)
				: updatePrompt(browse, browse.prompt, event, size)
	}
}

function isOf(work: Work | undefined, request: number): work is Work {
	return work?.request === request
}

function remarkSpan(remark: string | undefined): Span | undefined {
	return remark === undefined ? undefined : {text: remark, tone: 'accent'}
}

function updateLevel(browse: Browse, event: GuideEvent, size: TerminalSize): BrowseOutcome {
	switch (event.type) {
		case 'moved':
			return moved(calm(browse), event.by)
		case 'paged':
			return moved(calm(browse), event.by * browseTableRows(size, browse.detail))
		case 'jumped':
			return jumped(calm(browse), event.to)
		case 'turned':
			return browse.records === undefined ? quiet(browse) : turned(calm(browse), browse.records, event.by)
		case 'detailToggled':
			return quiet({...calm(browse), detail: !browse.detail})
		case 'searchOpened':
			return quiet({...calm(browse), prompt: prompt('search', '')})
		case 'filterOpened':
			return browse.records === undefined
				? quiet(browse)
				: quiet({...calm(browse), prompt: prompt('filter', browse.records.filter)})
		case 'placeAsked':
			return quiet({...calm(browse), prompt: prompt('place', '')})
		case 'searchRepeated':
			return browse.searched === ''
				? quiet({...browse, notice: {text: 'nothing was searched for yet: / searches', tone: 'warn'}})
				: search(calm(browse), event.by)
		case 'timesAsked':
			return askTimes(calm(browse), visibleSegments(browse, size))
		case 'accepted':
			return goDown(calm(browse))
		case 'wentBack':
			return goUp(calm(browse))
		default:
			return quiet(browse)
	}
}

function prompt(kind: Prompt['kind'], text: string): Prompt {
	return {kind, field: text === '' ? emptyField : fieldWith(text), problem: undefined}
}

/** What was said of the event before is answered by the next. */
function calm(browse: Browse): Browse {
	return {...browse, notice: undefined, trouble: undefined}
}

function quiet(browse: Browse): BrowseOutcome {
	return {browse, effects: []}
}

function noticed(browse: Browse, text: string): BrowseOutcome {
	return quiet({...browse, notice: {text, tone: 'warn'}})
}

// Moving

function moved(browse: Browse, by: number): BrowseOutcome {
	const {segments, records, survey} = browse
	if (records !== undefined) return moveRecords(browse, records, by)
	if (segments !== undefined) {
		const count = entriesOf(survey, segments.timeline).length
		return quiet({...browse, segments: {...segments, index: clamp(segments.index + by, count)}})
	}
	return quiet({...browse, timelineIndex: clamp(browse.timelineIndex + by, survey.timelines.length)})
}

function jumped(browse: Browse, to: 'first' | 'last'): BrowseOutcome {
	const {records} = browse
	if (records === undefined) return moved(browse, to === 'first' ? -Number.MAX_SAFE_INTEGER : Number.MAX_SAFE_INTEGER)
	const {page} = records
	if (page === undefined) return quiet(browse)
	const isThere = to === 'first' ? !page.hasBefore : !page.hasAfter
	if (isThere) return moveRecords(browse, records, to === 'first' ? -page.records.length : page.records.length)
	const {startLsn, endLsn} = spanOf(browse, records.segment)
	return to === 'first'
		? readPage(browse, records, startLsn, {lsn: startLsn, offset: 0})
		: readPage(browse, records, endLsn, {lsn: endLsn, offset: -1})
}

function moveRecords(browse: Browse, place: RecordsPlace, by: number): BrowseOutcome {
	const {page, index, aim} = place
	if (page === undefined || by === 0) return quiet(browse)
	// A key that is held down moves on while the page that it asked for is read.
	if (browse.work?.kind === 'page' && aim !== undefined)
		return quiet({...browse, records: {...place, aim: {...aim, offset: aim.offset + by}}})
	const {records} = page
	const target = index + by
	const [first, last] = [records[0], records.at(-1)]
	if (target < 0 && page.hasBefore && first !== undefined)
		return readPage(browse, place, first.lsn, {lsn: first.lsn, offset: target})
	if (target >= records.length && page.hasAfter && last !== undefined)
		return readPage(browse, place, last.lsn, {lsn: last.lsn, offset: target - records.length + 1})
	const there = {...place, index: clamp(target, records.length)}
	const nearEnd =
		by > 0 ? page.hasAfter && there.index > records.length - margin : page.hasBefore && there.index < margin
	const selected = records[there.index]
	return nearEnd && browse.work === undefined && selected !== undefined
		? readPage(browse, there, selected.lsn, undefined)
		: quiet({...browse, records: there})
}

/** The segment before or after, its first record selected, with the same filter. */
function turned(browse: Browse, place: RecordsPlace, by: number): BrowseOutcome {
	const entries = entriesOf(browse.survey, place.segment.timeline)
	const step = by > 0 ? 1 : -1
	let passed: TimelineEntry | undefined
	for (let index = indexOfSegment(entries, place.segment) + step; ; index += step) {
		const entry = entries[index]
		if (entry === undefined) return noticed(browse, `this is the ${by > 0 ? 'last' : 'first'} segment of its timeline`)
		if (entry.kind === 'hole') passed = entry
		if (entry.kind !== 'segment') continue
		const {startLsn} = spanOf(browse, entry.segment)
		const notice: Span | undefined =
			passed?.kind === 'hole'
				? {text: `${describeCount(passed.count, 'segment')} between are missing or cannot be used`, tone: 'warn'}
				: undefined
		return openRecords(browse, entry.segment, startLsn, notice)
	}
}

function indexOfSegment(entries: readonly TimelineEntry[], segment: ArchivedSegment): number {
	return entries.findIndex(entry => entry.kind === 'segment' && entry.segment.name === segment.name)
}

// Levels

function goDown(browse: Browse): BrowseOutcome {
	const {survey, segments, records} = browse
	if (records !== undefined) return quiet({...browse, detail: true})
	if (segments === undefined) {
		const timeline = survey.timelines[browse.timelineIndex]?.history.timeline
		return timeline === undefined ? quiet(browse) : quiet({...browse, segments: {timeline, index: 0}})
	}
	const entry = entriesOf(survey, segments.timeline)[segments.index]
	switch (entry?.kind) {
		case 'segment':
			return openRecords(browse, entry.segment, spanOf(browse, entry.segment).startLsn, undefined)
		case 'backup':
			return goToLsn(browse, segments.timeline, entry.backup.startLsn, 'where this base backup begins')
		case 'hole':
			return noticed(
				browse,
				`${entry.firstMissing} is not in the archive, or cannot be used: the survey's findings tell`,
			)
		default:
			return quiet(browse)
	}
}

function goUp(browse: Browse): BrowseOutcome {
	const {work, records, segments} = browse
	if (work !== undefined && work.kind !== 'page')
		return {
			browse: {...browse, work: undefined, notice: {text: 'stopped', tone: 'plain'}},
			effects: [{type: 'stopReading'}],
		}
	if (records !== undefined && records.filter !== '') return setFilter(browse, records, '')
	const effects: readonly BrowseEffect[] = work === undefined ? [] : [{type: 'stopReading'}]
	if (records !== undefined) return {browse: {...browse, records: undefined, work: undefined}, effects}
	if (segments !== undefined) return {browse: {...browse, segments: undefined, work: undefined}, effects}
	return {browse: undefined, effects: [{type: 'stopReading'}]}
}

/** Opens a segment with the record at this LSN selected; the level above follows. */
function openRecords(browse: Browse, segment: ArchivedSegment, lsn: Lsn, notice: Span | undefined): BrowseOutcome {
	const {survey} = browse
	const {timeline} = segment
	const same = browse.records?.segment.name === segment.name ? browse.records : undefined
	const segments: SegmentsPlace = {timeline, index: Math.max(0, indexOfSegment(entriesOf(survey, timeline), segment))}
	const place: RecordsPlace = {
		segment,
		page: same?.page,
		index: same?.index ?? 0,
		filter: browse.records?.filter ?? '',
		aim: undefined,
	}
	const timelineIndex = Math.max(
		0,
		survey.timelines.findIndex(({history}) => history.timeline === timeline),
	)
	return readPage({...browse, timelineIndex, segments, notice}, place, lsn, {lsn, offset: 0})
}

function spanOf({survey}: Browse, {number}: ArchivedSegment): {readonly startLsn: Lsn; readonly endLsn: Lsn} {
	const {walSegmentBytes} = survey.cluster
	return {
		startLsn: segmentStartLsn(number, walSegmentBytes),
		endLsn: segmentStartLsn(segmentNumberAt(number + 1n), walSegmentBytes),
	}
}

// Reading

function readPage(browse: Browse, place: RecordsPlace, around: Lsn, aim: Aim | undefined): BrowseOutcome {
	const request = browse.requestCount + 1
	return {
		browse: {
			...browse,
			requestCount: request,
			records: {...place, aim},
			work: {request, kind: 'page', percent: undefined, segment: place.segment.name},
		},
		effects: [{type: 'readRecords', request, segment: place.segment, around, filter: filterOf(place.filter)}],
	}
}

function filterOf(text: string): RecordFilter {
	const reading = parseRecordFilter(text)
	return reading.ok ? reading.filter : everyRecord
}

function takePage(browse: Browse, page: RecordsPage): Browse {
	const place = browse.records
	if (place === undefined) return {...browse, work: undefined}
	const selected = place.page?.records[place.index]?.lsn
	const aim = place.aim ?? (selected === undefined ? undefined : {lsn: selected, offset: 0})
	const first = page.records.findIndex(({lsn}) => aim !== undefined && lsn >= aim.lsn)
	const index = (first === -1 && aim !== undefined ? page.records.length : Math.max(0, first)) + (aim?.offset ?? 0)
	return {
		...browse,
		work: undefined,
		records: {...place, page, index: clamp(index, page.records.length), aim: undefined},
	}
}

// Typing

function updatePrompt(
	browse: Browse,
	open: Prompt,
	event: GuideEvent,
	{now}: {readonly now: UtcInstant},
): BrowseOutcome {
	switch (event.type) {
		case 'wentBack':
			return quiet({...browse, prompt: undefined})
		case 'accepted':
			switch (open.kind) {
				case 'search':
					return acceptSearch(browse, open)
				case 'filter':
					return acceptFilter(browse, open)
				case 'place':
					return acceptPlace(browse, open, now)
				default:
					return open.kind satisfies never
			}
		default: {
			const field = editField(open.field, event)
			return field === open.field ? quiet(browse) : quiet({...browse, prompt: {...open, field, problem: undefined}})
		}
	}
}

function refused(browse: Browse, open: Prompt, problem: string): BrowseOutcome {
	return quiet({...browse, prompt: {...open, problem}})
}

function acceptFilter(browse: Browse, open: Prompt): BrowseOutcome {
	const text = open.field.text.trim()
	const reading = parseRecordFilter(text)
	if (!reading.ok) return refused(browse, open, reading.problem)
	if (browse.records === undefined) return quiet({...browse, prompt: undefined})
	return setFilter({...browse, prompt: undefined}, browse.records, text)
}

function setFilter(browse: Browse, place: RecordsPlace, filter: string): BrowseOutcome {
	const lsn = place.page?.records[place.index]?.lsn ?? spanOf(browse, place.segment).startLsn
	return readPage(browse, {...place, filter}, lsn, {lsn, offset: 0})
}

function acceptSearch(browse: Browse, open: Prompt): BrowseOutcome {
	const text = open.field.text.trim()
	if (text === '') return quiet({...browse, prompt: undefined})
	const reading = parseRecordFilter(text)
	if (browse.records !== undefined && !reading.ok) return refused(browse, open, reading.problem)
	return search({...browse, prompt: undefined, searched: text}, 1)
}

function search(browse: Browse, direction: 1 | -1): BrowseOutcome {
	const {records, segments, survey, searched} = browse
	if (records !== undefined) return searchRecords(browse, records, direction)
	const wanted = searched.toLowerCase()
	const texts =
		segments === undefined
			? survey.timelines.map(
					({history, firstSegment, lastSegment}) =>
						`timeline ${history.timeline} ${firstSegment ?? ''} ${lastSegment ?? ''} ${history.switches.at(-1)?.reason ?? ''}`,
				)
			: entriesOf(survey, segments.timeline).map(entry => entryText(browse, entry))
	const from = segments?.index ?? browse.timelineIndex
	for (let index = from + direction; index >= 0 && index < texts.length; index += direction)
		if (texts[index]?.toLowerCase().includes(wanted) === true) return moved(browse, index - from)
	return noticed(browse, missed(searched, direction, 'this list'))
}

function missed(searched: string, direction: 1 | -1, where: string): string {
	return `${JSON.stringify(searched)} is not ${direction === 1 ? 'further down' : 'further up'} in ${where}: ${direction === 1 ? 'N' : 'n'} looks the other way`
}

function entryText({times}: Browse, entry: TimelineEntry): string {
	switch (entry.kind) {
		case 'segment': {
			const {firstAt, lastAt} = times.get(entry.segment.name) ?? {}
			return [entry.segment.name, ...[firstAt, lastAt].map(at => (at === undefined ? '' : formatInstant(at)))].join(' ')
		}
		case 'backup':
			return `base backup ${entry.backup.id} ${entry.backup.label}`
		case 'hole':
			return `missing ${entry.firstMissing}`
		default:
			return entry satisfies never
	}
}

/** What is at hand is looked through at once; where it does not have it, the segment and those after it are. */
function searchRecords(browse: Browse, place: RecordsPlace, direction: 1 | -1): BrowseOutcome {
	const filter = filterOf(browse.searched)
	const records = place.page?.records ?? []
	const selected = records[place.index]
	for (let index = place.index + direction; index >= 0 && index < records.length; index += direction) {
		const record = records[index]
		if (record === undefined) break
		if (matchesRecord(filter, record)) return moveRecords(browse, place, index - place.index)
		// What it was found by may stand in the part that was left out.
		if (record.cutCharacters > 0) break
	}
	const request = browse.requestCount + 1
	const {startLsn} = spanOf(browse, place.segment)
	return {
		browse: {
			...browse,
			requestCount: request,
			work: {request, kind: 'search', percent: undefined, segment: place.segment.name},
		},
		effects: [
			{
				type: 'findRecord',
				request,
				segment: place.segment,
				fromLsn: selected?.lsn ?? startLsn,
				direction,
				filters: [filter, filterOf(place.filter)],
			},
		],
	}
}

/** Reads an LSN, the name of a segment, or a time. */
function acceptPlace(browse: Browse, open: Prompt, now: UtcInstant): BrowseOutcome {
	const typed = open.field.text.trim()
	if (typed === '') return quiet({...browse, prompt: undefined})
	const timeline = timelineHere(browse)
	if (timeline === undefined) return refused(browse, open, 'the archive has no timeline')
	const lsn = parseLsn(typed)
	if (lsn !== undefined) {
		const outcome = goToLsn({...browse, prompt: undefined}, timeline, lsn, undefined)
		return outcome.effects.length > 0 ? outcome : refused(browse, open, outcome.browse?.notice?.text ?? '')
	}
	if (isSegmentFileName(typed.toUpperCase())) {
		const segment = browse.survey.segments.find(({name}) => name === typed.toUpperCase())
		return segment === undefined
			? refused(browse, open, `${typed} is not in the archive, or cannot be used`)
			: openRecords({...browse, prompt: undefined}, segment, spanOf(browse, segment).startLsn, undefined)
	}
	const reading = parseTime(typed, now)
	if (!reading.ok) return refused(browse, open, placeProblem(reading.problem))
	const request = browse.requestCount + 1
	return {
		browse: {
			...browse,
			prompt: undefined,
			requestCount: request,
			work: {request, kind: 'time', percent: undefined, segment: ''},
		},
		effects: [{type: 'findTime', request, way: wayTo(browse, timeline), at: reading.instant}],
	}
}

function placeProblem(problem: TimeProblem): string {
	switch (problem.kind) {
		case 'unreadable':
			return 'this is no LSN, segment or time: try 0/6DCE410, 2026-04-01T09:41:23Z, today 09:41 Europe/Berlin, 20 min ago'
		case 'ambiguous':
			return `clocks in ${problem.zone} showed this time twice: type ${problem.readings.map(formatInstant).join(' or ')}`
		case 'zone-missing':
		case 'zone-unknown':
		case 'skipped':
			return describeTimeProblem(problem)
		default:
			return problem satisfies never
	}
}

function timelineHere({records, segments, survey, timelineIndex}: Browse): TimelineId | undefined {
	return records?.segment.timeline ?? segments?.timeline ?? survey.timelines[timelineIndex]?.history.timeline
}

function wayTo({survey}: Browse, timeline: TimelineId): readonly ArchivedSegment[] {
	const summary = survey.timelines.find(({history}) => history.timeline === timeline)
	return summary === undefined ? [] : segmentsOnPath(survey, summary.history)
}

/** Goes where the way to this timeline leads through an LSN, also on one of its ancestors. */
function goToLsn(browse: Browse, timeline: TimelineId, lsn: Lsn, remark: string | undefined): BrowseOutcome {
	const way = wayTo(browse, timeline)
	const number = segmentNumberOf(lsn, browse.survey.cluster.walSegmentBytes)
	// The parent's own copy of a fork segment is not on the way, and can be looked at all the same.
	const here = browse.records?.segment
	const segment = here?.number === number ? here : way.find(candidate => candidate.number === number)
	if (segment !== undefined) return openRecords(browse, segment, lsn, remarkSpan(remark))
	const [first, last] = [way[0], way.at(-1)]
	const reach =
		first === undefined || last === undefined
			? 'it has no segment at all'
			: `it reaches from ${formatLsn(spanOf(browse, first).startLsn)} to ${formatLsn(lsnAt(spanOf(browse, last).endLsn))}`
	return noticed(browse, `no segment on the way to timeline ${timeline} holds ${formatLsn(lsn)}: ${reach}`)
}

// Commit times

/** So much WAL is read for commit times without being asked; what lies elsewhere than on this machine is never. */
const unaskedBytes = 512 * 1024 * 1024

/** Segments in sight of which the times are not known. */
function visibleSegments(browse: Browse, size: TerminalSize, most?: number): readonly ArchivedSegment[] {
	const {segments, survey} = browse
	if (segments === undefined || browse.records !== undefined) return []
	const entries = entriesOf(survey, segments.timeline)
	const height = browseTableRows(size, browse.detail)
	const top = topOf(segments.index, entries.length, height)
	return entries
		.slice(top, top + Math.min(height, most ?? height))
		.flatMap(entry => (entry.kind === 'segment' && !browse.times.has(entry.segment.name) ? [entry.segment] : []))
}

/** Adds the wish for the times of what is in sight, where that is cheap. */
function withTimes(browse: Browse, effects: readonly BrowseEffect[], size: TerminalSize): BrowseOutcome {
	if (browse.survey.store !== 'local') return {browse, effects}
	const most = Math.floor(unaskedBytes / browse.survey.cluster.walSegmentBytes)
	const asked = askTimes(browse, visibleSegments(browse, size, most))
	return {browse: asked.browse, effects: [...effects, ...asked.effects]}
}

function askTimes(browse: Browse, segments: readonly ArchivedSegment[]): BrowseOutcome {
	const names = segments.map(({name}) => name).join(' ')
	// Those that have come since are still on their way to the screen: the same reading goes on.
	if (segments.length === 0 || browse.timesAsked.endsWith(names)) return quiet(browse)
	return {browse: {...browse, timesAsked: names}, effects: [{type: 'readTimes', segments}]}
}

function clamp(index: number, count: number): number {
	return Math.min(Math.max(index, 0), Math.max(0, count - 1))
}
