import {type Command, InvalidArgumentError} from 'commander'
import {UsageError} from '../domain/errors.ts'
import {parseTime, type UtcInstant} from '../domain/time.ts'
import {parseLsn} from '../domain/wal/lsn.ts'
import {type TimelineId, timelineId} from '../domain/wal/timeline.ts'
import {describeTimeProblem} from '../guide/incident.ts'
import type {SourceRequest} from '../operations/survey-source.ts'
import type {WantedTarget} from '../operations/target.ts'

/** Options that say where an archive is and how it is read, the same for every command. */
export interface SourceOptions {
	readonly archive?: string
	readonly backups?: readonly string[]
	readonly layout?: string
	readonly pgBin?: string
	readonly primary?: string
	readonly timeline?: TimelineId
	readonly state?: string
	readonly json?: boolean
}

/** Adds the options of a source to a command. */
export function withSource(command: Command): Command {
	return command
		.option('--archive <where>', 'the WAL archive, where it lies apart from the base backups')
		.option('--backups <where...>', 'one or more places of base backups')
		.option('--timeline <number>', 'the timeline to follow; the newest one otherwise', parseTimeline)
		.option('--primary <conninfo>', 'the damaged server, only ever read, for table names')
}

/** Adds the options that every command takes. */
export function withCommon(command: Command): Command {
	return command
		.option('--pg-bin <folder>', 'folder of the PostgreSQL programs to use')
		.option('--state <folder>', 'where recoveries are recorded (default: $XDG_STATE_HOME/lastgood)')
		.option('--json', 'one JSON document on standard output, messages on standard error')
}

/** Where to look, from the positional argument and the options. Throws UsageError when nothing is named. */
export function sourceRequest(location: string | undefined, options: SourceOptions): SourceRequest {
	if (location === undefined && options.archive === undefined) {
		throw new UsageError('no archive is named', [
			'lastgood survey /path/to/archive',
			'lastgood demo shows the whole thing on a cluster of its own',
		])
	}
	return {location, archive: options.archive, backups: options.backups}
}

/** Reads a time that must name its zone. Throws UsageError. */
export function timeOption(text: string, now: UtcInstant): UtcInstant {
	const reading = parseTime(text, now)
	if (reading.ok) return reading.instant
	throw new UsageError(`${JSON.stringify(text)}: ${describeTimeProblem(reading.problem)}`, [
		'write it as 2026-04-01T09:41:23Z, or with an offset or a zone: 2026-04-01 11:41 Europe/Berlin',
	])
}

/** Reads `10m`, `90s`, `2h` into milliseconds; a bare number is minutes. */
export function parseWindow(text: string): number {
	const parts = /^(\d+(?:\.\d+)?)\s*(s|m|min|h|d)?$/.exec(text.trim())
	const unitMs = {s: 1000, m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000}[parts?.[2] ?? 'm'] ?? 60_000
	if (parts === null) throw new InvalidArgumentError('write it as 90s, 10m or 2h')
	return Number(parts[1]) * unitMs
}

/** Reads a whole number of at least 0. */
export function parseCount(text: string): number {
	if (!/^\d+$/.test(text)) throw new InvalidArgumentError('it must be a whole number')
	return Number(text)
}

/** Reads a port. */
export function parsePort(text: string): number {
	const port = parseCount(text)
	if (port < 1 || port > 65535) throw new InvalidArgumentError('a port is a number from 1 to 65535')
	return port
}

function parseTimeline(text: string): TimelineId {
	const timeline = /^\d+$/.test(text) ? timelineId(Number(text)) : undefined
	if (timeline === undefined) throw new InvalidArgumentError('a timeline is a decimal number from 1')
	return timeline
}

/** Options that name a target; exactly one of them must be there. */
export interface TargetOptions {
	readonly before?: string
	readonly after?: string
	readonly targetTime?: string
	readonly targetName?: string
	readonly targetXid?: string
	readonly targetLsn?: string
	readonly immediate?: boolean
	readonly latest?: boolean
	readonly inclusive?: boolean
	readonly exclusive?: boolean
}

/** Adds the options that name a target and a place for the restored cluster. */
export function withTarget(command: Command): Command {
	return command
		.option('--before <lsn or xid>', 'stop just before this commit (recommended)')
		.option('--after <lsn or xid>', 'stop just after this commit')
		.option('--target-time <time>', 'stop at a time; its zone is required')
		.option('--target-name <name>', 'stop at a restore point')
		.option('--target-xid <xid>', 'stop at the end of a transaction')
		.option('--target-lsn <lsn>', 'stop at an LSN')
		.option('--immediate', 'stop at the first consistent state of the base backup')
		.option('--latest', 'stop at the end of the archive')
		.option('--inclusive', 'keep the target itself (the default, as in PostgreSQL)')
		.option('--exclusive', 'do not keep the target itself')
		.option('--to <folder>', 'where the restored cluster goes: an empty folder or a new one')
		.option('--port <number>', 'port that names its private socket', parsePort)
}

/** The target that the options ask for. Throws UsageError for none, several, or one that cannot be read. */
export function wantedTarget(options: TargetOptions, now: UtcInstant): WantedTarget {
	const given = (
		['before', 'after', 'targetTime', 'targetName', 'targetXid', 'targetLsn', 'immediate', 'latest'] as const
	).filter(name => options[name] !== undefined)
	const [kind] = given
	if (kind === undefined || given.length > 1) {
		throw new UsageError(
			kind === undefined ? 'no target is named' : `${given.length} targets are named, and there can be one`,
			['--before <lsn or xid of the first bad commit> is the recommended one'],
		)
	}
	if (options.inclusive === true && options.exclusive === true)
		throw new UsageError('--inclusive and --exclusive exclude each other', ['give one of them'])
	const inclusive = options.exclusive !== true
	switch (kind) {
		case 'before':
		case 'after':
			return {kind, place: lsnOrXid(options[kind] ?? '')}
		case 'targetTime':
			return {kind: 'time', at: timeOption(options.targetTime ?? '', now), inclusive}
		case 'targetName':
			return {kind: 'restore-point', name: options.targetName ?? ''}
		case 'targetXid': {
			const place = lsnOrXid(options.targetXid ?? '')
			if (!('xid' in place))
				throw new UsageError(`${JSON.stringify(options.targetXid)} is no xid`, [
					'an xid is a decimal number: --target-xid 3770',
				])
			return {kind: 'xid', xid: place.xid, inclusive}
		}
		case 'targetLsn': {
			const lsn = parseLsn(options.targetLsn ?? '')
			if (lsn === undefined)
				throw new UsageError(`${JSON.stringify(options.targetLsn)} is no LSN`, ['an LSN looks like 0/6DCE410'])
			return {kind: 'lsn', lsn, inclusive}
		}
		case 'immediate':
		case 'latest':
			return {kind}
		default:
			return kind satisfies never
	}
}

function lsnOrXid(text: string): {readonly lsn: NonNullable<ReturnType<typeof parseLsn>>} | {readonly xid: number} {
	const lsn = parseLsn(text)
	if (lsn !== undefined) return {lsn}
	if (/^\d{1,10}$/.test(text) && Number(text) <= 0xffff_ffff) return {xid: Number(text)}
	throw new UsageError(`${JSON.stringify(text)} is neither an LSN nor an xid`, [
		'an LSN looks like 0/6DCE410, an xid like 3770',
	])
}
