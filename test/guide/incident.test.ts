import {describe, expect, test} from 'vitest'
import {survey, utc} from '../support/builders.ts'
import {type Story, story} from './story.ts'

/** A story at the question what happened. */
function atIncident(zone?: string): Story {
	const told = story({zone})
	told.world.answers('survey', {type: 'surveyed', survey: survey()})
	told.operator.accepts()
	told.screen.is('incident')
	return told
}

function reported(told: Story, text: string): void {
	told.operator.types(text)
	told.operator.accepts()
}

describe('a time without a zone', () => {
	test('asks for the zone, and nothing is guessed', () => {
		const told = atIncident()
		told.operator.types('2026-04-01 09:41')
		told.screen.hides('read as')
		told.operator.accepts()
		told.screen.is('incident')
		told.screen.shows('zone []', 'a time needs its zone: UTC, +02, Europe/Berlin')
		told.operator.accepts()
		told.screen.is('incident')
		expect(told.world.asked('decode')).toEqual([])
	})

	test('goes on once its zone is typed, and shows the UTC reading as it is typed', () => {
		const told = atIncident()
		reported(told, '2026-04-01 11:41')
		told.operator.types('Europe/Berlin')
		told.screen.shows('read as: 2026-04-01T09:41:00.000000Z', 'typed as: 2026-04-01 11:41:00 Europe/Berlin')
		told.operator.accepts()
		told.screen.is('boundaries')
		expect(told.world.wasAsked('decode').from).toBe(utc('09:36:00'))
	})

	test('goes on with the zone of the clock that was on the wall: a numeric offset', () => {
		const told = atIncident()
		reported(told, '2026-04-01 11:41')
		reported(told, '+02')
		told.screen.is('boundaries')
		// An offset names no place: it is not remembered as one.
		expect(told.world.asked('rememberZone')).toEqual([])
	})

	test('with a zone that does not exist is asked again', () => {
		const told = atIncident()
		reported(told, '2026-04-01 11:41')
		reported(told, 'CEST')
		told.screen.is('incident')
		told.screen.shows('"CEST" is no zone: type UTC, an offset such as +02, or a name such as Europe/Berlin')
		told.operator.types('!')
		told.screen.hides('is no zone')
	})

	test('lets Esc lead back to the time', () => {
		const told = atIncident()
		reported(told, '2026-04-01 11:41')
		told.operator.goesBack()
		told.screen.is('incident')
		told.screen.hides('zone [')
		reported(told, ' UTC')
		told.screen.is('boundaries')
	})
})

describe('the remembered zone', () => {
	test('is offered and not assumed', () => {
		const told = atIncident('Europe/Berlin')
		told.operator.types('2026-04-01 11:41')
		told.screen.hides('read as')
		told.operator.accepts()
		told.screen.is('incident')
		told.screen.shows('zone [Europe/Berlin]', 'read as: 2026-04-01T09:41:00.000000Z')
		told.operator.accepts()
		told.screen.is('boundaries')
		expect(told.world.asked('rememberZone')).toEqual([])
	})

	test('gives way to another that is typed, which is remembered from then on', () => {
		const told = atIncident('Europe/Berlin')
		reported(told, '2026-04-01 05:41')
		told.operator.clears()
		reported(told, 'America/New_York')
		told.screen.is('boundaries')
		expect(told.world.asked('rememberZone')).toEqual([{type: 'rememberZone', zone: 'America/New_York'}])
		expect(told.state.zone).toBe('America/New_York')
	})

	test('is shown beside UTC, never instead', () => {
		const told = atIncident('Asia/Kolkata')
		told.operator.types('2026-04-01T09:41:23.5Z')
		told.screen.shows('read as: 2026-04-01T09:41:23.500000Z', 'there: 2026-04-01 15:11:23 Asia/Kolkata')
	})

	test('is not there before the first time that one was named', () => {
		const told = atIncident()
		reported(told, '2026-04-01 11:41 Europe/Berlin')
		expect(told.world.asked('rememberZone')).toEqual([{type: 'rememberZone', zone: 'Europe/Berlin'}])
	})
})

describe('a local time that the clock showed twice', () => {
	const twice = '2026-10-25 02:30 Europe/Berlin'

	test('offers both readings, and takes the chosen one', () => {
		const told = atIncident()
		reported(told, twice)
		told.screen.is('incident')
		expect(told.screen.view.screen).toMatchObject({
			readings: [
				{text: '2026-10-25T00:30:00.000000Z   2026-10-25 02:30:00 Europe/Berlin', selected: true},
				{text: '2026-10-25T01:30:00.000000Z   2026-10-25 02:30:00 Europe/Berlin', selected: false},
			],
		})
		told.screen.shows(
			'clocks in Europe/Berlin showed this time twice: choose which',
			'read as: 2026-10-25T00:30:00.000000Z',
		)
		told.operator.turns(1)
		told.screen.shows('read as: 2026-10-25T01:30:00.000000Z')
		told.operator.accepts()
		told.screen.is('boundaries')
		expect(told.world.wasAsked('decode').from).toBe(utc('2026-10-25T01:25:00Z'))
		told.screen.shows('5 min before and after 2026-10-25T01:30:00.000000Z')
	})

	test('has no third reading, and takes no text while it is asked', () => {
		const told = atIncident()
		reported(told, twice)
		told.operator.turns(5)
		told.operator.types('x')
		told.operator.accepts()
		expect(told.world.wasAsked('decode').from).toBe(utc('2026-10-25T01:25:00Z'))
	})

	test('lets Esc lead back to the text', () => {
		const told = atIncident()
		reported(told, twice)
		told.operator.goesBack()
		told.screen.is('incident')
		expect(told.screen.view.screen).toMatchObject({readings: []})
		expect(told.screen.view.keys).toBe('incident-text')
	})

	test('is asked too where its zone was typed for itself', () => {
		const told = atIncident()
		reported(told, '2026-10-25 02:30')
		reported(told, 'Europe/Berlin')
		expect(told.screen.view.keys).toBe('incident-readings')
		told.operator.accepts()
		expect(told.world.wasAsked('decode').from).toBe(utc('2026-10-25T00:25:00Z'))
	})

	test('that it never showed is no time', () => {
		const told = atIncident()
		reported(told, '2026-03-29 02:30 Europe/Berlin')
		told.screen.is('incident')
		told.screen.shows('clocks in Europe/Berlin never showed this time: they were put forward over it')
	})
})

describe('what is reported', () => {
	test.each([
		['0/6DCE410', 'read as: LSN 0/6DCE410'],
		['xid 3770', 'read as: transaction 3770'],
		['XID 3770', 'read as: transaction 3770'],
		['3770', 'read as: transaction 3770'],
		['table bond_reservations', 'read as: commits that touched bond_reservations'],
		['20 min ago', 'read as: 2026-04-01T09:40:03.000000Z'],
		['1775036483.501967', 'read as: 2026-04-01T09:41:23.501967Z'],
	])('may be %s', (text, reading) => {
		const told = atIncident()
		told.operator.types(text)
		told.screen.shows(reading)
		told.operator.accepts()
		told.screen.is('boundaries')
	})

	test.each(['soon', '', 'xid', 'table', '2026-02-30 09:41 UTC', '25:00 UTC'])(
		'may not be %j, and the screen says what may',
		text => {
			const told = atIncident()
			reported(told, text)
			told.screen.is('incident')
			told.screen.shows('this is no time, xid, LSN or table: try 2026-04-01T09:41:23Z')
			told.operator.types('x')
			told.screen.hides('this is no time')
		},
	)

	test('by transaction, place or table is looked for in all that is archived', () => {
		for (const text of ['xid 3770', '0/5400070', 'table trades']) {
			const told = atIncident()
			reported(told, text)
			expect(told.world.wasAsked('decode').from).toBeUndefined()
			told.screen.shows('Commits, all that was decoded')
		}
	})

	test('may be known before: the demo types it for the operator', () => {
		const told = story({report: 'today 09:41 UTC'})
		told.world.answers('survey', {type: 'surveyed', survey: survey()})
		told.operator.accepts()
		told.screen.shows('when, or what [today 09:41 UTC]', 'read as: 2026-04-01T09:41:00.000000Z')
	})

	test('is kept when Esc leads back to it, with its window', () => {
		const told = atIncident()
		told.operator.turns(1)
		reported(told, '2026-04-01T09:41:23Z')
		told.operator.goesBack()
		told.screen.is('incident')
		told.screen.shows('when, or what [2026-04-01T09:41:23Z]', '15 min before and after')
	})
})

describe('the window', () => {
	test('turns from one minute to all there is, and no further', () => {
		const told = atIncident()
		const window = () => (told.screen.view.screen.screen === 'incident' ? told.screen.view.screen.window : '')
		const seen = [window()]
		for (const by of [-1, -1, 1, 1, 1, 1, 1, 1]) {
			told.operator.turns(by)
			seen.push(window())
		}
		expect(seen).toEqual([
			'5 min before and after',
			'1 min before and after',
			'1 min before and after',
			'5 min before and after',
			'15 min before and after',
			'1 h before and after',
			'6 h before and after',
			'all that is archived since the base backup',
			'all that is archived since the base backup',
		])
	})

	test('of all there is needs no base backup before the time', () => {
		const told = atIncident()
		told.operator.turns(9)
		reported(told, '2026-04-01T09:41:23Z')
		expect(told.world.wasAsked('decode').from).toBeUndefined()
	})
})

describe('the survey', () => {
	test('that fails says why and what to do, and can be repeated', () => {
		const told = story()
		told.world.answers('survey', {
			type: 'surveyFailed',
			trouble: {code: 'layout-unrecognized', message: '/archive is \u001b[31mempty', whatToDo: ['name the folder']},
		})
		told.screen.shows('the archive cannot be used', '/archive is \\u001b[31mempty', 'name the folder')
		told.operator.accepts()
		told.screen.is('survey')
		told.operator.does({type: 'checksRepeated'})
		told.screen.hides('the archive cannot be used')
		told.world.answers('survey', {type: 'surveyed', survey: survey()})
		told.operator.accepts()
		told.screen.is('incident')
	})

	test('takes no step on before it is done', () => {
		const told = story()
		told.operator.accepts()
		told.screen.is('survey')
	})

	test('says when there is nothing to recover', () => {
		const told = story()
		const finding = {code: 'archive-gap', severity: 'error', message: 'a hole', whatToDo: ['fill it']} as const
		told.world.answers('survey', {type: 'surveyed', survey: survey({findings: [finding]})})
		told.screen.shows('1 error: not everything here can be recovered', 'a hole', 'fill it')
		told.operator.does({type: 'checksRepeated'})
		told.world.answers('survey', {type: 'surveyed', survey: survey({coverage: [], backups: []})})
		told.screen.shows('nothing here can be recovered', 'no base backup was found')
	})

	test('is shown again, as it was, when Esc leads back to it', () => {
		const told = atIncident()
		told.operator.goesBack()
		told.screen.is('survey')
		told.screen.shows('recoverable up to the commit of 2026-04-01T09:44:02.000000Z')
		expect(told.world.asked('survey')).toHaveLength(1)
	})
})
