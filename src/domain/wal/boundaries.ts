import {parseWaldumpTime} from '../time.ts'
import type {Lsn} from './lsn.ts'
import {lsnAt, parseLsn} from './lsn.ts'
import type {
	Boundary,
	DecodedWal,
	OpenTransaction,
	PathFacts,
	RelationKey,
	RelationRows,
	TransactionBoundary,
	TransactionWork,
	WalRecord,
} from './record.ts'
import {endLsnOf} from './succession.ts'

/** Turns records in WAL order into boundaries, and remembers what they leave open. */
export interface BoundaryFold {
	/** The boundaries that these records complete, in WAL order. */
	take(records: readonly WalRecord[]): readonly Boundary[]
	readonly recordCount: number
	/** Start of the last record taken; undefined before the first. */
	readonly lastLsn: Lsn | undefined
	/** What all records so far told, with the boundaries that the caller kept; undefined before the first record. */
	decoded(boundaries: readonly Boundary[]): DecodedWal | undefined
}

/**
 * A fold over the records of one way through the archive: subtransactions are counted with their parent once it commits,
 * and left out once they are rolled back; what was prepared is joined with its later COMMIT PREPARED or ROLLBACK PREPARED.
 */
export function createBoundaryFold(options: {
	readonly walSegmentBytes: number
	/** Decides how a dropped relation is told from one whose files were replaced. */
	readonly postgresMajor: number
	/** Where replay begins: what stands before only tells which transactions already ran. Everything counts when absent. */
	readonly fromLsn?: Lsn
	/** Ordinal of the first boundary; 0 when absent. */
	readonly startOrdinal?: number
}): BoundaryFold {
	return new Fold(options)
}

/** OIDs below this one are given out by initdb alone: with such a number a relation is a catalog, unless it was rewritten since (transam.h, FirstNormalObjectId). */
const firstNormalObjectId = 16384
const defaultTablespace = 1663
const globalTablespace = 1664
const nothing: readonly never[] = []

interface RowCounts {
	inserted: number
	updated: number
	deleted: number
}

/** What one xid, top-level or not, has written so far. */
class Transaction {
	readonly xid: number
	firstLsn: Lsn | undefined
	walBytes = 0
	catalogRows = 0
	rows: Map<RelationKey, RowCounts> | undefined
	/** Relations whose files it created. */
	created: Set<RelationKey> | undefined
	droppedDatabases: number[] | undefined
	/** Top-level transaction, where an ASSIGNMENT named it. */
	parent: number | undefined
	gid: string | undefined
	/** Known only from a list of running transactions: it has written nothing within what was decoded. */
	listedOnly = false

	constructor(xid: number) {
		this.xid = xid
	}

	absorb(sub: Transaction): void {
		this.walBytes += sub.walBytes
		this.catalogRows += sub.catalogRows
		for (const [relation, counts] of sub.rows ?? []) {
			const own = this.rowsOf(relation)
			own.inserted += counts.inserted
			own.updated += counts.updated
			own.deleted += counts.deleted
		}
		for (const relation of sub.created ?? []) this.create(relation)
		for (const database of sub.droppedDatabases ?? []) this.dropDatabase(database)
	}

	rowsOf(relation: RelationKey): RowCounts {
		this.rows ??= new Map()
		let counts = this.rows.get(relation)
		if (counts === undefined) {
			counts = {inserted: 0, updated: 0, deleted: 0}
			this.rows.set(relation, counts)
		}
		return counts
	}

	create(relation: RelationKey): void {
		this.created ??= new Set()
		this.created.add(relation)
	}

	dropDatabase(oid: number): void {
		this.droppedDatabases ??= []
		if (!this.droppedDatabases.includes(oid)) this.droppedDatabases.push(oid)
	}
}

interface KnownRelation {
	readonly key: RelationKey
	readonly catalog: boolean
}

class Fold implements BoundaryFold {
	readonly #walSegmentBytes: number
	readonly #postgresMajor: number
	readonly #fromLsn: Lsn
	#ordinal: number
	#recordCount = 0
	#firstRecord: WalRecord | undefined
	#lastRecord: WalRecord | undefined
	readonly #transactions = new Map<number, Transaction>()
	/** The transaction of the record before, which is most often that of the next one. */
	#recent = new Transaction(0)
	/** From this xid on a transaction began within what is decoded; undefined until a record tells. */
	#wholeFromXid: number | undefined
	/** Transactions that ended before the first list of running ones, which may still name them. */
	#endedEarly: Set<number> | undefined = new Set()
	readonly #relations = new Map<string, KnownRelation>()
	readonly #tablespacesCreated: PathFacts['tablespacesCreated'][number][] = []
	readonly #parameterChanges: PathFacts['parameterChanges'][number][] = []
	readonly #subtransactionOverflows: Lsn[] = []
	readonly #backupEnds: PathFacts['backupEnds'][number][] = []

	constructor(options: Parameters<typeof createBoundaryFold>[0]) {
		this.#walSegmentBytes = options.walSegmentBytes
		this.#postgresMajor = options.postgresMajor
		this.#fromLsn = options.fromLsn ?? lsnAt(0n)
		this.#ordinal = options.startOrdinal ?? 0
	}

	get recordCount(): number {
		return this.#recordCount
	}

	get lastLsn(): Lsn | undefined {
		return this.#lastRecord?.lsn
	}

	take(records: readonly WalRecord[]): readonly Boundary[] {
		const boundaries: Boundary[] = []
		for (const record of records) {
			const boundary = this.#takeOne(record)
			if (boundary === undefined || record.lsn < this.#fromLsn) continue
			boundaries.push(boundary)
			this.#ordinal++
		}
		return boundaries
	}

	decoded(boundaries: readonly Boundary[]): DecodedWal | undefined {
		if (this.#firstRecord === undefined || this.#lastRecord === undefined) return undefined
		return {
			fromLsn: this.#firstRecord.lsn < this.#fromLsn ? this.#fromLsn : this.#firstRecord.lsn,
			lastLsn: this.#lastRecord.lsn,
			endLsn: endLsnOf(this.#lastRecord, this.#walSegmentBytes),
			boundaries,
			open: this.#open(),
			facts: {
				tablespacesCreated: this.#onPath(this.#tablespacesCreated),
				parameterChanges: this.#onPath(this.#parameterChanges),
				subtransactionOverflows: this.#subtransactionOverflows.filter(lsn => lsn >= this.#fromLsn),
				backupEnds: this.#onPath(this.#backupEnds),
			},
			recordCount: this.#recordCount,
		}
	}

	#onPath<Fact extends {readonly lsn: Lsn}>(facts: readonly Fact[]): readonly Fact[] {
		return facts.filter(fact => fact.lsn >= this.#fromLsn)
	}

	#takeOne(record: WalRecord): Boundary | undefined {
		if (this.#firstRecord === undefined) {
			this.#firstRecord = record
			// The first record of a cluster: nothing can lie before it.
			if (record.prevLsn === 0n) this.#begin(0, undefined)
		}
		this.#lastRecord = record
		this.#recordCount++
		const transaction = record.xid === 0 ? undefined : this.#writer(record)
		switch (record.rmgr) {
			case 'Heap':
			case 'Heap2':
				if (transaction !== undefined) this.#countRows(transaction, record)
				return undefined
			case 'Transaction':
				return this.#takeTransactionRecord(record, transaction)
			case 'XLOG':
				return this.#takeXlogRecord(record)
			case 'Standby':
				if (record.type === 'RUNNING_XACTS') this.#takeRunning(record)
				return undefined
			case 'Storage':
				if (transaction !== undefined && record.type === 'CREATE') this.#takeCreated(transaction, record.description)
				return undefined
			case 'Database':
				// ALTER DATABASE SET TABLESPACE removes the old directory under no xid; DROP DATABASE has one.
				if (transaction !== undefined && record.type === 'DROP') dropDatabases(transaction, record.description)
				return undefined
			case 'Tablespace':
				if (record.type === 'CREATE') this.#takeTablespace(record)
				return undefined
			default:
				return undefined
		}
	}

	#writer(record: WalRecord): Transaction {
		const transaction = record.xid === this.#recent.xid ? this.#recent : this.#transactionOf(record.xid)
		this.#recent = transaction
		if (transaction.walBytes === 0 && this.#beganWithin(record.xid)) transaction.firstLsn = record.lsn
		transaction.listedOnly = false
		transaction.walBytes += record.totalBytes
		return transaction
	}

	#transactionOf(xid: number): Transaction {
		let transaction = this.#transactions.get(xid)
		if (transaction === undefined) {
			transaction = new Transaction(xid)
			this.#transactions.set(xid, transaction)
		}
		return transaction
	}

	/** xids count up and wrap at 32 bits: one of two is the later when less than half the circle lies between them. */
	#beganWithin(xid: number): boolean {
		return this.#wholeFromXid !== undefined && ((xid - this.#wholeFromXid) | 0) >= 0
	}

	#countRows(transaction: Transaction, record: WalRecord): void {
		const counted = rowsIn(record)
		if (counted === undefined) return
		const relation = this.#relationOf(record.description)
		if (relation === undefined) return
		if (relation.catalog) transaction.catalogRows += counted.rows
		else transaction.rowsOf(relation.key)[counted.kind] += counted.rows
	}

	/** The relation of the first block reference, `, blkref #0: rel 1663/5/16402 blk 7`. */
	#relationOf(description: string): KnownRelation | undefined {
		const label = description.indexOf(firstBlock)
		if (label === -1) return undefined
		const start = label + firstBlock.length
		const end = description.indexOf(' ', start)
		const text = end === -1 ? description.slice(start) : description.slice(start, end)
		const known = this.#relations.get(text)
		if (known !== undefined) return known
		const [tablespaceOid = 0, databaseOid = 0, relfilenode = 0] = text.split('/').map(Number)
		const relation = {
			key: relationKey(tablespaceOid, databaseOid, relfilenode),
			catalog: isCatalog(tablespaceOid, relfilenode),
		}
		this.#relations.set(relation.key, relation)
		return relation
	}

	#takeTransactionRecord(record: WalRecord, writer: Transaction | undefined): Boundary | undefined {
		switch (record.type) {
			case 'COMMIT':
			case 'COMMIT_PREPARED':
			case 'ABORT':
			case 'ABORT_PREPARED':
				return this.#end(record, writer)
			case 'PREPARE':
				return writer === undefined ? undefined : this.#prepare(record, writer)
			case 'ASSIGNMENT':
				this.#assign(record.description)
				return undefined
			default:
				return undefined
		}
	}

	#end(record: WalRecord, writer: Transaction | undefined): TransactionBoundary | undefined {
		const reading = endOfTransaction.exec(record.description)
		const at = parseWaldumpTime(reading?.[2] ?? '')
		// 0 in the prefix of COMMIT_PREPARED and ABORT_PREPARED: the xid stands before the time.
		const xid = reading?.[1] === undefined ? record.xid : Number(reading[1])
		if (at === undefined || xid === 0) return undefined
		const transaction = writer ?? this.#transactionOf(xid)
		if (writer === undefined) transaction.walBytes += record.totalBytes
		const subxids = numbersOf(listOf(record.description, 'subxacts'))
		this.#absorb(transaction, subxids)
		this.#transactions.delete(xid)
		this.#endedEarly?.add(xid)

		const kind = endKinds[record.type] ?? 'commit'
		const committed = kind === 'commit' || kind === 'commit-prepared'
		const files = committed ? this.#removedFiles(transaction, record.description) : noFiles
		return {
			kind,
			lsn: record.lsn,
			prevLsn: record.prevLsn,
			endLsn: endLsnOf(record, this.#walSegmentBytes),
			ordinal: this.#ordinal,
			xid,
			at,
			subxids,
			gid: transaction.gid,
			work: workOf(transaction, files),
		}
	}

	#absorb(transaction: Transaction, subxids: readonly number[]): void {
		for (const subxid of subxids) {
			const sub = this.#transactions.get(subxid)
			this.#transactions.delete(subxid)
			if (sub === undefined) continue
			// A parent gets its xid before its subtransactions do, but they may write first.
			if (this.#beganWithin(transaction.xid)) transaction.firstLsn = earlier(transaction.firstLsn, sub.firstLsn)
			transaction.absorb(sub)
		}
	}

	#prepare(record: WalRecord, transaction: Transaction): Boundary | undefined {
		const reading = prepared.exec(record.description)
		const at = parseWaldumpTime(reading?.[2] ?? '')
		if (reading === null || at === undefined) return undefined
		const gid = detached(reading[1] ?? '')
		this.#absorb(transaction, numbersOf(listOf(reading[3] ?? '', 'subxacts')))
		transaction.gid = gid
		return {
			kind: 'prepare',
			lsn: record.lsn,
			prevLsn: record.prevLsn,
			endLsn: endLsnOf(record, this.#walSegmentBytes),
			ordinal: this.#ordinal,
			xid: record.xid,
			at,
			gid,
		}
	}

	#assign(description: string): void {
		const [, top, subs = ''] = assignment.exec(description) ?? []
		if (top === undefined) return
		for (const subxid of numbersOf(subs.split(' '))) this.#transactionOf(subxid).parent = Number(top)
	}

	/**
	 * Which relations a commit removed for good and which it gave new files. Both are in `rels`; a file that the same
	 * transaction had made is neither.
	 *
	 * 15 and newer: a DROP also lists the OID under `dropped stats`, which is the relation's number as long as it was never
	 * rewritten. VACUUM FULL, CLUSTER, ALTER and REFRESH list the OID of their transient table, whose file they made
	 * themselves. A relation that was rewritten before is taken as dropped where the transaction made no file that could
	 * replace it; where it did, the WAL's text does not tell, and it counts as truncated.
	 *
	 * 13 and 14 have no such list: a transaction that made files is taken to have replaced, any other to have dropped.
	 *
	 * Measured on 15.18, see test/domain/wal/boundaries.server.test.ts.
	 */
	#removedFiles(transaction: Transaction, description: string): RemovedFiles {
		const removed = listOf(description, 'rels').flatMap(path => relationOfPath(path) ?? [])
		if (removed.length === 0) return noFiles
		const replacements = new Set(transaction.created)
		for (const {key} of removed) replacements.delete(key)
		const stats = listOf(description, 'dropped stats').filter(item => item.startsWith(relationStats))
		const droppedOids = new Set(stats.map(item => item.slice(relationStats.length)))

		const dropped: RelationKey[] = []
		const undecided: RelationKey[] = []
		for (const {key, tablespaceOid, databaseOid, relfilenode} of removed) {
			if (transaction.created?.has(key) === true || isCatalog(tablespaceOid, relfilenode)) continue
			if (droppedOids.delete(`${databaseOid}/${relfilenode}`)) dropped.push(key)
			else undecided.push(key)
		}
		const noneReplaced = replacements.size === 0 && (this.#postgresMajor < 15 || undecided.length <= droppedOids.size)
		return noneReplaced ? {dropped: [...dropped, ...undecided], truncated: nothing} : {dropped, truncated: undecided}
	}

	#takeCreated(transaction: Transaction, path: string): void {
		const relation = relationOfPath(path.trimEnd())
		if (relation !== undefined) transaction.create(relation.key)
	}

	#takeXlogRecord(record: WalRecord): Boundary | undefined {
		switch (record.type) {
			case 'RESTORE_POINT':
				return {
					kind: 'restore-point',
					lsn: record.lsn,
					prevLsn: record.prevLsn,
					endLsn: endLsnOf(record, this.#walSegmentBytes),
					ordinal: this.#ordinal,
					name: detached(record.description),
				}
			case 'PARAMETER_CHANGE':
				this.#parameterChanges.push({lsn: record.lsn, ...parameters(record.description)})
				return undefined
			case 'BACKUP_END': {
				const startLsn = parseLsn(record.description.trim())
				if (startLsn === undefined) return undefined
				this.#backupEnds.push({lsn: record.lsn, endLsn: endLsnOf(record, this.#walSegmentBytes), startLsn})
				return undefined
			}
			case 'CHECKPOINT_SHUTDOWN':
			case 'END_OF_RECOVERY':
				// Nothing runs across a shutdown or the end of a recovery; only what is prepared stays. A crash writes no ABORT.
				// What is only listed may have been prepared before: the next list tells.
				for (const [xid, transaction] of this.#transactions) {
					if (transaction.gid === undefined && !transaction.listedOnly) this.#forget(xid)
				}
				this.#takeNextXid(nextXidOfCheckpoint.exec(record.description)?.[1])
				return undefined
			default:
				return undefined
		}
	}

	#takeNextXid(text: string | undefined): void {
		if (text !== undefined && this.#wholeFromXid === undefined) this.#begin(Number(text), undefined)
	}

	#begin(wholeFromXid: number, running: readonly number[] | undefined): void {
		this.#wholeFromXid = wholeFromXid
		for (const xid of running ?? []) {
			// A list is taken before it is written: a transaction on it may have ended in between.
			if (this.#transactions.has(xid) || this.#endedEarly?.has(xid) === true) continue
			this.#transactionOf(xid).listedOnly = true
		}
		this.#endedEarly = undefined
	}

	/**
	 * RUNNING_XACTS, written by every checkpoint and every 15 seconds: which top-level transactions run, and the next xid. It
	 * tells which transactions began before what is decoded, and ends those of which a crash left no record.
	 */
	#takeRunning(record: WalRecord): void {
		if (overflowed.test(record.description)) this.#subtransactionOverflows.push(record.lsn)
		const [, next, oldest, list = ''] = running.exec(record.description) ?? []
		if (next === undefined || oldest === undefined) return
		const listed = numbersOf(list.split(' '))
		if (this.#wholeFromXid === undefined) this.#begin(Number(next), listed)
		const oldestXid = Number(oldest)
		const stillListed = new Set(listed)
		for (const [xid, transaction] of this.#transactions) {
			const goneUnseen = ((xid - oldestXid) | 0) < 0 || (transaction.listedOnly && !stillListed.has(xid))
			if (goneUnseen && transaction.gid === undefined) this.#forget(xid)
		}
	}

	#forget(xid: number): void {
		this.#transactions.delete(xid)
		if (this.#recent.xid === xid) this.#recent = new Transaction(0)
	}

	#takeTablespace(record: WalRecord): void {
		const path = tablespace.exec(record.description)?.[1]
		if (path !== undefined) this.#tablespacesCreated.push({lsn: record.lsn, path})
	}

	/** Subtransactions whose parent is known are part of it. */
	#open(): readonly OpenTransaction[] {
		const tops = new Map<number, OpenTransaction>()
		for (const transaction of this.#transactions.values()) {
			const xid = transaction.parent ?? transaction.xid
			const known = tops.get(xid)
			tops.set(xid, {
				xid,
				firstLsn: this.#beganWithin(xid) ? earlier(transaction.firstLsn, known?.firstLsn) : undefined,
				gid: transaction.gid ?? known?.gid,
			})
		}
		return [...tops.values()].sort(byFirstLsn)
	}
}

function earlier(a: Lsn | undefined, b: Lsn | undefined): Lsn | undefined {
	if (a === undefined || b === undefined) return a ?? b
	return a < b ? a : b
}

/** Those that began before what was decoded come first. */
function byFirstLsn(a: OpenTransaction, b: OpenTransaction): number {
	const [first, second] = [a.firstLsn ?? -1n, b.firstLsn ?? -1n]
	return first < second ? -1 : first > second ? 1 : a.xid - b.xid
}

interface RemovedFiles {
	readonly dropped: readonly RelationKey[]
	readonly truncated: readonly RelationKey[]
}

const noFiles: RemovedFiles = {dropped: nothing, truncated: nothing}
const firstBlock = 'blkref #0: rel '
/** Kind 2 under `dropped stats` is a relation (pgstat.h). */
const relationStats = '2/'
const endKinds: Readonly<Record<string, TransactionBoundary['kind']>> = {
	COMMIT: 'commit',
	ABORT: 'abort',
	COMMIT_PREPARED: 'commit-prepared',
	ABORT_PREPARED: 'abort-prepared',
}
const endOfTransaction = /^(?:(\d+): )?(\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}\.\d{6})/
/** A gid may hold anything, this pattern too: the time is the last that stands where one can. */
const prepared = /^gid ([\s\S]*): (\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}\.\d{6}) [^\s;]*((?:; [^\n]*)?)$/
const assignment = /^xtop (\d+): subxacts:((?: \d+)*)/
const running = /^nextXid (\d+) latestCompletedXid \d+ oldestRunningXid (\d+)(?:; \d+ xacts:((?: \d+)*))?/
/** 13 to 15, then 16 and newer. */
const overflowed = /; subxid (?:ovf|overflowed)/
const nextXidOfCheckpoint = /; xid \d+:(\d+);/
const tablespace = /^\d+ "([\s\S]*)"$/
const relationPath = /^(?:base\/(\d+)|(global)|pg_tblspc\/(\d+)\/[^/]+\/(\d+))\/(\d+)(_init)?$/

/** How many rows a record writes, and how; undefined for one that writes none. */
function rowsIn(record: WalRecord): {readonly kind: keyof RowCounts; readonly rows: number} | undefined {
	switch (record.type) {
		case 'INSERT':
		case 'INSERT+INIT':
			return oneInserted
		case 'UPDATE':
		case 'UPDATE+INIT':
		case 'HOT_UPDATE':
		case 'HOT_UPDATE+INIT':
			return oneUpdated
		case 'DELETE':
			return oneDeleted
		case 'MULTI_INSERT':
		case 'MULTI_INSERT+INIT':
			return {kind: 'inserted', rows: tupleCount(record.description)}
		default:
			return undefined
	}
}

const oneInserted = {kind: 'inserted', rows: 1} as const
const oneUpdated = {kind: 'updated', rows: 1} as const
const oneDeleted = {kind: 'deleted', rows: 1} as const
const tuplesLabel = 'ntuples: '

/** `6 tuples flags 0x02` up to 15, `ntuples: 6, flags: 0x02` from 16 on. */
function tupleCount(description: string): number {
	const text = description.startsWith(tuplesLabel) ? description.slice(tuplesLabel.length) : description
	const count = Number.parseInt(text, 10)
	return Number.isNaN(count) ? 0 : count
}

function workOf(transaction: Transaction, files: RemovedFiles): TransactionWork {
	return {
		firstLsn: transaction.firstLsn,
		walBytes: transaction.walBytes,
		rows: transaction.rows === undefined ? nothing : rowsOf(transaction.rows),
		catalogRows: transaction.catalogRows,
		dropped: files.dropped,
		truncated: files.truncated,
		droppedDatabases: transaction.droppedDatabases ?? nothing,
	}
}

function rowsOf(rows: ReadonlyMap<RelationKey, RowCounts>): readonly RelationRows[] {
	return Array.from(rows, ([relation, counts]) => ({relation, ...counts}))
}

/** A copy of its own: what is cut out of a text keeps all of it in memory (V8), and boundaries are kept by the million. */
function detached(text: string): string {
	return text.split('').join('')
}

/** The items of `; label: a b c` in a description whose lists are parted by `; `. */
function listOf(description: string, label: string): readonly string[] {
	const opening = `; ${label}: `
	const start = description.indexOf(opening)
	if (start === -1) return nothing
	const end = description.indexOf(';', start + opening.length)
	const text = end === -1 ? description.slice(start + opening.length) : description.slice(start + opening.length, end)
	return text.split(' ').filter(item => item !== '')
}

function numbersOf(texts: readonly string[]): readonly number[] {
	return texts.length === 0 ? nothing : texts.filter(text => text !== '').map(Number)
}

function dropDatabases(transaction: Transaction, description: string): void {
	// `dir 1663/16425 16515/16425`: one directory a tablespace.
	for (const [, oid] of description.matchAll(/ \d+\/(\d+)/g)) transaction.dropDatabase(Number(oid))
}

function isCatalog(tablespaceOid: number, relfilenode: number): boolean {
	return tablespaceOid === globalTablespace || relfilenode < firstNormalObjectId
}

function relationKey(tablespaceOid: number, databaseOid: number, relfilenode: number): RelationKey {
	return `${tablespaceOid}/${databaseOid}/${relfilenode}`
}

interface RelationOfPath {
	readonly key: RelationKey
	readonly tablespaceOid: number
	readonly databaseOid: number
	readonly relfilenode: number
}

/**
 * The relation of a file's path below the data directory. An unlogged table is created with its init fork alone, which
 * stands for the relation; other forks are none.
 */
function relationOfPath(path: string): RelationOfPath | undefined {
	const parts = relationPath.exec(path)
	if (parts === null) return undefined
	const relfilenode = Number(parts[5])
	const builtIn = parts[2] === undefined ? defaultTablespace : globalTablespace
	const tablespaceOid = parts[3] === undefined ? builtIn : Number(parts[3])
	const databaseOid = Number(parts[1] ?? parts[4] ?? 0)
	return {key: relationKey(tablespaceOid, databaseOid, relfilenode), tablespaceOid, databaseOid, relfilenode}
}

/** Parameters that a PARAMETER_CHANGE record names otherwise than postgresql.conf does. */
const settingNames: Readonly<Record<string, string>> = {
	max_prepared_xacts: 'max_prepared_transactions',
	max_locks_per_xact: 'max_locks_per_transaction',
}

function parameters(description: string): {
	readonly settings: Readonly<Record<string, number>>
	readonly walLevel: string
} {
	const pairs = [...description.matchAll(/(\w+)=(\S+)/g)].map(([, name = '', value = '']) => [name, value] as const)
	const numeric = pairs.filter(([, value]) => /^\d+$/.test(value))
	return {
		settings: Object.fromEntries(numeric.map(([name, value]) => [settingNames[name] ?? name, Number(value)])),
		walLevel: pairs.find(([name]) => name === 'wal_level')?.[1] ?? '',
	}
}
