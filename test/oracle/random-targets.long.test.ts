import {join} from 'node:path'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {connect} from '../../src/demo/cluster.ts'
import {buildHarborPoint, type HarborPoint, loadLedger, loadTruth} from '../../src/demo/harbor-point.ts'
import {expectedRowsAt, type Ledger} from '../../src/demo/ledger.ts'
import {seededRandom} from '../../src/demo/random.ts'
import {type HarborRows, readHarborRows} from '../../src/demo/schema.ts'
import {type ArchivedCommit, commitsInArchive, compareWithTruth} from '../../src/demo/truth.ts'
import {consistentLsnOf, type DecodedPath} from '../../src/domain/recovery/path.ts'
import type {RestorePlan} from '../../src/domain/recovery/plan.ts'
import {describeTarget, isTransactionEnd, type RecoveryTarget} from '../../src/domain/recovery/target.ts'
import {instantAt} from '../../src/domain/time.ts'
import {formatLsn, type Lsn, parseLsn} from '../../src/domain/wal/lsn.ts'
import type {TransactionBoundary} from '../../src/domain/wal/record.ts'
import {mapConcurrently} from '../../src/operations/concurrently.ts'
import {decodePath} from '../../src/operations/find.ts'
import {promoteRecovery} from '../../src/operations/finish.ts'
import {planRestore} from '../../src/operations/plan.ts'
import {carryOut, type HeldRecovery} from '../../src/operations/restore.ts'
import {surveyArchive} from '../../src/operations/survey.ts'
import type {OpenedArchive, World} from '../../src/ports.ts'
import {processesIn, type ServerTestFolder, serverTestFolder, testInstallation} from '../support/postgres.ts'
import {makeFor} from '../support/restorable.ts'
import {openTestWorld} from '../support/world.ts'
import {addHistory, type MoreHistory} from './more-history.ts'

/**
 * PostgreSQL itself is the oracle: for each target the prediction is written down first, then a real server restores to it,
 * and what it contains, row by row and transaction by transaction, must be what was predicted.
 */

const sampled = (process.env.LASTGOOD_LONG_SAMPLE ?? '') !== ''
const commitsWanted = sampled ? 4 : 50
const seed = Number(process.env.LASTGOOD_LONG_SEED ?? Date.now() % 1_000_000_000)
const random = seededRandom(seed)
const walSegmentBytes = 1024 * 1024
/** Restores at a time: copying waits for the disk while another one replays. */
const atOnce = 3

let base: ServerTestFolder
let world: World
let point: HarborPoint
let more: MoreHistory
let ledger: Ledger
/** In the order of the WAL, as the demo's own reader finds them: nothing of lastgood's decoding is in it. */
let commits: readonly ArchivedCommit[]
let badXid: number
let opened: OpenedArchive
let path: DecodedPath
let restores = 0

beforeAll(async () => {
	console.log(`seed ${seed}: repeat it with LASTGOOD_LONG_SEED=${seed}`)
	base = await serverTestFolder()
	const installation = await testInstallation()
	point = await buildHarborPoint({
		folder: join(base.path, 'harbor'),
		installation,
		serverUser: base.serverUser,
		seed,
		tradesBefore: 1200,
		tradesAfter: 600,
		reservations: 1500,
		thinkMs: 4,
		onStep: () => {},
	})
	await makeFor(base.serverUser, join(base.path, 'restored'))
	more = await addHistory(point, walSegmentBytes)
	ledger = await loadLedger(point.folder)
	badXid = (await loadTruth(point.folder)).badXid
	commits = await commitsInArchive(point.archive, installation, base.serverUser)
	world = openTestWorld({stateDirectory: join(base.path, 'state')})
	opened = await surveyArchive(world, {archive: point.archive, backups: [point.backups]})
	path = await decodePath(world, opened, {})
})

afterAll(async () => {
	const left = await processesIn(join(base.path, 'restored'))
	await base?.remove()
	expect(left).toEqual([])
})

/** What a real server holds at a target, beside the plan that led to it. */
interface Restored {
	readonly plan: RestorePlan
	readonly held: HeldRecovery
	readonly rows: HarborRows
	/** Of all commits in the archive, by the server's own account. */
	readonly committed: ReadonlySet<number>
}

/** Restores for real, hands over what is there, and removes it again. */
async function restored<T>(target: RecoveryTarget, look: (there: Restored) => Promise<T>): Promise<T> {
	const recovery = `oracle-${++restores}`
	const destination = join(base.path, 'restored', recovery)
	const plan = await planRestore(world, opened, path, {target, destination, recovery})
	try {
		const held = await carryOut(world, plan, {signal: AbortSignal.timeout(120_000), how: 'oracle', onNews: () => {}})
		return await look({plan, held, ...(await contentsOf(plan))})
	} finally {
		await world.engine.removeAll(plan)
	}
}

async function contentsOf(plan: RestorePlan): Promise<Pick<Restored, 'rows' | 'committed'>> {
	const client = await connect(plan, point.primary.database, 'oracle')
	try {
		const {rows} = await client.query<{xid: string}>(
			`select xid from unnest($1::bigint[]) as xid
			where case when xid < pg_snapshot_xmax(pg_current_snapshot())::text::bigint
				then pg_xact_status(xid::text::xid8) = 'committed' end`,
			[commits.map(({xid}) => xid)],
		)
		return {rows: await readHarborRows(client), committed: new Set(rows.map(({xid}) => Number(xid)))}
	} finally {
		await client.end()
	}
}

/** What disagrees with the first so many commits of the archive being there and no other; nothing where all agrees. */
function disagreements({plan, held, rows, committed}: Restored, wanted: number | 'as-planned'): readonly string[] {
	const keptCount = wanted === 'as-planned' ? countUpTo({xid: plan.stop.lastKept?.xid ?? 0}, true) : wanted
	const kept = commits.slice(0, keptCount)
	const [lastKept, firstLost] = [commits[keptCount - 1], commits[keptCount]]
	const naming = (commit: {readonly lsn: string; readonly xid: number} | undefined) =>
		commit === undefined ? 'none' : `xid ${commit.xid} at ${commit.lsn}`
	const planned = (commit: RestorePlan['stop']['lastKept']) =>
		naming(commit === null ? undefined : {lsn: formatLsn(commit.lsn), xid: commit.xid})
	const facts: readonly (readonly [string, unknown, unknown])[] = [
		['last kept commit', naming(lastKept), planned(plan.stop.lastKept)],
		['first lost commit', naming(firstLost), planned(plan.stop.firstLost)],
		['commits given up', commits.length - keptCount, plan.lost.commits],
		['stop proven by LSN', plan.stop.replayEndLsn !== null, held.exact],
		['commits that are missing', '', named(kept.filter(({xid}) => !committed.has(xid)))],
		['commits that are too many', '', named(commits.slice(keptCount).filter(({xid}) => committed.has(xid)))],
		...compareWithTruth(
			expectedRowsAt(
				ledger,
				kept.map(({xid}) => xid),
			),
			rows,
		).map(({what, expected, found}) => [what, expected, found] as const),
	]
	return facts.flatMap(([what, expected, found]) =>
		expected === found ? [] : [`${what}: must be ${expected}, is ${found}`],
	)
}

function named(some: readonly ArchivedCommit[]): string {
	return some.map(({xid, lsn}) => `${xid} at ${lsn}`).join(', ')
}

/** The commits at which replay can stop, either side: the base backup is consistent before them. */
function stoppable(): readonly ArchivedCommit[] {
	return commits.filter(({lsn}) => position(lsn) >= consistentLsnOf(path))
}

function position(lsn: string): Lsn {
	const parsed = parseLsn(lsn)
	if (parsed === undefined) throw new Error(`${lsn} is no LSN`)
	return parsed
}

function commitOf(xid: number): ArchivedCommit {
	const found = commits.find(commit => commit.xid === xid)
	if (found === undefined) throw new Error(`no commit of xid ${xid}`)
	return found
}

/** How many commits there are up to this one, itself included or not. */
function countUpTo({xid}: Pick<ArchivedCommit, 'xid'>, inclusive: boolean): number {
	return commits.findIndex(commit => commit.xid === xid) + (inclusive ? 1 : 0)
}

function xidsWhere(what: string): readonly number[] {
	return ledger.filter(entry => entry.what === what).map(({xid}) => xid)
}

/** Commits that are likeliest to be got wrong first, then random ones up to the number wanted. */
function chosenCommits(): readonly ArchivedCommit[] {
	const candidates = stoppable()
	const of = (xids: readonly number[]) => candidates.filter(({xid}) => xids.includes(xid))
	const badAt = candidates.findIndex(({xid}) => xid === badXid)
	const [first, last] = [candidates[0], candidates.at(-1)]
	const chosen = new Set<ArchivedCommit | undefined>([
		candidates[badAt - 1],
		candidates[badAt + 1],
		...of(xidsWhere('prepared before the incident, settled after it')),
		of(xidsWhere('reserve with savepoints'))[random.below(20)],
		...of(xidsWhere('prepared and settled before the incident')),
		...of(xidsWhere('open before the incident, committed after it')),
		candidates[badAt],
		first,
		last,
		...of([more.drop, ...more.placed]),
	])
	while (chosen.size < commitsWanted) chosen.add(candidates[random.below(candidates.length)])
	return [...chosen].filter(commit => commit !== undefined).slice(0, commitsWanted)
}

/** Restores to each target, a few at a time, and gathers what disagrees, each under its target's name. */
async function disagreementsAt(
	targets: readonly {readonly target: RecoveryTarget; readonly keptCount: number | 'as-planned'}[],
): Promise<readonly string[]> {
	const startedAt = performance.now()
	const found = await mapConcurrently(targets, atOnce, async ({target, keptCount}) => {
		const name = describeTarget(target)
		try {
			const disagreeing = await restored(target, async there => disagreements(there, keptCount))
			return disagreeing.map(text => `${name}: ${text}`)
		} catch (error) {
			return [`${name}: ${error instanceof Error ? error.message : String(error)}`]
		}
	})
	const seconds = (performance.now() - startedAt) / 1000
	console.log(`${targets.length} restores in ${seconds.toFixed(0)} s, ${(seconds / targets.length).toFixed(1)} s each`)
	return found.flat()
}

describe('a target', () => {
	test('by the LSN of a commit keeps and loses what was predicted, exclusive and inclusive', async () => {
		const {timeline} = path.history
		const chosen = chosenCommits()
		expect(chosen).toHaveLength(commitsWanted)
		const targets = chosen.flatMap(commit =>
			[false, true].map(inclusive => ({
				target: {kind: 'lsn', lsn: position(commit.lsn), inclusive, timeline} as const,
				keptCount: countUpTo(commit, inclusive),
			})),
		)
		expect(await disagreementsAt(targets)).toEqual([])
	})

	test('by an LSN that no commit begins at stops where was predicted', async () => {
		const chosen = severalOf(stoppable(), sampled ? 1 : 4)
		const inside = chosen.flatMap(({lsn}) => [-8, 8].map(by => byLsn(position(lsn) + BigInt(by), true)))
		const anywhere = severalOf(stoppable(), sampled ? 1 : 4).map(({lsn}) => byLsn(position(lsn) - 400n, true))
		const exclusive = severalOf(stoppable(), sampled ? 1 : 2).map(({lsn}) => byLsn(position(lsn) - 8n, false))
		expect(await disagreementsAt(asPlanned([...inside, ...anywhere, ...exclusive]))).toEqual([])
	})

	test('by xid keeps and loses what was predicted, also for one that was rolled back', async () => {
		const {timeline} = path.history
		const committed = severalOf(stoppable(), sampled ? 1 : 6).map(({xid}) => xid)
		const rolledBack = severalOf(
			path.wal.boundaries.filter(isTransactionEnd).filter(({kind}) => kind === 'abort'),
			2,
		)
		const xids = [
			...committed,
			...xidsWhere('prepared before the incident, settled after it'),
			more.aborted,
			more.abortedPrepared,
			...rolledBack.map(({xid}) => xid),
		]
		const targets = xids.flatMap(xid =>
			[false, true].map(inclusive => ({kind: 'xid', xid, inclusive, timeline}) as const),
		)
		expect(await disagreementsAt(asPlanned(sampled ? targets.slice(0, 2) : targets))).toEqual([])
	})

	test('by time keeps and loses what was predicted, to the microsecond', async () => {
		const {timeline} = path.history
		const ends = path.wal.boundaries
			.filter(isTransactionEnd)
			.filter(({lsn}) => lsn >= consistentLsnOf(path) && lsn < (path.wal.boundaries.at(-1)?.lsn ?? lsn))
		const targets = [...severalOf(ends, sampled ? 1 : 8), ...backwards(ends).slice(0, sampled ? 1 : 6)].flatMap(
			({at}) =>
				[0n, 1n].flatMap(later =>
					[false, true].map(inclusive => ({kind: 'time', at: instantAt(at + later), inclusive, timeline}) as const),
				),
		)
		expect(await disagreementsAt(asPlanned(sampled ? targets.slice(0, 2) : targets))).toEqual([])
	})

	test('by restore point, by the first consistent state and by the end keeps and loses what was predicted', async () => {
		const {timeline} = path.history
		const targets: readonly RecoveryTarget[] = [
			...more.restorePoints.map(name => ({kind: 'restore-point', name, timeline}) as const),
			{kind: 'immediate', timeline},
			{kind: 'latest', timeline},
		]
		expect(await disagreementsAt(asPlanned(targets))).toEqual([])
	})

	test('leaves in doubt what was predicted, once it is promoted', async () => {
		const bad = commitOf(badXid)
		const target = byLsn(position(bad.lsn), false)
		const found = await restored(target, async ({plan}) => {
			await promoteRecovery(world, plan, 'oracle')
			const client = await connect(plan, point.primary.database, 'oracle')
			try {
				const {rows} = await client.query<{gid: string}>('select gid from pg_prepared_xacts order by gid')
				return {inDoubt: rows.map(({gid}) => gid), predicted: plan.preparedInDoubt, rows: await readHarborRows(client)}
			} finally {
				await client.end()
			}
		})
		expect(found.inDoubt).toEqual(['settlement-0940'])
		expect(found.predicted).toEqual(found.inDoubt)
		const kept = commits.slice(0, countUpTo(bad, false)).map(({xid}) => xid)
		expect(compareWithTruth(expectedRowsAt(ledger, kept), found.rows).filter(({same}) => !same)).toEqual([])
	})
})

function asPlanned(targets: readonly RecoveryTarget[]) {
	return targets.map(target => ({target, keptCount: 'as-planned' as const}))
}

function byLsn(lsn: bigint, inclusive: boolean): RecoveryTarget {
	return {kind: 'lsn', lsn: position(formatLsn(lsn as Lsn)), inclusive, timeline: path.history.timeline}
}

function severalOf<T>(choices: readonly T[], count: number): readonly T[] {
	const chosen = new Set<T>()
	while (chosen.size < Math.min(count, choices.length)) {
		const choice = choices[random.below(choices.length)]
		if (choice !== undefined) chosen.add(choice)
	}
	return [...chosen]
}

/** Ends of transactions that are stamped earlier than one before them in the WAL. */
function backwards(ends: readonly TransactionBoundary[]): readonly TransactionBoundary[] {
	return ends.filter((end, index) => end.at < (ends[index - 1]?.at ?? end.at))
}
