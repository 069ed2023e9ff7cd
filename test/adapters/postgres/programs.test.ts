import {chmod, mkdir, mkdtemp, realpath, rm, symlink, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {delimiter, join} from 'node:path'
import {afterEach, beforeEach, describe, expect, test} from 'vitest'
import {
	findInstallations,
	installationFor,
	type ProgramName,
	programNames,
	searchInstallations,
	serverPrograms,
} from '../../../src/adapters/postgres/programs.ts'
import {UsageError} from '../../../src/domain/errors.ts'
import {testInstallation} from '../../support/postgres.ts'

let root: string

beforeEach(async () => {
	root = await realpath(await mkdtemp(join(tmpdir(), 'lastgood-programs-')))
})
afterEach(() => rm(root, {recursive: true, force: true}))

const everything: readonly ProgramName[] = programNames

/** Programs that say a version and do nothing else. */
async function installed(at: string, version: string, names: readonly ProgramName[] = everything): Promise<string> {
	const directory = join(root, at)
	await mkdir(directory, {recursive: true})
	for (const name of names) {
		await writeFile(join(directory, name), `#!/bin/sh\necho "${name} (PostgreSQL) ${version}"\n`)
		await chmod(join(directory, name), 0o755)
	}
	return directory
}

async function linked(at: string, target: string, names: readonly ProgramName[] = everything): Promise<string> {
	const directory = join(root, at)
	await mkdir(directory, {recursive: true})
	for (const name of names) await symlink(join(target, name), join(directory, name))
	return directory
}

async function refusal(searching: Promise<unknown>): Promise<UsageError> {
	const error = await searching.catch((thrown: unknown) => thrown)
	if (error instanceof UsageError) return error
	throw new Error(`no UsageError: ${String(error)}`)
}

describe("PostgreSQL's programs", () => {
	test('are found where this system has them', async () => {
		const {directory, version, major} = await testInstallation()
		const found = await findInstallations({env: {}, path: ''})
		expect(found).toContainEqual({directory, major, version, has: everything})
		expect(version).toMatch(/^1[3-8]\.\d+$/)
	})

	test('are taken from --pg-bin first, then LASTGOOD_PG_BIN, then PATH, then the usual places', async () => {
		const option = await installed('option', '18.4')
		const [first, second] = [await installed('env-a', '17.10'), await installed('env-b', '13.23')]
		const onPath = await installed('on-path', '16.14')
		const [older, newer] = [await installed('pg/9/bin', '14.23'), await installed('pg/15/bin', '15.18')]
		const found = await findInstallations({
			pgBin: option,
			env: {LASTGOOD_PG_BIN: [first, second].join(delimiter), PATH: onPath},
			places: [join(root, 'pg/*/bin'), join(root, 'none-*/bin')],
		})
		expect(found.map(({directory}) => directory)).toEqual([option, first, second, onPath, newer, older])
		expect(found.map(({major}) => major)).toEqual([18, 17, 13, 16, 15, 14])
	})

	test('are reported where they really stand, once, when PATH has links to some of them', async () => {
		const real = await installed('lib/15/bin', '15.18 (Debian 15.18-0+deb12u1)')
		const links = await linked('usr/local/bin', real, ['postgres', 'initdb', 'pg_ctl'])
		const found = await findInstallations({env: {PATH: [links, real].join(delimiter)}, places: [real]})
		expect(found).toEqual([{directory: real, major: 15, version: '15.18', has: everything}])
		expect(await findInstallations({env: {}, pgBin: links, places: []})).toEqual(found)
	})

	test("are not Debian's wrapper, which is of no version", async () => {
		const share = join(root, 'share')
		await mkdir(share)
		await writeFile(join(share, 'pg_wrapper'), '#!/bin/sh\nexit 1\n', {mode: 0o755})
		const bin = join(root, 'bin')
		await mkdir(bin)
		for (const name of ['psql', 'pg_basebackup']) await symlink(join(share, 'pg_wrapper'), join(bin, name))
		const nothing = {usable: [], unusable: []}
		expect(await searchInstallations({env: {PATH: bin}, places: []})).toEqual(nothing)
	})

	test('of a directory without all of them say which they are', async () => {
		const directory = await installed('client', '15.18', ['psql', 'pg_basebackup'])
		const found = await findInstallations({env: {PATH: directory}, places: []})
		expect(found).toEqual([{directory, major: 15, version: '15.18', has: ['pg_basebackup', 'psql']}])
		expect(installationFor(15, found)).toBeUndefined()
		expect(installationFor(15, found, ['psql'])).toBe(found[0])
	})

	test('that do not run, or are of a version that is not supported, are left out with the reason', async () => {
		const old = await installed('old', '12.22')
		const broken = join(root, 'broken')
		await mkdir(broken)
		await writeFile(join(broken, 'pg_waldump'), '#!/bin/sh\necho "cannot open libpq.so.5" >&2\nexit 127\n', {
			mode: 0o755,
		})
		await mkdir(join(root, 'empty/postgres'), {recursive: true})
		const path = [old, broken, join(root, 'empty')].join(delimiter)
		expect(await searchInstallations({env: {}, path, places: []})).toEqual({
			usable: [],
			unusable: [
				{directory: old, reason: 'PostgreSQL 12 is not among the supported versions, 13 to 18'},
				{
					directory: broken,
					reason: 'pg_waldump --version does not say a version of PostgreSQL: cannot open libpq.so.5',
				},
			],
		})
	})

	test.each([
		['17beta2', 17, '17beta2'],
		['18.4', 18, '18.4'],
		['16devel', 16, '16devel'],
	])('say version %s of major %i', async (said, major, version) => {
		const directory = await installed('some', said)
		expect(await findInstallations({env: {PATH: directory}, places: []})).toMatchObject([{major, version}])
	})
})

describe('a directory that is named outright', () => {
	test('and holds none is refused with what was looked for', async () => {
		const bin = await installed('15/bin', '15.18')
		const error = await refusal(findInstallations({pgBin: join(root, '15'), env: {}, places: [bin]}))
		expect(error.message).toBe(
			`--pg-bin ${root}/15 holds none of PostgreSQL's programs (looked for pg_waldump, postgres, pg_controldata, initdb, pg_basebackup, pg_ctl, psql)`,
		)
		expect(error.whatToDo[0]).toBe(`name the directory of the programs themselves: ${bin}`)
	})

	test('by LASTGOOD_PG_BIN and is not there is refused too', async () => {
		const error = await refusal(findInstallations({env: {LASTGOOD_PG_BIN: '/nowhere'}, places: []}))
		expect(error.message).toContain("LASTGOOD_PG_BIN /nowhere holds none of PostgreSQL's programs")
	})

	test('and cannot be used is refused with the reason', async () => {
		const pgBin = await installed('old', '11.2')
		const error = await refusal(findInstallations({pgBin, env: {}, places: []}))
		expect(error.message).toBe(
			`--pg-bin ${pgBin} cannot be used: PostgreSQL 11 is not among the supported versions, 13 to 18`,
		)
	})
})

test('an installation is chosen by major version, the first that has what is needed', async () => {
	const tools = await installed('tools', '15.1', ['pg_waldump'])
	const server = await installed('server', '15.2')
	const found = await findInstallations({env: {PATH: [tools, server].join(delimiter)}, places: []})
	expect(installationFor(15, found)?.directory).toBe(tools)
	expect(installationFor(15, found, serverPrograms)?.directory).toBe(server)
	expect(installationFor(18, found)).toBeUndefined()
})
