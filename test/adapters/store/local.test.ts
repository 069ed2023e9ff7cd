import {mkdir, mkdtemp, readdir, rm, stat, symlink, utimes, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {dirname, join} from 'node:path'
import {afterEach, beforeEach, describe, expect, test} from 'vitest'
import {run} from '../../../src/adapters/process.ts'
import {createLocalStore} from '../../../src/adapters/store/local.ts'
import {ArchiveUnreachableError} from '../../../src/domain/errors.ts'
import {formatInstant} from '../../../src/domain/time.ts'
import {describeStoreContract} from './contract.ts'

let folder: string
beforeEach(async () => {
	folder = await mkdtemp(join(tmpdir(), 'lastgood-store-'))
})
afterEach(() => rm(folder, {recursive: true, force: true}))

async function put(key: string, content: string | Uint8Array = 'x'): Promise<void> {
	await mkdir(dirname(join(folder, key)), {recursive: true})
	await writeFile(join(folder, key), content)
}

async function link(key: string, target: string): Promise<void> {
	await mkdir(dirname(join(folder, key)), {recursive: true})
	await symlink(target, join(folder, key))
}

async function keys(prefix = ''): Promise<readonly string[]> {
	return (await Array.fromAsync(createLocalStore(folder).list(prefix))).map(({key}) => key).sort()
}

describeStoreContract('a local folder', async () => {
	const root = await mkdtemp(join(tmpdir(), 'lastgood-store-'))
	return {
		store: createLocalStore(root),
		put: async (key, content) => {
			await mkdir(dirname(join(root, key)), {recursive: true})
			await writeFile(join(root, key), content)
		},
		remove: key => rm(join(root, key)),
		discard: () => rm(root, {recursive: true, force: true}),
	}
})

describe('links', () => {
	test('to files and to folders are followed', async () => {
		await put('real/wal/1')
		await link('file', 'real/wal/1')
		const outside = await mkdtemp(join(tmpdir(), 'lastgood-outside-'))
		await writeFile(join(outside, 'far'), '12345')
		await link('elsewhere', outside)
		expect(await keys()).toEqual(['elsewhere/far', 'file', 'real/wal/1'])
		expect(await createLocalStore(folder).stat('elsewhere/far')).toMatchObject({bytes: 5})
		await rm(outside, {recursive: true})
	})

	test('that lead round in a circle end', async () => {
		await put('a/1')
		await link('a/self', '.')
		await link('a/up', '..')
		await link('a/top', '/')
		await link('loop', 'pool')
		await link('pool', 'loop')
		expect(await keys()).toEqual(['a/1'])
	})

	test('that name a folder beside them add nothing', async () => {
		await put('20261122/1')
		await link('0-latest', '20261122')
		expect(await keys()).toEqual(['20261122/1'])
	})

	test('that lead nowhere are left out', async () => {
		await link('dead', 'nothing')
		expect(await keys()).toEqual([])
	})

	test('of tablespaces are listed with their target and not followed', async () => {
		const live = await mkdtemp(join(tmpdir(), 'lastgood-live-'))
		await writeFile(join(live, 'table'), 'x')
		await link('backup/pg_tblspc/16387', live)
		const objects = await Array.fromAsync(createLocalStore(folder).list(''))
		expect(objects).toMatchObject([{key: 'backup/pg_tblspc/16387', bytes: 0, linksTo: live}])
		await rm(live, {recursive: true})
	})

	test('make the location itself reachable', async () => {
		await put('real/1')
		await link('way', 'real')
		const objects = await Array.fromAsync(createLocalStore(join(folder, 'way')).list(''))
		expect(objects.map(({key}) => key)).toEqual(['1'])
	})
})

describe('what is no file', () => {
	test('is neither listed nor opened: a pipe would wait for a writer for ever', async () => {
		await put('1')
		await run('mkfifo', [join(folder, 'pipe')])
		expect(await keys()).toEqual(['1'])
		await expect(createLocalStore(folder).read('pipe', 0, 1)).rejects.toBeInstanceOf(ArchiveUnreachableError)
	})

	test('is no object either when its key climbs out of the folder', async () => {
		await put('inside/1')
		await put('outside')
		const store = createLocalStore(join(folder, 'inside'))
		expect(await store.stat('../outside')).toBeUndefined()
		await expect(store.read('../outside', 0, 1)).rejects.toBeInstanceOf(ArchiveUnreachableError)
		expect(await Array.fromAsync(store.list('../'))).toEqual([])
	})
})

describe('the location', () => {
	test('must exist', async () => {
		const error = await Array.fromAsync(createLocalStore(join(folder, 'none')).list('')).catch(
			(reason: unknown) => reason,
		)
		expect(error).toBeInstanceOf(ArchiveUnreachableError)
		expect(error).toMatchObject({
			message: `there is no folder ${folder}/none`,
			whatToDo: ['check the path', expect.stringContaining('mounted')],
		})
	})

	test('must be a folder', async () => {
		await put('file')
		await expect(Array.fromAsync(createLocalStore(join(folder, 'file')).list(''))).rejects.toThrow(
			'is a file, not a folder',
		)
	})

	test('is said as an absolute path, and so is each object', () => {
		const store = createLocalStore('some/../archive/')
		expect(store.location).toBe(join(process.cwd(), 'archive'))
		expect(store.localPath('a/b')).toBe(join(process.cwd(), 'archive/a/b'))
	})
})

test('a modification time keeps its microseconds', async () => {
	await put('a')
	await utimes(join(folder, 'a'), 1_790_000_000, 1_790_000_000.123456)
	const object = await createLocalStore(folder).stat('a')
	expect(formatInstant(object?.modifiedAt ?? (0n as never))).toMatch(/\.12345\dZ$/)
})

test('a folder of ten thousand files is listed whole', async () => {
	await Promise.all(Array.from({length: 10_000}, (_, index) => writeFile(join(folder, `unrelated-${index}`), '')))
	expect(await keys()).toHaveLength(10_000)
})

test('files that go away while they are listed are left out, and their folder too', async () => {
	for (let index = 0; index < 200; index += 1) await put(`${index % 10}/${index}`)
	const store = createLocalStore(folder)
	let count = 0
	for await (const _object of store.list('')) {
		count += 1
		if (count === 20) await Promise.all((await readdir(folder)).map(name => rm(join(folder, name), {recursive: true})))
	}
	expect(count).toBeLessThan(200)
})

test('a folder that this user may not read is an error that says who could; lost+found is none', async context => {
	if (process.getuid?.() !== 0) return context.skip('only root can become somebody else')
	await put('archive/1')
	await put('closed/1')
	await put('lost+found/1')
	await run('chmod', ['0755', folder])
	await run('chmod', ['0700', join(folder, 'lost+found')])
	const asNobody = async <Result>(act: () => Promise<Result>) => {
		process.seteuid?.(65534)
		try {
			return await act()
		} finally {
			process.seteuid?.(0)
		}
	}
	expect(await asNobody(() => keys())).toEqual(['archive/1', 'closed/1'])
	await run('chmod', ['0700', join(folder, 'closed')])
	const error = await asNobody(() => keys().catch((reason: unknown) => reason))
	expect(error).toBeInstanceOf(ArchiveUnreachableError)
	expect(error).toMatchObject({
		message: `${folder}/closed may not be read by this user: permission denied`,
		whatToDo: [expect.stringContaining('sudo -u postgres'), expect.stringContaining('namei -l')],
	})
	await run('chmod', ['0600', join(folder, 'archive/1')])
	await expect(asNobody(() => createLocalStore(folder).read('archive/1', 0, 1))).rejects.toThrow('permission denied')
})

test('looking changes no name, size or time', async () => {
	await put('a/1', 'content')
	const before = await stat(join(folder, 'a/1'), {bigint: true})
	const store = createLocalStore(folder)
	await keys()
	await store.read('a/1', 0, 7)
	await Array.fromAsync(store.stream('a/1'))
	const after = await stat(join(folder, 'a/1'), {bigint: true})
	expect([after.mtimeNs, after.ctimeNs, after.size]).toEqual([before.mtimeNs, before.ctimeNs, before.size])
})
