import {readFileSync, writeFileSync} from 'node:fs'
import {describe, expect, test} from 'vitest'
import type {JournalEntry} from '../../../src/domain/recovery/journal.ts'
import type {RestorePlan} from '../../../src/domain/recovery/plan.ts'
import {measure, renderRunbook} from '../../../src/domain/recovery/runbook.ts'
import {lsn, plan, utc} from '../../support/builders.ts'

/*
 * The text is the product here, so it is compared as text with the files in golden/. After a change that is meant, write them
 * anew and read the difference as prose:
 *
 *     LASTGOOD_WRITE_GOLDEN=1 npm test -- test/domain/recovery/runbook.test.ts
 */
function matchesGolden(name: string, text: string): void {
	const file = new URL(`./golden/${name}.md`, import.meta.url)
	if (process.env.LASTGOOD_WRITE_GOLDEN === '1') writeFileSync(file, text)
	expect(text).toBe(readFileSync(file, 'utf8'))
}

const recovery = 'r20260401-100500'
const decided = plan({
	preparedInDoubt: ['settle-42'],
	backup: {...plan().backup, rejected: [{id: 'base-0331', why: 'base-0401 is newer and leaves less WAL to replay'}]},
	findings: [
		{
			code: 'prepared-in-doubt',
			severity: 'warning',
			message:
				'1 prepared transaction(s) stay in doubt at the target and hold their locks after promotion: "settle-42"',
			whatToDo: ['after promotion decide each one: COMMIT PREPARED or ROLLBACK PREPARED'],
		},
	],
	incident: {typed: 'today 11:41 Europe/Berlin', at: utc('09:41:00'), zone: 'Europe/Berlin'},
})

const decisions = (its: RestorePlan = decided): readonly JournalEntry[] => [
	{event: 'opened', at: utc('10:05:30'), recovery, lastgood: '0.1.0', host: 'db2', user: 'anna'},
	{
		event: 'incident-reported',
		at: utc('10:01:10'),
		typed: 'today 11:41 Europe/Berlin',
		incidentAt: utc('09:41:00'),
		zone: 'Europe/Berlin',
	},
	{
		event: 'boundaries-listed',
		at: utc('10:03:00'),
		from: utc('09:36:00'),
		to: utc('09:46:00'),
		commits: 8,
		segmentsRead: 3,
		namesFrom: 'primary',
	},
	{
		event: 'boundary-chosen',
		at: utc('10:03:00'),
		lsn: lsn('0/5400070'),
		xid: 3770,
		committedAt: utc('09:41:23.501967'),
		wrote: 'bond_reservations ~841, gsi_open_by_issuer -841',
	},
	{event: 'planned', at: utc('10:05:00'), plan: its},
	{event: 'confirmed', at: utc('10:05:30'), how: 'the operator typed harbor'},
]

const made = (
	at: string,
	step: 'create-directories' | 'copy-base-backup' | 'disarm',
	...notes: string[]
): readonly JournalEntry[] => [
	{event: 'step-started', at: utc(at), step},
	{event: 'step-finished', at: utc(at), step, notes},
]

const restored: readonly JournalEntry[] = [
	...made('10:05:31', 'create-directories'),
	...made('10:05:40', 'copy-base-backup', '1296 files, 41000000 bytes'),
	...made('10:05:41', 'disarm', 'standby.signal removed'),
	{event: 'step-started', at: utc('10:05:42'), step: 'start-server'},
	{event: 'server-started', at: utc('10:05:42.100000'), pid: 4242},
	{event: 'step-finished', at: utc('10:05:42.200000'), step: 'start-server', notes: ['process 4242']},
	{event: 'step-started', at: utc('10:05:42.300000'), step: 'replay'},
	{event: 'step-finished', at: utc('10:05:52'), step: 'replay', notes: ['stopped at 0/5400070']},
	{
		event: 'held',
		at: utc('10:05:52.5'),
		stoppedAtLsn: lsn('0/5400070'),
		provenExact: true,
		serverLog: [
			'2026-04-01 10:05:43.000 UTC [4243] LOG:  redo starts at 0/5000028',
			'2026-04-01 10:05:51.900 UTC [4243] LOG:  recovery stopping before WAL location (LSN) "0/5400070"',
			'2026-04-01 10:05:51.900 UTC [4243] LOG:  pausing at the end of recovery',
		],
	},
	{
		event: 'check-finished',
		at: utc('10:05:53'),
		name: 'replay stopped where the plan says',
		outcome: 'passed',
		expected: 'end of the last record before 0/5400070',
		found: '0/5400070',
	},
	{
		event: 'check-finished',
		at: utc('10:05:54'),
		name: 'data checksums',
		outcome: 'noted',
		expected: 'no failure',
		found: 'the cluster has no data checksums',
	},
	{
		event: 'question-asked',
		at: utc('10:06:30'),
		database: 'harbor',
		statement: 'select count(*) from bond_reservations',
		rows: 1,
		problem: null,
	},
	{
		event: 'question-asked',
		at: utc('10:06:40'),
		database: 'harbor',
		statement: 'delete from trades',
		rows: null,
		problem: 'cannot execute DELETE in a read-only transaction',
	},
]

const promoted: readonly JournalEntry[] = [
	{event: 'promotion-requested', at: utc('10:09:00'), how: 'the operator typed promote'},
	{event: 'promoted', at: utc('10:09:01.25'), timeline: 2, lsn: lsn('0/54000A0')},
]

const failed: readonly JournalEntry[] = [
	{
		event: 'failed',
		at: utc('10:05:48'),
		trouble: {
			code: 'replay-aborted',
			message:
				'the restored server stopped before the target: FATAL:  recovery ended before configured recovery target was reached',
			whatToDo: [
				'read /restore/harbor.lastgood/server.log',
				'lastgood abandon r20260401-100500 --yes removes what was restored',
			],
		},
		leaves: ['/restore/harbor', '/restore/harbor.lastgood'],
		serverLog: [
			'2026-04-01 10:05:47.000 UTC [4243] FATAL:  recovery ended before configured recovery target was reached',
		],
	},
]

describe('the runbook', () => {
	test.each<readonly [name: string, entries: readonly JournalEntry[]]>([
		[
			'held',
			[
				...decisions(),
				...restored,
				{event: 'left', at: utc('10:07:00'), leaves: ['The restored server holds at the target.']},
			],
		],
		['promoted', [...decisions(), ...restored, ...promoted]],
		['failed', [...decisions(), ...restored.slice(0, 8), ...failed]],
		[
			'abandoned',
			[
				...decisions(),
				...restored,
				{event: 'abandon-requested', at: utc('10:08:00'), how: 'the operator typed abandon'},
				{event: 'abandoned', at: utc('10:08:02'), removed: ['/restore/harbor', '/restore/harbor.lastgood']},
			],
		],
	])('of a recovery that was %s reads like its golden file', (name, entries) => {
		matchesGolden(name, renderRunbook(recovery, entries))
	})

	test('of a journal that has only begun has what there is', () => {
		expect(renderRunbook(recovery, decisions().slice(0, 2))).toBe(
			[
				'# Runbook of recovery r20260401-100500',
				'',
				'- outcome: planning',
				'- opened: 2026-04-01 10:05:30Z by anna on db2, lastgood 0.1.0',
				'',
				'## Incident',
				'',
				'- 2026-04-01 10:01:10Z reported as `today 11:41 Europe/Berlin`, read as **2026-04-01T09:41:00.000000Z** (zone Europe/Berlin)',
				'',
			].join('\n'),
		)
	})

	test('shows no name from outside as a line, a column or the end of a listing', () => {
		const evil = 'x\n## Open points\u001b[2J|```'
		const hostile = plan({
			backup: {...plan().backup, id: evil, rejected: [{id: evil, why: evil}]},
			lost: {...plan().lost, tables: [{...plan().lost.tables[0], name: evil} as RestorePlan['lost']['tables'][number]]},
			findings: [{code: 'prepared-in-doubt', severity: 'warning', message: evil, whatToDo: []}],
			settings: [['recovery_target_name', evil]],
			preparedInDoubt: [evil],
		})
		const text = renderRunbook(recovery, [
			...decisions(hostile),
			...made('10:05:40', 'copy-base-backup', evil),
			{event: 'question-asked', at: utc('10:06:30'), database: evil, statement: evil, rows: null, problem: evil},
			{event: 'check-finished', at: utc('10:06:31'), name: evil, outcome: 'noted', expected: evil, found: evil},
			{
				event: 'failed',
				at: utc('10:07:00'),
				trouble: {code: 'replay-aborted', message: evil, whatToDo: []},
				leaves: [evil],
				serverLog: [evil, 'after it'],
			},
			...promoted,
		])
		const lines = text.split('\n')
		expect(text).not.toContain('\u001b')
		expect(lines.filter(line => line.startsWith('## Open points'))).toHaveLength(1)
		for (const row of lines.filter(line => line.startsWith('|')))
			expect(row.replaceAll('\\|', '').split('|').length - 1).toBeOneOf([3, 5])
		// Both listings are fenced by more backticks than the text can close.
		expect(lines.filter(line => line === '````')).toHaveLength(4)
		expect(lines.filter(line => line === '```')).toHaveLength(0)
	})
})

describe('what was measured', () => {
	test('is the data given up, and the time from the confirmation on', () => {
		expect(measure([...decisions(), ...restored, ...promoted])).toEqual({
			lostCommits: 4,
			rpoMs: 159_001.269,
			toHeldMs: 22_500,
			toPromotedMs: 211_250,
		})
	})

	test('is unknown as far as the recovery did not get', () => {
		expect(measure([])).toEqual({
			lostCommits: undefined,
			rpoMs: undefined,
			toHeldMs: undefined,
			toPromotedMs: undefined,
		})
		expect(measure([...decisions(), ...failed])).toMatchObject({
			lostCommits: 4,
			toHeldMs: undefined,
			toPromotedMs: undefined,
		})
	})

	test('gives up no time where nothing is lost, or where stamps run backwards', () => {
		const nothingLost = plan({lost: {commits: 0, untilAt: null, tables: []}})
		expect(measure(decisions(nothingLost))).toMatchObject({lostCommits: 0, rpoMs: undefined})
		const backwards = plan({lost: {...plan().lost, untilAt: utc('09:41:22.000000')}})
		expect(measure(decisions(backwards)).rpoMs).toBe(0)
	})
})
