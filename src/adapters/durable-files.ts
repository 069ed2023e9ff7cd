import {constants} from 'node:fs'
import {open, rename, rm} from 'node:fs/promises'
import {dirname} from 'node:path'

/** How a file comes to be: its mode, and whose it is when that is not the caller. */
export interface FileOwnership {
	readonly mode: number
	readonly owner?: {readonly uid: number; readonly gid: number} | undefined
}

/** Writes a file whole or not at all: under another name, forced to disk, then put in the place of whatever was there. */
export async function writeWholeFile(path: string, content: string, {mode, owner}: FileOwnership): Promise<void> {
	const {O_CREAT, O_EXCL, O_WRONLY, O_NOFOLLOW} = constants
	const unfinished = `${path}.unfinished`
	// What a crash left under this name is thrown away; O_EXCL then follows no link that somebody else has put there.
	await rm(unfinished, {force: true})
	const file = await open(unfinished, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, 0o600)
	try {
		await file.writeFile(content)
		await file.chmod(mode)
		if (owner !== undefined) await giveTo(file, owner)
		await file.sync()
	} catch (error) {
		await file.close()
		await rm(unfinished, {force: true})
		throw error
	}
	await file.close()
	await rename(unfinished, path)
	await syncDirectory(dirname(path))
}

/**
 * Forces the names in a directory to disk: a file that was synced itself can still lose its name in a power cut. A directory
 * that may only be entered, and a file system that knows no such thing, are let pass, as PostgreSQL does (fsync_fname_ext).
 */
export async function syncDirectory(path: string | Buffer): Promise<void> {
	const directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY).catch(unless('EACCES'))
	try {
		await directory?.sync().catch(unless('EINVAL', 'EBADF'))
	} finally {
		await directory?.close()
	}
}

function unless(...codes: readonly string[]): (error: unknown) => undefined {
	return error => {
		if (!codes.includes(systemCode(error) ?? '')) throw error
	}
}

/** Only root can give a file away, and has to: what it makes is its own. */
export async function giveTo(
	file: {chown(uid: number, gid: number): Promise<void>},
	owner: {readonly uid: number; readonly gid: number},
): Promise<void> {
	if (process.getuid?.() === 0 && owner.uid !== 0) await file.chown(owner.uid, owner.gid)
}

/** The code of a system error, such as ENOENT; undefined for any other error. */
export function systemCode(error: unknown): string | undefined {
	return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}
