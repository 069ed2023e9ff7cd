import {appendFile, chmod, chown, copyFile, mkdir, open, readdir, readFile, symlink, writeFile} from 'node:fs/promises'
import {createServer} from 'node:net'
import {join} from 'node:path'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {findInstallations} from '../../src/adapters/postgres/programs.ts'
import {run} from '../../src/adapters/process.ts'
import {boundariesDocument, errorDocument, planDocument, restoreEvent, surveyDocument} from './contract.ts'
import {documentOf, exists, harborRig, linesOf, type Rig} from './harbor.ts'
import {runHere} from './here.ts'

const isRoot = process.getuid?.() === 0
const pg18 = new URL('../fixtures/pg18/archive', import.meta.url).pathname

let rig: Rig
let source: string
let to: string
let untouched: readonly string[]

beforeAll(async () => {
	rig = await harborRig()
	source = rig.point.folder
	to = rig.at('destination')
	untouched = await rig.sourceFingerprint()
})
afterAll(() => rig?.remove())

/** What a refusal must be: its class, its words, and advice that can be run or checked. */
interface Refusal {
	readonly code: string
	readonly exitCode: number
	readonly message: string | RegExp
	readonly whatToDo: string | RegExp
}

/** The refusal as text by the built program and as JSON, with nothing made or changed. */
async function expectRefusal(args: readonly string[], refusal: Refusal, destination = to): Promise<void> {
	const there = await exists(destination)
	const [text, json] = await Promise.all([asText(args), runHere([...args, '--json'], rig)])
	expect(text.exitCode, text.stderr).toBe(refusal.exitCode)
	expect(text.stdout).toBe('')
	expect(text.stderr).toMatch(/^error: /)
	expect(text.stderr).not.toMatch(/^ +at /m)
	const [, ...advice] = text.stderr.split('\n  - ')
	expect(text.stderr.replace(/^error: /, '')).toMatch(refusal.message)
	expect(advice.join('\n')).toMatch(refusal.whatToDo)

	expect(json.exitCode, json.stdout).toBe(refusal.exitCode)
	expect(json.stderr).toBe('')
	const {error} = documentOf(errorDocument, json)
	expect(error.code).toBe(refusal.code)
	expect(error.message).toMatch(refusal.message)
	expect(error.whatToDo.join('\n')).toMatch(refusal.whatToDo)

	expect(await exists(destination)).toBe(there)
	await expectNothingLeft(destination)
}

const askedBuilt = new Set<string>()

/** The first refusal of a test comes from the built program, as an operator meets it; the others from the same code in this process. */
function asText(args: readonly string[]): Promise<{exitCode: number | null; stdout: string; stderr: string}> {
	const {currentTestName = ''} = expect.getState()
	if (askedBuilt.has(currentTestName)) return runHere(args, rig)
	askedBuilt.add(currentTestName)
	return rig.lastgood(...args)
}

/** No work directory, no process, and archive and base backup as they were, to the nanosecond. */
async function expectNothingLeft(destination = to): Promise<void> {
	expect(await exists(`${destination}.lastgood`)).toBe(false)
	expect(await rig.otherProcesses()).toEqual([])
	expect(await rig.sourceFingerprint()).toEqual(untouched)
}

const plan = (...words: readonly string[]) => ['plan', source, ...words, '--to', to]
const planApart = (archive: string, ...words: readonly string[]) => [
	...['plan', '--archive', archive, '--backups', rig.point.backups],
	...words,
	...['--to', to],
]

/** A folder below the rig's, made anew. */
async function folder(name: string): Promise<string> {
	await mkdir(rig.at(name))
	return rig.at(name)
}

/** A copy of the archive without some of its segments. */
async function archiveCopy(name: string, ...without: readonly (string | undefined)[]): Promise<string> {
	const copy = await folder(name)
	for (const file of await readdir(rig.point.archive))
		if (!without.includes(file)) await copyFile(join(rig.point.archive, file), join(copy, file))
	return copy
}

/** An LSN within the segment of this name, which has 1 MB. */
function within(segment: string | undefined): string {
	const number = Number.parseInt(segment?.slice(16) ?? '', 16)
	return `0/${(number * 0x100000 + 0x100).toString(16).toUpperCase()}`
}

describe('a source', () => {
	test('that is missing', () =>
		expectRefusal(['survey', rig.at('missing')], {
			code: 'archive-unreachable',
			exitCode: 30,
			message: `there is no folder ${rig.at('missing')}`,
			whatToDo: 'check that its file system is mounted (findmnt)',
		}))

	test('that is a file', () =>
		expectRefusal(['boundaries', join(rig.backup, 'backup_label'), '--around', '1 h ago'], {
			code: 'archive-unreachable',
			exitCode: 30,
			message: 'is a file, not a folder',
			whatToDo: 'name the folder that holds the WAL archive',
		}))

	test('that is empty', async () => {
		const empty = await folder('empty')
		for (const args of [['survey', empty], plan('--latest').with(1, empty)])
			await expectRefusal(args, {
				code: 'layout-unrecognized',
				exitCode: 32,
				message: `${empty} is empty`,
				whatToDo: 'name the folder into which archive_command copies',
			})
	})

	test('that is no archive', async () => {
		const photos = await folder('photos')
		await writeFile(join(photos, 'harbor.jpg'), 'not WAL')
		await expectRefusal(['survey', photos], {
			code: 'layout-unrecognized',
			exitCode: 32,
			message: /is no WAL archive: .*harbor\.jpg/,
			whatToDo: 'name the folder into which archive_command copies',
		})
		await expectRefusal(['survey', rig.point.primary.dataDirectory], {
			code: 'layout-unrecognized',
			exitCode: 32,
			message: 'is the data directory of a PostgreSQL server',
			whatToDo: 'show archive_command',
		})
	})

	test('of another major version, told by the magic of its pages, with the programs that are needed', async context => {
		const installed = await findInstallations({env: process.env})
		if (installed.some(({major}) => major === 18)) context.skip('PostgreSQL 18 is installed here')
		const refusal = {
			code: 'waldump-version-mismatch',
			exitCode: 41,
			message: /the WAL is of PostgreSQL 18 \(page magic D118\) and only pg_waldump 18 reads it; installed here: \d/,
			whatToDo: /install PostgreSQL 18: apt install postgresql-18 .*\nor name the folder of its programs: --pg-bin /,
		}
		await expectRefusal(['boundaries', pg18, '--around', '2026-11-22T07:00:00Z'], refusal)
		await expectRefusal(['plan', pg18, '--latest', '--to', to], refusal)
		const survey = await runHere(['survey', pg18, '--json'], rig)
		expect(survey.exitCode).toBe(31)
		expect(documentOf(surveyDocument, survey)).toMatchObject({
			cluster: {postgresMajor: 18},
			findings: expect.arrayContaining([
				expect.objectContaining({
					code: 'version-mismatch',
					severity: 'error',
					message: expect.stringContaining('D118'),
				}),
			]),
		})
	})

	test('without a base backup', async () => {
		for (const words of [['--latest'], ['--before', String(rig.truth.badXid)]])
			await expectRefusal(['plan', rig.point.archive, ...words, '--to', to], {
				code: 'no-usable-backup',
				exitCode: 33,
				message: `no base backup was found in ${rig.point.archive}`,
				whatToDo: '--backups <folder>',
			})
	})

	test('that the server’s account may not read', async context => {
		if (!isRoot) context.skip('the server runs as whoever runs lastgood, unless that is root')
		const closed = await archiveCopy('closed')
		await chmod(closed, 0o700)
		await chown(closed, 0, 0)
		await expectRefusal(planApart(closed, '--latest'), {
			code: 'archive-unreachable',
			exitCode: 30,
			message: `${rig.base.serverUser.name}, who will run the restored server, cannot read the archive`,
			whatToDo: `let ${rig.base.serverUser.name} read ${closed}`,
		})
	})

	test('read with a folder that holds none of PostgreSQL’s programs', async () => {
		const bin = await folder('no-programs')
		for (const args of [['survey', source], plan('--latest')])
			await expectRefusal([...args, '--pg-bin', bin], {
				code: 'usage',
				exitCode: 2,
				message: `--pg-bin ${bin} holds none of PostgreSQL's programs`,
				whatToDo: 'name the directory that holds pg_waldump',
			})
	})
})

describe('a target', () => {
	const beyond = {code: 'target-beyond-archive', exitCode: 36}

	test('before the base backup is consistent, with the nearest that works', async () => {
		const {backups} = documentOf(surveyDocument, await runHere(['survey', source, '--json'], rig))
		const early = backups[0]?.startLsn ?? ''
		const refusal = {
			code: 'target-before-consistency',
			exitCode: 35,
			message: `before the base backup is consistent at ${backups[0]?.stopLsn}`,
			whatToDo: /^the nearest stop that works: --after 0\/[0-9A-F]+ \(xid \d+\)\nan older base backup/,
		}
		await expectRefusal(plan('--before', early), refusal)
		await expectRefusal(plan('--target-time', '2020-01-01T00:00:00Z'), refusal)
		const refused = documentOf(errorDocument, await runHere([...plan('--before', early), '--json'], rig))
		const [, nearest = ''] = /--after (\S+)/.exec(refused.error.whatToDo[0] ?? '') ?? []
		expect(await runHere([...plan('--after', nearest), '--json'], rig)).toMatchObject({exitCode: 0})
	})

	test('after the end of the archive, with the last one that works', async () => {
		const {lastXid} = rig.history
		for (const words of [
			['--before', 'F/0'],
			['--target-lsn', 'F/0'],
			['--target-time', '2099-01-01T00:00:00Z'],
		])
			await expectRefusal(plan(...words), {
				...beyond,
				message: /^nothing in the archived WAL, which ends at 0\/[0-9A-F]+, is a stop for /,
				whatToDo: new RegExp(`the nearest stop that works: --after 0/[0-9A-F]+ \\(xid ${lastXid}\\)\n.*pg_switch_wal`),
			})
	})

	test('at a restore point that was never made', () =>
		expectRefusal(plan('--target-name', 'before the deplo'), {
			...beyond,
			message: 'is a stop for restore point "before the deplo"',
			whatToDo: 'lastgood boundaries',
		}))

	test('on a timeline that is not there', () =>
		expectRefusal(plan('--latest', '--timeline', '7'), {
			code: 'timeline-unreachable',
			exitCode: 34,
			message: 'timeline 7 is not in the archive',
			whatToDo: 'timelines that are: 1',
		}))

	test('that never committed: an xid that was rolled back, is unknown, or is a subtransaction’s', async () => {
		const {abortedXid, futureXid, subtransaction} = rig.history
		for (const option of ['--before', '--after', '--target-xid']) {
			await expectRefusal(plan(option, String(abortedXid)), {
				...beyond,
				message: new RegExp(`^xid ${abortedXid} never committed: it was rolled back at 0/[0-9A-F]+`),
				whatToDo: 'lastgood boundaries',
			})
			await expectRefusal(plan(option, String(futureXid)), {
				...beyond,
				message: new RegExp(`^xid ${futureXid} never committed in the archived WAL from 0/[0-9A-F]+ to 0/[0-9A-F]+`),
				whatToDo: 'lastgood boundaries lists the commits',
			})
			await expectRefusal(plan(option, String(subtransaction.xid)), {
				code: 'usage',
				exitCode: 2,
				message: `xid ${subtransaction.xid} is a subtransaction of xid ${subtransaction.parentXid}`,
				whatToDo: `--before ${subtransaction.parentXid}`,
			})
		}
	})

	test('whose time lacks its zone, is shown twice by the clocks of its zone, or never', async () => {
		const usage = {code: 'usage', exitCode: 2}
		const commands = {
			'--target-time': (time: string) => plan('--target-time', time),
			'--around': (time: string) => ['boundaries', source, '--around', time],
		}
		for (const [option, args] of Object.entries(commands)) {
			await expectRefusal(args('2026-11-22 09:41:23.5'), {
				...usage,
				message: '"2026-11-22 09:41:23.5": a time needs its zone',
				whatToDo: `if it is UTC: ${option} 2026-11-22T09:41:23.500000Z`,
			})
			await expectRefusal(args('2026-10-25 02:30 Europe/Berlin'), {
				...usage,
				message: 'clocks in Europe/Berlin showed this time 2 times',
				whatToDo: `${option} 2026-10-25T00:30:00.000000Z\n`,
			})
			await expectRefusal(args('2026-03-29 02:30 Europe/Berlin'), {
				...usage,
				message: 'clocks in Europe/Berlin never showed this time',
				whatToDo: `in UTC: ${option} `,
			})
		}
	})
})

describe('a hole in the archive', () => {
	let holed: string
	let missing: string
	const gap = () => ({
		code: 'archive-gap',
		exitCode: 31,
		message: `1 WAL segment(s) are missing from the archive, the first is ${missing}`,
		whatToDo: `look for ${missing} in pg_wal of the old primary and of every standby`,
	})

	beforeAll(async () => {
		missing = rig.history.segments.at(-2) ?? ''
		holed = await archiveCopy('holed', missing)
	})

	test('stops a target in it, one behind it, and the end of the archive', async () => {
		const {segments, lastXid} = rig.history
		for (const words of [
			['--before', within(missing)],
			['--before', within(segments.at(-1))],
			['--before', String(lastXid)],
			['--target-xid', String(lastXid)],
			['--target-time', '2099-01-01T00:00:00Z'],
			['--target-name', 'made behind it'],
			['--latest'],
		])
			await expectRefusal(planApart(holed, ...words), gap())
	})

	test('leaves a target before it, with a warning that what stands behind it is not counted', async () => {
		const planned = await runHere([...planApart(holed, '--before', String(rig.truth.badXid)), '--json'], rig)
		const {findings, stop} = documentOf(planDocument, planned)
		expect(stop.firstLost?.xid).toBe(rig.truth.badXid)
		expect(findings).toContainEqual(
			expect.objectContaining({code: 'archive-gap', severity: 'warning', message: expect.stringContaining(missing)}),
		)
	})

	test('is told where commits are listed', async () => {
		const around = ['--around', rig.point.report.at, '--limit', '1']
		const listed = await runHere(
			['boundaries', '--archive', holed, '--backups', rig.point.backups, ...around, '--json'],
			rig,
		)
		expect(documentOf(boundariesDocument, listed).boundaries).toHaveLength(1)
		expect(listed.stderr).toMatch(`warning: 1 WAL segment from ${missing} on is missing from the archive`)
	})

	test('within the base backup leaves nothing to start from', async () => {
		const {backups} = documentOf(surveyDocument, await runHere(['survey', source, '--json'], rig))
		const [high, low] = (backups[0]?.startLsn ?? '').split('/')
		const number = Math.floor(Number.parseInt(low ?? '', 16) / 0x100000)
		const first = `00000001${high?.padStart(8, '0')}${number.toString(16).toUpperCase().padStart(8, '0')}`
		await expectRefusal(planApart(await archiveCopy('beheaded', first), '--latest'), {
			code: 'no-usable-backup',
			exitCode: 33,
			message: `the first segment to be missing or damaged is ${first}`,
			whatToDo: 'lastgood survey',
		})
	})

	test('is as good as a segment that is damaged', async () => {
		const damaged = await archiveCopy('damaged')
		const file = await open(join(damaged, missing), 'r+')
		await file.write(Buffer.alloc(200, 0xff), 0, 200, 100)
		await file.close()
		for (const words of [['--before', String(rig.history.lastXid)], ['--latest']])
			await expectRefusal(planApart(damaged, ...words), {
				code: 'archive-gap',
				exitCode: 31,
				message: `segment ${missing}`,
				whatToDo: 'look for an undamaged copy',
			})
	})
})

describe('a destination', () => {
	const occupied = {code: 'data-directory-occupied', exitCode: 50}

	test('that holds something', async () => {
		const full = await folder('occupied')
		await writeFile(join(full, 'precious.txt'), 'mine')
		await expectRefusal(['plan', source, '--latest', '--to', full], {
			...occupied,
			message: `the destination ${full} is not empty: it holds precious.txt`,
			whatToDo: 'choose an empty folder or one that does not exist yet',
		})
		expect(await readFile(join(full, 'precious.txt'), 'utf8')).toBe('mine')
	})

	test('inside the archive or the base backup', async () => {
		for (const path of [join(rig.point.archive, 'new'), join(rig.backup, 'new'), join(source, 'new')])
			await expectRefusal(
				['plan', source, '--latest', '--to', path],
				{...occupied, message: 'which is only ever read', whatToDo: 'choose a folder outside'},
				path,
			)
	})

	test('inside an archive that is named by a link', async () => {
		await symlink(rig.point.archive, rig.at('link'))
		const [command, ...words] = planApart(rig.at('link'), '--latest').with(-1, join(rig.point.archive, 'new'))
		expect(command).toBe('plan')
		const ended = await rig.lastgood('restore', ...words, '--yes', '--json')
		expect(ended.exitCode).toBe(50)
		expect(linesOf(restoreEvent, ended).at(-1)).toMatchObject({event: 'failed', error: {code: occupied.code}})
		await expectNothingLeft(join(rig.point.archive, 'new'))
	})

	test('that the server’s account cannot reach', async context => {
		if (!isRoot) context.skip('the server runs as whoever runs lastgood, unless that is root')
		await expectRefusal(
			['plan', source, '--latest', '--to', '/root/lastgood/restored'],
			{code: 'usage', exitCode: 2, message: 'may not enter /root', whatToDo: '/var/lib/postgresql'},
			'/root/lastgood',
		)
	})

	test('with a port that is in use', async () => {
		const server = createServer()
		await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
		const address = server.address()
		const port = typeof address === 'object' && address !== null ? address.port : 0
		try {
			await expectRefusal(plan('--latest', '--port', String(port)), {
				code: 'server-still-running',
				exitCode: 51,
				message: `port ${port} is in use on this machine`,
				whatToDo: '--port <number>',
			})
		} finally {
			server.close()
		}
	})

	describe('on a small file system', () => {
		let disk: string
		const mount = (options: string) => run('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', disk])

		test('is refused before anything is done', async context => {
			if (!isRoot) context.skip('only root can mount a small file system')
			disk = await folder('small-disk')
			if ((await mount('size=40m')).exitCode !== 0) context.skip('no file system can be mounted here')
			try {
				await expectRefusal(
					['plan', source, '--latest', '--to', join(disk, 'restored')],
					{
						...occupied,
						message: /has \d+ bytes free, and the restore needs \d+$/m,
						whatToDo: 'choose a destination on a larger file system',
					},
					join(disk, 'restored'),
				)
			} finally {
				await run('umount', [disk])
			}
		})

		test('that fills up while it is copied is emptied again', async context => {
			if (!isRoot) context.skip('only root can mount a small file system')
			disk = await folder('filling-disk')
			if ((await mount('size=120m')).exitCode !== 0) context.skip('no file system can be mounted here')
			const restored = join(disk, 'restored')
			try {
				const words = ['--before', rig.truth.badCommitLsn, '--to', restored, '--json']
				await writeFile(rig.at('small-plan.json'), (await runHere(['plan', source, ...words], rig)).stdout)
				await writeFile(join(disk, 'somebody else'), Buffer.alloc(105_000_000))
				const ended = await rig.lastgood('restore', '--plan', rig.at('small-plan.json'), '--yes', '--json')
				expect(ended, ended.stderr).toMatchObject({exitCode: 50, stderr: ''})
				const last = linesOf(restoreEvent, ended).at(-1)
				expect(last).toMatchObject({event: 'failed', leaves: [], error: {code: occupied.code}})
				if (last?.event !== 'failed') return
				expect(last.error.message).toMatch(`the disk is full at ${restored}: the base backup needs `)
				expect(last.error.whatToDo.join('\n')).toContain('choose a destination on a larger file system')
				expect(await readdir(disk)).toEqual(['somebody else'])
				await expectNothingLeft(restored)
				const status = await runHere(['status', last.recovery ?? ''], rig)
				expect(status.stdout).toMatch(/^phase +failed\nleft of it +nothing: /m)
			} finally {
				await run('umount', [disk])
			}
		})
	})
})

describe('a plan file', () => {
	let good: Record<string, unknown>
	beforeAll(async () => {
		good = JSON.parse((await runHere([...plan('--latest'), '--json'], rig)).stdout)
	})

	/** `restore` streams: its refusal is the last line, and the only one before anything has begun. */
	async function expectRestoreRefusal(text: string | undefined, message: string): Promise<void> {
		const file = rig.at(`plan-${performance.now()}.json`)
		if (text !== undefined) await writeFile(file, text)
		const ended = await rig.lastgood('restore', '--plan', file, '--yes')
		expect(ended, ended.stderr).toMatchObject({exitCode: 2, stdout: ''})
		expect(ended.stderr).toContain(message)
		expect(ended.stderr).toContain('nothing is left behind')
		const streamed = await runHere(['restore', '--plan', file, '--yes', '--json'], rig)
		expect(streamed.exitCode).toBe(2)
		expect(linesOf(restoreEvent, streamed)).toMatchObject([{event: 'failed', recovery: null, error: {code: 'usage'}}])
		expect(await exists(to)).toBe(false)
		await expectNothingLeft()
	}

	test('that is missing, garbage, cut off, not JSON of a plan', async () => {
		await expectRestoreRefusal(undefined, 'the plan cannot be read')
		await expectRestoreRefusal('\u001b[31mgarbage', 'is no plan: ')
		await expectRestoreRefusal(JSON.stringify(good).slice(0, 2000), 'is no plan: ')
		await expectRestoreRefusal('[]', 'is no plan of this lastgood')
		await expectRestoreRefusal(JSON.stringify({...good, stop: {}}), 'is no plan of this lastgood: stop.lsn')
		await expectRestoreRefusal(JSON.stringify({...good, recovery: '../../x'}), '"../../x" is no name of a recovery')
	})

	test('does not paint on the terminal with what it holds', async () => {
		const file = rig.at('painting.json')
		await writeFile(file, '\u001b[31mgarbage')
		const {stderr} = await rig.lastgood('restore', '--plan', file, '--yes')
		expect(stderr).not.toContain('\u001b')
	})

	test('that opens the restored server to others is refused', async () => {
		const settings = (good.settings as [string, string][]).map(([name, value]) =>
			name === 'listen_addresses' ? [name, '*'] : [name, value],
		)
		const file = rig.at('open-door.json')
		await writeFile(file, JSON.stringify({...good, recovery: 'open-door', settings}))
		const ended = await rig.lastgood('restore', '--plan', file, '--yes')
		expect(ended.exitCode).toBe(2)
		expect(ended.stderr).toMatch(/error: the plan sets listen_addresses to .*\*/)
		expect(await exists(to)).toBe(false)
		await expectNothingLeft()
	})
})

describe('a recovery', () => {
	const unreadable = {code: 'journal-unreadable', exitCode: 60}

	test('that nobody knows', async () => {
		for (const args of [
			['status', 'nosuch'],
			['runbook', 'nosuch'],
			['promote', 'nosuch', '--yes'],
			['abandon', 'nosuch', '--yes'],
		])
			await expectRefusal(args, {
				...unreadable,
				message: 'there is no recovery nosuch in ',
				whatToDo: '--state <folder>',
			})
		await expectRefusal(['status', '../../etc'], {
			...unreadable,
			message: '"../../etc" is no name of a recovery',
			whatToDo: 'lastgood status',
		})
		await expectRefusal(['status', '--state', rig.at('nothing-there')], {
			...unreadable,
			message: 'no recovery is recorded here',
			whatToDo: 'lastgood <source>',
		})
	})

	test('whose journal is damaged: the line is named and nothing is done', async () => {
		const journal = join(rig.state, 'recoveries', 'damaged', 'journal.ndjson')
		await mkdir(join(rig.state, 'recoveries', 'damaged'), {recursive: true})
		const at = '2026-11-22T07:25:06.501967Z'
		const opened = {event: 'opened', at, recovery: 'damaged', lastgood: '0.1.0', host: 'h', user: 'u'}
		await writeFile(journal, `${JSON.stringify(opened)}\n{"event":"held","at\n`)
		await appendFile(journal, `${JSON.stringify(opened)}\n`)
		for (const args of [
			['status', 'damaged'],
			['runbook', 'damaged'],
			['promote', 'damaged', '--yes'],
			['abandon', 'damaged', '--yes'],
		])
			await expectRefusal(args, {
				...unreadable,
				message: `${journal} is damaged in line 2: it is no JSON`,
				whatToDo: `sed -n 2p ${journal}`,
			})
		expect(await runHere([...plan('--latest'), '--json'], rig), 'it is no reason not to plan').toMatchObject({
			exitCode: 0,
		})
	})

	test('whose state folder cannot be written is not begun', async () => {
		await writeFile(rig.at('a-file'), '')
		await expectRefusal([...plan('--latest'), '--state', join(rig.at('a-file'), 'state')], {
			...unreadable,
			message: `${join(rig.at('a-file'), 'state', 'recoveries')} cannot be read`,
			whatToDo: /./,
		})
	})
})
