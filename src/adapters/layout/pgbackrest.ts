import {createHash} from 'node:crypto'
import {splitCodecSuffix} from '../../domain/archive/codec.ts'
import {shownKey} from '../../domain/archive/listing.ts'
import type {BackupRecord} from '../../domain/archive/record.ts'
import type {BackupKind} from '../../domain/archive/survey.ts'
import {ArchiveUnreachableError} from '../../domain/errors.ts'
import {instantAt} from '../../domain/time.ts'
import {parseLsn} from '../../domain/wal/lsn.ts'
import {parseTimelineHex} from '../../domain/wal/timeline.ts'
import type {LaidOutArchive, RepositoryLayout, StoredObject, TextReading} from '../../ports.ts'
import {parseExactJson} from './exact-json.ts'
import {
	archiveNames,
	countStored,
	entryOf,
	joinKey,
	readWalName,
	type StoredAmount,
	splitKey,
	storedEntry,
	WalListing,
} from './names.ts'

/**
 * A pgBackRest repository (format 5): `archive/<stanza>` and `backup/<stanza>`, or either of them alone. The WAL of a stanza lies in one folder
 * for each cluster that it has had, `<version>-<id>`; the one with the highest id is the present cluster's.
 */
export const pgBackRestLayout: RepositoryLayout = {name: 'pgbackrest', sort: () => createSorter()}

const infoPattern = /^(archive|backup)\.info(\.copy)?$/
const archiveIdPattern = /^\d+(?:\.\d+)?-(\d+)$/
const walFolderPattern = /^[0-9A-F]{16}$/
const hashedPattern = /^([0-9A-F]{24})(\.partial)?-([0-9a-f]{40})$/
const labelPattern = /\d{8}-\d{6}F/
const inBackupPattern = /^(?:(.*)\/)?(\d{8}-\d{6}F(?:_\d{8}-\d{6}[DI])?)\/(.*)$/

/** The WAL of one cluster of a stanza. */
interface ClusterWal {
	/** Undefined where the folder that holds it is not part of the keys. */
	readonly id: number | undefined
	readonly archiveId: string
	readonly wal: WalListing
	objectCount: number
}

interface Stanza {
	readonly clusters: Map<string, ClusterWal>
	/** Folders of archive.info and backup.info. */
	archiveFolder: string | undefined
	backupFolder: string | undefined
	/** What is stored of each backup, by its label. */
	readonly labels: Map<string, StoredAmount>
}

function createSorter() {
	const stanzas = new Map<string, Stanza>()
	let marks = 0

	const stanzaIn = (folder: string) =>
		entryOf(stanzas, placeOf(folder), () => ({
			clusters: new Map(),
			archiveFolder: undefined,
			backupFolder: undefined,
			labels: new Map(),
		}))

	function add(object: StoredObject): void {
		const {folder, name} = splitKey(object.key)
		const info = infoPattern.exec(name)
		if (info !== null) {
			// Barman has a backup.info for each backup; what pgBackRest calls so lies beside its labels.
			if (info[1] === 'archive') {
				marks += 1
				stanzaIn(folder).archiveFolder = folder
			} else if (!/(?:^|\/)\d{8}T\d{6}$/.test(folder)) stanzaIn(folder).backupFolder = folder
			return
		}
		const inBackup = labelPattern.test(object.key) ? inBackupPattern.exec(object.key) : null
		if (inBackup !== null) {
			const [, stanzaFolder = '', label = '', path = ''] = inBackup
			if (/^backup\.manifest(\.copy)?$/.test(path)) marks += 1
			countStored(stanzaIn(stanzaFolder).labels, label, object.bytes)
			return
		}
		addWal(folder, name, object)
	}

	function addWal(folder: string, name: string, object: StoredObject): void {
		const inWalFolder = walFolderPattern.test(splitKey(folder).name)
		// Neither packed nor in a folder of its own.
		if (!inWalFolder && !name.endsWith('.history')) return
		const archiveFolder = inWalFolder ? splitKey(folder).folder : folder
		const hashed = inWalFolder ? hashedPattern.exec(splitCodecSuffix(name).name) : null
		const named = hashed === null ? readWalName(name, object) : undefined
		if (hashed === null && named?.kind !== 'history' && named?.kind !== 'backup-history') return
		const {folder: above, name: archiveId} = splitKey(archiveFolder)
		const id = archiveIdPattern.exec(archiveId)?.[1]
		const stanza = stanzaIn(id === undefined ? archiveFolder : above)
		const cluster = entryOf(stanza.clusters, archiveId, () => ({
			id: id === undefined ? undefined : Number(id),
			archiveId,
			wal: new WalListing(),
			objectCount: 0,
		}))
		cluster.objectCount += 1
		if (hashed === null) {
			if (named !== undefined) cluster.wal.add(named)
			return
		}
		marks += 1
		const [, segment = '', partial, contentId = ''] = hashed
		const entry = {...storedEntry(object), name: segment, contentId}
		cluster.wal.add({kind: partial === undefined ? 'segment' : 'partial', entry})
	}

	function archives(): readonly LaidOutArchive[] {
		const nameOf = archiveNames(stanzas.keys())
		return marks === 0 ? [] : [...stanzas].flatMap(([place, stanza]) => archivesOf(nameOf(place), stanza))
	}
	return {add, archives}
}

/** The repository's folder and the stanza's name: `archive/main` and `backup/main` are of one stanza, those of another repository are not. */
function placeOf(folder: string): string {
	const {folder: above, name} = splitKey(folder)
	const {folder: repository, name: part} = splitKey(above)
	return part === 'archive' || part === 'backup' ? joinKey(repository, name) : folder
}

function archivesOf(name: string, stanza: Stanza): readonly LaidOutArchive[] {
	const {archiveFolder, backupFolder} = stanza
	const clusters = [...stanza.clusters.values()]
		.filter(cluster => cluster.wal.segments.length > 0 || cluster.id !== undefined)
		.sort((a, b) => (b.id ?? 0) - (a.id ?? 0))
	if (archiveFolder === undefined && backupFolder === undefined && clusters.length === 0) return []
	const [present = {id: undefined, archiveId: '', wal: new WalListing(), objectCount: 0}, ...former] = clusters
	return [{cluster: present, isFormer: false}, ...former.map(cluster => ({cluster, isFormer: true}))].map(
		({cluster, isFormer}) => ({
			name: isFormer ? joinKey(name, cluster.archiveId) : name,
			isFormer,
			listing: cluster.wal.listing(cluster.objectCount),
			recorded: async read => {
				if (archiveFolder !== undefined) await readInfo(read, archiveFolder, 'archive.info')
				return backupFolder === undefined ? [] : recordsIn(read, backupFolder, stanza.labels, cluster.id)
			},
		}),
	)
}

type Read = (key: string) => Promise<TextReading | undefined>
type Ini = ReadonlyMap<string, ReadonlyMap<string, string>>

/** An info file, or its copy where the file itself is damaged or missing, as pgBackRest does. Throws where it is encrypted. */
async function readInfo(read: Read, folder: string, name: string): Promise<Ini | {readonly problem: string}> {
	let problem: string | undefined
	for (const file of [name, `${name}.copy`]) {
		const key = joinKey(folder, file)
		const reading = await read(key)
		if (reading?.ok === true) {
			if (reading.text.startsWith('Salted__')) throw encrypted(key)
			if (infoChecksumHolds(reading.text)) return parseIni(reading.text)
			problem ??= `${shownKey(key)} does not have the checksum that stands in it`
		} else problem ??= reading === undefined ? `${shownKey(key)} is not there` : reading.why
	}
	return {problem: problem ?? `${name} cannot be read`}
}

function encrypted(key: string): ArchiveUnreachableError {
	return new ArchiveUnreachableError(
		`the pgBackRest repository is encrypted (${shownKey(key)}): only pgBackRest itself can read it`,
		[
			'pgbackrest info --output=json tells which backups it holds',
			'pgbackrest archive-get <segment> <file> fetches WAL: put the segments into a folder of their own, and name that with --archive',
			'pgbackrest restore --type=none --pg1-path=<empty folder> unpacks a base backup: do not start it, and name the folder with --backups',
		],
	)
}

function parseIni(text: string): Ini {
	const sections = new Map<string, Map<string, string>>()
	let section = new Map<string, string>()
	for (const line of text.split('\n')) {
		const title = /^\[(.*)\]$/.exec(line)?.[1]
		if (title !== undefined) section = entryOf(sections, title, () => new Map())
		else if (line.includes('=')) section.set(line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1))
	}
	return sections
}

/** Whether the file is as pgBackRest wrote it: its sha1 is of all sections but the checksum, written as one JSON object (info.c). */
function infoChecksumHolds(text: string): boolean {
	const sections: {readonly title: string; readonly pairs: string[]}[] = []
	let expected: string | undefined
	for (const line of text.split('\n')) {
		const title = /^\[(.*)\]$/.exec(line)?.[1]
		if (title !== undefined) sections.push({title, pairs: []})
		else if (line.startsWith('backrest-checksum=')) expected = line.slice('backrest-checksum='.length)
		else if (line.includes('=')) {
			const at = line.indexOf('=')
			sections.at(-1)?.pairs.push(`"${line.slice(0, at)}":${line.slice(at + 1)}`)
		}
	}
	const written = sections.filter(({pairs}) => pairs.length > 0)
	const json = `{${written.map(({title, pairs}) => `"${title}":{${pairs.join(',')}}`).join(',')}}`
	return expected === `"${createHash('sha1').update(json).digest('hex')}"`
}

async function recordsIn(
	read: Read,
	folder: string,
	labels: ReadonlyMap<string, StoredAmount>,
	clusterId: number | undefined,
): Promise<readonly BackupRecord[]> {
	const info = await readInfo(read, folder, 'backup.info')
	if ('problem' in info) return [...labels].map(([label, stored]) => emptyRecord(folder, label, stored, info.problem))
	const clusters = clustersOf(info)
	const records: BackupRecord[] = []
	const listed = info.get('backup:current') ?? new Map<string, string>()
	for (const [label, text] of listed) {
		const value = parseExactJson(text)
		if (!isObject(value)) continue
		const dbId = Number(value['db-id'])
		if (clusterId !== undefined && clusters.size > 1 && dbId !== clusterId) continue
		const stored = labels.get(label)
		const manifestKey = joinKey(joinKey(folder, label), 'backup.manifest')
		const manifest = stored === undefined ? undefined : await read(manifestKey)
		records.push(recordOf(folder, label, value, clusters.get(dbId), stored, manifest))
	}
	for (const [label, stored] of labels) {
		if (!listed.has(label))
			records.push(
				emptyRecord(folder, label, stored, 'backup.info does not list it: it was not finished, or is being expired'),
			)
	}
	return records
}

interface ClusterOfStanza {
	readonly systemIdentifier: string | undefined
	readonly postgresMajor: number | undefined
}

function clustersOf(info: Ini): ReadonlyMap<number, ClusterOfStanza> {
	return new Map(
		[...(info.get('db:history') ?? [])].map(([id, text]) => {
			const value = parseExactJson(text)
			const fields = isObject(value) ? value : {}
			const identifier = fields['db-system-id']
			const version = Number(fields['db-version'])
			return [
				Number(id),
				{
					systemIdentifier: identifier === undefined ? undefined : String(identifier),
					postgresMajor: Number.isNaN(version) ? undefined : Math.floor(version),
				},
			]
		}),
	)
}

const kinds: Readonly<Record<string, BackupKind>> = {full: 'full', diff: 'differential', incr: 'incremental'}

function recordOf(
	folder: string,
	label: string,
	value: Readonly<Record<string, unknown>>,
	cluster: ClusterOfStanza | undefined,
	stored: StoredAmount | undefined,
	manifest: TextReading | undefined,
): BackupRecord {
	const stopLsn = parseLsn(String(value['backup-lsn-stop']))
	const stoppedAt = Number(value['backup-timestamp-stop'])
	const references = value['backup-reference']
	const needed = Array.isArray(references) ? references.map(String) : []
	const prior = value['backup-prior']
	return {
		...emptyRecord(folder, label, stored ?? {bytes: 0, fileCount: 0}, undefined),
		kind: kinds[String(value['backup-type'])] ?? 'full',
		needs: [...new Set([...needed, ...(typeof prior === 'string' ? [prior] : [])])],
		timeline: parseTimelineHex(String(value['backup-archive-start']).slice(0, 8)),
		startLsn: parseLsn(String(value['backup-lsn-start'])),
		stop: stopLsn === undefined ? undefined : {lsn: stopLsn, atMost: false},
		stoppedAt: Number.isNaN(stoppedAt) ? undefined : instantAt(BigInt(Math.round(stoppedAt)) * 1_000_000n),
		bytes: Number(value['backup-info-size'] ?? 0),
		postgresMajor: cluster?.postgresMajor,
		systemIdentifier: cluster?.systemIdentifier,
		tablespaces: manifest?.ok === true ? tablespacesOf(parseIni(manifest.text)) : [],
		problem:
			stored === undefined
				? 'backup.info lists it, and its folder is not here'
				: manifest === undefined
					? 'its backup.manifest is not there'
					: manifest.ok
						? undefined
						: manifest.why,
	}
}

function tablespacesOf(manifest: Ini): BackupRecord['tablespaces'] {
	return [...(manifest.get('backup:target') ?? [])].flatMap(([target, text]) => {
		const oid = /^pg_tblspc\/(\d+)$/.exec(target)?.[1]
		const value = parseExactJson(text)
		return oid === undefined || !isObject(value) ? [] : [{oid: Number(oid), location: String(value.path ?? '')}]
	})
}

function emptyRecord(folder: string, label: string, stored: StoredAmount, problem: string | undefined): BackupRecord {
	return {
		id: label,
		format: 'pgbackrest',
		kind: label.endsWith('D') ? 'differential' : label.endsWith('I') ? 'incremental' : 'full',
		needs: [],
		timeline: undefined,
		startLsn: undefined,
		stop: undefined,
		stoppedAt: undefined,
		bytes: stored.bytes,
		fileCount: stored.fileCount,
		key: joinKey(folder, label),
		label: '',
		postgresMajor: undefined,
		systemIdentifier: undefined,
		tablespaces: [],
		problem,
		dataDirectory: undefined,
	}
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
	return typeof value === 'object' && value !== null && !Array.isArray(value)
}
