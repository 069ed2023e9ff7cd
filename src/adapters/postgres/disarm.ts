import {lstat, readdir, readFile, unlink} from 'node:fs/promises'
import {join} from 'node:path'
import {parseTablespaceMap} from '../../domain/archive/backup.ts'
import {NoUsableBackupError} from '../../domain/errors.ts'
import type {RestorePlan} from '../../domain/recovery/plan.ts'
import {workFile} from '../../domain/recovery/wal-feed.ts'
import {syncDirectory, systemCode, writeWholeFile} from '../durable-files.ts'

/**
 * Takes out of the copy what would make it act as its source, and says in words what was done. The source's postgresql.conf
 * and pg_hba.conf stay where they are: the server is told to read others.
 */
export async function disarmCopy(plan: RestorePlan): Promise<readonly string[]> {
	const {destination} = plan
	await refuseTablespaces(destination)
	const done: string[] = []
	for (const [name, why] of [
		// It wins over recovery.signal: the copy would stream from the primary (§5.5).
		['standby.signal', 'it would have followed the primary'],
		['recovery.signal', 'lastgood writes its own'],
		['postmaster.pid', 'it names a server that runs elsewhere'],
	] as const) {
		if (await removed(join(destination, name))) done.push(`${name} removed: ${why}`)
	}
	done.push(await setSettingsAside(plan))
	const unread = await present(destination, ['postgresql.conf', 'pg_hba.conf', 'pg_ident.conf'])
	if (unread.length > 0) done.push(`${unread.join(', ')} of the source stay in the copy and are not read`)
	await syncDirectory(destination)
	return done
}

/** postgresql.auto.conf is read from the data directory whatever config_file says, and wins over it: ALTER SYSTEM of the source would be in force. */
async function setSettingsAside(plan: RestorePlan): Promise<string> {
	const path = join(plan.destination, 'postgresql.auto.conf')
	const text = await readFile(path, 'utf8').catch(error => {
		if (systemCode(error) === 'ENOENT') return ''
		throw error
	})
	const settings = [...text.matchAll(/^\s*([a-z_][\w.]*)\s*[= ]/gim)].map(match => match[1])
	const ownership = {mode: 0o600, owner: plan.serverUser}
	// It may hold the password of primary_conninfo: it stays within the folder that only the server's account can enter.
	if (text !== '') await writeWholeFile(workFile(plan.workDirectory, 'sourceSettings'), text, ownership)
	await writeWholeFile(
		path,
		'# Emptied by lastgood: what the source had set with ALTER SYSTEM does not hold here.\n',
		ownership,
	)
	if (settings.length === 0) return 'postgresql.auto.conf emptied: it had set nothing'
	return `postgresql.auto.conf emptied: it had set ${[...new Set(settings)].join(', ')}; what it said is in ${workFile(plan.workDirectory, 'sourceSettings')}`
}

/** Both lead out of the data directory when the server starts: to the live files of a primary on this host (§0.2). */
async function refuseTablespaces(destination: string): Promise<void> {
	const map = await readFile(join(destination, 'tablespace_map'), 'utf8').catch(() => '')
	const links = await readdir(join(destination, 'pg_tblspc'))
	const named = [...parseTablespaceMap(map).map(({oid, location}) => `${oid} at ${location}`), ...links]
	if (named.length === 0) return
	throw new NoUsableBackupError(`the base backup has tablespaces, whose files lie outside of it: ${named.join(', ')}`, [
		'choose a base backup without tablespaces: lastgood survey lists them',
	])
}

async function removed(path: string): Promise<boolean> {
	return unlink(path).then(
		() => true,
		error => {
			if (systemCode(error) === 'ENOENT') return false
			throw error
		},
	)
}

async function present(directory: string, names: readonly string[]): Promise<readonly string[]> {
	const found = await Promise.all(names.map(name => lstat(join(directory, name)).catch(() => undefined)))
	return names.filter((_, index) => found[index] !== undefined)
}
