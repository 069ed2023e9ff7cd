import {isWide} from '../../guide/layout.ts'
import type {RestoreView} from '../../guide/views.ts'
import {type Block, beside, cutLine, lineWidth, type Piece, piece, spread, stack} from '../block.ts'
import {bar} from '../parts/bar.ts'
import {facts, inlineFacts} from '../parts/facts.ts'
import {headed} from '../parts/headings.ts'
import {Lines} from '../parts/Lines.tsx'
import type {Theme} from '../theme.ts'
import type {ScreenProps} from './screen.ts'

type Step = RestoreView['steps'][number]

/** The restore as it goes: how far copy and replay are, the steps, and what the server says. */
export function Restore({view, theme, width, rows, size}: ScreenProps<RestoreView>) {
	const bars = [view.copy, view.replay].flatMap(one => (one === undefined ? [] : bar(one, width, theme)))
	const log = (room: number) => logTail(view, width, room, theme)
	if (isWide(size)) {
		const left = Math.floor(width * 0.55)
		const right = width - left - 3
		const middle = beside(
			headed('Steps', steps(view, left, theme)),
			headed('Replay', facts(view.clock, right, theme)),
			left + 3,
			theme,
		)
		const room = rows - bars.length - middle.length - 3
		const lines = stack([{lines: bars}, {lines: middle}, {lines: log(room)}], rows, theme)
		return <Lines lines={lines} theme={theme} width={width} />
	}
	const clock = rows < 26 ? inlineFacts(view.clock, width) : facts(view.clock, width, theme)
	const shownSteps = aroundRunning(
		steps(view, width, theme),
		view.steps,
		Math.max(4, rows - bars.length - clock.length - 5),
	)
	const room = Math.max(3, rows - bars.length - clock.length - shownSteps.length - 1)
	const lines = stack(
		[
			{lines: bars},
			{lines: clock, joined: true, least: 1, gives: 1},
			{lines: shownSteps},
			{lines: log(room), joined: true, least: 2, gives: 2},
		],
		rows,
		theme,
	)
	return <Lines lines={lines} theme={theme} width={width} />
}

/** A step on one row each, its note at the end; the longer of the two gives way. */
function steps(view: RestoreView, width: number, theme: Theme): Block {
	return view.steps.map(step => {
		const what = [stepMark(step, theme), piece(step.what, stepTone(step))]
		const most = Math.max(Math.floor(width * 0.4), width - lineWidth(what) - 2)
		const note = cutLine([piece(step.note, step.state === 'failed' ? 'bad' : 'dim')], most, theme)
		return spread(what, note, width, theme)
	})
}

function stepMark({state}: Step, {marks}: Theme): Piece {
	switch (state) {
		case 'done':
			return piece(`${marks.done} `, 'good')
		case 'running':
			return piece(`${marks.running} `, 'accent')
		case 'waiting':
			return piece(`${marks.waiting} `, 'dim')
		case 'failed':
			return piece(`${marks.failed} `, 'bad')
		default:
			return state satisfies never
	}
}

function stepTone({state}: Step): Piece['tone'] {
	return state === 'running' ? 'strong' : state === 'waiting' ? 'dim' : state === 'failed' ? 'bad' : 'plain'
}

/** Steps that fit, the one that runs or failed among them. */
function aroundRunning(lines: Block, list: readonly Step[], rows: number): Block {
	if (lines.length <= rows) return lines
	const current = list.findIndex(({state}) => state === 'running' || state === 'failed')
	const from = Math.min(Math.max(0, current - Math.floor(rows / 2)), lines.length - rows)
	return lines.slice(from, from + rows)
}

function logTail(view: RestoreView, width: number, rows: number, theme: Theme): Block {
	const shown = view.log.slice(-Math.max(1, rows - 1))
	return headed(
		'Server log',
		shown.map(({text, tone}) => cutLine([piece(text, tone)], width, theme)),
	)
}
