import type {RelationNames} from '../names.ts'
import {tableRows, tablesOf} from '../names.ts'
import {formatInstant, type UtcInstant} from '../time.ts'
import {formatLsn} from './lsn.ts'
import type {Boundary} from './record.ts'
import type {Suspicion} from './suspicion.ts'
import {longestDurationMs} from './window.ts'

/** A boundary as `boundaries --json` prints it (cli.md). `all` is the whole decode: it bounds how long a transaction took. */
export function boundaryToJson(
	boundary: Boundary,
	names: RelationNames | undefined,
	all: readonly Boundary[],
	suspicion: Suspicion | undefined,
): Record<string, unknown> {
	const place = {kind: boundary.kind, lsn: formatLsn(boundary.lsn), endLsn: formatLsn(boundary.endLsn)}
	if (boundary.kind === 'restore-point') return {...place, ...nothingWritten, name: boundary.name}
	const owner = {xid: boundary.xid, at: formatInstant(boundary.at)}
	if (boundary.kind === 'prepare') return {...place, ...nothingWritten, ...owner, gid: boundary.gid}
	const {work} = boundary
	const durationMs = longestDurationMs(all, boundary)
	return {
		...place,
		...owner,
		firstLsn: work.firstLsn === undefined ? null : formatLsn(work.firstLsn),
		durationMs: durationMs === undefined ? null : Math.round(durationMs),
		walBytes: work.walBytes,
		tables: tableRows(names, work.rows).map(row => ({...row, database: row.database ?? null})),
		catalogRows: work.catalogRows,
		dropped: [...work.droppedDatabases.map(oid => `database ${oid}`), ...tablesOf(names, work.dropped)],
		truncated: tablesOf(names, work.truncated),
		subxids: boundary.subxids,
		gid: boundary.gid ?? null,
		name: null,
		suspicion: suspicion ?? null,
	}
}

const nothingWritten = {
	xid: null,
	at: null,
	firstLsn: null,
	durationMs: null,
	walBytes: null,
	tables: [],
	catalogRows: 0,
	dropped: [],
	truncated: [],
	subxids: [],
	gid: null,
	name: null,
	suspicion: null,
}

/** The document of `boundaries --json`. */
export function boundariesToJson(listing: {
	readonly around: UtcInstant
	readonly from: UtcInstant
	readonly to: UtcInstant
	readonly timeline: number
	readonly segmentsRead: number
	readonly names: RelationNames
	readonly listed: readonly Boundary[]
	readonly all: readonly Boundary[]
	readonly suspicions: ReadonlyMap<number, Suspicion>
	readonly warnings: readonly string[]
}): unknown {
	const {names, all, suspicions} = listing
	return {
		around: formatInstant(listing.around),
		window: {from: formatInstant(listing.from), to: formatInstant(listing.to)},
		timeline: listing.timeline,
		segmentsRead: listing.segmentsRead,
		names: {
			source: names.source,
			asOf: names.asOf === undefined ? null : formatInstant(names.asOf),
			problem: names.problem ?? null,
		},
		warnings: listing.warnings,
		boundaries: listing.listed.map(boundary => boundaryToJson(boundary, names, all, suspicions.get(boundary.ordinal))),
	}
}
