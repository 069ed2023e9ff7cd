import {gzipSync} from 'node:zlib'
import {describe, expect, test} from 'vitest'
import type {Survey} from '../../src/domain/archive/survey.ts'
import {ArchiveUnreachableError, LayoutUnrecognizedError, UsageError} from '../../src/domain/errors.ts'
import {formatInstant} from '../../src/domain/time.ts'
import {formatLsn} from '../../src/domain/wal/lsn.ts'
import {surveyArchive} from '../../src/operations/survey.ts'
import type {SourceRequest} from '../../src/operations/survey-source.ts'
import {
	allBytes,
	backupLabelText,
	builtSystemIdentifier,
	megabyte,
	segmentContent,
	segmentName,
	textBytes,
} from '../support/archive-builder.ts'
import {createMemoryStore} from '../support/memory-store.ts'
import {RepositoryBuilder} from '../support/repository-builder.ts'
import {builtWorld} from '../support/survey-world.ts'

async function surveyOf(builder: RepositoryBuilder, request: Partial<SourceRequest> = {}): Promise<Survey> {
	const store = createMemoryStore(builder.contents)
	const {survey} = await surveyArchive(builtWorld([store]), {location: store.location, ...request})
	return survey
}

const refusal = (builder: RepositoryBuilder, request: Partial<SourceRequest> = {}) =>
	surveyOf(builder, request).then(
		() => undefined,
		(error: unknown) => error,
	)

/** What is asked most of a backup, as text. */
const backupsOf = ({backups}: Survey) =>
	backups.map(({id, format, kind, timeline, startLsn, stopLsn, whyNot}) => ({
		id,
		format,
		kind,
		timeline,
		span: `${formatLsn(startLsn)} to ${stopLsn === undefined ? '?' : formatLsn(stopLsn)}`,
		whyNot,
	}))
const codesOf = ({findings}: Survey) => findings.map(({code, severity}) => `${severity} ${code}`)
const coverageOf = ({coverage}: Survey) =>
	coverage.map(
		({backup, timeline, fromLsn, toLsn}) => `${backup} on ${timeline}: ${formatLsn(fromLsn)} to ${formatLsn(toLsn)}`,
	)

const full = '20261122-074448F'
const differential = `${full}_20261122-080000D`
const incremental = `${full}_20261122-090000I`
const chainOfThree = [
	{label: full, type: 'full', startLsn: '0/200028', stopLsn: '0/200100'},
	{
		label: differential,
		type: 'diff',
		startLsn: '0/400028',
		stopLsn: '0/400100',
		prior: full,
		references: [full],
	},
	{
		label: incremental,
		type: 'incr',
		startLsn: '0/500028',
		stopLsn: '0/500100',
		prior: differential,
		references: [full, differential],
	},
] as const

describe('a pgBackRest repository', () => {
	test('is surveyed with its backups, their chain, and a timeline that was promoted', async () => {
		const survey = await surveyOf(
			new RepositoryBuilder()
				.pgBackRest(chainOfThree)
				.pgBackRestSegments(1, 6)
				.pgBackRestSegments(6, 6, {timeline: 2, pageTimeline: 1})
				.pgBackRestSegments(7, 7, {timeline: 2})
				.put('archive/main/15-1/00000002.history', '1\t0/600100\tno recovery target specified\n')
				.put('archive/main/15-1/0000000100000000/000000010000000000000002.00000028.backup', backupLabelText()),
		)
		expect(survey).toMatchObject({layout: 'pgbackrest', cluster: {systemIdentifier: `${builtSystemIdentifier}`}})
		expect(backupsOf(survey)).toEqual([
			{id: full, format: 'pgbackrest', kind: 'full', timeline: 1, span: '0/200028 to 0/200100', whyNot: undefined},
			{
				id: differential,
				format: 'pgbackrest',
				kind: 'differential',
				timeline: 1,
				span: '0/400028 to 0/400100',
				whyNot: undefined,
			},
			{
				id: incremental,
				format: 'pgbackrest',
				kind: 'incremental',
				timeline: 1,
				span: '0/500028 to 0/500100',
				whyNot: undefined,
			},
		])
		expect(survey.backups.map(({needs}) => needs)).toEqual([[], [full], [full, differential]])
		expect(formatInstant(survey.backups[0]?.stoppedAt ?? (0n as never))).toBe('2026-11-22T23:40:28.000000Z')
		expect(coverageOf(survey)).toContain(`${incremental} on 2: 0/500100 to 0/800000`)
		expect(codesOf(survey)).toEqual([])
	})

	test('may be packed, segment by segment as its options changed', async () => {
		const builder = new RepositoryBuilder().pgBackRest(chainOfThree.slice(0, 1)).pgBackRestSegments(1, 6)
		const key = [...builder.contents.keys()].find(name => name.includes(segmentName(1, 4))) ?? ''
		const content = builder.contents.get(key)
		builder.remove(key).put(`${key}.gz`, gzipSync(allBytes(content ?? new Uint8Array())))
		const survey = await surveyOf(builder)
		expect(codesOf(survey)).toEqual([])
		expect(survey.segments[3]).toMatchObject({name: segmentName(1, 4), codec: 'gzip', key: `${key}.gz`})
	})

	test('with two different contents for one segment has an error', async () => {
		const builder = new RepositoryBuilder().pgBackRest(chainOfThree.slice(0, 1)).pgBackRestSegments(1, 6)
		const name = segmentName(1, 4)
		builder.put(`archive/main/15-1/${name.slice(0, 16)}/${name}-${'0'.repeat(40)}`, segmentContent({number: 4}))
		const survey = await surveyOf(builder)
		expect(codesOf(survey)).toEqual(['error segment-duplicate'])
		expect(survey.findings[0]?.message).toContain('with different content')
	})

	test('is not believed where a hole makes `pgbackrest info` say ok', async () => {
		const survey = await surveyOf(
			new RepositoryBuilder().pgBackRest(chainOfThree).pgBackRestSegments(1, 4).pgBackRestSegments(6, 8),
		)
		expect(codesOf(survey)).toContain('error archive-gap')
		expect(survey.backups.at(-1)?.whyNot).toContain(segmentName(1, 5))
	})

	test('whose backup builds on one that is gone says so', async () => {
		const survey = await surveyOf(new RepositoryBuilder().pgBackRest(chainOfThree.slice(1)).pgBackRestSegments(1, 6))
		expect(survey.backups.map(({whyNot}) => whyNot)).toEqual([
			`it builds on ${full}, which is not here`,
			`it builds on ${full}, which is not here`,
		])
		expect(codesOf(survey)).toContain('error no-usable-backup')
	})

	test('with a backup that was never finished says so', async () => {
		const survey = await surveyOf(
			new RepositoryBuilder()
				.pgBackRest(chainOfThree.slice(0, 1))
				.pgBackRestSegments(1, 6)
				.put('backup/main/20261123-010000F/backup.manifest.copy', 'x'),
		)
		expect(backupsOf(survey)).toHaveLength(1)
		expect(survey.findings).toMatchObject([{code: 'backup-incomplete', backup: '20261123-010000F'}])
		expect(survey.findings[0]?.message).toContain('backup.info does not list it')
	})

	test('whose info file is damaged is read from the copy beside it', async () => {
		const builder = new RepositoryBuilder().pgBackRest(chainOfThree.slice(0, 1)).pgBackRestSegments(1, 6)
		builder.put('backup/main/backup.info', 'cut off in the middle')
		expect(backupsOf(await surveyOf(builder))).toHaveLength(1)
		builder.put('backup/main/backup.info.copy', 'this one too')
		const survey = await surveyOf(builder)
		expect(backupsOf(survey)).toEqual([])
		expect(survey.findings.map(({message}) => message).join()).toContain('does not have the checksum')
	})

	test('with tablespaces names them', async () => {
		const [first] = chainOfThree
		const survey = await surveyOf(
			new RepositoryBuilder().pgBackRest([{...first, tablespaces: [[16400, '/srv/ts']]}]).pgBackRestSegments(1, 6),
		)
		expect(survey.backups[0]?.tablespaces).toEqual([{oid: 16400, location: '/srv/ts'}])
		expect(codesOf(survey)).toEqual(['warning tablespace-present'])
	})

	test('that is encrypted is left to pgBackRest', async () => {
		const builder = new RepositoryBuilder().pgBackRest(chainOfThree).pgBackRestSegments(1, 6)
		for (const key of builder.contents.keys()) builder.put(key, 'Salted__ and nothing that can be read')
		const error = await refusal(builder)
		expect(error).toBeInstanceOf(ArchiveUnreachableError)
		expect(error).toMatchObject({
			message: expect.stringContaining('is encrypted'),
			whatToDo: expect.arrayContaining([expect.stringContaining('archive-get')]),
		})
	})

	test('with several stanzas asks which one, and takes the one that is named', async () => {
		const builder = new RepositoryBuilder()
			.pgBackRest(chainOfThree.slice(0, 1))
			.pgBackRestSegments(1, 6)
			.pgBackRest(chainOfThree, {stanza: 'other'})
			.pgBackRestSegments(1, 9, {stanza: 'other'})
		const error = await refusal(builder)
		expect(error).toBeInstanceOf(UsageError)
		expect(error).toMatchObject({whatToDo: [expect.stringContaining('main, other')]})
		expect((await surveyOf(builder, {archiveName: 'other'})).segments).toHaveLength(9)
		expect(await refusal(builder, {archiveName: 'third'})).toBeInstanceOf(UsageError)
	})

	test('beside another one of the same name is told from it by its folder', async () => {
		const one = new RepositoryBuilder().pgBackRest(chainOfThree).pgBackRestSegments(1, 6)
		const two = new RepositoryBuilder().pgBackRest(chainOfThree.slice(0, 1)).pgBackRestSegments(1, 9)
		const both = new RepositoryBuilder()
		for (const [key, content] of one.contents) both.put(`one/${key}`, content)
		for (const [key, content] of two.contents) both.put(`two/${key}`, content)
		expect(await refusal(both)).toMatchObject({whatToDo: [expect.stringContaining('one/main, two/main')]})
		const survey = await surveyOf(both, {archiveName: 'two/main'})
		expect({segments: survey.segments.length, backups: survey.backups.length}).toEqual({segments: 9, backups: 1})
	})

	test('may be named by one of its folders', async () => {
		const whole = new RepositoryBuilder().pgBackRest(chainOfThree).pgBackRestSegments(1, 6)
		const walOnly = new RepositoryBuilder()
		for (const [key, content] of whole.contents)
			if (key.startsWith('archive/main/')) walOnly.put(key.slice('archive/main/'.length), content)
		const survey = await surveyOf(walOnly)
		expect(survey).toMatchObject({layout: 'pgbackrest', backups: []})
		expect(survey.segments).toHaveLength(6)
	})

	test('of a stanza that was upgraded is the present cluster’s, and the former one’s when that is named', async () => {
		const builder = new RepositoryBuilder()
			.pgBackRest(
				[
					{...chainOfThree[0], label: '20250101-000000F', dbId: 1},
					{...chainOfThree[0], dbId: 2},
				],
				{ids: [1, 2]},
			)
			.pgBackRestSegments(1, 9)
			.pgBackRestSegments(1, 6, {id: '15-2'})
		const present = await surveyOf(builder)
		expect({segments: present.segments.length, backups: present.backups.map(({id}) => id)}).toEqual({
			segments: 6,
			backups: [full],
		})
		const former = await surveyOf(builder, {archiveName: 'main/15-1'})
		expect({segments: former.segments.length, backups: former.backups.map(({id}) => id)}).toEqual({
			segments: 9,
			backups: ['20250101-000000F'],
		})
	})
})

describe('a Barman server', () => {
	const barman = (server = 'main') =>
		new RepositoryBuilder()
			.walFolders(1, 6, `${server}/wals`)
			.put(`${server}/wals/xlog.db`, `${segmentName(1, 1)}\t1\t1.0\tNone\n`)

	test('keeps plain data directories, which can be restored as they are', async () => {
		const survey = await surveyOf(
			barman()
				.barmanInfo('main/base/20261122T074448/backup.info', {status: 'WAITING_FOR_WALS'})
				.backup('main/base/20261122T074448/data'),
		)
		expect(survey.layout).toBe('barman')
		expect(backupsOf(survey)).toEqual([
			{
				id: '20261122T074448',
				format: 'plain',
				kind: 'full',
				timeline: 1,
				span: '0/200028 to 0/200100',
				whyNot: undefined,
			},
		])
		expect(survey.backups[0]).toMatchObject({key: 'main/base/20261122T074448/data'})
		expect(codesOf(survey)).toEqual([])
	})

	test('packs its WAL without a suffix, the history and backup files too', async () => {
		const builder = barman()
			.barmanInfo('main/meta/20261122T074448-backup.info')
			.backup('main/base/20261122T074448/data', {manifest: false})
			.put(`main/wals/0000000200000000/${segmentName(2, 6)}`, segmentContent({timeline: 2, number: 6, pageTimeline: 1}))
		const label = backupLabelText({stopTime: '2026-11-22 07:45:00 UTC'})
		builder.put('main/wals/00000002.history', '1\t0/600100\tno recovery target specified\n')
		builder.put(`main/wals/0000000100000000/${segmentName(1, 2)}.00000028.backup`, label)
		for (const [key, content] of builder.contents)
			if (key.startsWith('main/wals/0')) builder.put(key, gzipSync(allBytes(content)))
		const survey = await surveyOf(builder)
		expect(survey.segments.map(({codec}) => codec)).toEqual(Array.from({length: 7}, () => 'gzip'))
		expect(coverageOf(survey)).toEqual([
			'20261122T074448 on 1: 0/200100 to 0/700000',
			'20261122T074448 on 2: 0/200100 to 0/700000',
		])
		expect(codesOf(survey)).toEqual([])
	})

	test('has its newest WAL where it was not filed yet', async () => {
		const survey = await surveyOf(
			barman()
				.barmanInfo('main/base/20261122T074448/backup.info')
				.backup('main/base/20261122T074448/data')
				.segments(6, 8, {folder: 'main/incoming'})
				.segment(4, {folder: 'main/errors'}),
		)
		expect(survey.segments.map(({key}) => key).slice(-3)).toEqual([
			`main/wals/0000000100000000/${segmentName(1, 6)}`,
			`main/incoming/${segmentName(1, 7)}`,
			`main/incoming/${segmentName(1, 8)}`,
		])
		expect(codesOf(survey)).toEqual([])
	})

	test.each([
		['FAILED', {status: 'FAILED', error: 'failure copying files'}, 'its status is FAILED: failure copying files'],
		['not finished', {status: 'EMPTY', begin_xlog: 'None'}, 'its status is EMPTY'],
	])('with a backup that is %s says so', async (_name, info, why) => {
		const survey = await surveyOf(
			barman()
				.barmanInfo('main/base/20261122T074448/backup.info', info)
				.backup('main/base/20261122T074448/data', {manifest: false}),
		)
		expect(survey.findings.map(({message}) => message).join()).toContain(why)
	})

	test('leaves packed backups and those with tablespaces to Barman', async () => {
		const survey = await surveyOf(
			barman()
				.barmanInfo('main/base/20261122T074448/backup.info', {compression: 'gzip'})
				.put('main/base/20261122T074448/data/base.tar.gz', 'x')
				.barmanInfo('main/base/20261122T080000/backup.info', {
					begin_xlog: '0/300028',
					end_xlog: '0/400000',
					tablespaces: "[('it''s', 16400, '/srv/ts')]".replace("it''s", "it\\'s"),
				})
				.backup('main/base/20261122T080000/data', {startLsn: '0/300028', stopLsn: '0/300100'}),
		)
		expect(backupsOf(survey)).toMatchObject([
			{id: '20261122T074448', format: 'barman', span: '0/200028 to 0/300000', whyNot: undefined},
			{id: '20261122T080000', format: 'barman', whyNot: undefined},
		])
		expect(survey.backups[1]?.tablespaces).toEqual([{oid: 16400, location: '/srv/ts'}])
	})

	test('among others is taken by its name', async () => {
		const builder = barman()
		for (const [key, content] of barman('second').segments(7, 7, {folder: 'second/incoming'}).contents)
			builder.put(key, content)
		expect(await refusal(builder)).toBeInstanceOf(UsageError)
		expect((await surveyOf(builder, {archiveName: 'second'})).segments).toHaveLength(7)
	})
})

describe('what barman-cloud leaves', () => {
	test('is surveyed with its tars', async () => {
		const survey = await surveyOf(
			new RepositoryBuilder()
				.walFolders(1, 6, 'pg/wals')
				.barmanInfo('pg/base/20261122T074448/backup.info')
				.put('pg/base/20261122T074448/data.tar', 'x'),
		)
		expect(survey.layout).toBe('barman-cloud')
		expect(backupsOf(survey)).toMatchObject([{format: 'barman-cloud', span: '0/200028 to 0/300000'}])
	})

	test('takes the end of a backup from the archive where that tells it', async () => {
		const survey = await surveyOf(
			new RepositoryBuilder()
				.walFolders(1, 6, 'pg/wals')
				.put(
					`pg/wals/0000000100000000/${segmentName(1, 2)}.00000028.backup`,
					backupLabelText({stopTime: '2026-11-22 07:45:00 UTC'}),
				)
				.barmanInfo('pg/base/20261122T074448/backup.info')
				.put('pg/base/20261122T074448/data.tar', 'x'),
		)
		expect(backupsOf(survey)).toMatchObject([{span: '0/200028 to 0/200100'}])
	})
})

describe('what WAL-G leaves', () => {
	const base = `base_${segmentName(1, 2)}`
	const delta = `base_${segmentName(1, 4)}_D_${segmentName(1, 2)}`
	const walg = () => {
		const builder = new RepositoryBuilder()
		for (let number = 1; number <= 6; number += 1)
			builder.put(`wal_005/${segmentName(1, number)}`, segmentContent({number}))
		return builder
			.put(`basebackups_005/${base}/tar_partitions/part_001.tar.lz4`, 'x')
			.put(`basebackups_005/${delta}/tar_partitions/part_001.tar.lz4`, 'x')
			.walgSentinel(base, {
				LSN: 0x200028n,
				FinishLSN: 0x200100n,
				PgVersion: 150018,
				SystemIdentifier: builtSystemIdentifier,
				UncompressedSize: 23_058_106,
				FinishTime: '2026-11-22T07:45:00.123456Z',
			})
			.walgSentinel(delta, {
				LSN: 0x400028n,
				FinishLSN: 0x400100n,
				PgVersion: 150018,
				SystemIdentifier: builtSystemIdentifier,
				DeltaFrom: base,
				DeltaFullName: base,
				DeltaCount: 1,
			})
	}

	test('is surveyed with its increments', async () => {
		const survey = await surveyOf(walg())
		expect(survey.layout).toBe('walg')
		expect(backupsOf(survey)).toMatchObject([
			{id: base, format: 'walg', kind: 'full', span: '0/200028 to 0/200100', whyNot: undefined},
			{id: delta, kind: 'incremental', span: '0/400028 to 0/400100', whyNot: undefined},
		])
		expect(survey.backups.map(({needs, systemIdentifier}) => ({needs, systemIdentifier}))).toEqual([
			{needs: [], systemIdentifier: `${builtSystemIdentifier}`},
			{needs: [base], systemIdentifier: `${builtSystemIdentifier}`},
		])
		expect(codesOf(survey)).toEqual([])
	})

	test('keeps LSNs exact that a JSON number cannot hold', async () => {
		const builder = new RepositoryBuilder()
		const number = 0x20_0000_0000_0000 / megabyte
		for (let next = number; next < number + 3; next += 1)
			builder.put(`wal_005/${segmentName(1, next)}`, segmentContent({number: next}))
		const name = `base_${segmentName(1, number)}`
		builder
			.put(`basebackups_005/${name}/tar_partitions/part_001.tar.lz4`, 'x')
			.walgSentinel(name, {LSN: 0x20_0000_0000_0029n, FinishLSN: 0x20_0000_0000_0101n, PgVersion: 150018})
		expect(backupsOf(await surveyOf(builder))).toMatchObject([{span: '200000/29 to 200000/101', whyNot: undefined}])
	})

	test('with a backup without its sentinel says so', async () => {
		const survey = await surveyOf(walg().remove(`basebackups_005/${base}_backup_stop_sentinel.json`))
		expect(survey.findings.map(({message}) => message).join('\n')).toContain('no sentinel')
		expect(survey.backups).toMatchObject([{id: delta, whyNot: `it builds on ${base}, which is not here`}])
	})
})

test('a layout that is named is the only one that is tried', async () => {
	const builder = new RepositoryBuilder()
		.walFolders(1, 6, 'wals')
		.put('wals/xlog.db', textBytes(''))
		.segments(1, 2, {folder: 'elsewhere'})
	expect((await surveyOf(builder)).layout).toBe('barman')
	expect((await surveyOf(builder, {layout: 'plain'})).layout).toBe('plain')
	expect(await refusal(builder, {layout: 'walg'})).toBeInstanceOf(LayoutUnrecognizedError)
})
