import {access, chmod, cp, mkdir, readdir, readFile, stat, symlink, writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import type {PostgresInstallation} from '../../src/adapters/postgres/programs.ts'
import {run} from '../../src/adapters/process.ts'
import {connect, type DemoCluster, startServer} from '../../src/demo/cluster.ts'
import {
	buildHarborPoint,
	cleanHarborPoint,
	type HarborPoint,
	type HarborPointOptions,
	loadHarborPoint,
	loadLedger,
	loadTruth,
} from '../../src/demo/harbor-point.ts'
import {expectedRowsAt, type Ledger} from '../../src/demo/ledger.ts'
import {type HarborRows, readHarborRows} from '../../src/demo/schema.ts'
import {type ArchivedCommit, commitsInArchive, compareWithTruth, type Truth} from '../../src/demo/truth.ts'
import {UsageError} from '../../src/domain/errors.ts'
import {onlyAsRoot} from '../support/account.ts'
import {processesIn, type ServerTestFolder, serverTestFolder, testInstallation} from '../support/postgres.ts'

const small = {traders: 3, tradesBefore: 200, tradesAfter: 120, reservations: 800, thinkMs: 6}

let installation: PostgresInstallation
let base: ServerTestFolder

beforeAll(async () => {
	installation = await testInstallation()
	base = await serverTestFolder()
})
afterAll(() => base?.remove())

function build(name: string, more: Partial<HarborPointOptions> = {}): Promise<HarborPoint> {
	const {path, serverUser} = base
	return buildHarborPoint({folder: join(path, name), installation, serverUser, onStep: () => {}, ...small, ...more})
}

async function refusal(doing: Promise<unknown>): Promise<UsageError> {
	const error = await doing.catch((thrown: unknown) => thrown)
	if (error instanceof UsageError) return error
	throw new Error(`no UsageError: ${String(error)}`)
}

async function exists(path: string): Promise<boolean> {
	return access(path).then(
		() => true,
		() => false,
	)
}

async function primaryRows({primary}: HarborPoint): Promise<HarborRows> {
	const client = await connect({...primary, superuser: primary.user}, primary.database, 'test')
	try {
		return await readHarborRows(client)
	} finally {
		await client.end()
	}
}

/** A recovery as somebody does it by hand, held just before a commit; its directory lies in the Harbor Point's folder. */
async function rowsJustBefore(point: HarborPoint, lsn: string): Promise<HarborRows> {
	const [label = ''] = await readdir(point.backups)
	const cluster: DemoCluster = {
		installation,
		serverUser: base.serverUser,
		dataDirectory: join(point.folder, 'restored'),
		socketDirectory: point.primary.socketDirectory,
		port: point.primary.port + 1,
		superuser: point.primary.user,
		serverLog: join(point.folder, 'restored.log'),
	}
	await cp(join(point.backups, label), cluster.dataDirectory, {recursive: true})
	const settings = [
		['restore_command', `cp "${point.archive}/%f" "%p"`],
		['recovery_target_lsn', lsn],
		['recovery_target_inclusive', 'off'],
		['recovery_target_timeline', '1'],
		['archive_mode', 'off'],
		['port', String(cluster.port)],
	]
	await writeFile(
		join(cluster.dataDirectory, 'postgresql.auto.conf'),
		settings.map(([name, value]) => `${name} = '${value}'\n`).join(''),
	)
	await writeFile(join(cluster.dataDirectory, 'recovery.signal'), '')
	await chmod(cluster.dataDirectory, 0o700)
	const {uid, gid} = base.serverUser
	expect(await run('chown', ['-R', `${uid}:${gid}`, cluster.dataDirectory])).toMatchObject({exitCode: 0})
	await startServer(cluster, undefined)
	const client = await connect(cluster, point.primary.database, 'test')
	try {
		for (;;) {
			const {rows} = await client.query<{paused: boolean}>('select pg_is_wal_replay_paused() as paused')
			if (rows[0]?.paused === true) break
			await sleep(50)
		}
		return await readHarborRows(client)
	} finally {
		await client.end()
	}
}

describe('Harbor Point', () => {
	let point: HarborPoint
	let truth: Truth
	let ledger: Ledger
	let commits: readonly ArchivedCommit[]

	beforeAll(async () => {
		point = await build('harbor')
		truth = await loadTruth(point.folder)
		ledger = await loadLedger(point.folder)
		commits = await commitsInArchive(point.archive, installation, base.serverUser)
	})

	test("has a ledger that, in the order of the WAL, ends with the primary's own rows", async () => {
		const all = commits.map(({xid}) => xid)
		expect(compareWithTruth(expectedRowsAt(ledger, all), await primaryRows(point)).map(({same}) => same)).toEqual([
			true,
			true,
			true,
			true,
		])
	})

	test('has a truth that is not what the primary holds now', async () => {
		const comparison = compareWithTruth(truth, await primaryRows(point))
		expect(comparison.map(({what}) => what)).toEqual([
			'rows of bond_reservations',
			'sha256 of bond_reservations',
			'rows of gsi_open_by_issuer',
			'sha256 of gsi_open_by_issuer',
		])
		expect(comparison.map(({same}) => same)).toEqual([false, false, false, false])
	})

	test('has a bad commit in the reported second, with legitimate ones of that second before and after it', () => {
		expect(truth.badCommittedAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/)
		expect(point.report.at).toBe(`${truth.badCommittedAt.slice(0, 19)}Z`)
		expect(point.report.text).toBe(
			`around ${truth.badCommittedAt.slice(11, 19)} UTC the release job flipped CA-MUNI reservations to released`,
		)
		expect(truth.sameSecond.before).toBeGreaterThan(0)
		expect(truth.sameSecond.after).toBeGreaterThan(0)
		expect(truth.rowsChangedByJob).toBeGreaterThan(200)
		expect(truth.commitsAfter).toBeGreaterThan(50)
		expect(commits.find(({xid}) => xid === truth.badXid)?.lsn).toBe(truth.badCommitLsn)
	})

	test('has transactions that were open or prepared when it happened, and one that was settled before', () => {
		const badAt = commits.findIndex(({xid}) => xid === truth.badXid)
		const placeOf = (what: string): readonly [string, string] => {
			const entry = ledger.find(one => one.what === what)
			const at = commits.findIndex(({xid}) => xid === entry?.xid)
			return [commits[at]?.kind ?? 'absent', at < badAt ? 'kept' : 'lost']
		}
		expect(placeOf('prepared and settled before the incident')).toEqual(['commit-prepared', 'kept'])
		expect(placeOf('open before the incident, committed after it')).toEqual(['commit', 'lost'])
		expect(placeOf('prepared before the incident, settled after it')).toEqual(['commit-prepared', 'lost'])
		expect(ledger.filter(({what}) => what === 'reserve with savepoints').length).toBeGreaterThan(0)
	})

	test('has an archive of whole segments, and a base backup with its manifest and no WAL', async () => {
		const archived = await readdir(point.archive)
		expect(archived.filter(name => !/^[0-9A-F]{24}(\.[0-9A-F]{8}\.backup)?$/.test(name))).toEqual([])
		for (const name of archived.filter(one => one.length === 24)) {
			expect((await stat(join(point.archive, name))).size, name).toBe(1_048_576)
		}
		const [label = '', ...others] = await readdir(point.backups)
		expect(others).toEqual([])
		expect(label).toMatch(/^base-\d{8}T\d{6}Z$/)
		const backup = join(point.backups, label)
		expect(await exists(join(backup, 'backup_manifest'))).toBe(true)
		expect(await readdir(join(backup, 'pg_wal'))).toEqual(['archive_status'])
		expect(await readFile(join(backup, 'backup_label'), 'utf8')).toContain(`LABEL: ${label}\n`)
		expect(archived.filter(name => name.endsWith('.backup'))).toHaveLength(1)
	})

	test('can be loaded again, from a file that gives nothing of the truth away', async () => {
		expect(await loadHarborPoint(point.folder)).toEqual(point)
		const told = await readFile(join(point.folder, 'harbor-point.json'), 'utf8')
		for (const secret of [`"${truth.badXid}"`, truth.badCommitLsn, truth.reservations.sha256, truth.badCommittedAt]) {
			expect(told).not.toContain(secret)
		}
	})

	test('is recovered to its truth by a real server that is told the bad commit', async () => {
		expect(compareWithTruth(truth, await rowsJustBefore(point, truth.badCommitLsn)).filter(({same}) => !same)).toEqual(
			[],
		)
		expect(await processesIn(join(point.folder, 'restored'))).not.toEqual([])
	})

	test('is built anew in the same folder, after every server of the first one has been stopped', async () => {
		const steps: string[] = []
		const again = await build('harbor', {onStep: text => steps.push(text)})
		expect(again.folder).toBe(point.folder)
		expect(steps.slice(0, 4).sort()).toEqual(
			[
				`removing ${point.folder}`,
				`removing the Harbor Point that is in ${point.folder}`,
				`stopping the server on ${point.folder}/primary`,
				`stopping the server on ${point.folder}/restored`,
			].sort(),
		)
		expect(await exists(join(point.folder, 'restored'))).toBe(false)
		const newTruth = await loadTruth(point.folder)
		expect(newTruth.badCommittedAt > truth.badCommittedAt).toBe(true)
		expect((await primaryRows(again)).reservations.count).toBeGreaterThan(newTruth.reservations.count)
	})

	test('is cleaned away with its processes', async () => {
		expect(await processesIn(point.folder)).not.toEqual([])
		await cleanHarborPoint(point.folder, () => {})
		expect(await processesIn(point.folder)).toEqual([])
		expect(await exists(point.folder)).toBe(false)
		expect((await refusal(cleanHarborPoint(point.folder, () => {}))).message).toBe(`there is no ${point.folder}`)
	})
})

describe('a folder', () => {
	test('that is no Harbor Point is neither built in nor cleaned', async () => {
		const folder = join(base.path, 'precious')
		await mkdir(folder)
		await writeFile(join(folder, 'notes.txt'), 'mine')
		expect((await refusal(build('precious'))).message).toBe(
			`${folder} is not empty and is not a Harbor Point: it holds notes.txt`,
		)
		expect((await refusal(cleanHarborPoint(folder, () => {}))).message).toBe(
			`${folder} is not a Harbor Point: it has no harbor-point.json of one`,
		)
		expect((await refusal(loadHarborPoint(folder))).message).toBe(`there is no Harbor Point in ${folder}`)
		expect(await readFile(join(folder, 'notes.txt'), 'utf8')).toBe('mine')
	})

	test("that the server's user cannot enter is refused, and nothing is left of it", async context => {
		onlyAsRoot(context)
		const closed = join(base.path, 'closed')
		await mkdir(closed)
		await chmod(closed, 0o700)
		const error = await refusal(build('closed/deep/harbor'))
		expect(error.message).toBe(`${base.serverUser.name}, who runs the server, cannot enter ${closed}`)
		expect(error.whatToDo[0]).toContain('--folder')
		expect(await readdir(closed)).toEqual([])
	})

	test('with a long, odd name gets its socket elsewhere, and both are cleaned away', async () => {
		const name = `it's 100% "long" \\ ${'and deep '.repeat(9)}`.replaceAll('"', '')
		const real = join(base.path, name)
		await mkdir(real)
		await symlink(real, join(base.path, 'link'))
		const point = await build('link', {tradesBefore: 20, tradesAfter: 20, reservations: 100})
		expect(point.folder).toBe(real)
		expect(point.primary.socketDirectory).toMatch(/^\/tmp\/lastgood-/)
		expect((await primaryRows(point)).reservations.count).toBeGreaterThan(100)
		await cleanHarborPoint(join(base.path, 'link'), () => {})
		expect(await exists(real)).toBe(false)
		expect(await exists(point.primary.socketDirectory)).toBe(false)
	})
})

describe('building that is interrupted', () => {
	test.each([
		['initdb of', 1],
		['starting the primary', 5],
		['entering', 1],
		['pg_basebackup', 30],
		['the release job has released', 20],
		['waiting until the WAL is archived', 1],
	])('at "%s" leaves no process and no folder', async (step, afterMs) => {
		const stopping = new AbortController()
		const onStep = (text: string): void => {
			if (text.startsWith(step)) setTimeout(() => stopping.abort(new Error('the operator quit')), afterMs)
		}
		const building = build('interrupted', {signal: stopping.signal, onStep})
		await expect(building).rejects.toThrow('the operator quit')
		expect(stopping.signal.aborted).toBe(true)
		expect(await processesIn(join(base.path, 'interrupted'))).toEqual([])
		expect(await exists(join(base.path, 'interrupted'))).toBe(false)
	})

	test('by a kill leaves a folder that can be cleaned', async () => {
		const folder = join(base.path, 'killed')
		await mkdir(folder)
		await writeFile(join(folder, 'harbor-point.json'), '{"harborPoint": "being built", "socketDirectory": "/etc"}')
		await cleanHarborPoint(folder, () => {})
		expect(await exists(folder)).toBe(false)
		expect(await exists('/etc')).toBe(true)
	})
})
