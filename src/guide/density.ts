import {isTransactionEnd} from '../domain/recovery/target.ts'
import type {UtcInstant} from '../domain/time.ts'
import type {Boundary} from '../domain/wal/record.ts'

/** How many transactions ended in each slot of a stretch of time. */
export interface Density {
	readonly from: UtcInstant
	readonly to: UtcInstant
	readonly counts: readonly number[]
	slotOf(at: UtcInstant): number
}

const slots = 120
const known = new WeakMap<
	readonly Boundary[],
	{readonly incidentAt: UtcInstant | undefined; readonly density: Density | undefined}
>()

/**
 * The density of a list from its first to its last stamp, and to the reported time where that lies outside. Counted once for
 * each list: a cursor that moves through 100,000 rows must not count them at each key.
 */
export function densityOf(list: readonly Boundary[], incidentAt: UtcInstant | undefined): Density | undefined {
	const before = known.get(list)
	if (before !== undefined && before.incidentAt === incidentAt) return before.density
	const density = countDensity(list, incidentAt)
	known.set(list, {incidentAt, density})
	return density
}

function countDensity(list: readonly Boundary[], incidentAt: UtcInstant | undefined): Density | undefined {
	const stamps = list.filter(isTransactionEnd).map(boundary => boundary.at)
	const [first] = stamps
	if (first === undefined) return undefined
	const inSight = incidentAt === undefined ? stamps : [...stamps, incidentAt]
	const from = inSight.reduce((lowest, at) => (at < lowest ? at : lowest), first)
	const to = inSight.reduce((highest, at) => (at > highest ? at : highest), first)
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
