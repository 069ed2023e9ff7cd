import type {BigIntStats, Dirent} from 'node:fs'
import {constants} from 'node:fs'
import {lstat, open, opendir, readlink, realpath, stat} from 'node:fs/promises'
import {isAbsolute, join, relative, resolve} from 'node:path'
import {shownKey} from '../../domain/archive/listing.ts'
import {ArchiveUnreachableError} from '../../domain/errors.ts'
import type {UtcInstant} from '../../domain/time.ts'
import {instantAt} from '../../domain/time.ts'
import type {ArchiveStore, StoredObject} from '../../ports.ts'

const streamChunkBytes = 256 * 1024
const looksAtOnce = 32

/** A folder of this machine as a store. Relative locations are taken from the working directory. Nothing in it is ever opened for writing. */
export function createLocalStore(location: string): ArchiveStore {
	const root = resolve(location)

	const localPath = (key: string) => join(root, key)

	/** Absolute path of a key; undefined for one that would climb out of the store. */
	function pathOf(key: string): string | undefined {
		const path = localPath(key)
		const inside = relative(root, path)
		return key === '' || key.includes('\0') || inside === '..' || inside.startsWith('../') || isAbsolute(inside)
			? undefined
			: path
	}

	async function openObject(key: string) {
		const path = pathOf(key)
		if (path === undefined) throw gone(key)
		// Without O_NONBLOCK, opening a pipe that somebody put there would wait for a writer for ever.
		const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((error: unknown) => {
			throw unreachable(error, key, path)
		})
		try {
			const stats = await file.stat()
			if (!stats.isFile())
				throw new ArchiveUnreachableError(`${shownKey(path)} is no file`, ['survey the source again: it has changed'])
			return {file, path, bytes: stats.size}
		} catch (error) {
			await file.close()
			throw error
		}
	}

	return {
		kind: 'local',
		location: root,
		localPath,

		async *list(prefix, signal) {
			signal?.throwIfAborted()
			await requireFolder(root)
			const top = prefix === '' ? root : pathOf(prefix)
			if (top !== undefined) yield* walk(root, top.replace(/\/$/, ''), signal)
		},

		async stat(key, signal) {
			signal?.throwIfAborted()
			const path = pathOf(key)
			if (path === undefined) return undefined
			try {
				const stats = await stat(path, {bigint: true})
				return stats.isFile() ? storedObject(key, stats) : undefined
			} catch (error) {
				if (isAbsent(error)) return undefined
				throw unreachable(error, key, path)
			}
		},

		async read(key, offset, length, signal) {
			signal?.throwIfAborted()
			const {file, path, bytes} = await openObject(key)
			try {
				const wanted = Math.max(0, Math.min(length, bytes - offset))
				const buffer = new Uint8Array(wanted)
				let filled = 0
				while (filled < wanted) {
					const {bytesRead} = await file.read(buffer, filled, wanted - filled, offset + filled)
					if (bytesRead === 0) break
					filled += bytesRead
				}
				return buffer.subarray(0, filled)
			} catch (error) {
				throw unreachable(error, key, path)
			} finally {
				await file.close()
			}
		},

		async *stream(key, signal) {
			signal?.throwIfAborted()
			const {file, path} = await openObject(key)
			try {
				for (let position = 0; ; ) {
					signal?.throwIfAborted()
					const chunk = new Uint8Array(streamChunkBytes)
					const {bytesRead} = await file.read(chunk, 0, chunk.byteLength, position).catch((error: unknown) => {
						throw unreachable(error, key, path)
					})
					if (bytesRead === 0) return
					position += bytesRead
					yield chunk.subarray(0, bytesRead)
				}
			} finally {
				await file.close()
			}
		},
	}
}

async function requireFolder(root: string): Promise<void> {
	const stats = await stat(root).catch((error: unknown) => {
		if (!isAbsent(error)) throw unreachable(error, root, root)
		throw new ArchiveUnreachableError(
			`there is no folder ${root}`,
			['check the path', 'check that its file system is mounted (findmnt)'],
			{cause: error},
		)
	})
	if (!stats.isDirectory())
		throw new ArchiveUnreachableError(`${root} is a file, not a folder`, ['name the folder that holds the WAL archive'])
}

/**
 * Every file below a folder. Links to folders are followed after everything else, and each real folder is read once: so a loop ends,
 * and a `latest` link beside the folder that it names adds nothing. A link to a folder that holds the store itself is left alone.
 */
async function* walk(root: string, top: string, signal: AbortSignal | undefined): AsyncGenerator<StoredObject> {
	const realRoot = await realpath(root)
	const folders = [top]
	const links: string[] = []
	const read = new Set<string>()
	for (let folder = folders.shift() ?? links.shift(); folder !== undefined; folder = folders.shift() ?? links.shift()) {
		signal?.throwIfAborted()
		const identity = await folderIdentity(folder)
		if (identity === undefined || read.has(identity.id) || (folder !== top && holds(identity.realPath, realRoot)))
			continue
		read.add(identity.id)
		for await (const entries of readFolder(folder, folder === top)) {
			signal?.throwIfAborted()
			const found = await Promise.all(entries.map(entry => lookAt(entry)))
			for (const look of found) {
				switch (look?.kind) {
					case 'folder':
						folders.push(look.path)
						break
					case 'link':
						links.push(look.path)
						break
					case 'file':
						yield storedObject(keyOf(root, look.path), look.stats)
						break
					case 'tablespace-link':
						yield {...storedObject(keyOf(root, look.path), look.stats), bytes: 0, linksTo: look.target}
						break
					case undefined:
						break
					default:
						look satisfies never
				}
			}
		}
	}
}

type Look =
	| {readonly kind: 'folder' | 'link'; readonly path: string}
	| {readonly kind: 'file'; readonly path: string; readonly stats: BigIntStats}
	| {readonly kind: 'tablespace-link'; readonly path: string; readonly stats: BigIntStats; readonly target: string}

/** What a name stands for; undefined for what is no file and no folder (a socket, a pipe, a dead link) and for what went away meanwhile. */
async function lookAt(entry: Dirent): Promise<Look | undefined> {
	const path = join(entry.parentPath, entry.name)
	if (entry.isDirectory()) return {kind: 'folder', path}
	try {
		const own = await lstat(path, {bigint: true})
		if (own.isFile()) return {kind: 'file', path, stats: own}
		// A file system that does not tell kinds in its folders says so only here.
		if (own.isDirectory()) return {kind: 'folder', path}
		if (!own.isSymbolicLink()) return undefined
		// A tablespace's link leads to the backup's copy of it, or to the live files of the damaged cluster: neither is part of the archive.
		if (entry.parentPath.endsWith('/pg_tblspc'))
			return {kind: 'tablespace-link', path, stats: own, target: await readlink(path)}
		const target = await stat(path, {bigint: true})
		if (target.isFile()) return {kind: 'file', path, stats: target}
		return target.isDirectory() ? {kind: 'link', path} : undefined
	} catch (error) {
		if (isAbsent(error)) return undefined
		throw unreachable(error, path, path)
	}
}

async function* readFolder(folder: string, isTop: boolean): AsyncGenerator<readonly Dirent[]> {
	let entries: Dirent[] = []
	try {
		for await (const entry of await opendir(folder, {bufferSize: 512})) {
			entries.push(entry)
			if (entries.length < looksAtOnce) continue
			yield entries
			entries = []
		}
	} catch (error) {
		if (isAbsent(error)) return
		// Every ext file system has one at its top, open to root only.
		if (codeOf(error) === 'EACCES' && !isTop && folder.endsWith('/lost+found')) return
		throw unreachable(error, folder, folder)
	}
	yield entries
}

async function folderIdentity(folder: string): Promise<{readonly id: string; readonly realPath: string} | undefined> {
	try {
		const stats = await stat(folder, {bigint: true})
		return {id: `${stats.dev}:${stats.ino}`, realPath: await realpath(folder)}
	} catch (error) {
		if (isAbsent(error)) return undefined
		throw unreachable(error, folder, folder)
	}
}

function holds(folder: string, path: string): boolean {
	const inside = relative(folder, path)
	return inside === '' || (inside !== '..' && !inside.startsWith('../') && !isAbsolute(inside))
}

function keyOf(root: string, path: string): string {
	return root === '/' ? path.slice(1) : path.slice(root.length + 1)
}

function storedObject(key: string, stats: BigIntStats): StoredObject {
	return {key, bytes: Number(stats.size), modifiedAt: modifiedAt(stats)}
}

function modifiedAt(stats: BigIntStats): UtcInstant {
	return instantAt(stats.mtimeNs / 1000n)
}

function gone(key: string): ArchiveUnreachableError {
	return new ArchiveUnreachableError(`${shownKey(key)} is not in the archive any more`, [
		'survey the source again: something removes files from it',
	])
}

function unreachable(error: unknown, key: string, path: string): unknown {
	if (error instanceof ArchiveUnreachableError || isAbort(error)) return error
	if (isAbsent(error)) return gone(key)
	const shown = shownKey(path)
	switch (codeOf(error)) {
		case 'EACCES':
		case 'EPERM':
			return new ArchiveUnreachableError(
				`${shown} may not be read by this user: permission denied`,
				[
					`run lastgood as a user who may, for instance sudo -u postgres`,
					`look at its permissions and those of the folders above: namei -l ${shown}`,
				],
				{cause: error},
			)
		case 'EMFILE':
		case 'ENFILE':
			return new ArchiveUnreachableError(
				`${shown} cannot be opened: too many open files`,
				['raise the limit (ulimit -n) and try again'],
				{cause: error},
			)
		default:
			return new ArchiveUnreachableError(
				`${shown} cannot be read: ${codeOf(error) ?? String(error)}`,
				['check the disk or the network file system that holds it (dmesg, findmnt)', 'try again'],
				{cause: error},
			)
	}
}

function isAbort(error: unknown): boolean {
	return error instanceof Error && error.name === 'AbortError'
}

// A link that leads in a circle (ELOOP), or through a file (ENOTDIR), names nothing either.
function isAbsent(error: unknown): boolean {
	return ['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG'].includes(codeOf(error) ?? '')
}

function codeOf(error: unknown): string | undefined {
	return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}
