import type {Tone} from '../guide/views.ts'
import {cut, visible, widthOf, wrap} from './text.ts'
import type {Role, Theme} from './theme.ts'

/** A run of text in one look. */
export interface Piece {
	readonly text: string
	readonly tone: Tone
	readonly role?: Role
}

/** One row of the terminal. */
export type TextLine = readonly Piece[]

/** Rows, one below the other: what the parts make and the screens arrange. Its length is its height, so a frame can be counted before it is drawn. */
export type Block = readonly TextLine[]

export function piece(text: string, tone: Tone = 'plain', role?: Role): Piece {
	return role === undefined ? {text, tone} : {text, tone, role}
}

/** One line of one look. */
export function line(text: string, tone: Tone = 'plain', role?: Role): TextLine {
	return [piece(text, tone, role)]
}

export const blank: TextLine = []

/** Columns that a line takes. */
export function lineWidth(pieces: TextLine): number {
	return pieces.reduce((sum, {text}) => sum + widthOf(text), 0)
}

/** Neighbours of one look as one piece. */
export function joined(pieces: readonly Piece[]): TextLine {
	const runs: Piece[] = []
	for (const one of pieces) {
		const last = runs.at(-1)
		if (last !== undefined && last.tone === one.tone && last.role === one.role) {
			runs[runs.length - 1] = {...last, text: last.text + one.text}
		} else {
			runs.push(one)
		}
	}
	return runs
}

/** The line in at most so many columns. */
export function cutLine(pieces: TextLine, width: number, {marks}: Theme): TextLine {
	if (lineWidth(pieces) <= width) return pieces
	const fitting: Piece[] = []
	let left = width
	for (const [index, one] of pieces.entries()) {
		const rest = lineWidth(pieces.slice(index + 1))
		const own = widthOf(one.text)
		// The piece that does not fit ends in the ellipsis, and so does one that would leave no room for it.
		if (own + (rest > 0 ? widthOf(marks.ellipsis) : 0) > left) {
			fitting.push({...one, text: cut(`${one.text}${rest > 0 ? ' '.repeat(left + 1) : ''}`, left, marks.ellipsis)})
			break
		}
		fitting.push(one)
		left -= own
	}
	return fitting
}

/** The line in exactly so many columns. */
export function padLine(pieces: TextLine, width: number, theme: Theme): TextLine {
	const fitting = cutLine(pieces, width, theme)
	const missing = width - lineWidth(fitting)
	return missing > 0 ? [...fitting, piece(' '.repeat(missing))] : fitting
}

/** One line with the one text at its left end and the other at its right; the left one gives way. */
export function spread(left: TextLine, right: TextLine, width: number, theme: Theme): TextLine {
	const rightEnd = cutLine(right, width, theme)
	const rightWidth = lineWidth(rightEnd)
	if (rightWidth === 0) return cutLine(left, width, theme)
	return [...padLine(left, Math.max(0, width - rightWidth - 2), theme), piece('  '), ...rightEnd]
}

/** A text over several lines: the first begins with the mark, the others stand under its text. */
export function paragraph(text: string, width: number, tone: Tone = 'plain', mark: Piece = piece('')): Block {
	const indent = widthOf(mark.text)
	return wrap(text, width - indent).map((part, index) => [
		index === 0 ? mark : piece(' '.repeat(indent)),
		piece(part, tone),
	])
}

/** The line over as many rows as it needs, broken between words; the others stand under its first. */
export function wrapLine(pieces: TextLine, width: number, mark: Piece = piece('')): Block {
	const indented = widthOf(mark.text)
	const lines: Piece[][] = [[mark]]
	let used = indented
	for (const {text, ...look} of pieces) {
		for (const word of visible(text).match(/\s+|\S+/g) ?? []) {
			const own = widthOf(word)
			if (used + own > width && used > indented) {
				lines.push([piece(' '.repeat(indented))])
				used = indented
				if (word.trim() === '') continue
			}
			lines.at(-1)?.push({...look, text: word})
			used += own
		}
	}
	return lines
}

export function indent(block: Block, columns: number): Block {
	return block.map(pieces => (pieces.length === 0 ? pieces : [piece(' '.repeat(columns)), ...pieces]))
}

/** Two blocks beside each other, the left one in a column of fixed width. */
export function beside(left: Block, right: Block, leftWidth: number, theme: Theme): Block {
	const rows = Math.max(left.length, right.length)
	return Array.from({length: rows}, (_, row) => [
		...padLine(left[row] ?? blank, leftWidth, theme),
		...(right[row] ?? blank),
	])
}

/** A part of a screen that may have to give up rows. */
export interface Section {
	readonly lines: Block
	/** Rows that it keeps whatever happens; all of them when left out. */
	readonly least?: number
	/** Who gives first where rows are short: the highest number. */
	readonly gives?: number
	/** No empty row above it. */
	readonly joined?: boolean
	/** Cut without a word: what is left says enough. */
	readonly quiet?: boolean
	/** Goes altogether where it would have to be cut: half a command is worse than none. */
	readonly whole?: boolean
}

/** The sections one below the other in at most so many rows: empty rows go first, then what may be cut, each cut with a line that says so. */
export function stack(sections: readonly Section[], rows: number, theme: Theme): Block {
	const present = sections.filter(section => section.lines.length > 0)
	let excess = present.reduce((sum, {lines}) => sum + lines.length, 0) - rows
	const gaps = present.map((section, index) => index > 0 && section.joined !== true)
	let gapsLeft = Math.max(0, Math.min(gaps.filter(Boolean).length, -excess))
	const kept = present.map(({lines}) => lines.length)
	const byGiving = present
		.map((section, index) => ({section, index}))
		.sort((a, b) => (b.section.gives ?? 0) - (a.section.gives ?? 0))
	for (const {section, index} of byGiving) {
		if (excess <= 0) break
		const most = Math.max(0, section.lines.length - (section.least ?? section.lines.length))
		const given = section.whole === true ? section.lines.length : Math.min(excess, most)
		kept[index] = section.lines.length - given
		excess -= given
	}
	return present
		.flatMap(({lines, quiet}, index) => {
			const room = kept[index] ?? 0
			const own = quiet === true ? lines.slice(0, room) : shortened(lines, room, theme)
			if (gaps[index] !== true || gapsLeft === 0) return own
			gapsLeft--
			return [blank, ...own]
		})
		.slice(0, rows)
}

/** The block in at most so many rows; the last one says how much is missing. */
export function shortened(block: Block, rows: number, {marks}: Theme): Block {
	if (block.length <= rows) return block
	if (rows <= 0) return []
	const missing = block.length - rows + 1
	return [...block.slice(0, rows - 1), line(`${marks.ellipsis} ${missing} more`, 'dim')]
}

/** The block in exactly so many rows. */
export function filled(block: Block, rows: number, theme: Theme): Block {
	const shown = shortened(block, rows, theme)
	return [...shown, ...Array.from({length: Math.max(0, rows - shown.length)}, () => blank)]
}

/** Blocks one below the other with an empty row between them, those without rows left out. */
export function spaced(blocks: readonly Block[]): Block {
	return blocks.filter(block => block.length > 0).flatMap((block, index) => (index === 0 ? block : [blank, ...block]))
}

/** The block with a frame around it and a title in the frame, in exactly this width. */
export function boxed(block: Block, width: number, title: TextLine, tone: Tone, theme: Theme): Block {
	const {box} = theme.marks
	const inner = Math.max(0, width - 4)
	const shownTitle: TextLine =
		lineWidth(title) === 0 ? [] : [piece(' '), ...cutLine(title, inner - 2, theme), piece(' ')]
	const across = Math.max(0, width - 2 - lineWidth(shownTitle))
	const top = [
		piece(box.topLeft, tone),
		...shownTitle,
		piece(box.across.repeat(across), tone),
		piece(box.topRight, tone),
	]
	const bottom = line(`${box.bottomLeft}${box.across.repeat(Math.max(0, width - 2))}${box.bottomRight}`, tone)
	const body = block.map(pieces => [
		piece(`${box.down} `, tone),
		...padLine(pieces, inner, theme),
		piece(` ${box.down}`, tone),
	])
	return [top, ...body, bottom]
}

/** Part of a text that is longer than its place, with a last line that tells where it stands. */
export function scrolled(block: Block, scrollRows: number, rows: number, theme: Theme): Block {
	if (block.length <= rows) return block
	const shown = Math.max(0, rows - 1)
	const from = Math.min(Math.max(0, scrollRows), scrollLimit(block.length, rows))
	const {up, down} = theme.marks
	const below = block.length - from - shown
	const where = [from > 0 ? `${up} ${from} above` : '', below > 0 ? `${down} ${below} below` : '']
	return [...block.slice(from, from + shown), line(where.filter(text => text !== '').join('   '), 'accent')]
}

/** How far a text of that many lines can be scrolled in that many rows. */
export function scrollLimit(lineCount: number, rows: number): number {
	return lineCount <= rows ? 0 : lineCount - Math.max(0, rows - 1)
}
