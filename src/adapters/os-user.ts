import {readFile, stat} from 'node:fs/promises'
import {userInfo} from 'node:os'
import {UsageError} from '../domain/errors.ts'
import type {OsUser} from '../ports.ts'
import {run} from './process.ts'

/** The account that lastgood runs as. */
export function currentUser(): OsUser {
	try {
		const {username, uid, gid, homedir} = userInfo()
		return {name: username, uid, gid, home: homedir}
	} catch {
		// A container may run under a number that has no name.
		const uid = process.getuid?.() ?? -1
		return {name: String(uid), uid, gid: process.getgid?.() ?? -1, home: process.env.HOME ?? '/'}
	}
}

/** The account of this name; undefined when there is none. */
export async function userNamed(name: string): Promise<OsUser | undefined> {
	return (await userInPasswd(user => user.name === name)) ?? (await userFromSystem(name))
}

/** Whose file or directory this is; undefined when it does not exist or cannot be looked at. */
export async function ownerOf(path: string): Promise<OsUser | undefined> {
	const found = await stat(path).catch(() => undefined)
	if (found === undefined) return undefined
	const {uid, gid} = found
	const named = (await userInPasswd(user => user.uid === uid)) ?? (await userFromSystem(String(uid)))
	return named ?? {name: String(uid), uid, gid, home: '/'}
}

/**
 * Who runs a PostgreSQL server on this directory, because PostgreSQL refuses to run as root: as root the owner of the
 * directory, else `postgres`; anybody else is the one. Throws UsageError when root has nobody to run it.
 */
export async function serverUserFor(directory: string): Promise<OsUser> {
	const current = currentUser()
	if (current.uid !== 0) return current
	const owner = await ownerOf(directory)
	if (owner !== undefined && owner.uid !== 0) return owner
	const postgres = await userNamed('postgres')
	if (postgres !== undefined) return postgres
	throw new UsageError(`PostgreSQL does not run as root, and there is no user "postgres" to run it on ${directory}`, [
		'run lastgood as the user who shall own the server',
		'or give the directory to that user first: mkdir and chown it',
		'or create the user: useradd --system --create-home postgres',
	])
}

async function userInPasswd(is: (user: OsUser) => boolean): Promise<OsUser | undefined> {
	const passwd = await readFile('/etc/passwd', 'utf8').catch(() => '')
	return passwd.split('\n').flatMap(usersOfLine).find(is)
}

/** Accounts of a directory service, and of macOS, do not stand in /etc/passwd. */
async function userFromSystem(nameOrUid: string): Promise<OsUser | undefined> {
	const answer = await run('getent', ['passwd', nameOrUid]).catch(() => undefined)
	if (answer?.exitCode === 0) return answer.stdout.split('\n').flatMap(usersOfLine)[0]
	if (answer !== undefined) return undefined

	const ask = async (option: string): Promise<string | undefined> => {
		const said = await run('id', [option, '--', nameOrUid]).catch(() => undefined)
		return said?.exitCode === 0 ? said.stdout.trim() : undefined
	}
	const [name, uid, gid] = await Promise.all([ask('-un'), ask('-u'), ask('-g')])
	return name === undefined || uid === undefined || gid === undefined
		? undefined
		: {name, uid: Number(uid), gid: Number(gid), home: '/'}
}

function usersOfLine(line: string): readonly OsUser[] {
	const [name, , uid, gid, , home] = line.split(':')
	if (name === undefined || name === '' || !/^\d+$/.test(uid ?? '') || !/^\d+$/.test(gid ?? '')) return []
	return [{name, uid: Number(uid), gid: Number(gid), home: home === undefined || home === '' ? '/' : home}]
}
