import {join} from 'node:path'
import {programPath} from '../../src/adapters/postgres/programs.ts'
import {stream} from '../../src/adapters/process.ts'
import {decodePath} from '../../src/operations/find.ts'
import {compare, timeOf} from './measure.ts'
import type {Bench} from './run.ts'

/** Decoding the whole archive with everything that is learned of each commit, against bare pg_waldump over the same segments. */
export async function benchDecode({world, opened, harbor, installation, serverUser}: Bench): Promise<string> {
	const path = await decodePath(world, opened, {})
	const [first, last] = [path.chain.segments[0], path.chain.segments.at(-1)]
	if (first === undefined || last === undefined) throw new Error('the archive of the bench is empty')
	const bare = async () => {
		const run = stream(programPath(installation, 'pg_waldump'), [join(harbor.archive, first.name), last.name], {
			asUser: serverUser,
		})
		for await (const _ of run.stdout) {
			// Read and thrown away, as a shell's >/dev/null does.
		}
		await run.finished
	}
	return compare(
		`decode ${path.chain.segments.length} segments, ${path.wal.recordCount} records, against pg_waldump >/dev/null`,
		() => timeOf(() => decodePath(world, opened, {})),
		() => timeOf(bare),
		5,
	)
}
