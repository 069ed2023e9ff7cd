import {answerRows, isWide} from '../../guide/layout.ts'
import type {InspectView} from '../../guide/views.ts'
import {type Block, beside, blank, type Piece, paragraph, piece, spread, stack} from '../block.ts'
import {facts, remark, toneMark} from '../parts/facts.ts'
import {inlineField} from '../parts/field.ts'
import {banner, headed} from '../parts/headings.ts'
import {Lines} from '../parts/Lines.tsx'
import {table} from '../parts/table.ts'
import {widthOf} from '../text.ts'
import type {Theme} from '../theme.ts'
import type {ScreenProps} from './screen.ts'

type Check = InspectView['checks'][number]

/** Where replay stopped, proven, and what the data looks like there. */
export function Inspect({view, theme, width, rows, size}: ScreenProps<InspectView>) {
	const top = stopped(view, width, theme)
	const proof = view.proof.slice(1)
	if (isWide(size)) {
		const left = Math.floor(width * 0.44)
		const right = width - left - 3
		const room = rows - top.length - 1
		const proven = stack(
			[
				{lines: facts(proof, left, theme)},
				{lines: headed('Checks', checks(view, left, true, theme)), least: 4, gives: 1},
				{lines: connect(view, left), whole: true, gives: 2},
			],
			room,
			theme,
		)
		const asked = question(view, right, answerRows(size), theme)
		const lines = [...top, blank, ...beside(proven, asked, left + 3, theme)]
		return <Lines lines={lines.slice(0, rows)} theme={theme} width={width} />
	}
	const asked = question(view, width, answerRows(size), theme)
	const lines = [
		...top,
		...stack(
			[
				{lines: facts(proof, width, theme), least: 0, gives: 1, quiet: true},
				{lines: headed('Checks', checks(view, width, false, theme)), least: 5, gives: 2},
				{lines: connect(view, width), joined: true, whole: true, gives: 3},
				{lines: asked},
			],
			rows - top.length,
			theme,
		),
	]
	return <Lines lines={lines.slice(0, rows)} theme={theme} width={width} />
}

/** The first line of the proof as a bar over the whole width. */
function stopped({proof}: InspectView, width: number, theme: Theme): Block {
	const [first] = proof
	if (first === undefined) return []
	const mark = toneMark(first.tone, theme) ?? piece(theme.marks.running, first.tone)
	return [banner(mark, `${first.label.toUpperCase()} ${first.value}`, width, theme)]
}

/** The checks, failed ones first: they must not be among those that did not fit. */
function checks(view: InspectView, width: number, roomy: boolean, theme: Theme): Block {
	const order = {failed: 0, running: 1, passed: 2, noted: 3}
	const sorted = [...view.checks].sort((a, b) => order[a.outcome] - order[b.outcome])
	const widest = Math.min(Math.max(0, ...sorted.map(check => widthOf(check.name))), Math.floor(width * 0.55))
	return sorted.flatMap(check => {
		const outcome = outcomeText(check)
		if (roomy && widthOf(outcome) > width - widest - 4) {
			const body = paragraph(outcome, width - 4, check.outcome === 'failed' ? 'bad' : 'dim')
			return [
				[checkMark(check, theme), piece(check.name, nameTone(check))],
				...body.map(pieces => [piece('    '), ...pieces]),
			]
		}
		const name = `${check.name}${' '.repeat(Math.max(0, widest - widthOf(check.name)))}`
		return [
			[
				checkMark(check, theme),
				piece(name, nameTone(check)),
				piece(`  ${outcome}`, check.outcome === 'failed' ? 'bad' : 'dim'),
			],
		]
	})
}

function outcomeText({outcome, expected, found}: Check): string {
	switch (outcome) {
		case 'failed':
			return `expected ${expected}, found ${found}`
		case 'passed':
		case 'noted':
			return found
		case 'running':
			return 'running'
		default:
			return outcome satisfies never
	}
}

function nameTone({outcome}: Check): Piece['tone'] {
	return outcome === 'failed' ? 'bad' : 'plain'
}

function checkMark({outcome}: Check, {marks}: Theme): Piece {
	switch (outcome) {
		case 'failed':
			return piece(`${marks.failed} `, 'bad')
		case 'passed':
			return piece(`${marks.done} `, 'good')
		case 'noted':
			return piece(`${marks.bullet} `, 'dim')
		case 'running':
			return piece(`${marks.running} `, 'accent')
		default:
			return outcome satisfies never
	}
}

function connect({connect: command}: InspectView, width: number): Block {
	return command === '' ? [] : paragraph(command, width, 'plain', piece('$ ', 'dim'))
}

function question(view: InspectView, width: number, rows: number, theme: Theme): Block {
	const field = inlineField(view.prompt, width, theme)
	const note = view.answerNote === undefined ? [] : remark(view.answerNote.text, view.answerNote.tone, width, theme)
	const answer = view.answer === undefined ? [] : table(view.answer, width, theme, {selectable: false, rows})
	const position = view.answer === undefined || view.answer.position === '' ? [] : [piece(view.answer.position, 'dim')]
	const title = spread(
		[piece('Read-only SQL', 'plain', 'heading'), piece(`  database ${view.database}`, 'dim')],
		position,
		width,
		theme,
	)
	return [title, ...field, ...note.slice(0, 2), ...answer]
}
