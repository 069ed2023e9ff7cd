import {describe, expect, test} from 'vitest'
import {
	confirmationWord,
	planFromJson,
	plannedTarget,
	planStepIds,
	planSteps,
	planToJson,
	type RestorePlan,
} from '../../../src/domain/recovery/plan.ts'
import {firstTimeline} from '../../../src/domain/wal/timeline.ts'
import {beforeReleaseJob, lsn, plan, utc} from '../../support/builders.ts'

/** A plan in which everything that may be absent is. */
const bare = plan({
	stop: {lsn: lsn('0/5000138'), replayEndLsn: null, lastKept: null, firstLost: null},
	target: {kind: 'immediate', value: 'immediate', inclusive: false, timeline: firstTimeline},
	inFlight: [],
	lost: {commits: 0, untilAt: null, tables: []},
	backup: {...plan().backup, stoppedAt: null},
})
/** One that tells all it can. */
const full = plan({
	preparedInDoubt: ['settle-42'],
	backup: {...plan().backup, rejected: [{id: 'monday', why: 'base-0401 is newer'}]},
	findings: [{code: 'prepared-in-doubt', severity: 'warning', message: 'one', whatToDo: ['decide it']}],
	incident: {typed: '09:41', at: utc('09:41:00'), zone: 'UTC'},
})

describe('a plan as JSON', () => {
	test.each([
		['with everything', full],
		['with nothing that may be absent', bare],
	])('%s comes back the same, by way of text', (_, original) => {
		expect(planFromJson(JSON.parse(JSON.stringify(planToJson(original))))).toEqual({ok: true, plan: original})
	})

	test('spells LSNs as text, times to the microsecond in UTC, and timelines as numbers', () => {
		expect(planToJson(full)).toMatchObject({
			plannedAt: '2026-04-01T10:05:00.000000Z',
			target: {kind: 'lsn', value: '0/5400070', inclusive: false, timeline: 1},
			stop: {
				lsn: '0/5400070',
				replayEndLsn: '0/5400070',
				lastKept: {lsn: '0/5300060', endLsn: '0/5300088', xid: 3768, at: '2026-04-01T09:41:22.998731Z'},
				firstLost: {lsn: '0/5400070', endLsn: '0/5400098', xid: 3770, at: '2026-04-01T09:41:23.501967Z'},
			},
			inFlight: [
				{xid: 3770, firstLsn: '0/5310000', outcome: 'commit'},
				{xid: 3769, firstLsn: '0/5390000', outcome: 'commit'},
			],
			lost: {commits: 4, untilAt: '2026-04-01T09:44:02.000000Z'},
			backup: {startLsn: '0/5000028', consistentLsn: '0/5000138', stoppedAt: '2026-04-01T01:00:07.000000Z'},
			incident: {typed: '09:41', at: '2026-04-01T09:41:00.000000Z', zone: 'UTC'},
		})
	})

	test('has every field that cli.md promises', () => {
		expect(Object.keys(planToJson(full) as object)).toEqual(
			expect.arrayContaining([
				'target',
				'stop',
				'inFlight',
				'preparedInDoubt',
				'lost',
				'backup',
				'estimate',
				'settings',
				'disarmed',
				'steps',
				'findings',
				'destination',
			]),
		)
	})

	test.each<[string, (json: Record<string, unknown>) => unknown, string]>([
		['that is no object', () => 'plan', 'the document: Invalid input: expected object, received string'],
		['of another version', json => ({...json, version: 2}), 'version: Invalid input: expected 1'],
		[
			'whose LSN is none',
			json => ({...json, stop: {...(json.stop as object), lsn: 'here'}}),
			'stop.lsn: "here" is no LSN',
		],
		[
			'whose time names no zone',
			json => ({...json, plannedAt: '2026-04-01 10:05'}),
			'plannedAt: "2026-04-01 10:05" is no time with a zone',
		],
		[
			'whose timeline is none',
			json => ({...json, target: {...(json.target as object), timeline: 0}}),
			'target.timeline: 0 is no timeline',
		],
		[
			'without its destination',
			({destination: _, ...json}) => json,
			'destination: Invalid input: expected string, received undefined',
		],
		[
			'with a step that nobody knows',
			json => ({...json, steps: [{id: 'guess'}]}),
			'steps.0.id: Invalid option: expected one of "create-directories"|"copy-base-backup"|"disarm"|"write-configuration"|"check-configuration"|"start-server"|"replay"|"check"|"promote"',
		],
	])('%s is refused with the place and the reason', (_, damaged, problem) => {
		expect(planFromJson(damaged(planToJson(full) as Record<string, unknown>))).toEqual({ok: false, problem})
	})
})

describe('the steps of a plan', () => {
	test('are carried out in this order, and only the promotion is irreversible', () => {
		const steps = planSteps(plan())
		expect(steps.map(({id}) => id)).toEqual(planStepIds)
		expect(steps.filter(({irreversible}) => irreversible).map(({id}) => id)).toEqual(['promote'])
	})

	test('name the commands with the places of this plan', () => {
		const commands = planSteps(plan()).map(({command}) => command.join(' '))
		expect(commands).toEqual([
			'install -d -m 0700 -o postgres /restore/harbor /restore/harbor.lastgood /restore/harbor.lastgood/socket',
			'rsync -a --exclude=/pg_wal/* --exclude=/pg_replslot/* --exclude=/postmaster.* /backups/base-0401/ /restore/harbor',
			'rm -f /restore/harbor/standby.signal /restore/harbor/postgresql.auto.conf /restore/harbor/postmaster.pid',
			'touch /restore/harbor/recovery.signal',
			'/usr/lib/postgresql/15/bin/postgres -D /restore/harbor -c config_file=/restore/harbor.lastgood/postgresql.conf -C recovery_target_action',
			'/usr/lib/postgresql/15/bin/postgres -D /restore/harbor -c config_file=/restore/harbor.lastgood/postgresql.conf',
			'psql -h /restore/harbor.lastgood/socket -p 54330 -U postgres -d postgres -c select pg_last_wal_replay_lsn()',
			'psql -h /restore/harbor.lastgood/socket -p 54330 -U postgres',
			'/usr/lib/postgresql/15/bin/pg_ctl -D /restore/harbor -W promote',
		])
	})
})

describe('the word that starts a restore', () => {
	test.each([
		['/restore/harbor', 'harbor'],
		['/restore/harbor/', 'harbor'],
		['/harbor', 'harbor'],
		['/srv/Harbor Point 2', 'Harbor Point 2'],
		['/', '/'],
	])('of %s is %s', (destination, word) => {
		expect(confirmationWord({...plan(), destination})).toBe(word)
	})
})

describe('the target of a plan', () => {
	test.each<[Parameters<typeof plannedTarget>, RestorePlan['target']]>([
		[[beforeReleaseJob, '0/5400070'], {kind: 'lsn', value: '0/5400070', inclusive: false, timeline: firstTimeline}],
		[
			[{kind: 'xid', xid: 3770, inclusive: true, timeline: firstTimeline}, '3770'],
			{kind: 'xid', value: '3770', inclusive: true, timeline: firstTimeline},
		],
		[
			[{kind: 'latest', timeline: firstTimeline}, '0/57000A0'],
			{kind: 'latest', value: '0/57000A0', inclusive: false, timeline: firstTimeline},
		],
	])('keeps its kind, its value and its edge', (given, expected) => {
		expect(plannedTarget(...given)).toEqual(expected)
	})
})
