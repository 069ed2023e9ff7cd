import type {TroubleView} from '../../guide/views.ts'
import {type Block, boxed, paragraph, piece} from '../block.ts'
import type {Theme} from '../theme.ts'

/** What went wrong and what to do about it, in a frame. */
export function trouble(view: TroubleView, width: number, theme: Theme): Block {
	const {marks} = theme
	const inner = width - 4
	const body = [...paragraph(view.message, inner, 'strong'), ...todo(view.whatToDo, inner, theme)]
	return boxed(body, width, [piece(`${marks.failed} ${view.title}`, 'bad')], 'bad', theme)
}

/** Steps to take, each with the mark that says so. */
export function todo(steps: readonly string[], width: number, {marks}: Theme): Block {
	return steps.flatMap(step => paragraph(step, width, 'plain', piece(`${marks.todo} `, 'accent')))
}
