import {describe, expect, test} from 'vitest'
import {UsageError} from '../../src/domain/errors.ts'
import type {CheckResult} from '../../src/domain/recovery/check.ts'
import type {ServerObservation} from '../../src/domain/recovery/progress.ts'
import {askRestored, runChecks} from '../../src/operations/inspect.ts'
import type {QueryAnswer, RestoredSql} from '../../src/ports.ts'
import {plan, utc} from '../support/builders.ts'
import {
	answers,
	type Doings,
	held,
	memoryJournals,
	observation,
	only,
	pausedElsewhere,
	scriptedEngine,
	tickingClock,
} from './fakes.ts'

const recovery = 'r20260401-100500'
const oneValue = (value: string | null): QueryAnswer => ({columns: ['value'], rows: [[value]], cut: false})

/** What the restored cluster answers; a statement that none of these names fails the test. */
interface Answers {
	readonly databases?: readonly string[]
	readonly kept?: string
	readonly lost?: string
	readonly checksums?: string
	readonly failures?: string
}

function restoredSql({
	databases = ['harbor', 'postgres'],
	kept = 'committed',
	lost = 'not begun',
	checksums = 'on',
	failures = '0',
}: Answers): RestoredSql {
	return only<RestoredSql>('sql', {
		databases: async () => databases,
		ask: async (_plan, database, statement) => {
			if (database !== databases[0]) throw new Error(`${database} was not expected to be asked`)
			if (statement.includes('pg_xact_status')) {
				if (statement.includes(' + 3768 ')) return oneValue(kept)
				if (statement.includes(' + 3770 ')) return oneValue(lost)
			}
			if (statement === 'show data_checksums') return oneValue(checksums)
			if (statement.includes('checksum_failures')) return oneValue(failures)
			throw new Error(`not expected: ${statement}`)
		},
	})
}

async function checking(
	its: Answers & {readonly seen?: ServerObservation; readonly plan?: ReturnType<typeof plan>} = {},
) {
	const doings: Doings = []
	const journals = memoryJournals(doings)
	const world = {
		now: tickingClock(),
		engine: scriptedEngine(doings, [its.seen ?? held]),
		sql: restoredSql(its),
		journals,
	}
	const checks: CheckResult[] = []
	for await (const check of runChecks(world, its.plan ?? plan())) {
		// What is told was written down before.
		expect(journals.entries.get(recovery)?.at(-1)).toMatchObject({event: 'check-finished', name: check.name})
		checks.push(check)
	}
	return {checks, entries: journals.entries.get(recovery) ?? []}
}

const outcomes = (checks: readonly CheckResult[]) => checks.map(({outcome}) => outcome)

describe('the checks', () => {
	test('of a cluster that holds where it should all pass', async () => {
		const {checks} = await checking()
		expect(checks).toEqual([
			{
				name: 'replay stopped where the plan says',
				outcome: 'passed',
				expected: 'end of the last record before 0/5400070',
				found: '0/5400070',
			},
			{
				name: 'the server holds, in recovery',
				outcome: 'passed',
				expected: 'in recovery, paused',
				found: 'in recovery, paused',
			},
			{
				name: 'nothing gets out and nobody gets in',
				outcome: 'passed',
				expected: 'archive_mode off, no listen address',
				found: "archive_mode off, listen_addresses ''",
			},
			{name: 'last kept commit, xid 3768, is in', outcome: 'passed', expected: 'committed', found: 'committed'},
			{
				name: 'first lost commit, xid 3770, is not in',
				outcome: 'passed',
				expected: 'not committed',
				found: 'not begun',
			},
			{name: 'data checksums of what was read so far', outcome: 'passed', expected: '0 failures', found: '0 failures'},
		])
	})

	test('are in the journal, each with its time, before they are shown', async () => {
		const {checks, entries} = await checking()
		expect(entries).toEqual(
			checks.map((check, index) => ({event: 'check-finished', at: utc(`10:06:0${index}`), ...check})),
		)
	})

	test('fail where the server paused elsewhere', async () => {
		const {checks} = await checking({seen: pausedElsewhere})
		expect(checks[0]).toMatchObject({outcome: 'failed', found: '0/5300088'})
	})

	test('fail where the server does not answer', async () => {
		const {checks} = await checking({seen: observation({answers: undefined})})
		expect(checks.slice(0, 3)).toMatchObject([
			{outcome: 'failed', found: 'replaying'},
			{outcome: 'failed', found: 'no answer'},
			{outcome: 'failed', found: 'no answer'},
		])
	})

	test.each([
		['archives', answers({archiveMode: 'on'}), "archive_mode on, listen_addresses ''"],
		['listens', answers({listenAddresses: '*'}), "archive_mode off, listen_addresses '*'"],
	])('fail where the server %s', async (_, said, found) => {
		const {checks} = await checking({seen: observation({answers: said})})
		expect(checks[2]).toMatchObject({outcome: 'failed', found})
	})

	test.each([
		['the last kept commit is not in', {kept: 'aborted'}, 3],
		['the last kept commit is not known', {kept: 'not begun'}, 3],
		['the bad commit is in', {lost: 'committed'}, 4],
		['a checksum failed', {failures: '2'}, 5],
	])('fail where %s', async (_, its, index) => {
		const {checks} = await checking(its)
		expect(outcomes(checks)).toEqual(checks.map((_check, place) => (place === index ? 'failed' : 'passed')))
	})

	test('take a bad transaction that is still in progress for not committed', async () => {
		const {checks} = await checking({lost: 'in progress'})
		expect(checks[4]).toMatchObject({outcome: 'passed', found: 'in progress'})
	})

	test('note it where the cluster has no checksums', async () => {
		const {checks} = await checking({checksums: 'off'})
		expect(checks.at(-1)).toEqual({
			name: 'data checksums of what was read so far',
			outcome: 'noted',
			expected: 'no failure',
			found: 'the cluster has no data checksums',
		})
	})

	test('ask for no commits where the plan names none', async () => {
		const stop = {...plan().stop, lastKept: null, firstLost: null}
		const {checks} = await checking({plan: plan({stop})})
		expect(checks).toHaveLength(4)
	})

	test('say at or after where only the stop itself is known', async () => {
		const {checks} = await checking({plan: plan({stop: {...plan().stop, replayEndLsn: null}})})
		expect(checks[0]).toMatchObject({outcome: 'passed', expected: 'at or after 0/5400070'})
	})

	test('end with the server’s own where no database can be asked', async () => {
		const {checks} = await checking({databases: []})
		expect(checks).toHaveLength(3)
	})
})

describe('a question', () => {
	const statement = 'select count(*) from bond_reservations'

	function asking(ask: RestoredSql['ask']) {
		const journals = memoryJournals()
		const engine = scriptedEngine([], [])
		const world = {now: tickingClock(), engine, journals, sql: only<RestoredSql>('sql', {ask})}
		return {
			answer: () => askRestored(world, plan(), 'harbor', statement),
			entries: () => journals.entries.get(recovery) ?? [],
		}
	}

	test('is in the journal with how many rows it had, and none of them', async () => {
		const {answer, entries} = asking(async () => ({columns: ['count'], rows: [['841'], [null]], cut: true}))
		expect(await answer()).toEqual({columns: ['count'], rows: [['841'], [null]], cut: true})
		expect(entries()).toEqual([
			{event: 'question-asked', at: utc('10:06:00'), database: 'harbor', statement, rows: 2, problem: null},
		])
	})

	test('that is refused is in the journal with the reason', async () => {
		const refusal = new UsageError('cannot execute DELETE in a read-only transaction', [])
		const {answer, entries} = asking(() => Promise.reject(refusal))
		await expect(answer()).rejects.toBe(refusal)
		expect(entries()).toMatchObject([
			{statement, rows: null, problem: 'cannot execute DELETE in a read-only transaction'},
		])
	})

	test('on which lastgood itself fails is no refusal of the server', async () => {
		const {answer, entries} = asking(() => Promise.reject(new TypeError('x is not a function')))
		await expect(answer()).rejects.toThrow(TypeError)
		expect(entries()).toEqual([])
	})
})
