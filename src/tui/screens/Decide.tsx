import type {DecideView} from '../../guide/views.ts'
import {type Block, paragraph, piece, spread, stack} from '../block.ts'
import {facts} from '../parts/facts.ts'
import {boxedField} from '../parts/field.ts'
import {Lines} from '../parts/Lines.tsx'
import {widthOf} from '../text.ts'
import type {Theme} from '../theme.ts'
import type {ScreenProps} from './screen.ts'

type Option = DecideView['options'][number]

/** What becomes of the held server. What cannot be undone says so. */
export function Decide({view, theme, width, rows}: ScreenProps<DecideView>) {
	const column = Math.min(width, 110)
	const lines = stack(
		[
			{lines: facts(view.facts, column, theme), least: 2, gives: 1},
			...view.options.map(option => ({lines: optionBlock(option, column, theme)})),
			{lines: view.field === undefined ? [] : boxedField(view.field, Math.min(column, 80), theme)},
			{lines: working(view, column, theme)},
		],
		rows,
		theme,
	)
	return <Lines lines={lines} theme={theme} width={width} />
}

function optionBlock(option: Option, width: number, theme: Theme): Block {
	return [optionLine(option, width, theme), ...explained(option, width)]
}

function optionLine({name, selected, irreversible}: Option, width: number, theme: Theme) {
	const {marks} = theme
	const warning = irreversible ? `${marks.caution} cannot be undone` : ''
	if (selected) {
		const text = ` ${marks.selected} ${name}`
		const padding = ' '.repeat(Math.max(1, width - widthOf(text) - widthOf(warning) - 1))
		return [piece(`${text}${padding}${warning} `, 'plain', 'selected')]
	}
	return spread([piece(`   ${name}`, 'strong')], warning === '' ? [] : [piece(`${warning} `, 'warn')], width, theme)
}

function explained({what, selected}: Option, width: number): Block {
	return paragraph(what, width - 2, selected ? 'plain' : 'dim', piece('     '))
}

function working(view: DecideView, width: number, {marks}: Theme): Block {
	return view.working === undefined ? [] : paragraph(view.working, width, 'plain', piece(`${marks.running} `, 'accent'))
}
