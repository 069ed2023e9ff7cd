import {chmod, chown, mkdir, mkdtemp, readdir, readFile, realpath, rm, rmdir, writeFile} from 'node:fs/promises'
import {dirname, join, resolve} from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import type {Client} from 'pg'
import {ownerOf} from '../adapters/os-user.ts'
import {type PostgresInstallation, programPath} from '../adapters/postgres/programs.ts'
import {run} from '../adapters/process.ts'
import {UsageError} from '../domain/errors.ts'
import type {OsUser} from '../ports.ts'
import {
	archiveEverything,
	configurePrimary,
	connect,
	type DemoCluster,
	initializeCluster,
	startServer,
	stopServersIn,
	takeBaseBackup,
} from './cluster.ts'
import {type Ledger, type LedgerEntry, readLedger, writeLedger} from './ledger.ts'
import {seededRandom} from './random.ts'
import {schema} from './schema.ts'
import {TradingDesk} from './traders.ts'
import {beginReleaseJob, beginSettlement, draft, reserve} from './transactions.ts'
import {commitsInArchive, type Truth, truthOf} from './truth.ts'

const markerFile = 'harbor-point.json'
const truthFile = 'truth.json'
const ledgerFile = 'ledger.ndjson'
const database = 'harbor'
const socketPort = 54321
/** A socket's whole path fits into 104 bytes on macOS and 108 on Linux. */
const socketPathMaxBytes = 100

/** A damaged cluster with its archive and base backup, as an operator finds it. */
export interface HarborPoint {
	readonly folder: string
	readonly archive: string
	readonly backups: string
	readonly primary: {
		readonly dataDirectory: string
		readonly socketDirectory: string
		readonly port: number
		readonly user: string
		readonly database: string
	}
	/** What somebody reports of the incident: RFC 3339 UTC to the second, and in words. */
	readonly report: {readonly at: string; readonly text: string}
}

export interface HarborPointOptions {
	readonly folder: string
	readonly installation: PostgresInstallation
	/** Runs the server: not root. */
	readonly serverUser: OsUser
	/** Same seed, same trades; how they interleave is left to the machine. */
	readonly seed?: number | undefined
	readonly traders?: number | undefined
	/** Trades committed before the incident, and after it; the base backup is taken among the first. */
	readonly tradesBefore?: number | undefined
	readonly tradesAfter?: number | undefined
	/** Reservations on the books when trading opens. */
	readonly reservations?: number | undefined
	readonly walSegmentMegabytes?: number | undefined
	/** Milliseconds that a trader thinks between two trades, on average. */
	readonly thinkMs?: number | undefined
	readonly signal?: AbortSignal | undefined
	readonly onStep: (text: string) => void
}

/**
 * Builds Harbor Point anew and leaves its damaged primary running. Throws UsageError for a folder that holds something else
 * or that the server's user cannot enter; when building fails or is interrupted, nothing keeps running and nothing is left.
 */
export async function buildHarborPoint(options: HarborPointOptions): Promise<HarborPoint> {
	const {serverUser, signal, onStep} = options
	signal?.throwIfAborted()
	const named = resolve(options.folder)
	refuseUnprintable(named)
	await emptyFolder(named, onStep)
	const firstCreated = await mkdir(named, {recursive: true})
	const folder = await realpath(named)
	if (process.getuid?.() === 0 && firstCreated !== undefined) await chmod(folder, 0o755)
	// The marker comes first: whatever happens from here on, the folder can be cleaned.
	const socketDirectory = await writeMarker(folder)
	try {
		await refuseUnreachable(serverUser, folder, programPath(options.installation, 'postgres'))
		const cluster: DemoCluster = {
			installation: options.installation,
			serverUser,
			dataDirectory: join(folder, 'primary'),
			socketDirectory,
			port: socketPort,
			superuser: 'postgres',
			serverLog: join(folder, 'primary.log'),
		}
		const point = {
			folder,
			archive: join(folder, 'archive'),
			backups: join(folder, 'backups'),
			primary: {
				dataDirectory: cluster.dataDirectory,
				socketDirectory,
				port: cluster.port,
				user: cluster.superuser,
				database,
			},
		}
		const staging = join(folder, 'archiving')
		for (const directory of [point.archive, point.backups, staging]) await makeDirectory(directory, serverUser, 0o755)
		for (const directory of [cluster.dataDirectory, socketDirectory]) await makeDirectory(directory, serverUser, 0o700)

		onStep(`initdb of PostgreSQL ${options.installation.version} in ${cluster.dataDirectory}`)
		await initializeCluster(cluster, options.walSegmentMegabytes ?? 1, signal)
		await configurePrimary(cluster, {directory: point.archive, staging})
		onStep('starting the primary')
		await startServer(cluster, signal)
		const {ledger, badXid, reportedAt} = await trade(cluster, point, options)

		onStep('reading the order of commits from the archive')
		const commits = await commitsInArchive(point.archive, options.installation, serverUser)
		const truth = truthOf(commits, ledger, badXid)
		const report = {
			at: reportedAt,
			text: `around ${reportedAt.slice(11, 19)} UTC the release job flipped CA-MUNI reservations to released`,
		}
		const built: HarborPoint = {...point, report}
		await writeLedger(join(folder, ledgerFile), ledger)
		await writeFile(join(folder, truthFile), json(truth))
		await writeFile(join(folder, markerFile), json({harborPoint: 'built', socketDirectory, ...built}))
		return built
	} catch (error) {
		await removeFolder(folder, () => {})
		if (firstCreated !== undefined) await removeParents(named, firstCreated).catch(() => {})
		signal?.throwIfAborted()
		throw error
	}
}

/** Reads what buildHarborPoint left in a folder. Throws UsageError when there is no finished Harbor Point. */
export async function loadHarborPoint(folder: string): Promise<HarborPoint> {
	const marker = await readMarker(resolve(folder))
	if (marker?.harborPoint !== 'built') {
		throw new UsageError(`there is no Harbor Point in ${folder}`, ['build it first: npm run demo'])
	}
	const {archive, backups, primary, report} = marker as unknown as HarborPoint
	return {folder: resolve(folder), archive, backups, primary, report}
}

/** What the demo alone knows of a built Harbor Point; the recovery must not look. */
export async function loadTruth(folder: string): Promise<Truth> {
	return JSON.parse(await readFile(join(folder, truthFile), 'utf8')) as Truth
}

/** Everything that the transactions of a built Harbor Point did. */
export async function loadLedger(folder: string): Promise<Ledger> {
	return readLedger(join(folder, ledgerFile))
}

/**
 * Stops every PostgreSQL server whose data directory lies in the folder, restored ones too, and removes the folder. Throws
 * UsageError, and touches nothing, when the folder is no Harbor Point.
 */
export async function cleanHarborPoint(folder: string, onStep: (text: string) => void): Promise<void> {
	const path = await realpath(folder).catch(() => undefined)
	if (path === undefined || (await readMarker(path)) === undefined) {
		throw new UsageError(
			path === undefined ? `there is no ${folder}` : `${path} is not a Harbor Point: it has no ${markerFile} of one`,
			['name the folder that the demo was built in with --folder', 'nothing was removed'],
		)
	}
	await removeFolder(path, onStep)
}

async function trade(
	cluster: DemoCluster,
	point: Pick<HarborPoint, 'archive' | 'backups'>,
	options: HarborPointOptions,
): Promise<{readonly ledger: Ledger; readonly badXid: number; readonly reportedAt: string}> {
	const {signal, onStep, seed = 941, traders = 6, tradesBefore = 4000, tradesAfter = 2000} = options
	const clients: Client[] = []
	const open = async (name: string, to = database): Promise<Client> => {
		const client = await connect(cluster, to, name)
		clients.push(client)
		return client
	}
	let desk: TradingDesk | undefined
	try {
		const admin = await open('lastgood demo', 'postgres')
		await admin.query(`create database ${database}`)
		const books = await open('books')
		await books.query(schema)
		const ledger: LedgerEntry[] = []
		const random = seededRandom(seed)
		let nextId = 1
		const house = (count: number) => Array.from({length: count}, () => draft(random, nextId++, 'house'))

		const reservations = options.reservations ?? 12_000
		onStep(`entering ${reservations} reservations`)
		for (let entered = 0; entered < reservations; entered += 1000) {
			signal?.throwIfAborted()
			const batch = house(Math.min(1000, reservations - entered))
			ledger.push({...(await reserve(books, batch)), what: 'opening books', changed: []})
		}

		onStep(`${traders} traders begin`)
		const tradingClients = await Promise.all(Array.from({length: traders}, (_, at) => open(`trader-${at + 1}`)))
		desk = new TradingDesk(tradingClients, {seed: seed + 1, thinkMs: options.thinkMs ?? 10, ledger})
		await desk.until(after(desk, Math.floor(tradesBefore / 4)), signal)

		const label = `base-${new Date().toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`
		onStep(`pg_basebackup ${label}, while they trade`)
		await takeBaseBackup(cluster, {directory: join(point.backups, label), label}, signal)

		const settled = await open('settlement')
		const settledEarly = await beginSettlement(settled, 'prepared and settled before the incident', house(3))
		await settled.query("prepare transaction 'settlement-0931'")
		await desk.until(after(desk, desk.trades + traders), signal)
		await settled.query("commit prepared 'settlement-0931'")
		ledger.push(settledEarly)

		const longTrade = await open('long trade')
		const spansTheIncident = await beginSettlement(longTrade, 'open before the incident, committed after it', house(6))
		const settledLate = await beginSettlement(settled, 'prepared before the incident, settled after it', house(4))
		await settled.query("prepare transaction 'settlement-0940'")
		await desk.until(after(desk, Math.max(tradesBefore, desk.trades + traders)), signal)

		const releaseJob = await open('release-job')
		const incident = await beginReleaseJob(releaseJob)
		await betweenTradesOfOneSecond(desk, signal)
		await releaseJob.query('commit')
		// As a person reports it who saw it happen: to the second, and not from the WAL.
		const reportedAt = `${new Date().toISOString().slice(0, 19)}Z`
		ledger.push(incident)
		onStep(`the release job has released ${incident.changed.length} reservations of CA-MUNI; trading goes on`)

		const tradesAtIncident = desk.trades
		await desk.until(after(desk, tradesAtIncident + Math.floor(tradesAfter / 3)), signal)
		await longTrade.query('commit')
		ledger.push(spansTheIncident)
		await settled.query("commit prepared 'settlement-0940'")
		ledger.push(settledLate)
		await desk.until(after(desk, tradesAtIncident + tradesAfter), signal)
		await desk.close()

		onStep('waiting until the WAL is archived')
		await archiveEverything(admin, point.archive, signal)
		return {ledger, badXid: incident.xid, reportedAt}
	} finally {
		await desk?.close().catch(() => {})
		await Promise.allSettled(clients.map(client => client.end()))
	}
}

const after =
	(desk: TradingDesk, trades: number): (() => boolean) =>
	() =>
		desk.trades >= trades

/**
 * Waits for a moment early in a second of the clock in which a trade has been committed already, so that legitimate trades
 * of the very same second stand on both sides of what is committed next.
 */
async function betweenTradesOfOneSecond(desk: TradingDesk, signal: AbortSignal | undefined): Promise<void> {
	for (;;) {
		await desk.until(() => Math.floor(desk.lastStartedAt / 1000) === Math.floor(Date.now() / 1000), signal)
		const msIntoSecond = Date.now() % 1000
		if (msIntoSecond >= 150 && msIntoSecond < 450) return
		await sleep(msIntoSecond < 150 ? 150 - msIntoSecond : 1150 - msIntoSecond, undefined, {signal})
	}
}

/** Cleans a Harbor Point that is already there. Throws UsageError for a folder that holds anything else. */
async function emptyFolder(folder: string, onStep: (text: string) => void): Promise<void> {
	if ((await readMarker(folder)) !== undefined) {
		onStep(`removing the Harbor Point that is in ${folder}`)
		await removeFolder(folder, onStep)
		return
	}
	const found = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
		if (error.code === 'ENOENT') return []
		throw new UsageError(`${folder} cannot be used for the demo: ${error.message}`, ['choose another with --folder'], {
			cause: error,
		})
	})
	if (found.length > 0) {
		throw new UsageError(`${folder} is not empty and is not a Harbor Point: it holds ${found.slice(0, 5).join(', ')}`, [
			'choose an empty or a new folder with --folder',
		])
	}
}

async function removeFolder(folder: string, onStep: (text: string) => void): Promise<void> {
	await stopServersIn(folder, onStep)
	const socketDirectory = (await readMarker(folder))?.socketDirectory
	if (typeof socketDirectory === 'string' && /^\/tmp\/lastgood-[^/]+$/.test(socketDirectory)) {
		await rm(socketDirectory, {recursive: true, force: true})
	}
	onStep(`removing ${folder}`)
	try {
		await rm(folder, {recursive: true, force: true})
	} catch (error) {
		const owner = await ownerOf(folder)
		const who = owner === undefined || owner.uid === 0 ? 'root' : `${owner.name} or root`
		const reason = error instanceof Error ? error.message : String(error)
		throw new UsageError(`${folder} could not be removed: ${reason}`, [`clean it as ${who}`], {
			cause: error,
		})
	}
}

/** Takes back the directories that had to be made on the way to the folder. */
async function removeParents(folder: string, firstCreated: string): Promise<void> {
	for (let parent = dirname(folder); `${parent}/`.startsWith(`${firstCreated}/`); parent = dirname(parent)) {
		await rmdir(parent)
	}
}

/** Marks the folder as a Harbor Point in the making, and says where its socket will be. */
async function writeMarker(folder: string): Promise<string> {
	const inFolder = join(folder, 'socket')
	const fits = Buffer.byteLength(join(inFolder, `.s.PGSQL.${socketPort}`)) <= socketPathMaxBytes
	const socketDirectory = fits ? inFolder : await mkdtemp('/tmp/lastgood-')
	await writeFile(join(folder, markerFile), json({harborPoint: 'being built', socketDirectory}))
	return socketDirectory
}

async function readMarker(folder: string): Promise<Readonly<Record<string, unknown>> | undefined> {
	const text = await readFile(join(folder, markerFile), 'utf8').catch(() => '')
	try {
		const marker: unknown = JSON.parse(text)
		const isMarker = typeof marker === 'object' && marker !== null && 'harborPoint' in marker
		return isMarker ? {...marker} : undefined
	} catch {
		return undefined
	}
}

async function makeDirectory(directory: string, owner: OsUser, mode: number): Promise<void> {
	await mkdir(directory, {recursive: true})
	await chmod(directory, mode)
	if (process.getuid?.() === 0) await chown(directory, owner.uid, owner.gid)
}

/** The server's user must be able to enter every directory on the way to its data, and to run the server. */
async function refuseUnreachable(user: OsUser, folder: string, program: string): Promise<void> {
	const ancestors = (path: string): readonly string[] =>
		dirname(path) === path ? [path] : [...ancestors(dirname(path)), path]
	for (const path of [...ancestors(folder), ...ancestors(program)]) {
		const {exitCode} = await run('test', ['-x', path], {asUser: user})
		if (exitCode === 0) continue
		throw new UsageError(
			path === program
				? `${user.name}, who runs the server, may not run ${program}`
				: `${user.name}, who runs the server, cannot enter ${path}`,
			[
				path === program
					? 'choose an installation that everybody may run, with --pg-bin'
					: `choose a folder that ${user.name} can reach with --folder, for example /var/tmp/harbor-point`,
				'or run the demo as an ordinary user, who is then the user of the server too',
			],
		)
	}
}

/** A line break in a path cannot be written into postgresql.conf. */
function refuseUnprintable(folder: string): void {
	if (!/[\p{Cc}"]/u.test(folder)) return
	throw new UsageError(`${JSON.stringify(folder)} has a character in its name that PostgreSQL's settings cannot hold`, [
		'choose another folder with --folder',
	])
}

const json = (value: unknown): string => `${JSON.stringify(value, undefined, '\t')}\n`
