import type {Field} from '../../guide/views.ts'
import {type Block, boxed, cutLine, indent, line, paragraph, piece, type TextLine} from '../block.ts'
import {visible, widthOf} from '../text.ts'
import type {Theme} from '../theme.ts'

/** A field in a frame with its label in the frame, what is wrong with the text under it. */
export function boxedField(field: Field, width: number, theme: Theme): Block {
	const tone = field.problem !== undefined ? 'bad' : field.focused ? 'accent' : 'dim'
	const label = piece(field.label, field.focused ? 'strong' : 'plain')
	return [
		...boxed([typed(field, width - 4, theme)], width, [label], tone, theme),
		...indent(problemOf(field, width - 2, theme), 2),
	]
}

/** A field on one line, what is wrong with the text under it. */
export function inlineField(field: Field, width: number, theme: Theme): Block {
	const label = piece(`${field.label}  `, field.focused ? 'strong' : 'dim')
	const labelWidth = widthOf(label.text)
	return [
		[label, ...typed(field, width - labelWidth, theme)],
		...indent(problemOf(field, width - labelWidth, theme), labelWidth),
	]
}

function problemOf({problem}: Field, width: number, {marks}: Theme): Block {
	return problem === undefined ? [] : paragraph(problem, width, 'bad', piece(`${marks.failed} `, 'bad'))
}

/** Prompt, text and caret in one line that follows the caret. */
function typed(field: Field, width: number, theme: Theme): TextLine {
	const {marks} = theme
	const prompt = piece(`${marks.selected} `, field.focused ? 'accent' : 'dim')
	const room = Math.max(1, width - widthOf(prompt.text))
	if (field.text === '') {
		const [first = ' ', ...others] = [...visible(field.placeholder)]
		const placeholder = field.focused
			? [piece(first, 'dim', 'caret'), piece(others.join(''), 'dim')]
			: [piece(first + others.join(''), 'dim')]
		return [prompt, ...cutLine(placeholder, room, theme)]
	}
	if (!field.focused) return [prompt, ...cutLine(line(field.text, 'strong'), room, theme)]
	const {before, at, after} = aroundCaret(field, room)
	return [prompt, piece(before, 'strong'), piece(at, 'strong', 'caret'), piece(after, 'strong')]
}

/** The stretch of the text around the caret that fits: as much before it as there is, up to the whole room. */
function aroundCaret({text, caret}: Field, room: number) {
	const cells = [...text].map(visible)
	const at = cells[caret] ?? ' '
	let used = widthOf(at)
	let from = Math.min(caret, cells.length)
	while (from > 0 && used + widthOf(cells[from - 1] ?? '') <= room) {
		from--
		used += widthOf(cells[from] ?? '')
	}
	let to = caret + 1
	while (to < cells.length && used + widthOf(cells[to] ?? '') <= room) {
		used += widthOf(cells[to] ?? '')
		to++
	}
	return {before: cells.slice(from, caret).join(''), at, after: cells.slice(caret + 1, to).join('')}
}
