import {describe, expect, test} from 'vitest'
import {JournalUnreadableError, PromotionFailedError, UsageError} from '../../src/domain/errors.ts'
import {type JournalEntry, type RecoveryState, recoveryStateOf} from '../../src/domain/recovery/journal.ts'
import type {ServerObservation} from '../../src/domain/recovery/progress.ts'
import {
	abandonRecovery,
	connectCommand,
	findRecovery,
	planOf,
	promoteRecovery,
	settle,
	statusJson,
} from '../../src/operations/finish.ts'
import type {RestoreEngine} from '../../src/ports.ts'
import {lsn, plan, timeline, utc} from '../support/builders.ts'
import {
	answers,
	type Doings,
	died,
	held,
	memoryJournals,
	observation,
	only,
	pausedElsewhere,
	promotedItself,
	replaying,
	scriptedEngine,
	serverLog,
	tickingClock,
} from './fakes.ts'

const recovery = 'r20260401-100500'
const at = utc('10:05:30')
const planned: readonly JournalEntry[] = [
	{event: 'opened', at, recovery, lastgood: '0.1.0', host: 'db2', user: 'anna'},
	{event: 'planned', at, plan: plan()},
]
const begun: readonly JournalEntry[] = [
	...planned,
	{event: 'confirmed', at, how: '--yes'},
	{event: 'step-started', at, step: 'replay'},
]
const holding: readonly JournalEntry[] = [
	...begun,
	{event: 'held', at, stoppedAtLsn: lsn('0/5400070'), provenExact: true, serverLog: []},
]
const promotedEntries: readonly JournalEntry[] = [
	...holding,
	{event: 'promoted', at, timeline: 2, lsn: lsn('0/54000A0')},
]
/** Out of recovery, on a timeline of its own, as pg_ctl promote leaves it. */
const promoted = observation({
	answers: answers({
		inRecovery: false,
		pauseState: 'not paused',
		timeline: timeline(2),
		replayEndLsn: lsn('0/54000A0'),
	}),
})

function worldOf(
	entries: readonly JournalEntry[],
	observations: readonly ServerObservation[],
	engine: Partial<RestoreEngine> = {},
) {
	const doings: Doings = []
	const journals = memoryJournals(doings, {[recovery]: entries})
	const written = () => (journals.entries.get(recovery) ?? []).slice(entries.length)
	return {
		now: tickingClock(),
		pause: async () => {},
		engine: scriptedEngine(doings, observations, engine),
		journals,
		doings,
		written,
	}
}

const stateOf = (entries: readonly JournalEntry[]): RecoveryState => recoveryStateOf(recovery, entries)

describe('a promotion', () => {
	test('is written down before it is asked for, and its new timeline after', async () => {
		const world = worldOf(holding, [held, promoted])
		expect(await promoteRecovery(world, plan(), 'the operator typed promote')).toEqual({
			timeline: 2,
			lsn: lsn('0/54000A0'),
		})
		expect(world.doings).toEqual([
			'engine observe',
			'journal promotion-requested',
			'engine promote',
			'engine observe',
			'journal promoted',
		])
		expect(world.written()).toEqual([
			{event: 'promotion-requested', at: utc('10:06:00'), how: 'the operator typed promote'},
			{event: 'promoted', at: utc('10:06:01'), timeline: 2, lsn: lsn('0/54000A0')},
		])
	})

	test.each([
		['paused elsewhere', pausedElsewhere, 'it paused at 0/5300088'],
		['is still replaying', replaying, 'it is replaying'],
		['died', died, 'it stopped: FATAL:  recovery ended before configured recovery target was reached'],
		['promoted itself', promotedItself, 'it promoted itself'],
	])('of a server that %s is refused, and nothing is done', async (_, seen, reason) => {
		const world = worldOf(holding, [seen])
		await expect(promoteRecovery(world, plan(), '--yes')).rejects.toThrow(
			new PromotionFailedError(`the restored server does not hold at the target: ${reason}`, [
				`lastgood status ${recovery}`,
				'read /restore/harbor.lastgood/server.log',
			]),
		)
		expect(world.doings).toEqual(['engine observe'])
	})

	test.each([
		['does not answer', observation({answers: undefined})],
		['is in recovery still', held],
		['names no timeline', observation({answers: answers({inRecovery: false, timeline: undefined})})],
	])('after which the server %s has failed, and what stands there is told', async (_, seen) => {
		const world = worldOf(holding, [held, seen])
		await expect(promoteRecovery(world, plan(), '--yes')).rejects.toThrow(PromotionFailedError)
		expect(world.written().at(-1)).toMatchObject({
			event: 'failed',
			trouble: {
				code: 'promotion-failed',
				message: 'the server was told to promote and does not say that it did',
				whatToDo: ['read /restore/harbor.lastgood/server.log'],
			},
			leaves: ['/restore/harbor', '/restore/harbor.lastgood'],
		})
	})

	test('that the engine refuses keeps its reason and the server’s log', async () => {
		const error = new PromotionFailedError('pg_ctl: could not send promote signal', ['look at the process'])
		const world = worldOf(holding, [held], {promote: () => Promise.reject(error)})
		await expect(promoteRecovery(world, plan(), '--yes')).rejects.toBe(error)
		expect(world.written().at(-1)).toMatchObject({
			event: 'failed',
			trouble: {code: 'promotion-failed', whatToDo: ['look at the process']},
			serverLog: serverLog('held').filter(line => !/restored log file|the database system is /.test(line)),
		})
	})
})

describe('abandoning', () => {
	test('is written down before anything is removed', async () => {
		const world = worldOf(holding, [])
		expect(await abandonRecovery(world, stateOf(holding), 'the operator typed abandon')).toEqual([
			'/restore/harbor',
			'/restore/harbor.lastgood',
		])
		expect(world.doings).toEqual(['journal abandon-requested', 'engine removeAll', 'journal abandoned'])
		expect(world.written()).toEqual([
			{event: 'abandon-requested', at: utc('10:06:00'), how: 'the operator typed abandon'},
			{event: 'abandoned', at: utc('10:06:01'), removed: ['/restore/harbor', '/restore/harbor.lastgood']},
		])
	})

	test('a promoted cluster is refused, with the way to do it by hand', async () => {
		const world = worldOf(promotedEntries, [])
		const refused = abandonRecovery(world, stateOf(promotedEntries), '--yes')
		await expect(refused).rejects.toThrow(UsageError)
		await expect(refused).rejects.toMatchObject({
			message: `recovery ${recovery} was promoted: its cluster in /restore/harbor is no longer lastgood’s to remove`,
			whatToDo: [
				'if it is really not wanted, stop it with /usr/lib/postgresql/15/bin/pg_ctl -D /restore/harbor stop and remove the folder by hand',
			],
		})
		expect(world.doings).toEqual([])
	})

	test('a cluster that promoted after lastgood had ended is refused too', async () => {
		const requested: readonly JournalEntry[] = [...holding, {event: 'promotion-requested', at, how: '--yes'}]
		const world = worldOf(requested, [promoted])
		await expect(abandonRecovery(world, stateOf(requested), '--yes')).rejects.toThrow('was promoted')
		expect(world.doings).toEqual(['engine observe'])
	})

	test('a promotion that failed leaves what can be removed', async () => {
		const requested: readonly JournalEntry[] = [...holding, {event: 'promotion-requested', at, how: '--yes'}]
		const world = worldOf(requested, [held])
		await abandonRecovery(world, stateOf(requested), '--yes')
		expect(world.written().map(({event}) => event)).toEqual(['abandon-requested', 'abandoned'])
	})

	test('what was never planned is refused: there is nothing to remove', async () => {
		const world = worldOf(planned.slice(0, 1), [])
		await expect(abandonRecovery(world, stateOf(planned.slice(0, 1)), '--yes')).rejects.toThrow(UsageError)
		expect(world.doings).toEqual([])
	})

	test('that fails leaves the request in the journal and no claim that it was done', async () => {
		const world = worldOf(holding, [], {removeAll: () => Promise.reject(new Error('EBUSY'))})
		await expect(abandonRecovery(world, stateOf(holding), '--yes')).rejects.toThrow('EBUSY')
		expect(world.written().map(({event}) => event)).toEqual(['abandon-requested'])
	})
})

describe('settling', () => {
	test('adds that the target was reached while nobody looked', async () => {
		const world = worldOf(begun, [held])
		const settled = await settle(world, stateOf(begun))
		expect(settled).toMatchObject({phase: 'held', stoppedAtLsn: lsn('0/5400070'), provenExact: true})
		expect(world.written()).toEqual([
			{
				event: 'held',
				at: utc('10:06:00'),
				stoppedAtLsn: lsn('0/5400070'),
				provenExact: true,
				serverLog: serverLog('held').filter(line => !line.includes('restored log file')),
			},
		])
	})

	test.each([
		['still replays', replaying],
		['died', died],
		['paused elsewhere', pausedElsewhere],
	])('a recovery whose server %s adds nothing', async (_, seen) => {
		const world = worldOf(begun, [seen])
		expect(await settle(world, stateOf(begun))).toEqual(stateOf(begun))
		expect(world.written()).toEqual([])
	})

	test.each([
		['only planned', planned],
		['held already', holding],
		['promoted', promotedEntries],
	])('a recovery that is %s does not look at its server', async (_, entries) => {
		const state = stateOf(entries)
		const engine = only<RestoreEngine>('engine', {})
		expect(await settle({...worldOf(entries, []), engine}, state)).toBe(state)
	})
})

describe('finding a recovery', () => {
	const draft: readonly JournalEntry[] = planned
	const known = {
		'r20260401-090000': holding,
		'r20260401-100500': begun,
		'r20260401-110000': draft,
	}

	test('by name reads its journal', async () => {
		const journals = memoryJournals([], known)
		expect(await findRecovery({journals}, 'r20260401-090000')).toEqual(recoveryStateOf('r20260401-090000', holding))
		await expect(findRecovery({journals}, 'r1')).rejects.toThrow(JournalUnreadableError)
	})

	test('without a name takes the latest that began to restore, not one that was only planned', async () => {
		const found = await findRecovery({journals: memoryJournals([], known)}, undefined)
		expect(found).toMatchObject({recovery: 'r20260401-100500', phase: 'replaying'})
	})

	test('without any that began takes the latest that was planned', async () => {
		const journals = memoryJournals([], {'r20260401-110000': draft, 'r20260401-100000': draft})
		expect(await findRecovery({journals}, undefined)).toMatchObject({recovery: 'r20260401-110000', phase: 'planning'})
	})

	test('where there is none says how one is started', async () => {
		const found = findRecovery({journals: memoryJournals()}, undefined)
		await expect(found).rejects.toMatchObject({
			code: 'journal-unreadable',
			message: 'no recovery is recorded here',
			whatToDo: ['start one: lastgood <source>', 'or name the state folder it was started with: --state <folder>'],
		})
	})

	test('that has no plan has none to act on', () => {
		expect(planOf(stateOf(holding))).toEqual(plan())
		expect(() => planOf(stateOf([]))).toThrow(`recovery ${recovery} ended before there was a plan`)
	})
})

describe('the status', () => {
	test('of a held recovery says where it is and how to reach it', async () => {
		expect(await statusJson(worldOf(holding, [held]), stateOf(holding))).toEqual({
			recovery,
			phase: 'held',
			dataDirectory: '/restore/harbor',
			socketDirectory: '/restore/harbor.lastgood/socket',
			port: 54330,
			user: 'postgres',
			connect: ['psql', '-h', '/restore/harbor.lastgood/socket', '-p', '54330', '-U', 'postgres'],
			runbook: `/state/${recovery}`,
			stoppedAtLsn: '0/5400070',
			provenExact: true,
			timeline: 1,
			serverRunning: true,
			replayEndLsn: '0/5400070',
		})
	})

	test('of one that failed tells its trouble, and that nothing runs', async () => {
		const trouble = {code: 'replay-aborted', message: 'it died', whatToDo: ['read the log']}
		const entries: readonly JournalEntry[] = [...begun, {event: 'failed', at, trouble, leaves: [], serverLog: []}]
		expect(await statusJson(worldOf(entries, [died]), stateOf(entries))).toMatchObject({
			phase: 'failed',
			stoppedAtLsn: null,
			serverRunning: false,
			replayEndLsn: null,
			trouble,
		})
	})

	test('of one that was abandoned looks at no server', async () => {
		const entries: readonly JournalEntry[] = [...holding, {event: 'abandoned', at, removed: []}]
		const world = {...worldOf(entries, []), engine: only<RestoreEngine>('engine', {})}
		expect(await statusJson(world, stateOf(entries))).toMatchObject({phase: 'abandoned', serverRunning: false})
	})

	test('of a promoted one names its own timeline', async () => {
		expect(await statusJson(worldOf(promotedEntries, [promoted]), stateOf(promotedEntries))).toMatchObject({
			phase: 'promoted',
			timeline: 2,
			replayEndLsn: '0/54000A0',
		})
	})

	test('of one that was never planned has nothing to say', async () => {
		await expect(statusJson(worldOf([], []), stateOf([]))).rejects.toThrow(UsageError)
	})
})

test('the restored cluster is reached with its own psql, socket, port and superuser', () => {
	expect(connectCommand(plan({psql: '/usr/lib/postgresql/15/bin/psql', superuser: 'admin'}))).toEqual([
		'/usr/lib/postgresql/15/bin/psql',
		'-h',
		'/restore/harbor.lastgood/socket',
		'-p',
		'54330',
		'-U',
		'admin',
	])
})
