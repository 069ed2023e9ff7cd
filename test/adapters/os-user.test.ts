import {chown, mkdir, mkdtemp, rm} from 'node:fs/promises'
import {tmpdir, userInfo} from 'node:os'
import {join} from 'node:path'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {currentUser, ownerOf, serverUserFor, userNamed} from '../../src/adapters/os-user.ts'
import {onlyAsAnOrdinaryUser, onlyAsRoot} from '../support/account.ts'
import {testInstallation} from '../support/postgres.ts'

let folder: string

beforeAll(async () => {
	// Its package brings the user postgres.
	await testInstallation()
	folder = await mkdtemp(join(tmpdir(), 'lastgood-owner-'))
})
afterAll(() => rm(folder, {recursive: true, force: true}))

describe('an account', () => {
	test('is found by its name and by what it owns', async () => {
		const {username, uid, gid, homedir} = userInfo()
		const me = {name: username, uid, gid, home: homedir}
		expect(currentUser()).toEqual(me)
		expect(await userNamed(username)).toEqual(me)
		expect(await ownerOf(folder)).toEqual(me)
	})

	test('that does not exist is not made up, nor is the owner of nothing', async () => {
		expect(await userNamed('lastgood-nobody-has-this-name')).toBeUndefined()
		expect(await ownerOf(join(folder, 'absent'))).toBeUndefined()
	})

	test('without a name goes by its number', async context => {
		onlyAsRoot(context)
		const nameless = join(folder, 'nameless')
		await mkdir(nameless)
		await chown(nameless, 54_321, 54_322)
		expect(await ownerOf(nameless)).toEqual({name: '54321', uid: 54_321, gid: 54_322, home: '/'})
		expect(await serverUserFor(nameless)).toMatchObject({uid: 54_321})
	})
})

describe('a PostgreSQL server', () => {
	test('is run by whoever runs lastgood', async context => {
		onlyAsAnOrdinaryUser(context)
		expect(await serverUserFor(folder)).toEqual(currentUser())
		expect(await serverUserFor('/')).toEqual(currentUser())
	})

	test('is run, for root, by the owner of its directory, else by postgres', async context => {
		onlyAsRoot(context)
		const postgres = await userNamed('postgres')
		expect(await serverUserFor(folder)).toEqual(postgres)
		expect(await serverUserFor(join(folder, 'absent'))).toEqual(postgres)
		const owned = join(folder, 'owned')
		await mkdir(owned)
		const daemon = await userNamed('daemon')
		await chown(owned, daemon?.uid ?? 1, daemon?.gid ?? 1)
		expect(await serverUserFor(owned)).toEqual(daemon)
	})
})
