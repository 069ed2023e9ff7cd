import {describe, expect, test} from 'vitest'
import type {OperatorEvent, WorldEvent} from '../../src/guide/events.ts'
import type {Step} from '../../src/guide/state.ts'
import {lsn, names, path, plan, survey} from '../support/builders.ts'
import {
	atBoundaries,
	atConfirm,
	atDecide,
	atInspect,
	atPlan,
	atRestore,
	atRunbook,
	atTarget,
	decodedBatch,
	heldEvent,
	type Story,
	story,
} from './story.ts'

const trouble = {code: 'usage', message: 'no', whatToDo: []}

/** Every answer of the world, and the steps that take it; at any other step it comes too late and changes nothing. */
const answers: readonly (readonly [WorldEvent, readonly Step['name'][]])[] = [
	[{type: 'surveyProgressed', text: 'x'}, ['survey']],
	[{type: 'surveyed', survey: survey()}, ['survey']],
	[{type: 'surveyFailed', trouble}, ['survey']],
	[{type: 'decodingStarted', backup: undefined, segmentCount: 9}, ['boundaries']],
	[decodedBatch([]), ['boundaries']],
	[{type: 'namesRead', names: names()}, ['boundaries']],
	[{type: 'decodingFinished', path: path()}, ['boundaries']],
	[{type: 'decodingFailed', trouble}, ['boundaries']],
	[{type: 'planMade', request: 1, plan: plan()}, ['plan']],
	[{type: 'planRefused', request: 1, trouble}, ['plan']],
	[{type: 'stepStarted', step: 'disarm'}, ['restore']],
	[{type: 'stepFinished', step: 'disarm', notes: []}, ['restore']],
	[{type: 'copyProgressed', progress: {doneBytes: 1, totalBytes: 2, doneFiles: 0, totalFiles: 1}}, ['restore']],
	[
		{
			type: 'replayProgressed',
			replay: {
				accepting: false,
				replayEndLsn: undefined,
				replayedAt: undefined,
				doneBytes: 0,
				totalBytes: 1,
				bytesPerSecond: undefined,
				etaMs: undefined,
				segment: undefined,
				logTail: [],
			},
		},
		['restore'],
	],
	[heldEvent, ['restore']],
	[{type: 'restoreFailed', trouble, leaves: []}, ['restore']],
	[{type: 'checkFinished', check: {name: 'x', outcome: 'noted', expected: '', found: ''}}, ['inspect']],
	[{type: 'checksFinished'}, ['inspect']],
	[{type: 'checksFailed', trouble}, ['inspect']],
	// A question that was asked before may be answered at the decision.
	[{type: 'questionAnswered', columns: [], rows: [], cut: false}, ['inspect', 'decide']],
	[{type: 'questionRefused', trouble}, ['inspect', 'decide']],
	[{type: 'promoted', timeline: 2, lsn: lsn('0/54000A0')}, ['decide']],
	[{type: 'promotionFailed', trouble}, ['decide']],
	[{type: 'abandoned', removed: []}, ['decide']],
	[{type: 'abandonFailed', trouble}, ['decide']],
	[{type: 'runbookRendered', text: 'x', path: '/x'}, ['runbook']],
	[{type: 'runbookSaved', path: '/x'}, []],
]

const stories: readonly (readonly [Step['name'], () => Story])[] = [
	['survey', story],
	[
		'incident',
		() => {
			const told = story()
			told.world.answers('survey', {type: 'surveyed', survey: survey()})
			told.operator.accepts()
			return told
		},
	],
	['boundaries', () => atBoundaries()],
	['target', () => atTarget()],
	['plan', () => atPlan()],
	['confirm', () => atConfirm()],
	['restore', () => atRestore()],
	['inspect', () => atInspect()],
	['decide', () => atDecide()],
	['runbook', atRunbook],
]

describe.each(stories)('at %s', (name, at) => {
	test('an answer that belongs to another step changes nothing and asks for nothing', () => {
		for (const [event, steps] of answers) {
			if (steps.includes(name)) continue
			const told = at()
			const {step, dialog, notice, decisions} = told.state
			const owed = told.world.owes()
			told.world.says(event)
			expect(told.state.step, event.type).toBe(step)
			expect({...told.state, now: undefined}).toMatchObject({dialog, notice, decisions})
			expect(told.world.owes(), event.type).toEqual(owed)
		}
	})

	test('a key that means nothing there changes nothing and asks for nothing', () => {
		const meaningless: Readonly<Partial<Record<Step['name'], readonly OperatorEvent['type'][]>>> = {
			survey: [
				'turned',
				'typed',
				'erased',
				'caretMoved',
				'filterOpened',
				'orderToggled',
				'detailToggled',
				'edited',
				'questionOpened',
				'databaseTurned',
				'saved',
				'wentBack',
			],
			target: [
				'typed',
				'erased',
				'filterOpened',
				'orderToggled',
				'detailToggled',
				'edited',
				'questionOpened',
				'databaseTurned',
				'checksRepeated',
				'saved',
				'paged',
			],
			plan: [
				'typed',
				'erased',
				'turned',
				'filterOpened',
				'orderToggled',
				'detailToggled',
				'questionOpened',
				'databaseTurned',
				'saved',
			],
			restore: [
				'moved',
				'paged',
				'jumped',
				'turned',
				'typed',
				'erased',
				'filterOpened',
				'edited',
				'questionOpened',
				'databaseTurned',
				'checksRepeated',
				'saved',
			],
			inspect: ['typed', 'erased', 'turned', 'jumped', 'filterOpened', 'orderToggled', 'edited', 'saved'],
			decide: [
				'typed',
				'erased',
				'paged',
				'jumped',
				'filterOpened',
				'edited',
				'questionOpened',
				'checksRepeated',
				'saved',
			],
			runbook: ['typed', 'erased', 'turned', 'wentBack', 'filterOpened', 'edited', 'questionOpened', 'checksRepeated'],
		}
		const keys: readonly OperatorEvent[] = [
			{type: 'moved', by: 1},
			{type: 'paged', by: 1},
			{type: 'jumped', to: 'last'},
			{type: 'turned', by: 1},
			{type: 'typed', text: 'x'},
			{type: 'erased', what: 'all'},
			{type: 'caretMoved', to: 'left'},
			{type: 'wentBack'},
			{type: 'filterOpened'},
			{type: 'orderToggled'},
			{type: 'detailToggled'},
			{type: 'edited'},
			{type: 'questionOpened'},
			{type: 'databaseTurned'},
			{type: 'checksRepeated'},
			{type: 'saved'},
		]
		for (const key of keys) {
			if (meaningless[name]?.includes(key.type) !== true) continue
			const told = at()
			const {step} = told.state
			const owed = told.world.owes()
			told.operator.does(key)
			expect(told.state.step, key.type).toBe(step)
			expect(told.world.owes(), key.type).toEqual(owed)
		}
	})
})

test('what the world answers to one step is known to every story here', () => {
	const known = answers.map(([{type}]) => type)
	expect(known).toEqual([...new Set(known)])
})
