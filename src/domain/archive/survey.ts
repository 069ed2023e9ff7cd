import type {UtcInstant} from '../time.ts'
import type {Lsn} from '../wal/lsn.ts'
import type {SegmentNumber} from '../wal/segment.ts'
import type {TimelineHistory, TimelineId} from '../wal/timeline.ts'

/** How an object's bytes are packed; `none` is the plain file. */
export type Codec = 'none' | 'gzip' | 'zstd' | 'lz4' | 'bzip2' | 'xz'

/** One WAL segment in the archive. */
export interface ArchivedSegment {
	readonly timeline: TimelineId
	readonly number: SegmentNumber
	/** The 24-digit name, without suffixes. */
	readonly name: string
	/** Where it lies in the store. */
	readonly key: string
	readonly codec: Codec
	/** Bytes as stored, packed or not. */
	readonly storedBytes: number
	readonly modifiedAt: UtcInstant
}

export type BackupKind = 'full' | 'differential' | 'incremental'

/** How a base backup is stored: `plain` and `tar` as pg_basebackup leaves them, the others as their tools do, which alone can put them together again. */
export type BackupFormat = 'plain' | 'tar' | 'pgbackrest' | 'barman' | 'barman-cloud' | 'walg'

/** A base backup as found. */
export interface BaseBackup {
	/** Folder name, or what its layout calls it; unique in the survey. */
	readonly id: string
	readonly format: BackupFormat
	readonly kind: BackupKind
	/** Base backups without which this one cannot be put together, by id; of a full one none. */
	readonly needs: readonly string[]
	readonly timeline: TimelineId
	/** Redo point: the first WAL that replay needs. */
	readonly startLsn: Lsn
	/** End of the backup: the earliest consistent state. undefined when nothing tells it. */
	readonly stopLsn: Lsn | undefined
	readonly stoppedAt: UtcInstant | undefined
	/** What its files hold, pg_wal left out: its WAL comes from the archive. */
	readonly bytes: number
	readonly fileCount: number
	/** Its folder in its store; empty when the store's location is the backup itself. */
	readonly key: string
	/** Absolute path for a local store. */
	readonly location: string
	readonly label: string
	readonly postgresMajor: number
	readonly systemIdentifier: string | undefined
	readonly tablespaces: readonly {readonly oid: number; readonly location: string}[]
	/** Why no recovery can start from it, in words; undefined when one can. */
	readonly whyNot: string | undefined
}

export type FindingCode =
	| 'archive-gap'
	| 'segment-truncated'
	| 'segment-foreign'
	| 'segment-name-mismatch'
	| 'segment-duplicate'
	| 'segment-unreadable'
	| 'segment-recycled'
	| 'history-missing'
	| 'timeline-orphan'
	| 'history-stray'
	| 'partial-lost'
	| 'partial-present'
	| 'tail-pending'
	| 'timeline-abandoned'
	| 'backup-without-wal'
	| 'backup-incomplete'
	| 'no-usable-backup'
	| 'version-mismatch'
	| 'tablespace-present'
	| 'tablespace-created-in-wal'
	| 'subxact-overflow'
	| 'parameters-raised'
	| 'prepared-in-doubt'
	| 'archive-silent'

export type Severity = 'error' | 'warning' | 'info'

/** Something about the archive that the operator should know, with what to do. */
export interface Finding {
	readonly code: FindingCode
	readonly severity: Severity
	readonly timeline?: TimelineId
	/** Name of the first segment concerned. */
	readonly segment?: string
	readonly count?: number
	readonly backup?: string
	readonly message: string
	readonly whatToDo: readonly string[]
}

/** One timeline of the archive. */
export interface TimelineSummary {
	readonly history: TimelineHistory
	/** Its history file in the store of the WAL; undefined for timeline 1, and where it is missing. */
	readonly historyFile: {readonly key: string; readonly codec: Codec} | undefined
	readonly firstSegment: string | undefined
	readonly lastSegment: string | undefined
	readonly segmentCount: number
}

/** From where to where one can recover from a backup along a timeline. */
export interface Coverage {
	readonly backup: string
	readonly timeline: TimelineId
	/** End of the base backup: its first consistent state. */
	readonly fromLsn: Lsn
	/** Time of the first commit after it; undefined where none was found, or no pg_waldump of this version is installed. */
	readonly fromAt: UtcInstant | undefined
	/** First byte after the last segment of the chain. */
	readonly toLsn: Lsn
	/** Time of the last commit that can be reached. */
	readonly toAt: UtcInstant | undefined
}

/** Which cluster the WAL belongs to, read from page headers, never from names. */
export interface ClusterIdentity {
	readonly systemIdentifier: string
	readonly postgresMajor: number
	readonly pageMagic: number
	readonly walSegmentBytes: number
}

/** All that was learned of an archive without writing to it. */
export interface Survey {
	readonly location: string
	readonly layout: 'plain' | 'pgbackrest' | 'barman' | 'barman-cloud' | 'walg'
	readonly store: 'local' | 's3'
	readonly cluster: ClusterIdentity
	readonly timelines: readonly TimelineSummary[]
	readonly backups: readonly BaseBackup[]
	readonly coverage: readonly Coverage[]
	readonly findings: readonly Finding[]
	/** Every valid segment, by timeline, then number. */
	readonly segments: readonly ArchivedSegment[]
	readonly surveyedAt: UtcInstant
}

/** The segments that a replay reads, in order, each from the timeline that PostgreSQL must take it from. */
export interface WalChain {
	readonly history: TimelineHistory
	readonly segments: readonly ArchivedSegment[]
	/** First byte after the last segment of the chain. */
	readonly endLsn: Lsn
	/** What is missing right after the chain although later segments exist; undefined when the archive simply ends. */
	readonly gap:
		| {readonly firstMissing: string; readonly missingCount: number; readonly lastReachableLsn: Lsn}
		| undefined
}
