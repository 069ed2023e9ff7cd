import type {BackupEvidence, BackupHistory, ManifestMismatch, ManifestReading} from '../domain/archive/backup.ts'
import {
	createManifestComparison,
	createManifestReader,
	parseBackupHistory,
	parseBackupLabel,
	parseTablespaceMap,
	parseVersionFile,
	systemIdentifierOfControlFile,
} from '../domain/archive/backup.ts'
import type {BackupEntry} from '../domain/archive/listing.ts'
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
	readonly entry: BackupEntry
	readonly store: ArchiveStore
	readonly location: string
}

/** Names each base backup by its folder, or by its whole way where folders are called alike. */
export function nameBackups(stores: readonly ListedStore[]): readonly NamedBackup[] {
	const found = stores.flatMap(({store, listing}) =>
		listing.backups.map(entry => ({
			entry,
			store,
			location: store.localPath(entry.key) ?? joinLocation(store.location, entry.key),
		})),
	)
	const lastPart = (path: string) => path.split('/').findLast(part => part !== '') ?? path
	const namings = [
		({location}: {readonly location: string}) => lastPart(location),
		({entry, location}: {readonly entry: BackupEntry; readonly location: string}) => entry.key || location,
		({location}: {readonly location: string}) => location,
	]
	const naming = namings.find(name => new Set(found.map(name)).size === found.length) ?? (({location}) => location)
	return found.map(backup => ({...backup, id: naming(backup)}))
}

function joinLocation(location: string, key: string): string {
	return key === '' ? location : `${location.replace(/\/$/, '')}/${key}`
}

/** Reads what a base backup says of itself. `endInWal` is asked only where no file tells its end. */
export async function readBackup(
	codecs: Codecs,
	{id, entry, store, location}: NamedBackup,
	histories: readonly BackupHistory[],
	endInWal: (startLsn: Lsn, timeline: TimelineId) => Promise<Lsn | undefined>,
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
