import {join} from 'node:path'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import type {Survey} from '../../src/domain/archive/survey.ts'
import {formatLsn} from '../../src/domain/wal/lsn.ts'
import {surveyArchive} from '../../src/operations/survey.ts'
import {type ServerTestFolder, serverTestFolder, testInstallation} from '../support/postgres.ts'
import {answerBefore} from '../support/restored-rows.ts'
import {localWorld} from '../support/survey-world.ts'
import {ensureTool, ToolCluster} from '../support/tool-cluster.ts'

let missing: string | undefined
let folder: ServerTestFolder
let cluster: ToolCluster
let home: string

const barman = (...args: readonly string[]) => cluster.tool('barman', ['-c', `${folder.path}/barman.conf`, ...args])

/** `barman show-backup`: its lines `name : value`. */
async function shown(id: string): Promise<Readonly<Record<string, string>>> {
	const lines = (await barman('show-backup', 'main', id)).split('\n')
	return Object.fromEntries(
		lines.flatMap(line => {
			const parts = /^\s*(.*?)\s*: (.*)$/.exec(line)
			return parts === null ? [] : [[parts[1] ?? '', parts[2] ?? '']]
		}),
	)
}

async function survey(): Promise<Survey> {
	return (await surveyArchive(localWorld(), {location: home})).survey
}

/** Adds 2000 rows in one transaction and gives its xid. */
const work = async () =>
	Number(
		await cluster.sql(
			'with added as (insert into t select generate_series(1, 2000) returning i) select pg_current_xact_id() from added limit 1',
		),
	)
let lastXid: number

async function configure(compression: string): Promise<void> {
	const at = `host=${folder.path} port=${cluster.port} user=postgres dbname=postgres`
	const lines = [
		'[barman]',
		`barman_user = ${folder.serverUser.name}`,
		`barman_home = ${home}`,
		`barman_lock_directory = ${await cluster.folder('lock')}`,
		`configuration_files_directory = ${await cluster.folder('conf.d')}`,
		`log_file = ${folder.path}/barman.log`,
		...(compression === '' ? [] : [`compression = ${compression}`]),
		'[main]',
		'description = main',
		`conninfo = ${at}`,
		`streaming_conninfo = ${at}`,
		'backup_method = postgres',
		'archiver = on',
		`path_prefix = ${cluster.programs}`,
		'',
	]
	await cluster.write('barman.conf', lines.join('\n'))
}

beforeAll(async () => {
	missing = await ensureTool('barman', 'barman')
	folder = await serverTestFolder()
	cluster = new ToolCluster(folder, await testInstallation(), 54_772)
	if (missing !== undefined) return
	home = await cluster.folder('barman')
	for (const name of ['barman/main', 'barman/main/incoming']) await cluster.folder(name)
	const incoming = join(home, 'main/incoming')
	await configure('gzip')
	await cluster.create(`cp %p ${incoming}/.%f && mv ${incoming}/.%f ${incoming}/%f`)
	await barman('cron')
	await cluster.sql('create table t (i int)')
	await cluster.archiveNow()
	await barman('archive-wal', 'main')
	await barman('backup', '--wait', 'main')
	await work()
	await configure('bzip2')
	await cluster.archiveNow()
	await barman('archive-wal', 'main')
	await barman('backup', '--wait', 'main')
	await configure('')
	await work()
	await cluster.archiveNow()
	await barman('archive-wal', 'main')
	await cluster.promote()
	await work()
	await cluster.archiveNow()
	await barman('archive-wal', 'main')
	lastXid = await work()
	await cluster.archiveNow()
})

afterAll(async () => {
	await folder.remove()
})

describe('what Barman keeps', () => {
	test('is told as `barman list-backup` and `barman show-backup` tell it', async context => {
		context.skip(missing !== undefined, missing)
		const ids = (await barman('list-backup', '--minimal', 'main')).split('\n').reverse()
		expect(ids).toHaveLength(2)
		const found = await survey()
		expect(found.layout).toBe('barman')
		expect(found.backups.map(({id}) => id)).toEqual(ids)
		for (const backup of found.backups) {
			const told = await shown(backup.id)
			expect({
				'System Id': backup.systemIdentifier,
				'Begin LSN': formatLsn(backup.startLsn),
				Timeline: String(backup.timeline),
				'PostgreSQL Version': String(backup.postgresMajor),
			}).toEqual({
				'System Id': told['System Id'],
				'Begin LSN': told['Begin LSN'],
				Timeline: told.Timeline,
				'PostgreSQL Version': String(Math.floor(Number(told['PostgreSQL Version']) / 10_000)),
			})
			// Barman says the end of the segment in which the backup ended; the manifest and the archive say where.
			const stop = backup.stopLsn === undefined ? '' : formatLsn(backup.stopLsn)
			expect(stop).not.toBe(told['End LSN'])
			expect(stop).toMatch(/^0\/[0-9A-F]00[0-9A-F]{3}$/)
			expect(backup).toMatchObject({format: 'plain', kind: 'full', whyNot: undefined})
		}
	})

	test('is whole, from packed segments without a suffix to those that are not filed yet', async context => {
		context.skip(missing !== undefined, missing)
		const found = await survey()
		expect(new Set(found.segments.map(({codec}) => codec))).toEqual(new Set(['gzip', 'bzip2', 'none']))
		expect(found.segments.at(-1)?.key).toContain('/incoming/')
		expect(found.timelines.map(({history}) => history.timeline)).toEqual([1, 2])
		expect(found.coverage.map(({timeline}) => timeline)).toEqual([1, 2, 1, 2])
		expect(found.findings.filter(({severity}) => severity === 'error')).toEqual([])
		expect(found.coverage.every(({fromAt, toAt}) => fromAt !== undefined && toAt !== undefined)).toBe(true)
	})

	test('is restored from on a real server as it lies there', async context => {
		context.skip(missing !== undefined, missing)
		const first = (await survey()).backups[0]?.id
		const last = (await survey()).backups.at(-1)?.id
		const found = await answerBefore({folder, cluster}, {location: home}, lastXid, 'select count(*) from t')
		expect(found).toEqual({answer: '6000', exact: true, backup: last, timeline: 2})
		expect(last).not.toBe(first)
	})
})
