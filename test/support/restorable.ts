import {chmod, chown, mkdir, readdir} from 'node:fs/promises'
import {join} from 'node:path'
import type pg from 'pg'
import {programPath} from '../../src/adapters/postgres/programs.ts'
import {run} from '../../src/adapters/process.ts'
import {
	archiveEverything,
	configurePrimary,
	connect,
	type DemoCluster,
	initializeCluster,
	startServer,
	takeBaseBackup,
} from '../../src/demo/cluster.ts'
import {parseBackupLabel} from '../../src/domain/archive/backup.ts'
import {planSteps, type RestorePlan} from '../../src/domain/recovery/plan.ts'
import {serverSettings} from '../../src/domain/recovery/settings.ts'
import type {RecoveryTarget} from '../../src/domain/recovery/target.ts'
import {restoreCommandSetting} from '../../src/domain/recovery/wal-feed.ts'
import {instantOfMs} from '../../src/domain/time.ts'
import {formatLsn, type Lsn, parseLsn} from '../../src/domain/wal/lsn.ts'
import {firstTimeline} from '../../src/domain/wal/timeline.ts'
import type {OsUser} from '../../src/ports.ts'
import {type ServerTestFolder, testInstallation} from './postgres.ts'

export const segmentBytes = 1024 * 1024

/** A commit of the primary: what it wrote, and where its record stands. */
export interface KnownCommit {
	readonly note: string
	readonly xid: number
	readonly lsn: Lsn
}

/** A small primary with its archive and one base backup in plain format. */
export interface RestorableCluster {
	readonly cluster: DemoCluster
	readonly archive: string
	readonly backup: string
	readonly primary: pg.Client
	/** Commits one row, and says where. */
	commit(note: string): Promise<KnownCommit>
	/** Ends the current segment and waits until all is archived. */
	archiveAll(): Promise<void>
	/** Where the commit records of these transactions stand, by the primary's own pg_waldump. */
	segments(): Promise<readonly string[]>
}

/** Makes the primary: segments of 1 MB, checksums, a table `ledger`, and a base backup with a manifest. */
export async function restorableCluster(
	folder: ServerTestFolder,
	superuser = 'postgres',
	backupName = 'base',
): Promise<RestorableCluster> {
	const installation = await testInstallation()
	const at = (name: string): string => join(folder.path, name)
	for (const name of ['primary', 'archive', 'staging', 'backups', 's']) await makeFor(folder.serverUser, at(name))
	const cluster: DemoCluster = {
		installation,
		serverUser: folder.serverUser,
		dataDirectory: at('primary'),
		socketDirectory: at('s'),
		port: 54311,
		superuser,
		serverLog: at('primary.log'),
	}
	await initializeCluster(cluster, 1, undefined)
	await configurePrimary(cluster, {directory: at('archive'), staging: at('staging')})
	await startServer(cluster, undefined)
	const primary = await connect(cluster, 'postgres', 'test')
	await primary.query('create table ledger (id bigserial primary key, note text)')
	await primary.query("insert into ledger (note) values ('before the backup')")
	const backup = join(at('backups'), backupName)
	await takeBaseBackup(cluster, {directory: backup, label: 'test'}, undefined)
	return {
		cluster,
		archive: at('archive'),
		backup,
		primary,
		async commit(note) {
			await primary.query('begin')
			await primary.query('insert into ledger (note) values ($1)', [note])
			const {rows} = await primary.query<{xid: string; before: string}>(
				'select txid_current() % 4294967296 as xid, pg_current_wal_insert_lsn() as before',
			)
			await primary.query('commit')
			const {xid = '', before = ''} = rows[0] ?? {}
			return {note, xid: Number(xid), lsn: await commitLsnOf(cluster, Number(xid), before)}
		},
		archiveAll: () => archiveEverything(primary, at('archive'), undefined),
		segments: async () => (await readdir(at('archive'))).filter(name => /^[0-9A-F]{24}$/.test(name)).sort(),
	}
}

async function commitLsnOf(cluster: DemoCluster, xid: number, from: string): Promise<Lsn> {
	const dump = await run(
		programPath(cluster.installation, 'pg_waldump'),
		['-p', join(cluster.dataDirectory, 'pg_wal'), '-s', from, '-x', String(xid), '-r', 'Transaction', '-n', '1'],
		{asUser: cluster.serverUser},
	)
	const lsn = parseLsn(/lsn: ([0-9A-F]+\/[0-9A-F]+), prev .* desc: COMMIT /.exec(dump.stdout)?.[1] ?? '')
	if (lsn === undefined) throw new Error(`no commit of xid ${xid} after ${from}: ${dump.stdout}${dump.stderr}`)
	return lsn
}

export async function makeFor(user: OsUser, directory: string): Promise<void> {
	await mkdir(directory, {recursive: true})
	await chmod(directory, 0o700)
	if (process.getuid?.() === 0) await chown(directory, user.uid, user.gid)
}

/** A plan as planning makes it, for an exclusive LSN target unless another is given: every archived segment is listed. */
export async function handBuiltPlan(
	source: RestorableCluster,
	options: {
		readonly destination: string
		readonly stopLsn: Lsn
		readonly recovery?: string
		readonly target?: RecoveryTarget
		readonly required?: Readonly<Record<string, number>>
	},
): Promise<RestorePlan> {
	const {cluster} = source
	const {destination, stopLsn} = options
	const recovery = options.recovery ?? 'test-1'
	const target = options.target ?? {kind: 'lsn', lsn: stopLsn, inclusive: false, timeline: firstTimeline}
	const label = parseBackupLabel(await readBackupLabel(source))
	if (label === undefined) throw new Error('the backup has no label')
	const segments = (await source.segments()).filter(name => name >= firstSegmentOf(label.startLsn))
	const workDirectory = `${destination}.lastgood`
	const socketDirectory = `${workDirectory}/socket`
	const port = 54330
	const files = await allFilesOf(source.backup)
	const plan: RestorePlan = {
		version: 1,
		recovery,
		plannedAt: instantOfMs(Date.now()),
		source: {location: source.archive, layout: 'plain', store: 'local'},
		cluster: {systemIdentifier: '1', postgresMajor: cluster.installation.major, walSegmentBytes: segmentBytes},
		target: {kind: 'lsn', value: formatLsn(stopLsn), inclusive: false, timeline: firstTimeline},
		newTimeline: 2,
		stop: {lsn: stopLsn, replayEndLsn: stopLsn, lastKept: null, firstLost: null},
		inFlight: [],
		preparedInDoubt: [],
		kept: {commits: 0},
		lost: {commits: 0, untilAt: null, tables: []},
		backup: {
			id: 'base',
			why: 'the only one',
			location: source.backup,
			timeline: firstTimeline,
			startLsn: label.startLsn,
			consistentLsn: label.startLsn,
			stoppedAt: null,
			bytes: 30_000_000,
			files: files.length,
			rejected: [],
		},
		wal: {
			runs: [
				{
					timeline: firstTimeline,
					directory: source.archive,
					suffix: '',
					codec: 'none',
					firstSegment: segments[0] ?? '',
					lastSegment: segments.at(-1) ?? '',
					count: segments.length,
					bytes: segments.length * segmentBytes,
				},
			],
			histories: [],
			segmentCount: segments.length,
			replayBytes: 0,
		},
		destination,
		destinationExisted: false,
		workDirectory,
		socketDirectory,
		port,
		serverUser: cluster.serverUser,
		programs: {directory: cluster.installation.directory, version: cluster.installation.version},
		superuser: cluster.superuser,
		psql: 'psql',
		settings: serverSettings({
			recovery,
			target,
			postgresMajor: cluster.installation.major,
			workDirectory,
			socketDirectory,
			port,
			restoreCommand: restoreCommandSetting(workDirectory),
			required: {max_connections: 150, max_prepared_transactions: 10, ...options.required},
		}).map(([name, value]) => [name, value]),
		disarmed: [],
		steps: [],
		estimate: {copyMs: 0, replayMs: 0, totalMs: 0, lowMs: 0, highMs: 0, basis: 'none'},
		findings: [],
		incident: null,
	}
	return {...plan, steps: planSteps(plan)}
}

async function readBackupLabel(source: RestorableCluster): Promise<string> {
	const answer = await run('cat', [join(source.backup, 'backup_label')])
	return answer.stdout
}

function firstSegmentOf(startLsn: Lsn): string {
	return `00000001${(startLsn >> 32n).toString(16).toUpperCase().padStart(8, '0')}${((startLsn & 0xffff_ffffn) / BigInt(segmentBytes)).toString(16).toUpperCase().padStart(8, '0')}`
}

/** Paths of every file and directory below a folder, sorted. */
export async function allFilesOf(folder: string): Promise<readonly string[]> {
	return (await readdir(folder, {recursive: true})).sort()
}
