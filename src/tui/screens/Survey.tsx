import {isWide, type TerminalSize} from '../../guide/layout.ts'
import type {SurveyView} from '../../guide/views.ts'
import {type Block, beside, paragraph, piece, scrolled, spaced, wrapLine} from '../block.ts'
import {band} from '../parts/band.ts'
import {facts, remark, toneMark} from '../parts/facts.ts'
import {headed} from '../parts/headings.ts'
import {Lines} from '../parts/Lines.tsx'
import {table} from '../parts/table.ts'
import {todo} from '../parts/trouble.ts'
import type {Theme} from '../theme.ts'
import type {ScreenProps} from './screen.ts'

/** What is in the archive and how far it reaches. */
export function Survey({view, theme, width, rows, size}: ScreenProps<SurveyView>) {
	const document = surveyDocument(view, width, size, theme)
	return <Lines lines={scrolled(document, view.scrollRows, rows, theme)} theme={theme} width={width} />
}

/** The whole survey as one text; what stops a recovery stands first. */
export function surveyDocument(view: SurveyView, width: number, size: TerminalSize, theme: Theme): Block {
	const serious = view.findings.filter(finding => finding.severity !== 'info')
	const notes = view.findings.filter(finding => finding.severity === 'info')
	const top = spaced([progress(view, width, theme), verdict(view, width, theme), findings(serious, width, theme)])
	if (!isWide(size)) {
		return spaced([
			top,
			headed('What can be recovered', coverage(view, width, theme)),
			headed('Base backups', table(view.backups, width, theme, {selectable: false})),
			headed('Cluster', facts(view.cluster, width, theme)),
			headed('Timelines', timelines(view, width)),
			headed('Notes', findings(notes, width, theme)),
		])
	}
	const left = Math.floor(width * 0.4)
	const right = width - left - 3
	const about = spaced([
		headed('Cluster', facts(view.cluster, left, theme)),
		headed('Timelines', timelines(view, left)),
	])
	const reach = spaced([
		headed('What can be recovered', coverage(view, right, theme)),
		headed('Base backups', table(view.backups, right, theme, {selectable: false})),
	])
	return spaced([top, beside(about, reach, left + 3, theme), headed('Notes', findings(notes, width, theme))])
}

function timelines(view: SurveyView, width: number): Block {
	return view.timelines.flatMap(pieces => wrapLine(pieces, width))
}

function progress({progress: text}: SurveyView, width: number, {marks}: Theme): Block {
	return text === undefined ? [] : paragraph(text, width, 'plain', piece(`${marks.running} `, 'accent'))
}

function verdict({verdict: span}: SurveyView, width: number, theme: Theme): Block {
	if (span === undefined) return []
	const mark = toneMark(span.tone, theme)
	return paragraph(span.text, width, 'strong', mark === undefined ? piece('') : {...mark, text: `${mark.text} `})
}

function coverage({coverage: bands}: SurveyView, width: number, theme: Theme): Block {
	return spaced(bands.map(one => band(one, width, theme)))
}

function findings(list: SurveyView['findings'], width: number, theme: Theme): Block {
	return list.flatMap(({severity, message, whatToDo}) => [
		...(severity === 'info'
			? paragraph(message, width, 'plain', piece(`${theme.marks.bullet} `, 'dim'))
			: remark(`${severity}: ${message}`, severity === 'error' ? 'bad' : 'warn', width, theme)),
		...todo(whatToDo, width - 2, theme).map(pieces => [piece('  '), ...pieces]),
	])
}
