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
	/** A backup tool whose repository this looks like, though this layout cannot read it. */
	readonly resembles: string | undefined
}
