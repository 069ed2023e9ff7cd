import type {BaseBackup, WalChain} from '../domain/archive/survey.ts'
import {
	ArchiveUnreachableError,
	DataDirectoryOccupiedError,
	ServerStillRunningError,
	UsageError,
} from '../domain/errors.ts'
import {pathProblem} from '../domain/recovery/wal-feed.ts'
import type {OpenedArchive, OsUser, World} from '../ports.ts'

/** What planning asks of this machine. */
type PlaceWorld = Pick<World, 'host'>

const firstPrivatePort = 54330

/** Where the restored cluster goes. */
export interface Place {
	readonly path: string
	readonly existed: boolean
}

/** Where the restored cluster goes. Throws for a folder that is not empty, too small, out of reach, or one that is only ever read. */
export async function decideDestination(
	{host}: PlaceWorld,
	survey: OpenedArchive['survey'],
	backup: BaseBackup,
	wanted: string,
	user: OsUser,
): Promise<Place> {
	if (!wanted.startsWith('/'))
		throw new UsageError(`the destination ${JSON.stringify(wanted)} is not an absolute path`, [
			'type it from the root: /…',
		])
	refuseLineBreak(wanted, 'choose another folder')
	const found = await host.destination(wanted)
	const within = foldersOnlyRead(survey).find(folder => isWithin(found.realPath, folder))
	if (within !== undefined) {
		throw new DataDirectoryOccupiedError(`the destination ${wanted} lies inside ${within}, which is only ever read`, [
			'choose a folder outside the archive and the base backups',
		])
	}
	if (found.state === 'occupied') {
		const others = found.holds.length - 3
		throw new DataDirectoryOccupiedError(
			`the destination ${wanted} is not empty: it holds ${found.holds.slice(0, 3).join(', ')}${others > 0 ? ` and ${others} more` : ''}`,
			['choose an empty folder or one that does not exist yet', 'lastgood never overwrites a data directory'],
		)
	}
	const neededBytes = backup.bytes + diskReserveBytes
	if (found.freeBytes < neededBytes) {
		throw new DataDirectoryOccupiedError(
			`${wanted} has ${found.freeBytes} bytes free, and the restore needs ${neededBytes}`,
			['choose a destination on a larger file system', `or free ${neededBytes - found.freeBytes} bytes there`],
		)
	}
	const blocked = await host.unreachableFor(user, found.realPath)
	if (blocked !== undefined) {
		throw new UsageError(`${user.name}, who will run the restored server, cannot reach ${wanted}: ${blocked}`, [
			'choose a destination below folders that this account may enter, such as /var/lib/postgresql or /srv',
		])
	}
	return {path: found.realPath, existed: found.state === 'empty'}
}

/** A path in the server's settings or in the list of its WAL cannot be told from two. */
export function refuseLineBreak(path: string, whatToDo: string): void {
	const problem = pathProblem(path)
	if (problem !== undefined) throw new UsageError(problem, [whatToDo])
}

/** Room for what replay adds before the first checkpoint: segments in pg_wal and grown relations. */
const diskReserveBytes = 64 * 1024 * 1024

function foldersOnlyRead({location, backups}: OpenedArchive['survey']): readonly string[] {
	return [location, ...backups.map(backup => backup.location)]
}

function isWithin(path: string, folder: string): boolean {
	return path === folder || path.startsWith(`${folder}/`)
}

/** Throws ArchiveUnreachableError when the account that runs the restored server cannot read the archive. */
export async function requireReadable(
	{host}: PlaceWorld,
	survey: OpenedArchive['survey'],
	chain: WalChain,
	user: OsUser,
): Promise<void> {
	const first = chain.segments[0]
	if (first === undefined) return
	const problem = await host.unreadableFor(user, `${survey.location}/${first.key}`)
	if (problem === undefined) return
	throw new ArchiveUnreachableError(
		`${user.name}, who will run the restored server, cannot read the archive: ${problem}`,
		[
			`let ${user.name} read ${survey.location}`,
			'or make the destination folder beforehand, owned by an account that can: the server runs as its owner',
		],
	)
}

/** The port that names the private socket: the wanted one, or a free one. Throws ServerStillRunningError for one that is in use. */
export async function decidePort({host}: PlaceWorld, wanted: number | undefined): Promise<number> {
	if (wanted === undefined) return host.freePort(firstPrivatePort)
	if (!(await host.portTaken(wanted))) return wanted
	throw new ServerStillRunningError(`port ${wanted} is in use on this machine`, [
		'choose another: --port <number>',
		'or leave --port out and a free one is taken',
	])
}
