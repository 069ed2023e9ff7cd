import {msBetween, type UtcInstant} from '../time.ts'
import type {Boundary, TransactionBoundary} from './record.ts'

/**
 * The boundaries of a stretch of time, in WAL order: from the first to the last one stamped in it, with what stands between
 * them, restore points (which carry no time) and the few that are stamped outside because stamps can run backwards.
 */
export function boundariesBetween(
	boundaries: readonly Boundary[],
	from: UtcInstant,
	to: UtcInstant,
): readonly Boundary[] {
	const stamped = (boundary: Boundary) => boundary.kind !== 'restore-point' && boundary.at >= from && boundary.at <= to
	const first = boundaries.findIndex(stamped)
	return first === -1 ? [] : boundaries.slice(first, boundaries.findLastIndex(stamped) + 1)
}

/**
 * The longest that a transaction can have taken, in ms: WAL holds no start times, so the last stamp before its first record
 * bounds it. undefined where nothing was stamped before it.
 */
export function longestDurationMs(boundaries: readonly Boundary[], boundary: TransactionBoundary): number | undefined {
	const {firstLsn} = boundary.work
	if (firstLsn === undefined) return undefined
	let low = 0
	let high = boundaries.length
	while (low < high) {
		const middle = (low + high) >> 1
		if ((boundaries[middle]?.lsn ?? firstLsn) < firstLsn) low = middle + 1
		else high = middle
	}
	for (let index = low - 1; index >= 0; index--) {
		const before = boundaries[index]
		if (before !== undefined && before.kind !== 'restore-point') return Math.max(0, msBetween(before.at, boundary.at))
	}
	return undefined
}
