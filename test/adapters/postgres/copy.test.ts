import {randomBytes} from 'node:crypto'
import {cp, lstat, mkdir, open, readdir, readFile, rm, stat, symlink, writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {LocalRestoreEngine} from '../../../src/adapters/postgres/engine.ts'
import {run} from '../../../src/adapters/process.ts'
import type {RestorePlan} from '../../../src/domain/recovery/plan.ts'
import type {CopyProgress} from '../../../src/domain/recovery/progress.ts'
import {instantOfMs} from '../../../src/domain/time.ts'
import {type ServerTestFolder, serverTestFolder} from '../../support/postgres.ts'
import {allFilesOf, handBuiltPlan, type RestorableCluster, restorableCluster} from '../../support/restorable.ts'

let folder: ServerTestFolder
let source: RestorableCluster
const engine = new LocalRestoreEngine({now: () => instantOfMs(Date.now())})
const never = new AbortController().signal

beforeAll(async () => {
	folder = await serverTestFolder()
	source = await restorableCluster(folder)
	await source.archiveAll()
})

afterAll(async () => {
	await source?.primary.end()
	await folder?.remove()
})

async function planTo(destination: string, backup = source.backup): Promise<RestorePlan> {
	const label = /START WAL LOCATION: (\S+)/.exec(await readFile(join(source.backup, 'backup_label'), 'utf8'))?.[1]
	expect(label).toBeDefined()
	const plan = await handBuiltPlan(source, {destination, stopLsn: 0x10n as never})
	return {...plan, backup: {...plan.backup, location: backup}}
}

async function backupCopy(name: string): Promise<string> {
	const copy = join(folder.path, 'backups', name)
	await cp(source.backup, copy, {recursive: true})
	return copy
}

async function isThere(path: string): Promise<boolean> {
	return lstat(path).then(
		() => true,
		() => false,
	)
}

describe('a copied base backup', () => {
	test('has every file of it byte by byte, without what a new server must not find, and belongs to the server', async () => {
		const backup = await backupCopy('whole')
		await writeFile(join(backup, 'postmaster.opts'), 'left over')
		await writeFile(join(backup, 'pg_wal', '000000010000000000000001'), 'left over')
		await mkdir(join(backup, 'base', 'pgsql_tmp'))
		await writeFile(join(backup, 'global', 'pg_internal.init'), 'left over')
		await symlink('/etc/hostname', join(backup, 'log'))
		const plan = await planTo(join(folder.path, 'whole'), backup)
		await engine.createDirectories(plan)
		const told: CopyProgress[] = []
		const copied = await engine.copyBaseBackup(plan, progress => told.push(progress), never)

		const left = [
			'postmaster.opts',
			'pg_wal/000000010000000000000001',
			'pg_wal/archive_status',
			'base/pgsql_tmp',
			'global/pg_internal.init',
			'log',
		]
		const expected = (await allFilesOf(backup)).filter(path => !left.includes(path))
		expect(await allFilesOf(plan.destination)).toEqual(expected)
		const different = await run('diff', ['-rq', '--no-dereference', backup, plan.destination])
		expect(different.stdout.match(/differ/)).toBeNull()
		for (const path of expected) {
			const status = await stat(join(plan.destination, path))
			expect([path, status.uid]).toEqual([path, plan.serverUser.uid])
			expect([path, status.mode & 0o027]).toEqual([path, 0])
		}
		expect((await stat(plan.destination)).mode & 0o777).toBe(0o700)

		expect(told[0]).toEqual({doneBytes: 0, totalBytes: 30_000_000, doneFiles: 0, totalFiles: plan.backup.files})
		expect(told.at(-1)).toEqual({
			doneBytes: copied.bytes,
			totalBytes: copied.bytes,
			doneFiles: copied.files,
			totalFiles: copied.files,
		})
		expect(told.map(progress => progress.doneBytes)).toEqual(
			told.map(progress => progress.doneBytes).toSorted((a, b) => a - b),
		)
		await engine.removeAll(plan)
		expect(await isThere(plan.destination)).toBe(false)
	})

	test('keeps group access where the backup has it, and names that are no UTF-8', async () => {
		const backup = await backupCopy('grouped')
		const name = Buffer.concat([Buffer.from(`${backup}/na`), Buffer.from([0xef]), Buffer.from('ve')])
		await (await open(name, 'w')).close()
		await run('chmod', ['-R', 'g+rX', backup])
		const plan = await planTo(join(folder.path, 'grouped'), backup)
		await engine.createDirectories(plan)
		await engine.copyBaseBackup(plan, () => {}, never)
		expect((await stat(join(plan.destination, 'PG_VERSION'))).mode & 0o777).toBe(0o640)
		expect((await stat(join(plan.destination, 'base'))).mode & 0o777).toBe(0o750)
		expect((await readdir(plan.destination, {encoding: 'latin1'})).filter(each => each.startsWith('na'))).toEqual([
			'naïve',
		])
		await engine.removeAll(plan)
	})

	test('gets the directories that a server needs where the backup tool left out empty ones', async () => {
		const backup = await backupCopy('sparse')
		for (const empty of ['pg_wal', 'pg_notify', 'pg_twophase', 'pg_logical/snapshots'])
			await rm(join(backup, empty), {recursive: true})
		await symlink('/nowhere', join(backup, 'pg_wal'))
		const plan = await planTo(join(folder.path, 'sparse'), backup)
		await engine.createDirectories(plan)
		await engine.copyBaseBackup(plan, () => {}, never)
		for (const needed of ['pg_wal', 'pg_notify', 'pg_twophase', 'pg_logical/snapshots']) {
			expect((await lstat(join(plan.destination, needed))).isDirectory()).toBe(true)
		}
		await engine.removeAll(plan)
	})
})

describe('a base backup that is not what its manifest says', () => {
	test.each([
		[
			'a flipped bit',
			async (backup: string) => flipBit(join(backup, 'base', '1', '1259')),
			/base\/1\/1259 is damaged: its CRC32C is not the one in backup_manifest/,
		],
		[
			'a short file',
			async (backup: string) => truncate(join(backup, 'base', '1', '1259')),
			/base\/1\/1259 has \d+ bytes, and backup_manifest says \d+/,
		],
		[
			'a missing file',
			async (backup: string) => rm(join(backup, 'base', '1', '1259')),
			/base\/1\/1259 is missing, and backup_manifest names it/,
		],
		[
			'a changed manifest',
			async (backup: string) => flipBit(join(backup, 'backup_manifest')),
			/backup_manifest cannot be used: its own checksum does not match|backup_manifest cannot be used: it holds the line/,
		],
		[
			'a cut-off manifest',
			async (backup: string) => truncate(join(backup, 'backup_manifest')),
			/backup_manifest cannot be used: it ends before its checksum line/,
		],
		['no label', async (backup: string) => rm(join(backup, 'backup_label')), /backup_label is missing/],
		[
			'a link in its data',
			async (backup: string) => symlink('/srv/live', join(backup, 'pg_tblspc', '16400')),
			/pg_tblspc\/16400 is a symbolic link/,
		],
	])('is refused for %s, and nothing of the restore is left', async (what, damage, words) => {
		const backup = await backupCopy(what.replaceAll(' ', '-'))
		await damage(backup)
		const plan = await planTo(join(folder.path, `from ${what}`), backup)
		await engine.createDirectories(plan)
		await expect(engine.copyBaseBackup(plan, () => {}, never)).rejects.toMatchObject({
			code: 'no-usable-backup',
			message: expect.stringMatching(words),
		})
		expect(await isThere(plan.destination)).toBe(false)
		expect(await isThere(plan.workDirectory)).toBe(false)
	})

	test('is refused when its checksums are SHA512 and one does not match', async () => {
		const backup = join(folder.path, 'backups', 'sha')
		const {cluster} = source
		const taken = await run(
			join(cluster.installation.directory, 'pg_basebackup'),
			[
				'-h',
				cluster.socketDirectory,
				'-p',
				String(cluster.port),
				'-U',
				'postgres',
				'-D',
				backup,
				'-X',
				'none',
				'-c',
				'fast',
				'--manifest-checksums=SHA512',
			],
			{asUser: folder.serverUser},
		)
		expect(taken.stderr.replace(/NOTICE.*\n/g, '')).not.toMatch(/error/)
		const label = /START WAL LOCATION: (\S+)/.exec(await readFile(join(backup, 'backup_label'), 'utf8'))?.[1] ?? ''
		const plan = await planTo(join(folder.path, 'sha'), backup)
		const startLsn = BigInt(`0x${label.split('/')[1]}`) as typeof plan.backup.startLsn
		const own = {...plan, backup: {...plan.backup, startLsn}}
		await engine.createDirectories(own)
		await engine.copyBaseBackup(own, () => {}, never)
		await engine.removeAll(own)
		await flipBit(join(backup, 'base', '1', '1259'))
		await engine.createDirectories(own)
		await expect(engine.copyBaseBackup(own, () => {}, never)).rejects.toMatchObject({
			message: expect.stringContaining('its SHA512 is not the one'),
		})
	})
})

describe('a copy that cannot be finished', () => {
	test('leaves nothing when it is aborted in the middle of a big file', async () => {
		const backup = await backupCopy('big')
		await rm(join(backup, 'backup_manifest'))
		await writeFile(join(backup, 'base', '1', '99999'), randomBytes(64 * 1024 * 1024))
		const plan = await planTo(join(folder.path, 'aborted'), backup)
		await engine.createDirectories(plan)
		const abort = new AbortController()
		let seenBytes = 0
		const copying = engine.copyBaseBackup(
			plan,
			progress => {
				seenBytes = progress.doneBytes
				if (progress.doneBytes > 40 * 1024 * 1024) abort.abort(new Error('the operator changed his mind'))
			},
			abort.signal,
		)
		await expect(copying).rejects.toThrow('the operator changed his mind')
		expect(seenBytes).toBeLessThan(80 * 1024 * 1024)
		expect(await isThere(plan.destination)).toBe(false)
		expect(await isThere(plan.workDirectory)).toBe(false)
	})

	test('leaves an empty destination that was there before as it was', async () => {
		const destination = join(folder.path, 'was', 'there')
		await mkdir(destination, {recursive: true, mode: 0o755})
		const plan = {...(await planTo(destination)), destinationExisted: true}
		const before = await stat(destination)
		await engine.createDirectories(plan)
		expect((await stat(destination)).mode & 0o777).toBe(0o700)
		await expect(engine.copyBaseBackup(plan, () => {}, AbortSignal.abort())).rejects.toThrow()
		const after = await stat(destination)
		expect(await readdir(destination)).toEqual([])
		expect([after.uid, after.mode, after.ino]).toEqual([before.uid, before.mode, before.ino])
		expect(await readdir(join(folder.path, 'was'))).toEqual(['there'])
	})

	test('says what a full disk lacks, and leaves nothing', async context => {
		const small = join(folder.path, 'small')
		await mkdir(small)
		const mounted = await run('mount', ['-t', 'tmpfs', '-o', 'size=4m,mode=0755', 'tmpfs', small]).catch(error => ({
			exitCode: 1,
			stderr: String(error),
		}))
		if (mounted.exitCode !== 0) context.skip(`a small file system cannot be mounted here: ${mounted.stderr.trim()}`)
		try {
			const plan = await planTo(join(small, 'restored'))
			await engine.createDirectories(plan)
			await expect(engine.copyBaseBackup(plan, () => {}, never)).rejects.toMatchObject({
				code: 'data-directory-occupied',
				message: expect.stringMatching(
					/^the disk is full at .*: the base backup needs \d+ bytes, and \d+ are free without it$/,
				),
			})
			expect(await readdir(small)).toEqual([])
		} finally {
			await run('umount', [small])
		}
	})
})

describe('a destination', () => {
	test('that holds anything is refused with its names, and stays as it is', async () => {
		const destination = join(folder.path, 'occupied')
		await mkdir(destination)
		await writeFile(join(destination, 'thesis.tex'), 'years of work')
		const plan = await planTo(destination)
		await expect(engine.createDirectories(plan)).rejects.toMatchObject({
			code: 'data-directory-occupied',
			message: `${destination} is not empty: it holds thesis.tex`,
		})
		expect(await isThere(plan.workDirectory)).toBe(false)
		expect(await engine.removeAll(plan)).toEqual([])
		expect(await readdir(destination)).toEqual(['thesis.tex'])
	})

	test('into which somebody else writes before the copy begins is left alone', async () => {
		const plan = await planTo(join(folder.path, 'shared'))
		await engine.createDirectories(plan)
		await writeFile(join(plan.destination, 'thesis.tex'), 'years of work')
		await expect(engine.copyBaseBackup(plan, () => {}, never)).rejects.toMatchObject({code: 'data-directory-occupied'})
		expect(await readdir(plan.destination)).toEqual(['thesis.tex'])
	})

	test('inside the base backup or the archive is refused', async () => {
		for (const destination of [join(source.backup, 'restored'), join(source.archive, 'restored')]) {
			await expect(engine.createDirectories(await planTo(destination))).rejects.toMatchObject({
				code: 'data-directory-occupied',
				message: expect.stringContaining('which is only ever read'),
			})
			expect(await isThere(destination)).toBe(false)
		}
	})

	test('below folders that do not exist is made with them, and they go with it', async () => {
		const plan = await planTo(join(folder.path, 'not', 'yet', 'there'))
		await engine.createDirectories(plan)
		await engine.copyBaseBackup(plan, () => {}, never)
		const removed = await engine.removeAll(plan)
		expect(removed).toEqual([
			plan.destination,
			plan.socketDirectory,
			plan.workDirectory,
			join(folder.path, 'not', 'yet'),
			join(folder.path, 'not'),
		])
		expect(await isThere(join(folder.path, 'not'))).toBe(false)
	})

	test('is not removed by another recovery, nor when it is no longer the directory that was made', async () => {
		const plan = await planTo(join(folder.path, 'mine'))
		await engine.createDirectories(plan)
		await expect(engine.removeAll({...plan, recovery: 'test-2'})).rejects.toMatchObject({
			code: 'data-directory-occupied',
			message: expect.stringContaining('was made by recovery test-1'),
		})
		await rm(plan.destination, {recursive: true})
		await mkdir(join(folder.path, 'other'))
		await writeFile(join(folder.path, 'other', 'thesis.tex'), 'years of work')
		await run('mv', [join(folder.path, 'other'), plan.destination])
		await expect(engine.removeAll(plan)).rejects.toMatchObject({
			message: expect.stringContaining('is no longer the directory'),
		})
		expect(await readdir(plan.destination)).toEqual(['thesis.tex'])
	})

	test('where nobody may write is refused with what to do', async context => {
		const closed = join(folder.path, 'closed')
		await mkdir(closed, {mode: 0o555})
		if (process.getuid?.() === 0) {
			const mounted = await run('mount', ['-t', 'tmpfs', '-o', 'ro,size=1m', 'tmpfs', closed])
			if (mounted.exitCode !== 0)
				context.skip(`a read-only file system cannot be mounted here: ${mounted.stderr.trim()}`)
		}
		try {
			const plan = await planTo(join(closed, 'restored'))
			await expect(engine.createDirectories(plan)).rejects.toMatchObject({
				code: 'data-directory-occupied',
				message: expect.stringMatching(/cannot be used: (permission denied|its file system is read-only)$/),
			})
		} finally {
			if (process.getuid?.() === 0) await run('umount', [closed])
		}
	})
})

async function flipBit(path: string): Promise<void> {
	const bytes = await readFile(path)
	const at = Math.floor(bytes.length / 2)
	bytes[at] = (bytes[at] ?? 0) ^ 1
	await writeFile(path, bytes)
}

async function truncate(path: string): Promise<void> {
	const bytes = await readFile(path)
	await writeFile(path, bytes.subarray(0, Math.floor(bytes.length / 2)))
}
