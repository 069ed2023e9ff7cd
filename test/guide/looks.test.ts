import {describe, expect, test} from 'vitest'
import {planSteps} from '../../src/domain/recovery/plan.ts'
import {plan} from '../support/builders.ts'
import {atPlan, atTarget, story} from './story.ts'

/** What somebody noticed on the pictures of a real recovery. */
describe('a screen', () => {
	test('says of base backups that there is none only once it has looked', () => {
		const {screen, world} = story()
		screen.hides('no base backup was found')
		world.answers('survey', {type: 'surveyFailed', trouble: {code: 'usage', message: 'no such folder', whatToDo: []}})
		screen.hides('no base backup was found')
	})

	test('does not count the marked commit among what is lost besides', () => {
		const {screen} = atTarget()
		screen.shows('xid 3769 began at 0/5390000, commits later: lost')
		screen.hides('xid 3770 began at')
	})

	test('does not ask the operator to do by hand what lastgood does', () => {
		const {screen} = atPlan({...plan(), steps: planSteps(plan())})
		const {view} = screen
		expect(view.screen.screen === 'plan' && view.screen.steps.map(({by}) => by)).toEqual([
			...Array(4).fill('by lastgood'),
			'runs',
			'runs',
			'by lastgood',
			'by lastgood',
			'runs',
		])
	})
})
