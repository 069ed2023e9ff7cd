import {describe, expect, test} from 'vitest'
import {
	DataDirectoryOccupiedError,
	PauseUnavailableError,
	ReplayAbortedError,
	TargetNotHonouredError,
} from '../../src/domain/errors.ts'
import type {ServerObservation} from '../../src/domain/recovery/progress.ts'
import {carryOut, notableLines, type RestoreNews} from '../../src/operations/restore.ts'
import type {RestoreEngine} from '../../src/ports.ts'
import {lsn, plan, utc} from '../support/builders.ts'
import {
	acts,
	answers,
	type Doings,
	died,
	held,
	memoryJournals,
	observation,
	pausedElsewhere,
	promotedItself,
	replaying,
	scriptedEngine,
	serverLog,
	starting,
	tickingClock,
} from './fakes.ts'

const recovery = 'r20260401-100500'
const occupied = () => new DataDirectoryOccupiedError('the destination filled up', ['choose another'])

interface Restoring {
	readonly observations?: readonly ServerObservation[]
	readonly engine?: Partial<RestoreEngine>
	readonly onNews?: (news: RestoreNews, cancel: () => void) => void
}

/** Carries `plan()` out in a world that does what it is told. */
async function restoring({observations = [held], engine = {}, onNews = () => {}}: Restoring = {}) {
	const doings: Doings = []
	const journals = memoryJournals(doings)
	const news: RestoreNews[] = []
	const cancelling = new AbortController()
	const world = {
		now: tickingClock(),
		pause: async () => {},
		engine: scriptedEngine(doings, observations, engine),
		journals,
	}
	const outcome = await carryOut(world, plan(), {
		signal: cancelling.signal,
		how: 'the operator typed harbor',
		onNews: told => {
			news.push(told)
			onNews(told, () => cancelling.abort())
		},
	}).then(
		done => ({held: done, error: undefined}),
		(error: unknown) => ({held: undefined, error}),
	)
	return {...outcome, doings, news, entries: journals.entries.get(recovery) ?? []}
}

const failureOf = ({entries}: Awaited<ReturnType<typeof restoring>>) =>
	entries.findLast(entry => entry.event === 'failed')

describe('a restore', () => {
	test('writes down each act before it does it, and what came of it after', async () => {
		const {doings, held: result} = await restoring({observations: [starting, replaying, held]})
		expect(doings).toEqual([
			'journal confirmed',
			'journal step-started create-directories',
			'engine createDirectories',
			'journal step-finished create-directories',
			'journal step-started copy-base-backup',
			'engine copyBaseBackup',
			'journal step-finished copy-base-backup',
			'journal step-started disarm',
			'engine disarm',
			'journal step-finished disarm',
			'journal step-started write-configuration',
			'engine writeConfiguration',
			'journal step-finished write-configuration',
			'journal step-started check-configuration',
			'engine checkConfiguration',
			'journal step-finished check-configuration',
			'journal step-started start-server',
			'engine startServer',
			'journal server-started',
			'journal step-finished start-server',
			'journal step-started replay',
			'engine observe',
			'engine observe',
			'engine observe',
			'journal step-finished replay',
			'journal held',
		])
		expect(result).toEqual({stoppedAtLsn: lsn('0/5400070'), exact: true, observation: held})
	})

	test('leaves in the journal how it began, what each step noted, and where it holds', async () => {
		const {entries} = await restoring()
		expect(entries[0]).toEqual({event: 'confirmed', at: utc('10:06:00'), how: 'the operator typed harbor'})
		expect(entries.flatMap(entry => (entry.event === 'step-finished' ? [[entry.step, ...entry.notes]] : []))).toEqual([
			['create-directories'],
			['copy-base-backup', '1296 files, 41000000 bytes'],
			['disarm', 'standby.signal removed'],
			['write-configuration', '/restore/harbor.lastgood/postgresql.conf'],
			['check-configuration'],
			['start-server', 'process 4242'],
			['replay', 'stopped at 0/5400070'],
		])
		expect(entries.at(-1)).toMatchObject({
			event: 'held',
			stoppedAtLsn: lsn('0/5400070'),
			provenExact: true,
			serverLog: notableLines(serverLog('held')),
		})
	})

	test('tells how far it is', async () => {
		const half = observation({
			at: utc('10:06:30'),
			log: serverLog('replaying'),
			answers: answers({replayEndLsn: lsn('0/5200028'), pauseState: 'not paused'}),
		})
		const {news} = await restoring({observations: [starting, replaying, half, held]})
		expect(news.filter(({type}) => type === 'copyProgressed')).toEqual([
			{type: 'copyProgressed', progress: {doneBytes: 20, totalBytes: 41_000_000, doneFiles: 1, totalFiles: 1296}},
		])
		const replays = news.flatMap(told => (told.type === 'replayProgressed' ? [told.replay] : []))
		expect(replays[0]).toMatchObject({
			accepting: false,
			replayEndLsn: undefined,
			doneBytes: 0,
			totalBytes: 0x400048,
			segment: undefined,
		})
		// Before the server answers, the log alone tells: the first segment of the way was fetched.
		expect(replays[1]).toMatchObject({
			accepting: false,
			replayEndLsn: lsn('0/5000028'),
			segment: '000000010000000000000005',
		})
		expect(replays[2]).toMatchObject({
			accepting: true,
			replayEndLsn: lsn('0/5200028'),
			replayedAt: utc('09:41:22.998731'),
			doneBytes: 0x200000,
			totalBytes: 0x400048,
			logTail: serverLog('replaying'),
		})
		expect(replays[2]?.etaMs).toBeGreaterThan(0)
		expect(replays[3]).toMatchObject({doneBytes: 0x400048, totalBytes: 0x400048})
	})

	test('knows from a fetched segment how far replay is at least', async () => {
		const fetched = observation({
			answers: undefined,
			log: [
				...serverLog('replaying'),
				'2026-04-01 10:06:01.512 UTC [4242] LOG:  restored log file "000000010000000000000006" from archive',
			],
		})
		const {news} = await restoring({observations: [fetched, held]})
		expect(news.find(({type}) => type === 'replayProgressed')).toMatchObject({replay: {replayEndLsn: lsn('0/6000000')}})
	})
})

describe('a failure before the server has started', () => {
	test.each([
		['createDirectories', 'create-directories'],
		['copyBaseBackup', 'copy-base-backup'],
		['disarm', 'disarm'],
		['writeConfiguration', 'write-configuration'],
		['checkConfiguration', 'check-configuration'],
	] as const)('in %s removes everything that was made', async (call, step) => {
		const error = occupied()
		const failed = await restoring({engine: {[call]: () => Promise.reject(error)}})
		expect(failed.error).toBe(error)
		expect(failed.doings.slice(-3)).toEqual([`journal step-started ${step}`, 'engine removeAll', 'journal failed'])
		expect(failureOf(failed)).toMatchObject({
			trouble: {code: 'data-directory-occupied', message: 'the destination filled up', whatToDo: ['choose another']},
			leaves: [],
			serverLog: [],
		})
	})

	test('that cannot be cleaned up keeps its reason, and says what is left and why', async () => {
		const error = occupied()
		const failed = await restoring({
			engine: {
				copyBaseBackup: () => Promise.reject(error),
				removeAll: () => Promise.reject(new Error('EROFS: read-only file system')),
			},
		})
		expect(failed.error).toBe(error)
		expect(failureOf(failed)).toMatchObject({
			trouble: {
				message: 'the destination filled up',
				whatToDo: [
					'what was made was not removed: lastgood failed unexpectedly: EROFS: read-only file system',
					'choose another',
				],
			},
			leaves: ['/restore/harbor', '/restore/harbor.lastgood'],
		})
	})

	test('of lastgood itself is called a bug', async () => {
		const failed = await restoring({engine: {disarm: () => Promise.reject(new TypeError('x is not a function'))}})
		expect(failureOf(failed)).toMatchObject({
			trouble: {code: 'bug', message: 'lastgood failed unexpectedly: x is not a function'},
			leaves: [],
		})
	})
})

describe('a failure after the server was started', () => {
	test('in starting it stops the server and keeps the data and its log', async () => {
		const error = new ReplayAbortedError('it did not start', [])
		const failed = await restoring({engine: {startServer: () => Promise.reject(error)}, observations: [died]})
		expect(failed.error).toBe(error)
		expect(acts(failed.doings).slice(-3)).toEqual([
			'journal step-started start-server',
			'engine stopServer',
			'journal failed',
		])
		expect(failureOf(failed)).toMatchObject({
			leaves: ['/restore/harbor', '/restore/harbor.lastgood'],
			serverLog: notableLines(died.log),
		})
	})

	test.each([
		[
			'that died is quoted with the server’s own words',
			died,
			ReplayAbortedError,
			'the restored server stopped before the target: FATAL:  recovery ended before configured recovery target was reached',
		],
		[
			'that promoted itself is never taken for held',
			promotedItself,
			PauseUnavailableError,
			'the server did not pause at the target but promoted itself to timeline 2: hot standby was not possible there',
		],
		[
			'that paused elsewhere is never taken for held',
			pausedElsewhere,
			TargetNotHonouredError,
			'the server paused at 0/5300088, but the plan stops at 0/5400070',
		],
		[
			'that paused for a setting is never taken for held',
			observation({
				log: [
					...serverLog('held').slice(0, 5),
					'2026-04-01 10:06:02.000 UTC [4243] WARNING:  hot standby is not possible because of insufficient parameter settings',
					'2026-04-01 10:06:02.000 UTC [4243] LOG:  recovery has paused',
				],
				answers: answers({replayEndLsn: lsn('0/5300088')}),
			}),
			TargetNotHonouredError,
			'the server paused at 0/5300088 because a setting is lower than the WAL requires, not because it reached the target',
		],
	])('%s', async (_, seen, errorClass, message) => {
		const failed = await restoring({observations: [replaying, seen]})
		expect(failed.error).toBeInstanceOf(errorClass)
		expect(failureOf(failed)).toMatchObject({
			trouble: {message},
			leaves: ['/restore/harbor', '/restore/harbor.lastgood'],
		})
		expect(acts(failed.doings).slice(-2)).toEqual(['engine stopServer', 'journal failed'])
		expect(failureOf(failed)?.trouble.whatToDo.join(' ')).toContain(`lastgood abandon ${recovery} --yes`)
	})

	test('whose server cannot be stopped says so', async () => {
		const failed = await restoring({
			observations: [died],
			engine: {stopServer: () => Promise.reject(new ReplayAbortedError('it does not end', []))},
		})
		expect(failureOf(failed)?.trouble.whatToDo[0]).toBe('the restored server was not stopped: it does not end')
	})

	test('keeps its reason where the server cannot be looked at any more', async () => {
		const failed = await restoring({
			engine: {observe: () => Promise.reject(new ReplayAbortedError('the log is gone', []))},
		})
		expect(failureOf(failed)).toMatchObject({trouble: {message: 'the log is gone'}, serverLog: []})
		expect(failed.doings).toContain('engine stopServer')
	})
})

describe('a cancelled restore', () => {
	test('while copying removes what was made and says that nothing is left', async () => {
		const failed = await restoring({
			onNews: (news, cancel) => {
				if (news.type === 'copyProgressed') cancel()
			},
		})
		expect(failed.error).toBeInstanceOf(ReplayAbortedError)
		expect(failed.doings.slice(-3)).toEqual([
			'journal step-finished copy-base-backup',
			'engine removeAll',
			'journal failed',
		])
		expect(failureOf(failed)).toMatchObject({
			trouble: {
				code: 'replay-aborted',
				message:
					'the restore into /restore/harbor was interrupted before it reached the target, and what it had made was removed',
			},
			leaves: [],
		})
	})

	test('is a ReplayAbortedError also where the copy rejects with the reason of the signal', async () => {
		const failed = await restoring({
			engine: {
				copyBaseBackup: async (_plan, onProgress, signal) => {
					onProgress({doneBytes: 1, totalBytes: 2, doneFiles: 0, totalFiles: 1})
					signal.throwIfAborted()
					return {bytes: 2, files: 1}
				},
			},
			onNews: (news, cancel) => {
				if (news.type === 'copyProgressed') cancel()
			},
		})
		expect(failed.error).toBeInstanceOf(ReplayAbortedError)
		expect(failed.doings.slice(-2)).toEqual(['engine removeAll', 'journal failed'])
	})

	test('while replaying stops the server and says what is left', async () => {
		const failed = await restoring({
			observations: [replaying],
			onNews: (news, cancel) => {
				if (news.type === 'replayProgressed') cancel()
			},
		})
		expect(failed.error).toBeInstanceOf(ReplayAbortedError)
		expect(acts(failed.doings).slice(-2)).toEqual(['engine stopServer', 'journal failed'])
		expect(failureOf(failed)).toMatchObject({
			trouble: {
				message:
					'the restore into /restore/harbor was interrupted before it reached the target, and its server was stopped',
				whatToDo: [
					`lastgood abandon ${recovery} --yes removes /restore/harbor and /restore/harbor.lastgood`,
					'make a new plan to restore again',
				],
			},
			leaves: ['/restore/harbor', '/restore/harbor.lastgood'],
		})
	})

	test('before it began makes nothing', async () => {
		const doings: Doings = []
		const engine = scriptedEngine(doings, [])
		const world = {now: tickingClock(), pause: async () => {}, engine, journals: memoryJournals(doings)}
		const signal = AbortSignal.abort()
		await expect(carryOut(world, plan(), {signal, onNews: () => {}, how: '--yes'})).rejects.toThrow(ReplayAbortedError)
		expect(doings).toEqual(['journal confirmed', 'engine removeAll', 'journal failed'])
	})
})

describe('the lines of a server log that matter', () => {
	test('are those that tell of the replay, not each fetch and each refused connection', () => {
		const log = [
			...serverLog('held'),
			'2026-04-01 10:06:02.000 UTC [4242] LOG:  redo in progress, elapsed time: 10.00 s, current LSN: 0/5200028',
			'2026-04-01 10:06:02.000 UTC [4250] FATAL:  the database system is starting up',
		]
		expect(notableLines(log).map(line => line.replace(/^.*\] /, ''))).toEqual([
			'LOG:  database system was interrupted; last known up at 2026-04-01 01:00:02 UTC',
			'LOG:  redo starts at 0/5000028',
			'LOG:  consistent recovery state reached at 0/5000138',
			'LOG:  database system is ready to accept read-only connections',
			'LOG:  recovery stopping before WAL location (LSN) "0/5400070"',
			'LOG:  pausing at the end of recovery',
		])
	})

	test('are the last sixty', () => {
		expect(notableLines(Array.from({length: 100}, (_, index) => `LOG:  ${index}`))).toEqual(
			Array.from({length: 60}, (_, index) => `LOG:  ${index + 40}`),
		)
	})
})
