import type {SortedArchive} from './domain/archive/listing.ts'
import type {BackupRecord} from './domain/archive/record.ts'
import type {ArchivedSegment, BaseBackup, Codec, Survey} from './domain/archive/survey.ts'
import type {RelationNames} from './domain/names.ts'
import type {JournalEntry} from './domain/recovery/journal.ts'
import type {RestorePlan} from './domain/recovery/plan.ts'
import type {CopyProgress, ServerObservation} from './domain/recovery/progress.ts'
import type {UtcInstant} from './domain/time.ts'
import type {Lsn} from './domain/wal/lsn.ts'
import type {RelationKey} from './domain/wal/record.ts'

/** An account of the operating system. */
export interface OsUser {
	readonly name: string
	readonly uid: number
	readonly gid: number
	readonly home: string
}

/** One object of a store. Keys use `/` and are relative to the store's location. */
export interface StoredObject {
	readonly key: string
	readonly bytes: number
	readonly modifiedAt: UtcInstant
	/** For a tablespace's symbolic link in a data directory: where it points. Such a link is listed and not followed. */
	readonly linksTo?: string
}

/** How a bucket is reached, beside what the usual settings of S3 programs say: the environment, ~/.aws, the role of the machine. */
export interface StoreAccess {
	readonly endpoint?: string | undefined
	readonly region?: string | undefined
}

/** Where an archive lies. It has no call that writes: nothing that holds one can change the archive. */
export interface ArchiveStore {
	readonly kind: 'local' | 's3'
	readonly location: string
	/** Every object below a folder, given with its closing slash (all of them for ''), in no promised order; none where there is no such folder. Throws ArchiveUnreachableError. */
	list(prefix: string, signal?: AbortSignal): AsyncIterable<StoredObject>
	/** undefined when there is no such object. Throws ArchiveUnreachableError. */
	stat(key: string, signal?: AbortSignal): Promise<StoredObject | undefined>
	/** Up to `length` bytes from `offset`; fewer where the object ends. Throws ArchiveUnreachableError, also for an object that is gone. */
	read(key: string, offset: number, length: number, signal?: AbortSignal): Promise<Uint8Array>
	stream(key: string, signal?: AbortSignal): AsyncIterable<Uint8Array>
	/** Absolute path of an object on this machine; undefined for a store that has none. */
	localPath(key: string): string | undefined
}

/** The beginning of an object's content, and what its first bytes tell of the packing. */
export interface UnpackedHead {
	readonly codec: Codec
	/** Fewer than were asked for where the content ends. */
	readonly bytes: Uint8Array
	/** Length of the whole content as the packing itself states it; a claim, for it is told without unpacking. */
	readonly claimedBytes: number | undefined
}

/** Unpacks what an archive_command packed. */
export interface Codecs {
	/** The first `length` bytes of an object's content, reading no more of it than needed. The object's own first bytes say how it is packed. Throws ArchiveUnreachableError. */
	head(
		store: ArchiveStore,
		object: {readonly key: string; readonly storedBytes: number},
		length: number,
		signal?: AbortSignal,
	): Promise<UnpackedHead>
	/** The whole content, unpacked. Throws ArchiveUnreachableError on a damaged object. */
	content(
		store: ArchiveStore,
		object: Pick<ArchivedSegment, 'key' | 'codec'>,
		signal?: AbortSignal,
	): AsyncIterable<Uint8Array>
}

/** A text file of a store; why it cannot be read where it is there and cannot be. */
export type TextReading = {readonly ok: true; readonly text: string} | {readonly ok: false; readonly why: string}

/** An archive that a layout found among the objects of a store. */
export interface LaidOutArchive extends SortedArchive {
	/**
	 * The base backups that the tool itself has written down. `read` gives a file's text, undefined where there is none. Throws
	 * ArchiveUnreachableError where nobody but the tool can read them.
	 */
	recorded(read: (key: string) => Promise<TextReading | undefined>): Promise<readonly BackupRecord[]>
}

/** How a tool arranges an archive: the way from keys to archive entries. Reads nothing but what it is given. */
export interface RepositoryLayout {
	readonly name: Survey['layout']
	/** Takes a listing object by object, in any order, then says which archives it holds; none where nothing shows this layout. */
	sort(): {add(object: StoredObject): void; archives(): readonly LaidOutArchive[]}
}

/** What pg_waldump said of a stretch once its text was read. */
export interface WaldumpEnding {
	readonly exitCode: number | null
	readonly stderr: string
}

/** A running pg_waldump: the text as it comes, then how it ended. */
export interface WaldumpRun {
	readonly text: AsyncIterable<string>
	readonly ended: Promise<WaldumpEnding>
}

/** pg_waldump over the unbroken segments of a chain, over a fork too: each number once, from the timeline that replay takes it from. */
export interface WalReader {
	/** Throws WaldumpVersionMismatchError when no installed pg_waldump reads this major version. */
	dump(request: {
		readonly store: ArchiveStore
		readonly postgresMajor: number
		readonly walSegmentBytes: number
		readonly segments: readonly ArchivedSegment[]
		/** Where to begin in the first segment, at a record or between two; at its first record when absent. */
		readonly startLsn?: Lsn
		/** Only these resource managers, where the version can filter by several (15 and newer); all of them when absent. */
		readonly rmgrs?: readonly string[]
		readonly signal?: AbortSignal
	}): Promise<WaldumpRun>
	/** Majors whose pg_waldump is installed, for findings. */
	installedMajors(): Promise<readonly number[]>
}

/** Names of relations, asked of the damaged primary, which is only ever read. */
export interface NameSource {
	/** Rejects only with the signal's reason. Names of a server with another system identifier are refused: its numbers mean other tables. */
	namesOf(relations: readonly RelationKey[], signal?: AbortSignal, systemIdentifier?: string): Promise<RelationNames>
}

/** The host on which the recovery runs, as far as planning asks. */
export interface HostFacts {
	/** Who would run the restored server at this destination. Throws UsageError when nobody can. */
	serverUser(destination: string): Promise<OsUser>
	/** What lies at the destination now. */
	destination(path: string): Promise<{
		readonly state: 'absent' | 'empty' | 'occupied'
		readonly realPath: string
		readonly freeBytes: number
		readonly holds: readonly string[]
	}>
	/** Why this user cannot reach or read the path; undefined when it can. */
	unreadableFor(user: OsUser, path: string): Promise<string | undefined>
	/** Which folder above the path this account may not enter; undefined when it can get there. */
	unreachableFor(user: OsUser, path: string): Promise<string | undefined>
	/** First free TCP port number from `first` on: also a private socket is named by one. */
	freePort(first: number): Promise<number>
	/** Whether a server listens on this port, by TCP or at a socket of the usual places. */
	portTaken(port: number): Promise<boolean>
	/** Folder of a PostgreSQL of this major that can run a restore. Throws WaldumpVersionMismatchError. */
	serverPrograms(postgresMajor: number): Promise<{readonly directory: string; readonly version: string}>
	/** `psql` where the operator's PATH has one, else the path of one. */
	psql(programs: string): Promise<string>
	/** Name of the bootstrap superuser (OID 10), read from the backup's own catalog files; `postgres` where they do not tell. */
	superuserOf(backup: BaseBackup): Promise<string>
	/** pg_controldata of a base backup: settings that a hot standby may not go below, and the version of the data. */
	controlData(backup: BaseBackup, programs: string): Promise<Readonly<Record<string, string>>>
	/** A folder short enough for a socket path (about 100 bytes), beside the work directory or, where that is too long, below the temporary folder. */
	socketDirectory(workDirectory: string, recoveryId: string): string
}

/** Carries out the steps of a plan on this machine. Every call does one thing that the journal has already announced. */
export interface RestoreEngine {
	createDirectories(plan: RestorePlan): Promise<void>
	copyBaseBackup(
		plan: RestorePlan,
		onProgress: (progress: CopyProgress) => void,
		signal: AbortSignal,
	): Promise<{readonly bytes: number; readonly files: number}>
	disarm(plan: RestorePlan): Promise<readonly string[]>
	writeConfiguration(plan: RestorePlan): Promise<readonly string[]>
	checkConfiguration(plan: RestorePlan): Promise<void>
	startServer(plan: RestorePlan): Promise<{readonly pid: number}>
	/** What can be seen of the restored server now: its log, its process, and, once it accepts connections, itself. */
	observe(plan: RestorePlan): Promise<ServerObservation>
	promote(plan: RestorePlan): Promise<void>
	stopServer(plan: RestorePlan): Promise<void>
	/** Removes what the recovery made, and nothing else. */
	removeAll(plan: RestorePlan): Promise<readonly string[]>
	freeBytes(plan: RestorePlan): Promise<number>
}

/** Rows of a read-only question, as text. */
export interface QueryAnswer {
	readonly columns: readonly string[]
	readonly rows: readonly (readonly (string | null)[])[]
	/** True when there were more rows than are shown. */
	readonly cut: boolean
}

/** SQL on the restored cluster that can only read. */
export interface RestoredSql {
	databases(plan: RestorePlan): Promise<readonly string[]>
	/** Throws UsageError with the server's message for a statement that fails or would write. */
	ask(plan: RestorePlan, database: string, statement: string, signal?: AbortSignal): Promise<QueryAnswer>
}

/** Where recoveries are remembered. */
export interface JournalStore {
	/** Appends and makes durable before it resolves: journal first, act second. */
	append(recoveryId: string, entry: JournalEntry): Promise<void>
	/** Throws JournalUnreadableError. */
	read(recoveryId: string): Promise<readonly JournalEntry[]>
	list(): Promise<readonly string[]>
	pathOf(recoveryId: string): string
	/** Writes a rendering beside the journal and says where. */
	writeRendering(recoveryId: string, name: string, text: string): Promise<string>
}

/** Everything that the operations need from the world. */
export interface World {
	now(): UtcInstant
	/** Resolves after about so long, or at once when the signal fires. */
	pause(ms: number, signal?: AbortSignal): Promise<void>
	/** Asks nothing of it yet. Throws UsageError for a location that is none. */
	openStore(location: string, access?: StoreAccess): ArchiveStore
	readonly layouts: readonly RepositoryLayout[]
	readonly codecs: Codecs
	readonly wal: WalReader
	readonly names: NameSource
	readonly host: HostFacts
	readonly engine: RestoreEngine
	readonly sql: RestoredSql
	readonly journals: JournalStore
}

/** What an operation learned of a source, with the stores it was read from. */
export interface OpenedArchive {
	/** Holds the WAL: segments and history files. */
	readonly store: ArchiveStore
	readonly survey: Survey
	/** Holds this base backup of the survey: the same store, or one of those that `--backups` named. */
	storeOf(backup: BaseBackup): ArchiveStore
}
