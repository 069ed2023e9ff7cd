import {chown, readdir, readFile, stat, truncate, writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import {fileURLToPath} from 'node:url'
import {afterAll, afterEach, beforeAll, describe, expect, test} from 'vitest'
import {type RunResult, run} from '../../src/adapters/process.ts'
import {archiveEverything, connect, type DemoCluster, takeBaseBackup} from '../../src/demo/cluster.ts'
import {primaryConninfo} from '../../src/demo/demo.ts'
import {type HarborPoint, loadHarborPoint, loadTruth} from '../../src/demo/harbor-point.ts'
import {type HarborRows, readHarborRows} from '../../src/demo/schema.ts'
import {type ArchivedCommit, commitsInArchive, compareWithTruth, type Truth} from '../../src/demo/truth.ts'
import {processesIn, type ServerTestFolder, serverTestFolder, testInstallation} from '../support/postgres.ts'
import {type PtyProgram, startOnPty} from '../support/pty.ts'
import {makeFor} from '../support/restorable.ts'

const built = fileURLToPath(new URL('../../dist/lastgood.js', import.meta.url))
const slowMs = 120_000

let base: ServerTestFolder
let program: PtyProgram | undefined
/** Takes as long as the demo with keys does, and goes on beside it. */
let withoutTerminal: Promise<RunResult>

beforeAll(async () => {
	base = await serverTestFolder()
	await testInstallation()
	withoutTerminal = run(process.execPath, [built, 'demo', '--folder', join(base.path, 'auto')], {
		env: ownEnvironment(),
	})
})

afterEach(async () => {
	program?.kill('SIGKILL')
	await program?.ended
	program = undefined
})

afterAll(async () => {
	await withoutTerminal?.catch(() => {})
	await base?.remove()
	expect(await processesIn(base.path)).toEqual([])
})

/** Settings of the operator who runs the test stay out of it, and theirs are not touched. */
function ownEnvironment() {
	return {XDG_CONFIG_HOME: join(base.path, 'config'), XDG_STATE_HOME: join(base.path, 'state')}
}

/** Starts lastgood as a shell does, which goes on afterwards and tells the exit code and the state of its terminal. */
function lastgoodInShell(...args: readonly string[]): PtyProgram {
	const script = `"$@"; echo "exit code $?"; stty -a | grep -wo -e '-*icanon' -e '-*echo'`
	program = startOnPty('/bin/sh', ['-c', script, 'sh', process.execPath, built, ...args], {env: ownEnvironment()})
	return program
}

/** The end of such a shell's screen: the exit code, and a terminal that edits lines and echoes keys again. */
function leftWith(exitCode: number): RegExp {
	return new RegExp(`exit code ${exitCode}\\nicanon\\necho$`)
}

function lastgood(...args: readonly string[]): PtyProgram {
	program = startOnPty(process.execPath, [built, ...args], {env: ownEnvironment()})
	return program
}

/** What a command prints under --json. */
async function json(...args: readonly string[]): Promise<Record<string, unknown>> {
	const {stdout, stderr} = await run(process.execPath, [built, ...args, '--json'], {env: ownEnvironment()})
	expect(stdout, stderr).not.toBe('')
	return JSON.parse(stdout) as Record<string, unknown>
}

/** Name, size and time of change of everything below. */
async function filesBelow(folder: string): Promise<ReadonlyMap<string, string>> {
	const names = await readdir(folder, {recursive: true})
	const entries = await Promise.all(
		names.sort().map(async name => {
			const {size, mtimeMs, mode, uid} = await stat(join(folder, name))
			return [name, `${size} bytes of ${mtimeMs}, mode ${mode.toString(8)}, owner ${uid}`] as const
		}),
	)
	return new Map(entries)
}

async function rowsIn(at: Parameters<typeof connect>[0]): Promise<HarborRows> {
	const client = await connect(at, 'harbor', 'test')
	try {
		return await readHarborRows(client)
	} finally {
		await client.end()
	}
}

function primaryOf({primary}: HarborPoint) {
	return {...primary, superuser: primary.user}
}

/** A shell's screen as one line: a long path is broken where the terminal ends. */
function unwrapped(screen: string): string {
	return screen.replaceAll('\n', '')
}

/** The line of the screen that holds this. */
function lineWith(screen: string, what: string): string {
	return screen.split('\n').find(line => line.includes(what)) ?? ''
}

describe('the demo with keys', () => {
	let point: HarborPoint
	let truth: Truth
	let commits: readonly ArchivedCommit[]
	/** What lastgood may only read, before it was asked for anything but the survey. */
	let read: ReadonlyMap<string, string>
	let primaryBefore: {readonly pid: string; readonly rows: HarborRows}

	async function readFiles(): Promise<ReadonlyMap<string, string>> {
		const [archive, backups] = [await filesBelow(point.archive), await filesBelow(point.backups)]
		return new Map([...archive, ...backups])
	}

	async function primaryNow() {
		const [pid = ''] = (await readFile(join(point.primary.dataDirectory, 'postmaster.pid'), 'utf8')).split('\n')
		return {pid, rows: await rowsIn(primaryOf(point))}
	}

	test('leads from the survey to a promoted cluster, and leaves the terminal as it was', async () => {
		const folder = join(base.path, 'harbor')
		const {waitFor, press, type, ended, isRestored, screen, terminal} = lastgoodInShell('demo', '--folder', folder)

		const survey = await waitFor('✔ recoverable up to the commit of', slowMs)
		expect(terminal.buffer.active.type).toBe('alternate')
		point = await loadHarborPoint(folder)
		truth = await loadTruth(folder)
		commits = await commitsInArchive(point.archive, await testInstallation(), base.serverUser)
		read = await readFiles()
		primaryBefore = await primaryNow()
		const badAt = commits.findIndex(({xid}) => xid === truth.badXid)
		const [lastKept, lastOfAll] = [commits[badAt - 1], commits.at(-1)]
		expect(lineWith(survey, '✔ recoverable')).toContain(lastOfAll?.at)
		expect(lineWith(survey, '✔ yes')).toContain('base-')

		press('enter')
		const incident = await waitFor('When did it go wrong?')
		expect(lineWith(incident, '│ ❯')).toContain(point.report.at)
		expect(lineWith(incident, 'read as')).toContain(point.report.at.replace('Z', '.000000Z'))

		press('enter')
		const boundaries = await waitFor('table names: live primary')
		expect(boundaries).toContain('WAL order')
		press('r')
		const ranked = await waitFor('most destructive first')
		const culprit = `❯ ${truth.badCommittedAt.slice(11, 26)}  ${truth.badCommitLsn}  ${truth.badXid}  commit`
		expect(lineWith(ranked, '❯')).toContain(culprit)
		expect(lineWith(ranked, '❯')).toContain(`bond_reservations ~${truth.rowsChangedByJob}`)
		press('d')
		await waitFor(`commit, xid ${truth.badXid}`)

		press('enter')
		const target = await waitFor('Where should replay stop?')
		expect(lineWith(target, 'last kept commit')).toContain(`${lastKept?.at}  ${lastKept?.lsn}  xid ${lastKept?.xid}`)
		expect(lineWith(target, 'first lost commit')).toContain(
			`${truth.badCommittedAt}  ${truth.badCommitLsn}  xid ${truth.badXid}`,
		)
		expect(target).toContain(`the bad one and ${truth.commitsAfter} legitimate commits after it`)
		expect(target).toContain('prepared "settlement-0940" stays in doubt')
		expect(lineWith(target, '❯ before it, by LSN')).toContain('recommended')

		press('enter')
		const plan = await waitFor('In short')
		expect(plan).toContain(`lsn ${truth.badCommitLsn}, exclusive, timeline 1`)
		expect(lineWith(plan, 'restore into')).toContain(join(folder, 'restored'))
		press('G')
		await waitFor(/^ recovery_end_command +''$/m)

		press('enter')
		const confirm = await waitFor('type restored to start')
		expect(confirm).toContain('Nothing has been written so far.')
		expect(await readdir(folder)).not.toContain('restored')
		type('harbor')
		press('enter')
		await waitFor('"harbor" is not restored')
		press('ctrl+u')
		type('restored')
		press('enter')

		await waitFor('Restoring beside the damaged cluster')
		const held = await waitFor('STOPPED AT', slowMs)
		expect(held).toContain(`STOPPED AT ${truth.badCommitLsn}, exactly where planned`)
		const checked = await waitFor('data checksums')
		expect(lineWith(checked, `xid ${lastKept?.xid}, is in`)).toMatch(/✔.*committed/)
		expect(lineWith(checked, `xid ${truth.badXid}, is not in`)).toContain('✔')

		press('s')
		await waitFor('Enter ask')
		type("select count(*) as released from bond_reservations where status = 'released'")
		press('enter')
		const answer = await waitFor('1 row')
		expect(answer.split('\n').at(answer.split('\n').findIndex(line => /^ +released$/.test(line)) + 1)).toMatch(/^ +0$/)
		press('ctrl+u')
		type('select pg_promote()')
		press('enter')
		await waitFor('pg_promote() is refused')
		press('ctrl+u')
		type('delete from bond_reservations')
		press('enter')
		await waitFor(/✘.*delete/i)

		press('escape')
		await waitFor('Enter decide')
		press('enter')
		await waitFor('What becomes of the restored server?')
		press('up')
		await waitFor('❯ promote')
		press('enter')
		await waitFor('type promote')
		type('yes')
		press('enter')
		await waitFor('"yes" is not promote')
		press('ctrl+u')
		type('promote')
		press('enter')
		const runbook = await waitFor('# Runbook of recovery', slowMs)
		expect(runbook).toContain('✔ promoted: timeline 2')

		press('q')
		expect(await ended).toEqual({exitCode: 0, signal: 0})
		expect(isRestored()).toBe(true)
		expect(unwrapped(screen())).toContain(`Promoted: ${join(folder, 'restored')} runs on timeline 2`)
		expect(screen()).toMatch(leftWith(0))
	})

	test('brings back exactly the rows of the last good commit, on a timeline of its own', async () => {
		const status = await json('status', '--state', join(point.folder, 'state'))
		expect(status).toMatchObject({
			phase: 'promoted',
			stoppedAtLsn: truth.badCommitLsn,
			provenExact: true,
			dataDirectory: join(point.folder, 'restored'),
			timeline: 2,
		})
		const restored = {
			socketDirectory: String(status.socketDirectory),
			port: Number(status.port),
			superuser: String(status.user),
		}
		expect(compareWithTruth(truth, await rowsIn(restored)).filter(({same}) => !same)).toEqual([])
		const client = await connect(restored, 'harbor', 'test')
		try {
			const {rows} = await client.query(
				'select pg_is_in_recovery() as recovering, pg_walfile_name(pg_current_wal_lsn())',
			)
			expect(rows).toEqual([{recovering: false, pg_walfile_name: expect.stringMatching(/^00000002/)}])
			await client.query("update bond_reservations set status = 'open' where false")
		} finally {
			await client.end()
		}
	})

	test('leaves the damaged primary running as it was, and what it has archived', async () => {
		expect(await primaryNow()).toEqual(primaryBefore)
		const now = await readFiles()
		expect([...now].filter(([name]) => read.has(name))).toEqual([...read])
		// The primary goes on archiving what it writes by itself; nothing else has been added.
		const added = [...now.keys()].filter(name => !read.has(name))
		expect(added.filter(name => !/^00000001[0-9A-F]{16}$/.test(name))).toEqual([])
	})

	test('leaves a runbook that tells what was done, on the disk and as a command', async () => {
		const {recovery} = await json('status', '--state', join(point.folder, 'state'))
		const saved = await readFile(join(point.folder, 'state', 'recoveries', String(recovery), 'runbook.md'), 'utf8')
		expect(saved).toContain(`# Runbook of recovery ${recovery}`)
		for (const fact of [point.report.at, truth.badCommitLsn, String(truth.badXid), 'select pg_promote()', 'promoted']) {
			expect(saved).toContain(fact)
		}
		const {stdout, exitCode} = await run(process.execPath, [built, 'runbook', '--state', join(point.folder, 'state')])
		expect(exitCode).toBe(0)
		expect(stdout).toContain(`# Runbook of recovery ${recovery}`)
	})
})

describe('the demo without a terminal', () => {
	test('recovers by itself, prints the truth beside what it recovered, and ends with 0', async () => {
		const {exitCode, stdout, stderr} = await withoutTerminal
		expect(exitCode, stderr).toBe(0)
		const truth = await loadTruth(join(base.path, 'auto'))
		for (const value of [truth.badCommitLsn, truth.badXid, truth.reservations.sha256, truth.openByIssuer.sha256]) {
			expect(stdout).toContain(`truth      ${value}\n           recovered  ${value}\n`)
		}
		expect(stdout).not.toContain('DIFFERENT')
		expect(stdout).toContain('Harbor Point is back on its last good commit.')
		expect(stderr).toContain('promoted: timeline 2')
	})

	test('leaves a cluster that its own words lead to, and all of it can be removed with one command', async () => {
		const {stdout} = await withoutTerminal
		const [, socketDirectory = '', port = ''] = /^recovered cluster: \S+ -h (\S+) -p (\d+) /m.exec(stdout) ?? []
		const truth = await loadTruth(join(base.path, 'auto'))
		const rows = await rowsIn({socketDirectory, port: Number(port), superuser: 'postgres'})
		expect(compareWithTruth(truth, rows).filter(({same}) => !same)).toEqual([])
		const cleaned = await run(process.execPath, [built, 'demo', '--clean', '--folder', join(base.path, 'auto')])
		expect(cleaned).toMatchObject({exitCode: 0})
		expect(await processesIn(join(base.path, 'auto'))).toEqual([])
		expect(await readdir(base.path)).not.toContain('auto')
	})
})

describe('leaving early', () => {
	let point: HarborPoint
	let after: {readonly xid: number}

	/** The archive of the demo once more, with a base backup that takes a while to copy, and a commit after it. */
	beforeAll(async () => {
		point = await loadHarborPoint(join(base.path, 'harbor'))
		const {serverUser} = base
		const cluster: DemoCluster = {
			...primaryOf(point),
			installation: await testInstallation(),
			serverUser,
			serverLog: join(point.folder, 'primary.log'),
		}
		const filler = join(point.primary.dataDirectory, 'filler')
		await writeFile(filler, '')
		await chown(filler, serverUser.uid, serverUser.gid)
		await truncate(filler, 600 * 1024 * 1024)
		await makeFor(serverUser, join(point.folder, 'large'))
		await takeBaseBackup(cluster, {directory: join(point.folder, 'large', 'base'), label: 'large'}, undefined)
		const client = await connect(cluster, 'harbor', 'test')
		try {
			const {rows} = await client.query<{xid: string}>('select pg_current_xact_id()::text as xid')
			after = {xid: Number(rows[0]?.xid)}
			await archiveEverything(client, point.archive, undefined)
		} finally {
			await client.end()
		}
	})

	/** Opens the screens on the archive of the demo, and goes on to the plan for what comes before a commit. */
	async function goToPlan(start: typeof lastgood, xid: number, backups: string, to: string): Promise<PtyProgram> {
		const opened = start(
			...['--archive', point.archive, '--backups', backups],
			...['--primary', primaryConninfo(point), '--to', join(point.folder, to)],
		)
		const {waitFor, press, type} = opened
		await waitFor('✔ recoverable up to', slowMs)
		press('enter')
		await waitFor('When did it go wrong?')
		type(`xid ${xid}`)
		press('enter')
		await waitFor('table names: live primary')
		press('enter')
		await waitFor('Where should replay stop?')
		press('enter')
		await waitFor('In short')
		return opened
	}

	test('by Ctrl-C at the plan is asked about once, writes nothing, and ends with 130', async () => {
		const before = await readdir(point.folder)
		const {waitFor, press, ended, isRestored, screen} = await goToPlan(
			lastgoodInShell,
			after.xid,
			point.backups,
			'never',
		)
		press('ctrl+c')
		expect(await waitFor('Leave lastgood?')).toContain('Nothing was written.')
		press('escape')
		await waitFor('Enter go on')
		press('ctrl+c')
		await waitFor('Leave lastgood?')
		press('ctrl+c')
		expect(await ended).toEqual({exitCode: 0, signal: 0})
		expect(isRestored()).toBe(true)
		expect(unwrapped(screen())).toMatch(/Nothing was written\. .* was only read\./)
		expect(screen()).toMatch(leftWith(130))
		expect(await readdir(point.folder)).toEqual(before)
	})

	test.each(['SIGTERM', 'SIGHUP'])('by %s restores the terminal and says what is left', async signal => {
		const {kill, ended, isRestored, screen} = await goToPlan(lastgood, after.xid, point.backups, 'never')
		kill(signal)
		expect(await ended).toEqual({exitCode: 130, signal: 0})
		expect(isRestored()).toBe(true)
		expect(unwrapped(screen())).toMatch(/Nothing was written\. .* was only read\./)
	})

	test('by Ctrl-C twice while it copies removes what is half made', async () => {
		const before = await readdir(point.folder)
		const {waitFor, press, type, ended, isRestored, screen} = await goToPlan(
			lastgoodInShell,
			after.xid,
			join(point.folder, 'large'),
			'half-made',
		)
		press('enter')
		await waitFor('type half-made to start')
		type('half-made')
		press('enter')
		await waitFor(/copy .* of 6\d\d MB/)
		expect(await readdir(point.folder)).toContain('half-made')
		press('ctrl+c')
		await waitFor('Cancel the restore')
		press('ctrl+c')
		expect(await ended).toEqual({exitCode: 0, signal: 0})
		expect(isRestored()).toBe(true)
		expect(screen()).toContain('The restore failed and what it had made was removed.')
		expect(screen()).toMatch(leftWith(130))
		expect(await readdir(point.folder)).toEqual(before)
		expect(await json('status')).toMatchObject({phase: 'failed', dataDirectory: join(point.folder, 'half-made')})
	})

	test('by a hang-up while it holds leaves the server holding, which a later command finds and removes', async () => {
		const {waitFor, press, type, kill, ended, isRestored} = await goToPlan(lastgood, after.xid, point.backups, 'held')
		press('enter')
		await waitFor('type held to start')
		type('held')
		press('enter')
		await waitFor('STOPPED AT', slowMs)
		kill('SIGHUP')
		await ended
		expect(isRestored()).toBe(true)
		const status = await json('status')
		expect(status).toMatchObject({phase: 'held', provenExact: true, dataDirectory: join(point.folder, 'held')})
		const {exitCode} = await run(process.execPath, [built, 'abandon', String(status.recovery), '--yes'], {
			env: ownEnvironment(),
		})
		expect(exitCode).toBe(0)
		expect(await processesIn(join(point.folder, 'held'))).toEqual([])
		expect(await readdir(point.folder)).not.toContain('held')
	})
})
