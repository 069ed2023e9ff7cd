import {cp, mkdir, readdir, readFile, rm, stat, unlink, writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import {setTimeout as wait} from 'node:timers/promises'
import {fileURLToPath} from 'node:url'
import {gzipSync} from 'node:zlib'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import type {PostgresInstallation} from '../../src/adapters/postgres/programs.ts'
import {programPath} from '../../src/adapters/postgres/programs.ts'
import {run} from '../../src/adapters/process.ts'
import {chainFrom} from '../../src/domain/archive/chain.ts'
import type {Survey} from '../../src/domain/archive/survey.ts'
import {formatInstant} from '../../src/domain/time.ts'
import {formatLsn} from '../../src/domain/wal/lsn.ts'
import {surveyArchive} from '../../src/operations/survey.ts'
import {type ServerTestFolder, serverTestFolder, testInstallation} from '../support/postgres.ts'
import {localWorld} from '../support/survey-world.ts'

const fixtures = fileURLToPath(new URL('../fixtures/', import.meta.url))

async function survey(location: string, backups?: readonly string[]): Promise<Survey> {
	return (await surveyArchive(localWorld(), {location, backups})).survey
}

describe('the archives of real servers in test/fixtures', () => {
	test.each([
		['pg14', 14, 'D10D'],
		['pg15', 15, 'D110'],
		['pg16', 16, 'D113'],
		['pg18', 18, 'D118'],
	])(
		'%s is an unbroken archive of its version, packed with gzip, without a base backup',
		async (folder, major, magic) => {
			const found = await survey(join(fixtures, folder, 'archive'))
			expect(found.cluster).toMatchObject({postgresMajor: major, walSegmentBytes: 1024 * 1024})
			expect(found.cluster.pageMagic.toString(16).toUpperCase()).toBe(magic)
			expect(found.segments.map(({key}) => key)).toEqual(
				(await readdir(join(fixtures, folder, 'archive'))).filter(name => !name.includes('backup')).sort(),
			)
			expect(new Set(found.segments.map(({codec}) => codec))).toEqual(new Set(['gzip']))
			const installed = await localWorld().wal.installedMajors()
			expect(found.findings.map(({code}) => code)).toEqual([
				...(installed.includes(major) ? [] : ['version-mismatch']),
				'no-usable-backup',
			])
			expect(found.findings.at(-1)?.whatToDo.join()).toContain('label "nightly", timeline 1')
		},
	)
})

describe('the archive of a real server', () => {
	let folder: ServerTestFolder
	let installation: PostgresInstallation
	let archive: string
	let backups: string
	/** What the server itself said. */
	const truth = {systemIdentifier: '', lastCommitAt: '', startLsn: '', stopLsn: ''}

	async function tool(name: Parameters<typeof programPath>[1], args: readonly string[]): Promise<string> {
		const result = await run(programPath(installation, name), args, {
			asUser: folder.serverUser,
			cwd: folder.path,
			env: {TZ: 'UTC', LC_ALL: 'C'},
		})
		if (result.exitCode !== 0) throw new Error(`${name} ${args.join(' ')}: ${result.stderr}${result.stdout}`)
		return result.stdout.trim()
	}
	const sql = (...statements: readonly string[]) =>
		tool('psql', [
			'-X',
			'-q',
			'-A',
			'-t',
			'-v',
			'ON_ERROR_STOP=1',
			'-h',
			folder.path,
			'-p',
			'54399',
			'-U',
			'postgres',
			'-d',
			'postgres',
			...statements.flatMap(text => ['-c', text]),
		])
	const start = (dataDirectory: string) =>
		tool('pg_ctl', ['-D', dataDirectory, '-l', `${dataDirectory}.log`, '-w', '-t', '120', 'start'])
	const stop = (dataDirectory: string) => tool('pg_ctl', ['-D', dataDirectory, '-m', 'fast', '-w', 'stop'])
	const backUp = (name: string, ...options: readonly string[]) =>
		tool('pg_basebackup', [
			'-h',
			folder.path,
			'-p',
			'54399',
			'-U',
			'postgres',
			'-D',
			join(backups, name),
			'-c',
			'fast',
			...options,
		])
	const settings = (more: string) =>
		`listen_addresses = ''\nport = 54399\nunix_socket_directories = '${folder.path}'\narchive_mode = on\narchive_command = 'cp %p ${archive}/%f'\ntrack_commit_timestamp = on\nlog_timezone = 'UTC'\nfsync = off\n${more}`

	async function archived(): Promise<void> {
		const segment = await sql('select pg_walfile_name(pg_switch_wal())')
		for (let attempt = 0; attempt < 300; attempt += 1) {
			const last = await sql('select last_archived_wal from pg_stat_archiver')
			if (last >= segment) return
			await wait(100)
		}
		throw new Error(`${segment} was not archived`)
	}

	beforeAll(async () => {
		installation = await testInstallation()
		folder = await serverTestFolder()
		archive = join(folder.path, 'archive')
		backups = join(folder.path, 'backups')
		await tool('initdb', [
			'-D',
			join(folder.path, 'primary'),
			'-A',
			'trust',
			'-U',
			'postgres',
			'--wal-segsize=1',
			'--no-sync',
		])
		await run('mkdir', [archive, backups], {asUser: folder.serverUser})
		await writeFile(join(folder.path, 'primary', 'postgresql.conf'), settings(''))
		await start(join(folder.path, 'primary'))
		await sql('create table trades (id int)', 'insert into trades select generate_series(1, 1000)')
		await backUp('nightly', '-Fp', '-l', 'night ly')
		await sql('insert into trades select generate_series(1, 20000)')
		await backUp('bare', '-Fp', '--no-manifest')
		await backUp('tar', '-Ft', '-z')
		const xid = await sql('insert into trades values (7) returning (select pg_current_xact_id())')
		await archived()
		truth.systemIdentifier = await sql('select system_identifier from pg_control_system()')
		truth.lastCommitAt = await sql(
			'set timezone = utc',
			`select to_char(pg_xact_commit_timestamp('${xid}'::xid), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`,
		)
		const manifest = await readFile(join(backups, 'nightly', 'backup_manifest'), 'utf8')
		truth.startLsn = /"Start-LSN": "([^"]+)"/.exec(manifest)?.[1] ?? ''
		truth.stopLsn = /"End-LSN": "([^"]+)"/.exec(manifest)?.[1] ?? ''
	})
	afterAll(() => folder?.remove())

	test('is surveyed as the server itself tells it, its running data directory beside it left out', async () => {
		const found = await survey(folder.path)
		expect(found.findings).toEqual([])
		expect(found.cluster).toEqual({
			systemIdentifier: truth.systemIdentifier,
			postgresMajor: installation.major,
			pageMagic: expect.any(Number),
			walSegmentBytes: 1024 * 1024,
		})
		expect(found.segments.every(({key}) => key.startsWith('archive/'))).toBe(true)
		expect(found.backups.map(({id, whyNot}) => [id, whyNot?.slice(0, 19)])).toEqual([
			['nightly', undefined],
			['bare', undefined],
			['tar', 'it is in tar format'],
		])
		const [nightly] = found.backups
		expect(nightly).toMatchObject({
			kind: 'full',
			timeline: 1,
			label: 'night ly',
			postgresMajor: installation.major,
			systemIdentifier: truth.systemIdentifier,
			location: join(backups, 'nightly'),
		})
		expect([nightly && formatLsn(nightly.startLsn), nightly?.stopLsn && formatLsn(nightly.stopLsn)]).toEqual([
			truth.startLsn,
			truth.stopLsn,
		])
		const wholeBytes = Number(
			(await run('du', ['-sb', '--apparent-size', '--exclude=pg_wal', join(backups, 'nightly')])).stdout.split('\t')[0],
		)
		expect(nightly?.bytes).toBeLessThanOrEqual(wholeBytes)
		expect(nightly?.bytes).toBeGreaterThan(wholeBytes * 0.9)
		const [coverage] = found.coverage
		expect(coverage && [formatLsn(coverage.fromLsn), coverage.toAt && formatInstant(coverage.toAt)]).toEqual([
			truth.stopLsn,
			truth.lastCommitAt,
		])
		expect((coverage?.fromAt ?? 0n) < (coverage?.toAt ?? 0n)).toBe(true)
	})

	test('changes neither a name nor a size nor a time there', async () => {
		const before = await treeOf(archive)
		const backupBefore = await treeOf(backups)
		await survey(folder.path)
		expect(await treeOf(archive)).toEqual(before)
		expect(await treeOf(backups)).toEqual(backupBefore)
	})

	test('may have been packed by people’s own commands', async () => {
		const packed = join(folder.path, 'packed')
		await mkdir(packed)
		for (const name of await readdir(archive))
			await writeFile(join(packed, `${name}.gz`), gzipSync(await readFile(join(archive, name))))
		const found = (await surveyArchive(localWorld(), {archive: packed, backups: [backups]})).survey
		expect(found.findings).toEqual([])
		expect(found.coverage[0]?.toAt && formatInstant(found.coverage[0].toAt)).toBe(truth.lastCommitAt)
		await rm(packed, {recursive: true})
	})

	test('tells the end of a backup also where only the WAL does', async () => {
		const without = join(folder.path, 'without')
		await cp(archive, without, {recursive: true})
		const told = (await survey(folder.path)).backups.find(({id}) => id === 'bare')
		for (const name of await readdir(without)) if (name.endsWith('.backup')) await unlink(join(without, name))
		const found = (await surveyArchive(localWorld(), {archive: without, backups: [backups]})).survey
		expect(found.backups.find(({id}) => id === 'bare')).toEqual({...told, key: 'bare', stoppedAt: undefined})
		await rm(without, {recursive: true})
	})

	test('with a cluster recovered from it and promoted has two timelines, both to be recovered', async () => {
		await stop(join(folder.path, 'primary'))
		const clone = join(folder.path, 'clone')
		await run('cp', ['-a', join(backups, 'nightly'), clone], {asUser: folder.serverUser})
		const before = await survey(folder.path)
		const lastSegment = before.segments.at(-2)
		await writeFile(
			join(clone, 'postgresql.conf'),
			settings(
				`restore_command = 'cp ${archive}/%f %p'\nrecovery_target_lsn = '${formatLsn(((lastSegment?.number ?? 0n) * 1048576n + 4096n) as never)}'\nrecovery_target_action = promote\nrecovery_target_timeline = 1\n`,
			),
		)
		await writeFile(join(clone, 'recovery.signal'), '')
		await run('chown', [
			`${folder.serverUser.uid}:${folder.serverUser.gid}`,
			join(clone, 'recovery.signal'),
			join(clone, 'postgresql.conf'),
		])
		await start(clone)
		for (let attempt = 0; attempt < 100 && (await sql('select pg_is_in_recovery()')) === 't'; attempt += 1)
			await wait(100)
		await sql('insert into trades values (8)')
		await archived()
		await stop(clone)

		const found = await survey(folder.path)
		expect(found.findings.filter(({severity}) => severity === 'error')).toEqual([])
		expect(found.timelines.map(({history}) => history.timeline)).toEqual([1, 2])
		const history = found.timelines[1]?.history
		const fork = history?.switches[0]
		expect(found.coverage.filter(({backup}) => backup === 'nightly').map(({timeline}) => timeline)).toEqual([1, 2])
		const chain = history && found.backups[0] && chainFrom(found, history, found.backups[0].startLsn)
		const forkSegment = chain?.segments.find(({number}) => number === (fork?.switchLsn ?? 0n) / 1048576n)
		expect(forkSegment?.timeline).toBe(2)
		expect(chain?.gap).toBeUndefined()
		expect((found.coverage.find(({timeline}) => timeline === 2)?.toAt ?? 0n) > (found.coverage[0]?.toAt ?? 0n)).toBe(
			true,
		)
	})
})

/** Names, sizes and times of all that lies below a folder, folders included. */
async function treeOf(folder: string): Promise<readonly (readonly [string, bigint, bigint, bigint])[]> {
	const names = ['', ...(await readdir(folder, {recursive: true}))].sort()
	return Promise.all(
		names.map(async name => {
			const {size, mtimeNs, ctimeNs} = await stat(join(folder, name), {bigint: true})
			return [name, size, mtimeNs, ctimeNs] as const
		}),
	)
}
