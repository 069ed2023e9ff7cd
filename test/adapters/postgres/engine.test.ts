import {cp, readFile, rm, stat, writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import {fileURLToPath} from 'node:url'
import pg from 'pg'
import {afterAll, afterEach, beforeAll, describe, expect, test} from 'vitest'
import {LocalRestoreEngine} from '../../../src/adapters/postgres/engine.ts'
import {run} from '../../../src/adapters/process.ts'
import {planToJson, type RestorePlan} from '../../../src/domain/recovery/plan.ts'
import {judgeStanding, type ServerObservation, type Standing} from '../../../src/domain/recovery/progress.ts'
import {instantOfMs} from '../../../src/domain/time.ts'
import {formatLsn} from '../../../src/domain/wal/lsn.ts'
import {processesIn, type ServerTestFolder, serverTestFolder} from '../../support/postgres.ts'
import {
	handBuiltPlan,
	type KnownCommit,
	makeFor,
	type RestorableCluster,
	restorableCluster,
	segmentBytes,
} from '../../support/restorable.ts'

let folder: ServerTestFolder
let source: RestorableCluster
const commits: KnownCommit[] = []
const engine = new LocalRestoreEngine({now: () => instantOfMs(Date.now())})
const plans: RestorePlan[] = []

beforeAll(async () => {
	folder = await serverTestFolder()
	source = await restorableCluster(folder)
	for (const note of ['first', 'second', 'bad', 'after']) commits.push(await source.commit(note))
	await source.archiveAll()
	await source.commit('in the next segment')
	await source.archiveAll()
})

afterEach(async () => {
	for (const plan of plans.splice(0)) await engine.removeAll(plan).catch(() => {})
})

afterAll(async () => {
	await source?.primary.end()
	await folder?.remove()
})

function commitNamed(note: string): KnownCommit {
	const found = commits.find(commit => commit.note === note)
	if (found === undefined) throw new Error(`no commit ${note}`)
	return found
}

async function planTo(name: string, changes: Partial<RestorePlan> = {}): Promise<RestorePlan> {
	const plan = {
		...(await handBuiltPlan(source, {destination: join(folder.path, name), stopLsn: commitNamed('bad').lsn})),
		...changes,
	}
	plans.push(plan)
	return plan
}

async function startRestored(plan: RestorePlan): Promise<void> {
	await engine.createDirectories(plan)
	await engine.copyBaseBackup(plan, () => {}, new AbortController().signal)
	await engine.disarm(plan)
	await engine.writeConfiguration(plan)
	await engine.checkConfiguration(plan)
	await engine.startServer(plan)
}

async function untilSettled(plan: RestorePlan): Promise<{observation: ServerObservation; standing: Standing}> {
	for (;;) {
		const observation = await engine.observe(plan)
		const standing = judgeStanding(observation, {
			stopLsn: plan.stop.lsn,
			replayEndLsn: plan.stop.replayEndLsn ?? undefined,
			walSegmentBytes: segmentBytes,
		})
		if (standing.state !== 'starting' && standing.state !== 'replaying') return {observation, standing}
		await sleep(50)
	}
}

async function notesIn(plan: RestorePlan): Promise<readonly string[]> {
	const client = new pg.Client({
		host: plan.socketDirectory,
		port: plan.port,
		user: plan.superuser,
		database: 'postgres',
		ssl: false,
	})
	await client.connect()
	try {
		const {rows} = await client.query<{note: string}>('select note from ledger order by id')
		return rows.map(row => row.note)
	} finally {
		await client.end()
	}
}

async function isThere(path: string): Promise<boolean> {
	return stat(path).then(
		() => true,
		() => false,
	)
}

describe('a restore to an exclusive LSN', () => {
	test('holds exactly there, with every commit before it and none from it on, and is promoted to the next timeline', async () => {
		const plan = await planTo('exact')
		await startRestored(plan)
		const {observation, standing} = await untilSettled(plan)
		expect(standing).toEqual({state: 'held', stoppedAtLsn: commitNamed('bad').lsn, exact: true})
		expect(observation.answers).toMatchObject({
			inRecovery: true,
			pauseState: 'paused',
			timeline: 1,
			archiveMode: 'off',
			listenAddresses: '',
		})
		expect(observation.answers?.lastReplayedAt).toBeTypeOf('bigint')
		expect(await notesIn(plan)).toEqual(['before the backup', 'first', 'second'])

		await engine.promote(plan)
		const promoted = await engine.observe(plan)
		expect(promoted.answers).toMatchObject({inRecovery: false, timeline: 2, archiveMode: 'off'})
		expect(await notesIn(plan)).toEqual(['before the backup', 'first', 'second'])
		expect(await isThere(join(plan.destination, 'recovery.signal'))).toBe(false)

		const removed = await engine.removeAll(plan)
		expect(removed).toEqual([plan.destination, plan.socketDirectory, plan.workDirectory])
		expect(await processesIn(plan.destination)).toEqual([])
	})

	test('is not asked before it accepts connections, and its log is read from the beginning each time', async () => {
		const plan = await planTo('early')
		await startRestored(plan)
		await untilSettled(plan)
		const again = await engine.observe(plan)
		expect(again.log[0]).toMatch(/LOG: {2}starting PostgreSQL 15/)
		expect(again.log.filter(line => line.includes('FATAL'))).toEqual([])
		expect(again.log.filter(line => line.includes('pausing at the end of recovery'))).toHaveLength(1)
		await engine.stopServer(plan)
		const after = await engine.observe(plan)
		expect(after).toMatchObject({processAlive: false, answers: undefined})
		expect(after.log.at(-1)).toMatch(/database system is shut down/)
	})

	test('is seen whole by several who look at once', async () => {
		const plan = await planTo('watched')
		await startRestored(plan)
		await untilSettled(plan)
		const seen = await Promise.all([1, 2, 3].map(() => engine.observe(plan)))
		const fresh = await new LocalRestoreEngine({now: () => instantOfMs(Date.now())}).observe(plan)
		for (const {log, answers} of seen) {
			expect(log).toEqual(fresh.log)
			expect(answers).toEqual(fresh.answers)
		}
	})

	test('a server that is started again has a log of its own, and holds at the same place', async () => {
		const plan = await planTo('again')
		await startRestored(plan)
		await untilSettled(plan)
		await engine.stopServer(plan)
		await engine.startServer(plan)
		const {standing, observation} = await untilSettled(plan)
		expect(standing).toMatchObject({state: 'held', exact: true})
		expect(observation.log.filter(line => line.includes('starting PostgreSQL'))).toHaveLength(1)
		expect(await readFile(join(plan.workDirectory, 'server.1.log'), 'utf8')).toMatch(/database system is shut down/)
	})

	test('a second server on the same destination is refused', async () => {
		const plan = await planTo('twice')
		await startRestored(plan)
		await expect(engine.startServer(plan)).rejects.toMatchObject({code: 'server-still-running'})
	})
})

test('as root, the account that owns the server can do the same without root', async context => {
	if (process.getuid?.() !== 0) context.skip('these tests are run by an ordinary user as it is')
	const script = fileURLToPath(new URL('../../support/restore-here.ts', import.meta.url))
	const hooks = new URL('../../../src/setup/typescript.mjs', import.meta.url).href
	const readable = await run('test', ['-r', script], {asUser: folder.serverUser})
	if (readable.exitCode !== 0) context.skip(`${folder.serverUser.name} may not read ${script}`)
	const plan = await planTo('ordinary')
	const restored = await run(process.execPath, ['--import', hooks, script], {
		asUser: folder.serverUser,
		input: JSON.stringify(planToJson(plan)),
	})
	expect(restored.stderr).toBe('')
	expect(JSON.parse(restored.stdout)).toEqual({
		uid: folder.serverUser.uid,
		held: formatLsn(commitNamed('bad').lsn),
		notes: ['before the backup', 'first', 'second'],
		removed: [plan.destination, plan.socketDirectory, plan.workDirectory],
	})
})

describe('the WAL that is fed to the server', () => {
	test('a listed segment that has gone since stops the server with a FATAL that names it, and nothing is promoted', async () => {
		const plan = await planTo('gone')
		const archive = await archiveCopy('gone-archive')
		const lost = (await source.segments()).find(name => name >= (plan.wal.runs[0]?.firstSegment ?? '')) ?? ''
		await rm(join(archive, lost))
		const fed = withArchive(plan, archive)
		await startRestored(fed)
		const {observation, standing} = await untilSettled(fed)
		expect(standing.state).toBe('died')
		expect(observation.log.join('\n')).toMatch(
			new RegExp(`FATAL: {2}could not restore file "${lost}" from archive: child process exited with exit code 200`),
		)
		expect(observation.log.join('\n')).toContain(`fetch-wal: ${lost}: cannot be copied from ${archive}/${lost}`)
		expect(observation.log.join('\n')).not.toContain('selected new timeline')
	})

	test('a listed segment that has become short stops the server too', async () => {
		const plan = await planTo('short')
		const archive = await archiveCopy('short-archive')
		const first = plan.wal.runs[0]?.firstSegment ?? ''
		await writeFile(join(archive, first), (await readFile(join(archive, first))).subarray(0, 500_000))
		const fed = withArchive(plan, archive)
		await startRestored(fed)
		const {observation, standing} = await untilSettled(fed)
		expect(standing.state).toBe('died')
		expect(observation.log.join('\n')).toContain(
			`fetch-wal: ${first}: ${archive}/${first} gives 500000 bytes instead of ${segmentBytes}`,
		)
	})

	test('a history file that is not listed leads nobody astray, and a segment that is not listed is not served', async () => {
		const plan = await planTo('astray')
		const archive = await archiveCopy('astray-archive')
		await writeFile(join(archive, '00000002.history'), '1\t0/10\tno recovery target specified\n')
		const all = plan.wal.runs[0]
		if (all === undefined) throw new Error('no run')
		// Nothing beyond the segment of the stop is listed, and what lies there is damaged.
		const last = (await source.segments()).at(-1) ?? ''
		await writeFile(join(archive, last), 'no WAL')
		const fed = withArchive(
			{...plan, wal: {...plan.wal, runs: [{...all, lastSegment: previous(last), count: all.count - 1}]}},
			archive,
		)
		await startRestored(fed)
		expect((await untilSettled(fed)).standing).toMatchObject({state: 'held', exact: true})
		await engine.promote(fed)
		expect((await engine.observe(fed)).answers?.timeline).toBe(2)
	})

	test('a listed history file of a later timeline keeps its number from being given again', async () => {
		const plan = await planTo('numbered')
		const history = join(await archiveCopy('numbered-archive'), '00000002.history')
		await writeFile(history, '1\t0/10\tno recovery target specified\n')
		const fed = {
			...plan,
			wal: {...plan.wal, histories: [{name: '00000002.history', path: history, codec: 'none' as const}]},
		}
		await startRestored(fed)
		expect((await untilSettled(fed)).standing).toMatchObject({state: 'held', exact: true})
		await engine.promote(fed)
		expect((await engine.observe(fed)).answers?.timeline).toBe(3)
	})

	test.each(['gzip', 'zstd'] as const)(
		'segments packed with %s are unpacked on the way, from a folder with blanks and quotes in its name',
		async codec => {
			const plan = await planTo(`it's "${codec}" 100%`)
			const archive = join(await archiveCopy(`${codec}-archive`), "o'ld \\ one")
			await makeFor(folder.serverUser, archive)
			const suffix = codec === 'gzip' ? '' : '.zst'
			for (const name of await source.segments()) {
				const packed = await run('sh', [
					'-c',
					`${codec} -c < "$1" > "$2"`,
					'sh',
					join(source.archive, name),
					join(archive, name + suffix),
				])
				expect(packed.exitCode).toBe(0)
			}
			const socketDirectory = join(folder.path, `s-${codec}`)
			const settings = plan.settings.map(([name, value]): [string, string] => [
				name,
				name === 'unix_socket_directories' ? socketDirectory : value,
			])
			const run0 = plan.wal.runs[0]
			if (run0 === undefined) throw new Error('no run')
			const fed = {
				...plan,
				settings,
				socketDirectory,
				wal: {...plan.wal, runs: [{...run0, codec, suffix, directory: archive}]},
			}
			plans.push(fed)
			await startRestored(fed)
			expect((await untilSettled(fed)).standing).toMatchObject({state: 'held', exact: true})
		},
	)
})

describe('a configuration', () => {
	test('that PostgreSQL refuses is refused before the start, with its own words', async () => {
		const plan = await planTo('refused')
		const settings = [...plan.settings, ['recovery_target_time', '2026-11-22T07:25:06Z'] as [string, string]]
		const bad = {...plan, settings}
		await engine.createDirectories(bad)
		await engine.copyBaseBackup(bad, () => {}, new AbortController().signal)
		await engine.disarm(bad)
		await engine.writeConfiguration(bad)
		await expect(engine.checkConfiguration(bad)).rejects.toMatchObject({
			code: 'replay-aborted',
			message: expect.stringContaining('invalid value for parameter "recovery_target_time"'),
		})
	})

	test('with which the server dies at once is told with its FATAL', async () => {
		const plan = await planTo('dies')
		const bad = {
			...plan,
			settings: [...plan.settings, ['shared_preload_libraries', 'no_such_library'] as [string, string]],
		}
		await engine.createDirectories(bad)
		await engine.copyBaseBackup(bad, () => {}, new AbortController().signal)
		await engine.disarm(bad)
		await engine.writeConfiguration(bad)
		await expect(engine.startServer(bad)).rejects.toMatchObject({
			code: 'replay-aborted',
			message: expect.stringContaining('FATAL:  could not access file "no_such_library"'),
		})
	})

	test('that lets anything out is refused before anything is made', async () => {
		const plan = await planTo('open')
		const settings = plan.settings.map(([name, value]): [string, string] => [
			name,
			name === 'archive_mode' ? 'on' : value,
		])
		await expect(engine.createDirectories({...plan, settings})).rejects.toMatchObject({code: 'usage'})
		expect(await isThere(plan.workDirectory)).toBe(false)
	})
})

describe('what would make the copy act as its source', () => {
	test('is taken out, and what the source had set is kept aside', async () => {
		const backup = join(folder.path, 'backups', 'armed')
		await cp(source.backup, backup, {recursive: true})
		await rm(join(backup, 'backup_manifest'))
		await writeFile(join(backup, 'standby.signal'), '')
		await writeFile(join(backup, 'postmaster.pid'), '1\n')
		await writeFile(join(backup, 'postgresql.auto.conf'), "primary_conninfo = 'password=secret'\narchive_mode = on\n")
		const plan = await planTo('disarmed')
		const armed = {...plan, backup: {...plan.backup, location: backup}}
		await engine.createDirectories(armed)
		await engine.copyBaseBackup(armed, () => {}, new AbortController().signal)
		const words = await engine.disarm(armed)
		expect(words.join('\n')).toContain('standby.signal removed')
		expect(words.join('\n')).toContain('it had set primary_conninfo, archive_mode')
		expect(words.join('\n')).not.toContain('secret')
		expect(await isThere(join(plan.destination, 'standby.signal'))).toBe(false)
		expect(await isThere(join(plan.destination, 'postmaster.pid'))).toBe(false)
		expect(await readFile(join(plan.destination, 'postgresql.auto.conf'), 'utf8')).not.toContain('=')
		expect(await readFile(join(plan.workDirectory, 'source-postgresql.auto.conf'), 'utf8')).toContain('secret')
		expect((await stat(join(plan.workDirectory, 'source-postgresql.auto.conf'))).mode & 0o777).toBe(0o600)
	})

	test('a tablespace_map with entries is refused', async () => {
		const plan = await planTo('mapped')
		await engine.createDirectories(plan)
		await engine.copyBaseBackup(plan, () => {}, new AbortController().signal)
		await writeFile(join(plan.destination, 'tablespace_map'), '16400 /srv/live\n')
		await expect(engine.disarm(plan)).rejects.toMatchObject({
			code: 'no-usable-backup',
			message: expect.stringContaining('16400 at /srv/live'),
		})
	})
})

async function archiveCopy(name: string): Promise<string> {
	const archive = join(folder.path, name)
	await makeFor(folder.serverUser, archive)
	for (const segment of await source.segments()) await cp(join(source.archive, segment), join(archive, segment))
	if (process.getuid?.() === 0) await run('chown', ['-R', folder.serverUser.name, archive])
	return archive
}

function withArchive(plan: RestorePlan, archive: string): RestorePlan {
	return {...plan, wal: {...plan.wal, runs: plan.wal.runs.map(run => ({...run, directory: archive}))}}
}

function previous(segment: string): string {
	return `${segment.slice(0, 16)}${(Number.parseInt(segment.slice(16), 16) - 1).toString(16).toUpperCase().padStart(8, '0')}`
}
