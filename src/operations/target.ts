import {TargetBeyondArchiveError, UsageError} from '../domain/errors.ts'
import type {DecodedPath} from '../domain/recovery/path.ts'
import {isCommit, isTransactionEnd, type RecoveryTarget} from '../domain/recovery/target.ts'
import type {UtcInstant} from '../domain/time.ts'
import type {Lsn} from '../domain/wal/lsn.ts'
import {formatLsn} from '../domain/wal/lsn.ts'
import {obstacleTo} from './obstacle.ts'

/** A target as it is asked for on the command line: xids are looked up in the WAL before they mean a place. */
export type WantedTarget =
	| {readonly kind: 'before' | 'after'; readonly place: {readonly lsn: Lsn} | {readonly xid: number}}
	| {readonly kind: 'lsn'; readonly lsn: Lsn; readonly inclusive: boolean}
	| {readonly kind: 'xid'; readonly xid: number; readonly inclusive: boolean}
	| {readonly kind: 'time'; readonly at: UtcInstant; readonly inclusive: boolean}
	| {readonly kind: 'restore-point'; readonly name: string}
	| {readonly kind: 'immediate'}
	| {readonly kind: 'latest'}

/** What has to be decoded to resolve and predict the target. */
export function decodeNeedOf(wanted: WantedTarget): {readonly stopLsn?: Lsn; readonly from?: UtcInstant} {
	switch (wanted.kind) {
		case 'before':
		case 'after':
			return 'lsn' in wanted.place ? {stopLsn: wanted.place.lsn} : {}
		case 'lsn':
			return {stopLsn: wanted.lsn}
		case 'time':
			return {from: wanted.at}
		case 'xid':
		case 'restore-point':
		case 'immediate':
		case 'latest':
			return {}
		default:
			return wanted satisfies never
	}
}

/** The target on the decoded path. Throws TargetBeyondArchiveError for an xid that never committed there, ArchiveGapError where it may have behind a hole, UsageError for a subtransaction's. */
export function resolveTarget(wanted: WantedTarget, path: DecodedPath): RecoveryTarget {
	const {timeline} = path.history
	switch (wanted.kind) {
		case 'before':
		case 'after':
			return {
				kind: 'lsn',
				lsn: 'lsn' in wanted.place ? wanted.place.lsn : commitOf(wanted.place.xid, path),
				inclusive: wanted.kind === 'after',
				timeline,
			}
		case 'xid':
			// The server would replay to the end of the archive and fail there; better said before anything is copied.
			commitOf(wanted.xid, path)
			return {...wanted, timeline}
		case 'lsn':
		case 'time':
		case 'restore-point':
		case 'immediate':
		case 'latest':
			return {...wanted, timeline}
		default:
			return wanted satisfies never
	}
}

function commitOf(xid: number, path: DecodedPath): Lsn {
	const {wal} = path
	const ends = wal.boundaries.filter(isTransactionEnd)
	const commit = ends.find(boundary => isCommit(boundary) && boundary.xid === xid)
	if (commit !== undefined) return commit.lsn
	const aborted = ends.find(boundary => boundary.xid === xid)
	if (aborted !== undefined) {
		throw new TargetBeyondArchiveError(
			`xid ${xid} never committed: it was rolled back at ${formatLsn(aborted.lsn)} and did no harm`,
			['look for another culprit: lastgood boundaries … --rank'],
		)
	}
	const parent = ends.find(boundary => boundary.subxids.includes(xid))
	if (parent !== undefined) {
		throw new UsageError(
			`xid ${xid} is a subtransaction of xid ${parent.xid}, and only whole transactions can be a target`,
			[`--before ${parent.xid}`],
		)
	}
	const open = wal.open.find(transaction => transaction.xid === xid)
	const why =
		open === undefined
			? `xid ${xid} never committed in the archived WAL from ${formatLsn(wal.fromLsn)} to ${formatLsn(wal.endLsn)}`
			: `xid ${xid} never committed: it was still open at ${formatLsn(wal.endLsn)}, where the archived WAL ends`
	const obstacle = obstacleTo(why, path)
	if (obstacle !== undefined) throw obstacle
	throw new TargetBeyondArchiveError(why, [
		'lastgood boundaries lists the commits around a time with their xids',
		'a commit before the base backup cannot be a target',
	])
}
