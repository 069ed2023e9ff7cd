import {chmod, chown, lstat, mkdir, readdir, readFile, realpath, rm, rmdir, statfs} from 'node:fs/promises'
import {basename, dirname, join} from 'node:path'
import {z} from 'zod'
import {DataDirectoryOccupiedError} from '../../domain/errors.ts'
import type {RestorePlan} from '../../domain/recovery/plan.ts'
import {workFile, workFileNames} from '../../domain/recovery/wal-feed.ts'
import {syncDirectory, systemCode, writeWholeFile} from '../durable-files.ts'

/**
 * What the work directory says of the recovery that made it. A directory is removed only when it is still the one that is
 * named here: the same path may by then be somebody else's.
 */
const markerJson = z.object({
	recovery: z.string(),
	directories: z.array(
		z.object({
			path: z.string(),
			identity: z.string(),
			/** Owner and mode before, of a directory that was already there. */
			before: z.object({uid: z.number(), gid: z.number(), mode: z.number()}).nullable(),
		}),
	),
	/** Directories above them that were missing, the topmost first. */
	above: z.array(z.string()),
})

type Marker = z.output<typeof markerJson>

/**
 * Makes the destination, the work directory and the directory of the socket, mode 0700 and the server user's. Throws
 * DataDirectoryOccupiedError, and leaves nothing behind, where one of them holds anything or would lie in the archive.
 */
export async function makeDirectories(plan: RestorePlan): Promise<void> {
	const wanted = [plan.workDirectory, plan.destination, plan.socketDirectory]
	for (const path of wanted) await refuseInsideSource(plan, path)
	for (const path of wanted) await refuseOccupied(path)
	let marker: Marker = {recovery: plan.recovery, directories: [], above: []}
	try {
		for (const path of wanted) {
			for (const missing of await missingAbove(path)) {
				await mkdir(missing)
				marker = {...marker, above: [...marker.above, missing]}
				// The server's account has to pass, whatever root's umask is.
				if (process.getuid?.() === 0) await chmod(missing, 0o755)
			}
			const before = await existingDirectory(path)
			if (before === undefined) await mkdir(path, {mode: 0o700})
			marker = {
				...marker,
				directories: [...marker.directories, {path, identity: await identityOf(path), before: before ?? null}],
			}
			// Again for each, before it is used: after a crash the marker names all that can hold anything.
			await writeMarker(plan, marker)
			await giveDirectory(path, plan.serverUser)
			await syncDirectory(dirname(path))
		}
	} catch (error) {
		await removeDirectories(plan, marker).catch(() => {})
		throw await destinationTrouble(error, plan)
	}
}

/**
 * Removes what the marker names, and says which paths went: none for a recovery without a work directory. Throws
 * DataDirectoryOccupiedError where the work directory is not this recovery's.
 */
export async function removeMade(plan: RestorePlan): Promise<readonly string[]> {
	if (!(await exists(plan.workDirectory))) return []
	const marker = await readMarker(plan)
	if (marker?.recovery !== plan.recovery) {
		const maker =
			marker === undefined ? 'does not say which recovery made it' : `was made by recovery ${marker.recovery}`
		throw new DataDirectoryOccupiedError(`${plan.workDirectory} ${maker}, and nothing was removed`, [
			'look at what it holds, and remove it by hand if nobody needs it',
			`ls -la ${plan.workDirectory} ${plan.destination}`,
		])
	}
	return removeDirectories(plan, marker)
}

/** Whether the work directory says that this recovery made it. */
export async function isMadeBy(plan: RestorePlan): Promise<boolean> {
	return (await readMarker(plan))?.recovery === plan.recovery
}

/** Throws DataDirectoryOccupiedError, naming what is there, unless the path is absent or an empty directory. */
export async function refuseOccupied(path: string): Promise<void> {
	const holds = await heldBy(path)
	if (holds.length === 0) return
	const more = holds.length > 3 ? ` and ${holds.length - 3} more` : ''
	throw new DataDirectoryOccupiedError(`${path} is not empty: it holds ${holds.slice(0, 3).join(', ')}${more}`, [
		'choose an empty folder, or one that does not exist yet',
		'lastgood never overwrites a data directory; if an earlier recovery made it: lastgood abandon',
	])
}

/** Names in the directory; the path's own name, with what it is, when it is no directory; none when there is nothing. */
export async function heldBy(path: string): Promise<readonly string[]> {
	const found = await lstat(path).catch(ifMissing(undefined))
	if (found === undefined) return []
	if (found.isSymbolicLink()) return [`${basename(path)} (a symbolic link)`]
	if (!found.isDirectory()) return [`${basename(path)} (a file)`]
	return (await readdir(path)).sort()
}

/** The path as the system sees it: its nearest existing parent with every link followed, then the names that do not exist yet. */
export async function realPathOf(path: string): Promise<{readonly path: string; readonly nearestExisting: string}> {
	const missing: string[] = []
	for (let at = path; ; at = dirname(at)) {
		const real = await realpath(at).catch(ifMissing(undefined))
		if (real !== undefined) return {path: join(real, ...missing), nearestExisting: real}
		missing.unshift(basename(at))
	}
}

/** Bytes that an ordinary account can still write where this path lies, or will lie. */
export async function freeBytesAt(path: string): Promise<number> {
	const {nearestExisting} = await realPathOf(path)
	const {bavail, bsize} = await statfs(nearestExisting)
	return bavail * bsize
}

/** What a failed write into the destination means to an operator; other errors stay what they are. Free space is what there is now: clean up first. */
export async function destinationTrouble(
	error: unknown,
	plan: RestorePlan,
	neededBytes = plan.backup.bytes,
): Promise<unknown> {
	const code = systemCode(error)
	const path = error instanceof Error && 'path' in error ? String(error.path) : plan.destination
	switch (code) {
		case 'ENOSPC':
		case 'EDQUOT': {
			const freeBytes = await freeBytesAt(plan.destination)
			const full = code === 'EDQUOT' ? `the quota of ${plan.serverUser.name} is used up` : 'the disk is full'
			return new DataDirectoryOccupiedError(
				`${full} at ${plan.destination}: the base backup needs ${neededBytes} bytes, and ${freeBytes} are free without it`,
				[
					`free ${Math.max(0, neededBytes - freeBytes)} bytes there, and room for the WAL that is replayed`,
					'or choose a destination on a larger file system',
				],
				{cause: error},
			)
		}
		case 'EACCES':
		case 'EPERM':
		case 'EROFS':
			return new DataDirectoryOccupiedError(
				`${path} cannot be used: ${code === 'EROFS' ? 'its file system is read-only' : 'permission denied'}`,
				[
					`run lastgood as root, or as an account that may write in ${dirname(plan.destination)}`,
					'or choose another destination',
				],
				{cause: error},
			)
		case 'EEXIST':
			return new DataDirectoryOccupiedError(`${path} appeared while it was about to be made`, [
				'see who else uses this folder, and choose another destination',
			])
		default:
			return error
	}
}

async function refuseInsideSource(plan: RestorePlan, path: string): Promise<void> {
	const {path: real} = await realPathOf(path)
	const sources = [
		plan.backup.location,
		...plan.wal.runs.map(run => run.directory),
		...plan.wal.histories.map(history => dirname(history.path)),
	]
	for (const source of new Set(sources)) {
		const {path: realSource} = await realPathOf(source)
		if (real !== realSource && !real.startsWith(`${realSource.replace(/\/$/, '')}/`)) continue
		throw new DataDirectoryOccupiedError(`${path} lies inside ${source}, which is only ever read`, [
			'choose a destination outside the archive and the base backups',
		])
	}
}

async function missingAbove(path: string): Promise<readonly string[]> {
	const missing: string[] = []
	for (let at = dirname(path); !(await exists(at)); at = dirname(at)) missing.unshift(at)
	return missing
}

async function existingDirectory(path: string): Promise<Marker['directories'][number]['before'] | undefined> {
	const found = await lstat(path).catch(ifMissing(undefined))
	return found === undefined ? undefined : {uid: found.uid, gid: found.gid, mode: found.mode & 0o7777}
}

async function giveDirectory(path: string, owner: RestorePlan['serverUser']): Promise<void> {
	await chmod(path, 0o700)
	if (process.getuid?.() === 0) await chown(path, owner.uid, owner.gid)
}

async function writeMarker(plan: RestorePlan, marker: Marker): Promise<void> {
	await writeWholeFile(workFile(plan.workDirectory, 'marker'), `${JSON.stringify(marker)}\n`, {
		mode: 0o600,
		owner: plan.serverUser,
	})
}

async function readMarker(plan: RestorePlan): Promise<Marker | undefined> {
	const text = await readFile(workFile(plan.workDirectory, 'marker'), 'utf8').catch(async (error: unknown) => {
		if (systemCode(error) === 'EACCES') throw await destinationTrouble(error, plan)
		return ''
	})
	try {
		return markerJson.parse(JSON.parse(text))
	} catch {
		return undefined
	}
}

async function removeDirectories(plan: RestorePlan, {directories, above}: Marker): Promise<readonly string[]> {
	const removed: string[] = []
	// The work directory last, and the marker last in it: interrupted here, the rest can still be removed.
	const workLast = directories.toSorted(
		(a, b) => Number(a.path === plan.workDirectory) - Number(b.path === plan.workDirectory),
	)
	for (const {path, identity, before} of workLast) {
		const found = await identityOf(path).catch(ifMissing(undefined))
		if (found === undefined) continue
		if (found !== identity) {
			throw new DataDirectoryOccupiedError(
				`${path} is no longer the directory that recovery ${plan.recovery} made, and was not removed`,
				['look at what it holds, and remove it by hand if nobody needs it'],
			)
		}
		const marker = Buffer.from(workFileNames.marker)
		// As bytes: what lies in a data directory need not be named in UTF-8.
		const names = (await readdir(path, {encoding: 'buffer'})).toSorted(
			(a, b) => Number(a.equals(marker)) - Number(b.equals(marker)),
		)
		for (const name of names) await rm(Buffer.concat([Buffer.from(`${path}/`), name]), {recursive: true, force: true})
		if (before === null) {
			await rmdir(path)
			removed.push(path)
		} else {
			await chmod(path, before.mode)
			if (process.getuid?.() === 0) await chown(path, before.uid, before.gid)
			if (names.length > 0) removed.push(`${path}/*`)
		}
	}
	for (const directory of above.toReversed()) {
		// Somebody else may have put something beside by now; then it stays.
		await rmdir(directory).then(
			() => removed.push(directory),
			() => {},
		)
	}
	return removed
}

/** Device, inode and birth: a file system gives the inode of a removed directory to the next one that is made. */
async function identityOf(path: string): Promise<string> {
	const {dev, ino, birthtimeNs} = await lstat(path, {bigint: true})
	return `${dev}:${ino}:${birthtimeNs}`
}

async function exists(path: string): Promise<boolean> {
	return (await lstat(path).catch(ifMissing(undefined))) !== undefined
}

function ifMissing<T>(answer: T): (error: unknown) => T {
	return error => {
		if (['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '')) return answer
		throw error
	}
}
