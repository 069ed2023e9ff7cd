import {chainFrom} from '../../src/domain/archive/chain.ts'
import type {ArchivedSegment, BaseBackup, Survey, TimelineSummary} from '../../src/domain/archive/survey.ts'
import type {RelationName, RelationNames} from '../../src/domain/names.ts'
import type {DecodedPath} from '../../src/domain/recovery/path.ts'
import {planSteps, type RestorePlan} from '../../src/domain/recovery/plan.ts'
import {disarmedStatements, serverSettings} from '../../src/domain/recovery/settings.ts'
import type {RecoveryTarget} from '../../src/domain/recovery/target.ts'
import {restoreCommandSetting} from '../../src/domain/recovery/wal-feed.ts'
import {instantAt, parseTime, type UtcInstant} from '../../src/domain/time.ts'
import {advanceLsn, formatLsn, type Lsn, parseLsn} from '../../src/domain/wal/lsn.ts'
import type {
	Boundary,
	DecodedWal,
	PrepareBoundary,
	RelationKey,
	RelationRows,
	RestorePointBoundary,
	TransactionBoundary,
	TransactionWork,
} from '../../src/domain/wal/record.ts'
import {type SegmentRef, segmentFileName, segmentNumberAt} from '../../src/domain/wal/segment.ts'
import {firstHistory, firstTimeline, type TimelineHistory, type TimelineId} from '../../src/domain/wal/timeline.ts'

/** Values of a recovery of Harbor Point as tests need them: each builder gives one that is right, and a test says only what it is about. */

export const segmentBytes = 16 * 1024 * 1024

/** The LSN as people write it. */
export function lsn(text: string): Lsn {
	const parsed = parseLsn(text)
	if (parsed === undefined) throw new Error(`${text} is no LSN`)
	return parsed
}

/** A moment of the day of the incident, `09:41:23.501967` in UTC; with a date where another day is meant. */
export function utc(text: string): UtcInstant {
	const reading = parseTime(text.includes('T') ? text : `2026-04-01T${text}Z`, instantAt(0n))
	if (!reading.ok) throw new Error(`${text} is no time`)
	return reading.instant
}

export function timeline(number: number): TimelineId {
	return number as TimelineId
}

/** A history whose timelines left one another there. */
export function historyOf(
	own: number,
	...switches: readonly (readonly [parent: number, at: string])[]
): TimelineHistory {
	return {
		timeline: timeline(own),
		switches: switches.map(([parent, at]) => ({
			parent: timeline(parent),
			switchLsn: lsn(at),
			reason: `before LSN ${at}`,
		})),
	}
}

export const bondReservations: RelationKey = '1663/16390/16402'
export const gsiOpenByIssuer: RelationKey = '1663/16390/16410'
export const trades: RelationKey = '1663/16390/16420'

const harborTables: readonly (readonly [RelationKey, string])[] = [
	[bondReservations, 'bond_reservations'],
	[gsiOpenByIssuer, 'gsi_open_by_issuer'],
	[trades, 'trades'],
]

/** The names that the live primary tells. */
export function names(over: Partial<RelationNames> = {}): RelationNames {
	return {
		source: 'primary',
		asOf: utc('10:00:00'),
		problem: undefined,
		entries: new Map(
			harborTables.map(([relation, name]): [RelationKey, RelationName] => [
				relation,
				{database: 'harbor', schema: 'public', name, kind: 'table'},
			]),
		),
		...over,
	}
}

/** Rows written to one relation. */
export function rows(relation: RelationKey, inserted: number, updated = 0, deleted = 0): RelationRows {
	return {relation, inserted, updated, deleted}
}

const idle: TransactionWork = {
	firstLsn: undefined,
	walBytes: 0,
	rows: [],
	catalogRows: 0,
	dropped: [],
	truncated: [],
	droppedDatabases: [],
}

interface Place {
	/** Start of the record, as text; the one before it starts 48 bytes earlier. */
	readonly lsn?: string
	/** End of the record, as text: 40 bytes on when absent. */
	readonly endLsn?: string
}

interface EndOver extends Place {
	readonly kind?: TransactionBoundary['kind']
	readonly xid?: number
	readonly at?: string
	readonly subxids?: readonly number[]
	readonly gid?: string
	/** Start of the transaction's first record, as text; `unknown` where it lies before what was decoded. */
	readonly first?: string
	readonly work?: Partial<TransactionWork>
}

function placeOf({lsn: start = '0/5100028', endLsn}: Place): {
	readonly lsn: Lsn
	readonly prevLsn: Lsn
	readonly endLsn: Lsn
	readonly ordinal: 0
} {
	return {
		lsn: lsn(start),
		prevLsn: advanceLsn(lsn(start), -48),
		endLsn: endLsn === undefined ? advanceLsn(lsn(start), 40) : lsn(endLsn),
		ordinal: 0,
	}
}

/** The end of a transaction: a commit unless another kind is said. */
export function boundary(over: EndOver = {}): TransactionBoundary {
	const place = placeOf(over)
	const firstLsn = over.first === undefined ? advanceLsn(place.lsn, -200) : parseLsn(over.first)
	return {
		kind: over.kind ?? 'commit',
		...place,
		xid: over.xid ?? 3766,
		at: utc(over.at ?? '09:40:58.120001'),
		subxids: over.subxids ?? [],
		gid: over.gid,
		work: {...idle, firstLsn, walBytes: 240, ...over.work},
	}
}

/** A commit that inserted one trade. */
export function commit(over: EndOver = {}): TransactionBoundary {
	return boundary({...over, work: {rows: [rows(trades, 1)], ...over.work}})
}

export function abort(over: EndOver = {}): TransactionBoundary {
	return boundary({...over, kind: 'abort'})
}

export function restorePoint(name: string, place: Place = {}): RestorePointBoundary {
	return {kind: 'restore-point', ...placeOf(place), name}
}

export function prepare(
	gid: string,
	over: Place & {readonly xid?: number; readonly at?: string} = {},
): PrepareBoundary {
	return {kind: 'prepare', ...placeOf(over), xid: over.xid ?? 3760, at: utc(over.at ?? '09:40:50.000000'), gid}
}

/** Numbers them in WAL order, as one decode does. */
export function inOrder(boundaries: readonly Boundary[]): readonly Boundary[] {
	return boundaries
		.toSorted((a, b) => (a.lsn < b.lsn ? -1 : a.lsn > b.lsn ? 1 : 0))
		.map((one, ordinal) => ({...one, ordinal}))
}

/** What a decode from the base backup to the end of the archive told. */
export function decodedWal(boundaries: readonly Boundary[], over: Partial<DecodedWal> = {}): DecodedWal {
	return {
		fromLsn: lsn('0/5000028'),
		lastLsn: lsn('0/7FFF000'),
		endLsn: lsn('0/7FFF040'),
		boundaries: inOrder(boundaries),
		open: [],
		recordCount: boundaries.length * 4,
		...over,
		facts: {
			tablespacesCreated: [],
			parameterChanges: [],
			backupEnds: [],
			subtransactionOverflows: [],
			...over.facts,
		},
	}
}

/** The commits of the morning: the release job, xid 3770, among trades of the same second. */
export const morning: readonly Boundary[] = inOrder([
	commit({lsn: '0/5100028', xid: 3764, at: '09:38:11.004500'}),
	restorePoint('before maintenance', {lsn: '0/5180028'}),
	commit({lsn: '0/5200050', xid: 3766, at: '09:40:58.120001'}),
	commit({lsn: '0/5300060', xid: 3768, at: '09:41:22.998731'}),
	boundary({
		lsn: '0/5400070',
		xid: 3770,
		at: '09:41:23.501967',
		first: '0/5310000',
		work: {rows: [rows(bondReservations, 0, 841, 0), rows(gsiOpenByIssuer, 0, 0, 841)], walBytes: 210_400},
	}),
	commit({lsn: '0/5500080', xid: 3769, at: '09:41:23.498112', first: '0/5390000'}),
	commit({lsn: '0/5600090', xid: 3771, at: '09:41:24.700000'}),
	commit({lsn: '0/57000A0', xid: 3772, at: '09:44:02.000000'}),
])

/** The release job's commit. */
export const releaseJob = morning.find(one => one.lsn === lsn('0/5400070')) as TransactionBoundary

/** `1:5-7` are segments 5 to 7 of timeline 1, as they lie in the archive. */
export function segments(...runs: readonly string[]): readonly ArchivedSegment[] {
	return runs.flatMap(run => {
		const [own = 1, from = 1, to = from] = run.split(/[:-]/).map(Number)
		return Array.from({length: to - from + 1}, (_, index): ArchivedSegment => {
			const ref: SegmentRef = {timeline: timeline(own), number: segmentNumberAt(BigInt(from + index))}
			const name = segmentFileName(ref, segmentBytes)
			return {...ref, name, key: name, codec: 'none', storedBytes: segmentBytes, modifiedAt: utc('09:45:00')}
		})
	})
}

/** Last night's base backup. */
export function backup(over: Partial<BaseBackup> = {}): BaseBackup {
	return {
		id: 'base-0401',
		format: 'plain',
		kind: 'full',
		needs: [],
		timeline: firstTimeline,
		startLsn: lsn('0/5000028'),
		stopLsn: lsn('0/5000138'),
		stoppedAt: utc('01:00:07'),
		bytes: 41_000_000,
		fileCount: 1296,
		key: 'base-0401',
		location: '/backups/base-0401',
		label: 'nightly',
		postgresMajor: 15,
		systemIdentifier: '7710895412341931179',
		tablespaces: [],
		whyNot: undefined,
		...over,
	}
}

/** The timeline of the archive; its history file is there unless it is the first. */
export function timelineSummary(history: TimelineHistory, segmentCount = 3): TimelineSummary {
	const number = history.timeline
	return {
		history,
		historyFile: number === 1 ? undefined : {key: `0000000${number}.history`, codec: 'none'},
		firstSegment: undefined,
		lastSegment: undefined,
		segmentCount,
	}
}

export function survey(over: Partial<Survey> = {}): Survey {
	return {
		location: '/archive',
		layout: 'plain',
		store: 'local',
		cluster: {
			systemIdentifier: '7710895412341931179',
			postgresMajor: 15,
			pageMagic: 0xd110,
			walSegmentBytes: segmentBytes,
		},
		timelines: [timelineSummary(firstHistory)],
		backups: [backup()],
		coverage: [
			{
				backup: 'base-0401',
				timeline: firstTimeline,
				fromLsn: lsn('0/5000138'),
				fromAt: utc('09:38:11.004500'),
				toLsn: lsn('0/8000000'),
				toAt: utc('09:44:02.000000'),
			},
		],
		findings: [],
		segments: segments('1:5-7'),
		surveyedAt: utc('10:00:00'),
		...over,
	}
}

/** What was decoded of that archive; the morning of the incident unless other boundaries are given. */
export function path(
	over: Partial<Omit<DecodedPath, 'wal'>> & {
		readonly boundaries?: readonly Boundary[]
		readonly wal?: Partial<DecodedWal>
		readonly of?: Survey
	} = {},
): DecodedPath {
	const {boundaries = morning, wal, of = survey(), ...rest} = over
	const history = rest.history ?? firstHistory
	const from = 'backup' in rest ? rest.backup : of.backups[0]
	return {
		history,
		backup: from,
		chain: chainFrom(of, history, from?.startLsn ?? lsn('0/5000028')),
		segmentsRead: 3,
		names: names(),
		warnings: [],
		...rest,
		wal: decodedWal(boundaries, {...(from === undefined ? {} : {fromLsn: from.startLsn}), ...wal}),
	}
}

/** The recommended target: just before the release job. */
export const beforeReleaseJob: RecoveryTarget = {
	kind: 'lsn',
	lsn: releaseJob.lsn,
	inclusive: false,
	timeline: firstTimeline,
}

const named = (one: Boundary | undefined) => {
	if (one === undefined || one.kind === 'restore-point') throw new Error('no commit stands there')
	return {lsn: one.lsn, endLsn: one.endLsn, xid: one.xid, at: one.at}
}

/** The plan for it. */
export function plan(over: Partial<RestorePlan> = {}): RestorePlan {
	const recovery = over.recovery ?? 'r20260401-100500'
	const destination = over.destination ?? '/restore/harbor'
	const workDirectory = `${destination}.lastgood`
	const socketDirectory = `${workDirectory}/socket`
	const decided: RestorePlan = {
		version: 1,
		recovery,
		plannedAt: utc('10:05:00'),
		source: {location: '/archive', layout: 'plain', store: 'local'},
		cluster: {systemIdentifier: '7710895412341931179', postgresMajor: 15, walSegmentBytes: segmentBytes},
		target: {kind: 'lsn', value: formatLsn(releaseJob.lsn), inclusive: false, timeline: firstTimeline},
		newTimeline: 2,
		stop: {
			lsn: releaseJob.lsn,
			replayEndLsn: releaseJob.lsn,
			lastKept: named(morning[3]),
			firstLost: named(morning[4]),
		},
		inFlight: [
			{xid: 3770, firstLsn: lsn('0/5310000'), outcome: 'commit'},
			{xid: 3769, firstLsn: lsn('0/5390000'), outcome: 'commit'},
		],
		preparedInDoubt: [],
		kept: {commits: 3},
		lost: {
			commits: 4,
			untilAt: utc('09:44:02.000000'),
			tables: [
				{
					name: 'public.bond_reservations',
					database: 'harbor',
					relation: bondReservations,
					inserted: 0,
					updated: 841,
					deleted: 0,
				},
				{
					name: 'public.gsi_open_by_issuer',
					database: 'harbor',
					relation: gsiOpenByIssuer,
					inserted: 0,
					updated: 0,
					deleted: 841,
				},
				{name: 'public.trades', database: 'harbor', relation: trades, inserted: 3, updated: 0, deleted: 0},
			],
		},
		backup: {
			id: 'base-0401',
			why: 'the only one that can reach the stop',
			location: '/backups/base-0401',
			timeline: firstTimeline,
			startLsn: lsn('0/5000028'),
			consistentLsn: lsn('0/5000138'),
			stoppedAt: utc('01:00:07'),
			bytes: 41_000_000,
			files: 1296,
			rejected: [],
		},
		wal: {
			runs: [
				{
					timeline: firstTimeline,
					directory: '/archive',
					suffix: '',
					codec: 'none',
					firstSegment: '000000010000000000000005',
					lastSegment: '000000010000000000000005',
					count: 1,
					bytes: segmentBytes,
				},
			],
			histories: [],
			segmentCount: 1,
			replayBytes: 4_194_376,
		},
		destination,
		destinationExisted: false,
		workDirectory,
		socketDirectory,
		port: 54330,
		serverUser: {name: 'postgres', uid: 105, gid: 113, home: '/var/lib/postgresql'},
		programs: {directory: '/usr/lib/postgresql/15/bin', version: '15.18'},
		superuser: 'postgres',
		psql: 'psql',
		settings: serverSettings({
			recovery,
			target: beforeReleaseJob,
			postgresMajor: 15,
			workDirectory,
			socketDirectory,
			port: 54330,
			restoreCommand: restoreCommandSetting(workDirectory),
			required: {max_connections: 100},
		}).map(([name, value]) => [name, value]),
		disarmed: disarmedStatements(15),
		steps: [],
		estimate: {
			copyMs: 410,
			replayMs: 168,
			totalMs: 2578,
			lowMs: 289,
			highMs: 5156,
			basis: 'nothing measured on this machine yet: 100 MB/s to copy and 25 MB/s to replay are assumed',
		},
		findings: [],
		incident: null,
		...over,
	}
	return {...decided, steps: over.steps ?? planSteps(decided)}
}
