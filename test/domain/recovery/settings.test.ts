import {describe, expect, test} from 'vitest'
import {disarmedStatements, type ServerSituation, serverSettings} from '../../../src/domain/recovery/settings.ts'
import type {RecoveryTarget} from '../../../src/domain/recovery/target.ts'
import {firstTimeline} from '../../../src/domain/wal/timeline.ts'
import {beforeReleaseJob, lsn, timeline, utc} from '../../support/builders.ts'

const majors = [13, 14, 15, 16, 17, 18]

function settingsOf(over: Partial<ServerSituation> = {}): readonly (readonly [string, string])[] {
	return serverSettings({
		recovery: 'r1',
		target: beforeReleaseJob,
		postgresMajor: 15,
		workDirectory: '/restore/harbor.lastgood',
		socketDirectory: '/restore/harbor.lastgood/socket',
		port: 54330,
		restoreCommand: "/bin/sh '/restore/harbor.lastgood/fetch-wal' %f %p",
		required: {},
		...over,
	})
}

const settingIn = (over: Partial<ServerSituation>, name: string) =>
	settingsOf(over).find(([setting]) => setting === name)?.[1]

describe('the settings of a restored server', () => {
	test('are these, all of them', () => {
		expect(settingsOf()).toEqual([
			['restore_command', "/bin/sh '/restore/harbor.lastgood/fetch-wal' %f %p"],
			['recovery_target_lsn', '0/5400070'],
			['recovery_target_inclusive', 'off'],
			['recovery_target_timeline', '1'],
			['recovery_target_action', 'pause'],
			['hot_standby', 'on'],
			['recovery_prefetch', 'off'],
			['max_connections', '100'],
			['max_worker_processes', '8'],
			['max_wal_senders', '10'],
			['max_prepared_transactions', '0'],
			['max_locks_per_transaction', '64'],
			['listen_addresses', ''],
			['port', '54330'],
			['unix_socket_directories', '/restore/harbor.lastgood/socket'],
			['unix_socket_permissions', '0700'],
			['hba_file', '/restore/harbor.lastgood/pg_hba.conf'],
			['ident_file', '/restore/harbor.lastgood/pg_ident.conf'],
			['external_pid_file', ''],
			['ssl', 'off'],
			['archive_mode', 'off'],
			['archive_command', ''],
			['archive_library', ''],
			['archive_cleanup_command', ''],
			['recovery_end_command', ''],
			['primary_conninfo', ''],
			['primary_slot_name', ''],
			['max_logical_replication_workers', '0'],
			['shared_preload_libraries', ''],
			['session_preload_libraries', ''],
			['local_preload_libraries', ''],
			['synchronous_standby_names', ''],
			['cluster_name', 'lastgood-r1'],
			['logging_collector', 'off'],
			['log_destination', 'stderr'],
			['log_line_prefix', '%m [%p] '],
			['log_timezone', 'UTC'],
			['timezone', 'UTC'],
			['lc_messages', 'C'],
			['log_checkpoints', 'off'],
		])
	})

	// A name that the version does not know stops it at start.
	test.each([
		['recovery_prefetch', [15, 16, 17, 18]],
		['archive_library', [15, 16, 17, 18]],
		['stats_temp_directory', [13, 14]],
		['sync_replication_slots', [17, 18]],
		['event_triggers', [17, 18]],
		['summarize_wal', [17, 18]],
	])('name %s only to the versions that know it', (name, known) => {
		expect(majors.filter(postgresMajor => settingIn({postgresMajor}, name) !== undefined)).toEqual(known)
	})

	test.each(majors)('of %d name nothing twice', postgresMajor => {
		const settingNames = settingsOf({postgresMajor}).map(([name]) => name)
		expect(settingNames).toEqual([...new Set(settingNames)])
	})

	test.each<[string, RecoveryTarget, readonly (readonly [string, string])[]]>([
		[
			'an LSN, inclusive',
			{kind: 'lsn', lsn: lsn('1/A0'), inclusive: true, timeline: firstTimeline},
			[
				['recovery_target_lsn', '1/A0'],
				['recovery_target_inclusive', 'on'],
			],
		],
		[
			'an xid',
			{kind: 'xid', xid: 3770, inclusive: false, timeline: firstTimeline},
			[
				['recovery_target_xid', '3770'],
				['recovery_target_inclusive', 'off'],
			],
		],
		[
			'a time, with a numeric offset and six digits',
			{kind: 'time', at: utc('09:41:23.501967'), inclusive: true, timeline: firstTimeline},
			[
				['recovery_target_time', '2026-04-01 09:41:23.501967+00'],
				['recovery_target_inclusive', 'on'],
			],
		],
		[
			'a restore point, which is always inclusive',
			{kind: 'restore-point', name: "Anne's point", timeline: firstTimeline},
			[['recovery_target_name', "Anne's point"]],
		],
		['the first consistent state', {kind: 'immediate', timeline: firstTimeline}, [['recovery_target', 'immediate']]],
	])('stop at %s', (_, target, expected) => {
		const settings = settingsOf({target})
		expect(settings.filter(([name]) => /^recovery_target(?!_timeline|_action)/.test(name))).toEqual(expected)
		expect(settings).toContainEqual(['recovery_target_action', 'pause'])
	})

	test('pin the timeline as a plain decimal number, whatever its file is called', () => {
		const target = {...beforeReleaseJob, timeline: timeline(17)}
		expect(settingIn({target}, 'recovery_target_timeline')).toBe('17')
	})

	test('never leave the end of the archive without a target: the server would promote there', () => {
		expect(() => settingsOf({target: {kind: 'latest', timeline: firstTimeline}})).toThrow(
			'the end of the archive must have been resolved to an LSN',
		)
	})

	test('are no lower than the WAL requires, and no lower than PostgreSQL’s defaults', () => {
		const required = {
			max_connections: 250,
			max_worker_processes: 4,
			max_wal_senders: 10,
			max_prepared_transactions: 20,
			max_locks_per_transaction: 128,
		}
		const capacity = settingsOf({required}).filter(([name]) => name in required)
		expect(capacity).toEqual([
			['max_connections', '250'],
			['max_worker_processes', '8'],
			['max_wal_senders', '10'],
			['max_prepared_transactions', '20'],
			['max_locks_per_transaction', '128'],
		])
	})
})

describe('what is disarmed', () => {
	test('is said in words, with what only newer versions have', () => {
		expect(disarmedStatements(15)).toHaveLength(8)
		expect(disarmedStatements(16)).toContain('no subscriptions: no logical replication workers')
		expect(disarmedStatements(17)).toContain(
			'no subscriptions: no logical replication workers, slots are not synchronised, event triggers are off',
		)
	})
})
