import type {Column, Row, Span, Table} from '../../guide/views.ts'
import {type Block, line, type Piece, piece, spread, type TextLine} from '../block.ts'
import {cut, widthOf} from '../text.ts'
import type {Theme} from '../theme.ts'

const gap = 2
const markWidth = 2
/** A flexible column gets so much of what is in it before an expendable one may stay. */
const flexibleMost = 32

export interface TableOptions {
	/** At most so many rows below the head; the selected one is among them. */
	readonly rows?: number
	/** Without a place for the mark, where nothing in the table can be chosen. */
	readonly selectable?: boolean
}

/** A head and rows in columns that fit the width: expendable columns are dropped, flexible ones take what is left, texts are cut. */
export function table(view: Table, width: number, theme: Theme, {rows, selectable = true}: TableOptions = {}): Block {
	if (view.rows.length === 0) return view.empty === '' ? [] : [line(view.empty, 'dim')]
	const lead = selectable ? markWidth : 0
	const shown = rows === undefined ? view.rows : aroundSelected(view.rows, rows)
	const placed = fitColumns(view.columns, shown, width - lead)
	const titles: TextLine = [
		piece(' '.repeat(lead)),
		...placed.flatMap(({column, width: columnWidth}, index) => [
			piece(index === 0 ? '' : ' '.repeat(gap)),
			piece(aligned(column.title, columnWidth, column, theme), 'dim'),
		]),
	]
	const hidden = shown.length < view.rows.length
	const head = hidden ? spread(withoutEnd(titles), [piece(view.position, 'dim')], width, theme) : titles
	return [head, ...shown.map(row => tableRow(row, placed, width, lead, theme))]
}

/** The line without the blanks at its end. */
function withoutEnd(pieces: TextLine): TextLine {
	const last = pieces.findLastIndex(({text}) => text.trim() !== '')
	return pieces.slice(0, last + 1).map((one, index) => (index === last ? {...one, text: one.text.trimEnd()} : one))
}

/** Why the selected row cannot be chosen; undefined when it can, or none is selected. */
export function selectedDisabledReason(view: Table): string | undefined {
	return view.rows.find(row => row.selected)?.disabledReason
}

interface PlacedColumn {
	readonly column: Column
	/** Its place in every row's cells. */
	readonly index: number
	readonly width: number
}

/**
 * The columns that stay and how wide each is. Declared widths hold where there is room, so that nothing jumps while rows
 * pass; where there is not, a column is as wide as what is in it, and then the most expendable ones go.
 */
function fitColumns(columns: readonly Column[], rows: readonly Row[], width: number): readonly PlacedColumn[] {
	const content = columns.map(({title}, index) =>
		Math.max(widthOf(title), ...rows.map(row => widthOf(row.cells[index]?.text ?? ''))),
	)
	const declared = columns.map((column, index): PlacedColumn => ({column, index, width: column.width}))
	if (total(declared) <= width) return stretched(declared, width)
	let kept = columns.map((column, index): PlacedColumn => {
		const needed = content[index] ?? column.width
		return {column, index, width: Math.min(needed, column.flexible ? flexibleMost : column.width)}
	})
	while (total(kept) > width) {
		const most = kept.reduce((highest, {column}) => Math.max(highest, column.expendable), 0)
		if (most === 0) break
		kept = kept.filter(({column}) => column.expendable !== most)
	}
	return stretched(kept, width)
}

function total(placed: readonly PlacedColumn[]): number {
	return placed.reduce((sum, one) => sum + one.width, 0) + gap * (placed.length - 1)
}

/** Gives what is left to the flexible columns, or takes from them what is missing. Numbers stay near their neighbours. */
function stretched(placed: readonly PlacedColumn[], width: number): readonly PlacedColumn[] {
	let left = width - total(placed)
	const short = left < 0
	const gives = ({column}: PlacedColumn) => column.flexible && (short || column.align === 'left')
	let others = placed.filter(gives).length
	return placed.map(one => {
		if (!gives(one)) return one
		const share = Math.trunc(left / others)
		left -= share
		others--
		return {...one, width: Math.max(1, one.width + share)}
	})
}

function tableRow(
	row: Row,
	placed: readonly PlacedColumn[],
	width: number,
	lead: number,
	{marks, ...rest}: Theme,
): TextLine {
	const theme = {marks, ...rest}
	const cells = placed.flatMap(({column, index, width: columnWidth}, place): Piece[] => {
		const cell: Span = row.cells[index] ?? {text: '', tone: 'plain'}
		return [
			piece(place === 0 ? '' : ' '.repeat(gap)),
			piece(aligned(cell.text, columnWidth, column, theme), row.disabledReason === undefined ? cell.tone : 'dim'),
		]
	})
	if (!row.selected || lead === 0) return [piece(' '.repeat(lead)), ...cells]
	const text = `${marks.selected} ${cells.map(cell => cell.text).join('')}`
	return line(text + ' '.repeat(Math.max(0, width - widthOf(text))), 'plain', 'selected')
}

function aligned(text: string, width: number, column: Column, {marks}: Theme): string {
	const shown = cut(text, width, marks.ellipsis)
	const padding = ' '.repeat(Math.max(0, width - widthOf(shown)))
	return column.align === 'right' ? padding + shown : shown + padding
}

/** Fewer rows than the view has, for the moment after the terminal has shrunk or while a message takes room. */
function aroundSelected(rows: readonly Row[], count: number): readonly Row[] {
	if (rows.length <= count) return rows
	const selected = Math.max(
		0,
		rows.findIndex(row => row.selected),
	)
	const from = Math.min(Math.max(0, selected - Math.floor(count / 2)), rows.length - count)
	return rows.slice(from, from + count)
}
