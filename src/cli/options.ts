import {type Command, InvalidArgumentError, Option} from 'commander'
import type {Survey} from '../domain/archive/survey.ts'
import {UsageError} from '../domain/errors.ts'
import {formatInstant, parseTime, type TimeProblem, type UtcInstant} from '../domain/time.ts'
import {parseLsn} from '../domain/wal/lsn.ts'
import {type TimelineId, timelineId} from '../domain/wal/timeline.ts'
import {describeTimeProblem} from '../guide/incident.ts'
import type {SourceRequest} from '../operations/survey-source.ts'
import type {WantedTarget} from '../operations/target.ts'

/** Options that say where an archive is and how it is read, the same for every command. */
export interface SourceOptions {
	readonly archive?: string
	readonly backups?: readonly string[]
	readonly layout?: Survey['layout']
	readonly stanza?: string
	readonly server?: string
	readonly endpoint?: string
	readonly region?: string
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
		.addOption(
			new Option('--layout <name>', 'how the archive is arranged; seen by itself otherwise').choices([
				'plain',
				'pgbackrest',
				'barman',
				'barman-cloud',
				'walg',
			]),
		)
		.option('--stanza <name>', 'which archive of a repository that holds several (pgBackRest)')
		.option('--server <name>', 'the same for Barman and WAL-G')
		.option('--endpoint <url>', 'address of the S3 server, where it is not Amazon’s')
		.option('--region <name>', 'region of the bucket')
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
	const {archive, backups, layout, stanza, server, endpoint, region} = options
	return {location, archive, backups, layout, archiveName: stanza ?? server, endpoint, region}
}

/** Reads the time of an option, which must name its zone. Throws UsageError. */
export function timeOption(option: string, text: string, now: UtcInstant): UtcInstant {
	const reading = parseTime(text, now)
	if (reading.ok) return reading.instant
	const {problem} = reading
	throw new UsageError(`${JSON.stringify(text)}: ${timeProblemText(problem)}`, timeAdvice(option, text, problem, now))
}

function timeProblemText(problem: TimeProblem): string {
	switch (problem.kind) {
		case 'unreadable':
			return 'this is no time'
		case 'ambiguous':
			return `clocks in ${problem.zone} showed this time ${problem.readings.length} times, at ${problem.readings.map(formatInstant).join(' and at ')}`
		case 'zone-missing':
		case 'zone-unknown':
		case 'skipped':
			return describeTimeProblem(problem)
		default:
			return problem satisfies never
	}
}

function timeAdvice(option: string, text: string, problem: TimeProblem, now: UtcInstant): readonly string[] {
	switch (problem.kind) {
		case 'zone-missing': {
			const inUtc = parseTime(`${text} UTC`, now)
			return [
				...(inUtc.ok ? [`if it is UTC: ${option} ${formatInstant(inUtc.instant)}`] : []),
				`otherwise name the zone: ${option} '${text} Europe/Berlin', or the offset: ${option} '${text} +02'`,
			]
		}
		case 'ambiguous':
			return problem.readings.map(reading => `${option} ${formatInstant(reading)}`)
		case 'unreadable':
		case 'zone-unknown':
		case 'skipped':
			return [
				`in UTC: ${option} 2026-04-01T09:41:23Z`,
				`with a zone: ${option} '2026-04-01 11:41 Europe/Berlin', ${option} 'today 11:41 +02'`,
				`or counted back from now: ${option} '20 min ago'`,
			]
		default:
			return problem satisfies never
	}
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

/** Options of which exactly one names the target. */
export const targetKinds = [
	'before',
	'after',
	'targetTime',
	'targetName',
	'targetXid',
	'targetLsn',
	'immediate',
	'latest',
] as const satisfies readonly (keyof TargetOptions)[]

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
	const given = targetKinds.filter(name => options[name] !== undefined)
	const [kind] = given
	if (kind === undefined || given.length > 1) {
		throw new UsageError(
			kind === undefined
				? 'no target is named'
				: `${given.length} targets are named (${given.map(optionName).join(', ')}), and there can be one`,
			[
				'--before <lsn or xid of the first bad commit> is the recommended one',
				'lastgood boundaries <source> --around <time> --rank finds that commit',
			],
		)
	}
	refuseContraryEdge(kind, options)
	const inclusive = options.exclusive !== true
	switch (kind) {
		case 'before':
		case 'after':
			return {kind, place: lsnOrXid(options[kind] ?? '')}
		case 'targetTime':
			return {kind: 'time', at: timeOption('--target-time', options.targetTime ?? '', now), inclusive}
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

/** `--before` leaves its commit out and the others keep theirs; only an LSN, an xid and a time leave PostgreSQL the choice. */
function refuseContraryEdge(kind: keyof TargetOptions, {inclusive, exclusive}: TargetOptions): void {
	if (inclusive === true && exclusive === true)
		throw new UsageError('--inclusive and --exclusive exclude each other', ['give one of them'])
	const contrary = kind === 'before' ? inclusive : !['targetTime', 'targetXid', 'targetLsn'].includes(kind) && exclusive
	if (contrary !== true) return
	throw new UsageError(
		`${optionName(kind)} cannot be ${kind === 'before' ? 'inclusive: it stops before the commit' : 'exclusive: there is nothing at the target that could be left out'}`,
		['--before <lsn or xid> stops before a commit, --after <lsn or xid> after it'],
	)
}

/** An option as it is typed: `--target-lsn`. */
export function optionName(name: string): string {
	return `--${name.replaceAll(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)}`
}

function lsnOrXid(text: string): {readonly lsn: NonNullable<ReturnType<typeof parseLsn>>} | {readonly xid: number} {
	const lsn = parseLsn(text)
	if (lsn !== undefined) return {lsn}
	if (/^\d{1,10}$/.test(text) && Number(text) <= 0xffff_ffff) return {xid: Number(text)}
	throw new UsageError(`${JSON.stringify(text)} is neither an LSN nor an xid`, [
		'an LSN looks like 0/6DCE410, an xid like 3770',
	])
}
