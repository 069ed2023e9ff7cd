import {isWide, type TerminalSize} from '../../guide/layout.ts'
import type {PlanView} from '../../guide/views.ts'
import {type Block, beside, blank, indent, paragraph, piece, scrolled, spaced, spread} from '../block.ts'
import {facts, remark} from '../parts/facts.ts'
import {boxedField, inlineField} from '../parts/field.ts'
import {headed} from '../parts/headings.ts'
import {Lines} from '../parts/Lines.tsx'
import {widthOf} from '../text.ts'
import type {Theme} from '../theme.ts'
import type {ScreenProps} from './screen.ts'

/** Everything that will be done, before any of it is. */
export function Plan({view, theme, width, rows, size}: ScreenProps<PlanView>) {
	const pinned = planPinned(view, width, theme)
	const document = planDocument(view, width, size, theme)
	const lines = [...pinned, ...scrolled(document, view.scrollRows, rows - pinned.length, theme)]
	return <Lines lines={lines.slice(0, rows)} theme={theme} width={width} />
}

/** What stays while the rest scrolls: the destination, and what is being worked on. */
export function planPinned(view: PlanView, width: number, theme: Theme): Block {
	const field = view.destination.focused
		? boxedField(view.destination, width, theme)
		: inlineField(view.destination, width, theme)
	const working =
		view.working === undefined
			? []
			: paragraph(view.working, width, 'plain', piece(`${theme.marks.running} `, 'accent'))
	return [...field, ...working, ...(view.destination.focused ? [] : [blank])]
}

/** The plan as one text. */
export function planDocument(view: PlanView, width: number, size: TerminalSize, theme: Theme): Block {
	const findings = view.findings.flatMap(({text, tone}) => remark(text, tone, width, theme))
	if (!isWide(size)) {
		return spaced([
			findings,
			headed('In short', facts(view.summary, width, theme)),
			headed('Steps', steps(view, width, theme)),
			headed('Disarmed in the copy', disarmed(view, width, theme)),
			headed('Settings of the restored server', facts(view.settings, width, theme, {marked: false})),
		])
	}
	// Wide enough for a commit with time, LSN and xid on one row.
	const left = Math.max(Math.floor(width * 0.44), 65)
	const right = width - left - 3
	const about = spaced([
		headed('In short', facts(view.summary, left, theme)),
		headed('Disarmed in the copy', disarmed(view, left, theme)),
	])
	const acts = spaced([
		headed('Steps', steps(view, right, theme)),
		headed('Settings of the restored server', facts(view.settings, right, theme, {marked: false})),
	])
	return spaced([findings, beside(about, acts, left + 3, theme)])
}

function steps(view: PlanView, width: number, theme: Theme): Block {
	return view.steps.flatMap(step => {
		const number = piece(`${step.number.toString().padStart(2)}  `, 'dim')
		const who = step.irreversible ? piece(`${theme.marks.caution} cannot be undone`, 'warn') : piece(step.by, 'dim')
		const what = paragraph(step.what, width - widthOf(who.text) - 2, 'strong', number)
		const command = step.command === '' ? [] : paragraph(step.command, width - 6, 'plain', piece('$ ', 'dim'))
		return [
			...what.map((pieces, index) => (index === 0 ? spread(pieces, [who], width, theme) : pieces)),
			...indent(command, widthOf(number.text)),
		]
	})
}

function disarmed(view: PlanView, width: number, {marks}: Theme): Block {
	return view.disarmed.flatMap(text => paragraph(text, width, 'plain', piece(`${marks.bullet} `, 'dim')))
}
