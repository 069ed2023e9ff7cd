import {describe, expect, test} from 'vitest'
import {
	type BackupEvidence,
	createManifestComparison,
	createManifestReader,
	describeBackup,
	type ManifestFile,
	parseBackupHistory,
	parseBackupLabel,
	parseTablespaceMap,
	parseVersionFile,
	systemIdentifierOfControlFile,
} from '../../../src/domain/archive/backup.ts'
import type {BackupEntry} from '../../../src/domain/archive/listing.ts'
import {parseTime} from '../../../src/domain/time.ts'
import {formatLsn, type Lsn, parseLsn} from '../../../src/domain/wal/lsn.ts'
import {backupFiles, backupLabelText, manifestText} from '../../support/archive-builder.ts'

const lsn = (text: string) => parseLsn(text) as Lsn
const instant = (text: string) => {
	const reading = parseTime(text, 0n as never)
	return reading.ok ? reading.instant : undefined
}

// PostgreSQL 15.18, pg_basebackup -Fp -c fast -l 'night ly'
const label15 = `START WAL LOCATION: 0/700028 (file 000000010000000000000007)
CHECKPOINT LOCATION: 0/700060
BACKUP METHOD: streamed
BACKUP FROM: primary
START TIME: 2026-11-22 22:46:28 UTC
LABEL: night ly
START TIMELINE: 1
`
// The .backup file of the same backup.
const history15 = `START WAL LOCATION: 0/700028 (file 000000010000000000000007)
STOP WAL LOCATION: 0/700100 (file 000000010000000000000007)
CHECKPOINT LOCATION: 0/700060
BACKUP METHOD: streamed
BACKUP FROM: primary
START TIME: 2026-11-22 22:46:28 UTC
LABEL: night ly
START TIMELINE: 1
STOP TIME: 2026-11-22 22:46:29 UTC
STOP TIMELINE: 1
`

describe('backup_label', () => {
	test('tells where replay begins, and when and as what the backup was taken', () => {
		expect(parseBackupLabel(label15)).toEqual({
			startLsn: lsn('0/700028'),
			timeline: 1,
			startedAt: instant('2026-11-22 22:46:28Z'),
			label: 'night ly',
			incrementalFromLsn: undefined,
		})
	})

	test('of an incremental backup says on which it builds', () => {
		const text = `${label15}INCREMENTAL FROM LSN: 0/600028\nINCREMENTAL FROM TLI: 1\n`
		expect(parseBackupLabel(text)?.incrementalFromLsn).toBe(lsn('0/600028'))
	})

	test('with a name of several lines cannot be made to say something else', () => {
		const text = label15.replace('night ly', 'x\nSTART TIMELINE: 7\nCHECKPOINT LOCATION: 0/1')
		expect(parseBackupLabel(text)).toMatchObject({timeline: 1, label: 'x', startLsn: lsn('0/700028')})
	})

	test('without either of its first two lines is none, as for PostgreSQL', () => {
		expect(parseBackupLabel(label15.split('\n').slice(1).join('\n'))).toBeUndefined()
		expect(parseBackupLabel(label15.replace(/CHECKPOINT.*\n/, ''))).toBeUndefined()
		expect(parseBackupLabel('')).toBeUndefined()
		expect(parseBackupLabel('garbage')).toBeUndefined()
	})

	test('gives no time in a zone whose abbreviation means several', () => {
		expect(parseBackupLabel(label15.replace('22:46:28 UTC', '22:46:28 CST'))?.startedAt).toBeUndefined()
		expect(parseBackupLabel(label15.replace('22:46:28 UTC', '19:46:28 -03'))?.startedAt).toBe(
			instant('2026-11-22 22:46:28Z'),
		)
	})
})

describe('the .backup file', () => {
	test('tells also where and when the backup ended', () => {
		expect(parseBackupHistory(history15)).toMatchObject({
			startLsn: lsn('0/700028'),
			stopLsn: lsn('0/700100'),
			stoppedAt: instant('2026-11-22 22:46:29Z'),
			timeline: 1,
			label: 'night ly',
		})
	})

	test('that is only a label is none', () => {
		expect(parseBackupHistory(label15)).toBeUndefined()
	})
})

describe('backup_manifest', () => {
	const files = new Map([
		['backup_label', 206],
		['base/5/1259', 16384],
		['odd "name"\\', 1],
	])
	const text = manifestText(files, {
		startLsn: '0/700028',
		stopLsn: '0/700100',
		version: 2,
		systemIdentifier: 7710893493451747189n,
	})

	test.each([1, 7, 64, 4096, text.length])('is read the same in pieces of %i characters', size => {
		const reader = createManifestReader()
		const read: ManifestFile[] = []
		for (let at = 0; at < text.length; at += size) read.push(...reader.push(text.slice(at, at + size)))
		expect(reader.end()).toEqual({
			ok: true,
			manifest: {
				// Beyond 2^53: as a JSON number it would read 7710893493451747000.
				systemIdentifier: '7710893493451747189',
				walRanges: [{timeline: 1, startLsn: lsn('0/700028'), endLsn: lsn('0/700100')}],
				fileCount: 3,
				bytes: 16591,
			},
		})
		expect(read).toEqual([...files].map(([path, bytes]) => ({path, bytes})))
	})

	test('names no system identifier before 17', () => {
		const reader = createManifestReader()
		reader.push(manifestText(files))
		expect(reader.end()).toMatchObject({ok: true, manifest: {systemIdentifier: undefined}})
	})

	test('counts files whose name is no UTF-8 without naming them', () => {
		const reader = createManifestReader()
		const read = reader.push(text.replace('{ "Path": "backup_label"', '{ "Encoded-Path": "ff6e"'))
		expect(read).toHaveLength(2)
		expect(reader.end()).toMatchObject({ok: true, manifest: {fileCount: 3}})
	})

	test.each([
		['was cut off', text.slice(0, text.length - 40), 'it ends before its checksum line'],
		['was cut off in its files', text.slice(0, 200), 'it ends before its checksum line'],
		['is empty', '', 'it is no backup manifest'],
		['is something else', '{"a": 1}\n', 'it is no backup manifest'],
		[
			'has a damaged line',
			text.replace('"Size": 206', '"Size": }'),
			'it holds the line "{ \\"Path\\": \\"backup_label\\"',
		],
	])('that %s is refused', (_name, damaged, problem) => {
		const reader = createManifestReader()
		reader.push(damaged)
		expect(reader.end()).toMatchObject({ok: false, problem: expect.stringContaining(problem)})
	})
})

describe('small files', () => {
	test.each([
		['15\n', 15],
		['18', 18],
		['9.6\n', undefined],
		['', undefined],
	])('PG_VERSION %j is %s', (text, major) => {
		expect(parseVersionFile(text)).toBe(major)
	})

	test('pg_control begins with the system identifier', () => {
		const bytes = new Uint8Array(8)
		new DataView(bytes.buffer).setBigUint64(0, 7711130975765960633n, true)
		expect(systemIdentifierOfControlFile(bytes)).toBe('7711130975765960633')
		expect(systemIdentifierOfControlFile(bytes.subarray(1))).toBeUndefined()
	})

	test('tablespace_map escapes line breaks in paths', () => {
		expect(parseTablespaceMap('16387 /srv/fast\n16388 /srv/two\\\nlines\\\\x\n')).toEqual([
			{oid: 16387, location: '/srv/fast'},
			{oid: 16388, location: '/srv/two\nlines\\x'},
		])
	})
})

const entryOf = (files: ReadonlyMap<string, number>, format: BackupEntry['format'] = 'plain'): BackupEntry => ({
	format,
	key: 'nightly',
	files,
	everyFileNamed: true,
	bytes: 100,
	fileCount: files.size,
	tablespaceLinks: [],
})

describe('the files of a backup and its manifest', () => {
	const listed = new Map([...backupFiles()].map(([path, bytes]) => [path, bytes.byteLength]))
	const manifested = [...listed].filter(([path]) => path !== 'backup_manifest').map(([path, bytes]) => ({path, bytes}))
	const compared = (files: ReadonlyMap<string, number>) => {
		const comparison = createManifestComparison(entryOf(files))
		comparison.compare(manifested)
		return comparison.result()
	}

	test('agree when all is there', () => {
		expect(compared(listed)).toBeUndefined()
	})

	test('disagree when one is missing or has another size', () => {
		const damaged = new Map(listed)
		damaged.delete('base/1/1259')
		damaged.set('global/1262', 1)
		expect(compared(damaged)).toEqual({missingCount: 1, wrongSizeCount: 1, first: 'base/1/1259'})
	})

	test('may differ in what pg_verifybackup ignores, and in what lies behind links', () => {
		const comparison = createManifestComparison(entryOf(listed))
		comparison.compare(
			['postgresql.auto.conf', 'standby.signal', 'pg_wal/x', 'pg_tblspc/16387/PG_15_202209061/5/1'].map(path => ({
				path,
				bytes: 1,
			})),
		)
		expect(comparison.result()).toBeUndefined()
	})
})

function evidence(
	changes: Partial<BackupEvidence> & {readonly without?: readonly string[]; readonly extra?: readonly string[]} = {},
): BackupEvidence {
	const {without = [], extra = [], ...fields} = changes
	const files = new Map(
		[...backupFiles()].filter(([path]) => !without.includes(path)).map(([path, bytes]) => [path, bytes.byteLength]),
	)
	for (const path of extra) files.set(path, 1)
	const reader = createManifestReader()
	reader.push(manifestText(new Map()))
	return {
		entry: entryOf(files),
		id: 'nightly',
		location: '/backups/nightly',
		label: parseBackupLabel(backupLabelText()),
		manifest: reader.end(),
		mismatch: undefined,
		unreadable: undefined,
		postgresMajor: 15,
		systemIdentifier: '7710895412341931179',
		tablespaces: [],
		history: undefined,
		stopLsnInWal: undefined,
		...fields,
	}
}

function described(changes: Parameters<typeof evidence>[0] = {}) {
	const reading = describeBackup(evidence(changes), 15)
	if (!reading.ok) throw new Error(reading.why)
	return reading
}

describe('a base backup', () => {
	test('that is whole can be used', () => {
		const {backup, incomplete} = described()
		expect(incomplete).toBe(false)
		expect(backup).toMatchObject({
			id: 'nightly',
			kind: 'full',
			timeline: 1,
			startLsn: lsn('0/200028'),
			stopLsn: lsn('0/200100'),
			label: 'nightly',
			whyNot: undefined,
		})
	})

	test('is consistent at the end that the best source tells: manifest, .backup file, WAL', () => {
		const history = parseBackupHistory(backupLabelText({stopLsn: '0/200200', stopTime: '2026-11-22 07:45:00 UTC'}))
		const stopLsnInWal = lsn('0/200300')
		const stopOf = (changes: Parameters<typeof evidence>[0]) => formatLsn(described(changes).backup.stopLsn as Lsn)
		expect(stopOf({history, stopLsnInWal})).toBe('0/200100')
		expect(stopOf({manifest: undefined, history, stopLsnInWal})).toBe('0/200200')
		expect(stopOf({manifest: undefined, stopLsnInWal})).toBe('0/200300')
	})

	test('knows when it ended only from its .backup file', () => {
		const history = parseBackupHistory(backupLabelText({stopTime: '2026-11-22 07:45:00 UTC'}))
		expect(described({history}).backup.stoppedAt).toBe(instant('2026-11-22 07:45:00Z'))
		expect(described().backup.stoppedAt).toBeUndefined()
	})

	test('that spans a promotion ends where its last range ends, whichever is listed first', () => {
		const range = (timeline: number, startLsn: string, endLsn: string) => ({
			timeline: timeline as never,
			startLsn: lsn(startLsn),
			endLsn: lsn(endLsn),
		})
		const manifest = {
			systemIdentifier: undefined,
			walRanges: [range(2, '0/300000', '0/300100'), range(1, '0/200028', '0/300000')],
			fileCount: 0,
			bytes: 0,
		}
		expect(described({manifest: {ok: true, manifest}}).backup).toMatchObject({
			timeline: 1,
			startLsn: lsn('0/200028'),
			stopLsn: lsn('0/300100'),
		})
	})

	test.each<readonly [string, Parameters<typeof evidence>[0], string]>([
		['has no backup_label', {label: undefined, without: ['backup_label']}, 'its backup_label is missing'],
		['has a backup_label with garbage', {label: undefined}, 'its backup_label cannot be read'],
		[
			'was started',
			{label: undefined, without: ['backup_label'], extra: ['backup_label.old']},
			'a server has been started on it',
		],
		['has no PG_VERSION', {postgresMajor: undefined}, 'its PG_VERSION is missing'],
		[
			'has no pg_control',
			{without: ['global/pg_control']},
			'its global/pg_control is missing: the copy was not finished',
		],
		[
			'has a manifest that was cut off',
			{manifest: {ok: false, problem: 'it ends before its checksum line'}},
			'its backup_manifest cannot be used: it ends before',
		],
		[
			'lacks files',
			{mismatch: {missingCount: 2, wrongSizeCount: 1, first: 'base/1/1259'}},
			'2 missing, 1 of another size; the first is base/1/1259',
		],
		[
			'has the label of another',
			{label: parseBackupLabel(label15)},
			'begins at 0/700028 and its backup_manifest at 0/200028',
		],
		['does not tell its end', {manifest: undefined}, 'nothing tells where it ends'],
		['could not be read', {unreadable: '/backups/nightly/PG_VERSION cannot be read: EIO'}, 'EIO'],
	])('that %s is incomplete', (_name, changes, why) => {
		const {backup, incomplete} = described(changes)
		expect(incomplete).toBe(true)
		expect(backup.whyNot).toContain(why)
	})

	test.each<readonly [string, Parameters<typeof evidence>[0], string]>([
		[
			'is incremental',
			{label: parseBackupLabel(backupLabelText({labelLines: ['INCREMENTAL FROM LSN: 0/100028']}))},
			'pg_combinebackup',
		],
		['is in tar format', {entry: entryOf(new Map(), 'tar'), label: undefined}, 'unpack base.tar'],
		['has tablespaces', {tablespaces: [{oid: 16387, location: '/srv/fast'}]}, 'it has tablespaces (16387)'],
	])('that %s is whole and cannot be used for now', (_name, changes, why) => {
		const {backup, incomplete} = described(changes)
		expect(incomplete).toBe(false)
		expect(backup.whyNot).toContain(why)
		expect(backup.kind).toBe(_name === 'is incremental' ? 'incremental' : 'full')
	})

	test('of which nothing tells the start cannot be listed', () => {
		const reading = describeBackup(
			evidence({label: undefined, manifest: undefined, without: ['backup_label', 'backup_manifest']}),
			15,
		)
		expect(reading).toMatchObject({ok: false, why: expect.stringContaining('neither backup_label nor backup_manifest')})
	})
})
