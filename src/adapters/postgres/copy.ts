import {constants} from 'node:fs'
import {copyFile, type FileHandle, lstat, mkdir, open, readdir, readFile, rm} from 'node:fs/promises'
import {dirname, join} from 'node:path'
import {parseBackupLabel} from '../../domain/archive/backup.ts'
import {ArchiveUnreachableError, NoUsableBackupError} from '../../domain/errors.ts'
import type {RestorePlan} from '../../domain/recovery/plan.ts'
import type {CopyProgress} from '../../domain/recovery/progress.ts'
import {formatLsn} from '../../domain/wal/lsn.ts'
import {giveTo, syncDirectory, systemCode} from '../durable-files.ts'
import {type ManifestedFile, type RunningChecksum, readManifest, runningChecksum} from './manifest.ts'

/** Paths below the backup, each byte one character: a name in a data directory need not be UTF-8. */
type BytePath = string

interface TreeFile {
	readonly path: BytePath
	readonly bytes: number
	readonly mode: number
}

interface Tree {
	readonly directories: readonly {readonly path: BytePath; readonly mode: number}[]
	readonly files: readonly TreeFile[]
}

const chunkBytes = 1 << 20
const filesAtOnce = 4
const progressEveryMs = 50

/** What pg_basebackup leaves empty too (basebackup.c, excludeDirContents), and pg_wal: all WAL comes from the archive, checked. */
const emptied = new Set([
	'pg_wal',
	'pg_replslot',
	'pg_stat_tmp',
	'pg_dynshmem',
	'pg_notify',
	'pg_serial',
	'pg_snapshots',
	'pg_subtrans',
])

/** The server does not start without these, and tools that copy files only may have left them out. */
const neededDirectories = [
	...emptied,
	'pg_tblspc',
	'pg_twophase',
	'pg_stat',
	'pg_commit_ts',
	'pg_logical',
	'pg_logical/snapshots',
	'pg_logical/mappings',
]

/** Written anew by the server, by lastgood, or of no use elsewhere (basebackup.c, excludeFiles). */
const leftOut =
	/(?:^|\/)(?:pgsql_tmp[^/]*|pg_internal\.init[^/]*)$|^(?:postmaster\.pid|postmaster\.opts|postgresql\.auto\.conf\.tmp|current_logfiles(?:\.tmp)?)$/

/** pg_verifybackup leaves these out (§5.6): pg_basebackup writes them after the manifest, and WAL has checksums of its own. */
const notManifested = /^(?:backup_manifest|postgresql\.auto\.conf|recovery\.signal|standby\.signal)$|^pg_wal\//

/**
 * Copies the base backup into the empty destination and forces it to disk. Where there is a backup_manifest, the size and the
 * checksum of every file are compared with it. Errors of reading are OperatorErrors that name the file; errors of writing are
 * the system's own. What was made until then is left to the caller.
 */
export async function copyTree(
	plan: RestorePlan,
	onProgress: (progress: CopyProgress) => void,
	signal: AbortSignal,
): Promise<{readonly bytes: number; readonly files: number}> {
	const {location} = plan.backup
	onProgress({doneBytes: 0, totalBytes: plan.backup.bytes, doneFiles: 0, totalFiles: plan.backup.files})
	await checkLabel(plan)
	const manifest = await manifestOf(location)
	const tree = await walk(location, signal)
	if (manifest !== undefined) compareSizes(location, tree, manifest)

	const progress = new Progress(onProgress, tree.files)
	for (const {path, mode} of tree.directories) await makeDirectory(plan, path, mode)
	for (const path of neededDirectories) {
		if (!tree.directories.some(directory => directory.path === path)) await makeDirectory(plan, path, 0o700)
	}

	const ownEnd = new AbortController()
	const copier = new FileCopier(plan, manifest, progress, AbortSignal.any([signal, ownEnd.signal]))
	const queue = tree.files.values()
	const workers = Array.from({length: filesAtOnce}, async () => {
		const buffer = Buffer.allocUnsafe(chunkBytes)
		// One iterator for all: each takes the next file that nobody has taken.
		for (const file of queue) await copier.copy(file, buffer)
	})
	// The first failure ends the others, and all have ended before anything is removed.
	await Promise.all(workers.map(worker => worker.catch(error => ownEnd.abort(error))))
	signal.throwIfAborted()
	ownEnd.signal.throwIfAborted()

	for (const path of new Set([...tree.directories.map(directory => directory.path), ...neededDirectories])) {
		await syncDirectory(at(plan.destination, path))
	}
	await syncDirectory(plan.destination)
	await syncDirectory(dirname(plan.destination))
	progress.tell()
	return {bytes: progress.doneBytes, files: progress.doneFiles}
}

/** Without its backup_label PostgreSQL would start at pg_control's checkpoint, later than the backup's begin: silent corruption (§5.1). */
async function checkLabel({backup}: RestorePlan): Promise<void> {
	const path = join(backup.location, 'backup_label')
	const label = parseBackupLabel(await readFile(path, 'utf8').catch(throwUnreadable(path)))
	if (label === undefined) throw unusable(`${path} is no backup label`)
	if (label.incrementalFromLsn !== undefined) {
		throw unusable(`${backup.location} is an incremental backup: pg_combinebackup must join it with those before it`)
	}
	if (label.startLsn !== backup.startLsn) {
		throw unusable(
			`${path} begins at ${formatLsn(label.startLsn)}, and the plan at ${formatLsn(backup.startLsn)}: it is another backup`,
		)
	}
}

async function manifestOf(location: string): Promise<ReadonlyMap<BytePath, ManifestedFile> | undefined> {
	const path = join(location, 'backup_manifest')
	const reading = await readManifest(path).catch(throwUnreadable(path))
	if (reading === undefined) return undefined
	if (!reading.ok) throw unusable(`${path} cannot be used: ${reading.problem}`)
	return reading.files
}

async function walk(location: string, signal: AbortSignal): Promise<Tree> {
	const directories: {path: BytePath; mode: number}[] = []
	const files: TreeFile[] = []
	async function enter(directory: BytePath): Promise<void> {
		signal.throwIfAborted()
		const names = await readdir(at(location, directory), {encoding: 'latin1'}).catch(
			throwUnreadable(at(location, directory)),
		)
		const found = await Promise.all(
			names.map(async name => {
				const path = directory === '' ? name : `${directory}/${name}`
				const status = await lstat(at(location, path)).catch(throwUnreadable(at(location, path)))
				return {path, status}
			}),
		)
		for (const {path, status} of found.sort((a, b) => (a.path < b.path ? -1 : 1))) {
			if (leftOut.test(path)) continue
			if (status.isFile()) files.push({path, bytes: status.size, mode: (status.mode & 0o640) | 0o600})
			else if (status.isDirectory()) {
				directories.push({path, mode: (status.mode & 0o750) | 0o700})
				if (!emptied.has(path)) await enter(path)
			} else if (status.isSymbolicLink()) refuseLink(location, path)
		}
	}
	await enter('')
	return {directories, files}
}

/** A link in the data itself leads out of the backup, to the primary's live files or to the backup's own tablespace (§11). */
function refuseLink(location: string, path: BytePath): void {
	// initdb --waldir, or statistics on a RAM disk: the restored server gets an empty directory of its own.
	if (emptied.has(path)) return
	// Elsewhere, such as a log folder or a certificate, a link is left out, as pg_basebackup does.
	if (!/^(?:base|global|pg_[^/]*)(?:\/|$)/.test(path) || /^pg_(?:log|hba\.conf|ident\.conf)$/.test(path)) return
	throw unusable(
		`${join(location, shown(path))} is a symbolic link: the restored server would work on what it leads to`,
	)
}

function compareSizes(location: string, tree: Tree, manifest: ReadonlyMap<BytePath, ManifestedFile>): void {
	const found = new Map(tree.files.map(file => [file.path, file.bytes]))
	for (const [path, {bytes}] of manifest) {
		if (notManifested.test(path) || leftOut.test(path)) continue
		const here = found.get(path)
		if (here === bytes) continue
		const file = join(location, shown(path))
		if (here === undefined) throw unusable(`${file} is missing, and backup_manifest names it`)
		throw unusable(`${file} has ${here} bytes, and backup_manifest says ${bytes}`)
	}
}

/** Counts what is done, and tells it often enough to be watched. */
class Progress {
	doneBytes = 0
	doneFiles = 0
	readonly #totalBytes: number
	readonly #totalFiles: number
	readonly #onProgress: (progress: CopyProgress) => void
	#toldAtMs = 0

	constructor(onProgress: (progress: CopyProgress) => void, files: readonly TreeFile[]) {
		this.#onProgress = onProgress
		this.#totalBytes = files.reduce((sum, file) => sum + file.bytes, 0)
		this.#totalFiles = files.length
		this.tell()
	}

	add(bytes: number, files: number): void {
		this.doneBytes += bytes
		this.doneFiles += files
		if (performance.now() - this.#toldAtMs >= progressEveryMs) this.tell()
	}

	tell(): void {
		this.#toldAtMs = performance.now()
		const {doneBytes, doneFiles} = this
		this.#onProgress({doneBytes, totalBytes: this.#totalBytes, doneFiles, totalFiles: this.#totalFiles})
	}
}

class FileCopier {
	readonly #plan: RestorePlan
	readonly #manifest: ReadonlyMap<BytePath, ManifestedFile> | undefined
	readonly #progress: Progress
	readonly #signal: AbortSignal
	/** Whether the file system shares blocks between copies (btrfs, XFS, APFS); found out with the first file. */
	#reflinks = true

	constructor(
		plan: RestorePlan,
		manifest: ReadonlyMap<BytePath, ManifestedFile> | undefined,
		progress: Progress,
		signal: AbortSignal,
	) {
		this.#plan = plan
		this.#manifest = manifest
		this.#progress = progress
		this.#signal = signal
	}

	async copy(file: TreeFile, buffer: Buffer): Promise<void> {
		this.#signal.throwIfAborted()
		const from = at(this.#plan.backup.location, file.path)
		const to = at(this.#plan.destination, file.path)
		const checksum = notManifested.test(file.path) ? undefined : this.#manifest?.get(file.path)?.checksum
		const running = checksum === undefined ? undefined : runningChecksum(checksum.algorithm)
		const cloned = await this.#clone(from, to)
		// The checksum of a clone is read from the clone: it shares the original's blocks.
		const source = await open(cloned ? to : from, constants.O_RDONLY | constants.O_NOFOLLOW).catch(
			throwUnreadable(from),
		)
		let target: FileHandle | undefined
		try {
			target = cloned ? source : await open(to, 'wx', 0o600)
			const readBytes =
				cloned && running === undefined
					? (await source.stat()).size
					: await this.#pass(source, cloned ? undefined : target, running, buffer, from)
			if (readBytes !== file.bytes) {
				throw unusable(`${from} changed while it was copied: ${readBytes} bytes instead of ${file.bytes}`)
			}
			if (running !== undefined && running.hex() !== checksum?.hex) {
				throw unusable(`${from} is damaged: its ${checksum?.algorithm} is not the one in backup_manifest`)
			}
			if (cloned || file.mode !== 0o600) await target.chmod(file.mode)
			await giveTo(target, this.#plan.serverUser)
			await target.sync()
		} finally {
			await source.close()
			if (target !== source) await target?.close()
		}
		this.#progress.add(cloned && running === undefined ? file.bytes : 0, 1)
	}

	/** Reads a file to its end, a piece at a time, so that big ones too can be watched and stopped; gives its length. */
	async #pass(
		source: FileHandle,
		target: FileHandle | undefined,
		running: RunningChecksum | undefined,
		buffer: Buffer,
		from: Buffer,
	): Promise<number> {
		for (let position = 0; ; ) {
			this.#signal.throwIfAborted()
			const {bytesRead} = await source.read(buffer, 0, buffer.length, position).catch(throwUnreadable(from))
			const piece = buffer.subarray(0, bytesRead)
			running?.add(piece)
			if (target !== undefined) await writeAll(target, piece, position)
			position += bytesRead
			this.#progress.add(bytesRead, 0)
			// Of a regular file only the end reads short.
			if (bytesRead < buffer.length) return position
		}
	}

	async #clone(from: Buffer, to: Buffer): Promise<boolean> {
		if (!this.#reflinks) return false
		try {
			await copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE_FORCE)
			return true
		} catch {
			// Whatever the reason, a plain copy finds it out too, and says whether the source or the destination has it.
			this.#reflinks = false
			await rm(to, {force: true})
			return false
		}
	}
}

async function writeAll(target: FileHandle, chunk: Buffer, position: number): Promise<void> {
	// A disk that is filling up writes a part first, and says why with the next write.
	for (let done = 0; done < chunk.length; ) {
		done += (await target.write(chunk, done, chunk.length - done, position + done)).bytesWritten
	}
}

async function makeDirectory(plan: RestorePlan, path: BytePath, mode: number): Promise<void> {
	const directory = at(plan.destination, path)
	await mkdir(directory, {mode: 0o700})
	const handle = await open(directory, constants.O_RDONLY | constants.O_DIRECTORY)
	try {
		await handle.chmod(mode)
		await giveTo(handle, plan.serverUser)
	} finally {
		await handle.close()
	}
}

function at(directory: string, path: BytePath): Buffer {
	return path === ''
		? Buffer.from(directory)
		: Buffer.concat([Buffer.from(`${directory}/`), Buffer.from(path, 'latin1')])
}

function shown(path: BytePath): string {
	return Buffer.from(path, 'latin1').toString()
}

function throwUnreadable(path: string | Buffer): (error: unknown) => never {
	return error => {
		throw unreadable(error, path)
	}
}

function unreadable(error: unknown, path: string | Buffer): unknown {
	switch (systemCode(error)) {
		case 'ENOENT':
		case 'ENOTDIR':
			return unusable(`${path} is missing from the base backup`, {cause: error})
		case undefined:
			return error
		default:
			return new ArchiveUnreachableError(
				`${path} cannot be read: ${systemCode(error) === 'EACCES' ? 'permission denied' : (error as Error).message}`,
				[
					'check that the disk or share of the base backup is there and whole',
					`ls -la ${dirname(String(path))}`,
					'run lastgood as an account that may read the base backup',
				],
				{cause: error},
			)
	}
}

function unusable(message: string, options?: ErrorOptions): NoUsableBackupError {
	return new NoUsableBackupError(
		message,
		['choose another base backup: lastgood survey lists them', 'pg_verifybackup checks this one as a whole'],
		options,
	)
}
