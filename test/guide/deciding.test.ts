import {describe, expect, test} from 'vitest'
import {firstTimeline} from '../../src/domain/wal/timeline.ts'
import type {Table} from '../../src/guide/views.ts'
import {abort, backup, boundary, commit, lsn, morning, path, plan, prepare, survey} from '../support/builders.ts'
import {atBoundaries, atConfirm, atPlan, atTarget, makesPlan, type Story} from './story.ts'

const full = {code: 'data-directory-occupied', message: '/restore/harbor is not empty', whatToDo: ['choose another']}

function optionsOf({screen}: Story): Table {
	const {view} = screen
	if (view.screen.screen !== 'target') throw new Error(`the screen is ${view.screen.screen}`)
	return view.screen.options
}

describe('the target', () => {
	test('is recommended first, and each other kind shows how its answer would differ', () => {
		const told = atTarget()
		expect(optionsOf(told).rows.map(({cells}) => cells.map(({text}) => text))).toEqual([
			['before it, by LSN', '0/5400070', '0/5300060', '4', 'recommended'],
			['with it, by LSN', '0/5400070', '0/5400070', '3', 'keeps 1 commit more'],
			['before it, by xid', '3770', '0/5300060', '4', 'same stop'],
			['with it, by xid', '3770', '0/5400070', '3', 'keeps 1 commit more'],
			['before its time', '2026-04-01 09:41:23.501967+00', '0/5300060', '4', 'same stop'],
			['up to its time', '2026-04-01 09:41:23.501967+00', '0/5500080', '2', 'keeps 2 commits more'],
			['end of the archive', 'latest', '0/57000A0', '0', 'keeps 4 commits more'],
		])
	})

	test('that keeps the bad commit says so', () => {
		const told = atTarget()
		told.operator.moves(1)
		told.screen.shows(
			'Stops just after the commit record of xid 3770: it is kept.',
			'given up: 3 commits; the bad one is KEPT',
			'this target keeps xid 3770, the commit you marked as bad',
		)
	})

	test('says where stamps run backwards over the stop', () => {
		const told = atTarget()
		told.operator.moves(3)
		told.screen.shows(
			'1 kept commit stamped later than the first lost one: WAL order decides, not time',
			'1 lost commit stamped earlier than the last kept one: WAL order decides, not time',
		)
	})

	test('stays within its kinds', () => {
		const told = atTarget()
		told.operator.jumps('last')
		told.operator.turns(3)
		expect(optionsOf(told).position).toBe('7 of 7')
		told.operator.jumps('first')
		told.operator.moves(-3)
		expect(optionsOf(told).position).toBe('1 of 7')
	})

	test('that cannot be reached is shown with the reason, and refused with it', () => {
		// The marked commit is the last transaction: no later stamp stands in the archive for an inclusive time.
		const boundaries = [
			commit({lsn: '0/5100028', xid: 3764, at: '09:38:11'}),
			commit({lsn: '0/5400070', xid: 3770, at: '09:41:23.5'}),
		]
		const told = atTarget({path: path({boundaries})})
		told.operator.moves(5)
		told.screen.shows('> up to its time  2026-04-01 09:41:23.500000+00  —  —  never reached')
		told.operator.accepts()
		told.screen.is('target')
		expect(told.screen.view.notice?.text).toBe(
			'nothing in the archived WAL, which ends at 0/7FFF040, is a stop for 2026-04-01T09:41:23.500000Z, inclusive: a time target needs a later commit, and the last one is stamped 2026-04-01T09:41:23.500000Z',
		)
		expect(told.world.asked('plan')).toEqual([])
	})

	test('before the backup is consistent is refused with the reason', () => {
		const told = atBoundaries({path: path({backup: backup({stopLsn: lsn('0/5500000')})})})
		told.operator.accepts()
		told.screen.shows('before the backup is consistent')
		told.operator.accepts()
		told.screen.is('target')
		told.screen.shows('LSN 0/5400070, exclusive stops at 0/5400070, before the base backup is consistent at 0/5500000')
	})

	test('shows what is in doubt at the stop', () => {
		const boundaries = [
			...morning,
			prepare('settle\u001b42', {lsn: '0/5210000', xid: 3760}),
			boundary({
				kind: 'commit-prepared',
				lsn: '0/5700200',
				xid: 3760,
				at: '09:45:00',
				first: '0/5200100',
				gid: 'settle\u001b42',
			}),
		]
		const told = atTarget({path: path({boundaries})})
		told.screen.shows('prepared "settle\\u001b42" stays in doubt: commit or roll it back after promotion')
		told.screen.hides('xid 3760 began at')
	})

	test('of a rolled back transaction keeps and loses no commit by it', () => {
		const boundaries = [...morning, abort({lsn: '0/5400000', xid: 3765, at: '09:41:23.2'})]
		const told = atBoundaries({path: path({boundaries})})
		told.operator.accepts()
		told.screen.shows('marked as bad: xid 3765, abort at 0/5400000', 'first lost commit: 2026-04-01T09:41:23.501967Z')
	})

	test('lets Esc lead back to the boundaries as they were', () => {
		const told = atBoundaries()
		told.operator.does({type: 'detailToggled'})
		const before = told.screen.text
		told.operator.accepts()
		told.operator.goesBack()
		expect(told.screen.text.replace(/2026-04-01 10:\d\d:\d\dZ/, '')).toBe(
			before.replace(/2026-04-01 10:\d\d:\d\dZ/, ''),
		)
	})
})

describe('the plan', () => {
	test('is asked for the selected kind of target', () => {
		const told = atTarget()
		told.operator.moves(2)
		told.operator.accepts()
		expect(told.world.wasAsked('plan').target).toEqual({
			kind: 'xid',
			xid: 3770,
			inclusive: false,
			timeline: firstTimeline,
		})
	})

	test('that cannot succeed is refused with the reason, and there is no way on', () => {
		const told = atTarget()
		told.operator.accepts()
		told.world.answers('plan', {type: 'planRefused', request: 1, trouble: full})
		told.screen.shows('this plan cannot succeed', '/restore/harbor is not empty', 'choose another')
		told.operator.accepts()
		told.screen.is('plan')
	})

	test('cannot be accepted before it is made', () => {
		const told = atTarget()
		told.operator.accepts()
		told.operator.accepts()
		told.screen.is('plan')
	})

	test('is made again for another destination', () => {
		const told = atPlan()
		told.operator.does({type: 'edited'}, {type: 'erased', what: 'word'})
		told.operator.types(' /mnt/big/harbor ')
		told.screen.shows('restore into [ /mnt/big/harbor ]')
		told.operator.accepts()
		expect(told.world.wasAsked('plan')).toMatchObject({request: 2, destination: '/mnt/big/harbor'})
		told.operator.accepts()
		told.screen.is('plan')
		makesPlan(told, plan({destination: '/mnt/big/harbor'}))
		told.operator.accepts()
		told.screen.shows('writes into: /mnt/big/harbor')
	})

	test('keeps its destination when Esc ends the typing', () => {
		const told = atPlan()
		told.operator.does({type: 'edited'})
		told.operator.types('-elsewhere')
		told.operator.goesBack()
		told.screen.is('plan')
		told.screen.shows('restore into [/restore/harbor]')
		expect(told.world.asked('plan')).toHaveLength(1)
	})

	test('that was refused keeps the destination it was refused for when Esc ends the typing', () => {
		const told = atTarget()
		told.operator.accepts()
		told.world.answers('plan', {type: 'planRefused', request: 1, trouble: full})
		told.operator.does({type: 'edited'})
		told.operator.types('-elsewhere')
		told.operator.goesBack()
		told.screen.shows('restore into [/restore/harbor]')
		told.operator.does({type: 'checksRepeated'})
		expect(told.world.wasAsked('plan')).toMatchObject({request: 2, destination: '/restore/harbor'})
	})

	test('of an earlier request is not taken for the one that was asked for last', () => {
		const told = atTarget()
		told.operator.accepts()
		told.operator.goesBack()
		told.operator.moves(1)
		told.operator.accepts()
		const late = plan({destination: '/too/late'})
		told.world.says({type: 'planMade', request: 1, plan: late}, {type: 'planRefused', request: 1, trouble: full})
		told.screen.hides('/too/late', 'this plan cannot succeed')
		told.operator.accepts()
		told.screen.is('plan')
		told.world.says({type: 'planMade', request: 2, plan: plan()})
		told.operator.accepts()
		told.screen.is('confirm')
	})

	test('scrolls and never above its beginning', () => {
		const told = atPlan()
		told.operator.moves(3)
		told.operator.does({type: 'paged', by: 1})
		expect(told.screen.view.screen).toMatchObject({scrollRows: 13})
		told.operator.moves(-50)
		expect(told.screen.view.screen).toMatchObject({scrollRows: 0})
	})

	test('tells no incident that was no time', () => {
		const told = atBoundaries({typed: 'xid 3770'})
		told.operator.accepts()
		told.operator.accepts()
		expect(told.world.wasAsked('plan').incident).toBeUndefined()
	})

	test('shows its findings, and what was rejected', () => {
		const told = atPlan(
			plan({
				findings: [
					{code: 'subxact-overflow', severity: 'warning', message: 'the pause may not be possible', whatToDo: []},
				],
				backup: {...plan().backup, rejected: [{id: 'base-0331', why: 'base-0401 is newer'}]},
			}),
		)
		told.screen.shows('the pause may not be possible', 'not: base-0331: base-0401 is newer')
	})
})

describe('the confirmation', () => {
	test.each([
		['', 'type harbor to start'],
		['yes', '"yes" is not harbor'],
		['Harbor', '"Harbor" is not harbor'],
		['/restore/harbor', '"/restore/harbor" is not harbor'],
		['harbor2', '"harbor2" is not harbor'],
	])('does not take %j', (typed, problem) => {
		const told = atConfirm()
		told.operator.types(typed)
		told.operator.accepts()
		told.screen.is('confirm')
		told.screen.shows(problem)
		expect(told.world.asked('restore')).toEqual([])
		told.operator.types('x')
		told.screen.hides(`"${typed}" is not harbor`)
	})

	test('takes the destination’s own name, and spaces around it', () => {
		const told = atConfirm()
		told.operator.types(' harbor ')
		told.operator.accepts()
		told.screen.is('restore')
	})

	test('takes the name of the destination that was planned, not of the one that was suggested', () => {
		const told = atConfirm(plan({destination: '/mnt/big/restored'}))
		told.operator.types('harbor')
		told.operator.accepts()
		told.screen.shows('"harbor" is not restored')
	})
})

describe('Esc before the restore', () => {
	test('goes one step back at every step, and asks for nothing to be done', () => {
		const told = atConfirm()
		const steps: string[] = []
		for (let presses = 0; presses < 6; presses++) {
			told.operator.goesBack()
			steps.push(told.state.step.name)
		}
		expect(steps).toEqual(['plan', 'target', 'boundaries', 'incident', 'survey', 'survey'])
		expect(told.world.asked('restore')).toEqual([])
		expect(told.world.asked('leave')).toEqual([])
	})

	test('finds each step as it was left, so that the way on is short', () => {
		const told = atConfirm()
		told.operator.goesBack()
		told.operator.accepts()
		told.screen.is('confirm')
		told.operator.goesBack()
		told.operator.goesBack()
		told.operator.accepts()
		makesPlan(told)
		told.operator.accepts()
		told.screen.is('confirm')
	})

	test('from the boundaries keeps the survey that was made', () => {
		const told = atBoundaries()
		told.operator.goesBack()
		told.operator.goesBack()
		told.screen.is('survey')
		expect(told.state.step).toMatchObject({survey: survey()})
		expect(told.world.asked('survey')).toHaveLength(1)
	})
})
