import {join} from 'node:path'
import {decodePath} from '../../src/operations/find.ts'
import {planRestore} from '../../src/operations/plan.ts'
import {carryOut} from '../../src/operations/restore.ts'
import {surveyArchive} from '../../src/operations/survey.ts'
import type {SourceRequest} from '../../src/operations/survey-source.ts'
import type {ServerTestFolder} from './postgres.ts'
import {makeFor} from './restorable.ts'
import type {ToolCluster} from './tool-cluster.ts'
import {openTestWorld} from './world.ts'

/** What a real server answers that was restored from a source to just before a transaction; it is removed again. */
export async function answerBefore(
	{folder, cluster}: {readonly folder: ServerTestFolder; readonly cluster: ToolCluster},
	source: SourceRequest,
	xid: number,
	question: string,
): Promise<{readonly answer: string; readonly exact: boolean; readonly backup: string; readonly timeline: number}> {
	const world = openTestWorld({stateDirectory: join(folder.path, 'state')})
	const opened = await surveyArchive(world, source)
	const path = await decodePath(world, opened, {})
	const commit = path.wal.boundaries.find(boundary => boundary.kind === 'commit' && boundary.xid === xid)
	if (commit === undefined) throw new Error(`no commit of xid ${xid} was decoded`)
	const made = join(folder.path, 'made')
	await makeFor(folder.serverUser, made)
	const target = {kind: 'lsn', lsn: commit.lsn, inclusive: false, timeline: path.history.timeline} as const
	const plan = await planRestore(world, opened, path, {target, destination: join(made, `before-${xid}`)})
	try {
		const held = await carryOut(world, plan, {signal: AbortSignal.timeout(120_000), how: 'test', onNews: () => {}})
		const at = ['-h', plan.socketDirectory, '-p', String(plan.port), '-U', 'postgres', '-d', 'postgres']
		const answer = await cluster.tool('psql', ['-X', '-A', '-t', ...at, '-c', question])
		return {answer, exact: held.exact, backup: plan.backup.id, timeline: plan.target.timeline}
	} finally {
		await world.engine.removeAll(plan)
	}
}
