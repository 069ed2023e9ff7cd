import type {UtcInstant} from '../time.ts'
import {msBetween} from '../time.ts'
import type {Lsn} from '../wal/lsn.ts'
import {parseLsn, walBytesBetween} from '../wal/lsn.ts'
import {recordStartAfter} from '../wal/segment.ts'
import type {TimelineId} from '../wal/timeline.ts'

/** How far the copy of the base backup is. */
export interface CopyProgress {
	readonly doneBytes: number
	readonly totalBytes: number
	readonly doneFiles: number
	readonly totalFiles: number
}

/** One line of the restored server's log. */
export type ServerLogLine = string

/** What can be seen of the restored server at one moment. */
export interface ServerObservation {
	readonly at: UtcInstant
	readonly processAlive: boolean
	/** The server log from its beginning. */
	readonly log: readonly ServerLogLine[]
	/** What the server says of itself once it accepts connections; undefined before. */
	readonly answers: ServerAnswers | undefined
}

/** The restored server's own account. */
export interface ServerAnswers {
	readonly inRecovery: boolean
	/** End of the last record replayed, or, out of recovery, the end of what was written. */
	readonly replayEndLsn: Lsn
	/** Stamp of the last transaction replayed; it never proves where replay stopped (§3). */
	readonly lastReplayedAt: UtcInstant | undefined
	readonly pauseState: 'not paused' | 'pause requested' | 'paused'
	readonly timeline: TimelineId | undefined
	readonly archiveMode: string
	readonly listenAddresses: string
}

/** What the server log tells, read from its beginning (texts of 13 to 18: postgres-recovery.md §7). */
export interface ServerLogFacts {
	readonly redoStartLsn: Lsn | undefined
	readonly consistentLsn: Lsn | undefined
	readonly restoredSegments: readonly string[]
	readonly acceptsReadOnly: boolean
	/** The `recovery stopping …` line. */
	readonly stoppingLine: string | undefined
	readonly pausedAtTarget: boolean
	/** Paused because a setting is too low: looks like the pause at the target and is not. */
	readonly pausedForParameters: boolean
	readonly newTimeline: number | undefined
	readonly promoted: boolean
	/** FATAL and PANIC messages, with the DETAIL and HINT lines that follow each. */
	readonly fatal: readonly string[]
}

const messageText = /^(?:\S+ \S+ \S+ \[\d+\] )?(LOG|FATAL|PANIC|WARNING|DETAIL|HINT|ERROR|STATEMENT|CONTEXT):\s+(.*)$/

/** Reads the server log. Connection attempts that a starting server refuses are no failure. */
export function readServerLog(lines: readonly ServerLogLine[]): ServerLogFacts {
	let redoStartLsn: Lsn | undefined
	let consistentLsn: Lsn | undefined
	const restoredSegments: string[] = []
	let acceptsReadOnly = false
	let stoppingLine: string | undefined
	let pausedAtTarget = false
	let pausedForParameters = false
	let insufficientParameters = false
	let newTimeline: number | undefined
	let promoted = false
	const fatal: string[] = []
	let explainsFatal = false
	for (const line of lines) {
		const [, level = '', text = ''] = messageText.exec(line) ?? []
		if (level === 'FATAL' || level === 'PANIC') {
			explainsFatal = !/^the database system is |^terminating connection|^connection to client lost/.test(text)
			if (explainsFatal) fatal.push(`${level}:  ${text}`)
			continue
		}
		if (level === 'DETAIL' || level === 'HINT') {
			if (explainsFatal) fatal.push(`${level}:  ${text}`)
			continue
		}
		explainsFatal = false
		if (level === 'WARNING' && /insufficient parameter settings/.test(text)) insufficientParameters = true
		if (level !== 'LOG') continue
		redoStartLsn = lsnAfter(/^redo starts at (\S+)/, text) ?? redoStartLsn
		consistentLsn = lsnAfter(/^consistent recovery state reached at (\S+)/, text) ?? consistentLsn
		const restored = /^restored log file "([0-9A-F]{24})" from archive/.exec(text)
		if (restored !== null) restoredSegments.push(restored[1] ?? '')
		if (/^database system is ready to accept read[- ]only connections/.test(text)) acceptsReadOnly = true
		if (text.startsWith('recovery stopping ')) stoppingLine = text
		if (text.startsWith('pausing at the end of recovery')) pausedAtTarget = true
		if (text.startsWith('recovery has paused') && insufficientParameters) pausedForParameters = true
		const selected = /^selected new timeline ID: (\d+)/.exec(text)
		if (selected !== null) newTimeline = Number(selected[1])
		if (text === 'archive recovery complete' || text.startsWith('database system is ready to accept connections'))
			promoted = true
	}
	return {
		redoStartLsn,
		consistentLsn,
		restoredSegments,
		acceptsReadOnly,
		stoppingLine,
		pausedAtTarget,
		pausedForParameters,
		newTimeline,
		promoted,
		fatal,
	}
}

function lsnAfter(pattern: RegExp, text: string): Lsn | undefined {
	return parseLsn(pattern.exec(text)?.[1] ?? '')
}

/** Where the restored server stands on its way to the target. */
export type Standing =
	| {readonly state: 'starting'}
	| {readonly state: 'replaying'}
	| {readonly state: 'held'; readonly stoppedAtLsn: Lsn; readonly exact: boolean}
	| {readonly state: 'paused-elsewhere'; readonly stoppedAtLsn: Lsn}
	| {readonly state: 'paused-for-parameters'; readonly stoppedAtLsn: Lsn}
	| {readonly state: 'promoted-itself'; readonly timeline: number | undefined}
	| {readonly state: 'died'; readonly reasons: readonly string[]}

/**
 * Judges where the server stands against where the plan says it stops. The proof is the LSN: the end of the last
 * record replayed, page header stepped over, is the start of the record that was not (postgres-recovery.md §3).
 */
export function judgeStanding(
	observation: ServerObservation,
	expected: {readonly stopLsn: Lsn; readonly replayEndLsn: Lsn | undefined; readonly walSegmentBytes: number},
): Standing {
	const facts = readServerLog(observation.log)
	const {answers} = observation
	if (facts.promoted || answers?.inRecovery === false) return {state: 'promoted-itself', timeline: facts.newTimeline}
	if (!observation.processAlive)
		return {state: 'died', reasons: facts.fatal.length > 0 ? facts.fatal : observation.log.slice(-5)}
	if (answers === undefined) return facts.redoStartLsn === undefined ? {state: 'starting'} : {state: 'replaying'}
	if (answers.pauseState !== 'paused') return {state: 'replaying'}
	const stoppedAtLsn = answers.replayEndLsn
	if (facts.pausedForParameters) return {state: 'paused-for-parameters', stoppedAtLsn}
	if (!facts.pausedAtTarget) return {state: 'replaying'}
	if (expected.replayEndLsn !== undefined) {
		const next = recordStartAfter(stoppedAtLsn, expected.walSegmentBytes)
		const exact =
			stoppedAtLsn === expected.replayEndLsn ||
			next === expected.replayEndLsn ||
			next === recordStartAfter(expected.replayEndLsn, expected.walSegmentBytes)
		return exact ? {state: 'held', stoppedAtLsn, exact: true} : {state: 'paused-elsewhere', stoppedAtLsn}
	}
	// Which record the stop falls on is not known, only that everything before it is applied.
	return recordStartAfter(stoppedAtLsn, expected.walSegmentBytes) >= expected.stopLsn
		? {state: 'held', stoppedAtLsn, exact: false}
		: {state: 'paused-elsewhere', stoppedAtLsn}
}

/** Where replay is, at one moment. */
export interface ReplayProgress {
	readonly accepting: boolean
	readonly replayEndLsn: Lsn | undefined
	readonly replayedAt: UtcInstant | undefined
	readonly doneBytes: number
	readonly totalBytes: number
	readonly bytesPerSecond: number | undefined
	readonly etaMs: number | undefined
	/** The segment fetched last. */
	readonly segment: string | undefined
	readonly logTail: readonly string[]
}

/** A pace measured over a stretch of work. */
export interface Pace {
	readonly bytesPerSecond: number | undefined
	readonly etaMs: number | undefined
	readonly percent: number
}

/** The average pace since the start and what is left at that pace; undefined until there is something to measure. */
export function paceOf(startedAt: UtcInstant, now: UtcInstant, doneBytes: number, totalBytes: number): Pace {
	const elapsedMs = msBetween(startedAt, now)
	const bytesPerSecond = elapsedMs >= 200 && doneBytes > 0 ? (doneBytes * 1000) / elapsedMs : undefined
	return {
		bytesPerSecond,
		etaMs: bytesPerSecond === undefined ? undefined : (Math.max(0, totalBytes - doneBytes) * 1000) / bytesPerSecond,
		percent: totalBytes <= 0 ? 100 : Math.min(100, (doneBytes * 100) / totalBytes),
	}
}

/** How far replay is between the redo point and the stop, in bytes of WAL. */
export function replayedBytes(
	redoLsn: Lsn,
	replayEndLsn: Lsn,
	stopLsn: Lsn,
): {readonly doneBytes: number; readonly totalBytes: number} {
	const totalBytes = Math.max(0, walBytesBetween(redoLsn, stopLsn))
	return {doneBytes: Math.min(totalBytes, Math.max(0, walBytesBetween(redoLsn, replayEndLsn))), totalBytes}
}
