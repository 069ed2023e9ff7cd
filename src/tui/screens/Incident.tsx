import type {IncidentView} from '../../guide/views.ts'
import {type Block, line, piece, stack, type TextLine} from '../block.ts'
import {band} from '../parts/band.ts'
import {facts} from '../parts/facts.ts'
import {boxedField} from '../parts/field.ts'
import {headed} from '../parts/headings.ts'
import {Lines} from '../parts/Lines.tsx'
import {widthOf} from '../text.ts'
import type {Theme} from '../theme.ts'
import type {ScreenProps} from './screen.ts'

/** When it went wrong, as people say it, and how that was read. */
export function Incident({view, theme, width, rows}: ScreenProps<IncidentView>) {
	const column = Math.min(width, 100)
	const lines = stack(
		[
			{lines: boxedField(view.field, column, theme)},
			{lines: view.zoneField === undefined ? [] : boxedField(view.zoneField, column, theme), joined: true},
			{lines: headed('It can mean two moments', readings(view, theme))},
			{lines: facts(view.reading, column, theme), least: 2, gives: 1},
			{lines: [windowLine(view)]},
			{lines: view.band === undefined ? [] : band(view.band, column, theme), least: 0, gives: 2},
			{lines: headed('Ways to say it', examples(view, column, theme)), least: 0, gives: 3},
		],
		rows,
		theme,
	)
	return <Lines lines={lines} theme={theme} width={width} />
}

function readings({readings: list}: IncidentView, {marks}: Theme): Block {
	return list.map(({text, selected}) =>
		selected ? line(`${marks.selected} ${text} `, 'plain', 'selected') : line(`  ${text}`),
	)
}

function windowLine({window}: IncidentView): TextLine {
	return [piece('Window  ', 'dim'), piece(window, 'strong')]
}

/** As many to a line as fit: they are the first to give way, so they take little room. */
function examples({examples: list}: IncidentView, width: number, {marks}: Theme): Block {
	const between = `   ${marks.waiting}   `
	const lines: string[] = []
	for (const text of list) {
		const longer = lines.length === 0 ? text : `${lines.at(-1)}${between}${text}`
		if (lines.length > 0 && widthOf(longer) <= width) lines[lines.length - 1] = longer
		else lines.push(text)
	}
	return lines.map(text => line(text, 'dim'))
}
