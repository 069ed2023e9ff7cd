import type {Bar} from '../../guide/views.ts'
import {type Block, piece, spread, type TextLine} from '../block.ts'
import type {Theme} from '../theme.ts'

/** Progress in two rows: what and how far in words, then the bar with its percentage. What is done takes one row. */
export function bar(view: Bar, width: number, theme: Theme): Block {
	const text = [piece(view.text, 'dim')]
	if (view.percent === 100) {
		return [spread([piece(`${theme.marks.done} `, 'good'), piece(view.label, 'strong')], text, width, theme)]
	}
	const words = spread([piece(view.label, 'strong')], text, width, theme)
	return [words, barLine(view.percent, width, theme)]
}

/** The bar alone in one row; without a percentage it is empty and says so. */
export function barLine(percent: number | undefined, width: number, {marks}: Theme): TextLine {
	const figure = percent === undefined ? ' --- %' : ` ${Math.floor(percent).toString().padStart(3)} %`
	const cells = Math.max(1, width - figure.length)
	const filled = Math.round((Math.min(100, Math.max(0, percent ?? 0)) * cells) / 100)
	const done = percent === 100
	return [
		piece(marks.full.repeat(filled), done ? 'good' : 'accent'),
		piece(marks.empty.repeat(cells - filled), 'dim'),
		piece(figure, percent === undefined ? 'dim' : 'strong'),
	]
}
