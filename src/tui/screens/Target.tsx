import {isWide, lostTableRows, targetOptionRows} from '../../guide/layout.ts'
import type {TargetView} from '../../guide/views.ts'
import {type Block, beside, boxed, line, paragraph, piece, type Section, stack, wrapLine} from '../block.ts'
import {facts, remark} from '../parts/facts.ts'
import {Lines} from '../parts/Lines.tsx'
import {selectedDisabledReason, table} from '../parts/table.ts'
import {widthOf} from '../text.ts'
import type {Theme} from '../theme.ts'
import type {ScreenProps} from './screen.ts'

/** Columns that a commit needs in a box of its own: label, time, LSN and xid on one row. */
const boxColumns = 73

/** Where replay will stop, and before all else what that keeps and what it loses. */
export function Target({view, theme, width, rows, size}: ScreenProps<TargetView>) {
	const lostRows = lostTableRows(size)
	const optionRows = targetOptionRows(size)
	const choiceColumns = width - boxColumns - 2
	if (!isWide(size) || choiceColumns < 60) {
		const kept = guttered('KEEPS', keeps(view, width - gutter, theme), theme)
		const lost = guttered('LOSES', loses(view, width - gutter, lostRows, theme), theme)
		const lines = stack(
			[
				{lines: suspect(view, width, theme), least: 1, gives: 3, quiet: true},
				{lines: kept, least: 2, gives: 1},
				{lines: lost, least: 3, gives: 2},
				...choice(view, width, Math.min(optionRows, Math.max(3, rows - kept.length - lost.length - 5)), theme),
			],
			rows,
			theme,
		)
		return <Lines lines={lines} theme={theme} width={width} />
	}
	const choices = stack(
		[
			{lines: suspect(view, choiceColumns, theme), least: 1, gives: 3, quiet: true},
			...choice(view, choiceColumns, optionRows, theme),
		],
		rows,
		theme,
	)
	const inner = boxColumns - 4
	const consequences = stack(
		[
			{lines: verdictBox('KEEPS', keeps(view, inner, theme), theme)},
			{lines: verdictBox('LOSES', loses(view, inner, lostRows, theme), theme)},
		],
		rows,
		theme,
	)
	return <Lines lines={beside(choices, consequences, choiceColumns + 2, theme)} theme={theme} width={width} />
}

function choice(view: TargetView, width: number, optionRows: number, theme: Theme): readonly Section[] {
	const reason = selectedDisabledReason(view.options)
	const explained =
		reason === undefined ? paragraph(view.explanation, width, 'dim') : remark(reason, 'warn', width, theme)
	const cautions = view.cautions.flatMap(({text, tone}) => remark(text, tone, width, theme))
	return [
		{lines: table(view.options, width, theme, {rows: optionRows})},
		{lines: explained, least: 0, gives: 4, quiet: true},
		{lines: cautions},
	]
}

function suspect(view: TargetView, width: number, theme: Theme): Block {
	return facts(view.suspect, width, theme)
}

function keeps(view: TargetView, width: number, theme: Theme): Block {
	const kept = facts(view.keeps, width, theme, {marked: false, labelWidth: labelWidth(view)})
	const unfinished = view.inFlight.flatMap(pieces => wrapLine(pieces, width, piece(`${theme.marks.caution} `, 'warn')))
	return [...kept, ...unfinished]
}

function loses(view: TargetView, width: number, rows: number, theme: Theme): Block {
	const lost = table(view.lostRows, width, theme, {selectable: false, rows})
	const position = view.lostRows.position === '' ? [] : [line(view.lostRows.position, 'dim')]
	return [...facts(view.loses, width, theme, {marked: false, labelWidth: labelWidth(view)}), ...lost, ...position]
}

/** What is kept and what is lost stand below each other: their values begin in one column. */
function labelWidth({keeps: kept, loses: lost}: TargetView): number {
	return Math.max(0, ...[...kept, ...lost].map(({label}) => widthOf(label)))
}

type Verdict = 'KEEPS' | 'LOSES'

function verdictText(word: Verdict, {marks}: Theme): string {
	return `${word === 'KEEPS' ? marks.done : marks.failed} ${word}`
}

function verdictTone(word: Verdict): 'good' | 'bad' {
	return word === 'KEEPS' ? 'good' : 'bad'
}

const gutter = 11

/** The word in a column of its own, where there is no room for boxes beside each other. */
function guttered(word: Verdict, block: Block, theme: Theme): Block {
	const badge = piece(` ${verdictText(word, theme)} `, verdictTone(word), 'banner')
	const after = ' '.repeat(Math.max(1, gutter - widthOf(badge.text)))
	return block.map((pieces, index) =>
		index === 0 ? [badge, piece(after), ...pieces] : [piece(' '.repeat(gutter)), ...pieces],
	)
}

function verdictBox(word: Verdict, block: Block, theme: Theme): Block {
	const tone = verdictTone(word)
	return boxed(block, boxColumns, [piece(verdictText(word, theme), tone, 'heading')], tone, theme)
}
