import {constants} from 'node:fs'
import {access, readdir, realpath, stat} from 'node:fs/promises'
import {delimiter, dirname, join} from 'node:path'
import {UsageError} from '../../domain/errors.ts'
import {run} from '../process.ts'

/** PostgreSQL's programs that lastgood can use. */
export const programNames = [
	'pg_waldump',
	'postgres',
	'pg_controldata',
	'initdb',
	'pg_basebackup',
	'pg_ctl',
	'psql',
] as const
export type ProgramName = (typeof programNames)[number]

/** What a restored server, or the demo's primary, needs. */
export const serverPrograms: readonly ProgramName[] = [
	'pg_waldump',
	'postgres',
	'pg_controldata',
	'initdb',
	'pg_basebackup',
]

/** Major versions whose WAL and settings lastgood knows. */
export const supportedMajors = {oldest: 13, newest: 18} as const

/** A directory that holds PostgreSQL's programs, of one version. */
export interface PostgresInstallation {
	readonly directory: string
	readonly major: number
	/** As the programs say it: `15.18`. */
	readonly version: string
	readonly has: readonly ProgramName[]
}

/** A directory that holds PostgreSQL's programs and cannot be used. */
export interface UnusableInstallation {
	readonly directory: string
	readonly reason: string
}

/** Where to look. */
export interface SearchOptions {
	/** `--pg-bin`: looked at first. */
	readonly pgBin?: string | undefined
	/** LASTGOOD_PG_BIN (directories, separated as in PATH) comes second, PATH third. */
	readonly env: Readonly<Record<string, string | undefined>>
	/** Instead of PATH. */
	readonly path?: string | undefined
	/** Instead of the places where systems put them; `*` stands for a part of one name. */
	readonly places?: readonly string[] | undefined
}

/** Debian, PGDG on RHEL, RHEL and Fedora, Alpine, Homebrew on ARM, Intel and Linux, Postgres.app. */
const standardPlaces: readonly string[] = [
	'/usr/lib/postgresql/*/bin',
	'/usr/pgsql-*/bin',
	'/usr/bin',
	'/usr/libexec/postgresql*',
	'/opt/homebrew/opt/postgresql@*/bin',
	'/usr/local/opt/postgresql@*/bin',
	'/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin',
	'/Applications/Postgres.app/Contents/Versions/*/bin',
	'/usr/local/pgsql/bin',
]

/**
 * Every usable directory with PostgreSQL's programs, in the order `--pg-bin`, LASTGOOD_PG_BIN, PATH, then the usual places
 * with the newest version first. Throws UsageError when a directory that was named outright holds none.
 */
export async function findInstallations(options: SearchOptions): Promise<readonly PostgresInstallation[]> {
	return (await searchInstallations(options)).usable
}

/** The same, with what was left out and why. */
export async function searchInstallations(options: SearchOptions): Promise<{
	readonly usable: readonly PostgresInstallation[]
	readonly unusable: readonly UnusableInstallation[]
}> {
	const named = [
		...(options.pgBin === undefined ? [] : [{directory: options.pgBin, by: '--pg-bin'}]),
		...entries(options.env.LASTGOOD_PG_BIN).map(directory => ({directory, by: 'LASTGOOD_PG_BIN'})),
	]
	const usable: PostgresInstallation[] = []
	const unusable: UnusableInstallation[] = []
	for (const {directory, by} of named) {
		const [programs] = await programDirectories(directory)
		const found = programs === undefined ? undefined : await examine(programs)
		if (found === undefined) throw await nothingAt(directory, by)
		if ('reason' in found) throw unusableAt(found, by)
		usable.push(found)
	}
	const places = await Promise.all((options.places ?? standardPlaces).map(directoriesMatching))
	for (const directory of [...entries(options.path ?? options.env.PATH), ...places.flat()]) {
		for (const programs of await programDirectories(directory)) {
			if ([...usable, ...unusable].some(known => known.directory === programs)) continue
			const found = await examine(programs)
			if (found === undefined) continue
			if ('reason' in found) unusable.push(found)
			else usable.push(found)
		}
	}
	return {usable, unusable}
}

/** The first installation of this major version that has these programs; undefined when there is none. */
export function installationFor(
	major: number,
	installations: readonly PostgresInstallation[],
	needs: readonly ProgramName[] = ['pg_waldump'],
): PostgresInstallation | undefined {
	return installations.find(installation => installation.major === major && lacks(installation, needs).length === 0)
}

/** Which of these programs an installation does not have. */
export function lacks(installation: PostgresInstallation, needs: readonly ProgramName[]): readonly ProgramName[] {
	return needs.filter(name => !installation.has.includes(name))
}

/** Path of a program of an installation. */
export function programPath(installation: Pick<PostgresInstallation, 'directory'>, name: ProgramName): string {
	return join(installation.directory, name)
}

/**
 * Where the programs of a directory really stand. /usr/local/bin and Homebrew's bin hold links; Debian's /usr/bin has a
 * script of another name behind psql and pg_basebackup, which leads to a directory without any.
 */
async function programDirectories(directory: string): Promise<readonly string[]> {
	const programs = await Promise.all(
		programNames.map(async name => {
			const program = join(directory, name)
			return (await isProgram(program)) ? [dirname(await realpath(program))] : []
		}),
	)
	return [...new Set(programs.flat())]
}

/** What a directory without links holds; undefined when it holds no program of PostgreSQL. */
async function examine(directory: string): Promise<PostgresInstallation | UnusableInstallation | undefined> {
	const present = await Promise.all(programNames.map(name => isProgram(join(directory, name))))
	const has = programNames.filter((_, at) => present[at])
	const asked = has[0]
	if (asked === undefined) return undefined
	const said = await run(join(directory, asked), ['--version']).catch((error: unknown) => String(error))
	if (typeof said === 'string') return {directory, reason: said}
	const version = /\(PostgreSQL\) (\d+)((?:\.\d+|devel|alpha\d+|beta\d+|rc\d+)*)/.exec(said.stdout)
	if (said.exitCode !== 0 || version?.[1] === undefined) {
		const words = (said.stderr || said.stdout).trim().split('\n')[0] ?? ''
		return {directory, reason: `${asked} --version does not say a version of PostgreSQL: ${words}`}
	}
	const major = Number(version[1])
	if (major < supportedMajors.oldest || major > supportedMajors.newest) {
		const range = `${supportedMajors.oldest} to ${supportedMajors.newest}`
		return {directory, reason: `PostgreSQL ${major} is not among the supported versions, ${range}`}
	}
	return {directory, major, version: `${version[1]}${version[2] ?? ''}`, has}
}

async function isProgram(path: string): Promise<boolean> {
	const found = await stat(path).catch(() => undefined)
	if (found?.isFile() !== true) return false
	return access(path, constants.X_OK).then(
		() => true,
		() => false,
	)
}

async function directoriesMatching(pattern: string): Promise<readonly string[]> {
	let found: readonly string[] = ['/']
	for (const part of pattern.split('/').filter(name => name !== '')) {
		if (!part.includes('*')) {
			found = found.map(directory => join(directory, part))
			continue
		}
		const [before = '', after = ''] = part.split('*')
		const matching = await Promise.all(
			found.map(async directory => {
				const names = await readdir(directory).catch(() => [])
				return names
					.filter(name => name.startsWith(before) && name.endsWith(after) && name.length >= part.length - 1)
					.map(name => join(directory, name))
			}),
		)
		found = matching.flat().sort((a, b) => b.localeCompare(a, 'en', {numeric: true}))
	}
	return found
}

function entries(pathList: string | undefined): readonly string[] {
	return (pathList ?? '').split(delimiter).filter(entry => entry !== '')
}

async function nothingAt(directory: string, by: string): Promise<UsageError> {
	const below = join(directory, 'bin')
	const meant = (await programDirectories(below)).length > 0
	return new UsageError(
		`${by} ${directory} holds none of PostgreSQL's programs (looked for ${programNames.join(', ')})`,
		[
			...(meant ? [`name the directory of the programs themselves: ${below}`] : []),
			'name the directory that holds pg_waldump, as /usr/lib/postgresql/15/bin does on Debian',
			`or leave ${by} out, and PATH and the usual places are searched`,
		],
	)
}

function unusableAt({directory, reason}: UnusableInstallation, by: string): UsageError {
	return new UsageError(`${by} ${directory} cannot be used: ${reason}`, [
		`run ${join(directory, 'pg_waldump')} --version to see what it says`,
		`or leave ${by} out, and PATH and the usual places are searched`,
	])
}
