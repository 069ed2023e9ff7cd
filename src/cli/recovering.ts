import {PromotionFailedError, UsageError} from '../domain/errors.ts'
import type {CheckResult} from '../domain/recovery/check.ts'
import type {JournalEntry} from '../domain/recovery/journal.ts'
import type {RestorePlan} from '../domain/recovery/plan.ts'
import {describeCount, isolatedText, shellText} from '../domain/text.ts'
import {connectCommand, promoteRecovery} from '../operations/finish.ts'
import {runChecks} from '../operations/inspect.ts'
import {carryOut} from '../operations/restore.ts'
import {optionName, targetKinds} from './options.ts'
import {errorTrouble, exitCodeOf, printJsonLine, reportError} from './output.ts'
import {makePlan, type Planned, type PlanOptions, readPlan, stopText} from './planning.ts'
import {newsTeller, type Tell} from './progress.ts'
import type {CommandContext} from './reading.ts'
import {leftBehind, placeOf, promotedText, requireYes} from './recorded.ts'

/** What `restore` is told. */
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
	const {terminal, interrupted, version} = context
	const json = options.json === true
	let recovery: string | null = null
	try {
		const planned = await decide(context, location, options)
		recovery = planned.plan.recovery
		return await restore(context, planned, {
			promotes: options.promote === true,
			tell: (event, text) => (json ? printJsonLine(terminal, event) : terminal.err(`${text}\n`)),
			conclude: (event, text) => (json ? printJsonLine(terminal, event) : terminal.out(`${text}\n`)),
		})
	} catch (error) {
		const {phase, leaves} = await standing(context, recovery)
		if (json) {
			printJsonLine(terminal, {event: 'failed', phase, recovery, error: errorTrouble(error, {interrupted}), leaves})
			return exitCodeOf(error, interrupted)
		}
		const exitCode = reportError(terminal, error, {json, version, interrupted})
		terminal.err(
			leaves.length === 0 ? 'nothing is left behind\n' : `left behind: ${leaves.map(isolatedText).join(', ')}\n`,
		)
		return exitCode
	}
}

/** What a restore that failed leaves; one that was refused has not begun. */
async function standing({world}: CommandContext, recovery: string | null): ReturnType<typeof leftBehind> {
	const refused = {phase: 'failed', leaves: []} as const
	if (recovery === null) return refused
	const {phase, leaves} = await leftBehind(world, recovery).catch(() => refused)
	return {phase: phase === 'planning' ? 'failed' : phase, leaves}
}

async function decide(
	context: CommandContext,
	location: string | undefined,
	options: RestoreOptions,
): Promise<Planned> {
	if (options.promote === true && options.hold === true)
		throw new UsageError('--promote and --hold exclude each other', ['give one of them'])
	requireYes(options.yes, 'restore writes into the destination', [
		'see what would be done: lastgood plan with the same words',
		'then the same command with --yes',
	])
	if (options.plan === undefined) return makePlan(context, location, options)
	refuseBesidePlan(location, options)
	const plan = await readPlan(options.plan)
	if (!(await context.world.journals.list()).includes(plan.recovery)) return {plan, survey: undefined}
	throw new UsageError(`this plan was already carried out, as recovery ${plan.recovery}`, [
		`lastgood status ${plan.recovery}`,
		'make a new plan for another restore: lastgood plan …',
	])
}

const settledByPlan = [
	'archive',
	'backups',
	'timeline',
	...targetKinds,
	'inclusive',
	'exclusive',
	'to',
	'port',
] as const satisfies readonly (keyof RestoreOptions)[]

/** A plan is carried out as it stands: words that would change it are not passed over in silence. */
function refuseBesidePlan(location: string | undefined, options: RestoreOptions): void {
	const given = [
		...(location === undefined ? [] : [JSON.stringify(location)]),
		...settledByPlan.filter(name => options[name] !== undefined).map(optionName),
	]
	if (given.length === 0) return
	throw new UsageError(`--plan says all of it, and ${given.join(', ')} cannot change it`, [
		'leave it out, or make a new plan: lastgood plan …',
	])
}

async function restore(
	context: CommandContext,
	{plan, survey}: Planned,
	{promotes, tell, conclude}: {readonly promotes: boolean; readonly tell: Tell; readonly conclude: Tell},
): Promise<number> {
	const {world, interrupted} = context
	for (const entry of openingEntries(context, plan, survey)) await world.journals.append(plan.recovery, entry)
	tell(
		{event: 'started', recovery: plan.recovery, destination: plan.destination},
		`recovery ${plan.recovery} restores into ${plan.destination}: ${stopText(plan)}`,
	)
	const held = await carryOut(world, plan, {
		signal: interrupted,
		how: '--yes',
		onNews: newsTeller(() => world.now(), tell),
	})
	const failedChecks: CheckResult[] = []
	try {
		for await (const check of runChecks(world, plan, interrupted)) {
			if (check.outcome === 'failed') failedChecks.push(check)
			tell({event: 'check', ...check}, `${check.outcome}: ${check.name}: ${isolatedText(check.found)}`)
		}
	} catch (error) {
		// It holds at the target and stays so; only the looking on was stopped.
		if (!interrupted.aborted) throw error
	}
	if (promotes && !interrupted.aborted) {
		refuseFailedChecks(plan, failedChecks)
		await promoteRecovery(world, plan, '--promote --yes')
		conclude({event: 'promoted', ...(await placeOf(world, plan.recovery))}, await promotedText(world, plan.recovery))
		return 0
	}
	conclude(
		{event: 'held', ...(await placeOf(world, plan.recovery)), checksFailed: failedChecks.length},
		heldText(plan, held.exact, failedChecks),
	)
	return interrupted.aborted ? 130 : 0
}

function refuseFailedChecks(plan: RestorePlan, failed: readonly CheckResult[]): void {
	const [first] = failed
	if (first === undefined) return
	throw new PromotionFailedError(
		`${describeCount(failed.length, 'check')} failed at the target, and it was not promoted: ${first.name}: expected ${first.expected}, found ${first.found}`,
		[
			`it holds at the target, look at it: ${shellText(connectCommand(plan))} -d <database>`,
			`lastgood promote ${plan.recovery} --yes, if it is to be promoted all the same`,
			`lastgood abandon ${plan.recovery} --yes removes it`,
		],
	)
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

function heldText(plan: RestorePlan, exact: boolean, failedChecks: readonly CheckResult[]): string {
	return [
		`held at the target${exact ? ', exactly where planned' : ''}`,
		...failedChecks.map(({name, expected, found}) => `CHECK FAILED: ${name}: expected ${expected}, found ${found}`),
		`look at it:  ${shellText(connectCommand(plan))} -d <database>`,
		`go on:       lastgood promote ${plan.recovery} --yes`,
		`remove it:   lastgood abandon ${plan.recovery} --yes`,
	].join('\n')
}
