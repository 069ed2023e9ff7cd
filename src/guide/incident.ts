import {parseTime, type TimeProblem, type UtcInstant} from '../domain/time.ts'
import {parseLsn} from '../domain/wal/lsn.ts'
import type {Incident} from './state.ts'

export type IncidentReading =
	| {readonly ok: true; readonly incident: Incident}
	| {readonly ok: false; readonly problem: TimeProblem}

/** Reads what the operator reports: a time as people say it, an LSN, `xid 3770`, or `table bond_reservations`. */
export function readIncident(text: string, now: UtcInstant, zone: string | undefined): IncidentReading {
	const typed = text.trim()
	const lsn = parseLsn(typed)
	if (lsn !== undefined) return {ok: true, incident: {kind: 'lsn', typed, lsn}}
	const xid = /^xid\s*(\d{1,10})$/i.exec(typed) ?? /^(\d{1,8})$/.exec(typed)
	if (xid !== null) return {ok: true, incident: {kind: 'xid', typed, xid: Number(xid[1])}}
	const table = /^table\s+(\S+)$/i.exec(typed)
	if (table !== null) return {ok: true, incident: {kind: 'table', typed, table: table[1] ?? ''}}
	const reading = parseTime(typed, now, zone)
	if (!reading.ok) return reading
	return {ok: true, incident: {kind: 'time', typed, at: reading.instant, zone: reading.zone}}
}

/** What is wrong with a reported time, and what to type instead. */
export function describeTimeProblem(problem: TimeProblem): string {
	switch (problem.kind) {
		case 'unreadable':
			return 'this is no time, xid, LSN or table: try 2026-04-01T09:41:23Z, today 09:41 Europe/Berlin, 20 min ago, xid 3770'
		case 'zone-missing':
			return 'a time needs its zone: UTC, +02, Europe/Berlin'
		case 'zone-unknown':
			return `${JSON.stringify(problem.zone)} is no zone: type UTC, an offset such as +02, or a name such as Europe/Berlin`
		case 'skipped':
			return `clocks in ${problem.zone} never showed this time: they were put forward over it`
		case 'ambiguous':
			return `clocks in ${problem.zone} showed this time twice: choose which`
		default:
			return problem satisfies never
	}
}
