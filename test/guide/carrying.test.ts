import {describe, expect, test} from 'vitest'
import type {WorldEvent} from '../../src/guide/events.ts'
import {plan, utc} from '../support/builders.ts'
import {atDecide, atInspect, atRestore, atRunbook, heldEvent, type Story} from './story.ts'

const trouble = {code: 'replay-aborted', message: 'it died of \u001b[31mred', whatToDo: ['read the log']}

const copying: readonly WorldEvent[] = [
	{type: 'stepStarted', step: 'copy-base-backup'},
	{
		type: 'copyProgressed',
		progress: {doneBytes: 20_500_000, totalBytes: 41_000_000, doneFiles: 600, totalFiles: 1296},
	},
]

function asking(told: Story, statement: string): void {
	told.operator.does({type: 'questionOpened'})
	told.operator.types(statement)
	told.operator.accepts()
}

function answered(
	told: Story,
	columns: readonly string[],
	rows: readonly (readonly (string | null)[])[],
	cut = false,
): void {
	told.world.answers('ask', {type: 'questionAnswered', columns, rows, cut})
}

describe('the restore', () => {
	test('shows each step waiting, running and done, with what it noted', () => {
		const told = atRestore()
		told.world.answers(
			'restore',
			{type: 'stepStarted', step: 'create-directories'},
			{type: 'stepFinished', step: 'create-directories', notes: []},
			{type: 'stepStarted', step: 'disarm'},
			{type: 'stepFinished', step: 'disarm', notes: ['standby.signal removed', 'postgresql.auto.conf set aside']},
			{type: 'stepStarted', step: 'write-configuration'},
		)
		const {screen} = told.screen.view
		expect(screen.screen === 'restore' && screen.steps.map(({state, note}) => [state, note])).toEqual([
			['done', ''],
			['waiting', ''],
			['done', 'standby.signal removed; postgresql.auto.conf set aside'],
			['running', ''],
			['waiting', ''],
			['waiting', ''],
			['waiting', ''],
		])
	})

	test('tells rate and time left while it copies, and all of it once it has', () => {
		const told = atRestore()
		told.world.answers('restore', ...copying)
		told.world.ticks(3)
		told.screen.shows('20.5 MB of 41.0 MB, 600 of 1296 files, 5.1 MB/s, 4.0 s left')
		told.world.answers('restore', {type: 'stepFinished', step: 'copy-base-backup', notes: []})
		expect(told.screen.view.screen).toMatchObject({copy: {percent: 100, text: '20.5 MB of 41.0 MB, 600 of 1296 files'}})
	})

	test('says what is not known before the server accepts connections', () => {
		const told = atRestore()
		told.screen.shows('target: 0/5400070')
		told.world.answers(
			'restore',
			{type: 'stepStarted', step: 'replay'},
			{
				type: 'replayProgressed',
				replay: {
					accepting: false,
					replayEndLsn: undefined,
					replayedAt: undefined,
					doneBytes: 0,
					totalBytes: 4_194_376,
					bytesPerSecond: undefined,
					etaMs: undefined,
					segment: undefined,
					logTail: [],
				},
			},
		)
		told.screen.shows(
			'0 B of 4.2 MB',
			'replayed to: not begun',
			'commit clock: not known before the server accepts connections',
			'segment: none fetched yet',
			'server: does not accept connections yet',
		)
	})

	test('that fails says why, what it leaves and what to do, and leads to the runbook', () => {
		const told = atRestore()
		told.world.answers('restore', ...copying, {type: 'restoreFailed', trouble, leaves: ['/restore/harbor']})
		told.screen.is('restore')
		told.screen.shows('the restore failed', 'it died of \\u001b[31mred', 'read the log')
		const {screen} = told.screen.view
		expect(screen.screen === 'restore' && screen.steps[1]).toMatchObject({state: 'failed'})
		told.operator.accepts()
		told.screen.is('runbook')
		told.screen.shows('failed: it died of \\u001b[31mred')
		expect(told.world.wasAsked('renderRunbook')).toEqual({type: 'renderRunbook', plan: plan()})
	})

	test('is not left by Enter while it runs', () => {
		const told = atRestore()
		told.operator.accepts()
		told.screen.is('restore')
		expect(told.screen.asks()).toEqual([])
	})
})

describe('Esc after the restore has begun', () => {
	test('never goes back: while it runs it asks', () => {
		const told = atRestore()
		told.operator.goesBack()
		told.screen.is('restore')
		expect(told.screen.asks()).toEqual(['[Go on]', 'Cancel the restore'])
		told.operator.goesBack()
		told.screen.is('restore')
		expect(told.screen.asks()).toEqual([])
	})

	test('never goes back once it has failed', () => {
		const told = atRestore()
		told.world.answers('restore', {type: 'restoreFailed', trouble, leaves: []})
		told.operator.goesBack()
		told.screen.is('restore')
		expect(told.screen.asks()).toEqual([])
	})

	test('at the held cluster says where the way is', () => {
		const told = atInspect()
		told.operator.goesBack()
		told.screen.is('inspect')
		told.screen.shows('the restore is done and cannot be undone from here: go on to decide, where it can be abandoned')
	})

	test('leads from the decision back to the checks, and no further', () => {
		const told = atDecide()
		told.operator.goesBack()
		told.screen.is('inspect')
		told.operator.goesBack()
		told.screen.is('inspect')
	})

	test('does nothing at the runbook', () => {
		const told = atRunbook()
		told.operator.goesBack()
		told.screen.is('runbook')
	})
})

describe('the checks', () => {
	test('stand as they come, what was found made safe to show', () => {
		const told = atRestore()
		told.world.answers('restore', heldEvent)
		told.world.answers('check', {
			type: 'checkFinished',
			check: {name: 'the server holds', outcome: 'failed', expected: 'paused', found: 'no \u001b[2J answer'},
		})
		expect(told.screen.view.screen).toMatchObject({
			checks: [
				{name: 'the server holds', outcome: 'failed', expected: 'paused', found: 'no \\u001b[2J answer'},
				{name: 'checking', outcome: 'running'},
			],
		})
	})

	test('have to end before a decision, and can be repeated', () => {
		const told = atRestore()
		told.world.answers('restore', heldEvent)
		told.operator.accepts()
		told.screen.is('inspect')
		told.screen.shows('the checks are still running')
		told.operator.does({type: 'checksRepeated'})
		expect(told.world.asked('check')).toHaveLength(1)
		told.world.answers('check', {type: 'checksFinished'})
		told.operator.does({type: 'checksRepeated'})
		expect(told.world.asked('check')).toHaveLength(2)
		told.world.answers('check', {type: 'checksFailed', trouble})
		told.screen.shows('it died of \\u001b[31mred — read the log')
		told.operator.accepts()
		told.screen.is('decide')
	})

	test('that failed are counted at the decision', () => {
		const told = atRestore()
		told.world.answers('restore', {...heldEvent, exact: false} as WorldEvent)
		told.screen.shows('stopped at: 0/5400070')
		told.screen.hides('exactly where planned')
		const check = {name: 'a', outcome: 'failed', expected: 'b', found: 'c'} as const
		told.world.answers('check', {type: 'checkFinished', check}, {type: 'checksFinished'})
		told.operator.accepts()
		told.screen.shows('checks: 1 check FAILED')
	})
})

describe('a question in SQL', () => {
	test('shows its answer with control characters escaped', () => {
		const told = atInspect()
		asking(told, 'select note from ledger')
		answered(
			told,
			['no\tte', 'n'],
			[
				['\u001b[2Jclear\nline', '1'],
				[null, '22'],
				['\u009b1m\u202e', '333'],
			],
		)
		const {screen} = told.screen.view
		expect(screen.screen === 'inspect' && screen.answer).toMatchObject({
			columns: [
				{title: 'no\\tte', align: 'left'},
				{title: 'n', align: 'right'},
			],
			rows: [
				{cells: [{text: '\\u001b[2Jclear\\nline', tone: 'plain'}, {text: '1'}]},
				{cells: [{text: 'null', tone: 'dim'}, {text: '22'}]},
				{cells: [{text: '\\u009b1m\\u202e'}, {text: '333'}]},
			],
		})
		told.screen.shows('3 rows')
	})

	test('is asked of the operator’s own database, and of another after Tab', () => {
		const told = atInspect()
		told.screen.shows('psql -h /restore/harbor.lastgood/socket -p 54330 -U postgres -d harbor')
		told.operator.does({type: 'databaseTurned'})
		asking(told, 'select 1')
		expect(told.world.wasAsked('ask')).toEqual({type: 'ask', plan: plan(), database: 'postgres', statement: 'select 1'})
	})

	test('turns to the next database while it is typed', () => {
		const told = atInspect()
		told.operator.does({type: 'questionOpened'})
		told.operator.types('select 1')
		told.operator.does({type: 'databaseTurned'})
		told.screen.shows('-d postgres', 'SQL [select 1]')
		told.operator.accepts()
		expect(told.world.wasAsked('ask').database).toBe('postgres')
	})

	test('names a database as a shell takes it', () => {
		const told = atRestore()
		told.world.answers('restore', {...heldEvent, databases: ["Anna's db"]} as WorldEvent)
		told.screen.shows("-U postgres -d 'Anna'\\''s db'")
	})

	test('is not asked twice at once, nor when it is empty', () => {
		const told = atInspect()
		asking(told, '  ')
		expect(told.world.asked('ask')).toEqual([])
		told.operator.types('select 1')
		told.operator.accepts()
		told.operator.accepts()
		expect(told.world.asked('ask')).toHaveLength(1)
		answered(told, ['?'], [['1']])
		told.operator.accepts()
		expect(told.world.asked('ask')).toHaveLength(2)
	})

	test('that is refused is answered where its rows would stand', () => {
		const told = atInspect()
		asking(told, 'delete from trades')
		told.world.answers('ask', {
			type: 'questionRefused',
			trouble: {
				code: 'usage',
				message: 'cannot execute DELETE in a read-only transaction',
				whatToDo: ['ask with select'],
			},
		})
		told.screen.shows('cannot execute DELETE in a read-only transaction — ask with select')
		expect(told.screen.view.trouble).toBeUndefined()
		asking(told, '')
		answered(told, [], [])
		told.screen.hides('cannot execute')
		told.screen.shows('no rows', '0 rows')
	})

	test('with many rows scrolls through them and says where it is', () => {
		const told = atInspect()
		asking(told, 'select n from numbers')
		answered(
			told,
			['n'],
			Array.from({length: 200}, (_, index) => [String(index)]),
			true,
		)
		told.screen.shows('the first 200 rows; there are more')
		const shown = () => {
			const {screen} = told.screen.view
			return screen.screen === 'inspect' ? [screen.answer?.rows[0]?.cells[0]?.text, screen.answer?.position] : []
		}
		const height = (told.screen.view.screen as {answer?: {rows: readonly unknown[]}}).answer?.rows.length ?? 0
		expect(shown()).toEqual(['0', `1–${height} of 200`])
		told.operator.moves(2)
		told.operator.does({type: 'paged', by: 1})
		expect(shown()).toEqual(['12', `13–${12 + height} of 200`])
		told.operator.moves(-99)
		expect(shown()[0]).toBe('0')
		told.operator.moves(9999)
		expect(shown()).toEqual(['199', '200–200 of 200'])
	})

	test('that is answered only after the operator went on to decide is there on the way back, and another can be asked', () => {
		const told = atInspect()
		asking(told, 'select pg_sleep(60)')
		told.operator.goesBack()
		told.operator.accepts()
		told.screen.is('decide')
		answered(told, ['slept'], [['yes']])
		told.screen.is('decide')
		told.operator.goesBack()
		told.screen.shows('yes')
		told.screen.hides('asking …')
		asking(told, ' -- again')
		expect(told.world.asked('ask')).toHaveLength(2)
	})

	test('leaves the prompt with Esc and keeps the text', () => {
		const told = atInspect()
		told.operator.does({type: 'questionOpened'})
		told.operator.types('select')
		told.operator.goesBack()
		expect(told.screen.view.keys).toBe('inspect')
		told.operator.does({type: 'questionOpened'})
		told.screen.shows('SQL [select]')
	})
})

describe('the decision', () => {
	test('that changes nothing is selected first, and leaves it held', () => {
		const told = atDecide()
		const {screen} = told.screen.view
		expect(
			screen.screen === 'decide' &&
				screen.options.map(({name, selected, irreversible}) => [name, selected, irreversible]),
		).toEqual([
			['promote', false, true],
			['leave', true, false],
			['abandon', false, true],
		])
		told.operator.accepts()
		expect(told.screen.asks()).toEqual(['Stay', '[Leave]'])
		told.operator.accepts()
		expect(told.world.wasAsked('leave')).toMatchObject({exitCode: 0})
	})

	test.each([
		['promote', -1],
		['abandon', 1],
	] as const)('to %s is done only when it is typed', (word, by) => {
		const told = atDecide()
		told.operator.moves(by)
		told.operator.accepts()
		told.screen.shows(`type ${word}`)
		told.operator.accepts()
		told.screen.shows(`type ${word}`)
		for (const wrong of ['y', 'yes', word.toUpperCase(), `${word}d`]) {
			told.operator.clears()
			told.operator.types(wrong)
			told.operator.accepts()
			told.screen.shows(`${JSON.stringify(wrong)} is not ${word}`)
		}
		expect(told.world.asked(word)).toEqual([])
		told.operator.clears()
		told.operator.types(` ${word} `)
		told.operator.accepts()
		expect(told.world.asked(word)).toEqual([{type: word, plan: plan(), how: `the operator typed ${word}`}])
		// One press too many asks for nothing a second time.
		told.operator.accepts()
		expect(told.world.asked(word)).toHaveLength(1)
	})

	test('does not take the word of another decision', () => {
		const told = atDecide()
		told.operator.moves(-1)
		told.operator.accepts()
		told.operator.types('abandon')
		told.operator.accepts()
		told.screen.shows('"abandon" is not promote')
		expect(told.world.asked('abandon')).toEqual([])
	})

	test('can be taken back with Esc before it is typed', () => {
		const told = atDecide()
		told.operator.moves(1)
		told.operator.accepts()
		told.operator.types('aban')
		told.operator.goesBack()
		told.screen.is('decide')
		expect(told.screen.view.keys).toBe('decide')
		told.operator.moves(-9)
		told.operator.accepts()
		told.screen.shows('type promote []')
	})

	test('that fails says why, and can be taken again', () => {
		const told = atDecide()
		told.operator.moves(-1)
		told.operator.accepts()
		told.operator.types('promote')
		told.operator.accepts()
		told.world.answers('promote', {type: 'promotionFailed', trouble})
		told.screen.is('decide')
		told.screen.shows('that did not work', 'it died of \\u001b[31mred')
		told.operator.accepts()
		expect(told.world.asked('promote')).toHaveLength(2)
	})

	test('to abandon ends in a runbook that says so', () => {
		const told = atDecide()
		told.operator.moves(1)
		told.operator.accepts()
		told.operator.types('abandon')
		told.operator.accepts()
		told.screen.shows('removing what was restored')
		told.world.answers('abandon', {type: 'abandoned', removed: ['/restore/harbor']})
		told.screen.is('runbook')
		told.screen.shows('abandoned: what was restored was removed')
	})

	test('names what is in doubt', () => {
		const told = atDecide(plan({preparedInDoubt: ['settle\u001b42']}))
		told.screen.shows('in doubt: 1 prepared transaction to decide after promotion: settle\\u001b42')
	})
})

describe('the runbook', () => {
	test('is shown as far as it fits, and scrolls', () => {
		const told = atRunbook()
		const text = Array.from({length: 100}, (_, index) => `line ${index}`).join('\n')
		told.world.says({type: 'runbookRendered', text: `${text}\u001b[2J`, path: '/state/r1/runbook.md'})
		const lines = () => (told.screen.view.screen as {readonly lines: readonly string[]}).lines
		expect(lines()[0]).toBe('line 0')
		const height = lines().length
		expect(height).toBeLessThan(24)
		told.operator.moves(3)
		expect(lines()[0]).toBe('line 3')
		told.operator.does({type: 'paged', by: 1})
		expect(lines()[0]).toBe('line 13')
		told.operator.jumps('last')
		expect(lines()).toHaveLength(height)
		expect(lines().at(-1)).toBe('line 99\\u001b[2J')
		told.operator.jumps('first')
		told.operator.moves(-4)
		expect(lines()[0]).toBe('line 0')
	})

	test('says where it is saved', () => {
		const told = atRunbook()
		told.operator.does({type: 'saved'})
		expect(told.screen.view.notice).toEqual({text: 'saved: /state/r20260401-100500/runbook.md', tone: 'good'})
	})

	test('says what is still to do with the promoted cluster, and how to reach it', () => {
		const told = atRunbook()
		told.screen.shows(
			'connect: psql -h /restore/harbor.lastgood/socket -p 54330 -U postgres',
			'still: archives nothing and listens on its private socket only, until you hand it over',
		)
	})
})

test('the clock on the screen goes on, and never back', () => {
	const told = atInspect()
	told.world.ticks(60)
	const shown = told.screen.view.clock
	told.screen.shows(shown)
	expect(told.state.now).toBe(told.now)
	expect(told.now > utc('10:01:00')).toBe(true)
})
