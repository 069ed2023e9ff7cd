import type {
	BackupEvidence,
	BackupHistory,
	BackupReading,
	ManifestMismatch,
	ManifestReading,
} from '../domain/archive/backup.ts'
import {
	createManifestComparison,
	createManifestReader,
	describeBackup,
	parseBackupHistory,
	parseBackupLabel,
	parseTablespaceMap,
	parseVersionFile,
	systemIdentifierOfControlFile,
} from '../domain/archive/backup.ts'
import {type BackupEntry, shownKey} from '../domain/archive/listing.ts'
import type {BackupRecord} from '../domain/archive/record.ts'
import {describeRecord} from '../domain/archive/record.ts'
import {ArchiveUnreachableError} from '../domain/errors.ts'
import type {Lsn} from '../domain/wal/lsn.ts'
import type {TimelineId} from '../domain/wal/timeline.ts'
import type {ArchiveStore, Codecs} from '../ports.ts'
import {mapConcurrently} from './concurrently.ts'
import {type ListedStore, readText} from './survey-source.ts'

const readsAtOnce = 16

/** The archive's `.backup` files, read; what is none is left out. */
export async function readBackupHistories(
	codecs: Codecs,
	{store, listing}: ListedStore,
	signal: AbortSignal | undefined,
): Promise<readonly BackupHistory[]> {
	const read = await mapConcurrently(listing.backupHistories, readsAtOnce, async entry => {
		try {
			return parseBackupHistory((await readText(codecs, store, entry.key, signal)).text)
		} catch (error) {
			// It is a help, not a need: a base backup can tell its end in other ways.
			if (error instanceof ArchiveUnreachableError) return undefined
			throw error
		}
	})
	return read.filter(history => history !== undefined)
}

/** A base backup and the store that holds it, with a name that no other has. */
export interface NamedBackup {
	readonly id: string
	/** The data directory or the tars; undefined for one that only its tool can put together. */
	readonly entry: BackupEntry | undefined
	/** What its tool has written down of it. */
	readonly record: BackupRecord | undefined
	readonly store: ArchiveStore
	readonly location: string
}

/** The base backups that the tools of these stores have written down. Throws ArchiveUnreachableError for a repository that only its tool can read. */
export async function readRecords(
	codecs: Codecs,
	stores: readonly ListedStore[],
	signal: AbortSignal | undefined,
): Promise<ReadonlyMap<ListedStore, readonly BackupRecord[]>> {
	const records = new Map<ListedStore, readonly BackupRecord[]>()
	for (const listed of stores) {
		const {store} = listed
		records.set(
			listed,
			await listed.recorded(async key => {
				try {
					return {ok: true, text: (await readText(codecs, store, key, signal, mostRecordBytes)).text}
				} catch (error) {
					if (!(error instanceof ArchiveUnreachableError)) throw error
					return (await store.stat(key, signal)) === undefined ? undefined : {ok: false, why: error.message}
				}
			}),
		)
	}
	return records
}

const mostRecordBytes = 16 * 1024 * 1024

/** Names each base backup as its tool does, or by its folder, or by its whole way where several are called alike. */
export function nameBackups(
	stores: readonly ListedStore[],
	records: ReadonlyMap<ListedStore, readonly BackupRecord[]>,
): readonly NamedBackup[] {
	const found = stores.flatMap(listed => {
		const {store, listing} = listed
		const locationOf = (key: string) => store.localPath(key) ?? joinLocation(store.location, key)
		return [
			...listing.backups.map(entry => ({
				entry,
				record: undefined,
				store,
				key: entry.key,
				location: locationOf(entry.key),
			})),
			...(records.get(listed) ?? []).map(record => ({
				entry: record.dataDirectory,
				record,
				store,
				key: record.key,
				location: locationOf(record.dataDirectory?.key ?? record.key),
			})),
		]
	})
	const lastPart = (path: string) => path.split('/').findLast(part => part !== '') ?? path
	type Found = (typeof found)[number]
	const namings = [
		({record, location}: Found) => record?.id ?? lastPart(location),
		({key, location}: Found) => key || location,
		({location}: Found) => location,
	]
	const naming = namings.find(name => new Set(found.map(name)).size === found.length) ?? (({location}) => location)
	return found.map(backup => {
		const {entry, record, store, location} = backup
		return {entry, record, store, location, id: shownKey(naming(backup))}
	})
}

function joinLocation(location: string, key: string): string {
	return key === '' ? location : `${location.replace(/\/$/, '')}/${key}`
}

/** Asked where no file tells the end of a base backup. */
export type EndInWal = (startLsn: Lsn, timeline: TimelineId) => Promise<Lsn | undefined>

/** Reads what is known of a base backup, from itself and from its tool. */
export async function readBackup(
	codecs: Codecs,
	named: NamedBackup,
	all: readonly NamedBackup[],
	histories: readonly BackupHistory[],
	endInWal: EndInWal,
	archiveMajor: number,
	signal: AbortSignal | undefined,
): Promise<ReadBackup> {
	const {record, entry} = named
	const needs = (record?.needs ?? []).map(id => all.find(other => other.record?.id === id)?.id ?? id)
	if (entry === undefined) {
		if (record === undefined) throw new Error(`nothing is known of base backup ${named.id}`)
		return {
			tablespaces: record.tablespaces,
			reading: await readRecorded({...named, record, needs}, histories, endInWal, archiveMajor),
		}
	}
	const evidence = await readEvidence(codecs, {...named, entry}, histories, endInWal, signal)
	const reading = describeBackup(evidence, archiveMajor)
	if (!reading.ok || record === undefined) return {tablespaces: evidence.tablespaces, reading}
	const {backup} = reading
	return {
		tablespaces: evidence.tablespaces,
		reading: {
			ok: true,
			incomplete: reading.incomplete || record.problem !== undefined,
			backup: {
				...backup,
				kind: record.kind,
				needs,
				stoppedAt: backup.stoppedAt ?? record.stoppedAt,
				label: record.label === '' ? backup.label : record.label,
				whyNot: record.problem ?? backup.whyNot,
			},
		},
	}
}

/** A base backup as read, before the archive judges it. */
export interface ReadBackup {
	readonly reading: BackupReading
	readonly tablespaces: BackupEvidence['tablespaces']
}

async function readRecorded(
	named: NamedBackup & {readonly record: BackupRecord; readonly needs: readonly string[]},
	histories: readonly BackupHistory[],
	endInWal: EndInWal,
	archiveMajor: number,
): Promise<BackupReading> {
	const {record, id, location, needs} = named
	const {startLsn, timeline, stop} = record
	const history = histories.find(candidate => candidate.startLsn === startLsn && candidate.timeline === timeline)
	const isTold = stop?.atMost === false || history !== undefined || startLsn === undefined || timeline === undefined
	const stopLsnInWal = isTold ? undefined : await endInWal(startLsn, timeline)
	return describeRecord(record, {location, id, needs, history, stopLsnInWal}, archiveMajor)
}

async function readEvidence(
	codecs: Codecs,
	{id, entry, store, location}: NamedBackup & {readonly entry: BackupEntry},
	histories: readonly BackupHistory[],
	endInWal: EndInWal,
	signal: AbortSignal | undefined,
): Promise<BackupEvidence> {
	const keyOf = (path: string) => (entry.key === '' ? path : `${entry.key}/${path}`)
	let unreadable: string | undefined
	async function ifThere<Content>(path: string, read: (key: string) => Promise<Content>): Promise<Content | undefined> {
		if (!entry.files.has(path)) return undefined
		try {
			return await read(keyOf(path))
		} catch (error) {
			if (!(error instanceof ArchiveUnreachableError)) throw error
			unreadable ??= error.message
			return undefined
		}
	}
	const textOf = (path: string) => ifThere(path, async key => (await readText(codecs, store, key, signal)).text)
	const label = parseBackupLabel((await textOf('backup_label')) ?? '')
	const reading = await ifThere('backup_manifest', key => readManifest(store, key, entry, signal))
	const controlFile = await ifThere('global/pg_control', key => store.read(key, 0, 8, signal))
	const versionFile = await textOf('PG_VERSION')
	const tablespaceMap = await textOf('tablespace_map')
	const manifest = reading?.manifest
	const manifested = manifest?.ok === true ? manifest.manifest : undefined
	const history = histories.find(candidate =>
		label === undefined
			? manifested?.walRanges.some(
					range => range.startLsn === candidate.startLsn && range.timeline === candidate.timeline,
				)
			: candidate.startLsn === label.startLsn && candidate.timeline === label.timeline,
	)
	const endIsTold = manifested !== undefined || history !== undefined || label === undefined
	return {
		entry,
		id,
		location,
		label,
		manifest,
		mismatch: reading?.mismatch,
		unreadable,
		postgresMajor: parseVersionFile(versionFile ?? ''),
		systemIdentifier:
			(controlFile === undefined ? undefined : systemIdentifierOfControlFile(controlFile)) ??
			manifested?.systemIdentifier,
		tablespaces: tablespacesOf(entry, tablespaceMap),
		history,
		stopLsnInWal: endIsTold ? undefined : await endInWal(label.startLsn, label.timeline),
	}
}

async function readManifest(
	store: ArchiveStore,
	key: string,
	entry: BackupEntry,
	signal: AbortSignal | undefined,
): Promise<{readonly manifest: ManifestReading; readonly mismatch: ManifestMismatch | undefined}> {
	const reader = createManifestReader()
	const comparison = createManifestComparison(entry)
	const decoder = new TextDecoder()
	for await (const chunk of store.stream(key, signal))
		comparison.compare(reader.push(decoder.decode(chunk, {stream: true})))
	return {manifest: reader.end(), mismatch: comparison.result()}
}

/** Tablespaces by their links, by the map of a backup whose links are not made yet, and by what lies in pg_tblspc itself. */
function tablespacesOf(entry: BackupEntry, map: string | undefined): BackupEvidence['tablespaces'] {
	const locations = new Map<number, string>()
	for (const path of entry.files.keys()) {
		const oid = /^pg_tblspc\/(\d+)\//.exec(path)?.[1]
		if (oid !== undefined) locations.set(Number(oid), '')
	}
	for (const {oid, location} of [...parseTablespaceMap(map ?? ''), ...entry.tablespaceLinks])
		locations.set(oid, location)
	if (entry.format === 'tar') {
		for (const name of entry.files.keys()) {
			const oid = /^(\d+)\.tar/.exec(name)?.[1]
			if (oid !== undefined) locations.set(Number(oid), '')
		}
	}
	return [...locations].map(([oid, location]) => ({oid, location})).sort((a, b) => a.oid - b.oid)
}
