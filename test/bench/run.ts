import {mkdtemp} from 'node:fs/promises'
import {join} from 'node:path'
import type {PostgresInstallation} from '../../src/adapters/postgres/programs.ts'
import {buildHarborPoint, type HarborPoint} from '../../src/demo/harbor-point.ts'
import {surveyArchive} from '../../src/operations/survey.ts'
import type {OpenedArchive, OsUser, World} from '../../src/ports.ts'
import {serverTestFolder, testInstallation} from '../support/postgres.ts'
import {openTestWorld} from '../support/world.ts'
import {benchDecode} from './decode.ts'
import {benchRestore} from './restore.ts'
import {benchRows} from './rows.tsx'

/** What every benchmark measures on: one real archive with its base backup. */
export interface Bench {
	readonly world: World
	readonly harbor: HarborPoint
	readonly opened: OpenedArchive
	readonly installation: PostgresInstallation
	readonly serverUser: OsUser
}

const folder = await serverTestFolder()
try {
	const installation = await testInstallation()
	process.stderr.write('building an archive of more than 100 segments\n')
	const harbor = await buildHarborPoint({
		folder: join(folder.path, 'harbor'),
		installation,
		serverUser: folder.serverUser,
		tradesAfter: 60_000,
		thinkMs: 0,
		onStep: () => {},
	})
	const world = openTestWorld({stateDirectory: await mkdtemp(join(folder.path, 'state-'))})
	const opened = await surveyArchive(world, {archive: harbor.archive, backups: [harbor.backups]})
	const bench: Bench = {world, harbor, opened, installation, serverUser: folder.serverUser}
	for (const benchmark of [benchDecode, benchRestore, benchRows]) process.stdout.write(`${await benchmark(bench)}\n`)
} finally {
	await folder.remove()
}
