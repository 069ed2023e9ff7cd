import {archiveEverything, connect} from '../../src/demo/cluster.ts'
import type {HarborPoint} from '../../src/demo/harbor-point.ts'
import {commitAt, placements} from './placed-commits.ts'

/** What was added to the history of a Harbor Point, by xid. */
export interface MoreHistory {
	/** Commits whose records touch the ends of pages and segments. */
	readonly placed: readonly number[]
	readonly aborted: number
	readonly abortedPrepared: number
	readonly drop: number
	readonly restorePoints: readonly string[]
}

/** Goes on where the demo's traders stopped, with what they do not do. None of it touches the tables of the demo. */
export async function addHistory(point: HarborPoint, walSegmentBytes: number): Promise<MoreHistory> {
	const client = await connect(
		{...point.primary, superuser: point.primary.user},
		point.primary.database,
		'more history',
	)
	const xidOf = async (statements: readonly string[], end: string): Promise<number> => {
		await client.query('begin')
		for (const statement of statements) await client.query(statement)
		const {rows} = await client.query<{xid: string}>('select pg_current_xact_id()::text as xid')
		await client.query(end)
		return Number(rows[0]?.xid)
	}
	try {
		await client.query('create table notes (note text)')
		await client.query('create table scratch as select generate_series(1, 500) as n')
		await client.query("select pg_create_restore_point('after close')")
		await client.query("insert into notes values ('between the restore points')")
		const aborted = await xidOf(["insert into notes values ('thought better of')"], 'rollback')
		await client.query("insert into notes values ('after the abort')")
		// A name may say what looks like a record, and come twice: the first one counts.
		await client.query("select pg_create_restore_point('tx: 7, lsn: 0/1, desc: COMMIT 2020-01-01')")
		const abortedPrepared = await xidOf(["insert into notes values ('in doubt')"], "prepare transaction 'doubtful'")
		await client.query("insert into notes values ('while it is prepared')")
		await client.query("rollback prepared 'doubtful'")
		const drop = await xidOf(['drop table scratch'], 'commit')
		await client.query("select pg_create_restore_point('after close')")
		await client.query('truncate notes')
		const placed: number[] = []
		for (const placement of placements) placed.push(await commitAt(client, placement, walSegmentBytes))
		await client.query("insert into notes values ('the last one')")
		await archiveEverything(client, point.archive, undefined)
		return {
			placed,
			aborted,
			abortedPrepared,
			drop,
			restorePoints: ['after close', 'tx: 7, lsn: 0/1, desc: COMMIT 2020-01-01'],
		}
	} finally {
		await client.end()
	}
}
