import type {RelationNames} from '../../domain/names.ts'
import {tableRows} from '../../domain/names.ts'
import {isTransactionEnd} from '../../domain/recovery/target.ts'
import {describeBytes, describeCount, describeDuration, isolatedText} from '../../domain/text.ts'
import {formatClock, formatDay, formatInstant, formatInZone, type UtcInstant} from '../../domain/time.ts'
import {formatLsn} from '../../domain/wal/lsn.ts'
import type {Boundary, RelationRows, TransactionBoundary} from '../../domain/wal/record.ts'
import {rankBoundaries} from '../../domain/wal/suspicion.ts'
import {longestDurationMs} from '../../domain/wal/window.ts'
import {cursorIndex, describeWork, listedBoundaries} from '../boundary-list.ts'
import {densityOf} from '../density.ts'
import {boundaryTableRows} from '../layout.ts'
import type {BoundariesStep, GuideState} from '../state.ts'
import {describeWindow} from '../steps/reading.ts'
import {fieldView} from '../text-field.ts'
import type {BoundariesView, Column, Fact, Row, Span, Strip, Table, Tone} from '../views.ts'

const columns: readonly Column[] = [
	{title: 'UTC', align: 'left', width: 15, flexible: false, expendable: 0},
	{title: 'LSN', align: 'left', width: 12, flexible: false, expendable: 0},
	{title: 'xid', align: 'right', width: 7, flexible: false, expendable: 0},
	{title: 'end', align: 'left', width: 8, flexible: false, expendable: 1},
	{title: 'took', align: 'right', width: 8, flexible: false, expendable: 2},
	{title: 'wrote', align: 'left', width: 24, flexible: true, expendable: 0},
]

/** The commits around the incident: only the rows that fit are made. */
export function boundariesView(state: GuideState, step: BoundariesStep): BoundariesView {
	const list = listedBoundaries(step)
	const cursor = cursorIndex(step, list)
	const height = boundaryTableRows({columns: state.columns, rows: state.rows}, step.detail)
	const top = Math.min(Math.max(0, cursor - Math.floor(height / 2)), Math.max(0, list.length - height))
	const under = list[cursor]
	const day = step.incident.kind === 'time' ? step.incident.at : list.find(isTransactionEnd)?.at
	return {
		screen: 'boundaries',
		title: `Commits, ${describeWindow(step.incident, step.windowIndex)}`,
		decoding: decodingBar(step),
		strip: densityStrip(step, list, under),
		table: {
			columns,
			rows: list.slice(top, top + height).map(boundary => boundaryRow(step, boundary, boundary === under, day)),
			position: list.length === 0 ? '' : `${cursor + 1} of ${list.length}`,
			empty: emptyText(step),
		},
		filter:
			step.filtering || step.filter.text !== ''
				? fieldView(step.filter, {label: 'filter', focused: step.filtering, placeholder: 'table, xid, kind'})
				: undefined,
		order: step.order === 'wal' ? 'WAL order' : 'most destructive first',
		detail: step.detail && under !== undefined ? detailOf(state, step, under) : undefined,
		names: namesText(step),
	}
}

function decodingBar(step: BoundariesStep): BoundariesView['decoding'] {
	if (step.path !== undefined || step.trouble !== undefined) return undefined
	const {segmentsRead, segmentCount} = step
	return {
		label: 'decoding',
		percent:
			segmentCount === undefined || segmentCount === 0 ? undefined : Math.min(100, (segmentsRead * 100) / segmentCount),
		text: `${segmentsRead} of ${segmentCount ?? '…'} segments, ${describeCount(step.boundaries.length, 'boundary', 'boundaries')}`,
	}
}

function boundaryRow(step: BoundariesStep, boundary: Boundary, selected: boolean, day: UtcInstant | undefined): Row {
	const plain = (text: string, tone: Tone = 'plain'): Span => ({text, tone})
	const key = String(boundary.ordinal)
	const lsn = plain(formatLsn(boundary.lsn))
	if (boundary.kind === 'restore-point') {
		return {
			key,
			cells: [
				plain(''),
				lsn,
				plain(''),
				plain('point', 'accent'),
				plain(''),
				plain(`restore point ${isolatedText(boundary.name)}`, 'accent'),
			],
			selected,
			disabledReason: 'a restore point is no commit',
		}
	}
	const clock = plain(
		day !== undefined && formatDay(day) !== formatDay(boundary.at)
			? formatInstant(boundary.at).slice(5, 26)
			: formatClock(boundary.at),
	)
	if (boundary.kind === 'prepare') {
		return {
			key,
			cells: [
				clock,
				lsn,
				plain(String(boundary.xid)),
				plain('prepare', 'dim'),
				plain(''),
				plain(`prepares ${isolatedText(boundary.gid)}`, 'dim'),
			],
			selected,
			disabledReason: 'a PREPARE keeps or loses nothing by itself',
		}
	}
	const aborted = boundary.kind === 'abort' || boundary.kind === 'abort-prepared'
	return {
		key,
		cells: [
			clock,
			lsn,
			plain(String(boundary.xid)),
			plain(endText(boundary), aborted ? 'dim' : 'plain'),
			plain(durationText(step, boundary)),
			plain(
				isolatedText(describeWork(step, boundary)) || (aborted ? 'rolled back' : 'nothing in tables'),
				aborted ? 'dim' : toneOf(boundary),
			),
		],
		selected,
		disabledReason: undefined,
	}
}

function endText({kind}: TransactionBoundary): string {
	switch (kind) {
		case 'commit':
			return 'commit'
		case 'commit-prepared':
			return 'commit2p'
		case 'abort':
			return 'abort'
		case 'abort-prepared':
			return 'abort2p'
		default:
			return kind satisfies never
	}
}

/** What removes or empties something is worth a second look. */
function toneOf({work}: TransactionBoundary): Tone {
	return work.dropped.length + work.truncated.length + work.droppedDatabases.length > 0 ? 'bad' : 'plain'
}

function durationText(step: BoundariesStep, boundary: TransactionBoundary): string {
	const ms = longestDurationMs(step.boundaries, boundary)
	return ms === undefined ? '' : describeDuration(ms)
}

function emptyText(step: BoundariesStep): string {
	if (step.trouble !== undefined) return ''
	if (step.path === undefined) return 'decoding …'
	if (step.filter.text !== '') return `nothing matches ${JSON.stringify(step.filter.text)}: Esc clears the filter`
	if (step.boundaries.length === 0) return 'no transaction in the WAL that is archived'
	return 'no commit in this window: widen it with +'
}

function densityStrip(step: BoundariesStep, list: readonly Boundary[], under: Boundary | undefined): Strip | undefined {
	const incidentAt = step.incident.kind === 'time' ? step.incident.at : undefined
	const density = densityOf(list, incidentAt)
	if (density === undefined) return undefined
	return {
		label: 'commits',
		counts: density.counts,
		fromText: formatClock(density.from).slice(0, 8),
		toText: formatClock(density.to).slice(0, 8),
		markAt: incidentAt === undefined ? undefined : density.slotOf(incidentAt),
		cursorAt: under === undefined || !isTransactionEnd(under) ? undefined : density.slotOf(under.at),
	}
}

function detailOf(state: GuideState, step: BoundariesStep, boundary: Boundary): BoundariesView['detail'] {
	const fact = (label: string, value: string, tone: Tone = 'plain'): Fact => ({label, value, tone})
	if (boundary.kind === 'restore-point') {
		return {
			title: 'restore point',
			facts: [fact('name', isolatedText(boundary.name)), fact('LSN', formatLsn(boundary.lsn))],
			rows: undefined,
		}
	}
	const own = state.zone === undefined ? undefined : formatInZone(boundary.at, state.zone)
	const facts = [
		fact('stamped', formatInstant(boundary.at)),
		...(own === undefined ? [] : [fact('there', own, 'dim')]),
		fact('LSN', formatLsn(boundary.lsn)),
	]
	if (boundary.kind === 'prepare')
		return {
			title: `prepare, xid ${boundary.xid}`,
			facts: [...facts, fact('gid', isolatedText(boundary.gid))],
			rows: undefined,
		}
	const {work} = boundary
	const rank = rankBoundaries(listedBoundaries(step).filter(isTransactionEnd)).get(boundary.ordinal)
	return {
		title: `${boundary.kind}, xid ${boundary.xid}`,
		facts: [
			...facts,
			fact('first write', work.firstLsn === undefined ? 'before what was decoded' : formatLsn(work.firstLsn)),
			fact('took', durationText(step, boundary) === '' ? 'unknown' : `at most ${durationText(step, boundary)}`),
			fact('WAL', describeBytes(work.walBytes)),
			...(boundary.subxids.length > 0 ? [fact('subtransactions', String(boundary.subxids.length))] : []),
			...(boundary.gid === undefined ? [] : [fact('gid', isolatedText(boundary.gid))]),
			...(rank === undefined
				? []
				: [fact('suspicion', `${rank.rank}. ${rank.why}`, rank.rank === 1 ? 'warn' : 'plain')]),
		],
		rows: rowsTable(step.names, work.rows),
	}
}

const rowColumns: readonly Column[] = [
	{title: 'table', align: 'left', width: 30, flexible: true, expendable: 0},
	{title: 'inserted', align: 'right', width: 9, flexible: false, expendable: 0},
	{title: 'updated', align: 'right', width: 9, flexible: false, expendable: 0},
	{title: 'deleted', align: 'right', width: 9, flexible: false, expendable: 0},
]

/** Rows written, one line a table. */
export function rowsTable(names: RelationNames | undefined, written: readonly RelationRows[], most = 20): Table {
	const tables = tableRows(names, written)
	const count = (value: number, tone: Tone): Span => ({text: value === 0 ? '' : String(value), tone})
	return {
		columns: rowColumns,
		rows: tables.slice(0, most).map(row => ({
			key: row.relation,
			cells: [
				{text: isolatedText(row.name), tone: 'plain'},
				count(row.inserted, 'plain'),
				count(row.updated, 'warn'),
				count(row.deleted, 'bad'),
			],
			selected: false,
			disabledReason: undefined,
		})),
		position: tables.length > most ? `${most} of ${tables.length} tables` : '',
		empty: 'no rows in tables',
	}
}

function namesText({names}: BoundariesStep): string {
	if (names === undefined) return 'table names: asking'
	return names.source === 'primary'
		? 'table names: live primary'
		: `table names: by number${names.problem === undefined ? '' : ` (${names.problem})`}`
}
