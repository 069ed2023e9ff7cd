import {readdir, readFile, writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {run} from '../../src/adapters/process.ts'
import {
	boundariesDocument,
	errorDocument,
	planDocument,
	restoreEvent,
	runbookDocument,
	statusDocument,
	surveyDocument,
} from './contract.ts'
import {documentOf, type Ended, exists, harborRig, linesOf, type Rig} from './harbor.ts'
import {runHere} from './here.ts'

const fixtures = new URL('../fixtures/', import.meta.url).pathname

let rig: Rig
let source: string

beforeAll(async () => {
	rig = await harborRig()
	source = rig.point.folder
})
afterAll(() => rig?.remove())

/** The program's standard output, after it has ended with 0. */
async function output(...args: readonly string[]): Promise<string> {
	const ended = await rig.lastgood(...args)
	expect(ended, ended.stderr).toMatchObject({exitCode: 0})
	return ended.stdout
}

/** Calls psql as somebody who reads `connect` would, with a database and a statement added. */
async function ask(connect: readonly string[], statement: string): Promise<string> {
	const [program = '', ...args] = connect
	const answer = await run(program, [...args, '-d', 'harbor', '-Atc', statement])
	return answer.exitCode === 0 ? answer.stdout.trim() : answer.stderr.trim()
}

describe('lastgood survey', () => {
	test('--json has every field of the contract', async () => {
		const ended = await rig.lastgood('survey', source, '--json')
		expect(ended).toMatchObject({exitCode: 0, stderr: ''})
		const survey = documentOf(surveyDocument, ended)
		expect(survey.source).toMatchObject({location: source, layout: 'plain', store: 'local'})
		expect(survey.cluster).toMatchObject({postgresMajor: rig.installation.major, walSegmentBytes: 1_048_576})
		expect(survey.timelines).toMatchObject([{id: 1, parent: null, switchLsn: null, reason: null}])
		expect(survey.timelines[0]?.lastSegment).toBe(rig.history.segments.at(-1))
		expect(survey.backups).toMatchObject([
			{kind: 'full', timeline: 1, usable: true, whyNot: null, location: rig.backup},
		])
		expect(survey.coverage).toMatchObject([{timeline: 1, fromLsn: survey.backups[0]?.stopLsn}])
		expect(survey.findings).toEqual([])
	})

	test('says the same of archive and backups that are named apart', async () => {
		const {archive, backups} = rig.point
		const together = documentOf(surveyDocument, await rig.lastgood('survey', source, '--json'))
		const apart = documentOf(
			surveyDocument,
			await rig.lastgood('survey', '--archive', archive, '--backups', backups, '--json'),
		)
		expect({...apart, source: together.source}).toEqual(together)
		expect(apart.source.location).toBe(archive)
	})

	test('as text names the version, the backup and what can be recovered', async () => {
		const text = await output('survey', source)
		expect(text).toContain(`PostgreSQL ${rig.installation.major}, system identifier `)
		expect(text).toMatch(
			/Base backups\n {2}base-\S+ .*timeline 1 {2}\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ {2}\S+ MB {2}usable\n/,
		)
		expect(text).toMatch(
			/Recoverable\n {2}base-\S+ {2}timeline 1 {2}\S+Z \(0\/[0-9A-F]+\) {2}to \S+Z \(0\/[0-9A-F]+\)\n/,
		)
		expect(text).toContain('No findings.')
	})

	test('given again and again in one process leaves nothing behind in it', async () => {
		const listeners = () => process.eventNames().map(name => [name, process.listenerCount(name)])
		await runHere(['survey', source, '--json'], rig)
		const before = listeners()
		const ended = await Promise.all(Array.from({length: 12}, () => runHere(['survey', source, '--json'], rig)))
		expect(ended.map(({exitCode}) => exitCode)).toEqual(Array(12).fill(0))
		expect(listeners()).toEqual(before)
	})

	test('ends with 31 and the document when a finding is an error', async () => {
		const ended = await rig.lastgood('survey', rig.point.archive, '--json')
		expect(ended.exitCode).toBe(31)
		const {findings} = documentOf(surveyDocument, ended)
		expect(findings.map(({code, severity}) => [code, severity])).toEqual([['no-usable-backup', 'error']])
	})
})

describe('lastgood boundaries', () => {
	const around = () => ['boundaries', source, '--around', rig.point.report.at]

	test('--rank --limit 1 names the bad commit, with every field of the contract', async () => {
		const {boundaries, ...head} = documentOf(
			boundariesDocument,
			await rig.lastgood(...around(), '--rank', '--limit', '1', '--primary', rig.conninfo, '--json'),
		)
		expect(head).toMatchObject({
			around: rig.point.report.at.replace('Z', '.000000Z'),
			timeline: 1,
			names: {source: 'primary', problem: null},
		})
		const {truth} = rig
		expect(boundaries).toMatchObject([
			{
				kind: 'commit',
				lsn: truth.badCommitLsn,
				xid: truth.badXid,
				at: truth.badCommittedAt,
				tables: [
					{
						name: 'public.bond_reservations',
						database: 'harbor',
						inserted: 0,
						updated: truth.rowsChangedByJob,
						deleted: 0,
					},
					{
						name: 'public.gsi_open_by_issuer',
						database: 'harbor',
						inserted: 0,
						updated: 0,
						deleted: truth.rowsChangedByJob,
					},
				],
				dropped: [],
				truncated: [],
				subxids: [],
				gid: null,
				name: null,
				suspicion: {rank: 1},
			},
		])
	})

	test('lists only the kinds of the contract, in the order of the WAL, restore points without a time', async () => {
		const {boundaries} = documentOf(boundariesDocument, await rig.lastgood(...around(), '--json'))
		const places = boundaries.map(({lsn}) => Number.parseInt(lsn.slice(2), 16))
		expect(places).toEqual(places.toSorted((a, b) => a - b))
		const kinds = new Set(boundaries.map(({kind}) => kind))
		expect([...kinds].sort()).toEqual(['abort', 'commit', 'commit-prepared', 'restore-point'])
		expect(boundaries.filter(({kind}) => kind === 'restore-point')).toMatchObject([
			{name: rig.history.restorePoint, at: null, xid: null},
		])
		expect(boundaries.find(({kind}) => kind === 'commit-prepared')?.xid).toBeGreaterThan(2)
		const {subtransaction} = rig.history
		expect(boundaries.find(({xid}) => xid === subtransaction.parentXid)?.subxids).toEqual([subtransaction.xid])
	})

	test('--window takes in what was stamped within it and no more', async () => {
		const {window, boundaries} = documentOf(
			boundariesDocument,
			await rig.lastgood(...around(), '--window', '1s', '--json'),
		)
		const at = Date.parse(rig.point.report.at)
		expect([Date.parse(window.from), Date.parse(window.to)]).toEqual([at - 1000, at + 1000])
		expect(boundaries.length).toBeGreaterThan(10)
		for (const {at} of boundaries) if (at !== null) expect(at >= window.from && at <= window.to, at).toBe(true)
	})

	test('--table and --min-rows leave the commits that wrote so much to this table', async () => {
		const listed = async (...more: readonly string[]) =>
			documentOf(boundariesDocument, await runHere([...around(), ...more, '--primary', rig.conninfo, '--json'], rig))
				.boundaries
		const all = await listed('--table', 'bond_reservations')
		expect(all.length).toBeGreaterThan(50)
		expect(all.every(({tables}) => tables.some(({name}) => name === 'public.bond_reservations'))).toBe(true)
		expect(await listed('--table', 'public.bond_reservations')).toEqual(all)
		expect(await listed('--table', all[0]?.tables[0]?.relation ?? '')).toEqual(all)
		expect((await listed('--table', 'bond_reservations', '--min-rows', '100')).map(({xid}) => xid)).toEqual([
			rig.truth.badXid,
		])
		expect(await listed('--table', 'nobody_wrote_here')).toEqual([])
	})

	test('--table without anybody who knows the names is an error, not an empty list', async () => {
		const ended = await rig.lastgood(...around(), '--table', 'bond_reservations')
		expect(ended).toMatchObject({exitCode: 2, stdout: ''})
		expect(ended.stderr).toContain('table names are not known')
		expect(ended.stderr).toContain('--primary')
	})

	test('as text has one line a boundary below its heads, and says how many on standard error', async () => {
		const ended = await rig.lastgood(...around(), '--rank', '--limit', '3', '--primary', rig.conninfo)
		const [head = '', first = '', ...others] = ended.stdout.trimEnd().split('\n')
		expect(head).toMatch(/^committed at +LSN +xid +kind +wrote$/)
		const {badCommittedAt, badCommitLsn, badXid, rowsChangedByJob: rows} = rig.truth
		expect(first).toContain(
			`${badCommittedAt}  ${badCommitLsn}  ${badXid}  commit  bond_reservations ~${rows}, gsi_open_by_issuer -${rows}  (1. `,
		)
		expect(others).toHaveLength(2)
		expect(ended.stderr).toMatch(/^3 boundaries from \S+Z to \S+Z, timeline 1\n$/)
	})

	test('with nothing in its window says what there is', async () => {
		const ended = await rig.lastgood('boundaries', source, '--around', '2020-01-01T00:00:00Z')
		expect(ended).toMatchObject({exitCode: 0, stdout: ''})
		expect(ended.stderr).toMatch(/0 boundaries from .*\nwhat was decoded runs from \S+Z to \S+Z\n$/)
	})

	test('does not take the names of another cluster', async context => {
		const other = join(fixtures, `pg${rig.installation.major}`, 'archive')
		if (!(await exists(other))) context.skip(`there is no fixture of PostgreSQL ${rig.installation.major}`)
		const {names, boundaries} = documentOf(
			boundariesDocument,
			await rig.lastgood(
				...['boundaries', other, '--around', '20 min ago', '--window', '9000d'],
				...['--primary', rig.conninfo, '--json'],
			),
		)
		expect(names).toMatchObject({source: 'none', problem: expect.stringContaining('another cluster')})
		expect(boundaries.flatMap(({tables}) => tables.map(({name}) => name)).join()).toContain('relation ')
	})
})

describe('lastgood plan', () => {
	const plan = async (...target: readonly string[]) =>
		documentOf(planDocument, await runHere(['plan', source, ...target, '--to', rig.at('planned'), '--json'], rig))

	test('--before stops at the commit’s LSN, exclusive, whether it is named by LSN or by xid', async () => {
		const {badCommitLsn: value, badXid, badCommittedAt} = rig.truth
		for (const name of [value, String(badXid)]) {
			const made = await plan('--before', name)
			expect(made.target).toEqual({kind: 'lsn', value, inclusive: false, timeline: 1})
			expect(made.stop).toMatchObject({lsn: value, firstLost: {lsn: value, xid: badXid, at: badCommittedAt}})
			expect(made.lost.commits).toBeGreaterThan(rig.truth.commitsAfter)
			expect(made.preparedInDoubt).toEqual(['settlement-0940'])
			expect(made.inFlight.filter(({outcome}) => outcome === 'commit').map(({xid}) => xid)).toContain(badXid)
			expect(made.settings).toEqual(
				expect.arrayContaining([
					['recovery_target_lsn', value],
					['recovery_target_inclusive', 'off'],
					['recovery_target_timeline', '1'],
				]),
			)
			expect(made.steps.filter(step => step.irreversible).map(step => step.id)).toEqual(['promote'])
			expect(made.destination).toBe(rig.at('planned'))
		}
	})

	test('takes every kind of target', async () => {
		const {badCommitLsn, badXid, badCommittedAt} = rig.truth
		const {restorePoint, lastXid} = rig.history
		const settingTime = badCommittedAt.replace('T', ' ').replace('Z', '+00')
		const targets = {
			[`--after ${badXid}`]: {kind: 'lsn', value: badCommitLsn, inclusive: true},
			[`--target-lsn ${badCommitLsn}`]: {kind: 'lsn', value: badCommitLsn, inclusive: true},
			[`--target-lsn ${badCommitLsn} --exclusive`]: {kind: 'lsn', value: badCommitLsn, inclusive: false},
			[`--target-xid ${badXid}`]: {kind: 'xid', value: String(badXid), inclusive: true},
			[`--target-xid ${badXid} --exclusive`]: {kind: 'xid', value: String(badXid), inclusive: false},
			[`--target-time ${badCommittedAt} --exclusive`]: {kind: 'time', value: settingTime, inclusive: false},
			'--immediate': {kind: 'immediate', value: 'immediate'},
			'--latest': {kind: 'latest'},
		}
		for (const [words, target] of Object.entries(targets)) {
			expect((await plan(...words.split(' '))).target, words).toMatchObject({...target, timeline: 1})
		}
		const atPoint = await plan('--target-name', restorePoint)
		expect(atPoint.target).toMatchObject({kind: 'restore-point', value: restorePoint})
		expect((await plan('--latest')).stop).toMatchObject({lastKept: {xid: lastXid}, firstLost: null})
		expect((await plan('--target-time', badCommittedAt, '--exclusive')).stop.firstLost?.xid).toBe(badXid)
	})

	test('as text shows what is kept and lost, every step with its command, every setting', async () => {
		const text = await output('plan', source, '--before', String(rig.truth.badXid), '--to', rig.at('it’s planned'))
		const {badCommitLsn, badCommittedAt, badXid} = rig.truth
		expect(text).toContain(`first lost   ${badCommittedAt}  ${badCommitLsn}  xid ${badXid}`)
		expect(text).toMatch(/^in flight {4}xid \d+ \(commit\), xid \d+ \(commit\)/m)
		expect(text).toContain('in doubt     "settlement-0940"')
		expect(text).toMatch(/Given up after the stop\n {2}relation \d+ +\d+ inserted +\d+ updated +\d+ deleted\n/)
		expect(text).toMatch(/ 9\. promote: .* {2}\[irreversible\]\n {5}runs: \S+pg_ctl -D '/)
		expect(text).toContain("restore_command                  = '/bin/sh ''")
		expect(text).toContain('COMMIT PREPARED or ROLLBACK PREPARED')
		expect(await exists(rig.at('it’s planned'))).toBe(false)
	})

	test('options before the name of the command count as well', async () => {
		const made = await rig.lastgood(
			'--json',
			'--state',
			rig.at('elsewhere'),
			'plan',
			source,
			'--latest',
			'--to',
			rig.at('x'),
		)
		expect(documentOf(planDocument, made).destination).toBe(rig.at('x'))
	})
})

describe('a recovery', () => {
	let recovery: string
	let connect: readonly string[]
	const destination = () => rig.at('restored')

	test('restore --plan --json streams one event a line and ends with the held server', async () => {
		const before = await rig.sourceFingerprint()
		const file = rig.at('plan.json')
		const {badXid, badCommitLsn} = rig.truth
		const plan = [
			'plan',
			source,
			'--before',
			String(badXid),
			'--to',
			destination(),
			'--primary',
			rig.conninfo,
			'--json',
		]
		await writeFile(file, await output(...plan))
		const ended = await rig.lastgood('restore', '--plan', file, '--yes', '--json')
		expect(ended).toMatchObject({exitCode: 0, stderr: ''})
		const events = linesOf(restoreEvent, ended)
		expect(events[0]).toMatchObject({event: 'started', destination: destination()})
		const steps = events.flatMap(event => (event.event === 'step' && event.state === 'finished' ? [event.step] : []))
		expect(steps).toEqual([
			'create-directories',
			'copy-base-backup',
			'disarm',
			'write-configuration',
			'check-configuration',
			'start-server',
			'replay',
		])
		const phases = events.flatMap(event => (event.event === 'progress' ? [event.phase] : []))
		expect([...new Set(phases)]).toEqual(['copying', 'replaying'])
		expect(events.findLast(event => event.event === 'progress')).toMatchObject({replayLsn: badCommitLsn})
		expect(events.filter(event => event.event === 'check' && event.outcome === 'failed')).toEqual([])
		const held = events.at(-1)
		expect(held).toMatchObject({
			event: 'held',
			stoppedAtLsn: badCommitLsn,
			provenExact: true,
			dataDirectory: destination(),
			timeline: 1,
		})
		if (held?.event !== 'held') throw new Error('it does not hold')
		;({recovery, connect} = held)
		expect(await rig.sourceFingerprint()).toEqual(before)
	})

	test('connect works as it stands, and shows the state just before the bad commit', async () => {
		const {reservations, openByIssuer} = rig.truth
		expect(await ask(connect, 'select count(*) from bond_reservations')).toBe(String(reservations.count))
		expect(await ask(connect, 'select count(*) from gsi_open_by_issuer')).toBe(String(openByIssuer.count))
		expect(await ask(connect, 'delete from bond_reservations')).toContain('read-only transaction')
	})

	test('status says the same as the held event, with the recovery named or not', async () => {
		const named = documentOf(statusDocument, await rig.lastgood('status', recovery, '--json'))
		expect(named).toMatchObject({recovery, phase: 'held', provenExact: true, connect, timeline: 1})
		expect(documentOf(statusDocument, await rig.lastgood('status', '--json'))).toEqual(named)
		expect(await readFile(named.runbook, 'utf8')).toContain(`# Runbook of recovery ${recovery}`)
		const text = await output('status')
		expect(text).toMatch(/^phase +held: paused at the target, nothing can be changed$/m)
		expect(text).toContain(`lastgood promote ${recovery} --yes`)
		expect(text).toContain(`lastgood abandon ${recovery} --yes`)
	})

	test('a plan is carried out once, and as it stands', async () => {
		const again = await rig.lastgood('restore', '--plan', rig.at('plan.json'), '--yes')
		expect(again).toMatchObject({exitCode: 2, stdout: ''})
		expect(again.stderr).toContain(`this plan was already carried out, as recovery ${recovery}`)
		const changed = await rig.lastgood('restore', source, '--plan', rig.at('plan.json'), '--to', '/elsewhere', '--yes')
		expect(changed.exitCode).toBe(2)
		expect(changed.stderr).toContain(`--plan says all of it, and "${source}", --to cannot change it`)
	})

	test('promote and abandon do nothing without --yes', async () => {
		for (const command of ['promote', 'abandon']) {
			const ended = await rig.lastgood(command, recovery)
			expect(ended, command).toMatchObject({exitCode: 2, stdout: ''})
			expect(ended.stderr).toContain(`--yes was not given: nothing was done\n`)
			expect(ended.stderr).toContain(`- lastgood ${command} ${recovery} --yes\n`)
		}
		expect(documentOf(statusDocument, await rig.lastgood('status', '--json')).phase).toBe('held')
	})

	test('promote --yes opens it for writes on the next timeline, once', async () => {
		const promoted = documentOf(statusDocument, await rig.lastgood('promote', recovery, '--yes', '--json'))
		expect(promoted).toMatchObject({phase: 'promoted', timeline: 2, connect})
		expect(
			await ask(connect, "update bond_reservations set trader = trader where id = 1 returning 'written'"),
		).toContain('written')
		const again = await rig.lastgood('promote', recovery, '--yes')
		expect(again).toMatchObject({exitCode: 2, stdout: ''})
		expect(again.stderr).toContain('was promoted already, to timeline 2')
	})

	test('abandon refuses a promoted cluster and leaves it running', async () => {
		const ended = await rig.lastgood('abandon', recovery, '--yes', '--json')
		expect(ended).toMatchObject({exitCode: 2, stderr: ''})
		expect(documentOf(errorDocument, ended).error.message).toContain('is no longer lastgood’s to remove')
		expect(await ask(connect, 'select pg_is_in_recovery()')).toBe('f')
	})

	test('runbook tells it as Markdown and as JSON', async () => {
		const text = await output('runbook', recovery)
		expect(text).toContain('- outcome: promoted, timeline 2')
		expect(text).toContain(`LSN ${rig.truth.badCommitLsn}, xid ${rig.truth.badXid}\n`)
		expect(await output('runbook')).toBe(text)
		const {events, ...head} = documentOf(runbookDocument, await rig.lastgood('runbook', recovery, '--format', 'json'))
		expect(head).toMatchObject({recovery, phase: 'promoted'})
		expect(events.map(({event}) => event)).toEqual(
			expect.arrayContaining([
				'opened',
				'planned',
				'confirmed',
				'held',
				'check-finished',
				'promotion-requested',
				'promoted',
			]),
		)
		expect(documentOf(runbookDocument, await rig.lastgood('runbook', '--json')).events).toEqual(events)
	})

	test('as text tells its progress on standard error and its outcome on standard output, then abandon removes it', async () => {
		const to = rig.at('to abandon')
		const ended = await rig.lastgood('restore', source, '--target-name', rig.history.restorePoint, '--to', to, '--yes')
		expect(ended, ended.stderr).toMatchObject({exitCode: 0})
		expect(ended.stdout).toMatch(/^held at the target, exactly where planned\nlook at it: {2}\S*psql -h /)
		expect(ended.stderr).toMatch(/ {2}copied \S+ MB of \S+ MB/)
		const [, name = ''] = /lastgood abandon (\S+) --yes/.exec(ended.stdout) ?? []
		const removed = await output('abandon', name, '--yes')
		expect(removed).toContain(to)
		expect(await exists(to)).toBe(false)
		expect(await exists(`${to}.lastgood`)).toBe(false)
		expect((await rig.otherProcesses()).filter(line => line.includes(to))).toEqual([])
		expect(await output('abandon', name, '--yes')).toBe('nothing was left to remove\n')
		expect(await output('status', name)).toMatch(/^phase +abandoned$/m)
		const late = await rig.lastgood('promote', name, '--yes')
		expect(late).toMatchObject({exitCode: 2})
		expect(late.stderr).toContain(`recovery ${name} was abandoned already`)
	})
})

describe('restore --promote', () => {
	const secret = 'hunter2-Pa55word'
	let ended: Ended
	let folder: string

	beforeAll(async () => {
		folder = rig.at('in-one-go')
		const primary = `${rig.conninfo} password=${secret}`
		ended = await rig.lastgood(
			...['restore', source, '--before', rig.truth.badCommitLsn, '--to', folder],
			...['--primary', primary, '--yes', '--promote', '--json'],
		)
	})

	test('goes on from the target in one go', () => {
		expect(ended, ended.stderr).toMatchObject({exitCode: 0})
		const last = linesOf(restoreEvent, ended).at(-1)
		expect(last).toMatchObject({
			event: 'promoted',
			phase: 'promoted',
			timeline: 2,
			stoppedAtLsn: rig.truth.badCommitLsn,
			provenExact: true,
			dataDirectory: folder,
		})
	})

	test('leaves the password of --primary in no output, journal, runbook, log or setting', async () => {
		expect(ended.stdout + ended.stderr).not.toContain(secret)
		expect(await output('runbook')).not.toContain(secret)
		expect(await output('runbook', '--json')).not.toContain(secret)
		const written = [...(await filesIn(rig.state)), ...(await filesIn(`${folder}.lastgood`))]
		expect(written.length).toBeGreaterThan(5)
		for (const {path, text} of written) expect(text.includes(secret), path).toBe(false)
	})

	test('nor does it stand in an error about a primary that cannot be asked', async () => {
		const around = ['boundaries', source, '--around', rig.point.report.at, '--limit', '1', '--rank']
		const conninfos = [
			`host=${rig.at('nobody')} port=1 user=postgres password=${secret}`,
			`host=localhost port=1 password=${secret}`,
			`postgres://postgres:${secret}@127.0.0.1:1/harbor?sslmode=verify-full`,
			`postgres://postgres:${secret}%zz@localhost/harbor`,
			`password=${secret} host='unterminated`,
			`host=${rig.point.primary.socketDirectory} port=1${secret} password=${secret}`,
			`${rig.conninfo} dbname=nosuch password=${secret}`,
		]
		for (const conninfo of conninfos) {
			const asText = await runHere([...around, '--primary', conninfo], rig)
			expect(asText, conninfo).toMatchObject({exitCode: 0})
			expect(asText.stdout).toContain(rig.truth.badCommitLsn)
			expect(asText.stderr, conninfo).toMatch(/^table names: /)
			expect(asText.stdout + asText.stderr).not.toContain(secret)
			const asJson = await runHere([...around, '--primary', conninfo, '--json'], rig)
			expect(documentOf(boundariesDocument, asJson).names).toMatchObject({source: 'none', problem: expect.any(String)})
			expect(asJson.stdout + asJson.stderr).not.toContain(secret)
		}
		const [conninfo = ''] = conninfos
		const built = await rig.lastgood(...around, '--primary', conninfo)
		expect(built, built.stderr).toMatchObject({exitCode: 0})
		expect(built.stdout + built.stderr).not.toContain(secret)
	})
})

async function filesIn(folder: string): Promise<readonly {readonly path: string; readonly text: string}[]> {
	const entries = await readdir(folder, {recursive: true, withFileTypes: true})
	return Promise.all(
		entries
			.filter(entry => entry.isFile())
			.map(async entry => {
				const path = join(entry.parentPath, entry.name)
				return {path, text: await readFile(path, 'latin1')}
			}),
	)
}
