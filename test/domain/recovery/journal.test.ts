import {describe, expect, test} from 'vitest'
import {
	type JournalEntry,
	journalEntryJson,
	journalJson,
	journalLine,
	parseJournalLine,
	type RecoveryPhase,
	type RecoveryState,
	recoveryStateOf,
} from '../../../src/domain/recovery/journal.ts'
import {planStepIds} from '../../../src/domain/recovery/plan.ts'
import {lsn, plan, utc} from '../../support/builders.ts'

const at = utc('10:06:00.000001')
const trouble = {code: 'replay-aborted', message: 'it stopped', whatToDo: ['read the log']}

/** One entry of every kind, in the order in which a recovery writes them. */
const entries: readonly JournalEntry[] = [
	{event: 'opened', at, recovery: 'r1', lastgood: '0.1.0', host: 'db2', user: 'anna'},
	{event: 'surveyed', at, survey: {timelines: [1]}},
	{event: 'incident-reported', at, typed: '09:41', incidentAt: utc('09:41:00'), zone: 'UTC'},
	{
		event: 'boundaries-listed',
		at,
		from: utc('09:36:00'),
		to: utc('09:46:00'),
		commits: 8,
		segmentsRead: 3,
		namesFrom: 'primary',
	},
	{
		event: 'boundary-chosen',
		at,
		lsn: lsn('0/5400070'),
		xid: 3770,
		committedAt: utc('09:41:23.501967'),
		wrote: 'bond_reservations ~841',
	},
	{event: 'planned', at, plan: plan()},
	{event: 'confirmed', at, how: 'the operator typed harbor'},
	{event: 'step-started', at, step: 'copy-base-backup'},
	{event: 'step-finished', at, step: 'copy-base-backup', notes: ['1296 files, 41000000 bytes']},
	{event: 'server-started', at, pid: 4242},
	{
		event: 'held',
		at,
		stoppedAtLsn: lsn('0/5400070'),
		provenExact: true,
		serverLog: ['LOG:  pausing at the end of recovery'],
	},
	{event: 'check-finished', at, name: 'the server holds', outcome: 'passed', expected: 'paused', found: 'paused'},
	{event: 'question-asked', at, database: 'harbor', statement: 'select 1', rows: 1, problem: null},
	{event: 'promotion-requested', at, how: 'the operator typed promote'},
	{event: 'promoted', at, timeline: 2, lsn: lsn('0/54000A0')},
	{event: 'abandon-requested', at, how: '--yes'},
	{event: 'abandoned', at, removed: ['/restore/harbor']},
	{event: 'failed', at, trouble, leaves: ['/restore/harbor'], serverLog: ['FATAL:  no']},
	{event: 'left', at, leaves: ['it holds']},
]

describe('a journal', () => {
	test('knows these entries and no other', () => {
		expect(entries.map(({event}) => event)).toEqual(journalEntryJson.options.map(option => option.shape.event.value))
	})

	test.each(entries)('reads $event back from its line', entry => {
		const line = journalLine(entry)
		expect(line).not.toContain('\n')
		expect(parseJournalLine(line)).toEqual({ok: true, entry})
	})

	test('keeps a line break of a statement inside its line', () => {
		const entry: JournalEntry = {
			event: 'question-asked',
			at,
			database: 'a\nb',
			statement: 'select 1\n;',
			rows: null,
			problem: 'no',
		}
		expect(journalLine(entry).split('\n')).toHaveLength(1)
		expect(parseJournalLine(journalLine(entry))).toEqual({ok: true, entry})
	})

	test('spells LSNs as text and times to the microsecond', () => {
		expect(journalLine({event: 'promoted', at, timeline: 2, lsn: lsn('0/54000A0')})).toBe(
			'{"event":"promoted","at":"2026-04-01T10:06:00.000001Z","timeline":2,"lsn":"0/54000A0"}',
		)
		expect(journalJson([{event: 'confirmed', at, how: '--yes'}])).toEqual([
			{event: 'confirmed', at: '2026-04-01T10:06:00.000001Z', how: '--yes'},
		])
	})

	test.each([
		['half a line', '{"event":"confirmed","at":"2026', 'it is no JSON'],
		['nothing', '', 'it is no JSON'],
		[
			'an entry without one of its fields',
			'{"event":"left","at":"2026-04-01T10:06:00Z"}',
			'leaves: Invalid input: expected array, received undefined',
		],
		[
			'an LSN that is none',
			'{"event":"promoted","at":"2026-04-01T10:06:00Z","timeline":2,"lsn":"0"}',
			'lsn: "0" is no LSN',
		],
		[
			'a time without a zone',
			'{"event":"confirmed","at":"2026-04-01T10:06:00","how":"x"}',
			'at: "2026-04-01T10:06:00" is no time with a zone',
		],
	])('refuses %s with the reason', (_, line, problem) => {
		expect(parseJournalLine(line)).toEqual({ok: false, problem})
	})

	test('refuses an entry of another program', () => {
		expect(parseJournalLine('{"event":"guessed"}')).toMatchObject({
			ok: false,
			problem: expect.stringMatching(/^event: /),
		})
	})
})

describe('the state of a recovery', () => {
	const upTo = (event: JournalEntry['event'], extra: readonly JournalEntry[] = []) =>
		recoveryStateOf('r1', [...entries.slice(0, entries.findIndex(entry => entry.event === event) + 1), ...extra])

	test('of an empty journal is planning, with nothing known', () => {
		expect(recoveryStateOf('r1', [])).toEqual({
			recovery: 'r1',
			phase: 'planning',
			openedAt: undefined,
			plan: undefined,
			currentStep: undefined,
			stoppedAtLsn: undefined,
			provenExact: false,
			timeline: undefined,
			trouble: undefined,
			promotionRequested: false,
		})
	})

	test('is all that its journal told', () => {
		expect(upTo('promoted')).toEqual({
			recovery: 'r1',
			phase: 'promoted',
			openedAt: at,
			plan: plan(),
			currentStep: 'copy-base-backup',
			stoppedAtLsn: lsn('0/5400070'),
			provenExact: true,
			timeline: 2,
			trouble: undefined,
			promotionRequested: true,
		})
	})

	test.each<[JournalEntry['event'], RecoveryPhase]>([
		['opened', 'planning'],
		['planned', 'planning'],
		['confirmed', 'planning'],
		['step-started', 'copying'],
		['server-started', 'copying'],
		['held', 'held'],
		['question-asked', 'held'],
		['promotion-requested', 'promoting'],
		['promoted', 'promoted'],
		['abandoned', 'abandoned'],
		['failed', 'failed'],
		['left', 'failed'],
	])('after %s is %s', (event, phase) => {
		expect(upTo(event).phase).toBe(phase)
	})

	test.each<[readonly (typeof planStepIds)[number][], RecoveryPhase]>([
		[['create-directories', 'copy-base-backup', 'disarm', 'write-configuration', 'check-configuration'], 'copying'],
		[['start-server', 'replay'], 'replaying'],
		[['check'], 'held'],
		[['promote'], 'promoting'],
	])('while %s goes on is %s', (steps, phase) => {
		for (const step of steps) {
			const state = upTo('confirmed', [{event: 'step-started', at, step}])
			expect(state).toMatchObject({phase, currentStep: step} satisfies Partial<RecoveryState>)
		}
	})

	test('after a failure carries what went wrong', () => {
		expect(upTo('held', [entries[17] as JournalEntry])).toMatchObject({
			phase: 'failed',
			trouble,
			stoppedAtLsn: lsn('0/5400070'),
		})
	})

	test('gives every step of a plan a phase', () => {
		const phases = planStepIds.map(step => upTo('confirmed', [{event: 'step-started', at, step}]).phase)
		expect(phases).not.toContain('planning')
	})
})
