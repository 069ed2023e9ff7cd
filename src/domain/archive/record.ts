import type {UtcInstant} from '../time.ts'
import type {Lsn} from '../wal/lsn.ts'
import type {TimelineId} from '../wal/timeline.ts'
import type {BackupHistory, BackupReading} from './backup.ts'
import type {BackupEntry} from './listing.ts'
import type {BackupFormat, BackupKind, BaseBackup} from './survey.ts'

/** What a backup tool has written down of one base backup. */
export interface BackupRecord {
	/** The tool's own name for it. */
	readonly id: string
	readonly format: Exclude<BackupFormat, 'plain' | 'tar'>
	readonly kind: BackupKind
	/** Base backups without which it cannot be put together, by id. */
	readonly needs: readonly string[]
	readonly timeline: TimelineId | undefined
	readonly startLsn: Lsn | undefined
	/** `atMost`: the backup ends there or before, for the tool gives the end of the segment. */
	readonly stop: {readonly lsn: Lsn; readonly atMost: boolean} | undefined
	readonly stoppedAt: UtcInstant | undefined
	/** What its files hold once unpacked. */
	readonly bytes: number
	/** Objects that are stored for it. */
	readonly fileCount: number
	/** Its folder in the store. */
	readonly key: string
	readonly label: string
	readonly postgresMajor: number | undefined
	readonly systemIdentifier: string | undefined
	readonly tablespaces: BaseBackup['tablespaces']
	/** Why it is not whole, as the tool's own files say; undefined when they say nothing of the kind. */
	readonly problem: string | undefined
	/** Its data directory, where it lies there as it is, so that a copy of it can be started. */
	readonly dataDirectory: BackupEntry | undefined
}

/** What was read elsewhere of a recorded base backup. */
export interface RecordSurroundings {
	readonly location: string
	/** Id in the survey, and those of the backups it needs. */
	readonly id: string
	readonly needs: readonly string[]
	/** The archive's `.backup` file of this backup. */
	readonly history: BackupHistory | undefined
	/** End of the backup as the WAL itself tells it, where that was looked for. */
	readonly stopLsnInWal: Lsn | undefined
}

/** What a record makes of a base backup, by itself: whether the archive carries it is judged later. A record that names no major version is taken to mean the archive's. */
export function describeRecord(
	record: BackupRecord,
	{location, id, needs, history, stopLsnInWal}: RecordSurroundings,
	archiveMajor: number,
): BackupReading {
	const {startLsn, timeline, stop, problem} = record
	if (startLsn === undefined || timeline === undefined)
		return {ok: false, why: problem ?? 'the files of its tool do not say where it begins'}
	const exact = stop?.atMost === false ? stop.lsn : undefined
	const stopLsn = exact ?? history?.stopLsn ?? stopLsnInWal ?? stop?.lsn
	const whyNot = problem ?? (stopLsn === undefined ? 'nothing tells where it ends' : undefined)
	return {
		ok: true,
		incomplete: whyNot !== undefined,
		backup: {
			id,
			format: record.format,
			kind: record.kind,
			needs,
			timeline,
			startLsn,
			stopLsn,
			stoppedAt: record.stoppedAt ?? history?.stoppedAt,
			bytes: record.bytes,
			fileCount: record.fileCount,
			key: record.key,
			location,
			label: record.label,
			postgresMajor: record.postgresMajor ?? archiveMajor,
			systemIdentifier: record.systemIdentifier,
			tablespaces: record.tablespaces,
			whyNot,
		},
	}
}

/** Why a base backup cannot be put together: one that it needs, directly or by way of others, is not there or not whole. */
export function brokenNeed(backup: BaseBackup, all: ReadonlyMap<string, BaseBackup>): string | undefined {
	const seen = new Set([backup.id])
	const open = [...backup.needs]
	for (let id = open.shift(); id !== undefined; id = open.shift()) {
		if (seen.has(id)) continue
		seen.add(id)
		const needed = all.get(id)
		if (needed === undefined) return `it builds on ${id}, which is not here`
		if (needed.whyNot !== undefined) return `it builds on ${id}, which cannot be used: ${needed.whyNot}`
		open.push(...needed.needs)
	}
	return undefined
}

/** How a base backup becomes a data directory where lastgood cannot copy it: the tool, and its command; undefined where it can be copied. */
export function restoringTool(
	backup: BaseBackup,
): {readonly tool: string; readonly command: readonly string[]} | undefined {
	switch (backup.format) {
		case 'plain':
		case 'tar':
			return undefined
		case 'pgbackrest':
			return {
				tool: 'pgBackRest',
				command: ['pgbackrest', 'restore', `--set=${backup.id}`, '--type=none', '--pg1-path=<empty folder>'],
			}
		case 'barman':
			return {tool: 'Barman', command: ['barman', 'recover', '<server>', backup.id, '<empty folder>']}
		case 'barman-cloud':
			return {
				tool: 'barman-cloud',
				command: ['barman-cloud-restore', '<url>', '<server>', backup.id, '<empty folder>'],
			}
		case 'walg':
			return {tool: 'WAL-G', command: ['wal-g', 'backup-fetch', '<empty folder>', backup.id]}
		default:
			return backup.format satisfies never
	}
}
