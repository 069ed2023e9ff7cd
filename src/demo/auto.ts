import type {DecodedPath} from '../domain/recovery/path.ts'
import {isTransactionEnd} from '../domain/recovery/target.ts'
import {describeBytes, describeCount, describeDuration, isolatedText} from '../domain/text.ts'
import {addMs, formatInstant, parseTime} from '../domain/time.ts'
import {formatLsn} from '../domain/wal/lsn.ts'
import type {TransactionBoundary} from '../domain/wal/record.ts'
import {rankBoundaries} from '../domain/wal/suspicion.ts'
import {boundariesBetween} from '../domain/wal/window.ts'
import {decodePath} from '../operations/find.ts'
import {promoteRecovery} from '../operations/finish.ts'
import {runChecks} from '../operations/inspect.ts'
import {planRestore} from '../operations/plan.ts'
import {carryOut} from '../operations/restore.ts'
import {surveyArchive} from '../operations/survey.ts'
import type {World} from '../ports.ts'
import {connect} from './cluster.ts'
import type {HarborPoint} from './harbor-point.ts'
import {readHarborRows} from './schema.ts'
import {type Comparison, compareWithTruth, type Truth} from './truth.ts'

/** What the recovery of Harbor Point came to, beside what it had to be. */
export interface AutoResult {
	readonly recovery: string
	readonly comparisons: readonly Comparison[]
	readonly timeline: number
	readonly connect: readonly string[]
}

const windowMs = 60_000

/**
 * Recovers Harbor Point without keys, from what was reported alone: the culprit is the most destructive commit around the
 * reported time. The truth is only opened at the end, to compare. Throws what stops the recovery.
 */
export async function recoverHarborPoint(
	world: World,
	harbor: HarborPoint,
	{
		destination,
		truth,
		host,
		user,
		version,
		signal,
		onStep,
	}: {
		readonly destination: string
		readonly truth: () => Promise<Truth>
		readonly host: string
		readonly user: string
		readonly version: string
		readonly signal: AbortSignal
		readonly onStep: (text: string) => void
	},
): Promise<AutoResult> {
	onStep(`reported: ${harbor.report.text}`)
	const opened = await surveyArchive(world, {archive: harbor.archive, backups: [harbor.backups]}, {signal})
	const {survey} = opened
	onStep(
		`survey: PostgreSQL ${survey.cluster.postgresMajor}, ${describeCount(survey.segments.length, 'WAL segment')}, ${describeCount(survey.backups.length, 'base backup')}, ${describeCount(survey.findings.length, 'finding')}`,
	)

	const reading = parseTime(harbor.report.at, world.now())
	if (!reading.ok) throw new Error(`the demo reported ${harbor.report.at}, which is no time`)
	const from = addMs(reading.instant, -windowMs)
	const path = await decodePath(world, opened, {from}, {signal})
	const window = boundariesBetween(path.wal.boundaries, from, addMs(reading.instant, windowMs))
	onStep(
		`boundaries: ${window.length} around ${formatInstant(reading.instant)}, ${describeCount(path.segmentsRead, 'segment')} decoded, names from ${path.names.source}`,
	)
	const {culprit, why} = mostDestructive(window)
	onStep(`culprit: xid ${culprit.xid}, committed ${formatInstant(culprit.at)} at ${formatLsn(culprit.lsn)}: ${why}`)

	const plan = await planRestore(world, opened, path, {
		target: {kind: 'lsn', lsn: culprit.lsn, inclusive: false, timeline: path.history.timeline},
		destination,
		incident: {typed: harbor.report.at, at: reading.instant, zone: reading.zone},
	})
	onStep(
		`plan: keeps ${describeCount(plan.kept.commits, 'commit')}, gives up ${plan.lost.commits}; copies ${describeBytes(plan.backup.bytes)}, replays ${describeBytes(plan.wal.replayBytes)}; about ${describeDuration(plan.estimate.totalMs)}`,
	)
	await world.journals.append(plan.recovery, {
		event: 'opened',
		at: world.now(),
		recovery: plan.recovery,
		lastgood: version,
		host,
		user,
	})
	await world.journals.append(plan.recovery, {
		event: 'incident-reported',
		at: world.now(),
		typed: harbor.report.at,
		incidentAt: reading.instant,
		zone: reading.zone,
	})
	await world.journals.append(plan.recovery, {
		event: 'boundary-chosen',
		at: world.now(),
		lsn: culprit.lsn,
		xid: culprit.xid,
		committedAt: culprit.at,
		wrote: why,
	})
	await world.journals.append(plan.recovery, {event: 'planned', at: world.now(), plan})

	const held = await carryOut(world, plan, {
		signal,
		how: 'demo --auto',
		onNews: news => {
			if (news.type === 'stepFinished')
				onStep(`  ${news.step}${news.notes.length === 0 ? '' : `: ${isolatedText(news.notes[0] ?? '')}`}`)
		},
	})
	onStep(`held at ${formatLsn(held.stoppedAtLsn)}${held.exact ? ', exactly where planned' : ''}`)
	for await (const check of runChecks(world, plan, signal)) onStep(`  ${check.outcome}: ${check.name}: ${check.found}`)
	const promoted = await promoteRecovery(world, plan, 'demo --auto')
	onStep(`promoted: timeline ${promoted.timeline}`)

	const client = await connect(plan, harbor.primary.database, 'lastgood demo')
	try {
		const known = await truth()
		const comparisons = [
			{
				what: 'bad commit',
				expected: known.badCommitLsn,
				found: formatLsn(culprit.lsn),
				same: known.badCommitLsn === formatLsn(culprit.lsn),
			},
			{what: 'its xid', expected: String(known.badXid), found: String(culprit.xid), same: known.badXid === culprit.xid},
			...compareWithTruth(known, await readHarborRows(client)),
		]
		return {
			recovery: plan.recovery,
			comparisons,
			timeline: promoted.timeline,
			connect: [
				plan.psql,
				'-h',
				plan.socketDirectory,
				'-p',
				String(plan.port),
				'-U',
				plan.superuser,
				'-d',
				harbor.primary.database,
			],
		}
	} finally {
		await client.end()
	}
}

function mostDestructive(window: DecodedPath['wal']['boundaries']): {
	readonly culprit: TransactionBoundary
	readonly why: string
} {
	const ranks = rankBoundaries(window)
	const culprit = window.filter(isTransactionEnd).find(boundary => ranks.get(boundary.ordinal)?.rank === 1)
	if (culprit === undefined) throw new Error('no commit around the reported time destroyed anything')
	return {culprit, why: ranks.get(culprit.ordinal)?.why ?? ''}
}
