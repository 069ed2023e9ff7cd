import {gzipSync, zstdCompressSync} from 'node:zlib'
import {describe, expect, test} from 'vitest'
import type {Survey} from '../../src/domain/archive/survey.ts'
import {findingToJson, surveyToJson} from '../../src/domain/archive/survey-json.ts'
import {
	ArchiveUnreachableError,
	LayoutUnrecognizedError,
	UsageError,
	WaldumpVersionMismatchError,
} from '../../src/domain/errors.ts'
import {formatInstant} from '../../src/domain/time.ts'
import {describeSurveyProgress, surveyArchive} from '../../src/operations/survey.ts'
import type {SourceRequest} from '../../src/operations/survey-source.ts'
import type {ArchiveStore} from '../../src/ports.ts'
import {
	ArchiveBuilder,
	allBytes,
	backupLabelText,
	builtSystemIdentifier,
	megabyte,
	segmentContent,
	segmentName,
} from '../support/archive-builder.ts'
import {createMemoryStore, type MemoryStore} from '../support/memory-store.ts'
import {type BuiltCommit, builtWorld} from '../support/survey-world.ts'

const location = 'memory:archive'
const commits: readonly BuiltCommit[] = [
	{lsn: '0/150000', at: '2026-11-22 07:30:00.000001'},
	{lsn: '0/250000', at: '2026-11-22 07:45:30.000002'},
	{lsn: '0/350000', at: '2026-11-22 07:50:00.000003'},
	{lsn: '0/550000', at: '2026-11-22 07:59:59.999999'},
]

/** WAL 1 to 6, and a base backup that was taken in segment 2. */
const undamaged = () =>
	new ArchiveBuilder()
		.segments(1, 6, {folder: 'archive'})
		.put('archive/000000010000000000000002.00000028.backup', backupLabelText({stopTime: '2026-11-22 07:45:00 UTC'}))
		.backup('backups/nightly')

/** The same, promoted to timeline 2 in the middle of segment 4. */
const promoted = () =>
	undamaged()
		.history(2, [[1, '0/4EF1A0']], 'archive')
		.segment(4, {timeline: 2, pageTimeline: 1, folder: 'archive'})
		.segments(5, 7, {timeline: 2, folder: 'archive'})

async function surveyOf(
	archive: ArchiveBuilder,
	options: Parameters<typeof builtWorld>[1] = {commits},
): Promise<Survey> {
	return (await surveyArchive(builtWorld([createMemoryStore(archive.contents)], options), {location})).survey
}

const codesOf = (survey: Survey) => survey.findings.map(({code, severity}) => `${code} ${severity}`)
const keyOf = (timeline: number, number: number) => `archive/${segmentName(timeline, number)}`

describe('an undamaged archive', () => {
	test('has no finding, and can be recovered from the backup’s end to the end of the WAL', async () => {
		const survey = await surveyOf(undamaged())
		expect(survey.findings).toEqual([])
		expect(survey).toMatchObject({
			location,
			layout: 'plain',
			store: 's3',
			cluster: {
				systemIdentifier: builtSystemIdentifier.toString(),
				postgresMajor: 15,
				pageMagic: 0xd110,
				walSegmentBytes: megabyte,
			},
		})
		expect(survey.segments.map(({name}) => name)).toEqual([1, 2, 3, 4, 5, 6].map(number => segmentName(1, number)))
		expect(survey.backups).toMatchObject([{id: 'nightly', key: 'backups/nightly', whyNot: undefined}])
		expect(
			survey.coverage.map(({backup, timeline, fromAt, toAt}) => [
				backup,
				timeline,
				fromAt && formatInstant(fromAt),
				toAt && formatInstant(toAt),
			]),
		).toEqual([['nightly', 1, '2026-11-22T07:45:30.000002Z', '2026-11-22T07:59:59.999999Z']])
	})

	test('with a promoted timeline can be recovered along both', async () => {
		const survey = await surveyOf(promoted())
		// The old primary wrote on after the promotion.
		expect(codesOf(survey)).toEqual(['timeline-abandoned info'])
		expect(survey.coverage.map(({timeline, toLsn}) => [timeline, toLsn])).toEqual([
			[1, 0x700000n],
			[2, 0x800000n],
		])
	})

	test.each([
		['gzip', '.gz', gzipSync],
		['gzip without a suffix', '', gzipSync],
		['zstd', '.zst', zstdCompressSync],
		['zstd without a suffix', '', zstdCompressSync],
	] as const)('may be packed: %s', async (_name, suffix, pack) => {
		const archive = new ArchiveBuilder().backup('base')
		for (const [key, content] of undamaged().contents)
			if (key.startsWith('archive/')) archive.put(`${key}${suffix}`, pack(allBytes(content)))
		const survey = await surveyOf(archive)
		expect(survey.findings).toEqual([])
		expect(new Set(survey.segments.map(({codec}) => codec))).toEqual(new Set([pack === gzipSync ? 'gzip' : 'zstd']))
		expect(survey.backups[0]?.stoppedAt).toBeDefined()
	})

	test('may hold gzip files of several parts, whose last part alone says a wrong length', async () => {
		const content = allBytes(segmentContent({number: 4}))
		const parts = Buffer.concat([gzipSync(content.subarray(0, 1000)), gzipSync(content.subarray(1000))])
		expect(
			(
				await surveyOf(
					undamaged()
						.remove(keyOf(1, 4))
						.put(`${keyOf(1, 4)}.gz`, parts),
				)
			).findings,
		).toEqual([])
	})

	test('is read with one listing and a few bytes of each segment', async () => {
		const store = createMemoryStore(undamaged().contents)
		await surveyArchive(builtWorld([store]), {location})
		expect(store.requests.filter(({call}) => call === 'list')).toHaveLength(1)
		const segments = store.requests.filter(({key}) => /\/[0-9A-F]{24}$/.test(key))
		expect(segments).toHaveLength(6)
		expect(Math.max(...segments.map(({bytes}) => bytes))).toBeLessThanOrEqual(512)
	})

	test('may be only a part: what was deleted at the beginning is no hole', async () => {
		expect((await surveyOf(undamaged().remove(keyOf(1, 1)))).findings).toEqual([])
	})
})

describe('damage alone is found with its own code', () => {
	const noisy = allBytes(segmentContent({number: 4})).map((byte, index) => (index < 40 ? byte : (index * 7919) % 251))
	const truncated = gzipSync(noisy)
	test.each<readonly [string, ArchiveBuilder, readonly string[]]>([
		['a segment is missing', undamaged().remove(keyOf(1, 4)), ['archive-gap error']],
		[
			'three are missing',
			undamaged().remove(keyOf(1, 3)).remove(keyOf(1, 4)).remove(keyOf(1, 5)),
			['archive-gap error'],
		],
		['one is short', undamaged().segment(4, {folder: 'archive', bytes: 5000}), ['segment-truncated error']],
		['one is empty', undamaged().segment(4, {folder: 'archive', bytes: 0}), ['segment-truncated error']],
		['the newest is short', undamaged().segment(6, {folder: 'archive', bytes: 5000}), ['segment-truncated warning']],
		[
			'one is of another cluster',
			undamaged().segment(4, {folder: 'archive', systemIdentifier: 1n}),
			['segment-foreign error'],
		],
		[
			'another cluster archives here too',
			undamaged().segments(900, 902, {folder: 'other', systemIdentifier: 1n}),
			['segment-foreign error'],
		],
		[
			'one is named like another',
			undamaged().segment(5, {folder: 'archive', name: segmentName(1, 4)}),
			['segment-name-mismatch error'],
		],
		['one is recycled', undamaged().segment(4, {folder: 'archive', pageNumber: 1}), ['segment-recycled error']],
		[
			'one is zeros',
			undamaged().put(keyOf(1, 4), {head: new Uint8Array(), bytes: megabyte}),
			['segment-recycled error'],
		],
		['one is garbage', undamaged().put(keyOf(1, 4), 'garbage'.repeat(1000)), ['segment-unreadable error']],
		[
			'one is a gzip that was cut off',
			undamaged()
				.remove(keyOf(1, 4))
				.put(`${keyOf(1, 4)}.gz`, truncated.subarray(0, 30)),
			['segment-unreadable error'],
		],
		[
			'one is a gzip that was cut off behind its header',
			undamaged()
				.remove(keyOf(1, 4))
				.put(`${keyOf(1, 4)}.gz`, truncated.subarray(0, truncated.byteLength >> 1)),
			['segment-unreadable error'],
		],
		[
			'one is of another version',
			undamaged().segment(4, {folder: 'archive', pageMagic: 0xd10d}),
			['segment-unreadable error'],
		],
		[
			'one is packed with lz4',
			undamaged().put(keyOf(1, 4), new Uint8Array([0x04, 0x22, 0x4d, 0x18, 0, 0, 0, 0])),
			['segment-unreadable error'],
		],
		[
			'one is stored twice',
			undamaged().put(`${keyOf(1, 4)}.gz`, gzipSync(allBytes(segmentContent({number: 4})))),
			['segment-duplicate warning'],
		],
		[
			'one is stored twice, and not the same',
			undamaged().put(`${keyOf(1, 4)}.gz`, gzipSync(noisy)),
			['segment-duplicate error'],
		],
		['one is stored in two folders', undamaged().segment(4, {folder: 'copy'}), ['segment-duplicate warning']],
		['a history file is missing', promoted().remove('archive/00000002.history'), ['history-missing error']],
		['a history file is garbage', promoted().put('archive/00000002.history', '\0\0\0'), ['history-missing error']],
		[
			'the fork segment is missing on the child',
			promoted().remove(keyOf(2, 4)),
			['archive-gap error', 'timeline-abandoned info'],
		],
		[
			'a partial segment lies there',
			undamaged().put(`${keyOf(1, 7)}.partial`, segmentContent({number: 7})),
			['partial-present warning'],
		],
		[
			'a partial segment lies beside the whole one',
			undamaged().put(`${keyOf(1, 6)}.partial`, segmentContent({number: 6})),
			['partial-present info'],
		],
		[
			'the backup’s copy was cut off',
			undamaged().remove('backups/nightly/global/pg_control'),
			['no-usable-backup error', 'backup-incomplete warning'],
		],
		[
			'the backup lacks a file',
			undamaged().remove('backups/nightly/base/1/1259'),
			['no-usable-backup error', 'backup-incomplete warning'],
		],
		[
			'the backup has no label',
			undamaged().remove('backups/nightly/backup_label'),
			['no-usable-backup error', 'backup-incomplete warning'],
		],
		['there is no backup', new ArchiveBuilder().segments(1, 6), ['no-usable-backup error']],
		[
			'the backup’s WAL is gone',
			undamaged().remove(keyOf(1, 1)).remove(keyOf(1, 2)),
			['no-usable-backup error', 'backup-without-wal warning'],
		],
		[
			'the backup is of another cluster',
			undamaged().backup('backups/nightly', {systemIdentifier: 1n}),
			['no-usable-backup error', 'backup-without-wal warning'],
		],
		[
			'the backup is of another version',
			undamaged().backup('backups/nightly', {major: 14}),
			['no-usable-backup error', 'version-mismatch warning'],
		],
		[
			'a second backup has tablespaces',
			undamaged().backup('backups/spaced', {
				startLsn: '0/300028',
				stopLsn: '0/300100',
				files: {tablespace_map: '16387 /srv/fast\n'},
			}),
			['tablespace-present warning'],
		],
	])('%s', async (_name, archive, expected) => {
		const survey = await surveyOf(archive)
		expect(codesOf(survey)).toEqual(expected)
		for (const finding of survey.findings) {
			expect(finding.whatToDo.length).toBeGreaterThan(0)
			expect(finding.message).not.toMatch(/undefined|NaN|\[object/)
		}
	})

	test('a version whose programs are not installed is named with its magic, and with what is here', async () => {
		const archive = new ArchiveBuilder().segments(1, 6, {pageMagic: 0xd118}).backup('base', {major: 18})
		const survey = await surveyOf(archive, {majors: [15]})
		expect(codesOf(survey)).toEqual(['version-mismatch error'])
		expect(survey.findings[0]).toMatchObject({
			message: 'the WAL is of PostgreSQL 18 (page magic D118), and only 15 is installed here',
			whatToDo: [expect.stringContaining('postgresql-18'), expect.stringContaining('--pg-bin')],
		})
		expect(survey.coverage).toMatchObject([{fromAt: undefined, toAt: undefined}])
		expect((await surveyOf(archive, {majors: []})).findings[0]?.message).toContain('no PostgreSQL is installed here')
	})

	test('a timeline whose parent left no WAL is a warning', async () => {
		const archive = new ArchiveBuilder()
			.segments(6, 9, {timeline: 2})
			.history(2, [[1, '0/4EF1A0']])
			.backup('base', {timeline: 2, startLsn: '0/700028', stopLsn: '0/700100'})
		const survey = await surveyOf(archive)
		expect(codesOf(survey)).toEqual(['timeline-orphan warning'])
		expect(survey.coverage).toMatchObject([{timeline: 2}])
	})

	test('a hole before every usable backup stops nobody: a warning', async () => {
		const archive = undamaged()
			.backup('backups/nightly', {startLsn: '0/500028', stopLsn: '0/500100'})
			.remove(keyOf(1, 3))
		const survey = await surveyOf(archive)
		expect(codesOf(survey)).toEqual(['archive-gap warning'])
		expect(survey.findings[0]?.message).toContain('(before every usable base backup)')
	})

	test('coverage ends before a hole, and before a damaged segment', async () => {
		for (const archive of [undamaged().remove(keyOf(1, 4)), undamaged().segment(4, {folder: 'archive', bytes: 1})]) {
			const {coverage} = await surveyOf(archive)
			expect(coverage.map(({toLsn, toAt}) => [toLsn, toAt && formatInstant(toAt)])).toEqual([
				[0x400000n, '2026-11-22T07:50:00.000003Z'],
			])
		}
	})

	test('coverage of the new timeline ends with the parent’s where the child’s fork segment is missing', async () => {
		expect((await surveyOf(promoted().remove(keyOf(2, 4)))).coverage.map(({timeline}) => timeline)).toEqual([1])
	})
})

describe('base backups', () => {
	test('that the archive records and that are not here are named, to be looked for', async () => {
		const archive = undamaged()
		for (const key of [...archive.contents.keys()]) if (key.startsWith('backups/')) archive.remove(key)
		expect((await surveyOf(archive)).findings[0]).toMatchObject({
			code: 'no-usable-backup',
			message: 'there is no base backup here, and WAL alone cannot be recovered',
			whatToDo: [
				'name the folder of the base backups with --backups',
				'the archive records a base backup that is not here: label "nightly", timeline 1, from 0/200028 to 0/200100, ended 2026-11-22T07:45:00.000000Z',
			],
		})
	})

	test('without a manifest take their end from the .backup file', async () => {
		const archive = undamaged().remove('backups/nightly/backup_manifest')
		expect((await surveyOf(archive)).backups).toMatchObject([{stopLsn: 0x200100n, whyNot: undefined}])
	})

	test('without any source for their end cannot be used', async () => {
		const archive = undamaged()
			.remove('backups/nightly/backup_manifest')
			.remove('archive/000000010000000000000002.00000028.backup')
		const {backups, findings} = await surveyOf(archive)
		expect(backups[0]?.whyNot).toContain('nothing tells where it ends')
		expect(findings.map(({code}) => code)).toEqual(['no-usable-backup', 'backup-incomplete'])
	})

	test('are listed by where they begin, each with a name of its own', async () => {
		const archive = undamaged()
			.backup('backups/late/data', {startLsn: '0/500028', stopLsn: '0/500100'})
			.backup('backups/early/data', {startLsn: '0/100028', stopLsn: '0/100100'})
		expect((await surveyOf(archive)).backups.map(({id}) => id)).toEqual([
			'backups/early/data',
			'backups/nightly',
			'backups/late/data',
		])
	})

	test('on the parent carry a recovery to the child only when they ended before the fork', async () => {
		const archive = promoted().backup('backups/later', {startLsn: '0/500028', stopLsn: '0/500100'})
		expect((await surveyOf(archive)).coverage.map(({backup, timeline}) => `${backup} ${timeline}`)).toEqual([
			'nightly 1',
			'nightly 2',
			'later 1',
		])
	})
})

describe('a split source', () => {
	const wal = createMemoryStore(new ArchiveBuilder().segments(1, 6).contents, 'memory:wal')
	const night = createMemoryStore(new ArchiveBuilder().backup('').contents, 'memory:backups/night')
	const week = createMemoryStore(
		new ArchiveBuilder().backup('mon', {startLsn: '0/300028', stopLsn: '0/300100'}).segments(1, 3).contents,
		'memory:week',
	)
	const survey = (request: SourceRequest) => surveyArchive(builtWorld([wal, night, week]), request)

	test('takes WAL from the archive and base backups from where they are said to be', async () => {
		const opened = await survey({archive: wal.location, backups: [night.location, week.location]})
		expect(opened.survey.findings).toEqual([])
		expect(opened.survey.location).toBe(wal.location)
		expect(opened.survey.backups.map(({id}) => id)).toEqual(['night', 'mon'])
		expect(opened.store).toBe(wal)
		expect(opened.survey.backups.map(opened.storeOf)).toEqual([night, week])
	})

	test('may name only the backups beside a location', async () => {
		const opened = await survey({location: wal.location, backups: [week.location]})
		expect(opened.survey.backups.map(({id}) => id)).toEqual(['mon'])
	})

	test('that names nothing is a mistake in usage', async () => {
		await expect(survey({backups: [night.location]})).rejects.toBeInstanceOf(UsageError)
	})
})

describe('what is no archive', () => {
	const refusal = async (archive: ArchiveBuilder) => {
		const error = await surveyOf(archive).catch((reason: unknown) => reason)
		expect(error).toBeInstanceOf(LayoutUnrecognizedError)
		return error as LayoutUnrecognizedError
	}

	test('an empty folder', async () => {
		expect(await refusal(new ArchiveBuilder())).toMatchObject({
			message: 'memory:archive is empty',
			whatToDo: [expect.stringContaining('24 hexadecimal digits'), expect.stringContaining('archive_command')],
		})
	})

	test.each<readonly [string, ArchiveBuilder, string]>([
		[
			'a folder of something else',
			new ArchiveBuilder().put('photos/1.jpg', 'x').put('odd\nname', 'x'),
			'among its 2 files there is no WAL segment (it holds files such as "photos/1.jpg", "odd\\nname")',
		],
		[
			'a base backup',
			new ArchiveBuilder().backup('').put('pg_wal/000000010000000000000002', 'x'),
			'holds 1 base backup (itself) and no WAL segment outside of it',
		],
		[
			'a folder of base backups',
			new ArchiveBuilder().backup('mon').backup('tue'),
			'holds 2 base backups (mon, tue) and no WAL segment outside of them',
		],
		[
			'a data directory',
			new ArchiveBuilder().backup('').put('postmaster.pid', '1'),
			'is the data directory of a PostgreSQL server, not a WAL archive',
		],
		[
			'a pgBackRest repository',
			new ArchiveBuilder().put('archive/main/archive.info', 'x'),
			'is a repository (pgbackrest), and there is no WAL segment in it',
		],
		['only history files', new ArchiveBuilder().history(2, [[1, '0/4EF1A0']]), 'it holds timeline history files'],
		[
			'files with the names of segments',
			new ArchiveBuilder().put(segmentName(1, 1), 'not WAL, although it is more than forty bytes long'),
			'none of them begins with a WAL page',
		],
	])('%s', async (_name, archive, message) => {
		const error = await refusal(archive)
		expect(error.message).toContain(message)
		expect(error.whatToDo.length).toBeGreaterThan(0)
	})

	test('WAL of a version that nobody knows yet', async () => {
		const error = await surveyOf(new ArchiveBuilder().segments(1, 3, {pageMagic: 0xd11f})).catch(
			(reason: unknown) => reason,
		)
		expect(error).toBeInstanceOf(WaldumpVersionMismatchError)
		expect(String(error)).toContain('page magic D11F')
	})

	test('WAL that is all packed with something else', async () => {
		const archive = new ArchiveBuilder()
		for (const number of [1, 2])
			archive.put(`${segmentName(1, number)}.br`, new Uint8Array([0x8b, 0x03, 0x80, 0x01, 0x02, 0x03]))
		const error = await surveyOf(archive).catch((reason: unknown) => reason)
		expect(error).toBeInstanceOf(ArchiveUnreachableError)
		expect(error).toMatchObject({
			message: expect.stringContaining('is packed with brotli'),
			whatToDo: expect.arrayContaining([expect.stringContaining('brotli -d')]),
		})
	})
})

describe('an archive that changes while it is surveyed', () => {
	/** Removes an object as soon as it is to be read. */
	function withVanishing(store: MemoryStore, pattern: RegExp): ArchiveStore {
		const vanish = (key: string) => {
			if (pattern.test(key)) store.objects.delete(key)
		}
		return {
			...store,
			read(key, offset, length, signal) {
				vanish(key)
				return store.read(key, offset, length, signal)
			},
			stream(key, signal) {
				vanish(key)
				return store.stream(key, signal)
			},
		}
	}

	const vanishing = (archive: ArchiveBuilder, pattern: RegExp) =>
		surveyArchive(builtWorld([withVanishing(createMemoryStore(archive.contents), pattern)]), {location})

	test('a segment that went away since it was listed counts as never there', async () => {
		const {survey} = await vanishing(undamaged(), new RegExp(`${segmentName(1, 1)}$`))
		expect(survey.findings).toEqual([])
		expect(survey.segments).toHaveLength(5)
	})

	test('a history file that went away is missing', async () => {
		expect(codesOf((await vanishing(promoted(), /history$/)).survey)).toEqual(['history-missing error'])
	})

	test('a backup that went away is incomplete', async () => {
		expect(codesOf((await vanishing(undamaged(), /nightly/)).survey)).toEqual([
			'no-usable-backup error',
			'backup-incomplete warning',
		])
	})

	test('all segments going away is an error', async () => {
		await expect(vanishing(undamaged(), /archive\/[0-9A-F]{24}$/)).rejects.toThrow('went away while they were read')
	})
})

describe('a survey', () => {
	test('tells how far it is', async () => {
		const lines: string[] = []
		await surveyArchive(
			builtWorld([createMemoryStore(undamaged().contents)]),
			{location},
			{onProgress: progress => lines.push(describeSurveyProgress(progress))},
		)
		expect(lines).toContain('listing: 14 files')
		expect(lines).toContain('reading segment headers: 6 of 6')
		expect(lines).toContain('reading base backups: 0 of 1')
		expect(lines.at(-1)).toBe('reading commit times: 0 of 1')
	})

	test('stops when it is told to', async () => {
		const controller = new AbortController()
		const surveying = surveyArchive(
			builtWorld([createMemoryStore(undamaged().contents)]),
			{location},
			{
				signal: controller.signal,
				onProgress: ({phase}) => phase === 'segments' && controller.abort(new Error('enough')),
			},
		)
		await expect(surveying).rejects.toThrow('enough')
	})

	test('reads each end of the WAL once for all backups that share it', async () => {
		const archive = undamaged().backup('backups/second', {startLsn: '0/300028', stopLsn: '0/300100'})
		const world = builtWorld([createMemoryStore(archive.contents)], {commits})
		await surveyArchive(world, {location})
		expect(world.dumped.filter(names => names.at(-1) === segmentName(1, 6))).toEqual([
			[segmentName(1, 2), segmentName(1, 3), segmentName(1, 4), segmentName(1, 5), segmentName(1, 6)],
			[segmentName(1, 6)],
			[segmentName(1, 5), segmentName(1, 6)],
			[segmentName(1, 3), segmentName(1, 4), segmentName(1, 5), segmentName(1, 6)],
		])
	})

	test('of WAL without a commit tells no times', async () => {
		expect((await surveyOf(undamaged(), {commits: []})).coverage).toMatchObject([{fromAt: undefined, toAt: undefined}])
	})
})

test('survey --json has the documented fields', async () => {
	expect(surveyToJson(await surveyOf(promoted().remove(keyOf(1, 6))))).toEqual({
		source: {location, layout: 'plain', store: 's3'},
		cluster: {systemIdentifier: '7710895412341931179', postgresMajor: 15, walSegmentBytes: 1048576, pageMagic: 'D110'},
		timelines: [
			{
				id: 1,
				parent: null,
				switchLsn: null,
				reason: null,
				firstSegment: segmentName(1, 1),
				lastSegment: segmentName(1, 5),
				segmentCount: 5,
			},
			{
				id: 2,
				parent: 1,
				switchLsn: '0/4EF1A0',
				reason: 'no recovery target specified',
				firstSegment: segmentName(2, 4),
				lastSegment: segmentName(2, 7),
				segmentCount: 4,
			},
		],
		backups: [
			{
				id: 'nightly',
				format: 'plain',
				kind: 'full',
				needs: [],
				timeline: 1,
				startLsn: '0/200028',
				stopLsn: '0/200100',
				stoppedAt: '2026-11-22T07:45:00.000000Z',
				bytes: 34061,
				fileCount: 7,
				location: 'memory:archive/backups/nightly',
				label: 'nightly',
				postgresMajor: 15,
				systemIdentifier: '7710895412341931179',
				tablespaces: [],
				usable: true,
				whyNot: null,
			},
		],
		coverage: [
			{
				backup: 'nightly',
				timeline: 1,
				fromLsn: '0/200100',
				fromAt: '2026-11-22T07:45:30.000002Z',
				toLsn: '0/600000',
				toAt: '2026-11-22T07:59:59.999999Z',
			},
			{
				backup: 'nightly',
				timeline: 2,
				fromLsn: '0/200100',
				fromAt: '2026-11-22T07:45:30.000002Z',
				toLsn: '0/800000',
				toAt: '2026-11-22T07:59:59.999999Z',
			},
		],
		findings: [
			{
				code: 'timeline-abandoned',
				severity: 'info',
				timeline: 1,
				segment: segmentName(1, 5),
				count: 1,
				backup: null,
				message: expect.stringContaining('after timeline 2 left it at 0/4EF1A0'),
				whatToDo: expect.any(Array),
			},
		],
		segmentCount: 9,
		surveyedAt: '2026-11-22T08:00:00.000000Z',
	})
})

test('a finding in JSON says null where it has nothing to say', async () => {
	const [finding] = (await surveyOf(undamaged().remove(keyOf(1, 4)))).findings
	expect(finding && findingToJson(finding)).toEqual({
		code: 'archive-gap',
		severity: 'error',
		timeline: 1,
		segment: segmentName(1, 4),
		count: 1,
		backup: null,
		message: `WAL segment ${segmentName(1, 4)} is missing between ${segmentName(1, 3)} and ${segmentName(1, 5)}`,
		whatToDo: [expect.any(String), expect.any(String)],
	})
})
