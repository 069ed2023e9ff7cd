import {readFile} from 'node:fs/promises'
import {resolve} from 'node:path'
import {surveyToJson} from '../domain/archive/survey-json.ts'
import {OperatorError, troubleOf, UsageError} from '../domain/errors.ts'
import type {JournalEntry} from '../domain/recovery/journal.ts'
import {journalJson} from '../domain/recovery/journal.ts'
import {planFromJson, planToJson, type RestorePlan} from '../domain/recovery/plan.ts'
import {measure, renderRunbook} from '../domain/recovery/runbook.ts'
import {describeBytes, describeDuration, isolatedText, shellText} from '../domain/text.ts'
import {formatInstant} from '../domain/time.ts'
import {formatLsn} from '../domain/wal/lsn.ts'
import {summaryFacts} from '../guide/selectors/plan.ts'
import {
	abandonRecovery,
	findRecovery,
	placeJson,
	planOf,
	promoteRecovery,
	settle,
	statusJson,
} from '../operations/finish.ts'
import {runChecks} from '../operations/inspect.ts'
import {planRestore} from '../operations/plan.ts'
import {carryOut, type RestoreNews} from '../operations/restore.ts'
import {decodeNeedOf, resolveTarget} from '../operations/target.ts'
import {type SourceOptions, type TargetOptions, wantedTarget} from './options.ts'
import {aligned, printJson, printJsonLine} from './output.ts'
import {type CommandContext, decodeFor, openArchive} from './reading.ts'

export interface PlanOptions extends SourceOptions, TargetOptions {
	readonly to?: string
	readonly port?: number
}

interface Planned {
	readonly plan: RestorePlan
	readonly survey: unknown
}

async function makePlan(context: CommandContext, location: string | undefined, options: PlanOptions): Promise<Planned> {
	if (options.to === undefined)
		throw new UsageError('no destination is named', ['--to <folder>: an empty folder, or one that does not exist yet'])
	const wanted = wantedTarget(options, context.world.now())
	const opened = await openArchive(context, location, options)
	const path = await decodeFor(context, opened, decodeNeedOf(wanted), options)
	const plan = await planRestore(context.world, opened, path, {
		target: resolveTarget(wanted, path),
		destination: resolve(options.to),
		...(options.port === undefined ? {} : {port: options.port}),
	})
	return {plan, survey: surveyToJson(opened.survey)}
}

/** `lastgood plan`: the plan with its consequences; nothing is done. */
export async function planCommand(
	context: CommandContext,
	location: string | undefined,
	options: PlanOptions,
): Promise<number> {
	const {plan} = await makePlan(context, location, options)
	if (options.json === true) printJson(context.terminal, planToJson(plan))
	else context.terminal.out(planText(plan))
	return 0
}

function planText(plan: RestorePlan): string {
	return [
		aligned(summaryFacts(plan).map(({label, value}) => [label, isolatedText(value)])),
		'',
		'Steps',
		...plan.steps.map(
			(step, index) =>
				`  ${index + 1}. ${step.what}${step.irreversible ? '  [irreversible]' : ''}\n     ${step.by === 'program' ? 'runs' : 'by hand'}: ${shellText(step.command)}`,
		),
		'',
		'Settings of the restored server',
		aligned(
			plan.settings.map(([name, value]) => [name, `= '${value}'`]),
			'  ',
		),
		'',
		'Disarmed',
		...plan.disarmed.map(statement => `  - ${statement}`),
		...(plan.findings.length === 0
			? []
			: ['', 'Findings', ...plan.findings.map(finding => `  ${finding.severity}: ${isolatedText(finding.message)}`)]),
		'',
	].join('\n')
}

export interface RestoreOptions extends PlanOptions {
	readonly plan?: string
	readonly yes?: boolean
	readonly promote?: boolean
	readonly hold?: boolean
}

/** `lastgood restore`: carries a plan out and leaves the server paused at the target, or promotes it when that was asked for. */
export async function restoreCommand(
	context: CommandContext,
	location: string | undefined,
	options: RestoreOptions,
): Promise<number> {
	const {world, terminal, interrupted} = context
	if (options.promote === true && options.hold === true)
		throw new UsageError('--promote and --hold exclude each other', ['give one of them'])
	requireYes(options.yes, 'restore writes into the destination')
	const {plan, survey} =
		options.plan === undefined
			? await makePlan(context, location, options)
			: {plan: await readPlan(options.plan), survey: undefined}
	if ((await world.journals.list()).includes(plan.recovery)) {
		throw new UsageError(`this plan was already carried out, as recovery ${plan.recovery}`, [
			`lastgood status ${plan.recovery}`,
			'make a new plan for another restore: lastgood plan …',
		])
	}
	const tell = (event: Record<string, unknown>, text: string) => {
		if (options.json === true) printJsonLine(terminal, event)
		else terminal.err(`${text}\n`)
	}
	try {
		for (const entry of openingEntries(context, plan, survey)) await world.journals.append(plan.recovery, entry)
		tell({event: 'started', recovery: plan.recovery, destination: plan.destination}, `recovery ${plan.recovery}`)
		const held = await carryOut(world, plan, {signal: interrupted, how: '--yes', onNews: newsTeller(context, tell)})
		for await (const check of runChecks(world, plan, interrupted)) {
			tell({event: 'check', ...check}, `${check.outcome}: ${check.name}: ${check.found}`)
		}
		const place = {
			recovery: plan.recovery,
			stoppedAtLsn: formatLsn(held.stoppedAtLsn),
			provenExact: held.exact,
			...placeJson(world, plan),
		}
		if (options.promote !== true) {
			tell({event: 'held', phase: 'held', ...place, timeline: plan.target.timeline}, heldText(plan, held.exact))
			return 0
		}
		const promoted = await promoteRecovery(world, plan, '--promote --yes')
		tell(
			{event: 'promoted', phase: 'promoted', ...place, timeline: promoted.timeline},
			promotedText(plan, promoted.timeline),
		)
		return 0
	} catch (error) {
		if (options.json !== true) throw error
		printJsonLine(terminal, {event: 'failed', phase: 'failed', recovery: plan.recovery, error: troubleOf(error)})
		return error instanceof OperatorError ? error.exitCode : 1
	}
}

function openingEntries(
	{world, version, host, user}: CommandContext,
	plan: RestorePlan,
	survey: unknown,
): readonly JournalEntry[] {
	const at = world.now()
	return [
		{event: 'opened', at, recovery: plan.recovery, lastgood: version, host, user},
		...(survey === undefined ? [] : [{event: 'surveyed' as const, at, survey}]),
		{event: 'planned', at, plan},
	]
}

function newsTeller(
	{terminal, world}: CommandContext,
	tell: (event: Record<string, unknown>, text: string) => void,
): (news: RestoreNews) => void {
	let copyStartedAt = world.now()
	let lastPercent = -1
	return news => {
		switch (news.type) {
			case 'stepStarted':
				copyStartedAt = world.now()
				lastPercent = -1
				return tell({event: 'step', step: news.step, state: 'started'}, `${news.step} …`)
			case 'stepFinished':
				return tell(
					{event: 'step', step: news.step, state: 'finished', notes: news.notes},
					`${news.step}: done${news.notes.length > 0 ? ` (${isolatedText(news.notes.join('; '))})` : ''}`,
				)
			case 'copyProgressed': {
				const {doneBytes, totalBytes} = news.progress
				const percent = totalBytes === 0 ? 100 : Math.floor((doneBytes * 10) / totalBytes)
				if (percent === lastPercent) return
				lastPercent = percent
				const elapsedMs = Number(world.now() - copyStartedAt) / 1000
				const bytesPerSecond = elapsedMs > 0 ? Math.round((doneBytes * 1000) / elapsedMs) : null
				const etaMs =
					bytesPerSecond === null || bytesPerSecond === 0
						? null
						: Math.round(((totalBytes - doneBytes) * 1000) / bytesPerSecond)
				return tell(
					{event: 'progress', phase: 'copying', doneBytes, totalBytes, bytesPerSecond, etaMs},
					`  ${describeBytes(doneBytes)} of ${describeBytes(totalBytes)}`,
				)
			}
			case 'replayProgressed': {
				const {doneBytes, totalBytes, bytesPerSecond, etaMs, replayEndLsn, replayedAt} = news.replay
				const event = {
					event: 'progress',
					phase: 'replaying',
					doneBytes,
					totalBytes,
					bytesPerSecond: bytesPerSecond === undefined ? null : Math.round(bytesPerSecond),
					etaMs: etaMs === undefined ? null : Math.round(etaMs),
					replayLsn: replayEndLsn === undefined ? null : formatLsn(replayEndLsn),
					replayedAt: replayedAt === undefined ? null : formatInstant(replayedAt),
					segmentsAhead: 0,
					bottleneck: 'unknown',
				}
				return tell(
					event,
					`  replayed to ${event.replayLsn ?? '…'}${etaMs === undefined ? '' : `, ${describeDuration(etaMs)} left`}`,
				)
			}
			default:
				terminal.err('')
				return news satisfies never
		}
	}
}

function heldText(plan: RestorePlan, exact: boolean): string {
	return [
		`held at the target${exact ? ', exactly where planned' : ''}`,
		`look at it:  ${shellText([plan.psql, '-h', plan.socketDirectory, '-p', String(plan.port), '-U', plan.superuser])} -d <database>`,
		`go on:       lastgood promote ${plan.recovery} --yes`,
		`remove it:   lastgood abandon ${plan.recovery} --yes`,
	].join('\n')
}

function promotedText(plan: RestorePlan, timeline: number): string {
	return `promoted: ${plan.destination} runs on timeline ${timeline}\nit archives nothing and listens on its private socket only: ${shellText([plan.psql, '-h', plan.socketDirectory, '-p', String(plan.port), '-U', plan.superuser])} -d <database>`
}

async function readPlan(file: string): Promise<RestorePlan> {
	let value: unknown
	try {
		value = JSON.parse(await readFile(file, 'utf8'))
	} catch (error) {
		throw new UsageError(`the plan ${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`, [
			'make one: lastgood plan … --json > plan.json',
		])
	}
	const reading = planFromJson(value)
	if (!reading.ok)
		throw new UsageError(`${file} is no plan of this lastgood: ${reading.problem}`, [
			'make one: lastgood plan … --json > plan.json',
		])
	return reading.plan
}

function requireYes(yes: boolean | undefined, what: string): void {
	if (yes !== true) throw new UsageError(`${what}: confirm it with --yes`, ['nothing was done'])
}

/** `lastgood status`. */
export async function statusCommand(
	{world, terminal}: CommandContext,
	recovery: string | undefined,
	options: SourceOptions,
): Promise<number> {
	const state = await settle(world, await findRecovery(world, recovery))
	const status = await statusJson(world, state)
	if (options.json === true) {
		printJson(terminal, status)
		return 0
	}
	const text = (value: unknown) =>
		Array.isArray(value)
			? shellText(value.map(String))
			: value === null
				? 'unknown'
				: typeof value === 'object'
					? JSON.stringify(value)
					: String(value)
	terminal.out(`${aligned(Object.entries(status).map(([name, value]) => [name, text(value)]))}\n`)
	return 0
}

/** `lastgood promote`. */
export async function promoteCommand(
	{world, terminal}: CommandContext,
	recovery: string,
	options: SourceOptions & {readonly yes?: boolean},
): Promise<number> {
	requireYes(options.yes, 'a promotion cannot be undone')
	const state = await settle(world, await findRecovery(world, recovery))
	const plan = planOf(state)
	if (state.phase === 'promoted')
		throw new UsageError(`recovery ${recovery} was promoted already, to timeline ${state.timeline ?? 'unknown'}`, [
			`lastgood status ${recovery}`,
		])
	const promoted = await promoteRecovery(world, plan, '--yes')
	const after = await statusJson(world, await findRecovery(world, recovery))
	if (options.json === true) printJson(terminal, {event: 'promoted', ...after})
	else terminal.out(`${promotedText(plan, promoted.timeline)}\n`)
	return 0
}

/** `lastgood abandon`. */
export async function abandonCommand(
	{world, terminal}: CommandContext,
	recovery: string,
	options: SourceOptions & {readonly yes?: boolean},
): Promise<number> {
	requireYes(options.yes, 'abandon removes what was restored')
	const state = await findRecovery(world, recovery)
	const removed = await abandonRecovery(world, state, '--yes')
	if (options.json === true)
		printJson(terminal, {event: 'abandoned', recovery: state.recovery, phase: 'abandoned', removed})
	else terminal.out(removed.length === 0 ? 'nothing was left to remove\n' : `removed ${removed.join(', ')}\n`)
	return 0
}

/** `lastgood runbook`. */
export async function runbookCommand(
	{world, terminal}: CommandContext,
	recovery: string | undefined,
	options: SourceOptions & {readonly format: 'md' | 'json'},
): Promise<number> {
	const state = await findRecovery(world, recovery)
	const entries = await world.journals.read(state.recovery)
	if (options.format === 'json' || options.json === true) {
		const {lostCommits, rpoMs, toHeldMs, toPromotedMs} = measure(entries)
		printJson(terminal, {
			recovery: state.recovery,
			phase: state.phase,
			measured: {
				lostCommits: lostCommits ?? null,
				rpoMs: rpoMs ?? null,
				toHeldMs: toHeldMs ?? null,
				toPromotedMs: toPromotedMs ?? null,
			},
			events: journalJson(entries),
		})
	} else {
		terminal.out(renderRunbook(state.recovery, entries))
	}
	return 0
}
