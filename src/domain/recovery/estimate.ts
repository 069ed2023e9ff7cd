import {msBetween} from '../time.ts'
import type {JournalEntry} from './journal.ts'
import type {PlanStepId, RestorePlan} from './plan.ts'

/** How fast an earlier recovery on this machine was. */
export interface MeasuredPace {
	readonly recovery: string
	readonly what: 'copy' | 'replay'
	readonly bytesPerSecond: number
}

/** Reads the pace of a recovery out of its journal; nothing for a step that did not finish. */
export function measuredPaces(plan: RestorePlan, entries: readonly JournalEntry[]): readonly MeasuredPace[] {
	const paceOfStep = (step: PlanStepId, what: MeasuredPace['what'], bytes: number): readonly MeasuredPace[] => {
		const started = entries.find(entry => entry.event === 'step-started' && entry.step === step)
		const finished = entries.find(entry => entry.event === 'step-finished' && entry.step === step)
		if (started === undefined || finished === undefined || bytes === 0) return []
		const elapsedMs = Math.max(1, msBetween(started.at, finished.at))
		return [{recovery: plan.recovery, what, bytesPerSecond: (bytes * 1000) / elapsedMs}]
	}
	return [
		...paceOfStep('copy-base-backup', 'copy', plan.backup.bytes),
		...paceOfStep('replay', 'replay', plan.wal.replayBytes),
	]
}

/** Cautious paces for a machine on which nothing was measured yet: one spinning disk's, and a replay of small commits. */
const unmeasuredCopyBytesPerSecond = 100e6
const unmeasuredReplayBytesPerSecond = 25e6
/** Copying files one by one and starting a server take this long however little there is. */
const fixedMs = 2000

/** How long until the target is reached, with its range and what it rests on; milliseconds. */
export function estimateRecovery(
	copyBytes: number,
	replayBytes: number,
	measured: readonly MeasuredPace[],
): RestorePlan['estimate'] {
	const copy = pacesOf(measured, 'copy', unmeasuredCopyBytesPerSecond)
	const replay = pacesOf(measured, 'replay', unmeasuredReplayBytesPerSecond)
	const ms = (bytes: number, bytesPerSecond: number) => Math.round((bytes * 1000) / bytesPerSecond)
	const copyMs = ms(copyBytes, copy.middle)
	const replayMs = ms(replayBytes, replay.middle)
	const recoveries = new Set(measured.map(pace => pace.recovery)).size
	return {
		copyMs,
		replayMs,
		totalMs: copyMs + replayMs + fixedMs,
		lowMs: ms(copyBytes, copy.fastest) + ms(replayBytes, replay.fastest),
		highMs: ms(copyBytes, copy.slowest) + ms(replayBytes, replay.slowest) + 2 * fixedMs,
		basis:
			recoveries > 0
				? `paces of ${recoveries} earlier recover${recoveries === 1 ? 'y' : 'ies'} on this machine`
				: 'nothing measured on this machine yet: 100 MB/s to copy and 25 MB/s to replay are assumed',
	}
}

function pacesOf(
	measured: readonly MeasuredPace[],
	what: MeasuredPace['what'],
	assumed: number,
): {readonly slowest: number; readonly middle: number; readonly fastest: number} {
	const paces = measured.filter(pace => pace.what === what).map(pace => pace.bytesPerSecond)
	const known = paces.length > 0 ? paces.toSorted((a, b) => a - b) : [assumed]
	const middle = known[Math.floor(known.length / 2)] ?? assumed
	// A single number hides how much it varies: half and double are shown around it.
	return {
		slowest: Math.min(known[0] ?? assumed, middle / 2),
		middle,
		fastest: Math.max(known.at(-1) ?? assumed, middle * 2),
	}
}
