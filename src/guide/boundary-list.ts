import {tableLabel, tableRows} from '../domain/names.ts'
import {isTransactionEnd} from '../domain/recovery/target.ts'
import {addMs, type UtcInstant} from '../domain/time.ts'
import {formatLsn} from '../domain/wal/lsn.ts'
import type {Boundary, TransactionBoundary} from '../domain/wal/record.ts'
import {rankBoundaries} from '../domain/wal/suspicion.ts'
import {boundariesBetween} from '../domain/wal/window.ts'
import type {BoundariesStep, Incident} from './state.ts'
import {windowMinutes} from './state.ts'

/** The rows of the boundary list: in the window, filtered, in the chosen order. The same step gives the same list without computing it again. */
export function listedBoundaries(step: BoundariesStep): readonly Boundary[] {
	const known = cache.get(step.boundaries)
	const key = `${step.windowIndex}|${step.order}|${step.filter.text}|${step.names === undefined}`
	if (known?.key === key) return known.list
	const list = ordered(step, filtered(step, inWindow(step)))
	cache.set(step.boundaries, {key, list})
	return list
}

const cache = new WeakMap<readonly Boundary[], {readonly key: string; readonly list: readonly Boundary[]}>()

/** The window as instants; undefined where it is all that was decoded. */
export function windowOf(
	incident: Incident,
	windowIndex: number,
): {readonly from: UtcInstant; readonly to: UtcInstant} | undefined {
	const minutes = windowMinutes[windowIndex]
	if (incident.kind !== 'time' || minutes === undefined) return undefined
	return {from: addMs(incident.at, -minutes * 60_000), to: addMs(incident.at, minutes * 60_000)}
}

function inWindow(step: BoundariesStep): readonly Boundary[] {
	const window = windowOf(step.incident, step.windowIndex)
	if (window === undefined) return step.boundaries
	return boundariesBetween(step.boundaries, window.from, window.to)
}

function filtered(step: BoundariesStep, boundaries: readonly Boundary[]): readonly Boundary[] {
	const words = step.filter.text
		.toLowerCase()
		.split(/\s+/)
		.filter(word => word !== '')
	const wanted = step.incident.kind === 'table' ? [...words, step.incident.table.toLowerCase()] : words
	if (wanted.length === 0) return boundaries
	return boundaries.filter(boundary => {
		const text = searchText(step, boundary)
		return wanted.every(word => text.includes(word))
	})
}

function searchText(step: BoundariesStep, boundary: Boundary): string {
	if (boundary.kind === 'restore-point') return `restore-point ${boundary.name}`.toLowerCase()
	if (boundary.kind === 'prepare') return `prepare ${boundary.xid} ${boundary.gid}`.toLowerCase()
	return `${boundary.kind} ${boundary.xid} ${boundary.gid ?? ''} ${describeWork(step, boundary)}`.toLowerCase()
}

function ordered(step: BoundariesStep, boundaries: readonly Boundary[]): readonly Boundary[] {
	if (step.order === 'wal') return boundaries
	const ranks = rankBoundaries(boundaries.filter(isTransactionEnd))
	const rankOf = (boundary: Boundary) => ranks.get(boundary.ordinal)?.rank ?? Number.MAX_SAFE_INTEGER
	return boundaries.toSorted((a, b) => rankOf(a) - rankOf(b) || a.ordinal - b.ordinal)
}

/** What a transaction wrote, in one line: `bond_reservations ~841, gsi_open_by_issuer -841, drops public.x`. */
export function describeWork(step: Pick<BoundariesStep, 'names'>, {work}: TransactionBoundary): string {
	const {names} = step
	const tables = tableRows(names, work.rows).map(row => {
		const counts = [
			row.inserted > 0 ? `+${row.inserted}` : '',
			row.updated > 0 ? `~${row.updated}` : '',
			row.deleted > 0 ? `-${row.deleted}` : '',
		]
		return `${row.name.replace(/^public\./, '')} ${counts.filter(count => count !== '').join(' ')}`
	})
	const label = (relation: TransactionBoundary['work']['dropped'][number]) =>
		tableLabel(names, relation).replace(/^public\./, '')
	return [
		...work.droppedDatabases.map(oid => `drops database ${oid}`),
		...work.dropped.map(relation => `drops ${label(relation)}`),
		...work.truncated.map(relation => `empties or rewrites ${label(relation)}`),
		...tables,
		...(tables.length === 0 && work.catalogRows > 0 ? [`catalog ${work.catalogRows}`] : []),
	].join(', ')
}

/** Place in the list of the boundary under the cursor; before the operator has moved, of the one that the incident points at. */
export function cursorIndex(step: BoundariesStep, list: readonly Boundary[]): number {
	if (list.length === 0) return 0
	if (step.cursor !== undefined) {
		const exact = list.findIndex(boundary => boundary.ordinal === step.cursor)
		if (exact !== -1) return exact
	}
	return Math.max(0, incidentIndex(step, list))
}

/** What is said of a reported transaction or place in the WAL that is not there once all is decoded; undefined for any other. */
export function pointsNowhere({incident, boundaries, path}: BoundariesStep): string | undefined {
	if (path === undefined) return undefined
	const {fromLsn, endLsn} = path.wal
	const decoded = `the archived WAL from ${formatLsn(fromLsn)} to ${formatLsn(endLsn)}`
	switch (incident.kind) {
		case 'xid': {
			const {xid} = incident
			const ended = boundaries.some(one => isTransactionEnd(one) && (one.xid === xid || one.subxids.includes(xid)))
			return ended ? undefined : `xid ${xid} never committed in ${decoded}`
		}
		case 'lsn':
			return incident.lsn >= fromLsn && incident.lsn < endLsn
				? undefined
				: `LSN ${formatLsn(incident.lsn)} is not in ${decoded}`
		case 'time':
		case 'table':
			return undefined
		default:
			return incident satisfies never
	}
}

function incidentIndex({incident, order}: BoundariesStep, list: readonly Boundary[]): number {
	if (order === 'rank') return 0
	switch (incident.kind) {
		case 'time': {
			const {at} = incident
			// WAL order, not time order: the first record stamped at or after the time is where a time target would stop too.
			const first = list.findIndex(boundary => isTransactionEnd(boundary) && boundary.at >= at)
			return first === -1 ? list.length - 1 : first
		}
		case 'xid':
			return list.findIndex(
				boundary =>
					isTransactionEnd(boundary) && (boundary.xid === incident.xid || boundary.subxids.includes(incident.xid)),
			)
		case 'lsn':
			return list.findIndex(boundary => boundary.lsn >= incident.lsn)
		case 'table':
			return 0
		default:
			return incident satisfies never
	}
}
