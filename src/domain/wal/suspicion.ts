import type {Boundary, TransactionBoundary} from './record.ts'

/** How likely a commit is the one that did the damage, 1 first, and what speaks for it. */
export interface Suspicion {
	readonly rank: number
	readonly why: string
}

interface Destruction {
	readonly boundary: TransactionBoundary
	readonly databases: number
	readonly relations: number
	readonly truncated: number
	readonly deleted: number
	readonly updated: number
}

/**
 * The commits that destroyed something, most destructive first, by ordinal: dropped databases and relations before emptied or
 * rewritten relations before rows deleted or updated. Counts are compared with what commits of the same list usually do.
 * It ranks what was destroyed, not what was wrong: a nightly purge ranks high too.
 */
export function rankBoundaries(boundaries: readonly Boundary[]): ReadonlyMap<number, Suspicion> {
	const commits = boundaries.filter(isCommit).map(destructionOf)
	const usual = median(commits.map(changedRows).filter(rows => rows > 0))
	const ranked = commits.filter(isDestructive).sort(byDestruction)
	return new Map(
		ranked.map((destruction, index) => [
			destruction.boundary.ordinal,
			{rank: index + 1, why: whyOf(destruction, usual)},
		]),
	)
}

function isCommit(boundary: Boundary): boundary is TransactionBoundary {
	return boundary.kind === 'commit' || boundary.kind === 'commit-prepared'
}

function destructionOf(boundary: TransactionBoundary): Destruction {
	const {work} = boundary
	return {
		boundary,
		databases: work.droppedDatabases.length,
		relations: work.dropped.length,
		truncated: work.truncated.length,
		deleted: work.rows.reduce((sum, row) => sum + row.deleted, 0),
		updated: work.rows.reduce((sum, row) => sum + row.updated, 0),
	}
}

function isDestructive(destruction: Destruction): boolean {
	return destruction.databases + destruction.relations + destruction.truncated + changedRows(destruction) > 0
}

/** Rows whose former content is gone. */
function changedRows({deleted, updated}: Destruction): number {
	return deleted + updated
}

function byDestruction(a: Destruction, b: Destruction): number {
	return (
		b.databases - a.databases ||
		Math.sign(b.relations) - Math.sign(a.relations) ||
		Math.sign(b.truncated) - Math.sign(a.truncated) ||
		// A deleted row is gone, an updated one has a successor: it weighs half.
		b.deleted * 2 + b.updated - (a.deleted * 2 + a.updated) ||
		b.relations + b.truncated - (a.relations + a.truncated) ||
		a.boundary.ordinal - b.boundary.ordinal
	)
}

function whyOf(destruction: Destruction, usual: number | undefined): string {
	const acts = [
		destruction.databases > 0 ? `drops ${counted(destruction.databases, 'database')}` : '',
		destruction.relations > 0 ? `drops ${counted(destruction.relations, 'relation')}` : '',
		destruction.truncated > 0 ? `empties or rewrites ${counted(destruction.truncated, 'relation')}` : '',
		destruction.deleted > 0 ? `deletes ${counted(destruction.deleted, 'row')}` : '',
		destruction.updated > 0 ? `updates ${counted(destruction.updated, 'row')}` : '',
	].filter(act => act !== '')
	const rows = changedRows(destruction)
	if (usual === undefined || rows <= usual) return acts.join(', ')
	const times = rows / usual
	const factor = times < 10 ? times.toFixed(1) : Math.round(times).toString()
	return `${acts.join(', ')}: ${factor} times the ${counted(usual, 'row')} of the median commit that changes any`
}

function median(values: readonly number[]): number | undefined {
	const sorted = values.toSorted((a, b) => a - b)
	return sorted[Math.floor((sorted.length - 1) / 2)]
}

function counted(count: number, noun: string): string {
	return `${count} ${noun}${count === 1 ? '' : 's'}`
}
