import {tmpdir} from 'node:os'
import {join, resolve} from 'node:path'
import {currentUser, serverUserFor} from '../adapters/os-user.ts'
import {ensurePostgres} from '../adapters/postgres/install.ts'
import {buildHarborPoint, type HarborPoint} from './harbor-point.ts'

/** Where Harbor Point is built when nobody says otherwise: a folder that the server's account can reach, one for each user. */
export function defaultDemoFolder(): string {
	return join(tmpdir(), `lastgood-harbor-point-${currentUser().name}`)
}

/** Finds or installs PostgreSQL and builds Harbor Point. Throws OperatorError. */
export async function prepareDemo({
	folder,
	pgBin,
	env,
	signal,
	onStep,
}: {
	readonly folder: string
	readonly pgBin: string | undefined
	readonly env: Readonly<Record<string, string | undefined>>
	readonly signal: AbortSignal
	readonly onStep: (text: string) => void
}): Promise<HarborPoint> {
	const installation = await ensurePostgres({env, pgBin, onStep, signal})
	onStep(`PostgreSQL ${installation.version} in ${installation.directory}`)
	const serverUser = await serverUserFor(resolve(folder))
	return buildHarborPoint({folder: resolve(folder), installation, serverUser, signal, onStep})
}

/** How the damaged primary is reached, as libpq spells it. */
export function primaryConninfo({primary}: HarborPoint): string {
	const quoted = (value: string) => `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
	return `host=${quoted(primary.socketDirectory)} port=${primary.port} user=${quoted(primary.user)} dbname=${quoted(primary.database)}`
}
