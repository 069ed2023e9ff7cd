import {constants} from 'node:fs'
import {access, mkdir, rm, rmdir, writeFile} from 'node:fs/promises'
import {delimiter, join} from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import {UsageError} from '../../domain/errors.ts'
import {type RunResult, run} from '../process.ts'
import {
	lacks,
	type PostgresInstallation,
	type ProgramName,
	type SearchOptions,
	searchInstallations,
	serverPrograms,
	supportedMajors,
} from './programs.ts'

export interface InstallOptions {
	readonly onStep: (text: string) => void
	readonly signal?: AbortSignal | undefined
}

/** A package manager, and what makes it bring a server with all of its programs. */
interface PackageManager {
	readonly program: string
	/** Homebrew refuses to run as root; the others need it. */
	readonly wantsRoot: boolean
	readonly verb: string
	/** So that it asks nothing and waits for others who install. */
	readonly options: readonly string[]
	readonly packages: readonly string[]
}

const redHat = {
	wantsRoot: true,
	verb: 'install',
	options: ['--assumeyes'],
	// pg_waldump is in the contrib package of Fedora and RHEL.
	packages: ['postgresql-server', 'postgresql-contrib'],
}

const managers: readonly PackageManager[] = [
	{
		program: 'apt-get',
		wantsRoot: true,
		verb: 'install',
		options: ['--yes', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=300'],
		packages: ['postgresql'],
	},
	{program: 'dnf', ...redHat},
	{program: 'yum', ...redHat},
	{
		program: 'apk',
		wantsRoot: true,
		verb: 'add',
		options: ['--wait', '300'],
		packages: ['postgresql', 'postgresql-client', 'postgresql-contrib'],
	},
	{program: 'brew', wantsRoot: false, verb: 'install', options: [], packages: ['postgresql@17']},
]

const lockTimeoutMs = 300_000
const debianDropIn = '/etc/postgresql-common/createcluster.d/lastgood.conf'

/**
 * Finds an installation that has all of the programs, or has the system's package manager install one. Throws UsageError
 * with what to install when neither is possible.
 */
export async function ensurePostgres(
	options: SearchOptions & InstallOptions & {readonly needs?: readonly ProgramName[]},
): Promise<PostgresInstallation> {
	const needs = options.needs ?? serverPrograms
	const complete = (found: readonly PostgresInstallation[]): PostgresInstallation | undefined =>
		found.find(installation => lacks(installation, needs).length === 0)

	const before = complete((await searchInstallations(options)).usable)
	if (before !== undefined) return before
	await installPostgres(options)
	const found = await searchInstallations(options)
	const after = complete(found.usable)
	if (after !== undefined) return after
	const seen = [
		...found.usable.map(one => `${one.directory} (${one.version}) lacks ${lacks(one, needs).join(', ')}`),
		...found.unusable.map(one => `${one.directory}: ${one.reason}`),
	]
	throw new UsageError(
		`no usable PostgreSQL was found after its packages had been installed${seen.length === 0 ? '' : `; ${seen.join('; ')}`}`,
		whatToInstall([]),
	)
}

/**
 * Installs the system's PostgreSQL with apt-get, dnf, yum or apk as root, or with Homebrew as a user; no cluster is
 * created and no server is started. Throws UsageError with what to install where it may not.
 */
export async function installPostgres({onStep, signal}: InstallOptions): Promise<void> {
	const isRoot = process.getuid?.() === 0
	const present = await managersOnPath()
	const manager = present.find(candidate => candidate.wantsRoot === isRoot)
	if (manager === undefined) {
		throw new UsageError(
			"PostgreSQL's programs are not installed, and this user may not install them",
			whatToInstall(present),
		)
	}
	const {program, verb, options, packages} = manager
	const args = [verb, ...options, ...packages]
	const install = async (): Promise<void> => {
		onStep(`${program} ${args.join(' ')}`)
		const result = await runAlone(program, args, signal)
		if (result.exitCode !== 0) throw installationFailed(program, args, result)
	}
	if (program !== 'apt-get') return install()
	onStep('apt-get update')
	// One unreachable source out of many fails the update, and the installation can still go through.
	await runAlone(program, ['update'], signal)
	await withoutMainCluster(install)
}

/**
 * Debian's server package creates a cluster "main" on port 5432 and starts it when it is configured for the first time,
 * unless its configuration says otherwise.
 */
async function withoutMainCluster(install: () => Promise<void>): Promise<void> {
	const directory = join(debianDropIn, '..')
	const created = await mkdir(directory, {recursive: true})
	await writeFile(debianDropIn, '# for as long as lastgood installs PostgreSQL\ncreate_main_cluster = false\n')
	try {
		await install()
	} finally {
		await rm(debianDropIn, {force: true})
		// Gone again if it was not there before, unless the package has put something into it.
		if (created !== undefined) await rmdir(directory).catch(() => {})
	}
}

/** A machine that has just started runs its own updates; apt-get waits for their lock on packages, not for that on lists. */
async function runAlone(program: string, args: readonly string[], signal: AbortSignal | undefined): Promise<RunResult> {
	const deadline = Date.now() + lockTimeoutMs
	for (;;) {
		const result = await run(program, args, {env: {DEBIAN_FRONTEND: 'noninteractive'}, signal})
		const locked = result.exitCode !== 0 && result.stderr.includes('Could not get lock')
		if (!locked || Date.now() > deadline) return result
		await sleep(2000, undefined, {signal})
	}
}

async function managersOnPath(): Promise<readonly PackageManager[]> {
	const directories = (process.env.PATH ?? '').split(delimiter).filter(directory => directory !== '')
	const present = await Promise.all(
		managers.map(async ({program}) => {
			const found = await Promise.allSettled(
				directories.map(directory => access(join(directory, program), constants.X_OK)),
			)
			return found.some(({status}) => status === 'fulfilled')
		}),
	)
	return managers.filter((_, at) => present[at])
}

function whatToInstall(present: readonly PackageManager[]): readonly string[] {
	const versions = `${supportedMajors.oldest} to ${supportedMajors.newest}`
	return [
		...present.map(
			({program, wantsRoot, verb, packages}) =>
				`${wantsRoot ? 'as root' : 'as an ordinary user'}: ${program} ${verb} ${packages.join(' ')}`,
		),
		`install PostgreSQL ${versions}, server and client programs (${serverPrograms.join(', ')})`,
		'if it is installed, say where: --pg-bin <directory> or LASTGOOD_PG_BIN',
	]
}

function installationFailed(program: string, args: readonly string[], result: RunResult): UsageError {
	const words = `${result.stdout}\n${result.stderr}`.trim().split('\n').slice(-3).join('; ')
	const command = `${program} ${args.join(' ')}`
	return new UsageError(`${command} failed with exit code ${result.exitCode ?? result.signal}: ${words}`, [
		`run it by hand to see all of its output: ${command}`,
		...whatToInstall([]),
	])
}
