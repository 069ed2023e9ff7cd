import type {Strip} from '../../guide/views.ts'
import {type Block, joined, type Piece, piece, type TextLine} from '../block.ts'
import {widthOf} from '../text.ts'
import type {Theme} from '../theme.ts'

/** Counts over time as columns of up to `rows - 1` cells, with an axis that carries the reported time and the selected row. */
export function strip(view: Strip, width: number, rows: number, theme: Theme): Block {
	const heights = resampled(view.counts, width)
	const most = Math.max(1, ...heights)
	const cursor = cellOf(view.cursorAt, view.counts.length, width)
	const barRows = Math.max(1, rows - 1)
	const bars = Array.from({length: barRows}, (_, fromTop) =>
		barRow(heights, most, barRows - 1 - fromTop, barRows, cursor, theme),
	)
	return [...bars, axis(view, width, cursor, theme)]
}

/** One number a cell: slots that share a cell are added up, a slot over several cells shows in each. */
function resampled(counts: readonly number[], width: number): readonly number[] {
	return Array.from({length: width}, (_, cell) => {
		const from = Math.floor((cell * counts.length) / width)
		const to = Math.max(from + 1, Math.floor(((cell + 1) * counts.length) / width))
		return counts.slice(from, to).reduce((sum, count) => sum + count, 0)
	})
}

function barRow(
	heights: readonly number[],
	most: number,
	above: number,
	rows: number,
	cursor: number | undefined,
	{marks}: Theme,
): TextLine {
	const steps = marks.levels.length
	return joined(
		heights.map((count, cell): Piece => {
			// One commit in a minute of thousands is still a commit: it shows as the lowest step.
			const level = count === 0 ? 0 : Math.max(1, Math.round((count / most) * rows * steps))
			const own = Math.min(steps, level - above * steps)
			const text = own <= 0 ? ' ' : (marks.levels[own - 1] ?? ' ')
			return piece(text, cell === cursor ? 'accent' : 'dim')
		}),
	)
}

function axis(view: Strip, width: number, cursor: number | undefined, {marks}: Theme): TextLine {
	const cells: Piece[] = Array.from({length: width}, () => piece(marks.box.across, 'dim'))
	const write = (text: string, from: number, tone: Piece['tone']) => {
		for (const [index, character] of [...text].entries()) cells[from + index] = piece(character, tone)
	}
	write(`${view.fromText} `, 0, 'dim')
	const end = ` ${view.label === '' ? '' : `${view.label}  `}${view.toText}`
	if (widthOf(end) < width / 2) write(end, width - widthOf(end), 'dim')
	// The marks stand where they belong, over whatever is written there.
	const mark = cellOf(view.markAt, view.counts.length, width)
	if (mark !== undefined) cells[mark] = piece(marks.reported, 'warn')
	if (cursor !== undefined) cells[cursor] = piece(marks.cursor, 'accent')
	return joined(cells)
}

function cellOf(slot: number | undefined, slots: number, width: number): number | undefined {
	if (slot === undefined || slots === 0) return undefined
	return Math.min(width - 1, Math.max(0, Math.floor(((slot + 0.5) * width) / slots)))
}
