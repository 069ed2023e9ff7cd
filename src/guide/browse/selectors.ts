import type {ArchivedSegment, BaseBackup, Survey, TimelineSummary} from '../../domain/archive/survey.ts'
import type {ListedRecord, SegmentTimes, TimelineEntry} from '../../domain/archive/walk.ts'
import {describeBytes, describeCount, isolatedText} from '../../domain/text.ts'
import {formatDay, formatInstant, formatSecond, type UtcInstant} from '../../domain/time.ts'
import {formatLsn} from '../../domain/wal/lsn.ts'
import {
	parseSegmentFileName,
	segmentNumberAt,
	segmentNumberEndingAt,
	segmentStartLsn,
} from '../../domain/wal/segment.ts'
import {forkOf} from '../../domain/wal/timeline.ts'
import {browseTableRows, type TerminalSize} from '../layout.ts'
import {crumbs} from '../selectors/crumbs.ts'
import {fieldView, fieldWith} from '../text-field.ts'
import type {
	Bar,
	BrowseLevel,
	BrowseView,
	Column,
	Fact,
	Field,
	KeyContext,
	Row,
	Span,
	Table,
	Tone,
	View,
} from '../views.ts'
import {type Browse, countsOf, entriesOf, levelOf, type RecordsPlace, type SegmentsPlace, topOf} from './state.ts'

const levels: readonly BrowseLevel[] = ['timelines', 'segments', 'records']

/** The way down into the archive. */
export function browseCrumbs(browse: Browse): View['breadcrumb'] {
	return crumbs(levels, levelOf(browse))
}

/** Which keys are live. */
export function browseKeys(browse: Browse): KeyContext {
	return browse.prompt === undefined ? levelOf(browse) : 'browse-text'
}

/** The level at hand: only the rows that fit are made. */
export function browseView(browse: Browse, size: TerminalSize): BrowseView {
	const {records, segments} = browse
	const common = {field: fieldOf(browse), working: workingOf(browse)}
	if (records !== undefined) return {...common, ...recordsLevel(browse, records, size)}
	if (segments !== undefined) return {...common, ...segmentsLevel(browse, segments, size)}
	return {...common, ...timelinesLevel(browse, size)}
}

type Level = Omit<BrowseView, 'field' | 'working'>

const prompts = {
	search: {label: 'search', placeholder: ''},
	filter: {label: 'filter', placeholder: 'rmgr:Heap  type:DELETE  xid:3770  rel:16402  or any text'},
	place: {label: 'go to', placeholder: '0/6DCE410, 2026-04-01T09:41:23Z, 20 min ago, or a segment'},
} as const

function fieldOf(browse: Browse): Field | undefined {
	const {prompt, records} = browse
	if (prompt !== undefined) {
		const {label, placeholder} = prompts[prompt.kind]
		const shown = prompt.kind === 'search' && records !== undefined ? prompts.filter.placeholder : placeholder
		return fieldView(prompt.field, {label, focused: true, placeholder: shown, problem: prompt.problem})
	}
	return records === undefined || records.filter === ''
		? undefined
		: fieldView(fieldWith(records.filter), {label: 'filter', focused: false})
}

function workingOf({work}: Browse): Bar | undefined {
	if (work === undefined) return undefined
	const labels = {page: 'reading', search: 'searching', time: 'looking for the time in'} as const
	return {label: labels[work.kind], percent: work.percent, text: work.segment}
}

const fact = (label: string, value: string, tone: Tone = 'plain'): Fact => ({label, value, tone})
const plain = (text: string, tone: Tone = 'plain'): Span => ({text, tone})

/** The rows that fit around the selected one. */
function tableOf<Item>(
	columns: readonly Column[],
	items: readonly Item[],
	index: number,
	height: number,
	empty: string,
	row: (item: Item, index: number) => Omit<Row, 'selected'>,
): Table {
	const top = topOf(index, items.length, height)
	return {
		columns,
		rows: items
			.slice(top, top + height)
			.map((item, place) => ({...row(item, top + place), selected: top + place === index})),
		position: items.length === 0 ? '' : `${index + 1} of ${items.length}`,
		empty,
	}
}

// Timelines

const timelineColumns: readonly Column[] = [
	{title: 'timeline', align: 'left', width: 14, flexible: false, expendable: 0},
	{title: 'began', align: 'left', width: 20, flexible: true, expendable: 0},
	{title: 'segments', align: 'right', width: 8, flexible: false, expendable: 0},
	{title: 'backups', align: 'right', width: 7, flexible: false, expendable: 0},
	{title: 'from LSN', align: 'left', width: 12, flexible: false, expendable: 2},
	{title: 'recoverable up to', align: 'left', width: 20, flexible: false, expendable: 1},
]

function timelinesLevel(browse: Browse, size: TerminalSize): Level {
	const {survey, timelineIndex, detail} = browse
	const {cluster, layout, store, timelines, segments} = survey
	const selected = timelines[timelineIndex]
	return {
		screen: 'timelines',
		title: `Timelines of ${isolatedText(survey.location)}`,
		about: [
			fact('PostgreSQL', String(cluster.postgresMajor)),
			fact('system', cluster.systemIdentifier),
			fact(
				store === 'local' ? layout : `${layout}, ${store}`,
				`${describeCount(segments.length, 'segment')} of ${describeBytes(cluster.walSegmentBytes)}`,
			),
		],
		table: tableOf(
			timelineColumns,
			timelines,
			timelineIndex,
			browseTableRows(size, detail),
			'no timeline',
			timelineRow(survey),
		),
		status: findingsText(survey),
		detail: detail && selected !== undefined ? timelineDetail(survey, selected) : undefined,
	}
}

function findingsText({findings}: Survey): string {
	const count = (severity: string) => findings.filter(finding => finding.severity === severity).length
	return `findings: ${describeCount(count('error'), 'error')}, ${describeCount(count('warning'), 'warning')}`
}

function timelineRow(survey: Survey): (summary: TimelineSummary) => Omit<Row, 'selected'> {
	const {walSegmentBytes} = survey.cluster
	return ({history, segmentCount, firstSegment}) => {
		const {timeline} = history
		const fork = forkOf(history)
		const indent = '  '.repeat(Math.min(4, history.switches.length))
		const first = firstSegment === undefined ? undefined : parseSegmentFileName(firstSegment, walSegmentBytes)
		return {
			key: String(timeline),
			cells: [
				plain(`${indent}${timeline}`, 'strong'),
				plain(
					fork === undefined
						? 'with the cluster'
						: `from ${fork.parent} at ${formatLsn(fork.switchLsn)}${fork.reason === '' ? '' : `, ${isolatedText(fork.reason)}`}`,
				),
				plain(String(segmentCount)),
				plain(String(survey.backups.filter(backup => backup.timeline === timeline).length)),
				plain(first === undefined ? '' : formatLsn(segmentStartLsn(first.number, walSegmentBytes))),
				plain(secondText(lastReached(survey, timeline))),
			],
			disabledReason: undefined,
		}
	}
}

function lastReached({coverage}: Survey, timeline: number): UtcInstant | undefined {
	return coverage
		.filter(one => one.timeline === timeline)
		.reduce<UtcInstant | undefined>(
			(last, {toAt}) => (toAt !== undefined && (last === undefined || toAt > last) ? toAt : last),
			undefined,
		)
}

function secondText(at: UtcInstant | undefined): string {
	return at === undefined ? '' : formatSecond(at)
}

function timelineDetail(survey: Survey, summary: TimelineSummary): BrowseView['detail'] {
	const {history, historyFile, firstSegment, lastSegment, segmentCount} = summary
	const {timeline} = history
	const holes = countsOf(entriesOf(survey, timeline)).hole
	return {
		title: `timeline ${timeline}`,
		facts: [
			...history.switches.map(({parent, switchLsn, reason}) =>
				fact(`left ${parent} at`, `${formatLsn(switchLsn)}${reason === '' ? '' : `, ${isolatedText(reason)}`}`),
			),
			fact(
				'history file',
				historyFile === undefined ? (forkOf(history) === undefined ? 'has none' : 'missing') : historyFile.key,
			),
			fact('segments', `${segmentCount}, ${firstSegment ?? ''} to ${lastSegment ?? ''}`),
			...(holes > 0 ? [fact('holes', String(holes), 'bad')] : []),
			...findingFacts(survey, finding => finding.timeline === timeline && finding.segment === undefined),
		],
	}
}

function findingFacts(survey: Survey, concerns: (finding: Survey['findings'][number]) => boolean): readonly Fact[] {
	return survey.findings
		.filter(concerns)
		.map(({severity, message}) =>
			fact('finding', isolatedText(message), severity === 'error' ? 'bad' : severity === 'warning' ? 'warn' : 'plain'),
		)
}

// Segments and base backups

const segmentColumns: readonly Column[] = [
	{title: 'segment', align: 'left', width: 26, flexible: false, expendable: 0},
	{title: 'first commit', align: 'left', width: 20, flexible: false, expendable: 0},
	{title: 'last commit', align: 'left', width: 20, flexible: false, expendable: 1},
	{title: 'commits', align: 'right', width: 7, flexible: false, expendable: 2},
	{title: 'LSN', align: 'left', width: 12, flexible: false, expendable: 3},
	{title: 'stored', align: 'right', width: 8, flexible: false, expendable: 4},
	{title: 'as', align: 'left', width: 20, flexible: true, expendable: 5},
]

function segmentsLevel(browse: Browse, {timeline, index}: SegmentsPlace, size: TerminalSize): Level {
	const {survey, detail} = browse
	const entries = entriesOf(survey, timeline)
	const selected = entries[index]
	const counts = countsOf(entries)
	const summary = survey.timelines.find(({history}) => history.timeline === timeline)
	const fork = summary === undefined ? undefined : forkOf(summary.history)
	return {
		screen: 'segments',
		title: `Timeline ${timeline}${fork === undefined ? '' : `, from ${fork.parent} at ${formatLsn(fork.switchLsn)}`}`,
		about: [
			fact('segments', String(counts.segment)),
			fact('base backups', String(counts.backup)),
			...(counts.hole === 0 ? [] : [fact('holes', String(counts.hole), 'bad')]),
		],
		table: tableOf(
			segmentColumns,
			entries,
			index,
			browseTableRows(size, detail),
			'the archive holds no segment of this timeline',
			entry => entryRow(browse, entry),
		),
		status: 'commit times in UTC',
		detail: detail && selected !== undefined ? entryDetail(browse, selected) : undefined,
	}
}

function entryRow({survey, times}: Browse, entry: TimelineEntry): Omit<Row, 'selected'> {
	switch (entry.kind) {
		case 'segment': {
			const {segment} = entry
			const known = times.get(segment.name)
			const damaged = known?.isWhole === false ? 'bad' : 'plain'
			return {
				key: segment.name,
				cells: [
					plain(segment.name, damaged),
					plain(known === undefined ? '' : firstText(known), known?.firstAt === undefined ? 'dim' : 'plain'),
					plain(known === undefined ? '' : lastText(known)),
					plain(known === undefined ? '' : String(known.commitCount)),
					plain(formatLsn(segmentStartLsn(segment.number, survey.cluster.walSegmentBytes))),
					plain(describeBytes(segment.storedBytes)),
					plain(segment.codec === 'none' ? '' : segment.codec, 'dim'),
				],
				disabledReason: undefined,
			}
		}
		case 'backup': {
			const {backup} = entry
			const finished = backup.stoppedAt === undefined ? '' : `, finished ${formatSecond(backup.stoppedAt)}`
			const unusable = backup.whyNot === undefined ? '' : ', not usable'
			return {
				key: `backup ${backup.id}`,
				cells: [
					plain(isolatedText(backup.id), backup.whyNot === undefined ? 'accent' : 'bad'),
					plain(`base backup, ${backup.kind}`, 'accent'),
					plain(''),
					plain(''),
					plain(formatLsn(backup.startLsn), 'accent'),
					plain(describeBytes(backup.bytes), 'accent'),
					plain(`${backup.format}${finished}${unusable}`, 'accent'),
				],
				disabledReason: undefined,
			}
		}
		case 'hole':
			return {
				key: `hole ${entry.firstMissing}`,
				cells: [
					plain(entry.firstMissing, 'bad'),
					plain(`✘ ${describeCount(entry.count, 'segment')} missing`, 'bad'),
					plain('or damaged', 'bad'),
				],
				disabledReason: undefined,
			}
		default:
			return entry satisfies never
	}
}

function firstText({firstAt, isWhole}: SegmentTimes): string {
	if (firstAt !== undefined) return formatSecond(firstAt)
	return isWhole ? 'no commit' : '✘ unreadable'
}

/** Of the same day as the first, the clock is enough. */
function lastText({firstAt, lastAt}: SegmentTimes): string {
	if (firstAt === undefined || lastAt === undefined) return ''
	const text = formatSecond(lastAt)
	return formatDay(firstAt) === formatDay(lastAt) ? text.slice(11) : text
}

function entryDetail(browse: Browse, entry: TimelineEntry): BrowseView['detail'] {
	switch (entry.kind) {
		case 'segment':
			return segmentDetail(browse, entry.segment)
		case 'backup':
			return backupDetail(entry.backup)
		case 'hole':
			return {
				title: `${describeCount(entry.count, 'segment')} missing or damaged`,
				facts: [
					fact('first', entry.firstMissing),
					...findingFacts(browse.survey, finding => finding.segment === entry.firstMissing),
				],
			}
		default:
			return entry satisfies never
	}
}

function segmentDetail({survey, times}: Browse, segment: ArchivedSegment): BrowseView['detail'] {
	const {walSegmentBytes} = survey.cluster
	const known = times.get(segment.name)
	const instant = (at: UtcInstant | undefined) => (at === undefined ? 'none' : formatInstant(at))
	return {
		title: segment.name,
		facts: [
			fact(
				'holds',
				`${formatLsn(segmentStartLsn(segment.number, walSegmentBytes))} to ${formatLsn(segmentStartLsn(segmentNumberAt(segment.number + 1n), walSegmentBytes))}`,
			),
			...(known === undefined
				? []
				: [
						fact('first commit', instant(known.firstAt)),
						fact('last commit', instant(known.lastAt)),
						fact('commits', `${known.commitCount}${known.isWhole ? '' : ', as far as it can be read'}`),
					]),
			fact('stored as', isolatedText(segment.key)),
			fact('bytes', `${describeBytes(segment.storedBytes)}${segment.codec === 'none' ? '' : `, ${segment.codec}`}`),
			fact('changed', formatSecond(segment.modifiedAt)),
			...findingFacts(survey, finding => finding.segment === segment.name),
		],
	}
}

function backupDetail(backup: BaseBackup): BrowseView['detail'] {
	return {
		title: `base backup ${isolatedText(backup.id)}`,
		facts: [
			fact(
				'usable',
				backup.whyNot === undefined ? 'yes' : isolatedText(backup.whyNot),
				backup.whyNot === undefined ? 'good' : 'bad',
			),
			fact(
				'WAL',
				`${formatLsn(backup.startLsn)} to ${backup.stopLsn === undefined ? 'unknown' : formatLsn(backup.stopLsn)}`,
			),
			fact('finished', backup.stoppedAt === undefined ? 'unknown' : formatSecond(backup.stoppedAt)),
			fact('kind', `${backup.kind}, ${backup.format}`),
			...(backup.needs.length === 0 ? [] : [fact('needs', isolatedText(backup.needs.join(', ')))]),
			fact('holds', `${describeCount(backup.fileCount, 'file')}, ${describeBytes(backup.bytes)}`),
			fact('label', isolatedText(backup.label)),
			fact('lies in', isolatedText(backup.location)),
			...backup.tablespaces.map(({oid, location}) => fact(`tablespace ${oid}`, isolatedText(location))),
		],
	}
}

// Records

const recordColumns: readonly Column[] = [
	{title: 'LSN', align: 'left', width: 12, flexible: false, expendable: 0},
	{title: 'xid', align: 'right', width: 7, flexible: false, expendable: 0},
	{title: 'rmgr', align: 'left', width: 11, flexible: false, expendable: 0},
	{title: 'type', align: 'left', width: 14, flexible: false, expendable: 0},
	{title: 'bytes', align: 'right', width: 6, flexible: false, expendable: 1},
	{title: 'description', align: 'left', width: 30, flexible: true, expendable: 0},
]

function recordsLevel(browse: Browse, place: RecordsPlace, size: TerminalSize): Level {
	const {survey, detail} = browse
	const {segment, page, index} = place
	const {walSegmentBytes} = survey.cluster
	const records = page?.records ?? []
	const selected = records[index]
	const known = browse.times.get(segment.name)
	const table = tableOf(
		recordColumns,
		records,
		index,
		browseTableRows(size, detail),
		emptyText(browse, place),
		record => recordRow(record, walSegmentBytes),
	)
	return {
		screen: 'records',
		title: `Records of ${segment.name}`,
		about: [
			fact('timeline', String(segment.timeline)),
			fact('from', formatLsn(segmentStartLsn(segment.number, walSegmentBytes))),
			...(known?.firstAt === undefined || known.lastAt === undefined
				? []
				: [fact('commits', `${formatSecond(known.firstAt)} to ${formatSecond(known.lastAt)}`)]),
		],
		table: {...table, position: positionText(place, table.position, walSegmentBytes)},
		status: endText(place, size, detail),
		detail: detail && selected !== undefined ? recordDetail(selected, segment, walSegmentBytes) : undefined,
	}
}

/** Which of how many, where all of them are at hand; else how far into the segment. */
function positionText({page, index}: RecordsPlace, counted: string, walSegmentBytes: number): string {
	const selected = page?.records[index]
	if (page === undefined || selected === undefined || (!page.hasBefore && !page.hasAfter)) return counted
	return `${((selected.lsn % BigInt(walSegmentBytes)) * 100n) / BigInt(walSegmentBytes)} % of the segment`
}

function emptyText({work}: Browse, {page, filter}: RecordsPlace): string {
	if (page === undefined) return work === undefined ? '' : 'reading …'
	if (filter !== '') return `no record of this segment matches ${JSON.stringify(filter)}: Esc clears the filter`
	return page.ending ?? 'no record begins in this segment'
}

/** What follows the last record, once it is in sight. */
function endText({page, index}: RecordsPlace, size: TerminalSize, detail: boolean): string {
	if (page === undefined || page.hasAfter) return ''
	const inSight = index >= page.records.length - browseTableRows(size, detail)
	if (!inSight || page.records.length === 0) return ''
	return page.ending === undefined ? 'end of the segment: ] is the next one' : isolatedText(page.ending)
}

function recordRow(record: ListedRecord, walSegmentBytes: number): Omit<Row, 'selected'> {
	const tone = toneOf(record)
	const crosses = crossesInto(record, walSegmentBytes) === undefined ? '' : '→ '
	return {
		key: formatLsn(record.lsn),
		cells: [
			plain(formatLsn(record.lsn)),
			plain(record.xid === 0 ? '' : String(record.xid)),
			plain(record.rmgr, tone),
			plain(isolatedText(record.type), tone),
			plain(String(record.totalBytes), 'dim'),
			plain(`${crosses}${isolatedText(textOf(record).slice(0, 300))}`, tone),
		],
		disabledReason: undefined,
	}
}

/** The description; where a type has none of its own, pg_waldump's begins with the comma before the block references. */
function textOf({description}: ListedRecord): string {
	return description.replace(/^[,;] /, '').trim()
}

/** What ends a transaction or stands for a place stands out. */
function toneOf({rmgr, type}: ListedRecord): Tone {
	if (rmgr === 'Transaction') return type.startsWith('ABORT') ? 'dim' : 'strong'
	return rmgr === 'XLOG' && /^(RESTORE_POINT|CHECKPOINT|BACKUP_END|END_OF_RECOVERY|SWITCH)/.test(type)
		? 'accent'
		: 'plain'
}

/** Start of the segment into which a record goes on; undefined for one that ends where it began. */
function crossesInto({lsn, endLsn, type, rmgr}: ListedRecord, walSegmentBytes: number): string | undefined {
	// A SWITCH ends with its segment and goes on nowhere.
	if (rmgr === 'XLOG' && type === 'SWITCH') return undefined
	const last = segmentNumberEndingAt(endLsn, walSegmentBytes)
	return last > lsn / BigInt(walSegmentBytes) ? formatLsn(segmentStartLsn(last, walSegmentBytes)) : undefined
}

function recordDetail(record: ListedRecord, segment: ArchivedSegment, walSegmentBytes: number): BrowseView['detail'] {
	const crosses = crossesInto(record, walSegmentBytes)
	const cut = record.cutCharacters === 0 ? '' : ` … and ${describeCount(record.cutCharacters, 'more character')}`
	return {
		title: `${record.rmgr} ${isolatedText(record.type)}${record.xid === 0 ? '' : `, xid ${record.xid}`}`,
		facts: [
			fact('LSN', `${formatLsn(record.lsn)} to ${formatLsn(record.endLsn)}, ${describeBytes(record.totalBytes)}`),
			fact('follows', formatLsn(record.prevLsn)),
			...(crosses === undefined
				? []
				: [fact('goes on', `from ${formatLsn(record.lsn)} in ${segment.name} into the segment at ${crosses}`)]),
			fact('description', `${isolatedText(textOf(record))}${cut}`),
		],
	}
}
