import {constants} from 'node:fs'
import {access, lstat, stat} from 'node:fs/promises'
import {connect, createServer} from 'node:net'
import {delimiter, dirname, join} from 'node:path'
import type {BaseBackup} from '../domain/archive/survey.ts'
import {
	DataDirectoryOccupiedError,
	NoUsableBackupError,
	OperatorError,
	ServerStillRunningError,
	WaldumpVersionMismatchError,
} from '../domain/errors.ts'
import type {HostFacts, OsUser} from '../ports.ts'
import {systemCode} from './durable-files.ts'
import {currentUser, serverUserFor} from './os-user.ts'
import {bootstrapRoleOf} from './postgres/bootstrap-role.ts'
import {freeBytesAt, heldBy, realPathOf} from './postgres/directories.ts'
import {
	installationFor,
	lacks,
	type PostgresInstallation,
	type ProgramName,
	type SearchOptions,
	searchInstallations,
	supportedMajors,
} from './postgres/programs.ts'
import {run} from './process.ts'

/** What a restored server is run with. */
const neededPrograms: readonly ProgramName[] = ['postgres', 'pg_ctl', 'pg_controldata']

/** Where packages put the sockets of servers. */
const usualSocketDirectories = ['/tmp', '/var/run/postgresql']

/** sockaddr_un holds 104 bytes on macOS and 108 on Linux, and PostgreSQL appends the name of its lock file. */
const socketPathMaxBytes = 90
const highestPort = 65535

/** What planning asks of this machine. */
export class LocalHost implements HostFacts {
	readonly #search: SearchOptions

	constructor(search: SearchOptions) {
		this.#search = search
	}

	serverUser(destination: string): Promise<OsUser> {
		return looking(destination, async () => serverUserFor((await realPathOf(destination)).path))
	}

	destination(path: string): ReturnType<HostFacts['destination']> {
		return looking(path, async () => {
			const {path: realPath} = await realPathOf(path)
			const [holds, freeBytes, there] = await Promise.all([heldBy(realPath), freeBytesAt(realPath), exists(realPath)])
			const state = holds.length > 0 ? 'occupied' : there ? 'empty' : 'absent'
			return {state, realPath, freeBytes, holds}
		})
	}

	async unreadableFor(user: OsUser, path: string): Promise<string | undefined> {
		const blocked = await this.unreachableFor(user, path)
		if (blocked !== undefined) return blocked
		const found = await stat(path).catch((error: unknown) => systemCode(error))
		if (typeof found !== 'object') return found === 'ENOENT' ? `${path} does not exist` : `${path}: ${found}`
		const readable = (await may(user, '-r', path)) && (!found.isDirectory() || (await may(user, '-x', path)))
		return readable ? undefined : `${user.name} may not read ${path}`
	}

	async unreachableFor(user: OsUser, path: string): Promise<string | undefined> {
		const real = await realPathOf(path).catch(() => undefined)
		if (real === undefined) return `${currentUser().name} may not look into the folders above ${path}`
		const parents: string[] = []
		for (let at = dirname(real.path); ; at = dirname(at)) {
			parents.unshift(at)
			if (at === dirname(at)) break
		}
		// What does not exist yet will be made by lastgood, passable; only the deepest decides, unless it is blocked.
		const existing = await asyncFilter(parents, exists)
		const deepest = existing.at(-1)
		if (deepest === undefined || (await may(user, '-x', deepest))) return undefined
		for (const directory of existing) {
			if (!(await may(user, '-x', directory))) return `${user.name} may not enter ${directory}`
		}
		return undefined
	}

	async freePort(first: number): Promise<number> {
		for (let port = first; port <= highestPort; port++) {
			if (!(await this.portTaken(port))) return port
		}
		throw new ServerStillRunningError(`every port from ${first} on is in use`, [
			'name one that is free: --port <number>',
		])
	}

	async portTaken(port: number): Promise<boolean> {
		const taken = await Promise.all([
			listensOnTcp('127.0.0.1', port),
			listensOnTcp('::1', port),
			...usualSocketDirectories.map(directory => listensAt(`${directory}/.s.PGSQL.${port}`)),
		])
		return taken.includes(true)
	}

	async serverPrograms(postgresMajor: number): Promise<{readonly directory: string; readonly version: string}> {
		const {usable, unusable} = await searchInstallations(this.#search)
		const found = installationFor(postgresMajor, usable, neededPrograms)
		if (found !== undefined) return {directory: found.directory, version: found.version}
		const here = [
			...usable.map(one => describe(one, postgresMajor)),
			...unusable.map(one => `${one.directory}: ${one.reason}`),
		]
		const isKnown = postgresMajor >= supportedMajors.oldest && postgresMajor <= supportedMajors.newest
		throw new WaldumpVersionMismatchError(
			`the archive is of PostgreSQL ${postgresMajor}, and only programs of that version can restore it; ${here.length === 0 ? 'there are none of any version' : `here are ${here.join(', ')}`}`,
			[
				isKnown
					? `install the PostgreSQL ${postgresMajor} server: ${neededPrograms.join(', ')} and pg_waldump of that version`
					: `lastgood knows PostgreSQL ${supportedMajors.oldest} to ${supportedMajors.newest}`,
				'if they are installed, say where: --pg-bin <directory> or LASTGOOD_PG_BIN',
			],
		)
	}

	async psql(programs: string): Promise<string> {
		for (const directory of (this.#search.env.PATH ?? '').split(delimiter).filter(entry => entry !== '')) {
			if (await isProgram(join(directory, 'psql'))) return 'psql'
		}
		const own = join(programs, 'psql')
		return (await isProgram(own)) ? own : 'psql'
	}

	async superuserOf(backup: BaseBackup): Promise<string> {
		return (await bootstrapRoleOf(backup.location)) ?? 'postgres'
	}

	async controlData(backup: BaseBackup, programs: string): Promise<Readonly<Record<string, string>>> {
		const answer = await run(join(programs, 'pg_controldata'), ['-D', backup.location])
		const warning = /^(?:WARNING|warning): .*$/m.exec(`${answer.stdout}\n${answer.stderr}`)?.[0]
		// It prints what it makes of a damaged file all the same, and exits with 0.
		if (answer.exitCode !== 0 || warning !== undefined) {
			const words = warning ?? (answer.stderr.trim() || `pg_controldata ended with ${answer.exitCode ?? answer.signal}`)
			throw new NoUsableBackupError(`global/pg_control of ${backup.location} cannot be used: ${words}`, [
				'choose another base backup: lastgood survey lists them',
				`run ${join(programs, 'pg_controldata')} -D ${backup.location}`,
			])
		}
		const lines = answer.stdout.split('\n').flatMap(line => {
			const colon = line.indexOf(':')
			return colon === -1 ? [] : [[line.slice(0, colon).trim(), line.slice(colon + 1).trim()] as const]
		})
		return Object.fromEntries(lines)
	}

	socketDirectory(workDirectory: string, recoveryId: string): string {
		const beside = join(workDirectory, 'socket')
		const fits = Buffer.byteLength(`${beside}/.s.PGSQL.${highestPort}`) <= socketPathMaxBytes
		// unix_socket_directories is a list: a comma or a quote in the path would need quoting in every place that names it.
		return fits && !/[,"'\\\s]/.test(beside) ? beside : `/tmp/lastgood-${recoveryId}`
	}
}

/** Whatever keeps an account from looking at a destination keeps it from restoring there. */
async function looking<T>(path: string, look: () => Promise<T>): Promise<T> {
	try {
		return await look()
	} catch (error) {
		if (error instanceof OperatorError || systemCode(error) === undefined) throw error
		const words = systemCode(error) === 'EACCES' ? 'permission denied' : (error as Error).message
		throw new DataDirectoryOccupiedError(
			`the destination ${path} cannot be looked at: ${words}`,
			['choose another destination', 'or run lastgood as an account that may enter the folders above it'],
			{cause: error},
		)
	}
}

function describe(installation: PostgresInstallation, postgresMajor: number): string {
	const missing = lacks(installation, neededPrograms)
	const incomplete = installation.major === postgresMajor && missing.length > 0 ? `, without ${missing.join(', ')}` : ''
	return `${installation.version} in ${installation.directory}${incomplete}`
}

/** Asked as that user, in a process of its own: groups, ACLs and mounts decide there as they will for the server. */
async function may(user: OsUser, question: '-r' | '-x', path: string): Promise<boolean> {
	if (user.uid === currentUser().uid) {
		const mode = question === '-r' ? constants.R_OK : constants.X_OK
		return access(path, mode).then(
			() => true,
			() => false,
		)
	}
	const answer = await run('test', [question, path], {asUser: user})
	return answer.exitCode === 0
}

async function isProgram(path: string): Promise<boolean> {
	const found = await stat(path).catch(() => undefined)
	return (
		found?.isFile() === true &&
		access(path, constants.X_OK).then(
			() => true,
			() => false,
		)
	)
}

async function exists(path: string): Promise<boolean> {
	return lstat(path).then(
		() => true,
		() => false,
	)
}

async function asyncFilter<T>(values: readonly T[], keeps: (value: T) => Promise<boolean>): Promise<readonly T[]> {
	const kept = await Promise.all(values.map(keeps))
	return values.filter((_, index) => kept[index])
}

/** Tries to listen there: also a server that answers nobody, and one on every address, is in the way then. */
function listensOnTcp(host: string, port: number): Promise<boolean> {
	return new Promise(resolve => {
		const server = createServer()
		// A machine without IPv6 has nobody listening there.
		server.once('error', error => resolve(systemCode(error) === 'EADDRINUSE' || systemCode(error) === 'EACCES'))
		server.listen({host, port, exclusive: true}, () => server.close(() => resolve(false)))
	})
}

/** Whether somebody answers at a socket; the file alone may be left over from a crash. */
function listensAt(path: string): Promise<boolean> {
	return new Promise(resolve => {
		const socket = connect({path})
		socket.once('connect', () => {
			socket.destroy()
			resolve(true)
		})
		socket.once('error', error => resolve(!['ENOENT', 'ENOTDIR', 'ECONNREFUSED'].includes(systemCode(error) ?? '')))
	})
}
