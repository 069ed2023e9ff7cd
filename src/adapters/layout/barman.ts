import type {BackupRecord} from '../../domain/archive/record.ts'
import {instantAt, parseTime} from '../../domain/time.ts'
import {parseLsn} from '../../domain/wal/lsn.ts'
import {timelineId} from '../../domain/wal/timeline.ts'
import type {LaidOutArchive, RepositoryLayout, StoredObject, TextReading} from '../../ports.ts'
import {archiveNames, entryOf, joinKey, readWalName, type StoredAmount, WalListing, type WalName} from './names.ts'
import {createPlainSorter} from './plain.ts'

/** A Barman server's folder, or `barman_home` with several: `base/<id>`, `meta`, `wals`, and what is not filed yet in `incoming` and `streaming`. */
export const barmanLayout: RepositoryLayout = {name: 'barman', sort: () => createSorter('barman')}

/** What barman-cloud and CloudNativePG leave: `<server>/base/<id>` with tars, and `<server>/wals`. */
export const barmanCloudLayout: RepositoryLayout = {name: 'barman-cloud', sort: () => createSorter('barman-cloud')}

type Variant = 'barman' | 'barman-cloud'

const inBasePattern = /^(?:(.*)\/)?base\/(\d{8}T\d{6})\/(.*)$/
const metaPattern = /^(?:(.*)\/)?meta\/(\d{8}T\d{6})-backup\.info$/
const walPattern = /^(?:(.*)\/)?wals\/(?:[0-9A-F]{16}\/)?([^/]+)$/
const catalogPattern = /^(?:(.*)\/)?(?:wals\/(?:[^/]+-)?xlog\.db|identity\.json)$/
const unfiledPattern = /^(?:(.*)\/)?(incoming|streaming)\/([^/]+)$/
const cloudTarPattern = /^(?:data(?:_\d{4})?|\d+)\.tar(?:\.(?:gz|bz2|snappy|lz4|zst|xz))?$/

const ownFolders = ['wals/', 'base/', 'meta/', 'incoming/', 'streaming/']

interface FoundBackup {
	/** Key of its backup.info. */
	info: string | undefined
	/** How much is stored below its folder. */
	amount: StoredAmount
	hasTars: boolean
}

interface Server {
	readonly folder: string
	readonly wals: WalName[]
	readonly unfiled: WalName[]
	readonly backups: Map<string, FoundBackup>
	objectCount: number
	/** Files that only this server's kind of repository has. */
	readonly marks: Record<Variant, number>
}

function createSorter(variant: Variant) {
	const servers = new Map<string, Server>()
	const dataDirectories = createPlainSorter()

	const serverAt = (folder: string) =>
		entryOf(servers, folder, () => ({
			folder,
			wals: [],
			unfiled: [],
			backups: new Map(),
			objectCount: 0,
			marks: {barman: 0, 'barman-cloud': 0},
		}))
	const backupOf = (server: Server, id: string) =>
		entryOf(server.backups, id, () => ({info: undefined, amount: {bytes: 0, fileCount: 0}, hasTars: false}))

	function add(object: StoredObject): void {
		// Of a hundred thousand objects in another layout none is worth five patterns.
		if (!ownFolders.some(folder => object.key.includes(folder)) && !object.key.endsWith('identity.json')) return
		const inBase = inBasePattern.exec(object.key)
		if (inBase !== null) {
			addToBackup(serverAt(inBase[1] ?? ''), inBase[2] ?? '', inBase[3] ?? '', object)
			return
		}
		const meta = metaPattern.exec(object.key)
		if (meta !== null) {
			const server = serverAt(meta[1] ?? '')
			server.marks.barman += 1
			backupOf(server, meta[2] ?? '').info = object.key
			return
		}
		const catalog = catalogPattern.exec(object.key)
		if (catalog !== null) {
			serverAt(catalog[1] ?? '').marks.barman += 1
			return
		}
		const wal = walPattern.exec(object.key)
		const unfiled = wal === null ? unfiledPattern.exec(object.key) : null
		const named = readWalName(wal?.[2] ?? unfiled?.[3] ?? '', object)
		if (named === undefined) return
		const server = serverAt((wal ?? unfiled)?.[1] ?? '')
		server.objectCount += 1
		const into = wal === null ? server.unfiled : server.wals
		into.push(named)
	}

	function addToBackup(server: Server, id: string, path: string, object: StoredObject): void {
		const backup = backupOf(server, id)
		server.objectCount += 1
		if (path === 'backup.info') {
			backup.info ??= object.key
			return
		}
		if (cloudTarPattern.test(path)) {
			server.marks['barman-cloud'] += 1
			backup.hasTars = true
		}
		if (path.startsWith('data/')) {
			server.marks.barman += 1
			dataDirectories.add(object)
		}
		backup.amount.bytes += object.bytes
		backup.amount.fileCount += 1
	}

	function archives(): readonly LaidOutArchive[] {
		const found = [...servers.values()].filter(
			server => server.marks[variant] > 0 && [...server.backups.values(), ...server.wals].length > 0,
		)
		if (found.length === 0) return []
		const entries = new Map(dataDirectories.sorted().backups.map(entry => [entry.key, entry]))
		const nameOf = archiveNames(found.map(({folder}) => folder))
		return found.map(server => ({
			name: nameOf(server.folder),
			isFormer: false,
			listing: walOf(server).listing(server.objectCount),
			recorded: async read => {
				const records: BackupRecord[] = []
				for (const [id, backup] of server.backups) {
					const key = joinKey(joinKey(server.folder, 'base'), id)
					const info = backup.info === undefined ? undefined : await read(backup.info)
					const record = recordOf(variant, id, key, backup.amount, info)
					const dataDirectory = entries.get(joinKey(key, 'data'))
					const canBeCopied = dataDirectory?.format === 'plain' && record.tablespaces.length === 0
					records.push(canBeCopied ? {...record, dataDirectory} : record)
				}
				return records
			},
		}))
	}
	return {add, archives}
}

/** Barman files what lies in `incoming` and `streaming` later. What is there and not filed yet is the newest WAL of all. */
function walOf({wals, unfiled}: Server): WalListing {
	const listing = new WalListing()
	for (const named of wals) listing.add(named)
	const filed = new Set(listing.segments.map(({name}) => name))
	const filedHistories = new Set(listing.histories.map(({timeline}) => timeline))
	for (const named of unfiled) {
		const isFiled =
			named.kind === 'segment'
				? filed.has(named.entry.name)
				: named.kind === 'history' && filedHistories.has(named.entry.timeline)
		if (named.kind === 'segment') filed.add(named.entry.name)
		if (!isFiled) listing.add(named)
	}
	return listing
}

/** `key=value` a line; `None` is Python's for nothing. */
function parseInfo(text: string): ReadonlyMap<string, string> {
	return new Map(
		text.split('\n').flatMap(line => {
			const at = line.indexOf('=')
			const value = line.slice(at + 1)
			return at === -1 || value === 'None' ? [] : [[line.slice(0, at), value] as const]
		}),
	)
}

function recordOf(
	variant: Variant,
	id: string,
	key: string,
	amount: StoredAmount,
	reading: TextReading | undefined,
): BackupRecord {
	const info = parseInfo(reading?.ok === true ? reading.text : '')
	const startLsn = parseLsn(info.get('begin_xlog') ?? '')
	const stopLsn = parseLsn(info.get('end_xlog') ?? '')
	const parent = info.get('parent_backup_id')
	const version = Number(info.get('version'))
	const ended = parseTime(info.get('end_time') ?? '', instantAt(0n))
	return {
		id,
		format: variant,
		kind: parent === undefined ? 'full' : 'incremental',
		needs: parent === undefined ? [] : [parent],
		timeline: timelineId(Number(info.get('timeline'))),
		startLsn,
		// Barman gives the end of the segment in which the backup ended [ran].
		stop: stopLsn === undefined ? undefined : {lsn: stopLsn, atMost: true},
		stoppedAt: ended.ok ? ended.instant : undefined,
		bytes: Number(info.get('size') ?? info.get('cluster_size') ?? amount.bytes),
		fileCount: amount.fileCount,
		key,
		label: info.get('backup_name') ?? '',
		postgresMajor: Number.isNaN(version) ? undefined : Math.floor(version / 10_000),
		systemIdentifier: info.get('systemid'),
		tablespaces: tablespacesOf(info.get('tablespaces') ?? ''),
		problem: problemOf(info, reading, amount),
		dataDirectory: undefined,
	}
}

/** A backup of method `postgres` waits for its WAL until cron has run, though it is there [ran]. */
const wholeStates: ReadonlySet<string | undefined> = new Set(['DONE', 'WAITING_FOR_WALS'])

function problemOf(
	info: ReadonlyMap<string, string>,
	reading: TextReading | undefined,
	amount: StoredAmount,
): string | undefined {
	if (reading === undefined) return 'its backup.info is missing'
	if (!reading.ok) return reading.why
	const status = info.get('status')
	if (status === undefined) return 'its backup.info does not say that it was finished'
	if (!wholeStates.has(status)) {
		const error = info.get('error')
		return `its status is ${status}${error === undefined ? '' : `: ${error}`}`
	}
	return amount.fileCount === 0 && info.get('snapshots_info') === undefined ? 'its files are not here' : undefined
}

/** Python's text of a list of (name, oid, location): `[('ts', 16400, '/srv/ts')]`. */
function tablespacesOf(text: string): BackupRecord['tablespaces'] {
	return [...text.matchAll(/\('(?:[^'\\]|\\.)*', (\d+), '((?:[^'\\]|\\.)*)'\)/g)].map(match => ({
		oid: Number(match[1]),
		location: (match[2] ?? '').replace(/\\(.)/g, '$1'),
	}))
}
