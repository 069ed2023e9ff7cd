import {readFile} from 'node:fs/promises'
import {resolve} from 'node:path'
import {surveyToJson} from '../domain/archive/survey-json.ts'
import {UsageError} from '../domain/errors.ts'
import {planFromJson, planToJson, type RestorePlan} from '../domain/recovery/plan.ts'
import {isolatedText, shellText} from '../domain/text.ts'
import {formatLsn} from '../domain/wal/lsn.ts'
import {summaryFacts} from '../guide/selectors/plan.ts'
import {planRestore} from '../operations/plan.ts'
import {decodeNeedOf, resolveTarget} from '../operations/target.ts'
import {type SourceOptions, type TargetOptions, wantedTarget} from './options.ts'
import {aligned, printJson} from './output.ts'
import {type CommandContext, decodeFor, openArchive} from './reading.ts'

/** What `plan` is told. */
export interface PlanOptions extends SourceOptions, TargetOptions {
	readonly to?: string
	readonly port?: number
}

/** A plan, with the survey that it was made from where there was one. */
export interface Planned {
	readonly plan: RestorePlan
	readonly survey: unknown
}

/** Decides the restore that the options ask for; nothing is done. Throws the OperatorError that says why it cannot succeed. */
export async function makePlan(
	context: CommandContext,
	location: string | undefined,
	options: PlanOptions,
): Promise<Planned> {
	if (options.to === undefined || options.to === '')
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

/** Reads a plan that `plan --json` has printed. Throws UsageError. */
export async function readPlan(file: string): Promise<RestorePlan> {
	const makeOne = ['make one: lastgood plan <source> --before <lsn or xid> --to <folder> --json > plan.json']
	let value: unknown
	try {
		value = JSON.parse(await readFile(file, 'utf8'))
	} catch (error) {
		const why = error instanceof Error ? error.message : String(error)
		throw new UsageError(
			error instanceof SyntaxError ? `${file} is no plan: ${why}` : `the plan cannot be read: ${why}`,
			makeOne,
		)
	}
	const reading = planFromJson(value)
	if (!reading.ok) throw new UsageError(`${file} is no plan of this lastgood: ${reading.problem}`, makeOne)
	const {recovery} = reading.plan
	if (/^[a-z0-9-]+$/.test(recovery)) return reading.plan
	throw new UsageError(
		`${file} is no plan of this lastgood: ${JSON.stringify(recovery)} is no name of a recovery`,
		makeOne,
	)
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
	const {inFlight, preparedInDoubt, lost} = plan
	const consequences = [
		...(inFlight.length === 0
			? []
			: [['in flight', inFlight.map(({xid, outcome}) => `xid ${xid} (${outcome})`).join(', ')]]),
		...(preparedInDoubt.length === 0
			? []
			: [['in doubt', isolatedText(preparedInDoubt.map(gid => JSON.stringify(gid)).join(', '))]]),
	]
	return [
		aligned([...summaryFacts(plan).map(({label, value}) => [label, isolatedText(value)]), ...consequences]),
		'',
		...section(
			'Given up after the stop',
			lost.tables.map(({name, inserted, updated, deleted}) => [
				isolatedText(name),
				`${inserted} inserted`,
				`${updated} updated`,
				`${deleted} deleted`,
			]),
		),
		'Steps',
		...plan.steps.map(
			(step, index) =>
				`  ${index + 1}. ${step.what}${step.irreversible ? '  [irreversible]' : ''}\n     ${step.by === 'program' ? 'runs' : 'by lastgood, as'}: ${shellText(step.command)}`,
		),
		'',
		...section(
			'Settings of the restored server',
			plan.settings.map(([name, value]) => [name, `= '${value.replaceAll("'", "''")}'`]),
		),
		...section(
			'Disarmed',
			plan.disarmed.map(statement => [`- ${statement}`]),
		),
		...plan.findings.flatMap(({severity, message, whatToDo}) => [
			`${severity}: ${isolatedText(message)}`,
			...whatToDo.map(advice => `  - ${isolatedText(advice)}`),
		]),
		`Nothing was done. Carry it out: lastgood restore with the same words and --yes, or with --plan (see lastgood restore --help).`,
		'',
	].join('\n')
}

function section(title: string, rows: readonly (readonly string[])[]): readonly string[] {
	return rows.length === 0 ? [] : [title, aligned(rows, '  '), '']
}

/** Where a plan stops, in one line. */
export function stopText({stop, target}: RestorePlan): string {
	const kept = stop.lastKept === null ? '' : `, keeping everything up to xid ${stop.lastKept.xid}`
	const lost = stop.firstLost === null ? '' : `; the first commit that is lost is xid ${stop.firstLost.xid}`
	return `stops at ${formatLsn(stop.lsn)}, timeline ${target.timeline}${kept}${lost}`
}
