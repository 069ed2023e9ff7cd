import {boundaryDetailRows, isWide, stripRows} from '../../guide/layout.ts'
import type {BoundariesView} from '../../guide/views.ts'
import {type Block, beside, boxed, cutLine, filled, line, piece, spread, stack, type TextLine} from '../block.ts'
import {barLine} from '../parts/bar.ts'
import {facts, inlineFacts} from '../parts/facts.ts'
import {inlineField} from '../parts/field.ts'
import {Lines} from '../parts/Lines.tsx'
import {strip} from '../parts/strip.ts'
import {selectedDisabledReason, table} from '../parts/table.ts'
import type {Theme} from '../theme.ts'
import type {ScreenProps} from './screen.ts'

type Detail = NonNullable<BoundariesView['detail']>

const detailColumns = 58

/** The commits around the incident, to choose the first bad one from. */
export function Boundaries({view, theme, width, rows, size}: ScreenProps<BoundariesView>) {
	const wide = isWide(size)
	const stripHeight = stripRows(size)
	const top: Block = [
		spread([piece(view.title, 'strong')], [piece(view.table.position, 'dim')], width, theme),
		...(view.strip === undefined ? [] : strip(view.strip, width, stripHeight, theme)),
	]
	const detailBelow = view.detail !== undefined && !wide ? boundaryDetailRows(size) : 0
	const status = statusLines(view, width, theme)
	const tableHeight = Math.max(2, rows - top.length - detailBelow - status.length)
	const tableWidth = view.detail !== undefined && wide ? width - detailColumns - 2 : width
	const list = filled(table(view.table, tableWidth, theme, {rows: tableHeight - 1}), tableHeight, theme)
	const middle =
		view.detail === undefined
			? list
			: wide
				? beside(list, detailBox(view.detail, detailColumns, tableHeight, theme), tableWidth + 2, theme)
				: [...list, ...detailBox(view.detail, width, detailBelow, theme)]
	return <Lines lines={[...top, ...middle, ...status].slice(0, rows)} theme={theme} width={width} />
}

/** Below the table: the filter while there is one, else how the list is made; on the right, how far decoding is. */
function statusLines(view: BoundariesView, width: number, theme: Theme): Block {
	const reason = selectedDisabledReason(view.table)
	if (reason !== undefined && view.filter?.focused !== true) {
		return [cutLine([piece(`${theme.marks.caution} ${reason}`, 'warn')], width, theme)]
	}
	const decoding = decodingText(view, width - 12, theme)
	if (view.filter !== undefined) {
		return inlineField(view.filter, width, theme).map((pieces, index) =>
			index === 0 ? spread(pieces, decoding, width, theme) : pieces,
		)
	}
	const how = [view.order, view.names].filter(text => text !== '').join(` ${theme.marks.waiting} `)
	return [spread(line(how, 'dim'), decoding, width, theme)]
}

function decodingText({decoding}: BoundariesView, width: number, theme: Theme): TextLine {
	if (decoding === undefined) return []
	const words = [piece(`${decoding.label} `, 'plain'), piece(`${decoding.text} `, 'dim')]
	return cutLine([...words, ...barLine(decoding.percent, 16, theme)], width, theme)
}

function detailBox(detail: Detail, width: number, rows: number, theme: Theme): Block {
	const inner = width - 4
	const about = width < 70 ? facts(detail.facts, inner, theme) : inlineFacts(detail.facts, inner)
	const wrote = detail.rows === undefined ? [] : table(detail.rows, inner, theme, {selectable: false})
	const body = stack(
		[
			{lines: about, least: 2, gives: 1},
			{lines: wrote, least: 2, gives: 2},
		],
		rows - 2,
		theme,
	)
	return boxed(filled(body, rows - 2, theme), width, [piece(detail.title, 'strong')], 'dim', theme)
}
