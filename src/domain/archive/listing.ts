import type {UtcInstant} from '../time.ts'
import type {TimelineId} from '../wal/timeline.ts'

/** An object whose name says what it is; nothing of its content is known yet. */
export interface ArchiveEntry {
	readonly key: string
	readonly storedBytes: number
	readonly modifiedAt: UtcInstant
}

/** An object named like a WAL segment, or like the partial segment of a timeline's end. */
export interface SegmentEntry extends ArchiveEntry {
	/** The 24-digit name, without suffixes. */
	readonly name: string
	/** The same for copies that hold the same WAL, another for those that do not; undefined where that is not known. */
	readonly contentId?: string
}

/** An object named like a timeline history file. */
export interface HistoryEntry extends ArchiveEntry {
	readonly timeline: TimelineId
}

/** A base backup as the listing shows it. */
export interface BackupEntry {
	/** `plain`: a data directory, as `pg_basebackup -Fp` leaves it; `tar`: the archives of `-Ft`. */
	readonly format: 'plain' | 'tar'
	/** Its folder in the store; empty when the store's location is the backup itself. */
	readonly key: string
	/** Bytes of each file by its path in the backup, those of pg_wal left out as backup_manifest leaves them out. */
	readonly files: ReadonlyMap<string, number>
	/** False when the folder holds too many files to remember each by name. */
	readonly everyFileNamed: boolean
	readonly bytes: number
	readonly fileCount: number
	/** Symbolic links of pg_tblspc, for a store that knows links. */
	readonly tablespaceLinks: readonly {readonly oid: number; readonly location: string}[]
}

/** The objects of a store, sorted by what their names say. */
export interface SortedListing {
	readonly segments: readonly SegmentEntry[]
	readonly partials: readonly SegmentEntry[]
	readonly histories: readonly HistoryEntry[]
	/** Backup history files: `<segment>.<offset>.backup`. */
	readonly backupHistories: readonly ArchiveEntry[]
	readonly backups: readonly BackupEntry[]
	/** Folders that are a server's own data directory, running or crashed: no backup. */
	readonly serverDirectories: readonly string[]
	readonly objectCount: number
	/** Keys of a few objects that are none of these, to tell an operator what was found instead. */
	readonly otherExamples: readonly string[]
}

/** The objects of one archive. A tool's repository can hold several, each under the tool's own name for it. */
export interface SortedArchive {
	/** Empty where the layout has no names for archives. */
	readonly name: string
	/** It belongs to a cluster that another one has replaced under the same name: read only when it is named. */
	readonly isFormer: boolean
	readonly listing: SortedListing
}

/** A key or path as messages show it: quoted where it holds a line break or another control character, which could forge a line of its own. */
export function shownKey(key: string): string {
	return /[\p{Cc}\p{Cf}\u2028\u2029]/u.test(key) ? JSON.stringify(key) : key
}
