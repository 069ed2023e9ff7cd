import {isTransactionEnd} from '../domain/recovery/target.ts'
import type {UtcInstant} from '../domain/time.ts'
import type {Boundary} from '../domain/wal/record.ts'

/** How many transactions ended in each slot of a window. */
export interface Density {
	readonly from: UtcInstant
	readonly to: UtcInstant
	readonly counts: readonly number[]
	slotOf(at: UtcInstant): number
}

const slots = 120
const known = new WeakMap<readonly Boundary[], {readonly window: string; readonly density: Density | undefined}>()

/**
 * The density of a list over a window, or over its own stamps. Counted once for each list: a cursor that moves through 100,000
 * rows must not count them at each key.
 */
export function densityOf(
	list: readonly Boundary[],
	window: {readonly from: UtcInstant; readonly to: UtcInstant} | undefined,
): Density | undefined {
	const key = window === undefined ? '' : `${window.from} ${window.to}`
	const before = known.get(list)
	if (before?.window === key) return before.density
	const density = countDensity(list, window)
	known.set(list, {window: key, density})
	return density
}

function countDensity(
	list: readonly Boundary[],
	window: {readonly from: UtcInstant; readonly to: UtcInstant} | undefined,
): Density | undefined {
	const stamps = list.filter(isTransactionEnd).map(boundary => boundary.at)
	const [first] = stamps
	if (first === undefined) return undefined
	const from = window?.from ?? stamps.reduce((lowest, at) => (at < lowest ? at : lowest), first)
	const to = window?.to ?? stamps.reduce((highest, at) => (at > highest ? at : highest), first)
	if (to <= from) return undefined
	const spanMicros = Number(to - from)
	const slotOf = (at: UtcInstant) =>
		Math.min(slots - 1, Math.max(0, Math.floor((Number(at - from) / spanMicros) * slots)))
	const counts = new Array<number>(slots).fill(0)
	for (const at of stamps) {
		const slot = slotOf(at)
		counts[slot] = (counts[slot] ?? 0) + 1
	}
	return {from, to, counts, slotOf}
}
