import {mkdir, readdir, rename, writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import type {Survey} from '../../src/domain/archive/survey.ts'
import {formatLsn} from '../../src/domain/wal/lsn.ts'
import {historyFileName} from '../../src/domain/wal/timeline.ts'
import {surveyArchive} from '../../src/operations/survey.ts'
import type {SourceRequest} from '../../src/operations/survey-source.ts'
import {type ServerTestFolder, serverTestFolder, testInstallation} from '../support/postgres.ts'
import {answerBefore} from '../support/restored-rows.ts'
import {localWorld} from '../support/survey-world.ts'
import {ensureTool, ToolCluster} from '../support/tool-cluster.ts'

/** What of `pgbackrest info --output=json` is compared. */
interface PgBackRestInfo {
	readonly archive: readonly {readonly id: string; readonly min: string; readonly max: string}[]
	readonly backup: readonly {
		readonly label: string
		readonly type: 'full' | 'diff' | 'incr'
		readonly lsn: {readonly start: string; readonly stop: string}
		readonly archive: {readonly start: string; readonly stop: string}
		readonly info: {readonly size: number}
		readonly reference: readonly string[] | null
		readonly timestamp: {readonly stop: number}
	}[]
	readonly status: {readonly message: string}
}

const kinds = {full: 'full', diff: 'differential', incr: 'incremental'} as const

let missing: string | undefined
let folder: ServerTestFolder
let cluster: ToolCluster
let repository: string

beforeAll(async () => {
	missing = await ensureTool('pgbackrest', 'pgbackrest')
	folder = await serverTestFolder()
	cluster = new ToolCluster(folder, await testInstallation(), 54_771)
})

afterAll(async () => {
	await folder.remove()
})

const pgBackRest = (...args: readonly string[]) =>
	cluster.tool('pgbackrest', [`--config=${folder.path}/pgbackrest.conf`, '--stanza=main', ...args])

async function info(): Promise<PgBackRestInfo> {
	const text = await pgBackRest('info', '--output=json')
	const [stanza] = JSON.parse(text) as readonly PgBackRestInfo[]
	if (stanza === undefined) throw new Error('pgbackrest info knows no stanza')
	return stanza
}

async function survey(request: SourceRequest = {location: repository}): Promise<Survey> {
	return (await surveyArchive(localWorld(), request)).survey
}

async function configure(extra: readonly string[] = []): Promise<void> {
	const lines = [
		'[global]',
		`repo1-path=${repository}`,
		'repo1-retention-full=9',
		`log-path=${await cluster.folder('log')}`,
		`lock-path=${await cluster.folder('lock')}`,
		`spool-path=${await cluster.folder('spool')}`,
		'log-level-console=error',
		'start-fast=y',
		...extra,
		'[main]',
		`pg1-path=${cluster.dataDirectory}`,
		`pg1-socket-path=${folder.path}`,
		`pg1-port=${cluster.port}`,
		'pg1-user=postgres',
		'',
	]
	await cluster.write('pgbackrest.conf', lines.join('\n'))
}

/** Adds 2000 rows in one transaction and gives its xid. */
const work = async () =>
	Number(
		await cluster.sql(
			'with added as (insert into t select generate_series(1, 2000) returning i) select pg_current_xact_id() from added limit 1',
		),
	)
let lastXid: number

describe('a repository that pgBackRest made', () => {
	beforeAll(async () => {
		if (missing !== undefined) return
		repository = await cluster.folder('repository')
		await configure(['compress-type=gz'])
		await cluster.create(`pgbackrest --config=${folder.path}/pgbackrest.conf --stanza=main archive-push %p`)
		await pgBackRest('stanza-create')
		await cluster.sql('create table t (i int)')
		await pgBackRest('backup', '--type=full')
		await work()
		await pgBackRest('backup', '--type=diff')
		await configure(['compress-type=lz4'])
		await work()
		await pgBackRest('backup', '--type=full')
		await work()
		await pgBackRest('backup', '--type=incr')
		await configure(['compress-type=zst', 'repo1-bundle=y'])
		await work()
		await pgBackRest('backup', '--type=full')
		await work()
		await cluster.promote()
		await work()
		lastXid = await work()
		await cluster.archiveNow()
	})

	test('is told as `pgbackrest info` tells it', async context => {
		context.skip(missing !== undefined, missing)
		const told = await info()
		const found = await survey()
		expect(found.layout).toBe('pgbackrest')
		expect(found.cluster.systemIdentifier).toBe(
			(await cluster.sql('select system_identifier from pg_control_system()')).trim(),
		)
		expect(told.backup.map(({type}) => type)).toEqual(['full', 'diff', 'full', 'incr', 'full'])
		expect(
			found.backups.map(backup => ({
				label: backup.id,
				kind: backup.kind,
				start: formatLsn(backup.startLsn),
				stop: backup.stopLsn === undefined ? '' : formatLsn(backup.stopLsn),
				timeline: backup.timeline,
				bytes: backup.bytes,
				needs: backup.needs.toSorted(),
				stoppedAt: backup.stoppedAt,
				whyNot: backup.whyNot,
			})),
		).toEqual(
			told.backup.map(backup => ({
				label: backup.label,
				kind: kinds[backup.type],
				start: backup.lsn.start,
				stop: backup.lsn.stop,
				timeline: Number.parseInt(backup.archive.start.slice(0, 8), 16),
				bytes: backup.info.size,
				needs: (backup.reference ?? []).toSorted(),
				stoppedAt: BigInt(backup.timestamp.stop) * 1_000_000n,
				whyNot: undefined,
			})),
		)
		const names = found.segments.map(({name}) => name)
		expect([names[0], names.at(-1)]).toEqual([told.archive[0]?.min, told.archive[0]?.max])
		expect(new Set(found.segments.map(({codec}) => codec))).toEqual(new Set(['gzip', 'lz4', 'zstd']))
		expect(found.timelines.map(({history}) => historyFileName(history.timeline))).toEqual([
			'00000001.history',
			'00000002.history',
		])
		expect(found.coverage).toHaveLength(10)
		expect(found.findings.filter(({severity}) => severity === 'error')).toEqual([])
	})

	test('with a hole is an error, of which `pgbackrest info` says ok', async context => {
		context.skip(missing !== undefined, missing)
		const segments = (await survey()).segments.filter(({timeline}) => timeline === 1)
		const victim = segments.at(-2)
		if (victim === undefined) throw new Error('there are too few segments')
		const aside = join(folder.path, 'aside')
		await rename(join(repository, victim.key), aside)
		try {
			expect((await info()).status.message).toBe('ok')
			expect((await survey()).findings).toContainEqual(
				expect.objectContaining({code: 'archive-gap', severity: 'error', segment: victim.name}),
			)
		} finally {
			await rename(aside, join(repository, victim.key))
		}
	})

	test('is restored from on a real server, once pgBackRest has unpacked a base backup of it', async context => {
		context.skip(missing !== undefined, missing)
		const {backup} = await info()
		const restored = await cluster.folder('restored')
		// The first of all: replay reads every packing, and over the promotion.
		await pgBackRest('restore', `--set=${backup[0]?.label}`, '--type=none', `--pg1-path=${restored}`)
		const source = {archive: repository, backups: [restored]}
		const found = await survey(source)
		expect(found.backups).toMatchObject([{id: 'restored', format: 'plain', whyNot: undefined}])
		expect(found.backups.map(({stopLsn}) => stopLsn && formatLsn(stopLsn))).toEqual([backup[0]?.lsn.stop])
		expect(await answerBefore({folder, cluster}, source, lastXid, 'select count(*) from t')).toEqual({
			answer: '12000',
			exact: true,
			backup: 'restored',
			timeline: 2,
		})
	})

	test('is not written to', async context => {
		context.skip(missing !== undefined, missing)
		const before = await listing()
		await survey()
		expect(await listing()).toEqual(before)
	})

	const listing = async () =>
		(await readdir(repository, {recursive: true, withFileTypes: true})).map(
			entry => `${entry.parentPath}/${entry.name}`,
		)
})

describe('a repository that pgBackRest encrypted', () => {
	test('is left to pgBackRest', async context => {
		context.skip(missing !== undefined, missing)
		repository = await cluster.folder('encrypted')
		await configure(['repo1-cipher-type=aes-256-cbc', 'repo1-cipher-pass=secret'])
		await pgBackRest('stanza-create')
		await pgBackRest('backup', '--type=full')
		await expect(survey()).rejects.toThrow('is encrypted')
		// The same when only its WAL is named.
		const other = join(folder.path, 'empty')
		await mkdir(other)
		await writeFile(join(other, 'note'), '')
		await expect(survey({archive: join(repository, 'archive'), backups: [other]})).rejects.toThrow('is encrypted')
	})
})
