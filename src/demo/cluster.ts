import {access, appendFile, readdir, readFile, readlink, realpath} from 'node:fs/promises'
import {basename, join} from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import pg from 'pg'
import {type PostgresInstallation, programPath} from '../adapters/postgres/programs.ts'
import {isAlive, run, startDetached} from '../adapters/process.ts'
import {ServerStillRunningError} from '../domain/errors.ts'
import type {OsUser} from '../ports.ts'

const pollMs = 40
const startTimeoutMs = 60_000
const fastShutdownMs = 30_000
const immediateShutdownMs = 10_000
const archivingTimeoutMs = 60_000

/** A PostgreSQL cluster of the demo, and how it is reached: no network, one socket. */
export interface DemoCluster {
	readonly installation: PostgresInstallation
	readonly serverUser: OsUser
	readonly dataDirectory: string
	readonly socketDirectory: string
	readonly port: number
	readonly superuser: string
	/** What the server says, and the messages of a failed start. */
	readonly serverLog: string
}

/** Makes the cluster's data directory, with checksums and segments of so many megabytes. The directory is empty and its user's. */
export async function initializeCluster(
	cluster: DemoCluster,
	walSegmentMegabytes: number,
	signal: AbortSignal | undefined,
): Promise<void> {
	await runTool(cluster, 'initdb', signal, [
		`--pgdata=${cluster.dataDirectory}`,
		`--username=${cluster.superuser}`,
		// Its socket lies in a directory that only its own user, and root, can enter.
		'--auth=trust',
		'--encoding=UTF8',
		'--locale=C',
		'--data-checksums',
		`--wal-segsize=${walSegmentMegabytes}`,
		'--no-sync',
	])
}

/** Writes the settings of a primary that archives, into its data directory as most installations have them. */
export async function configurePrimary(
	cluster: DemoCluster,
	archive: {readonly directory: string; readonly staging: string},
): Promise<void> {
	// A segment appears in the archive under its name only when it is whole, and none is ever replaced.
	const staged = `${shellWord(archive.staging)}/%f`
	const archived = `${shellWord(archive.directory)}/%f`
	const settings: readonly (readonly [string, string])[] = [
		['listen_addresses', ''],
		['port', String(cluster.port)],
		['unix_socket_directories', `"${cluster.socketDirectory}"`],
		['unix_socket_permissions', '0700'],
		['cluster_name', 'harbor-point'],
		['wal_level', 'replica'],
		['archive_mode', 'on'],
		['archive_command', `test ! -f ${archived} && cp %p ${staged} && mv ${staged} ${archived}`],
		// Higher than the default: a hot standby refuses to start with less than its primary had.
		['max_connections', '150'],
		['max_prepared_transactions', '10'],
		['max_wal_senders', '10'],
		['timezone', 'UTC'],
		['log_timezone', 'UTC'],
		['lc_messages', 'C'],
		// The demo's cluster is made anew each time: a crash of the machine costs nothing.
		['fsync', 'off'],
	]
	const lines = settings.map(([name, value]) => `${name} = ${settingValue(value)}\n`)
	await appendFile(join(cluster.dataDirectory, 'postgresql.conf'), `\n# Harbor Point\n${lines.join('')}`)
}

/** Starts the server so that it outlives lastgood, and waits until it accepts connections. */
export async function startServer(cluster: DemoCluster, signal: AbortSignal | undefined): Promise<void> {
	const {pid} = await startDetached(programPath(cluster.installation, 'postgres'), ['-D', cluster.dataDirectory], {
		asUser: cluster.serverUser,
		cwd: cluster.dataDirectory,
		outputFile: cluster.serverLog,
	})
	try {
		await waitUntilReady(cluster, pid, signal)
	} catch (error) {
		if (await isAlive(pid)) await stopServer(cluster.dataDirectory, pid)
		throw error
	}
}

async function waitUntilReady(cluster: DemoCluster, pid: number, signal: AbortSignal | undefined): Promise<void> {
	const deadline = Date.now() + startTimeoutMs
	for (;;) {
		const problem = await connect(cluster, 'postgres', 'lastgood demo').then(
			client => client.end(),
			(error: unknown) => error,
		)
		if (problem === undefined) return
		if (!(await isAlive(pid))) throw await startFailed(cluster, 'ended at once', problem)
		if (Date.now() > deadline) throw await startFailed(cluster, 'does not accept connections', problem)
		await sleep(pollMs, undefined, {signal})
	}
}

/** Opens a connection through the socket; nothing in the environment changes where it leads. */
export async function connect(
	cluster: Pick<DemoCluster, 'socketDirectory' | 'port' | 'superuser'>,
	database: string,
	applicationName: string,
): Promise<pg.Client> {
	const client = new pg.Client({
		host: cluster.socketDirectory,
		port: cluster.port,
		user: cluster.superuser,
		database,
		application_name: applicationName,
		ssl: false,
		options: '-c timezone=UTC -c datestyle=ISO',
	})
	// A server that is stopped says so to every connection; whoever waits for an answer gets the error.
	client.on('error', () => {})
	await client.connect()
	return client
}

/** Takes a base backup in plain format, without WAL: the archive has it. */
export async function takeBaseBackup(
	cluster: DemoCluster,
	backup: {readonly directory: string; readonly label: string},
	signal: AbortSignal | undefined,
): Promise<void> {
	await runTool(cluster, 'pg_basebackup', signal, [
		`--host=${cluster.socketDirectory}`,
		`--port=${cluster.port}`,
		`--username=${cluster.superuser}`,
		`--pgdata=${backup.directory}`,
		`--label=${backup.label}`,
		'--format=plain',
		'--wal-method=none',
		'--checkpoint=fast',
		'--no-sync',
	])
}

/** Closes the current segment and waits until the archive holds everything up to it. */
export async function archiveEverything(
	client: pg.Client,
	archiveDirectory: string,
	signal: AbortSignal | undefined,
): Promise<void> {
	const switched = await client.query<{segment: string}>('select pg_walfile_name(pg_switch_wal()) as segment')
	const segment = switched.rows[0]?.segment ?? ''
	const deadline = Date.now() + archivingTimeoutMs
	// Segments are archived in the order of the WAL, so the last one is the last to arrive.
	while (!(await exists(join(archiveDirectory, segment)))) {
		if (Date.now() > deadline) {
			const {rows} = await client.query<Record<string, string>>('select last_failed_wal from pg_stat_archiver')
			const failed = rows[0]?.last_failed_wal
			throw new Error(`segment ${segment} was not archived${failed == null ? '' : `; archiving of ${failed} failed`}`)
		}
		await sleep(pollMs, undefined, {signal})
	}
}

/** Stops every PostgreSQL server whose data directory lies in the folder, and says which. Throws ServerStillRunningError. */
export async function stopServersIn(folder: string, onStep: (text: string) => void): Promise<void> {
	const dataDirectories = await dataDirectoriesIn(folder)
	await Promise.all(
		dataDirectories.map(async dataDirectory => {
			const pid = await postmasterOf(dataDirectory)
			if (pid === undefined) return
			onStep(`stopping the server on ${dataDirectory}`)
			await stopServer(dataDirectory, pid)
		}),
	)
}

async function stopServer(dataDirectory: string, pid: number): Promise<void> {
	// SIGINT is PostgreSQL's fast shutdown, SIGQUIT the immediate one.
	for (const [signal, patienceMs] of [
		['SIGINT', fastShutdownMs],
		['SIGQUIT', immediateShutdownMs],
	] as const) {
		try {
			process.kill(pid, signal)
		} catch (error) {
			if (!(await isAlive(pid))) return
			throw new ServerStillRunningError(
				`the server on ${dataDirectory} (process ${pid}) belongs to somebody else and cannot be stopped`,
				[`stop it as its owner or as root: pg_ctl stop -D ${dataDirectory}`, 'then try again'],
				{cause: error},
			)
		}
		const deadline = Date.now() + patienceMs
		while (Date.now() < deadline) {
			if (!(await isAlive(pid))) return
			await sleep(pollMs)
		}
	}
	throw new ServerStillRunningError(`the server on ${dataDirectory} (process ${pid}) does not stop`, [
		`look at its log, then stop it by hand: pg_ctl stop -m immediate -D ${dataDirectory}`,
	])
}

/** Every directory below that is PostgreSQL's data directory; links are not followed. */
async function dataDirectoriesIn(folder: string): Promise<readonly string[]> {
	const entries = await readdir(folder, {withFileTypes: true}).catch(() => [])
	const names = new Set(entries.map(({name}) => name))
	if (names.has('PG_VERSION') && names.has('global')) return [folder]
	const below = await Promise.all(
		entries.filter(entry => entry.isDirectory()).map(entry => dataDirectoriesIn(join(folder, entry.name))),
	)
	return below.flat()
}

/** The process that postmaster.pid names, if it is a PostgreSQL server of this very directory: the file outlives a crash. */
async function postmasterOf(dataDirectory: string): Promise<number | undefined> {
	const pidFile = await readFile(join(dataDirectory, 'postmaster.pid'), 'utf8').catch(() => '')
	const pid = Number(pidFile.split('\n')[0])
	if (!Number.isSafeInteger(pid) || pid <= 1 || !(await isAlive(pid))) return undefined
	const program = await readlink(`/proc/${pid}/exe`).catch(() => undefined)
	const runsIn = await readlink(`/proc/${pid}/cwd`).catch(() => undefined)
	if (program !== undefined && runsIn !== undefined) {
		const isServer = /^(postgres|postmaster)( \(deleted\))?$/.test(basename(program))
		return isServer && runsIn === (await realpath(dataDirectory)) ? pid : undefined
	}
	const command = (await run('ps', ['-o', 'command=', '-p', String(pid)])).stdout
	return /postgres|postmaster/.test(command) && command.includes(dataDirectory) ? pid : undefined
}

/** A word of a shell command inside an archive_command, where % is special too. */
function shellWord(text: string): string {
	return `'${text.replaceAll("'", String.raw`'\''`).replaceAll('%', '%%')}'`
}

/** A value in postgresql.conf, where quotes and backslashes are special. */
function settingValue(text: string): string {
	return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`
}

async function runTool(
	cluster: DemoCluster,
	program: 'initdb' | 'pg_basebackup',
	signal: AbortSignal | undefined,
	args: readonly string[],
): Promise<void> {
	const path = programPath(cluster.installation, program)
	const {exitCode, stderr} = await run(path, args, {asUser: cluster.serverUser, signal})
	if (exitCode !== 0) throw new Error(`${program} failed: ${stderr.trim().split('\n').slice(-4).join('; ')}`)
}

async function startFailed(cluster: DemoCluster, what: string, cause: unknown): Promise<Error> {
	const log = (await readFile(cluster.serverLog, 'utf8').catch(() => '')).trim().split('\n').slice(-4)
	return new Error(`the server on ${cluster.dataDirectory} ${what}: ${log.join('; ')}`, {cause})
}

async function exists(path: string): Promise<boolean> {
	return access(path).then(
		() => true,
		() => false,
	)
}
