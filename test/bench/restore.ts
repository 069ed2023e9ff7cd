import {mkdir, rm, writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import {programPath} from '../../src/adapters/postgres/programs.ts'
import {run} from '../../src/adapters/process.ts'
import {confirmationWord} from '../../src/domain/recovery/plan.ts'
import {isCommit} from '../../src/domain/recovery/target.ts'
import {formatLsn} from '../../src/domain/wal/lsn.ts'
import {decodePath} from '../../src/operations/find.ts'
import {planRestore} from '../../src/operations/plan.ts'
import {carryOut} from '../../src/operations/restore.ts'
import {compare, timeOf} from './measure.ts'
import type {Bench} from './run.ts'

/** A whole restore to the last commit, held at the target, against the same by hand: cp -a, restore_command = 'cp …', pg_ctl -w. */
export async function benchRestore(bench: Bench): Promise<string> {
	const {world, opened, harbor, installation, serverUser} = bench
	const path = await decodePath(world, opened, {})
	const target = path.wal.boundaries.findLast(isCommit)
	const backup = path.backup
	if (target === undefined || backup === undefined) throw new Error('the archive of the bench has nothing to restore')
	let round = 0
	const ours = async () => {
		const plan = await planRestore(world, opened, path, {
			target: {kind: 'lsn', lsn: target.lsn, inclusive: false, timeline: path.history.timeline},
			destination: join(harbor.folder, `ours-${round++}`),
		})
		const elapsedMs = await timeOf(() =>
			carryOut(world, plan, {signal: new AbortController().signal, how: confirmationWord(plan), onNews: () => {}}),
		)
		await world.engine.removeAll(plan)
		return elapsedMs
	}
	const byHand = async () => {
		const folder = join(harbor.folder, `by-hand-${round++}`)
		const pgCtl = programPath(installation, 'pg_ctl')
		const elapsedMs = await timeOf(async () => {
			await run('cp', ['-a', backup.location, folder])
			if (process.getuid?.() === 0) await run('chown', ['-R', serverUser.name, folder])
			await run('chmod', ['0700', folder])
			await mkdir(join(folder, 'pg_wal', 'archive_status'), {recursive: true})
			await writeFile(join(folder, 'recovery.signal'), '')
			if (process.getuid?.() === 0)
				await run('chown', ['-R', serverUser.name, join(folder, 'pg_wal'), join(folder, 'recovery.signal')])
			const settings = [
				`restore_command=cp "${harbor.archive}/%f" "%p"`,
				`recovery_target_lsn=${formatLsn(target.lsn)}`,
				'recovery_target_inclusive=off',
				'recovery_target_timeline=1',
				'archive_mode=off',
				`unix_socket_directories=${folder}`,
				'listen_addresses=',
				'port=54399',
			]
			const options = settings.map(setting => `-c '${setting.replaceAll("'", `'\\''`)}'`).join(' ')
			const started = await run(pgCtl, ['-D', folder, '-w', '-l', join(folder, 'log'), '-o', options, 'start'], {
				asUser: serverUser,
			})
			if (started.exitCode !== 0)
				throw new Error(`the restore by hand did not start: ${started.stdout}${started.stderr}`)
			// As somebody at a terminal does: look until it says that it has paused.
			const question = ['-h', folder, '-p', '54399', '-U', 'postgres', '-Atc', 'select pg_get_wal_replay_pause_state()']
			for (let look = 0; ; look++) {
				const {stdout, stderr} = await run(programPath(installation, 'psql'), question, {asUser: serverUser})
				if (stdout.trim() === 'paused') break
				if (look > 1000) throw new Error(`the restore by hand never paused: ${stderr}`)
			}
		})
		await run(pgCtl, ['-D', folder, '-m', 'immediate', 'stop'], {asUser: serverUser})
		await rm(folder, {recursive: true})
		return elapsedMs
	}
	return compare(
		`restore ${backup.bytes} bytes and replay ${path.chain.segments.length} segments, against cp by hand`,
		ours,
		byHand,
		3,
	)
}
