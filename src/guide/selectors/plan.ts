import type {RestorePlan} from '../../domain/recovery/plan.ts'
import {confirmationWord} from '../../domain/recovery/plan.ts'
import {describeBytes, describeCount, describeDuration, isolatedText, shellText} from '../../domain/text.ts'
import {formatInstant, formatSecond} from '../../domain/time.ts'
import {formatLsn} from '../../domain/wal/lsn.ts'
import type {ConfirmStep, GuideState, PlanStep} from '../state.ts'
import {fieldView} from '../text-field.ts'
import type {ConfirmView, Fact, PlanView, Tone} from '../views.ts'

function fact(label: string, value: string, tone: Tone = 'plain'): Fact {
	return {label, value, tone}
}

/** The plan, all of it: what is shown is what is executed. */
export function planView(_state: GuideState, step: PlanStep): PlanView {
	const {plan} = step
	return {
		screen: 'plan',
		working: step.working ? 'checking the destination, the chain of WAL and the base backup' : undefined,
		destination: fieldView(step.destination, {
			label: 'restore into',
			focused: step.editing,
			placeholder: '/absolute/path',
		}),
		summary: plan === undefined ? [] : summaryFacts(plan),
		steps: (plan?.steps ?? []).map((planned, index) => ({
			number: index + 1,
			what: planned.what,
			command: shellText(planned.command),
			by: planned.by === 'program' ? 'runs' : 'by lastgood',
			irreversible: planned.irreversible,
		})),
		settings: (plan?.settings ?? []).map(([name, value]) => fact(name, value === '' ? "''" : value)),
		disarmed: plan?.disarmed ?? [],
		findings: (plan?.findings ?? []).map(({message, severity}) => ({
			text: isolatedText(message),
			tone: severity === 'error' ? 'bad' : 'warn',
		})),
		scrollRows: step.scrollRows,
	}
}

/** The plan in a few lines, for the plan's head, the confirmation and the text of `lastgood plan`. */
export function summaryFacts(plan: RestorePlan): readonly Fact[] {
	const {stop, backup, estimate, lost, target} = plan
	return [
		fact(
			'stops',
			`${target.kind} ${target.value}${'inclusive' in target && (target.kind === 'lsn' || target.kind === 'xid' || target.kind === 'time') ? (target.inclusive ? ', inclusive' : ', exclusive') : ''}, timeline ${target.timeline}`,
			'accent',
		),
		fact(
			'last kept',
			stop.lastKept === null
				? 'none since the base backup'
				: `${formatInstant(stop.lastKept.at)}  ${formatLsn(stop.lastKept.lsn)}  xid ${stop.lastKept.xid}`,
			'good',
		),
		fact(
			'first lost',
			stop.firstLost === null
				? 'none'
				: `${formatInstant(stop.firstLost.at)}  ${formatLsn(stop.firstLost.lsn)}  xid ${stop.firstLost.xid}`,
			'bad',
		),
		fact(
			'given up',
			`${describeCount(lost.commits, 'commit')}${lost.untilAt === null ? '' : ` up to ${formatInstant(lost.untilAt)}`}`,
		),
		fact(
			'base backup',
			`${backup.id}${backup.stoppedAt === null ? '' : `, finished ${formatSecond(backup.stoppedAt)}`}: ${backup.why}`,
		),
		...backup.rejected.map(rejected => fact('not', `${rejected.id}: ${rejected.why}`, 'dim')),
		fact('copies', `${describeBytes(backup.bytes)} in ${describeCount(backup.files, 'file')}`),
		fact(
			'replays',
			`${describeBytes(plan.wal.replayBytes)} of WAL in ${describeCount(plan.wal.segmentCount, 'segment')}`,
		),
		fact(
			'takes about',
			`${describeDuration(estimate.totalMs)} (${describeDuration(estimate.lowMs)} to ${describeDuration(estimate.highMs)}): ${estimate.basis}`,
		),
		fact(
			'runs as',
			`${plan.serverUser.name}, PostgreSQL ${plan.programs.version}, port ${plan.port} on a private socket`,
		),
	]
}

/** The last look before something is written. */
export function confirmView(_state: GuideState, step: ConfirmStep): ConfirmView {
	const {plan} = step
	return {
		screen: 'confirm',
		facts: [
			fact('writes into', plan.destination, 'accent'),
			fact('and beside it', plan.workDirectory),
			...summaryFacts(plan).slice(0, 4),
		],
		promises: [
			`${plan.source.location} is only read`,
			'the damaged cluster is not touched: nothing on it is stopped or changed',
			'nothing is promoted until you type it',
		],
		field: fieldView(step.field, {
			label: `type ${confirmationWord(plan)} to start`,
			focused: true,
			problem: step.problem,
		}),
		word: confirmationWord(plan),
	}
}
