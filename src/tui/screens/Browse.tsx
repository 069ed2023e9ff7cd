import {browseDetailRows, isWide} from '../../guide/layout.ts'
import type {BrowseView} from '../../guide/views.ts'
import {type Block, beside, boxed, cutLine, filled, line, piece, spread, type TextLine} from '../block.ts'
import {barLine} from '../parts/bar.ts'
import {facts, inlineFacts} from '../parts/facts.ts'
import {inlineField} from '../parts/field.ts'
import {Lines} from '../parts/Lines.tsx'
import {table} from '../parts/table.ts'
import type {Theme} from '../theme.ts'
import type {ScreenProps} from './screen.ts'

const detailColumns = 58

/** One level of the archive: its list, and all about what is selected below it or beside it. */
export function Browse({view, theme, width, rows, size}: ScreenProps<BrowseView>) {
	const wide = isWide(size)
	const top: Block = [
		spread([piece(view.title, 'strong')], [piece(view.table.position, 'dim')], width, theme),
		cutLine(inlineFacts(view.about, width)[0] ?? [], width, theme),
	]
	const status = statusLines(view, width, theme)
	const detailBelow = view.detail !== undefined && !wide ? browseDetailRows(size) : 0
	const tableHeight = Math.max(2, rows - top.length - detailBelow - status.length)
	const tableWidth = view.detail !== undefined && wide ? width - detailColumns - 2 : width
	const list = filled(
		table({...view.table, position: ''}, tableWidth, theme, {rows: tableHeight - 1}),
		tableHeight,
		theme,
	)
	const middle =
		view.detail === undefined
			? list
			: wide
				? beside(list, detailBox(view.detail, detailColumns, tableHeight, theme), tableWidth + 2, theme)
				: [...list, ...detailBox(view.detail, width, detailBelow, theme)]
	return <Lines lines={[...top, ...middle, ...status].slice(0, rows)} theme={theme} width={width} />
}

/** Below the list: what is typed or filtered by, else what there is to say; on the right, what is being read. */
function statusLines(view: BrowseView, width: number, theme: Theme): Block {
	const working = workingText(view, theme)
	if (view.field !== undefined) {
		return inlineField(view.field, width, theme).map((pieces, index) =>
			index === 0 ? spread(pieces, working, width, theme) : pieces,
		)
	}
	return [spread(line(view.status, 'dim'), working, width, theme)]
}

function workingText({working}: BrowseView, theme: Theme): TextLine {
	if (working === undefined) return []
	return [piece(`${working.label} ${working.text} `, 'dim'), ...barLine(working.percent, 12, theme)]
}

function detailBox(detail: NonNullable<BrowseView['detail']>, width: number, rows: number, theme: Theme): Block {
	const body = filled(facts(detail.facts, width - 4, theme), rows - 2, theme)
	return boxed(body, width, [piece(detail.title, 'strong')], 'dim', theme)
}
