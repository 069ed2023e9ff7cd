import {chmod, chown, mkdtemp, readdir, readFile, readlink, realpath, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {currentUser, serverUserFor} from '../../src/adapters/os-user.ts'
import {ensurePostgres} from '../../src/adapters/postgres/install.ts'
import type {PostgresInstallation} from '../../src/adapters/postgres/programs.ts'
import {stopServersIn} from '../../src/demo/cluster.ts'
import type {OsUser} from '../../src/ports.ts'

/** Who runs the servers of tests: not root. */
export function testServerUser(): Promise<OsUser> {
	return serverUserFor('/nonexistent')
}

let installation: Promise<PostgresInstallation> | undefined

/** A PostgreSQL with all of its programs, installed by the system's package manager where there is none. */
export function testInstallation(): Promise<PostgresInstallation> {
	installation ??= ensurePostgres({env: process.env, onStep: text => process.stderr.write(`${text}\n`)})
	return installation
}

/** A temporary folder that belongs to the server's user and that everybody can enter. */
export interface ServerTestFolder {
	readonly path: string
	readonly serverUser: OsUser
	/** Stops every server below the folder, then removes it. */
	remove(): Promise<void>
}

export async function serverTestFolder(): Promise<ServerTestFolder> {
	const serverUser = await testServerUser()
	const isRoot = currentUser().uid === 0
	const path = await realpath(await mkdtemp(join(isRoot ? '/tmp' : tmpdir(), 'lastgood-test-')))
	await chmod(path, 0o755)
	if (isRoot) await chown(path, serverUser.uid, serverUser.gid)
	const remove = async (): Promise<void> => {
		await stopServersIn(path, () => {})
		await rm(path, {recursive: true, force: true})
	}
	return {path, serverUser, remove}
}

/** Processes that work in a folder or below, or were started with its name, as Linux shows them: `pid command`. */
export async function processesIn(folder: string): Promise<readonly string[]> {
	const pids = (await readdir('/proc').catch(() => [])).filter(name => /^\d+$/.test(name))
	const found = await Promise.all(
		pids.map(async pid => {
			const directory = await readlink(`/proc/${pid}/cwd`).catch(() => '')
			const command = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' ').trim()
			const isThere = directory === folder || directory.startsWith(`${folder}/`) || command.includes(folder)
			return isThere ? [`${pid} ${command}`] : []
		}),
	)
	return found.flat()
}
