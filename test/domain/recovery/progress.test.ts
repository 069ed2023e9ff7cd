import {describe, expect, test} from 'vitest'
import {
	judgeStanding,
	paceOf,
	readServerLog,
	replayedBytes,
	type ServerAnswers,
	type ServerObservation,
	type Standing,
} from '../../../src/domain/recovery/progress.ts'
import {lsn, segmentBytes, timeline, utc} from '../../support/builders.ts'

/** Lines as log_line_prefix '%m [%p] ' writes them. */
const logged = (...lines: readonly string[]) => lines.map(line => `2026-04-01 10:06:01.512 UTC [4242] ${line}`)

/** A replay of 15 and newer up to the pause at its target; texts of real servers (postgres-recovery.md §7). */
const heldLog = logged(
	'LOG:  starting PostgreSQL 15.18 on x86_64-pc-linux-gnu, 64-bit',
	'LOG:  database system was interrupted; last known up at 2026-04-01 01:00:02 UTC',
	'LOG:  starting point-in-time recovery to WAL location (LSN) "0/5400070"',
	'LOG:  restored log file "000000010000000000000005" from archive',
	'LOG:  redo starts at 0/5000028',
	'LOG:  restored log file "000000010000000000000006" from archive',
	'LOG:  completed backup recovery with redo LSN 0/5000028 and end LSN 0/5000138',
	'LOG:  consistent recovery state reached at 0/5000138',
	'LOG:  database system is ready to accept read-only connections',
	'LOG:  recovery stopping before WAL location (LSN) "0/5400070"',
	'LOG:  pausing at the end of recovery',
	'HINT:  Execute pg_wal_replay_resume() to promote.',
)
const untilConsistent = heldLog.slice(0, 9)

function answers(over: Partial<ServerAnswers> = {}): ServerAnswers {
	return {
		inRecovery: true,
		replayEndLsn: lsn('0/5400070'),
		lastReplayedAt: utc('09:41:22.998731'),
		pauseState: 'paused',
		timeline: timeline(1),
		archiveMode: 'off',
		listenAddresses: '',
		...over,
	}
}

function observed(over: Partial<ServerObservation> = {}): ServerObservation {
	return {at: utc('10:06:02'), processAlive: true, log: heldLog, answers: answers(), ...over}
}

interface Expectation {
	readonly stop: string
	readonly replayEnd?: string
	readonly segmentBytes?: number
}

function judged(
	over: Partial<ServerObservation>,
	{stop, replayEnd, segmentBytes: bytes = segmentBytes}: Expectation = {stop: '0/5400070', replayEnd: '0/5400070'},
): Standing {
	return judgeStanding(observed(over), {
		stopLsn: lsn(stop),
		replayEndLsn: replayEnd === undefined ? undefined : lsn(replayEnd),
		walSegmentBytes: bytes,
	})
}

describe('the server log', () => {
	test('tells how far replay is and where it stopped', () => {
		expect(readServerLog(heldLog)).toEqual({
			redoStartLsn: lsn('0/5000028'),
			consistentLsn: lsn('0/5000138'),
			restoredSegments: ['000000010000000000000005', '000000010000000000000006'],
			acceptsReadOnly: true,
			stoppingLine: 'recovery stopping before WAL location (LSN) "0/5400070"',
			pausedAtTarget: true,
			pausedForParameters: false,
			newTimeline: undefined,
			promoted: false,
			fatal: [],
		})
	})

	test('of a server that has not begun tells nothing', () => {
		expect(readServerLog([])).toEqual({
			redoStartLsn: undefined,
			consistentLsn: undefined,
			restoredSegments: [],
			acceptsReadOnly: false,
			stoppingLine: undefined,
			pausedAtTarget: false,
			pausedForParameters: false,
			newTimeline: undefined,
			promoted: false,
			fatal: [],
		})
	})

	test.each([
		['13', 'database system is ready to accept read only connections'],
		['14 and newer', 'database system is ready to accept read-only connections'],
	])('of %s says by its own words that it accepts read-only connections', (_, text) => {
		expect(readServerLog(logged(`LOG:  ${text}`))).toMatchObject({acceptsReadOnly: true, promoted: false})
	})

	test('counts segments that were restored, and no history files', () => {
		const log = logged(
			'LOG:  restored log file "00000002.history" from archive',
			'LOG:  restored log file "00000002000000000000000A" from archive',
		)
		expect(readServerLog(log).restoredSegments).toEqual(['00000002000000000000000A'])
	})

	test('quotes a FATAL with its DETAIL and HINT, and nothing that belongs to another message', () => {
		const log = logged(
			'LOG:  redo starts at 0/5000028',
			'DETAIL:  of the LOG above',
			'FATAL:  recovery aborted because of insufficient parameter settings',
			'DETAIL:  max_connections = 100 is a lower setting than on the primary server, where its value was 250.',
			'HINT:  You can restart the server after making the necessary configuration changes.',
			'LOG:  startup process (PID 4243) exited with exit code 1',
			'DETAIL:  of that LOG',
		)
		expect(readServerLog(log).fatal).toEqual([
			'FATAL:  recovery aborted because of insufficient parameter settings',
			'DETAIL:  max_connections = 100 is a lower setting than on the primary server, where its value was 250.',
			'HINT:  You can restart the server after making the necessary configuration changes.',
		])
	})

	test.each([
		['FATAL:  the database system is starting up'],
		['FATAL:  the database system is not yet accepting connections'],
		['FATAL:  the database system is shutting down'],
		['FATAL:  terminating connection due to administrator command'],
		['FATAL:  connection to client lost'],
	])('takes a refused connection for no failure: %s', line => {
		expect(readServerLog(logged(line, 'DETAIL:  Consistent recovery state has not been yet reached.')).fatal).toEqual(
			[],
		)
	})

	test('keeps a real failure that stands after a refused connection', () => {
		const log = logged(
			'FATAL:  the database system is starting up',
			'DETAIL:  Consistent recovery state has not been yet reached.',
			'PANIC:  could not locate a valid checkpoint record',
		)
		expect(readServerLog(log).fatal).toEqual(['PANIC:  could not locate a valid checkpoint record'])
	})
})

describe('a server that paused at its target', () => {
	test('holds exactly where planned when its replay ended there', () => {
		expect(judged({})).toEqual({state: 'held', stoppedAtLsn: lsn('0/5400070'), exact: true})
	})

	test.each([
		['replay ended with the page, the stop is behind its header', '0/5402000', '0/5402018'],
		['a segment’s longer header stands between them', '0/6000000', '0/6000028'],
		['the plan counts to the end of a page, and replay too', '0/6000000', '0/6000000'],
		['the plan counts to the end of a page, and replay to behind the header', '0/5402018', '0/5402000'],
	])('holds exactly there where %s', (_, replayed, stop) => {
		expect(judged({answers: answers({replayEndLsn: lsn(replayed)})}, {stop, replayEnd: stop})).toEqual({
			state: 'held',
			stoppedAtLsn: lsn(replayed),
			exact: true,
		})
	})

	test('is not where the page still had room for a record', () => {
		const replayed = {answers: answers({replayEndLsn: lsn('0/5401FF8')})}
		expect(judged(replayed, {stop: '0/5402018', replayEnd: '0/5402018'}).state).toBe('paused-elsewhere')
	})

	test('steps over the longer header only where a segment of this size begins', () => {
		const replayed = {answers: answers({replayEndLsn: lsn('0/5500000')})}
		expect(judged(replayed, {stop: '0/5500028', replayEnd: '0/5500028', segmentBytes: 1024 * 1024}).state).toBe('held')
		expect(judged(replayed, {stop: '0/5500028', replayEnd: '0/5500028'}).state).toBe('paused-elsewhere')
		expect(judged(replayed, {stop: '0/5500018', replayEnd: '0/5500018'}).state).toBe('held')
	})

	test('was paused elsewhere when its replay ended before or after', () => {
		for (const replayed of ['0/5400048', '0/5400098'])
			expect(judged({answers: answers({replayEndLsn: lsn(replayed)})})).toEqual({
				state: 'paused-elsewhere',
				stoppedAtLsn: lsn(replayed),
			})
	})

	test('holds, not exactly, at or after a stop that names no known record', () => {
		const stop = {stop: '0/5400070'}
		expect(judged({}, stop)).toEqual({state: 'held', stoppedAtLsn: lsn('0/5400070'), exact: false})
		expect(judged({answers: answers({replayEndLsn: lsn('0/54000B0')})}, stop)).toMatchObject({
			state: 'held',
			exact: false,
		})
		expect(judged({answers: answers({replayEndLsn: lsn('0/5400048')})}, stop)).toEqual({
			state: 'paused-elsewhere',
			stoppedAtLsn: lsn('0/5400048'),
		})
	})

	test('is not believed by the time of its last transaction', () => {
		const early = answers({replayEndLsn: lsn('0/5300088'), lastReplayedAt: utc('09:41:22.998731')})
		expect(judged({answers: early}).state).toBe('paused-elsewhere')
	})
})

describe('a server on its way', () => {
	test.each([
		['starts, before redo', logged('LOG:  database system was interrupted'), undefined, {state: 'starting'}],
		['replays, before it accepts connections', heldLog.slice(0, 6), undefined, {state: 'replaying'}],
		['replays, and answers', untilConsistent, answers({pauseState: 'not paused'}), {state: 'replaying'}],
		['is about to pause', heldLog, answers({pauseState: 'pause requested'}), {state: 'replaying'}],
		[
			'was paused by hand short of the target',
			[...untilConsistent, ...logged('LOG:  recovery has paused')],
			answers(),
			{state: 'replaying'},
		],
		[
			'refuses a connection',
			[...heldLog.slice(0, 6), ...logged('FATAL:  the database system is starting up')],
			undefined,
			{state: 'replaying'},
		],
	] as const)('%s', (_, log, said, expected) => {
		expect(judged({log, answers: said})).toEqual(expected)
	})

	test('that paused because a setting is too low did not reach the target', () => {
		const log = [
			...untilConsistent,
			...logged(
				'WARNING:  hot standby is not possible because of insufficient parameter settings',
				'DETAIL:  max_connections = 100 is a lower setting than on the primary server, where its value was 250.',
				'LOG:  recovery has paused',
				'DETAIL:  If recovery is unpaused, the server will shut down.',
			),
		]
		expect(judged({log, answers: answers({replayEndLsn: lsn('0/5300088')})})).toEqual({
			state: 'paused-for-parameters',
			stoppedAtLsn: lsn('0/5300088'),
		})
	})
})

describe('a server that promoted itself', () => {
	const promotedLog = [
		...heldLog.slice(0, 10),
		...logged(
			'LOG:  redo done at 0/5400048 system usage: CPU: user: 0.00 s, system: 0.00 s, elapsed: 0.10 s',
			'LOG:  selected new timeline ID: 2',
			'LOG:  archive recovery complete',
			'LOG:  database system is ready to accept connections',
		),
	]

	test.each([
		['is told by its log, before it answers', {log: promotedLog, answers: undefined}],
		['is told by its log although it has ended since', {log: promotedLog, answers: undefined, processAlive: false}],
		['is told by its answer', {log: promotedLog, answers: answers({inRecovery: false, pauseState: 'not paused'})}],
	] as const)('%s', (_, over) => {
		expect(judged(over)).toEqual({state: 'promoted-itself', timeline: 2})
	})

	test('is believed even where the log names no timeline', () => {
		expect(judged({log: heldLog, answers: answers({inRecovery: false})})).toEqual({
			state: 'promoted-itself',
			timeline: undefined,
		})
	})
})

describe('a server that died', () => {
	test('is quoted with what it said', () => {
		const log = [
			...untilConsistent,
			...logged('FATAL:  recovery ended before configured recovery target was reached', 'LOG:  shutting down'),
		]
		expect(judged({processAlive: false, log, answers: undefined})).toEqual({
			state: 'died',
			reasons: ['FATAL:  recovery ended before configured recovery target was reached'],
		})
	})

	test('of 13, which knows no mid-replay pause, is quoted with its setting', () => {
		const fatal =
			'FATAL:  hot standby is not possible because max_connections = 100 is a lower setting than on the master server (its value was 250)'
		expect(judged({processAlive: false, log: logged(fatal), answers: undefined})).toEqual({
			state: 'died',
			reasons: [fatal],
		})
	})

	test('without a word is quoted with its last five lines', () => {
		expect(judged({processAlive: false, answers: undefined, log: untilConsistent})).toEqual({
			state: 'died',
			reasons: untilConsistent.slice(-5),
		})
	})
})

describe('the pace', () => {
	const startedAt = utc('10:06:00')
	test.each([
		['is unknown at first', '10:06:00.100000', 50, 100, {bytesPerSecond: undefined, etaMs: undefined, percent: 50}],
		[
			'is unknown before anything was done',
			'10:06:30',
			0,
			100,
			{bytesPerSecond: undefined, etaMs: undefined, percent: 0},
		],
		[
			'is what was done since the start, and what is left at that',
			'10:06:10',
			400,
			1000,
			{bytesPerSecond: 40, etaMs: 15_000, percent: 40},
		],
		[
			'of more than there was to do leaves nothing',
			'10:06:10',
			1200,
			1000,
			{bytesPerSecond: 120, etaMs: 0, percent: 100},
		],
		['of nothing to do is done', '10:06:10', 0, 0, {bytesPerSecond: undefined, etaMs: undefined, percent: 100}],
	] as const)('%s', (_, now, done, total, expected) => {
		expect(paceOf(startedAt, utc(now), done, total)).toEqual(expected)
	})
})

describe('replayed bytes', () => {
	test.each([
		['count from the redo point to the stop', '0/5000028', '0/5200028', '0/5400028', 0x200000, 0x400000],
		['never go beyond the stop', '0/5000028', '0/5500000', '0/5400028', 0x400000, 0x400000],
		['never fall below the redo point', '0/5000028', '0/4F00000', '0/5400028', 0, 0x400000],
		['reach over the 4 GB line', '0/FFFFFFF8', '1/8', '1/18', 0x10, 0x20],
		['of a stop at the redo point are none', '0/5000028', '0/5000028', '0/5000028', 0, 0],
	])('%s', (_, redo, replayed, stop, doneBytes, totalBytes) => {
		expect(replayedBytes(lsn(redo), lsn(replayed), lsn(stop))).toEqual({doneBytes, totalBytes})
	})
})
