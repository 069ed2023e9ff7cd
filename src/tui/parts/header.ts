import type {View} from '../../guide/views.ts'
import {type Block, lineWidth, type Piece, piece, spread, type TextLine} from '../block.ts'
import {cutMiddle, widthOf} from '../text.ts'
import type {Theme} from '../theme.ts'

const product = 'lastgood'
/** Below this a path says nothing. */
const leastSource = 12

/** Name, source, badge and clock; the way through the steps; and a rule with the question that the screen answers. */
export function header(view: View, question: string, width: number, theme: Theme): Block {
	return [titleLine(view, width, theme), steps(view.breadcrumb, width, theme), rule(question, width, theme)]
}

function titleLine({source, badge, clock}: View, width: number, theme: Theme): TextLine {
	const right = [piece(` ${badge.text} `, badge.tone, 'badge'), piece(`  ${clock} `, 'plain')]
	const room = width - lineWidth(right) - product.length - 5
	const shown = room < leastSource ? '' : cutMiddle(source, room, theme.marks.ellipsis)
	const left = [piece(` ${product}`, 'accent', 'heading'), piece(`  ${shown}`, 'dim')]
	return spread(left, right, width, theme)
}

type Breadcrumb = View['breadcrumb']

/** As many steps around the current one as fit, those done with their mark, the current one with its own. */
function steps(breadcrumb: Breadcrumb, width: number, theme: Theme): TextLine {
	const {marks} = theme
	const current = Math.max(
		0,
		breadcrumb.findIndex(({state}) => state === 'current'),
	)
	const crumbs = breadcrumb.map(crumb => crumbPiece(crumb, theme))
	const count = piece(` ${current + 1}/${breadcrumb.length}  `, 'dim')
	const between = ` ${marks.next} `
	const elided = marks.ellipsis
	let from = current
	let to = current + 1
	const needed = (start: number, end: number) =>
		widthOf(count.text) +
		lineWidth(crumbs.slice(start, end)) +
		widthOf(between) * (end - start - 1) +
		(start > 0 ? widthOf(elided + between) : 0) +
		(end < crumbs.length ? widthOf(between + elided) : 0)
	// What comes next matters more than what is behind, of which one step is enough.
	while (true) {
		if (from === current && from > 0 && needed(from - 1, to) <= width) from--
		else if (to < crumbs.length && needed(from, to + 1) <= width) to++
		else if (from > 0 && needed(from - 1, to) <= width) from--
		else break
	}
	const shown = crumbs.slice(from, to)
	return [
		count,
		...(from > 0 ? [piece(elided + between, 'dim')] : []),
		...shown.flatMap((crumb, index) => (index === 0 ? [crumb] : [piece(between, 'dim'), crumb])),
		...(to < crumbs.length ? [piece(between + elided, 'dim')] : []),
	]
}

function crumbPiece({name, state}: Breadcrumb[number], {marks}: Theme): Piece {
	switch (state) {
		case 'done':
			return piece(`${marks.done} ${name}`, 'good')
		case 'current':
			return piece(`${marks.running} ${name.toUpperCase()}`, 'accent', 'heading')
		case 'ahead':
			return piece(name, 'dim')
		default:
			return state satisfies never
	}
}

function rule(question: string, width: number, {marks}: Theme): TextLine {
	const {across} = marks.box
	const rest = Math.max(0, width - widthOf(question) - 4)
	return [piece(`${across} `, 'dim'), piece(question, 'plain', 'heading'), piece(` ${across.repeat(rest + 1)}`, 'dim')]
}
