import type {RecoveryTarget} from './target.ts'
import {targetValue} from './target.ts'

type Setting = readonly [name: string, value: string]

/** What the settings of a restored server depend on. */
export interface ServerSituation {
	readonly recovery: string
	readonly target: RecoveryTarget
	readonly postgresMajor: number
	readonly workDirectory: string
	readonly socketDirectory: string
	readonly port: number
	readonly restoreCommand: string
	/** Lowest values that the WAL on the path allows, by name in postgresql.conf. */
	readonly required: Readonly<Record<string, number>>
}

/**
 * The restored server's whole postgresql.conf. It is written from nothing instead of patched: a Debian backup has no
 * configuration in it, and what the source's says (archive, cleanup and end commands, preloaded libraries, primary_conninfo)
 * is just what must not run here (postgres-recovery.md §8).
 */
export function serverSettings(situation: ServerSituation): Setting[] {
	return [
		...targetSettings(situation),
		...capacitySettings(situation),
		...isolationSettings(situation),
		...observationSettings(),
	]
}

function targetSettings({target, restoreCommand, postgresMajor}: ServerSituation): Setting[] {
	return [
		['restore_command', restoreCommand],
		...stopSettings(target),
		// A plain decimal number: the value is parsed with base 0, so a file name's digits would mean another timeline (§0.10), and
		// `latest` would follow any stray history file.
		['recovery_target_timeline', String(target.timeline)],
		['recovery_target_action', 'pause'],
		// Off, the pause at the target turns into a shutdown; not yet possible, into a promotion (§0.1).
		['hot_standby', 'on'],
		// Read-ahead looks at WAL beyond the target and dies of damage there (§11).
		...since(postgresMajor, 15, [['recovery_prefetch', 'off']]),
	]
}

/** The settings that say where replay stops. The end of the archive is an LSN too: without a target the server promotes there by itself. */
function stopSettings(target: RecoveryTarget): Setting[] {
	const inclusive = (value: boolean): Setting => ['recovery_target_inclusive', value ? 'on' : 'off']
	switch (target.kind) {
		case 'lsn':
			return [['recovery_target_lsn', targetValue(target)], inclusive(target.inclusive)]
		case 'xid':
			return [['recovery_target_xid', targetValue(target)], inclusive(target.inclusive)]
		case 'time':
			return [['recovery_target_time', targetValue(target)], inclusive(target.inclusive)]
		case 'restore-point':
			return [['recovery_target_name', target.name]]
		case 'immediate':
			return [['recovery_target', 'immediate']]
		case 'latest':
			throw new Error('the end of the archive must have been resolved to an LSN')
		default:
			return target satisfies never
	}
}

/** Settings that a hot standby may not have lower than its primary had, with PostgreSQL's defaults as the floor (§4). */
const standbyFloors: readonly (readonly [string, number])[] = [
	['max_connections', 100],
	['max_worker_processes', 8],
	['max_wal_senders', 10],
	['max_prepared_transactions', 0],
	['max_locks_per_transaction', 64],
]

function capacitySettings({required}: ServerSituation): Setting[] {
	return standbyFloors.map(([name, floor]) => [name, String(Math.max(floor, required[name] ?? 0))])
}

function isolationSettings({
	socketDirectory,
	port,
	workDirectory,
	postgresMajor,
	recovery,
}: ServerSituation): Setting[] {
	return [
		['listen_addresses', ''],
		['port', String(port)],
		['unix_socket_directories', socketDirectory],
		['unix_socket_permissions', '0700'],
		['hba_file', `${workDirectory}/pg_hba.conf`],
		['ident_file', `${workDirectory}/pg_ident.conf`],
		['external_pid_file', ''],
		['ssl', 'off'],
		['archive_mode', 'off'],
		['archive_command', ''],
		...since(postgresMajor, 15, [['archive_library', '']]),
		['archive_cleanup_command', ''],
		['recovery_end_command', ''],
		['primary_conninfo', ''],
		['primary_slot_name', ''],
		['max_logical_replication_workers', '0'],
		...since(postgresMajor, 17, [
			['sync_replication_slots', 'off'],
			['event_triggers', 'off'],
			['summarize_wal', 'off'],
		]),
		['shared_preload_libraries', ''],
		['session_preload_libraries', ''],
		['local_preload_libraries', ''],
		['synchronous_standby_names', ''],
		['cluster_name', `lastgood-${recovery}`],
		// Removed in 15; before that its default lies in the data directory, but a source may have pointed it elsewhere.
		...(postgresMajor < 15 ? ([['stats_temp_directory', 'pg_stat_tmp']] as Setting[]) : []),
	]
}

/** The log is read by lastgood: one destination, untranslated, UTC; times inside messages follow `timezone` (§7). */
function observationSettings(): Setting[] {
	return [
		['logging_collector', 'off'],
		['log_destination', 'stderr'],
		['log_line_prefix', '%m [%p] '],
		['log_timezone', 'UTC'],
		['timezone', 'UTC'],
		['lc_messages', 'C'],
		['log_checkpoints', 'off'],
	]
}

/** What was switched off in the copy and why, in the operator's words, for the plan and the runbook. */
export function disarmedStatements(postgresMajor: number): string[] {
	return [
		'nobody else can connect: no TCP, a private socket in a folder that only the server’s account and root can enter',
		'nothing is archived: archive_mode off, archive_command, archive_cleanup_command and recovery_end_command empty',
		'no streaming: standby.signal removed, primary_conninfo and primary_slot_name empty',
		`no subscriptions: no logical replication workers${postgresMajor >= 17 ? ', slots are not synchronised, event triggers are off' : ''}`,
		'no background jobs: no library of the source is preloaded',
		'commits wait for no standby: synchronous_standby_names empty',
		'the source’s own settings are not read: postgresql.auto.conf is set aside, postgresql.conf is lastgood’s',
		'the archive is only read: restore_command copies listed segments out and nothing else',
	]
}

function since(postgresMajor: number, first: number, settings: Setting[]): Setting[] {
	return postgresMajor >= first ? settings : []
}
