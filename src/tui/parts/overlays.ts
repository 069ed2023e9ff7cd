import type {DialogView, ScreenView} from '../../guide/views.ts'
import {type Block, beside, blank, boxed, line, paragraph, piece, shortened} from '../block.ts'
import {type HelpGroup, helpOf} from '../keymap.ts'
import {widthOf, wrap} from '../text.ts'
import type {Theme} from '../theme.ts'
import {headed} from './headings.ts'
import {keyText} from './keys.ts'

/** A question in a frame of its own, painted over whatever is below it. */
export function dialog(view: DialogView, columns: number, theme: Theme): Block {
	const width = Math.min(columns - 8, Math.max(56, ...view.lines.map(text => widthOf(text) + 6)), 76)
	const inner = width - 4
	const text = view.lines.flatMap(one => paragraph(one, inner))
	const title = [piece(view.title, 'plain', 'heading')]
	const box = boxed([blank, ...text, blank, ...answers(view, inner, theme), blank], width, title, 'warn', theme)
	return acrossScreen(box, width, columns)
}

/** The block in rows as wide as the screen, with an empty one above and below: nothing is left of what is beside it. */
function acrossScreen(block: Block, width: number, columns: number): Block {
	const left = ' '.repeat(Math.max(0, Math.floor((columns - width) / 2)))
	const right = ' '.repeat(Math.max(0, columns - width - left.length))
	const empty = line(' '.repeat(columns))
	return [empty, ...block.map(pieces => [piece(left), ...pieces, piece(right)]), empty]
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
	let left: Block = []
	let right: Block = []
	// In the order of the table, each group under the shorter column.
	for (const group of helpOf(screen)) {
		const list = keyList(group, own, theme)
		if (left.length <= right.length) left = below(left, list)
		else right = below(right, list)
	}
	const body = shortened(beside(left, right, own + 3, theme), rows - 2, theme)
	const box = boxed(body, width, [piece('Keys', 'plain', 'heading')], 'accent', theme)
	// The last row says how to close it.
	return acrossScreen(box, width, columns).slice(0, rows - 1)
}

function keyList({title, entries}: HelpGroup, width: number, theme: Theme): Block {
	const texts = entries.map(({keys}) => keys.map(key => keyText(key, theme)).join(' '))
	const keyWidth = Math.min(Math.max(...texts.map(widthOf)), Math.floor(width * 0.48))
	return headed(
		title,
		entries.flatMap(({label}, index) => {
			const keys = wrap(texts[index] ?? '', keyWidth).map(text => line(text, 'accent', 'key'))
			return beside(keys, paragraph(label, width - keyWidth - 2), keyWidth + 2, theme)
		}),
	)
}

function below(upper: Block, lower: Block): Block {
	return upper.length === 0 ? lower : [...upper, blank, ...lower]
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
