import type {UtcInstant} from '../time.ts'
import type {Lsn} from './lsn.ts'

/** One WAL record as pg_waldump prints it: the prefix read, the description still text. */
export interface WalRecord {
	readonly rmgr: string
	/** All bytes of the record, full-page images included. */
	readonly totalBytes: number
	/** 0 when the record belongs to no transaction; COMMIT_PREPARED and ABORT_PREPARED too carry 0 here. */
	readonly xid: number
	readonly lsn: Lsn
	readonly prevLsn: Lsn
	/** First word of the description, `INSERT+INIT`, `COMMIT`, `UNKNOWN (f0)`. */
	readonly type: string
	/** What follows the type, block references included, with line breaks where a name held some. */
	readonly description: string
}

/** A relation as WAL names it: tablespace OID, database OID, relfilenode. */
export type RelationKey = `${number}/${number}/${number}`

/** Rows that one transaction wrote to one relation. */
export interface RelationRows {
	readonly relation: RelationKey
	readonly inserted: number
	readonly updated: number
	readonly deleted: number
}

/** What a transaction, its subtransactions included, wrote before its end. */
export interface TransactionWork {
	/** Start of the first record it wrote; undefined when that lies before what was decoded. */
	readonly firstLsn: Lsn | undefined
	/** Bytes of WAL it wrote, its commit record included. */
	readonly walBytes: number
	/** User relations only; system catalogs are counted together in `catalogRows`. */
	readonly rows: readonly RelationRows[]
	readonly catalogRows: number
	/** Relations whose files its commit removed for good (DROP), as far as the version's WAL tells drop from rewrite. */
	readonly dropped: readonly RelationKey[]
	/** Relations whose files its commit replaced: TRUNCATE, VACUUM FULL, CLUSTER, a rewriting ALTER. */
	readonly truncated: readonly RelationKey[]
	/** Databases removed, by OID. */
	readonly droppedDatabases: readonly number[]
}

interface BoundaryBase {
	/** Start of the record: what pg_waldump prints and `recovery_target_lsn` takes. */
	readonly lsn: Lsn
	/** Start of the record before it, whatever that is: no record starts between the two. */
	readonly prevLsn: Lsn
	/** End of the record: what `pg_last_wal_replay_lsn()` says once it is applied. */
	readonly endLsn: Lsn
	/** Place in WAL order among the boundaries of one decode, from 0. */
	readonly ordinal: number
}

/** The end of a transaction: where replay can stop between keeping it and losing it. */
export interface TransactionBoundary extends BoundaryBase {
	readonly kind: 'commit' | 'abort' | 'commit-prepared' | 'abort-prepared'
	/** The original xid also where the record itself carries 0 (two-phase). */
	readonly xid: number
	readonly at: UtcInstant
	readonly subxids: readonly number[]
	/** Global identifier of a prepared transaction, when its PREPARE was decoded too. */
	readonly gid: string | undefined
	readonly work: TransactionWork
}

/** A marker by pg_create_restore_point(). pg_waldump does not print its time. */
export interface RestorePointBoundary extends BoundaryBase {
	readonly kind: 'restore-point'
	readonly name: string
}

/** A PREPARE TRANSACTION: no place where a time target stops, but what is prepared at the target stays in doubt. */
export interface PrepareBoundary extends BoundaryBase {
	readonly kind: 'prepare'
	readonly xid: number
	readonly at: UtcInstant
	readonly gid: string
}

/** A place in the WAL where replay may stop, in WAL order. */
export type Boundary = TransactionBoundary | RestorePointBoundary | PrepareBoundary

/** A transaction that had not ended where decoding ended. */
export interface OpenTransaction {
	readonly xid: number
	/** Start of the first record it wrote; undefined when that lies before what was decoded. */
	readonly firstLsn: Lsn | undefined
	/** Global identifier of a prepared transaction, when its PREPARE was decoded. */
	readonly gid: string | undefined
}

/** What stands on the path of a replay and decides how it must be set up. */
export interface PathFacts {
	/** CREATE TABLESPACE records: replaying one re-creates its symlink at the original path (postgres-recovery.md §0.2). */
	readonly tablespacesCreated: readonly {readonly lsn: Lsn; readonly path: string}[]
	/** PARAMETER_CHANGE records, their numbers by the name in postgresql.conf: a hot standby may not run with less (§4). */
	readonly parameterChanges: readonly {
		readonly lsn: Lsn
		readonly settings: Readonly<Record<string, number>>
		readonly walLevel: string
	}[]
	/** BACKUP_END records: a base backup that began at `startLsn` is consistent from `endLsn` on. */
	readonly backupEnds: readonly {readonly lsn: Lsn; readonly endLsn: Lsn; readonly startLsn: Lsn}[]
	/** RUNNING_XACTS records whose subtransactions overflowed: from there hot standby, and so the pause, may be impossible (§0.1). */
	readonly subtransactionOverflows: readonly Lsn[]
}

/** All that one decode of a stretch of WAL told. */
export interface DecodedWal {
	readonly fromLsn: Lsn
	/** Start of the last record read: no record starts after it. */
	readonly lastLsn: Lsn
	/** End of the last record read. */
	readonly endLsn: Lsn
	readonly boundaries: readonly Boundary[]
	readonly open: readonly OpenTransaction[]
	readonly facts: PathFacts
	readonly recordCount: number
}
