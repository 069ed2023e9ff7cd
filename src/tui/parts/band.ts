import type {Band, Tone} from '../../guide/views.ts'
import {type Block, cutLine, joined, type Piece, piece, spread, type TextLine} from '../block.ts'
import {widthOf} from '../text.ts'
import type {Theme} from '../theme.ts'

/** A stretch of time: its label, the band, the names of the marks under it, and its ends. */
export function band(view: Band, width: number, theme: Theme): Block {
	const marks = markNames(view, width, theme)
	return [
		cutLine([piece(view.label)], width, theme),
		cells(view, width, theme),
		...(marks.length > 0 ? [marks] : []),
		spread([piece(view.fromText, 'dim')], [piece(view.toText, 'dim')], width, theme),
	]
}

function cells(view: Band, width: number, {marks}: Theme): TextLine {
	const line: Piece[] = Array.from({length: width}, () => piece(marks.noLine, 'dim'))
	for (const {from, to, tone} of view.filled) {
		const first = cellAt(from, width)
		// Something that is there takes a cell, however short it is.
		const last = Math.max(first, Math.ceil(clamped(to) * width) - 1)
		for (let cell = first; cell <= last; cell++) line[cell] = piece(lineFor(tone, marks), tone)
	}
	for (const {at, tone} of view.marks) line[cellAt(at, width)] = piece(marks.reported, tone)
	return joined(line)
}

function lineFor(tone: Tone, marks: Theme['marks']): string {
	return tone === 'warn' || tone === 'bad' ? marks.brokenLine : marks.line
}

/** Each name under its mark, from left to right, those that would collide left out. */
function markNames(view: Band, width: number, theme: Theme): TextLine {
	const named = view.marks.filter(mark => mark.label !== '').sort((a, b) => a.at - b.at)
	const pieces: Piece[] = []
	let used = 0
	for (const {at, label, tone} of named) {
		const text = `${theme.marks.reported} ${label}`
		const start = Math.min(cellAt(at, width), width - widthOf(text))
		if (start < used) continue
		pieces.push(piece(' '.repeat(start - used)), piece(text, tone))
		used = start + widthOf(text) + 1
		pieces.push(piece(' '))
	}
	return pieces
}

function cellAt(at: number, width: number): number {
	return Math.min(width - 1, Math.floor(clamped(at) * width))
}

function clamped(at: number): number {
	return Math.min(1, Math.max(0, at))
}
