import {appendFile, chmod, mkdtemp, readFile, rm, stat, truncate, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {afterEach, beforeEach, describe, expect, test} from 'vitest'
import {FileJournalStore, stateDirectory} from '../../src/adapters/journal-store.ts'
import type {JournalEntry} from '../../src/domain/recovery/journal.ts'
import {instantAt} from '../../src/domain/time.ts'

let state: string
let store: FileJournalStore

beforeEach(async () => {
	state = join(await mkdtemp(join(tmpdir(), 'lastgood-journal-')), 'not', 'yet')
	store = new FileJournalStore(state)
})

afterEach(() => rm(join(state, '..', '..'), {recursive: true}))

const confirmed = (how: string): JournalEntry => ({event: 'confirmed', at: instantAt(1_700_000_000_123_456n), how})

describe('a journal', () => {
	test('gives back what was appended, in that order, also when nobody waits between two entries', async () => {
		const entries = Array.from({length: 20}, (_, index) => confirmed(`entry ${index}`))
		await Promise.all(entries.map(entry => store.append('r-1', entry)))
		expect(await store.read('r-1')).toEqual(entries)
		expect((await readFile(store.pathOf('r-1'), 'utf8')).split('\n')).toHaveLength(21)
	})

	test('can be read by its owner only', async () => {
		await store.append('r-1', confirmed('yes'))
		expect((await stat(store.pathOf('r-1'))).mode & 0o777).toBe(0o600)
		for (const directory of [state, join(state, 'recoveries'), join(state, 'recoveries', 'r-1')]) {
			expect([directory, (await stat(directory)).mode & 0o777]).toEqual([directory, 0o700])
		}
	})

	test.each([1, 7, 40, 60])(
		'that was cut off %i bytes before its end is read up to there, and goes on from there',
		async lost => {
			await store.append('r-1', confirmed('first'))
			await store.append('r-1', confirmed('second'))
			const {size} = await stat(store.pathOf('r-1'))
			await truncate(store.pathOf('r-1'), size - lost)
			// Without its line break alone, the entry is whole.
			const kept = lost === 1 ? [confirmed('first'), confirmed('second')] : [confirmed('first')]
			expect(await store.read('r-1')).toEqual(kept)
			await new FileJournalStore(state).append('r-1', confirmed('third'))
			expect(await store.read('r-1')).toEqual([...kept, confirmed('third')])
		},
	)

	test('that was cut off in its first entry is empty', async () => {
		await store.append('r-1', confirmed('first'))
		await truncate(store.pathOf('r-1'), 10)
		expect(await store.read('r-1')).toEqual([])
		await store.append('r-1', confirmed('again'))
		expect(await store.read('r-1')).toEqual([confirmed('again')])
	})

	test('that is damaged in the middle is refused with the file and the line', async () => {
		await store.append('r-1', confirmed('first'))
		await appendFile(store.pathOf('r-1'), '{"event":"confir\n')
		await store.append('r-1', confirmed('third'))
		await expect(store.read('r-1')).rejects.toMatchObject({
			code: 'journal-unreadable',
			message: `${store.pathOf('r-1')} is damaged in line 2: it is no JSON`,
		})
		await writeFile(store.pathOf('r-1'), '{"event":"of-the-future"}\n')
		await expect(store.read('r-1')).rejects.toMatchObject({message: expect.stringContaining('is damaged in line 1')})
	})

	test('that does not exist is refused with those that do', async () => {
		await expect(store.read('r-9')).rejects.toMatchObject({
			code: 'journal-unreadable',
			whatToDo: expect.arrayContaining(['none is recorded there']),
		})
		await store.append('r-2', confirmed('yes'))
		await store.append('r-1', confirmed('yes'))
		await expect(store.read('r-9')).rejects.toMatchObject({
			message: `there is no recovery r-9 in ${join(state, 'recoveries')}`,
			whatToDo: expect.arrayContaining(['recorded there: r-1, r-2']),
		})
		expect(await store.list()).toEqual(['r-1', 'r-2'])
	})

	test.each(['../r-1', 'R-1', '', 'r/1', 'r.1'])('cannot be named %j', async name => {
		await expect((async () => store.read(name))()).rejects.toMatchObject({code: 'journal-unreadable'})
		await expect((async () => store.append(name, confirmed('yes')))()).rejects.toMatchObject({
			code: 'journal-unreadable',
		})
	})

	test('has its renderings beside it', async () => {
		await store.append('r-1', confirmed('yes'))
		const path = await store.writeRendering('r-1', 'runbook.md', 'old')
		expect(await store.writeRendering('r-1', 'runbook.md', 'new')).toBe(path)
		expect(path).toBe(join(state, 'recoveries', 'r-1', 'runbook.md'))
		expect(await readFile(path, 'utf8')).toBe('new')
		expect((await stat(path)).mode & 0o777).toBe(0o600)
		for (const name of ['journal.ndjson', '../x', '.x', ''])
			await expect((async () => store.writeRendering('r-1', name, 'x'))()).rejects.toThrow()
	})

	test('that cannot be written is said to be so', async () => {
		const blocked = new FileJournalStore('/dev/null')
		await expect(blocked.append('r-1', confirmed('yes'))).rejects.toMatchObject({
			code: 'journal-unreadable',
			message: expect.stringContaining('/dev/null/recoveries/r-1/journal.ndjson cannot be written'),
		})
	})

	test('of another account is said to be unreadable', async context => {
		if (process.getuid?.() === 0) context.skip('root reads everything')
		await store.append('r-1', confirmed('yes'))
		await chmod(store.pathOf('r-1'), 0o000)
		await expect(store.read('r-1')).rejects.toMatchObject({
			code: 'journal-unreadable',
			message: expect.stringContaining('permission denied'),
		})
	})
})

test.each([
	[{LASTGOOD_STATE_HOME: '/srv/state', XDG_STATE_HOME: '/x'}, '/srv/state'],
	[{LASTGOOD_STATE_HOME: '', XDG_STATE_HOME: '/x'}, '/x/lastgood'],
	[{XDG_STATE_HOME: 'relative'}, '/home/op/.local/state/lastgood'],
	[{}, '/home/op/.local/state/lastgood'],
])('the state directory of %j is %s', (env, expected) => {
	expect(stateDirectory(env, '/home/op')).toBe(expected)
})
