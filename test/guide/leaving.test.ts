import {describe, expect, test} from 'vitest'
import type {WorldEvent} from '../../src/guide/events.ts'
import {lsn, survey} from '../support/builders.ts'
import {
	atBoundaries,
	atConfirm,
	atDecide,
	atInspect,
	atPlan,
	atRestore,
	atRunbook,
	atTarget,
	heldEvent,
	type Story,
	story,
} from './story.ts'

const nothingWritten = ['Nothing was written. /archive was only read.']
const replaying: readonly WorldEvent[] = [{type: 'stepStarted', step: 'replay'}]
const copying: readonly WorldEvent[] = [{type: 'stepStarted', step: 'copy-base-backup'}]
const trouble = {code: 'replay-aborted', message: 'it was interrupted', whatToDo: []}
const goesOn = [
	'The restored server goes on replaying in /restore/harbor and will hold at the target.',
	'lastgood status r20260401-100500',
]
const holds = [
	'The restored server holds at the target in /restore/harbor, not promoted.',
	'look at it:  psql -h /restore/harbor.lastgood/socket -p 54330 -U postgres',
	'go on:       lastgood promote r20260401-100500 --yes',
	'remove it:   lastgood abandon r20260401-100500 --yes',
]

function atReplay(): Story {
	const told = atRestore()
	told.world.answers('restore', ...replaying)
	return told
}

function atCopy(): Story {
	const told = atRestore()
	told.world.answers('restore', ...copying)
	return told
}

function atFailed(leaves: readonly string[]): Story {
	const told = atCopy()
	told.world.answers('restore', {type: 'restoreFailed', trouble, leaves})
	return told
}

function atIncident(): Story {
	const told = story()
	told.world.answers('survey', {type: 'surveyed', survey: survey()})
	told.operator.accepts()
	return told
}

const left = ({world}: Story) => world.asked('leave')

describe('where nothing would be left behind', () => {
	test.each([
		['survey', story],
		['incident', atIncident],
		['boundaries', atBoundaries],
	] as const)('q leaves the %s at once, and says that nothing was written', (_, at) => {
		const told = at()
		told.operator.quits()
		expect(left(told)).toEqual([{type: 'leave', summary: nothingWritten, exitCode: 0}])
	})

	test('Ctrl-C leaves at once too, with the exit code of an interrupt', () => {
		for (const at of [story, atIncident, atBoundaries]) {
			const told = at()
			told.operator.interrupts()
			expect(left(told)).toEqual([{type: 'leave', summary: nothingWritten, exitCode: 130}])
		}
	})

	test('the runbook is left at once, and says where things are', () => {
		const told = atRunbook()
		told.operator.interrupts()
		expect(left(told)).toEqual([
			{
				type: 'leave',
				summary: [
					'Promoted: /restore/harbor runs on timeline 2, on its private socket /restore/harbor.lastgood/socket, port 54330.',
					'runbook: /state/r20260401-100500/runbook.md',
				],
				exitCode: 0,
			},
		])
	})
})

describe('where something was decided or is held', () => {
	test.each([
		['target', atTarget, nothingWritten],
		['plan', atPlan, nothingWritten],
		['confirm', atConfirm, nothingWritten],
		['inspect', atInspect, holds],
		['decide', atDecide, holds],
	] as const)('q at %s asks first, with the safe answer selected, and says what is left', (_, at, summary) => {
		const told = at()
		told.operator.quits()
		expect(told.screen.asks()).toEqual(['[Stay]', 'Leave'])
		told.screen.shows('Leave lastgood?', ...summary)
		told.operator.accepts()
		expect(told.screen.asks()).toEqual([])
		expect(left(told)).toEqual([])
		told.operator.quits()
		told.operator.turns(1)
		told.operator.accepts()
		expect(left(told)).toEqual([{type: 'leave', summary, exitCode: 0}])
	})

	test.each([
		['target', atTarget, nothingWritten],
		['plan', atPlan, nothingWritten],
		['confirm', atConfirm, nothingWritten],
		['inspect', atInspect, holds],
		['decide', atDecide, holds],
	] as const)('a first Ctrl-C at %s asks, a second one leaves', (_, at, summary) => {
		const told = at()
		told.operator.interrupts()
		expect(told.screen.asks()).toEqual(['[Stay]', 'Leave'])
		expect(left(told)).toEqual([])
		told.operator.interrupts()
		expect(left(told)).toEqual([{type: 'leave', summary, exitCode: 130}])
	})

	test('the question takes arrows, Enter and Esc, and no other key reaches the step below', () => {
		const told = atConfirm()
		told.operator.quits()
		told.operator.types('harbor')
		told.operator.moves(5)
		expect(told.screen.asks()).toEqual(['Stay', '[Leave]'])
		told.operator.moves(-5)
		expect(told.screen.asks()).toEqual(['[Stay]', 'Leave'])
		told.operator.goesBack()
		told.screen.is('confirm')
		told.screen.shows('to start []')
	})

	test('while a promotion is under way the answer is not known, and is not claimed', () => {
		const told = atDecide()
		told.operator.moves(-1)
		told.operator.accepts()
		told.operator.types('promote')
		told.operator.accepts()
		told.operator.interrupts()
		told.screen.hides('not promoted')
		told.screen.shows('The promotion of /restore/harbor was asked for, and how it ends is not known yet.')
		told.world.answers('promote', {type: 'promoted', timeline: 2, lsn: lsn('0/54000A0')})
		told.screen.is('runbook')
	})

	test('a word of the world does not close the question', () => {
		const told = atInspect()
		told.operator.does({type: 'checksRepeated'})
		told.operator.quits()
		told.world.answers('check', {type: 'checksFinished'})
		expect(told.screen.asks()).toEqual(['[Stay]', 'Leave'])
	})
})

describe('while files are copied', () => {
	test('there is nothing of use to leave: the question is to go on or to cancel', () => {
		for (const ask of ['quits', 'interrupts', 'goesBack'] as const) {
			const told = atCopy()
			told.operator[ask]()
			expect(told.screen.asks()).toEqual(['[Go on]', 'Cancel the restore'])
			told.screen.shows('Cancelling stops the restore and removes what it has made so far, or says what is left.')
			told.screen.hides('goes on replaying')
		}
	})

	test('cancelling is asked for once and shown, and what came of it stays on the screen', () => {
		const told = atCopy()
		told.operator.goesBack()
		told.operator.moves(1)
		told.operator.accepts()
		expect(told.world.asked('cancelRestore')).toHaveLength(1)
		told.screen.shows('cancelling')
		expect(left(told)).toEqual([])
		told.world.answers('restore', {type: 'restoreFailed', trouble, leaves: []})
		told.screen.shows('the restore failed', 'it was interrupted')
		expect(left(told)).toEqual([])
	})

	test('a second Ctrl-C cancels, waits for the removal and leaves then', () => {
		const told = atCopy()
		told.operator.interrupts()
		told.operator.interrupts()
		expect(told.world.asked('cancelRestore')).toHaveLength(1)
		expect(left(told)).toEqual([])
		told.screen.shows('cancelling')
		told.world.answers('restore', {type: 'stepFinished', step: 'copy-base-backup', notes: []})
		expect(left(told)).toEqual([])
		told.world.answers('restore', {type: 'restoreFailed', trouble, leaves: []})
		expect(left(told)).toEqual([
			{
				type: 'leave',
				summary: ['The restore failed and what it had made was removed.', 'lastgood runbook r20260401-100500'],
				exitCode: 130,
			},
		])
	})

	test('a second Ctrl-C before the server replays says what could not be removed', () => {
		const told = atRestore()
		told.world.answers('restore', {type: 'stepStarted', step: 'start-server'})
		told.operator.interrupts()
		told.operator.interrupts()
		const leaves = ['/restore/harbor', '/restore/harbor.lastgood']
		told.world.answers('restore', {type: 'restoreFailed', trouble, leaves})
		expect(left(told)[0]?.summary).toEqual([
			'The restore failed. It leaves /restore/harbor and /restore/harbor.lastgood.',
			'lastgood abandon r20260401-100500 --yes removes them.',
		])
	})
})

describe('while the server replays', () => {
	test('it may be left to go on by itself, or be cancelled', () => {
		const told = atReplay()
		told.operator.quits()
		expect(told.screen.asks()).toEqual(['[Go on]', 'Leave', 'Cancel the restore'])
		told.screen.shows(...goesOn)
		told.operator.moves(1)
		told.operator.accepts()
		expect(left(told)).toEqual([{type: 'leave', summary: goesOn, exitCode: 0}])
		expect(told.world.asked('cancelRestore')).toEqual([])
	})

	test('a second Ctrl-C leaves it replaying', () => {
		const told = atReplay()
		told.operator.interrupts()
		told.operator.interrupts()
		expect(left(told)).toEqual([{type: 'leave', summary: goesOn, exitCode: 130}])
		expect(told.world.asked('cancelRestore')).toEqual([])
	})

	test('the last answer cancels', () => {
		const told = atReplay()
		told.operator.goesBack()
		told.operator.moves(2)
		told.operator.accepts()
		expect(told.world.asked('cancelRestore')).toHaveLength(1)
		told.screen.shows('cancelling')
	})

	test('a question that was asked while files were copied begins with its safe answer again', () => {
		const told = atCopy()
		told.operator.goesBack()
		told.operator.moves(1)
		expect(told.screen.asks()).toEqual(['Go on', '[Cancel the restore]'])
		told.world.answers('restore', ...replaying)
		expect(told.screen.asks()).toEqual(['[Go on]', 'Leave', 'Cancel the restore'])
	})

	test.each([
		['is held', heldEvent],
		['fails', {type: 'restoreFailed', trouble, leaves: []}],
	] as const)('the question whether to cancel is not asked any more once it %s', (_, event) => {
		const told = atReplay()
		told.operator.goesBack()
		told.world.answers('restore', event)
		expect(told.screen.asks()).toEqual([])
		told.operator.accepts()
		expect(told.world.asked('cancelRestore')).toEqual([])
	})
})

describe('after a failed restore', () => {
	test.each([
		[[], ['The restore failed and what it had made was removed.', 'lastgood runbook r20260401-100500']],
		[
			['/restore/harbor'],
			['The restore failed. It leaves /restore/harbor.', 'lastgood abandon r20260401-100500 --yes removes them.'],
		],
	])('q says what is left of it: %j', (leaves, summary) => {
		const told = atFailed(leaves)
		told.operator.quits()
		told.screen.shows(...summary)
		told.operator.moves(1)
		told.operator.accepts()
		expect(left(told)).toEqual([{type: 'leave', summary, exitCode: 0}])
	})

	test('the runbook says the reason again', () => {
		const told = atFailed([])
		told.operator.accepts()
		told.operator.quits()
		expect(left(told)[0]?.summary).toEqual(['Failed: it was interrupted', 'runbook: lastgood runbook r20260401-100500'])
	})

	test('an abandoned one says that it is gone', () => {
		const told = atDecide()
		told.operator.moves(1)
		told.operator.accepts()
		told.operator.types('abandon')
		told.operator.accepts()
		told.world.answers('abandon', {type: 'abandoned', removed: []})
		told.operator.quits()
		expect(left(told)[0]?.summary[0]).toBe('Abandoned: what was restored was removed.')
	})
})

describe('a terminal that is too small', () => {
	const sizes = [
		[79, 24],
		[80, 23],
		[20, 5],
	] as const

	test.each(sizes)('of %d by %d takes no key', (columns, rows) => {
		const told = atConfirm()
		told.operator.resizes(columns, rows)
		expect(told.screen.view.keys).toBe('too-small')
		const before = told.state.step
		told.operator.types('harbor')
		told.operator.accepts()
		told.operator.goesBack()
		told.operator.moves(1)
		told.operator.turns(1)
		told.operator.jumps('last')
		told.operator.does({type: 'helpToggled'}, {type: 'edited'}, {type: 'checksRepeated'})
		expect(told.state.step).toBe(before)
		expect(told.state.help).toBe(false)
		expect(told.world.asked('restore')).toEqual([])
		told.operator.resizes(80, 24)
		told.operator.types('harbor')
		told.operator.accepts()
		told.screen.is('restore')
	})

	test.each([
		['survey', story, nothingWritten],
		['plan', atPlan, nothingWritten],
		['replay', atReplay, goesOn],
		['inspect', atInspect, holds],
		['decide', atDecide, holds],
	] as const)('takes q at %s: nobody could see a question', (_, at, summary) => {
		const told = at()
		told.operator.resizes(60, 20)
		told.operator.quits()
		expect(left(told)).toEqual([{type: 'leave', summary, exitCode: 0}])
	})

	test('takes q while files are copied for a wish to cancel, and leaves once they are removed', () => {
		const told = atCopy()
		told.operator.resizes(60, 20)
		told.operator.quits()
		expect(left(told)).toEqual([])
		expect(told.world.asked('cancelRestore')).toHaveLength(1)
		told.world.answers('restore', {type: 'restoreFailed', trouble, leaves: []})
		expect(left(told)).toHaveLength(1)
	})

	test('takes Ctrl-C twice, as any other does', () => {
		const told = atInspect()
		told.operator.resizes(60, 20)
		told.operator.interrupts()
		expect(left(told)).toEqual([])
		told.operator.interrupts()
		expect(left(told)).toEqual([{type: 'leave', summary: holds, exitCode: 130}])
	})

	test('goes on with what the world says', () => {
		const told = atReplay()
		told.operator.resizes(60, 20)
		told.world.answers('restore', heldEvent)
		told.screen.is('inspect')
	})
})

describe('once left', () => {
	test('nothing happens any more', () => {
		const told = atBoundaries()
		told.operator.quits()
		const {step} = told.state
		told.operator.accepts()
		told.operator.quits()
		told.world.says({type: 'surveyed', survey: survey()})
		expect(told.state.step).toBe(step)
		expect(left(told)).toHaveLength(1)
	})
})

describe('the help', () => {
	test('lies over every step, takes no key for the step, and closes with Esc, Enter or its own key', () => {
		for (const close of ['wentBack', 'accepted', 'helpToggled'] as const) {
			const told = atConfirm()
			told.operator.does({type: 'helpToggled'})
			expect(told.screen.view).toMatchObject({help: true, keys: 'help'})
			told.operator.types('harbor')
			told.operator.does({type: close})
			expect(told.screen.view.help).toBe(false)
			told.screen.is('confirm')
			told.screen.shows('to start []')
		}
	})

	test('gives way to the question of Ctrl-C', () => {
		const told = atInspect()
		told.operator.does({type: 'helpToggled'})
		told.operator.interrupts()
		expect(told.screen.view).toMatchObject({help: false, keys: 'dialog'})
	})
})
