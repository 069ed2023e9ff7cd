import {type DecodedPath, outlookOf} from '../../domain/recovery/path.ts'
import {confirmationWord} from '../../domain/recovery/plan.ts'
import type {RecoveryTarget} from '../../domain/recovery/target.ts'
import type {TransactionBoundary} from '../../domain/wal/record.ts'
import type {Effect, Outcome} from '../effects.ts'
import type {GuideEvent} from '../events.ts'
import type {BoundariesStep, ConfirmStep, GuideState, PlanStep, Step, TargetOption, TargetStep} from '../state.ts'
import {editField, emptyField, fieldWith, isEdit} from '../text-field.ts'

/** Target, plan and confirm: the steps that decide, and still write nothing. */

/** The target step for a marked commit, on its recommended target. */
export function targetStep(back: BoundariesStep, path: DecodedPath, suspect: TransactionBoundary): TargetStep {
	return {name: 'target', back, path, suspect, options: targetOptions(path, suspect), selected: 0}
}

/** Each kind of target for a commit. The first is recommended: an LSN is immune to zones, equal times and the order of xids. */
function targetOptions(path: DecodedPath, {lsn, xid, at}: TransactionBoundary): readonly TargetOption[] {
	const {timeline} = path.history
	const option = (name: string, target: RecoveryTarget, recommended = false): TargetOption => ({
		name,
		target,
		prediction: outlookOf(path, target),
		recommended,
	})
	return [
		option('before it, by LSN', {kind: 'lsn', lsn, inclusive: false, timeline}, true),
		option('with it, by LSN', {kind: 'lsn', lsn, inclusive: true, timeline}),
		option('before it, by xid', {kind: 'xid', xid, inclusive: false, timeline}),
		option('with it, by xid', {kind: 'xid', xid, inclusive: true, timeline}),
		option('before its time', {kind: 'time', at, inclusive: false, timeline}),
		option('up to its time', {kind: 'time', at, inclusive: true, timeline}),
		option('end of the archive', {kind: 'latest', timeline}),
	]
}

export function updateTarget(state: GuideState, step: TargetStep, event: GuideEvent): Outcome<GuideState> {
	switch (event.type) {
		case 'moved':
		case 'turned':
			return stay(state, {...step, selected: Math.min(Math.max(step.selected + event.by, 0), step.options.length - 1)})
		case 'jumped':
			return stay(state, {...step, selected: event.to === 'first' ? 0 : step.options.length - 1})
		case 'wentBack':
			return stay(state, step.back)
		case 'accepted': {
			const option = step.options[step.selected]
			if (option === undefined) return {state, effects: []}
			if (!option.prediction.ok) return noticed(state, option.prediction.why)
			return replan(state, {
				name: 'plan',
				back: step,
				target: option.target,
				destination: fieldWith(state.options.destination),
				editing: false,
				asked: {request: 0, destination: ''},
				working: true,
				plan: undefined,
				trouble: undefined,
				scrollRows: 0,
			})
		}
		default:
			return {state, effects: []}
	}
}

export function updatePlan(state: GuideState, step: PlanStep, event: GuideEvent): Outcome<GuideState> {
	switch (event.type) {
		case 'planMade':
			if (event.request !== step.asked.request) return {state, effects: []}
			return stay(state, {...step, working: false, plan: event.plan, trouble: undefined})
		case 'planRefused':
			if (event.request !== step.asked.request) return {state, effects: []}
			return stay(state, {...step, working: false, plan: undefined, trouble: event.trouble})
		default:
			return step.editing ? updateDestination(state, step, event) : updatePlanKeys(state, step, event)
	}
}

function updateDestination(state: GuideState, step: PlanStep, event: GuideEvent): Outcome<GuideState> {
	switch (event.type) {
		case 'accepted':
			return replan(state, {...step, editing: false})
		case 'wentBack':
			return stay(state, {
				...step,
				editing: false,
				destination: fieldWith(step.plan?.destination ?? step.asked.destination),
			})
		default:
			if (!isEdit(event)) return {state, effects: []}
			return stay(state, {...step, destination: editField(step.destination, event)})
	}
}

function updatePlanKeys(state: GuideState, step: PlanStep, event: GuideEvent): Outcome<GuideState> {
	switch (event.type) {
		case 'edited':
			return stay(state, {...step, editing: true})
		case 'checksRepeated':
			return replan(state, step)
		case 'moved':
			return stay(state, {...step, scrollRows: Math.max(0, step.scrollRows + event.by)})
		case 'paged':
			return stay(state, {...step, scrollRows: Math.max(0, step.scrollRows + event.by * 10)})
		case 'jumped':
			return stay(state, {...step, scrollRows: event.to === 'first' ? 0 : Number.MAX_SAFE_INTEGER})
		case 'wentBack':
			return stay(state, step.back)
		case 'accepted':
			if (step.plan === undefined) return {state, effects: []}
			return stay(state, {name: 'confirm', back: step, plan: step.plan, field: emptyField, problem: undefined})
		default:
			return {state, effects: []}
	}
}

function replan(state: GuideState, step: PlanStep): Outcome<GuideState> {
	const {incident} = step.back.back
	const asked = {request: state.planRequests + 1, destination: step.destination.text.trim()}
	return {
		state: {
			...state,
			planRequests: asked.request,
			notice: undefined,
			step: {...step, asked, working: true, plan: undefined, trouble: undefined},
		},
		effects: [
			{
				type: 'plan',
				...asked,
				path: step.back.path,
				target: step.target,
				incident: incident.kind === 'time' ? {typed: incident.typed, at: incident.at, zone: incident.zone} : undefined,
			},
		],
	}
}

export function updateConfirm(state: GuideState, step: ConfirmStep, event: GuideEvent): Outcome<GuideState> {
	switch (event.type) {
		case 'wentBack':
			return stay(state, step.back)
		case 'accepted':
			return confirm(state, step)
		default:
			if (!isEdit(event)) return {state, effects: []}
			return stay(state, {...step, field: editField(step.field, event), problem: undefined})
	}
}

function confirm(state: GuideState, step: ConfirmStep): Outcome<GuideState> {
	const word = confirmationWord(step.plan)
	const typed = step.field.text.trim()
	if (typed !== word)
		return stay(state, {
			...step,
			problem: typed === '' ? `type ${word} to start` : `${JSON.stringify(typed)} is not ${word}`,
		})
	const effect: Effect = {
		type: 'restore',
		plan: step.plan,
		how: `the operator typed ${word}`,
		decisions: [
			{
				event: 'opened',
				at: state.now,
				recovery: step.plan.recovery,
				lastgood: state.options.lastgood,
				host: state.options.host,
				user: state.options.user,
			},
			...state.decisions,
			{event: 'planned', at: step.plan.plannedAt, plan: step.plan},
		],
	}
	return {
		state: {
			...state,
			notice: undefined,
			step: {
				name: 'restore',
				plan: step.plan,
				done: [],
				running: undefined,
				runningSince: state.now,
				copy: undefined,
				replay: undefined,
				cancelling: false,
				trouble: undefined,
				leaves: [],
			},
		},
		effects: [effect],
	}
}

function noticed(state: GuideState, text: string): Outcome<GuideState> {
	return {state: {...state, notice: {text, tone: 'warn'}}, effects: []}
}

function stay(state: GuideState, step: Step): Outcome<GuideState> {
	return {state: {...state, step, notice: undefined}, effects: []}
}
