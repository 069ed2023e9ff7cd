import {spawn} from 'node:child_process'
import {access, lstat, readdir} from 'node:fs/promises'
import {join} from 'node:path'
import {fileURLToPath} from 'node:url'
import type pg from 'pg'
import type {z} from 'zod'
import type {PostgresInstallation} from '../../src/adapters/postgres/programs.ts'
import {archiveEverything, connect} from '../../src/demo/cluster.ts'
import {buildHarborPoint, type HarborPoint, loadTruth} from '../../src/demo/harbor-point.ts'
import type {Truth} from '../../src/demo/truth.ts'
import {processesIn, type ServerTestFolder, serverTestFolder, testInstallation} from '../support/postgres.ts'

const program = fileURLToPath(new URL('../../dist/lastgood.js', import.meta.url))

/** How a run of the program ended, and what it wrote. */
export interface Ended {
	readonly exitCode: number | null
	readonly signal: string | null
	readonly stdout: string
	readonly stderr: string
}

/** A running program; `line` resolves with the first line of its standard output or error that matches, `ended` when it has ended. */
export interface Running {
	line(pattern: RegExp): Promise<string>
	kill(signal: NodeJS.Signals): void
	/** Closes the reading end of its standard output, as `head` does. */
	closeOutput(): void
	readonly ended: Promise<Ended>
}

/** What happened at Harbor Point besides the incident: places to aim at. */
export interface History {
	readonly restorePoint: string
	/** Rolled back as a whole. */
	readonly abortedXid: number
	/** A committed subtransaction and the transaction that it is a part of. */
	readonly subtransaction: {readonly xid: number; readonly parentXid: number}
	/** The last commit, segments after the incident. */
	readonly lastXid: number
	/** Never given out. */
	readonly futureXid: number
	/** Names of the archived segments, in order. */
	readonly segments: readonly string[]
}

/** Harbor Point with the program beside it. */
export interface Rig {
	readonly base: ServerTestFolder
	readonly installation: PostgresInstallation
	readonly point: HarborPoint
	readonly truth: Truth
	readonly history: History
	/** Of the damaged primary, as libpq takes it. */
	readonly conninfo: string
	/** Folder of the base backup. */
	readonly backup: string
	readonly state: string
	/** Runs the program to its end as an operator would, with recoveries recorded below the rig's folder. */
	lastgood(...args: readonly string[]): Promise<Ended>
	start(...args: readonly string[]): Running
	/** A path of this name below the rig's folder. */
	at(name: string): string
	/** What archive and backup look like to somebody who would notice any change: names, sizes, times, owners, modes. */
	sourceFingerprint(): Promise<readonly string[]>
	/** Processes other than the damaged primary's that work or were started below the rig's folder. */
	otherProcesses(): Promise<readonly string[]>
	remove(): Promise<void>
}

/** Builds a small Harbor Point on which more happens after the incident than on the demo's. */
export async function harborRig(): Promise<Rig> {
	await access(program).catch(() => {
		throw new Error(`there is no ${program}: npm run build`)
	})
	const installation = await testInstallation()
	const base = await serverTestFolder()
	try {
		const at = (name: string) => join(base.path, name)
		const point = await buildHarborPoint({
			folder: at('harbor'),
			installation,
			serverUser: base.serverUser,
			traders: 3,
			tradesBefore: 200,
			tradesAfter: 120,
			reservations: 800,
			thinkMs: 6,
			onStep: () => {},
		})
		const {primary, archive, backups} = point
		const history = await moreHistory(point)
		const [label = ''] = await readdir(backups)
		const state = at('state')
		const start = (...args: readonly string[]) => startProgram(args, {LASTGOOD_STATE_HOME: state})
		return {
			base,
			installation,
			point,
			truth: await loadTruth(point.folder),
			history,
			conninfo: `host=${primary.socketDirectory} port=${primary.port} user=${primary.user} dbname=${primary.database}`,
			backup: join(backups, label),
			state,
			start,
			lastgood: (...args) => start(...args).ended,
			at,
			sourceFingerprint: async () => [...(await fingerprint(archive)), ...(await fingerprint(backups))],
			otherProcesses: async () =>
				(await processesIn(base.path)).filter(
					line => !/postgres: harbor-point/.test(line) && !line.includes(`-D ${primary.dataDirectory}`),
				),
			remove: () => base.remove(),
		}
	} catch (error) {
		await base.remove()
		throw error
	}
}

/** Starts the built program with nothing on its standard input. */
export function startProgram(args: readonly string[], env: Readonly<Record<string, string>>): Running {
	const child = spawn(process.execPath, [program, ...args], {
		env: {...process.env, ...env},
		stdio: ['ignore', 'pipe', 'pipe'],
	})
	let stdout = ''
	let stderr = ''
	const watchers = new Set<() => void>()
	const look = () => {
		for (const watcher of watchers) watcher()
	}
	child.stdout.setEncoding('utf8').on('data', chunk => {
		stdout += chunk
		look()
	})
	child.stderr.setEncoding('utf8').on('data', chunk => {
		stderr += chunk
		look()
	})
	let isOver = false
	const ended = new Promise<Ended>((resolve, reject) => {
		child.once('error', reject)
		child.once('close', (exitCode, signal) => {
			isOver = true
			look()
			resolve({exitCode, signal, stdout, stderr})
		})
	})
	return {
		line: pattern =>
			new Promise((resolve, reject) => {
				const watcher = () => {
					const found = `${stdout}\n${stderr}`.split('\n').find(line => pattern.test(line))
					if (found === undefined && !isOver) return
					watchers.delete(watcher)
					if (found === undefined) reject(new Error(`no line matched ${pattern}: ${stdout}${stderr}`))
					else resolve(found)
				}
				watchers.add(watcher)
				watcher()
			}),
		kill: signal => void child.kill(signal),
		closeOutput: () => child.stdout.destroy(),
		ended,
	}
}

/** What `--json` printed: one document, and nothing else. */
export function documentOf<Shape>(schema: z.ZodType<Shape>, {stdout}: Pick<Ended, 'stdout'>): Shape {
	return schema.parse(JSON.parse(stdout))
}

/** What a stream printed: one document a line. */
export function linesOf<Shape>(schema: z.ZodType<Shape>, {stdout}: Pick<Ended, 'stdout'>): readonly Shape[] {
	return stdout
		.trimEnd()
		.split('\n')
		.map(line => schema.parse(JSON.parse(line)))
}

export async function exists(path: string): Promise<boolean> {
	return lstat(path).then(
		() => true,
		() => false,
	)
}

/** After the incident, in segments of their own: a restore point, a rollback, a subtransaction, and a last commit. */
async function moreHistory({primary, archive}: HarborPoint): Promise<History> {
	const client = await connect({...primary, superuser: primary.user}, primary.database, 'test')
	try {
		const xid = async () => Number(await firstValue(client, 'select pg_current_xact_id()::xid'))
		await client.query("create table log (line text); select pg_create_restore_point('before the deploy')")
		await client.query("begin; insert into log values ('rolled back')")
		const abortedXid = await xid()
		await client.query('rollback')
		await client.query(
			"begin; insert into log values ('outside'); savepoint inner_part; insert into log values ('inside')",
		)
		const inside = Number(await firstValue(client, "select xmin from log where line = 'inside'"))
		const parentXid = await xid()
		await client.query('commit')
		await archiveEverything(client, archive, undefined)
		await client.query("insert into log values ('between')")
		await archiveEverything(client, archive, undefined)
		await client.query("begin; insert into log values ('last')")
		const lastXid = await xid()
		await client.query('commit')
		await archiveEverything(client, archive, undefined)
		const segments = (await readdir(archive)).filter(name => /^[0-9A-F]{24}$/.test(name)).sort()
		return {
			restorePoint: 'before the deploy',
			abortedXid,
			subtransaction: {xid: inside, parentXid},
			lastXid,
			futureXid: lastXid + 1000,
			segments,
		}
	} finally {
		await client.end()
	}
}

async function firstValue(client: pg.Client, statement: string): Promise<string> {
	const {rows} = await client.query<Record<string, string>>(statement)
	return Object.values(rows[0] ?? {})[0] ?? ''
}

async function fingerprint(folder: string): Promise<readonly string[]> {
	const names = await readdir(folder, {recursive: true})
	return Promise.all(
		['.', ...names].sort().map(async name => {
			const {size, mtimeNs, ctimeNs, uid, gid, mode} = await lstat(join(folder, name), {bigint: true})
			return [join(folder, name), size, mtimeNs, ctimeNs, uid, gid, mode].join(' ')
		}),
	)
}
