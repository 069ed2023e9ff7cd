import {isWide, runbookFactRows, runbookRows} from '../../guide/layout.ts'
import type {RunbookView} from '../../guide/views.ts'
import {type Block, beside, blank, cutLine, line, piece, shortened, type TextLine} from '../block.ts'
import {facts, toneMark} from '../parts/facts.ts'
import {banner} from '../parts/headings.ts'
import {Lines} from '../parts/Lines.tsx'
import {cutMiddle, widthOf} from '../text.ts'
import type {Theme} from '../theme.ts'
import type {ScreenProps} from './screen.ts'

/** How it ended, and the transcript to hand on. */
export function Runbook({view, theme, width, rows, size}: ScreenProps<RunbookView>) {
	const mark = toneMark(view.outcome.tone, theme) ?? piece(theme.marks.running, view.outcome.tone)
	const top = [banner(mark, view.outcome.text, width, theme)]
	const wide = isWide(size)
	const factColumns = Math.floor(width * 0.34)
	const textWidth = wide ? width - factColumns - 3 : width
	const about = facts(view.facts, wide ? factColumns : width, theme)
	const saved = savedLine(view, textWidth, theme)
	const text = [
		ruler(view.position, textWidth, theme),
		...view.lines.slice(0, runbookRows(size)).map(one => cutLine(markdownLine(one), textWidth, theme)),
	]
	const lines = wide
		? [...top, blank, ...beside(about, [...text, ...saved], factColumns + 3, theme)]
		: [...top, ...shortened(about, runbookFactRows, theme), ...text, ...saved]
	return <Lines lines={lines.slice(0, rows)} theme={theme} width={width} />
}

function ruler(position: string, width: number, {marks}: Theme): TextLine {
	const title = 'Runbook'
	const end = position === '' ? '' : ` ${position}`
	const across = Math.max(0, width - widthOf(title) - widthOf(end) - 1)
	return [piece(title, 'plain', 'heading'), piece(` ${marks.box.across.repeat(across)}${end}`, 'dim')]
}

/** Markdown as it is written, its headings and quotations a little apart. */
function markdownLine(text: string): TextLine {
	if (text.startsWith('#')) return line(text, 'strong')
	if (/^(>|```|\||---)/.test(text)) return line(text, 'dim')
	return line(text)
}

function savedLine({savedAs}: RunbookView, width: number, {marks}: Theme): Block {
	if (savedAs === undefined) return []
	const label = `${marks.done} saved as `
	return [[piece(label, 'good'), piece(cutMiddle(savedAs, width - widthOf(label), marks.ellipsis), 'strong')]]
}
