import type {DialogView, ScreenView} from '../../guide/views.ts'
import {type Block, beside, blank, boxed, line, paragraph, piece, shortened} from '../block.ts'
import {type HelpGroup, helpOf} from '../keymap.ts'
import {cut, widthOf} from '../text.ts'
import type {Theme} from '../theme.ts'
import {headed} from './headings.ts'
import {keyText} from './keys.ts'

/** A question in a frame of its own, painted over whatever is below it. */
export function dialog(view: DialogView, columns: number, theme: Theme): Block {
	const width = Math.min(columns - 8, Math.max(56, ...view.lines.map(text => widthOf(text) + 6)), 76)
	const inner = width - 4
	const text = view.lines.flatMap(one => paragraph(one, inner))
	return boxed(
		[blank, ...text, blank, ...answers(view, inner, theme), blank],
		width,
		[piece(view.title, 'plain', 'heading')],
		'warn',
		theme,
	)
}

/** The answers in a row if they fit, else one below the other; the selected one with a mark. */
function answers({answers: list}: DialogView, width: number, theme: Theme): Block {
	const texts = list.map(({label, selected}) =>
		selected ? piece(` ${theme.marks.selected} ${label} `, 'plain', 'selected') : piece(`   ${label} `),
	)
	const inOneRow = texts.reduce((sum, {text}) => sum + widthOf(text) + 2, 0) <= width
	return inOneRow ? [texts.flatMap(text => [text, piece('  ')])] : texts.map(text => [text])
}

/** The keys of a screen, from the table that the keys themselves are read from. */
export function help(
	screen: ScreenView['screen'],
	{columns, rows}: {readonly columns: number; readonly rows: number},
	theme: Theme,
): Block {
	const width = Math.min(columns - 2, 96)
	const inner = width - 4
	const own = Math.floor((inner - 3) / 2)
	const [first, ...others] = helpOf(screen).map(group => keyList(group, own, theme))
	const right = others.flatMap((list, index) => (index === 0 ? list : [blank, ...list]))
	const body = shortened(beside(first ?? [], right, own + 3, theme), rows - 2, theme)
	return boxed(body, width, [piece('Keys', 'plain', 'heading')], 'accent', theme)
}

function keyList({title, entries}: HelpGroup, width: number, theme: Theme): Block {
	const texts = entries.map(({keys}) => keys.map(key => keyText(key, theme)).join(' '))
	const keyWidth = Math.min(Math.max(...texts.map(widthOf)), Math.floor(width * 0.48))
	return headed(
		title,
		entries.flatMap(({label}, index) => {
			const keys = cut(texts[index] ?? '', keyWidth, theme.marks.ellipsis)
			const named = piece(`${keys}${' '.repeat(keyWidth - widthOf(keys))}  `, 'accent', 'key')
			return paragraph(label, width, 'plain', named)
		}),
	)
}

/** What a terminal below the smallest size shows. */
export function tooSmall(
	{columns, rows}: {readonly columns: number; readonly rows: number},
	smallest: {readonly columns: number; readonly rows: number},
	theme: Theme,
): Block {
	const {marks} = theme
	return [
		line('lastgood', 'accent', 'heading'),
		...paragraph(
			`needs ${smallest.columns} ${marks.times} ${smallest.rows}; this terminal has ${columns} ${marks.times} ${rows}`,
			columns,
		),
		...paragraph('make it larger, or q to quit', columns, 'dim'),
	].slice(0, rows)
}
