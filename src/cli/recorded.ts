import {UsageError} from '../domain/errors.ts'
import {journalJson, type RecoveryPhase, type RecoveryState, recoveryStateOf} from '../domain/recovery/journal.ts'
import type {RestorePlan} from '../domain/recovery/plan.ts'
import {measure, renderRunbook} from '../domain/recovery/runbook.ts'
import {isolatedText, shellText} from '../domain/text.ts'
import {formatLsn} from '../domain/wal/lsn.ts'
import {
	abandonRecovery,
	connectCommand,
	findRecovery,
	planOf,
	promoteRecovery,
	settle,
	statusJson,
} from '../operations/finish.ts'
import type {World} from '../ports.ts'
import type {SourceOptions} from './options.ts'
import {aligned, errorText, printJson} from './output.ts'
import type {CommandContext} from './reading.ts'

/** What `promote` and `abandon` are told. */
export interface ConfirmedOptions extends SourceOptions {
	readonly yes?: boolean
}

/** Refuses to act without `--yes`. Throws UsageError. */
export function requireYes(yes: boolean | undefined, what: string, whatToDo: readonly string[]): void {
	if (yes !== true) throw new UsageError(`${what}, and --yes was not given: nothing was done`, whatToDo)
}

/** Where a recovery is, as `status --json` and the last event of a restore say it; its runbook is rendered anew. */
export async function placeOf(world: World, recovery: string): Promise<Record<string, unknown>> {
	return placeOfState(world, await settle(world, await findRecovery(world, recovery)))
}

async function placeOfState(world: World, state: RecoveryState): Promise<Record<string, unknown>> {
	return {...(await statusJson(world, state)), runbook: await renderedRunbook(world, state.recovery)}
}

/** Where the runbook lies for reading; the journal itself where a rendering cannot be written. */
async function renderedRunbook({journals}: Pick<World, 'journals'>, recovery: string): Promise<string> {
	const text = renderRunbook(recovery, await journals.read(recovery))
	return journals.writeRendering(recovery, 'runbook.md', text).catch(() => journals.pathOf(recovery))
}

/** `lastgood status`. */
export async function statusCommand(
	{world, terminal}: CommandContext,
	recovery: string | undefined,
	options: SourceOptions,
): Promise<number> {
	const state = await settle(world, await findRecovery(world, recovery))
	const status = await placeOfState(world, state)
	if (options.json === true) printJson(terminal, status)
	else terminal.out(statusText(state, status, (await leftBehind(world, state.recovery)).leaves))
	return 0
}

/** Where a recovery stands and what it has left on the disk so far, by its journal alone. */
export async function leftBehind(
	{journals}: Pick<World, 'journals'>,
	recovery: string,
): Promise<{readonly phase: RecoveryPhase; readonly leaves: readonly string[]}> {
	const entries = await journals.read(recovery)
	const {phase, plan} = recoveryStateOf(recovery, entries)
	const made = plan === undefined ? [] : [plan.destination, plan.workDirectory]
	if (phase === 'planning' || phase === 'abandoned') return {phase, leaves: []}
	const failed = entries.findLast(entry => entry.event === 'failed')
	return {phase, leaves: phase === 'failed' ? (failed?.leaves ?? made) : made}
}

function statusText(state: RecoveryState, status: Record<string, unknown>, leaves: readonly string[]): string {
	const plan = planOf(state)
	const {recovery, phase, stoppedAtLsn, provenExact, trouble} = state
	const running = status.serverRunning === true
	const isGone = phase === 'abandoned' || (phase === 'failed' && leaves.length === 0)
	const made = [
		['server', running ? `runs as ${plan.serverUser.name}, timeline ${status.timeline}` : 'does not run'],
		['data directory', plan.destination],
		['server log', `${plan.workDirectory}/server.log`],
	]
	const rows = [
		['recovery', recovery],
		['phase', `${phase}${phaseNote(phase, running)}`],
		...(stoppedAtLsn === undefined
			? []
			: [['stopped at', `${formatLsn(stoppedAtLsn)}${provenExact ? ', exactly where planned' : ''}`]]),
		...(isGone ? [['left of it', `nothing: ${plan.destination} was removed`]] : made),
		['runbook', String(status.runbook)],
		...(running ? [['look at it', `${shellText(connectCommand(plan))} -d <database>`]] : []),
		...(isGone ? [] : nextSteps(phase, plan)),
	]
	return `${aligned(rows)}\n${trouble === undefined ? '' : errorText(trouble)}`
}

function phaseNote(phase: RecoveryPhase, serverRuns: boolean): string {
	switch (phase) {
		case 'held':
			return serverRuns ? ': paused at the target, nothing can be changed' : ', but its server does not run any more'
		case 'copying':
			return ', unless the lastgood that did it has ended'
		case 'replaying':
			return serverRuns ? '' : ', but its server does not run any more'
		case 'planning':
		case 'promoting':
		case 'promoted':
		case 'failed':
		case 'abandoned':
			return ''
		default:
			return phase satisfies never
	}
}

function nextSteps(phase: RecoveryPhase, {recovery}: RestorePlan): readonly (readonly string[])[] {
	const remove = ['remove it', `lastgood abandon ${recovery} --yes`]
	switch (phase) {
		case 'held':
			return [['go on', `lastgood promote ${recovery} --yes`], remove]
		case 'planning':
		case 'copying':
		case 'replaying':
		case 'promoting':
		case 'failed':
			return [remove]
		case 'promoted':
		case 'abandoned':
			return []
		default:
			return phase satisfies never
	}
}

/** `lastgood promote`. */
export async function promoteCommand(
	{world, terminal}: CommandContext,
	recovery: string | undefined,
	options: ConfirmedOptions,
): Promise<number> {
	const state = await settle(world, await findRecovery(world, recovery))
	const plan = planOf(state)
	if (state.phase === 'promoted' || state.phase === 'abandoned') {
		throw new UsageError(
			`recovery ${state.recovery} was ${state.phase} already${state.phase === 'promoted' ? `, to timeline ${state.timeline ?? 'unknown'}` : ''}`,
			[`lastgood status ${state.recovery}`],
		)
	}
	requireYes(options.yes, `a promotion opens timeline ${plan.newTimeline} and cannot be undone`, [
		`look at the data first: ${shellText(connectCommand(plan))} -d <database>`,
		`lastgood promote ${state.recovery} --yes`,
	])
	await promoteRecovery(world, plan, '--yes')
	if (options.json === true) printJson(terminal, {event: 'promoted', ...(await placeOf(world, state.recovery))})
	else terminal.out(`${await promotedText(world, state.recovery)}\n`)
	return 0
}

/** What a promotion came to, for people. */
export async function promotedText(world: World, recovery: string): Promise<string> {
	const state = await findRecovery(world, recovery)
	const plan = planOf(state)
	return [
		`promoted: ${plan.destination} runs on timeline ${state.timeline ?? 'unknown'}`,
		`it archives nothing and listens on its private socket only: ${shellText(connectCommand(plan))} -d <database>`,
		`runbook: ${await renderedRunbook(world, recovery)}`,
	].join('\n')
}

/** `lastgood abandon`. */
export async function abandonCommand(
	{world, terminal}: CommandContext,
	recovery: string | undefined,
	options: ConfirmedOptions,
): Promise<number> {
	const state = await findRecovery(world, recovery)
	requireYes(options.yes, 'abandon stops the restored server and removes what was restored', [
		`lastgood abandon ${state.recovery} --yes`,
	])
	const removed = await abandonRecovery(world, state, '--yes')
	const runbook = await renderedRunbook(world, state.recovery)
	if (options.json === true)
		printJson(terminal, {event: 'abandoned', recovery: state.recovery, phase: 'abandoned', removed, runbook})
	else
		terminal.out(
			removed.length === 0 ? 'nothing was left to remove\n' : `removed ${removed.map(isolatedText).join(', ')}\n`,
		)
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
