import {JournalUnreadableError} from '../../src/domain/errors.ts'
import type {JournalEntry} from '../../src/domain/recovery/journal.ts'
import type {RestorePlan} from '../../src/domain/recovery/plan.ts'
import type {ServerAnswers, ServerObservation} from '../../src/domain/recovery/progress.ts'
import {addMs, type UtcInstant} from '../../src/domain/time.ts'
import type {JournalStore, RestoreEngine} from '../../src/ports.ts'
import {lsn, timeline, utc} from '../support/builders.ts'

/** A port with these calls and no other: one that nobody expects fails the test. */
export function only<Port extends object>(name: string, calls: Partial<Port>): Port {
	return new Proxy(calls as Port, {
		get(target, call) {
			if (typeof call === 'symbol' || call === 'then') return undefined
			if (call in target) return Reflect.get(target, call)
			throw new Error(`${name}.${call} was not expected`)
		},
	})
}

/** A clock that goes on by a second with each look at it. */
export function tickingClock(from = '10:06:00'): () => UtcInstant {
	let seconds = 0
	return () => addMs(utc(from), seconds++ * 1000)
}

/** What happens in the order in which it happens: `journal held`, `engine startServer`. */
export type Doings = string[]

/** Journals in memory. Of an entry the order knows its event, and its step where it has one. */
export interface MemoryJournals extends JournalStore {
	readonly entries: Map<string, JournalEntry[]>
}

export function memoryJournals(
	doings: Doings = [],
	known: Readonly<Record<string, readonly JournalEntry[]>> = {},
): MemoryJournals {
	const entries = new Map(Object.entries(known).map(([recovery, written]) => [recovery, [...written]]))
	return {
		entries,
		async append(recovery, entry) {
			// The journal is durable only some time after it was asked.
			await Promise.resolve()
			doings.push(`journal ${entry.event}${'step' in entry ? ` ${entry.step}` : ''}`)
			entries.set(recovery, [...(entries.get(recovery) ?? []), entry])
		},
		async read(recovery) {
			const written = entries.get(recovery)
			if (written === undefined) throw new JournalUnreadableError(`no recovery ${recovery}`, [])
			return written
		},
		list: async () => [...entries.keys()],
		pathOf: recovery => `/state/${recovery}`,
		writeRendering: async (recovery, name) => `/state/${recovery}/${name}`,
	}
}

/** What the server says of itself when it holds where `plan()` stops. */
export function answers(over: Partial<ServerAnswers> = {}): ServerAnswers {
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

/** Server log of a replay, as far as each word of the way. */
export function serverLog(upTo: 'starting' | 'replaying' | 'held'): readonly string[] {
	const lines = [
		'LOG:  database system was interrupted; last known up at 2026-04-01 01:00:02 UTC',
		'LOG:  restored log file "000000010000000000000005" from archive',
		'LOG:  redo starts at 0/5000028',
		'LOG:  consistent recovery state reached at 0/5000138',
		'LOG:  database system is ready to accept read-only connections',
		'LOG:  recovery stopping before WAL location (LSN) "0/5400070"',
		'LOG:  pausing at the end of recovery',
	].map(line => `2026-04-01 10:06:01.512 UTC [4242] ${line}`)
	return lines.slice(0, {starting: 1, replaying: 3, held: 7}[upTo])
}

export function observation(over: Partial<ServerObservation> = {}): ServerObservation {
	return {at: utc('10:06:10'), processAlive: true, log: serverLog('held'), answers: answers(), ...over}
}

export const starting = observation({log: serverLog('starting'), answers: undefined})
export const replaying = observation({log: serverLog('replaying'), answers: undefined})
export const held = observation()
export const died = observation({
	processAlive: false,
	answers: undefined,
	log: [
		...serverLog('replaying'),
		'2026-04-01 10:06:02.000 UTC [4243] FATAL:  recovery ended before configured recovery target was reached',
	],
})
export const promotedItself = observation({
	log: [...serverLog('held').slice(0, 6), '2026-04-01 10:06:02.000 UTC [4243] LOG:  selected new timeline ID: 2'],
	answers: answers({inRecovery: false, pauseState: 'not paused', timeline: timeline(2)}),
})
export const pausedElsewhere = observation({answers: answers({replayEndLsn: lsn('0/5300088')})})

/** An engine that does everything right and writes down what it did. Observations come in this order; the last one stays. */
export function scriptedEngine(
	doings: Doings,
	observations: readonly ServerObservation[],
	over: Partial<RestoreEngine> = {},
): RestoreEngine {
	let looks = 0
	const did =
		<Result>(call: string, result: Result) =>
		async () => {
			doings.push(`engine ${call}`)
			return result
		}
	const calls: Partial<RestoreEngine> = {
		createDirectories: did('createDirectories', undefined),
		copyBaseBackup: async (plan: RestorePlan, onProgress) => {
			doings.push('engine copyBaseBackup')
			onProgress({doneBytes: 20, totalBytes: plan.backup.bytes, doneFiles: 1, totalFiles: plan.backup.files})
			return {bytes: plan.backup.bytes, files: plan.backup.files}
		},
		disarm: did('disarm', ['standby.signal removed']),
		writeConfiguration: did('writeConfiguration', ['/restore/harbor.lastgood/postgresql.conf']),
		checkConfiguration: did('checkConfiguration', undefined),
		startServer: did('startServer', {pid: 4242}),
		promote: did('promote', undefined),
		stopServer: did('stopServer', undefined),
		removeAll: did('removeAll', ['/restore/harbor', '/restore/harbor.lastgood']),
		observe: async () => {
			doings.push('engine observe')
			const seen = observations[Math.min(looks++, observations.length - 1)]
			if (seen === undefined) throw new Error('engine.observe was not expected')
			return seen
		},
		...over,
	}
	return only<RestoreEngine>('engine', calls)
}

/** Engine calls and journal entries that change something: observing is left out. */
export function acts(doings: Doings): readonly string[] {
	return doings.filter(doing => doing !== 'engine observe')
}
