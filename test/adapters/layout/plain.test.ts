import {describe, expect, test} from 'vitest'
import {createPlainSorter} from '../../../src/adapters/layout/plain.ts'
import type {SortedListing} from '../../../src/domain/archive/listing.ts'
import {instantAt} from '../../../src/domain/time.ts'
import {backupFiles} from '../../support/archive-builder.ts'

function sorted(
	keys: readonly (string | {readonly key: string; readonly bytes?: number; readonly linksTo?: string})[],
): SortedListing {
	const sorter = createPlainSorter()
	for (const item of keys)
		sorter.add({bytes: 1, modifiedAt: instantAt(0n), ...(typeof item === 'string' ? {key: item} : item)})
	return sorter.sorted()
}

const dataDirectory = (folder: string, traits: Parameters<typeof backupFiles>[0] = {}) =>
	[...backupFiles(traits)].map(([path, content]) => ({
		key: folder === '' ? path : `${folder}/${path}`,
		bytes: content.byteLength,
	}))

describe('names', () => {
	test('of segments are 24 digits, packed or not, in any folder', () => {
		const listing = sorted([
			'000000010000000000000001',
			'wal/000000010000000000000002.gz',
			'wal/deep/000000010000000000000003.zst',
			'00000001000000000000000A.lz4',
			'00000001000000000000000B.bz2',
			'00000001000000000000000C.xz',
		])
		expect(listing.segments.map(({name, key}) => [name, key])).toEqual([
			['000000010000000000000001', '000000010000000000000001'],
			['000000010000000000000002', 'wal/000000010000000000000002.gz'],
			['000000010000000000000003', 'wal/deep/000000010000000000000003.zst'],
			['00000001000000000000000A', '00000001000000000000000A.lz4'],
			['00000001000000000000000B', '00000001000000000000000B.bz2'],
			['00000001000000000000000C', '00000001000000000000000C.xz'],
		])
	})

	test('of partial segments, backup files and history files are told apart', () => {
		const listing = sorted([
			'000000010000000000000005.partial',
			'000000010000000000000006.partial.gz',
			'000000010000000000000003.00000028.backup',
			'000000010000000000000004.00000028.backup.gz',
			'00000011.history',
			'00000002.history.gz',
		])
		expect(listing.segments).toEqual([])
		expect(listing.partials.map(({name}) => name)).toEqual(['000000010000000000000005', '000000010000000000000006'])
		expect(listing.backupHistories).toHaveLength(2)
		expect(listing.histories.map(({timeline}) => timeline)).toEqual([17, 2])
	})

	test.each([
		'00000001000000000000001',
		'0000000100000000000000001',
		'00000001000000000000000a',
		'000000010000000000000001.tmp',
		'000000010000000000000001.gz.part',
		'x000000010000000000000001',
		'000000010000000000000001\n',
		'00000000.history',
		'1.history',
		'readme.txt',
	])('such as %j are none of these', name => {
		const listing = sorted([name])
		expect(
			[listing.segments, listing.partials, listing.histories, listing.backupHistories, listing.backups].flat(),
		).toEqual([])
		expect(listing.otherExamples).toEqual([name])
	})
})

describe('a base backup', () => {
	test.each(['', 'nightly', 'backups/2026/nightly'])('is found at %j by what it holds', folder => {
		const files = dataDirectory(folder)
		const {backups} = sorted(files)
		expect(backups).toMatchObject([{format: 'plain', key: folder, everyFileNamed: true, fileCount: files.length}])
		expect(backups[0]?.bytes).toBe(files.reduce((sum, {bytes}) => sum + bytes, 0))
		expect(backups[0]?.files.get('base/1/1259')).toBe(16384)
	})

	test('is found whichever way round its files are listed', () => {
		const files = dataDirectory('nightly')
		expect(sorted(files.toReversed()).backups.map(({key, bytes}) => [key, bytes])).toEqual(
			sorted(files).backups.map(({key, bytes}) => [key, bytes]),
		)
	})

	test('keeps its own WAL: neither pg_wal nor a copy of the archive inside it is the archive', () => {
		const listing = sorted([
			...dataDirectory('nightly'),
			'nightly/pg_wal/000000010000000000000002',
			'nightly/pg_wal/00000002.history',
			'nightly/archive/000000010000000000000001',
			'archive/000000010000000000000003',
		])
		expect(listing.segments.map(({key}) => key)).toEqual(['archive/000000010000000000000003'])
		expect(listing.histories).toEqual([])
	})

	test('is counted without its pg_wal', () => {
		const without = sorted(dataDirectory('nightly')).backups[0]
		const withWal = sorted([...dataDirectory('nightly'), {key: 'nightly/pg_wal/archive_status/x', bytes: 5}]).backups[0]
		expect(withWal).toEqual(without)
	})

	test('is one, not one for each database in it', () => {
		expect(
			sorted([...dataDirectory('nightly'), 'nightly/base/5/PG_VERSION', 'nightly/base/5/backup_label']).backups,
		).toHaveLength(1)
	})

	test('is still found when its copy was cut off', () => {
		const files = dataDirectory('nightly').filter(({key}) => !/backup_manifest|pg_control/.test(key))
		expect(sorted(files).backups).toMatchObject([{key: 'nightly'}])
	})

	test('with tablespaces shows their links', () => {
		const {backups} = sorted([
			...dataDirectory('nightly'),
			{key: 'nightly/pg_tblspc/16387', linksTo: '/srv/fast'},
			{key: 'other/pg_tblspc/1', linksTo: '/'},
		])
		expect(backups[0]?.tablespaceLinks).toEqual([{oid: 16387, location: '/srv/fast'}])
	})

	test('in tar format is found by base.tar, and takes no WAL beside it', () => {
		const listing = sorted([
			'tar/base.tar.gz',
			'tar/16387.tar.gz',
			'tar/pg_wal.tar.gz',
			'tar/backup_manifest',
			'tar/notes.txt',
			'tar/000000010000000000000001',
		])
		expect(listing.backups).toMatchObject([{format: 'tar', key: 'tar', fileCount: 4, bytes: 4}])
		expect(listing.segments).toHaveLength(1)
	})
})

describe("a server's data directory", () => {
	test.each([
		['a running one', 'postmaster.pid', []],
		['one that was shut down', 'postmaster.opts', ['backup_label', 'backup_manifest']],
	] as const)('is no base backup: %s', (_name, mark, without) => {
		const files = dataDirectory('primary').filter(({key}) => !without.some(name => key.endsWith(name)))
		const listing = sorted([
			...files,
			`primary/${mark}`,
			'primary/pg_wal/000000010000000000000002',
			'primary/archive/000000010000000000000001',
		])
		expect(listing.backups).toEqual([])
		expect(listing.serverDirectories).toEqual(['primary'])
		expect(listing.segments.map(({key}) => key)).toEqual(['primary/archive/000000010000000000000001'])
	})

	test('that began as a base backup is listed with it, to be told why not', () => {
		expect(
			sorted([...dataDirectory('restored'), 'restored/postmaster.opts', 'restored/backup_label.old']).backups,
		).toHaveLength(1)
	})
})

test('a million unrelated files are counted and a few of them named', () => {
	const sorter = createPlainSorter()
	for (let index = 0; index < 1_000_000; index += 1)
		sorter.add({key: `photos/${index}.jpg`, bytes: 1, modifiedAt: instantAt(0n)})
	const listing = sorter.sorted()
	expect(listing.objectCount).toBe(1_000_000)
	expect(listing.otherExamples).toHaveLength(5)
	expect(listing.backups).toEqual([])
})
