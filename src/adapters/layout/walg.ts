import type {BackupRecord} from '../../domain/archive/record.ts'
import {instantAt, parseTime} from '../../domain/time.ts'
import {type Lsn, lsnAt} from '../../domain/wal/lsn.ts'
import {parseTimelineHex} from '../../domain/wal/timeline.ts'
import type {LaidOutArchive, RepositoryLayout, StoredObject, TextReading} from '../../ports.ts'
import {parseExactJson} from './exact-json.ts'
import {archiveNames, countStored, entryOf, joinKey, readWalName, type StoredAmount, WalListing} from './names.ts'

/** WAL-G's two folders below its prefix: `basebackups_005` and the flat `wal_005`. */
export const walgLayout: RepositoryLayout = {name: 'walg', sort: () => createSorter()}

const sentinelPattern = /^(base_[0-9A-F]{24}(?:_D_[0-9A-F]{24})?)_backup_stop_sentinel\.json$/
const inBackupsPattern = /^(?:(.*)\/)?basebackups_005\/(.*)$/
const inWalPattern = /^(?:(.*)\/)?wal_005\/([^/]+)$/
const inBackupPattern = /^(base_[0-9A-F]{24}(?:_D_[0-9A-F]{24})?)\/(.*)$/

interface Prefix {
	readonly folder: string
	readonly wal: WalListing
	/** Names of finished backups: the sentinel is written last. */
	readonly sentinels: Set<string>
	readonly stored: Map<string, StoredAmount>
	readonly metadata: Set<string>
	objectCount: number
}

function createSorter() {
	const prefixes = new Map<string, Prefix>()
	const prefixAt = (folder: string) =>
		entryOf(prefixes, folder, () => ({
			folder,
			wal: new WalListing(),
			sentinels: new Set(),
			stored: new Map(),
			metadata: new Set(),
			objectCount: 0,
		}))

	function add(object: StoredObject): void {
		const inWal = inWalPattern.exec(object.key)
		if (inWal !== null) {
			const prefix = prefixAt(inWal[1] ?? '')
			prefix.objectCount += 1
			const named = readWalName(inWal[2] ?? '', object)
			if (named !== undefined) prefix.wal.add(named)
			return
		}
		const inBackups = inBackupsPattern.exec(object.key)
		if (inBackups === null) return
		const prefix = prefixAt(inBackups[1] ?? '')
		const path = inBackups[2] ?? ''
		prefix.objectCount += 1
		const sentinel = sentinelPattern.exec(path)?.[1]
		if (sentinel !== undefined) prefix.sentinels.add(sentinel)
		const inBackup = inBackupPattern.exec(path)
		if (inBackup === null) return
		const [, name = '', rest = ''] = inBackup
		if (rest === 'metadata.json') prefix.metadata.add(name)
		countStored(prefix.stored, name, object.bytes)
	}

	function archives(): readonly LaidOutArchive[] {
		const nameOf = archiveNames(prefixes.keys())
		return [...prefixes.values()].map(prefix => ({
			name: nameOf(prefix.folder),
			isFormer: false,
			listing: prefix.wal.listing(prefix.objectCount),
			recorded: read => recordsOf(prefix, read),
		}))
	}
	return {add, archives}
}

async function recordsOf(
	{folder, sentinels, stored, metadata}: Prefix,
	read: (key: string) => Promise<TextReading | undefined>,
): Promise<readonly BackupRecord[]> {
	const backups = joinKey(folder, 'basebackups_005')
	const records: BackupRecord[] = []
	for (const name of [...new Set([...sentinels, ...stored.keys()])].sort()) {
		const sentinel = sentinels.has(name) ? await read(joinKey(backups, `${name}_backup_stop_sentinel.json`)) : undefined
		const details = metadata.has(name) ? await read(joinKey(joinKey(backups, name), 'metadata.json')) : undefined
		records.push(recordOf(name, joinKey(backups, name), stored.get(name), sentinel, details))
	}
	return records
}

type Fields = Readonly<Record<string, unknown>>

function recordOf(
	name: string,
	key: string,
	stored: StoredAmount | undefined,
	sentinelReading: TextReading | undefined,
	detailReading: TextReading | undefined,
): BackupRecord {
	const sentinel = fieldsOf(sentinelReading)
	const details = fieldsOf(detailReading)
	const stopLsn = lsnOf(sentinel?.FinishLSN ?? details?.finish_lsn)
	const base = sentinel?.DeltaFrom ?? sentinel?.DeltaFullName
	const version = Number(sentinel?.PgVersion ?? details?.pg_version)
	const ended = parseTime(String(sentinel?.FinishTime ?? details?.finish_time ?? ''), instantAt(0n))
	const needs = [sentinel?.DeltaFullName, sentinel?.DeltaFrom].filter(need => typeof need === 'string')
	return {
		id: name,
		format: 'walg',
		kind: typeof base === 'string' ? 'incremental' : 'full',
		needs: [...new Set(needs)],
		timeline: parseTimelineHex(name.slice(5, 13)),
		startLsn: lsnOf(sentinel?.LSN ?? details?.start_lsn),
		stop: stopLsn === undefined ? undefined : {lsn: stopLsn, atMost: false},
		stoppedAt: ended.ok ? ended.instant : undefined,
		bytes: Number(sentinel?.UncompressedSize ?? details?.uncompressed_size ?? stored?.bytes ?? 0),
		fileCount: stored?.fileCount ?? 0,
		key,
		label: '',
		postgresMajor: Number.isNaN(version) ? undefined : Math.floor(version / 10_000),
		systemIdentifier: textOf(sentinel?.SystemIdentifier ?? details?.system_identifier),
		tablespaces: tablespacesOf(sentinel?.Spec),
		problem: problemOf(sentinelReading, sentinel, stored),
		dataDirectory: undefined,
	}
}

function problemOf(
	reading: TextReading | undefined,
	sentinel: Fields | undefined,
	stored: StoredAmount | undefined,
): string | undefined {
	if (reading === undefined) return 'it has no sentinel, which WAL-G writes last: it was not finished'
	if (!reading.ok) return reading.why
	if (sentinel === undefined) return 'its sentinel is no JSON: it is damaged, or encrypted'
	return stored === undefined ? 'its files are not here' : undefined
}

function fieldsOf(reading: TextReading | undefined): Fields | undefined {
	const value = reading?.ok === true ? parseExactJson(reading.text) : undefined
	return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined
}

function lsnOf(value: unknown): Lsn | undefined {
	const position = typeof value === 'bigint' ? value : Number.isSafeInteger(value) ? BigInt(Number(value)) : undefined
	return position === undefined || position <= 0n ? undefined : lsnAt(position)
}

function textOf(value: unknown): string | undefined {
	return typeof value === 'bigint' || typeof value === 'number' || typeof value === 'string' ? String(value) : undefined
}

/** The specification of tablespaces: `{"base_prefix": …, "tablespaces": [oid, …], "<oid>": {"loc": …, "link": …}}`. */
function tablespacesOf(spec: unknown): BackupRecord['tablespaces'] {
	if (typeof spec !== 'object' || spec === null) return []
	return Object.entries(spec).flatMap(([oid, value]) =>
		/^\d+$/.test(oid) && typeof value === 'object' && value !== null && 'loc' in value
			? [{oid: Number(oid), location: String(value.loc)}]
			: [],
	)
}
