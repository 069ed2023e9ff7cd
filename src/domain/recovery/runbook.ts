import {describeBytes, describeCount, describeDuration, isolatedText, shellText} from '../text.ts'
import {formatInstant, formatSecond, msBetween, type UtcInstant} from '../time.ts'
import {formatLsn} from '../wal/lsn.ts'
import {type JournalEntry, type RecoveryState, recoveryStateOf} from './journal.ts'
import type {NamedBoundary, RestorePlan} from './plan.ts'

/** What was measured in a recovery: the data given up and the time it took. undefined where it did not get that far. */
export interface Measured {
	/** Commits given up, and the time from the last kept commit to the last one given up. */
	readonly lostCommits: number | undefined
	readonly rpoMs: number | undefined
	/** From the confirmation to the pause at the target, and to the promotion. */
	readonly toHeldMs: number | undefined
	readonly toPromotedMs: number | undefined
}

/** Reads the measured RPO and RTO out of a journal. */
export function measure(entries: readonly JournalEntry[]): Measured {
	const plan = entries.findLast(entry => entry.event === 'planned')?.plan
	const at = (event: JournalEntry['event']) => entries.find(entry => entry.event === event)?.at
	const confirmed = at('confirmed')
	const span = (to: UtcInstant | undefined) =>
		confirmed === undefined || to === undefined ? undefined : msBetween(confirmed, to)
	const lastKept = plan?.stop.lastKept ?? undefined
	const untilAt = plan?.lost.untilAt ?? undefined
	return {
		lostCommits: plan?.lost.commits,
		rpoMs: lastKept === undefined || untilAt === undefined ? undefined : Math.max(0, msBetween(lastKept.at, untilAt)),
		toHeldMs: span(at('held')),
		toPromotedMs: span(at('promoted')),
	}
}

/** The transcript of a recovery as Markdown: facts, decisions, commands, timings, checks and what is still open. */
export function renderRunbook(recovery: string, entries: readonly JournalEntry[]): string {
	const state = recoveryStateOf(recovery, entries)
	const sections = [
		`# Runbook of recovery ${recovery}`,
		summarySection(state, entries),
		incidentSection(entries),
		state.plan === undefined ? '' : planSection(state.plan),
		whatHappenedSection(entries),
		checksSection(entries),
		openPointsSection(state),
	]
	return `${sections.filter(section => section !== '').join('\n\n')}\n`
}

function summarySection(
	{phase, plan, timeline, stoppedAtLsn, provenExact, trouble}: RecoveryState,
	entries: readonly JournalEntry[],
): string {
	const measured = measure(entries)
	const opened = entries.find(entry => entry.event === 'opened')
	return facts([
		['outcome', phase === 'promoted' ? `promoted, timeline ${timeline ?? '?'}` : phase],
		...row(
			'opened',
			opened && `${formatSecond(opened.at)} by ${opened.user} on ${opened.host}, lastgood ${opened.lastgood}`,
		),
		...row('source', plan && `${plan.source.location} (${plan.source.layout}, ${plan.source.store})`),
		...row(
			'cluster',
			plan && `PostgreSQL ${plan.cluster.postgresMajor}, system identifier ${plan.cluster.systemIdentifier}`,
		),
		...row('stopped at', stoppedAtLsn && `${formatLsn(stoppedAtLsn)}${provenExact ? ', exactly where planned' : ''}`),
		...row('last kept commit', plan && boundaryText(plan.stop.lastKept)),
		...row('first lost commit', plan && boundaryText(plan.stop.firstLost)),
		...row(
			'given up (RPO)',
			measured.lostCommits === undefined
				? undefined
				: `${describeCount(measured.lostCommits, 'commit')}${measured.rpoMs === undefined ? '' : `, ${describeDuration(measured.rpoMs)} of commits`}`,
		),
		...row(
			'until held at the target',
			measured.toHeldMs === undefined ? undefined : describeDuration(measured.toHeldMs),
		),
		...row(
			'until promoted (RTO)',
			measured.toPromotedMs === undefined ? undefined : describeDuration(measured.toPromotedMs),
		),
		...row(
			'estimated beforehand',
			plan && `${describeDuration(plan.estimate.totalMs)} until held (${plan.estimate.basis})`,
		),
		...row('failed with', trouble && `${trouble.code}: ${trouble.message}`),
	])
}

function incidentSection(entries: readonly JournalEntry[]): string {
	const lines: string[] = []
	for (const entry of entries) {
		if (entry.event === 'incident-reported')
			lines.push(
				`- ${formatSecond(entry.at)} reported as ${code(entry.typed)}, read as **${formatInstant(entry.incidentAt)}** (zone ${entry.zone})`,
			)
		if (entry.event === 'boundaries-listed') {
			lines.push(
				`- ${formatSecond(entry.at)} ${describeCount(entry.commits, 'boundary', 'boundaries')} listed from ${formatInstant(entry.from)} to ${formatInstant(entry.to)}, ${describeCount(entry.segmentsRead, 'segment')} decoded, table names from: ${entry.namesFrom}`,
			)
		}
		if (entry.event === 'boundary-chosen') {
			lines.push(
				`- ${formatSecond(entry.at)} marked as bad: xid ${entry.xid} at ${formatLsn(entry.lsn)}, stamped ${formatInstant(entry.committedAt)}, wrote ${code(entry.wrote)}`,
			)
		}
	}
	return lines.length === 0 ? '' : `## Incident\n\n${lines.join('\n')}`
}

function planSection(plan: RestorePlan): string {
	const lost = plan.lost.tables.map(
		({name, inserted, updated, deleted}) => `| ${cell(name)} | ${inserted} | ${updated} | ${deleted} |`,
	)
	const steps = plan.steps.map(
		(step, index) =>
			`${index + 1}. ${isolatedText(step.what)}${step.irreversible ? ' — **irreversible**' : ''}\n   ${step.by === 'program' ? 'runs' : 'done by lastgood; by hand'}: ${code(shellText(step.command))}`,
	)
	return [
		'## Plan',
		facts([
			[
				'target',
				`${plan.target.kind} ${plan.target.value}${plan.target.kind === 'lsn' || plan.target.kind === 'xid' || plan.target.kind === 'time' ? (plan.target.inclusive ? ', inclusive' : ', exclusive') : ''}, timeline ${plan.target.timeline}`,
			],
			['base backup', `${plan.backup.id}: ${plan.backup.why}`],
			...plan.backup.rejected.map(rejected => ['not', `${rejected.id}: ${rejected.why}`] as const),
			['copied', `${describeBytes(plan.backup.bytes)}, ${describeCount(plan.backup.files, 'file')}`],
			['replayed', `${describeBytes(plan.wal.replayBytes)} of WAL, ${describeCount(plan.wal.segmentCount, 'segment')}`],
			['restored into', `${plan.destination}, as ${plan.serverUser.name}, PostgreSQL ${plan.programs.version}`],
		]),
		...(plan.inFlight.length === 0
			? []
			: [
					`In flight at the stop: ${plan.inFlight.map(({xid, outcome}) => `xid ${xid} (${outcome === 'unknown' ? 'never ended' : outcome})`).join(', ')}.`,
				]),
		...(lost.length === 0
			? []
			: [
					'### Given up after the stop',
					`| table | inserted | updated | deleted |\n|---|---:|---:|---:|\n${lost.join('\n')}`,
				]),
		'### Steps and commands',
		steps.join('\n'),
		'### Settings of the restored server',
		fence(plan.settings.map(([name, value]) => isolatedText(`${name} = '${value.replaceAll("'", "''")}'`)).join('\n')),
		'### Disarmed',
		plan.disarmed.map(statement => `- ${statement}`).join('\n'),
		...(plan.findings.length === 0
			? []
			: [
					'### Findings',
					plan.findings
						.map(finding => `- **${finding.severity}** ${finding.code}: ${isolatedText(finding.message)}`)
						.join('\n'),
				]),
	].join('\n\n')
}

function whatHappenedSection(entries: readonly JournalEntry[]): string {
	const lines = entries.flatMap(entry => {
		const text = happenedText(entry)
		return text === undefined ? [] : [`- ${formatInstant(entry.at)} ${isolatedText(text)}`]
	})
	if (lines.length === 0) return ''
	const log = entries.findLast(entry => entry.event === 'failed' || entry.event === 'held')
	const serverLog =
		log !== undefined && 'serverLog' in log && log.serverLog.length > 0
			? `\n\n### Server log, the lines that matter\n\n${fence(log.serverLog.map(isolatedText).join('\n'))}`
			: ''
	return `## What happened\n\n${lines.join('\n')}${serverLog}`
}

function happenedText(entry: JournalEntry): string | undefined {
	switch (entry.event) {
		case 'confirmed':
			return `started: ${entry.how}`
		case 'step-started':
			return `${entry.step} begins`
		case 'step-finished':
			return `${entry.step} done${entry.notes.length === 0 ? '' : `: ${entry.notes.join('; ')}`}`
		case 'server-started':
			return `server process ${entry.pid}`
		case 'held':
			return `**held at ${formatLsn(entry.stoppedAtLsn)}**${entry.provenExact ? ', exactly where planned' : ''}`
		case 'question-asked':
			return `asked in ${entry.database}: ${code(entry.statement)}${entry.problem === null ? `, ${describeCount(entry.rows ?? 0, 'row')}` : `, refused: ${entry.problem}`}`
		case 'promotion-requested':
			return `promotion: ${entry.how}`
		case 'promoted':
			return `**promoted, timeline ${entry.timeline}**, at ${formatLsn(entry.lsn)}`
		case 'abandon-requested':
			return `abandon: ${entry.how}`
		case 'abandoned':
			return `abandoned, removed ${entry.removed.join(', ') || 'nothing'}`
		case 'failed':
			return `**failed**, ${entry.trouble.code}: ${entry.trouble.message}${entry.leaves.length === 0 ? '; nothing is left of it' : `; left: ${entry.leaves.join(', ')}`}`
		case 'left':
			return `lastgood was left${entry.leaves.length === 0 ? '' : `: ${entry.leaves.join(' ')}`}`
		case 'opened':
		case 'surveyed':
		case 'incident-reported':
		case 'boundaries-listed':
		case 'boundary-chosen':
		case 'planned':
		case 'check-finished':
			return undefined
		default:
			return entry satisfies never
	}
}

function checksSection(entries: readonly JournalEntry[]): string {
	const checks = entries.filter(entry => entry.event === 'check-finished')
	if (checks.length === 0) return ''
	const rows = checks.map(
		({name, outcome, expected, found}) => `| ${cell(name)} | ${outcome} | ${cell(expected)} | ${cell(found)} |`,
	)
	return `## Checks\n\n| check | outcome | expected | found |\n|---|---|---|---|\n${rows.join('\n')}`
}

function openPointsSection({phase, plan, recovery, trouble}: RecoveryState): string {
	if (plan === undefined) return ''
	const points: string[] = []
	if (phase === 'held')
		points.push(
			`the restored server holds at the target: lastgood promote ${recovery} --yes, or lastgood abandon ${recovery} --yes`,
		)
	if (phase === 'failed') points.push(...(trouble?.whatToDo ?? []).map(isolatedText))
	if (phase === 'promoted') {
		points.push(
			'it archives nothing and listens on its private socket only: give it its own archive and configuration before applications use it',
		)
		points.push('take a base backup of the new timeline')
		for (const gid of plan.preparedInDoubt)
			points.push(`prepared transaction ${code(gid)} is in doubt: COMMIT PREPARED or ROLLBACK PREPARED`)
		if (plan.lost.commits > 0)
			points.push(
				`${describeCount(plan.lost.commits, 'commit')} after the stop are given up, the bad one among them: the business decides what is entered again`,
			)
	}
	return points.length === 0 ? '' : `## Open points\n\n${points.map(point => `- [ ] ${point}`).join('\n')}`
}

function boundaryText(boundary: NamedBoundary | null): string {
	return boundary === null
		? 'none'
		: `${formatInstant(boundary.at)}, LSN ${formatLsn(boundary.lsn)}, xid ${boundary.xid}`
}

function row(label: string, value: string | false | 0 | undefined): readonly (readonly [string, string])[] {
	return typeof value === 'string' ? [[label, value]] : []
}

/** A list, not a table: it is read on a terminal as often as rendered. */
function facts(rows: readonly (readonly [string, string])[]): string {
	return rows.map(([label, value]) => `- ${label}: ${isolatedText(value)}`).join('\n')
}

/** Names come from outside: one with a `|` or a line break must not make columns or lines of its own. */
function cell(text: string): string {
	return isolatedText(text).replaceAll('|', '\\|')
}

function code(text: string): string {
	const safe = isolatedText(text)
	const quote = '`'.repeat(longestRunOfBackticks(safe) + 1)
	return quote === '`' ? `\`${safe}\`` : `${quote} ${safe} ${quote}`
}

/** A fence longer than any run of backticks in the text: what a server was made to say cannot end it. */
function fence(text: string): string {
	const quote = '`'.repeat(Math.max(3, longestRunOfBackticks(text) + 1))
	return `${quote}\n${text}\n${quote}`
}

function longestRunOfBackticks(text: string): number {
	return Math.max(0, ...(text.match(/`+/g) ?? []).map(run => run.length))
}
