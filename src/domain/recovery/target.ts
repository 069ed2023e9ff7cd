import type {UtcInstant} from '../time.ts'
import {formatForPostgres, formatInstant} from '../time.ts'
import type {Lsn} from '../wal/lsn.ts'
import {formatLsn} from '../wal/lsn.ts'
import type {Boundary, DecodedWal, RelationRows, RestorePointBoundary, TransactionBoundary} from '../wal/record.ts'
import type {TimelineId} from '../wal/timeline.ts'

/** Where replay is told to stop. `latest` means the end of the WAL that was archived when the plan was made. */
export type RecoveryTarget =
	| {readonly kind: 'lsn'; readonly lsn: Lsn; readonly inclusive: boolean; readonly timeline: TimelineId}
	| {readonly kind: 'xid'; readonly xid: number; readonly inclusive: boolean; readonly timeline: TimelineId}
	| {readonly kind: 'time'; readonly at: UtcInstant; readonly inclusive: boolean; readonly timeline: TimelineId}
	| {readonly kind: 'restore-point'; readonly name: string; readonly timeline: TimelineId}
	| {readonly kind: 'immediate'; readonly timeline: TimelineId}
	| {readonly kind: 'latest'; readonly timeline: TimelineId}

/** The target in words: `LSN 0/6DCE410, exclusive`. */
export function describeTarget(target: RecoveryTarget): string {
	switch (target.kind) {
		case 'lsn':
			return `LSN ${formatLsn(target.lsn)}, ${edge(target.inclusive)}`
		case 'xid':
			return `xid ${target.xid}, ${edge(target.inclusive)}`
		case 'time':
			return `${formatInstant(target.at)}, ${edge(target.inclusive)}`
		case 'restore-point':
			return `restore point ${JSON.stringify(target.name)}`
		case 'immediate':
			return 'the first consistent state of the base backup'
		case 'latest':
			return 'the end of the archive'
		default:
			return target satisfies never
	}
}

/** The target's value as the server setting spells it. */
export function targetValue(target: RecoveryTarget): string {
	switch (target.kind) {
		case 'lsn':
			return formatLsn(target.lsn)
		case 'xid':
			return String(target.xid)
		case 'time':
			return formatForPostgres(target.at)
		case 'restore-point':
			return target.name
		case 'immediate':
		case 'latest':
			return target.kind
		default:
			return target satisfies never
	}
}

function edge(inclusive: boolean): string {
	return inclusive ? 'inclusive' : 'exclusive'
}

/** A transaction that had begun and not ended at the stop. */
export interface InFlightTransaction {
	readonly xid: number
	readonly firstLsn: Lsn
	readonly outcome: 'commit' | 'abort' | 'commit-prepared' | 'abort-prepared' | 'unknown'
}

/** Where replay will stop, and what that keeps and loses. */
export interface Consequences {
	/** Every record that starts before this LSN is applied, none from it on. */
	readonly stopLsn: Lsn
	/** What pg_last_wal_replay_lsn() says at the stop, up to page headers; undefined where only a lower bound is known. */
	readonly replayEndLsn: Lsn | undefined
	/** The record that makes replay stop; undefined for the end of the archive and the first consistent state. */
	readonly stopRecordLsn: Lsn | undefined
	readonly lastKept: TransactionBoundary | undefined
	readonly firstLost: TransactionBoundary | undefined
	readonly keptCommits: number
	readonly lostCommits: number
	readonly lostUntil: UtcInstant | undefined
	readonly lostRows: readonly RelationRows[]
	readonly inFlight: readonly InFlightTransaction[]
	/** Global identifiers of transactions that stay prepared at the stop and hold their locks after promotion. */
	readonly preparedInDoubt: readonly string[]
	/** Commits stamped later than the first lost one although they are kept, and earlier than the last kept one although they are lost: WAL order decides, not time order. */
	readonly stampedLaterButKept: readonly TransactionBoundary[]
	readonly stampedEarlierButLost: readonly TransactionBoundary[]
}

export type Prediction =
	| {readonly ok: true; readonly consequences: Consequences}
	| {
			readonly ok: false
			readonly reason: 'before-consistency' | 'never-reached'
			/** One sentence with the values in it. */
			readonly why: string
			/** The nearest place where replay can stop; undefined when there is none. */
			readonly nearest: TransactionBoundary | undefined
	  }

/**
 * Says where PostgreSQL stops for a target, by its own rules (xlogrecovery.c, recoveryStopsBefore and recoveryStopsAfter).
 * `wal` must begin at the redo point of the backup: a transaction that ended before it is never met again.
 */
export function predictStop(target: RecoveryTarget, wal: DecodedWal, consistentFromLsn: Lsn): Prediction {
	const stop = findStop(target, wal, consistentFromLsn)
	const transactions = wal.boundaries.filter(isTransactionEnd)
	const reachable = transactions.filter(boundary => boundary.endLsn >= consistentFromLsn)
	if (stop === undefined) {
		return {
			ok: false,
			reason: 'never-reached',
			why: `nothing in the archived WAL, which ends at ${formatLsn(wal.endLsn)}, is a stop for ${describeTarget(target)}${hintFor(target, transactions)}`,
			nearest: reachable.at(-1),
		}
	}
	if (stop.stopLsn < consistentFromLsn) {
		return {
			ok: false,
			reason: 'before-consistency',
			why: `${describeTarget(target)} stops at ${formatLsn(stop.stopLsn)}, before the base backup is consistent at ${formatLsn(consistentFromLsn)}`,
			nearest: reachable[0],
		}
	}
	return {ok: true, consequences: consequencesOf(stop, wal)}
}

interface Stop {
	readonly stopLsn: Lsn
	readonly replayEndLsn: Lsn | undefined
	readonly stopRecordLsn: Lsn | undefined
}

function findStop(target: RecoveryTarget, wal: DecodedWal, consistentFromLsn: Lsn): Stop | undefined {
	switch (target.kind) {
		case 'lsn':
			return lsnStop(target.lsn, target.inclusive, wal)
		case 'xid': {
			// The record's own xid, 32 bits, of any commit or abort; a committed subtransaction's xid never matches.
			const found = wal.boundaries.find(boundary => isTransactionEnd(boundary) && boundary.xid === target.xid)
			return found === undefined ? undefined : target.inclusive ? after(found) : before(found)
		}
		case 'time': {
			const found = wal.boundaries.find(
				boundary =>
					isTransactionEnd(boundary) && (target.inclusive ? boundary.at > target.at : boundary.at >= target.at),
			)
			return found === undefined ? undefined : before(found)
		}
		case 'restore-point': {
			const found = wal.boundaries.find(boundary => isRestorePoint(boundary) && boundary.name === target.name)
			return found === undefined ? undefined : after(found)
		}
		case 'immediate':
			return {stopLsn: consistentFromLsn, replayEndLsn: undefined, stopRecordLsn: undefined}
		case 'latest': {
			const last = wal.boundaries.findLast(isTransactionEnd)
			return last === undefined ? undefined : after(last)
		}
		default:
			return target satisfies never
	}
}

function lsnStop(lsn: Lsn, inclusive: boolean, wal: DecodedWal): Stop | undefined {
	// The server stops at the first record that starts at or after the LSN; without one it never does.
	if (lsn > wal.lastLsn) return undefined
	const next = wal.boundaries.find(boundary => boundary.lsn >= lsn)
	if (next !== undefined && next.prevLsn < lsn) return inclusive ? after(next) : before(next)
	// The record that the LSN stands for is no boundary: no commit starts between the two, and an inclusive target applies
	// that record besides, and nothing more.
	return {stopLsn: lsn, replayEndLsn: undefined, stopRecordLsn: lsn}
}

function before(boundary: Boundary): Stop {
	return {stopLsn: boundary.lsn, replayEndLsn: boundary.lsn, stopRecordLsn: boundary.lsn}
}

function after(boundary: Boundary): Stop {
	return {stopLsn: boundary.endLsn, replayEndLsn: boundary.endLsn, stopRecordLsn: boundary.lsn}
}

function consequencesOf(stop: Stop, wal: DecodedWal): Consequences {
	const commits = wal.boundaries.filter(isCommit)
	const kept = commits.filter(boundary => boundary.lsn < stop.stopLsn)
	const lost = commits.filter(boundary => boundary.lsn >= stop.stopLsn)
	const lastKept = kept.at(-1)
	const firstLost = lost[0]
	const prepares = wal.boundaries.filter(isPrepare).filter(boundary => boundary.lsn < stop.stopLsn)
	const endedBefore = new Set(
		wal.boundaries
			.filter(isTransactionEnd)
			.filter(boundary => boundary.lsn < stop.stopLsn)
			.map(boundary => boundary.xid),
	)
	const inDoubt = prepares.filter(boundary => !endedBefore.has(boundary.xid))
	return {
		...stop,
		lastKept,
		firstLost,
		keptCommits: kept.length,
		lostCommits: lost.length,
		lostUntil: lost.reduce<UtcInstant | undefined>(
			(latest, boundary) => (latest === undefined || boundary.at > latest ? boundary.at : latest),
			undefined,
		),
		lostRows: sumRows(lost.flatMap(boundary => boundary.work.rows)),
		inFlight: inFlightAt(stop.stopLsn, wal, new Set(inDoubt.map(boundary => boundary.xid))),
		preparedInDoubt: inDoubt.map(boundary => boundary.gid),
		stampedLaterButKept: firstLost === undefined ? [] : kept.filter(boundary => boundary.at > firstLost.at),
		stampedEarlierButLost: lastKept === undefined ? [] : lost.filter(boundary => boundary.at < lastKept.at),
	}
}

/** What was prepared is no longer in flight: it stays, in doubt. A transaction whose first record is not known began before what was decoded. */
function inFlightAt(stopLsn: Lsn, wal: DecodedWal, inDoubt: ReadonlySet<number>): readonly InFlightTransaction[] {
	const ended = wal.boundaries
		.filter(isTransactionEnd)
		.filter(boundary => boundary.lsn >= stopLsn)
		.map(({xid, work, kind}) => ({xid, firstLsn: work.firstLsn ?? wal.fromLsn, outcome: kind}))
	const open = wal.open.map(({xid, firstLsn}) => ({
		xid,
		firstLsn: firstLsn ?? wal.fromLsn,
		outcome: 'unknown' as const,
	}))
	return [...ended, ...open]
		.filter(({xid, firstLsn}) => firstLsn < stopLsn && !inDoubt.has(xid))
		.sort((a, b) => (a.firstLsn < b.firstLsn ? -1 : a.firstLsn > b.firstLsn ? 1 : 0))
}

/** Adds rows up by relation. */
export function sumRows(rows: readonly RelationRows[]): readonly RelationRows[] {
	const sums = new Map<string, RelationRows>()
	for (const row of rows) {
		const sum = sums.get(row.relation)
		sums.set(
			row.relation,
			sum === undefined
				? row
				: {
						relation: row.relation,
						inserted: sum.inserted + row.inserted,
						updated: sum.updated + row.updated,
						deleted: sum.deleted + row.deleted,
					},
		)
	}
	return [...sums.values()]
}

function hintFor(target: RecoveryTarget, transactions: readonly TransactionBoundary[]): string {
	if (target.kind === 'xid') {
		const parent = transactions.find(boundary => boundary.subxids.includes(target.xid))
		if (parent !== undefined) return `: it is a subtransaction of xid ${parent.xid}, and only that xid can be a target`
	}
	if (target.kind === 'time') {
		const last = transactions.at(-1)
		if (last !== undefined)
			return `: a time target needs a later commit, and the last one is stamped ${formatInstant(last.at)}`
	}
	return ''
}

/** Whether a boundary ends a transaction: the records at which xid and time targets stop. */
export function isTransactionEnd(boundary: Boundary): boundary is TransactionBoundary {
	return boundary.kind !== 'restore-point' && boundary.kind !== 'prepare'
}

/** Whether a boundary keeps what a transaction wrote. */
export function isCommit(boundary: Boundary): boundary is TransactionBoundary {
	return boundary.kind === 'commit' || boundary.kind === 'commit-prepared'
}

function isRestorePoint(boundary: Boundary): boundary is RestorePointBoundary {
	return boundary.kind === 'restore-point'
}

function isPrepare(boundary: Boundary): boundary is Extract<Boundary, {kind: 'prepare'}> {
	return boundary.kind === 'prepare'
}
