import {isWide} from '../../guide/layout.ts'
import type {ConfirmView} from '../../guide/views.ts'
import {type Block, beside, boxed, filled, paragraph, piece, shortened, stack} from '../block.ts'
import {facts} from '../parts/facts.ts'
import {boxedField} from '../parts/field.ts'
import {Lines} from '../parts/Lines.tsx'
import type {Theme} from '../theme.ts'
import type {ScreenProps} from './screen.ts'

/** A box in which a commit with time, LSN and xid stands on one row. */
const commitColumns = 72

/** The last look before anything is written: what will be done, what will not be touched, and the word to type. */
export function Confirm({view, theme, width, rows, size}: ScreenProps<ConfirmView>) {
	const typedRows = 5
	if (isWide(size)) {
		const left = Math.max(Math.floor((width - 2) / 2), commitColumns)
		const right = width - 2 - left
		const written = facts(view.facts, left - 4, theme)
		const untouched = promises(view, right - 4, theme)
		const height = Math.min(Math.max(written.length, untouched.length), rows - typedRows - 2)
		const boxes = beside(
			writtenBox(filled(written, height, theme), left, theme),
			untouchedBox(filled(untouched, height, theme), right, theme),
			left + 2,
			theme,
		)
		const lines = stack([{lines: boxes}, {lines: question(view, width, theme)}], rows, theme)
		return <Lines lines={lines} theme={theme} width={width} />
	}
	const written = facts(view.facts, width - 4, theme)
	const untouched = promises(view, width - 4, theme)
	const room = rows - typedRows - 4
	const untouchedRows = Math.min(untouched.length, Math.max(2, room - written.length))
	const lines = stack(
		[
			{lines: writtenBox(shortened(written, room - untouchedRows, theme), width, theme)},
			{lines: untouchedBox(shortened(untouched, untouchedRows, theme), width, theme), joined: true},
			{lines: question(view, width, theme), joined: true},
		],
		rows,
		theme,
	)
	return <Lines lines={lines} theme={theme} width={width} />
}

function writtenBox(block: Block, width: number, theme: Theme): Block {
	return boxed(block, width, [piece(`${theme.marks.caution} WILL BE DONE`, 'warn', 'heading')], 'warn', theme)
}

function untouchedBox(block: Block, width: number, theme: Theme): Block {
	return boxed(block, width, [piece(`${theme.marks.done} WILL NOT BE TOUCHED`, 'good', 'heading')], 'good', theme)
}

function promises(view: ConfirmView, width: number, {marks}: Theme): Block {
	return view.promises.flatMap(text => paragraph(text, width, 'plain', piece(`${marks.done} `, 'good')))
}

function question(view: ConfirmView, width: number, theme: Theme): Block {
	const matches = view.field.text.trim() === view.word
	const hint = matches
		? paragraph('Enter starts the restore.', width, 'strong', piece(`${theme.marks.done} `, 'good'))
		: paragraph('Nothing has been written so far.', width, 'dim')
	return [...hint, ...boxedField(view.field, Math.min(width, 80), theme)]
}
