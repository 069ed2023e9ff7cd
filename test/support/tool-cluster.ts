import {appendFile, chmod, chown, mkdir, writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import {currentUser} from '../../src/adapters/os-user.ts'
import {type PostgresInstallation, programPath} from '../../src/adapters/postgres/programs.ts'
import {run} from '../../src/adapters/process.ts'
import {missingProgram} from './packing.ts'
import type {ServerTestFolder} from './postgres.ts'

/** Has Debian's package manager install what is missing. Gives the reason where it may not, for a test to be skipped with. */
export async function ensureTool(program: string, packageName: string): Promise<string | undefined> {
	if (missingProgram(program) === undefined) return undefined
	if (currentUser().uid !== 0 || missingProgram('apt-get') !== undefined)
		return `${program} is not installed, and this user cannot install it`
	const options = ['--yes', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=300']
	await run('apt-get', ['update'], {env: {DEBIAN_FRONTEND: 'noninteractive'}})
	const result = await run('apt-get', ['install', ...options, packageName], {
		env: {DEBIAN_FRONTEND: 'noninteractive'},
	})
	return result.exitCode === 0 ? undefined : `${packageName} could not be installed: ${result.stderr.trim()}`
}

/** A tiny real cluster that archives as a backup tool asks. Everything runs as the server's user. */
export class ToolCluster {
	readonly dataDirectory: string
	readonly #folder: ServerTestFolder
	readonly #installation: PostgresInstallation
	readonly port: number

	constructor(folder: ServerTestFolder, installation: PostgresInstallation, port: number) {
		this.#folder = folder
		this.#installation = installation
		this.port = port
		this.dataDirectory = join(folder.path, 'data')
	}

	get programs(): string {
		return this.#installation.directory
	}

	/** Runs a program as the server's user and gives what it printed. Throws when it fails. */
	async tool(program: string, args: readonly string[]): Promise<string> {
		const {exitCode, stdout, stderr} = await run(program, args, {
			asUser: this.#folder.serverUser,
			cwd: this.#folder.path,
			env: {PATH: `${this.programs}:${process.env.PATH}`},
		})
		if (exitCode !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr}${stdout}`)
		return stdout.trim()
	}

	sql(...statements: readonly string[]): Promise<string> {
		const at = ['-h', this.#folder.path, '-p', String(this.port), '-U', 'postgres', 'postgres']
		return this.tool(programPath(this.#installation, 'psql'), [
			...['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1'],
			...at,
			...statements.flatMap(statement => ['-c', statement]),
		])
	}

	async create(archiveCommand: string): Promise<void> {
		await this.tool(programPath(this.#installation, 'initdb'), [
			...['-D', this.dataDirectory, '-U', 'postgres', '-A', 'trust', '--wal-segsize=1', '--no-sync'],
		])
		const settings = {
			port: this.port,
			listen_addresses: "''",
			unix_socket_directories: `'${this.#folder.path}'`,
			archive_mode: 'on',
			archive_command: `'${archiveCommand.replaceAll("'", "''")}'`,
			wal_level: 'replica',
			fsync: 'off',
		}
		const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}\n`)
		await appendFile(join(this.dataDirectory, 'postgresql.conf'), lines.join(''))
		await this.start()
	}

	start(): Promise<string> {
		return this.pgCtl('-w', '-l', join(this.#folder.path, 'server.log'), 'start')
	}

	/** Ends timeline after timeline: the server comes back as a standby of nobody and is promoted. */
	async promote(): Promise<void> {
		await this.pgCtl('-m', 'fast', '-w', 'stop')
		await this.write('data/standby.signal', '')
		await this.start()
		await this.pgCtl('-w', 'promote')
	}

	/** Waits until a segment that is full now has been archived. */
	async archiveNow(): Promise<void> {
		const segment = await this.sql('select pg_walfile_name(pg_switch_wal())')
		for (let attempt = 0; attempt < 300; attempt += 1) {
			if ((await this.sql(`select coalesce(last_archived_wal, '') >= '${segment}' from pg_stat_archiver`)) === 't')
				return
			await this.sql('select pg_sleep(0.1)')
		}
		throw new Error(`${segment} was not archived`)
	}

	/** A file below the folder, of the server's user. */
	async write(name: string, text: string): Promise<string> {
		const path = join(this.#folder.path, name)
		await writeFile(path, text)
		await chmod(path, 0o600)
		await this.#own(path)
		return path
	}

	async folder(name: string): Promise<string> {
		const path = join(this.#folder.path, name)
		await mkdir(path, {recursive: true})
		await this.#own(path)
		return path
	}

	async #own(path: string): Promise<void> {
		const {uid, gid} = this.#folder.serverUser
		if (currentUser().uid === 0) await chown(path, uid, gid)
	}

	private pgCtl(...args: readonly string[]): Promise<string> {
		return this.tool(programPath(this.#installation, 'pg_ctl'), ['-D', this.dataDirectory, ...args])
	}
}
