import type {BackupEntry, SortedListing} from '../../domain/archive/listing.ts'
import type {RepositoryLayout, StoredObject} from '../../ports.ts'
import {isInside, joinKey, readWalName, splitKey, WalListing, type WalName} from './names.ts'

/**
 * What `archive_command = 'cp %p /archive/%f'` and `pg_basebackup` leave, packed or not: the folder of the WAL, or one that holds WAL and
 * base backups in sub-folders of any names.
 */
export const plainLayout: RepositoryLayout = {
	name: 'plain',
	sort() {
		const {add, sorted} = createPlainSorter()
		// Anything may be one: it is the layout of last resort.
		return {add, archives: () => [{name: '', isFormer: false, listing: sorted(), recorded: async () => []}]}
	},
}

/** Beyond so many files, the names in one folder are no longer remembered, only counted: no cluster has as many, a folder of unrelated things may. */
const mostNamedFiles = 200_000
const mostExamples = 5

const tarPattern = /^base\.tar(?:\.(?:gz|lz4|zst))?$/
const tarMemberPattern = /^(?:base|pg_wal|\d+)\.tar(?:\.(?:gz|lz4|zst))?$/
const tablespacePattern = /^\d+$/

/** The objects of one folder that are no WAL. */
interface Folder {
	readonly files: Map<string, number>
	readonly links: Map<string, string>
	fileCount: number
	bytes: number
}

/** Sorts objects by the folders they lie in; for a tool's layout too, where it keeps data directories as they are. */
export function createPlainSorter() {
	const folders = new Map<string, Folder>()
	const wal: {readonly folder: string; readonly named: WalName}[] = []
	let objectCount = 0

	function add(object: StoredObject): void {
		objectCount += 1
		const {folder, name} = splitKey(object.key)
		const named = object.linksTo === undefined ? readWalName(name, object) : undefined
		if (named !== undefined) wal.push({folder, named})
		else remember(folders, folder, name, object)
	}

	function sorted(): SortedListing {
		const roots = new Map<string, 'plain' | 'server'>()
		for (const folder of [...folders.keys()].sort((a, b) => a.length - b.length)) {
			const kind = rootOf(folder, roots) === undefined ? kindOf(folders, folder) : undefined
			if (kind !== undefined) roots.set(folder, kind)
		}
		const outside = [...folders].filter(([folder]) => rootOf(folder, roots) === undefined)
		const tars = outside.filter(([, {files}]) => [...files.keys()].some(name => tarPattern.test(name)))
		const outsideWal = new WalListing()
		for (const {folder, named} of wal) {
			const root = rootOf(folder, roots)
			// What lies in a base backup is part of it, its pg_wal too. A server's directory may hold its archive, though not in pg_wal.
			if (root === undefined || (roots.get(root) === 'server' && !isInside(folder, joinKey(root, 'pg_wal'))))
				outsideWal.add(named)
		}
		const otherExamples: string[] = []
		for (const [folder, {files}] of outside) {
			for (const name of files.keys()) {
				if (otherExamples.length === mostExamples) break
				otherExamples.push(joinKey(folder, name))
			}
		}
		const dataDirectories = [...roots].flatMap(([root, kind]) =>
			kind === 'server' ? [] : [dataDirectory(folders, root)],
		)
		return {
			...outsideWal.listing(objectCount),
			backups: [...dataDirectories, ...tars.map(([root, folder]) => tarBackup(root, folder))].sort(byKey),
			serverDirectories: [...roots].flatMap(([root, kind]) => (kind === 'server' ? [root] : [])).sort(),
			otherExamples,
		}
	}

	return {add, sorted}
}

function remember(folders: Map<string, Folder>, path: string, name: string, object: StoredObject): void {
	let folder = folders.get(path)
	if (folder === undefined) {
		folder = {files: new Map(), links: new Map(), fileCount: 0, bytes: 0}
		folders.set(path, folder)
	}
	if (object.linksTo !== undefined) {
		folder.links.set(name, object.linksTo)
		return
	}
	folder.fileCount += 1
	folder.bytes += object.bytes
	if (folder.files.size < mostNamedFiles) folder.files.set(name, object.bytes)
}

/** Whether a folder is a data directory, of a base backup or a server's own, by at least two of the files that every base backup has: each database's folder has a PG_VERSION too. */
function kindOf(folders: ReadonlyMap<string, Folder>, path: string): 'plain' | 'server' | undefined {
	const files = folders.get(path)?.files ?? new Map<string, number>()
	const hasControlFile = folders.get(joinKey(path, 'global'))?.files.has('pg_control') === true
	const marks =
		['PG_VERSION', 'backup_label', 'backup_manifest'].filter(name => files.has(name)).length + (hasControlFile ? 1 : 0)
	if (marks < 2) return undefined
	if (files.has('postmaster.pid')) return 'server'
	// Left by every start and never in a base backup; a base backup that somebody started keeps its manifest or label beside it.
	const wasStarted = files.has('postmaster.opts') && !files.has('backup_label') && !files.has('backup_manifest')
	return wasStarted ? 'server' : 'plain'
}

function dataDirectory(folders: ReadonlyMap<string, Folder>, root: string): BackupEntry {
	const files = new Map<string, number>()
	const links: {readonly oid: number; readonly location: string}[] = []
	let bytes = 0
	let fileCount = 0
	let everyFileNamed = true
	for (const [path, folder] of folders) {
		if (!isInside(path, root) || isInside(path, joinKey(root, 'pg_wal'))) continue
		const relative = root === '' ? path : path.slice(root.length + 1)
		for (const [name, size] of folder.files) files.set(joinKey(relative, name), size)
		if (relative === 'pg_tblspc') {
			for (const [name, location] of folder.links)
				if (tablespacePattern.test(name)) links.push({oid: Number(name), location})
		}
		bytes += folder.bytes
		fileCount += folder.fileCount
		everyFileNamed &&= folder.files.size === folder.fileCount
	}
	return {format: 'plain', key: root, files, everyFileNamed, bytes, fileCount, tablespaceLinks: links}
}

function tarBackup(root: string, folder: Folder): BackupEntry {
	const files = new Map([...folder.files].filter(([name]) => name === 'backup_manifest' || tarMemberPattern.test(name)))
	const bytes = [...files.values()].reduce((sum, size) => sum + size, 0)
	return {format: 'tar', key: root, files, everyFileNamed: true, bytes, fileCount: files.size, tablespaceLinks: []}
}

/** The root that a folder is, or lies below; undefined when there is none. */
function rootOf(folder: string, roots: ReadonlyMap<string, unknown>): string | undefined {
	for (let path = folder; ; path = splitKey(path).folder) {
		if (roots.has(path)) return path
		if (path === '') return undefined
	}
}

function byKey(a: BackupEntry, b: BackupEntry): number {
	return a.key < b.key ? -1 : a.key > b.key ? 1 : 0
}
