import {chmod, mkdir, mkdtemp, rm, symlink, writeFile} from 'node:fs/promises'
import {createServer, type Server} from 'node:net'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {LocalHost} from '../../src/adapters/host.ts'
import {currentUser} from '../../src/adapters/os-user.ts'
import {connect} from '../../src/demo/cluster.ts'
import type {BaseBackup} from '../../src/domain/archive/survey.ts'
import {type ServerTestFolder, serverTestFolder, testInstallation} from '../support/postgres.ts'
import {type RestorableCluster, restorableCluster} from '../support/restorable.ts'

const host = new LocalHost({env: process.env})
let place: string

beforeAll(async () => {
	place = await mkdtemp(join(tmpdir(), 'lastgood-host-'))
	await chmod(place, 0o755)
})

afterAll(() => rm(place, {recursive: true}))

describe('a destination', () => {
	test('is absent, empty or occupied, by its real path', async () => {
		await mkdir(join(place, 'real', 'empty'), {recursive: true})
		await writeFile(join(place, 'real', 'thesis.tex'), '')
		await symlink('real', join(place, 'link'))
		await symlink('nowhere', join(place, 'dangling'))
		const seen = async (name: string) => {
			const {freeBytes, realPath, ...rest} = await host.destination(join(place, name))
			expect(freeBytes).toBeGreaterThan(0)
			return {...rest, realPath: realPath.slice(place.length)}
		}
		expect(await seen('link/new/one')).toEqual({state: 'absent', realPath: '/real/new/one', holds: []})
		expect(await seen('link/empty')).toEqual({state: 'empty', realPath: '/real/empty', holds: []})
		expect(await seen('link')).toEqual({state: 'occupied', realPath: '/real', holds: ['empty', 'thesis.tex']})
		expect(await seen('real/thesis.tex')).toEqual({
			state: 'occupied',
			realPath: '/real/thesis.tex',
			holds: ['thesis.tex (a file)'],
		})
		expect(await seen('dangling')).toEqual({
			state: 'occupied',
			realPath: '/dangling',
			holds: ['dangling (a symbolic link)'],
		})
	})

	test('that one may not look at is refused', async () => {
		await symlink('loop', join(place, 'loop'))
		await expect(host.destination(join(place, 'loop', 'restored'))).rejects.toMatchObject({
			code: 'data-directory-occupied',
			message: expect.stringContaining('cannot be looked at'),
		})
	})

	test('as root is served by another account, otherwise by oneself', async () => {
		const user = await host.serverUser(join(place, 'new'))
		expect(user.uid).not.toBe(0)
		if (process.getuid?.() !== 0) expect(user.uid).toBe(process.getuid?.())
	})
})

describe('what an account may read', () => {
	test('is told with the folder that stands in the way', async context => {
		await mkdir(join(place, 'closed', 'within'), {recursive: true})
		await writeFile(join(place, 'closed', 'within', 'segment'), '')
		await writeFile(join(place, 'unreadable'), '', {mode: 0o600})
		await chmod(join(place, 'closed'), 0o700)
		const user = await host.serverUser(place)
		expect(await host.unreadableFor(currentUser(), join(place, 'closed', 'within', 'segment'))).toBeUndefined()
		expect(await host.unreadableFor(user, join(place, 'absent'))).toBe(`${join(place, 'absent')} does not exist`)
		expect(await host.unreachableFor(user, join(place, 'to', 'be', 'made'))).toBeUndefined()
		if (currentUser().uid !== 0) context.skip('an ordinary user cannot ask for another one')
		expect(await host.unreadableFor(user, join(place, 'closed', 'within', 'segment'))).toBe(
			`${user.name} may not enter ${join(place, 'closed')}`,
		)
		expect(await host.unreachableFor(user, join(place, 'closed', 'within', 'to', 'be', 'made'))).toBe(
			`${user.name} may not enter ${join(place, 'closed')}`,
		)
		expect(await host.unreadableFor(user, join(place, 'unreadable'))).toBe(
			`${user.name} may not read ${join(place, 'unreadable')}`,
		)
	})
})

describe('a port', () => {
	test('is taken while a server listens on it by TCP', async () => {
		const server = await listening({host: '127.0.0.1', port: 0})
		const {port} = server.address() as {port: number}
		expect(await host.portTaken(port)).toBe(true)
		expect(await host.freePort(port)).toBeGreaterThan(port)
		await closed(server)
		expect(await host.portTaken(port)).toBe(false)
	})

	test('is taken while a server listens at a socket of that number in /tmp, and free when only the file is left', async () => {
		const port = await host.freePort(61_000 + (process.pid % 1000))
		const socket = `/tmp/.s.PGSQL.${port}`
		const server = await listening({path: socket})
		expect(await host.portTaken(port)).toBe(true)
		await closed(server)
		await writeFile(socket, '')
		expect(await host.portTaken(port)).toBe(false)
		await rm(socket)
	})
})

describe('programs', () => {
	test('of the version of the archive are found', async () => {
		const {directory, version, major} = await testInstallation()
		expect(await host.serverPrograms(major)).toEqual({directory, version})
		expect(['psql', join(directory, 'psql')]).toContain(await host.psql(directory))
	})

	test('of a version that is not here are named', async () => {
		const {major, version, directory} = await testInstallation()
		const other = major === 18 ? 14 : 18
		const onlyThese = new LocalHost({env: {LASTGOOD_PG_BIN: directory}, path: '', places: []})
		await expect(onlyThese.serverPrograms(other)).rejects.toMatchObject({
			code: 'waldump-version-mismatch',
			message: `the archive is of PostgreSQL ${other}, and only programs of that version can restore it; here are ${version} in ${directory}`,
			whatToDo: expect.arrayContaining([
				`install the PostgreSQL ${other} server: postgres, pg_ctl, pg_controldata and pg_waldump of that version`,
			]),
		})
	})
})

describe('a base backup', () => {
	let folder: ServerTestFolder
	let source: RestorableCluster

	beforeAll(async () => {
		folder = await serverTestFolder()
		source = await restorableCluster(folder, 'Grüße Admin')
	})

	afterAll(async () => {
		await source?.primary.end()
		await folder?.remove()
	})

	test('tells the name of its superuser, also after it has been renamed', async () => {
		expect(await host.superuserOf(backupAt(source.backup))).toBe('Grüße Admin')
		await source.primary.query('create role other superuser login')
		await source.primary.query('begin')
		await source.primary.query('create role gone superuser login')
		await source.primary.query('rollback')
		const other = await connect({...source.cluster, superuser: 'other'}, 'postgres', 'test')
		await other.query('alter role "Grüße Admin" rename to renamed')
		await other.query('checkpoint')
		await other.end()
		expect(await host.superuserOf(backupAt(source.cluster.dataDirectory))).toBe('renamed')
		expect(await host.superuserOf(backupAt(place))).toBe('postgres')
	})

	test('tells its control data', async () => {
		const {directory} = await testInstallation()
		const control = await host.controlData(backupAt(source.backup), directory)
		expect(control).toMatchObject({
			'max_connections setting': '150',
			'max_prepared_xacts setting': '10',
			'wal_level setting': 'replica',
		})
		await expect(host.controlData(backupAt(place), directory)).rejects.toMatchObject({code: 'no-usable-backup'})
	})
})

test('a socket lies beside the work directory where its path is short and plain enough, else in /tmp', () => {
	expect(host.socketDirectory('/srv/restored.lastgood', 'r-1')).toBe('/srv/restored.lastgood/socket')
	expect(host.socketDirectory(`/srv/${'long/'.repeat(20)}restored.lastgood`, 'r-1')).toBe('/tmp/lastgood-r-1')
	expect(host.socketDirectory('/srv/a,b.lastgood', 'r-1')).toBe('/tmp/lastgood-r-1')
	expect(host.socketDirectory('/srv/its a "b".lastgood', 'r-1')).toBe('/tmp/lastgood-r-1')
})

function backupAt(location: string): BaseBackup {
	return {location} as BaseBackup
}

function listening(where: {host: string; port: number} | {path: string}): Promise<Server> {
	return new Promise((resolve, reject) => {
		const server = createServer()
		server.once('error', reject)
		server.listen(where, () => resolve(server))
	})
}

function closed(server: Server): Promise<void> {
	return new Promise(resolve => server.close(() => resolve()))
}
