import type {Effect, Outcome} from './effects.ts'
import {type GuideEvent, isOperators} from './events.ts'
import {leavesBehind} from './leaving.ts'
import type {Dialog, GuideState} from './state.ts'
import {updateDecide, updateInspect, updateRestore, updateRunbook} from './steps/carrying.ts'
import {updateConfirm, updatePlan, updateTarget} from './steps/deciding.ts'
import {updateBoundaries, updateBrowsing, updateIncident, updateSurvey} from './steps/reading.ts'
import {smallestColumns, smallestRows} from './views.ts'

/** The guide after one event, and what it asks of the world. An event that does not belong to the current step changes nothing. */
export function update(before: GuideState, event: GuideEvent): Outcome<GuideState> {
	const state: GuideState = {...before, now: event.at > before.now ? event.at : before.now}
	if (state.left) return {state, effects: []}
	switch (event.type) {
		case 'ticked':
			return {state, effects: []}
		case 'resized':
			return {state: {...state, columns: event.columns, rows: event.rows}, effects: []}
		case 'quitAsked':
		case 'interrupted':
			return interrupt(state, event)
		default:
			break
	}
	if (isOperators(event)) {
		// Keys that act on a screen nobody can see have done harm elsewhere (terminal-ui.md §3.7).
		if (isTooSmall(state)) return {state, effects: []}
		if (event.type === 'helpToggled') return {state: {...state, help: !state.help}, effects: []}
		if (state.help)
			return event.type === 'wentBack' || event.type === 'accepted'
				? {state: {...state, help: false}, effects: []}
				: {state, effects: []}
		if (state.dialog !== undefined) return updateDialog(state, state.dialog, event)
	}
	const outcome = updateStep(state, event)
	if (state.leaveWhenStopped && event.type === 'restoreFailed') return leave(outcome.state, 130)
	return {...outcome, state: {...outcome.state, dialog: dialogAfter(state, outcome.state)}}
}

function isTooSmall({columns, rows}: GuideState): boolean {
	return columns < smallestColumns || rows < smallestRows
}

/** A question about a restore that has ended is asked no more; one whose answers have changed begins with the safe one again. */
function dialogAfter(before: GuideState, after: GuideState): Dialog | undefined {
	const {dialog, step} = after
	if (dialog?.about !== 'restore' || before.dialog === undefined) return dialog
	if (step.name !== 'restore' || step.trouble !== undefined) return undefined
	return isCopying(before) === isCopying(after) ? dialog : {...dialog, selected: 0}
}

function updateStep(state: GuideState, event: GuideEvent): Outcome<GuideState> {
	const {step} = state
	switch (step.name) {
		case 'survey':
			return updateSurvey(state, step, event)
		case 'incident':
			return updateIncident(state, step, event)
		case 'boundaries':
			return updateBoundaries(state, step, event)
		case 'target':
			return updateTarget(state, step, event)
		case 'plan':
			return updatePlan(state, step, event)
		case 'confirm':
			return updateConfirm(state, step, event)
		case 'restore':
			return updateRestore(state, step, event)
		case 'inspect':
			return updateInspect(state, step, event)
		case 'decide':
			return updateDecide(state, step, event)
		case 'runbook':
			return updateRunbook(state, step, event)
		case 'browse':
			return updateBrowsing(state, step, event)
		default:
			return step satisfies never
	}
}

/** q asks before it leaves where something would be left behind; a second Ctrl-C leaves without asking. */
function interrupt(state: GuideState, event: GuideEvent): Outcome<GuideState> {
	const {step} = state
	const nothingLeft =
		step.name === 'survey' ||
		step.name === 'incident' ||
		step.name === 'boundaries' ||
		step.name === 'runbook' ||
		step.name === 'browse'
	const again =
		event.type === 'interrupted'
			? state.dialog !== undefined && state.interruptedAt !== undefined
			: // Nobody could see the question.
				isTooSmall(state)
	if (again && isCopying(state)) {
		return {state: {...cancelling(state), leaveWhenStopped: true}, effects: [{type: 'cancelRestore'}]}
	}
	if (nothingLeft || again) return leave(state, event.type === 'interrupted' && step.name !== 'runbook' ? 130 : 0)
	const marked = {...state, help: false, interruptedAt: event.type === 'interrupted' ? event.at : state.interruptedAt}
	if (step.name === 'restore' && step.trouble === undefined)
		return {state: {...marked, dialog: {about: 'restore', selected: 0}}, effects: []}
	return {state: {...marked, dialog: {about: 'leaving', selected: 0}}, effects: []}
}

function isCopying({step}: Pick<GuideState, 'step'>): boolean {
	return step.name === 'restore' && step.trouble === undefined && step.running !== 'replay' && step.replay === undefined
}

/** What each dialog answers to, in the order shown; the first is safe. */
export function dialogAnswers({step}: GuideState, {about}: Dialog): readonly ('stay' | 'leave' | 'cancel')[] {
	if (about === 'leaving') return ['stay', 'leave']
	// While files are copied nothing of use would be left behind; once the server replays it goes on by itself.
	return isCopying({step}) ? ['stay', 'cancel'] : ['stay', 'leave', 'cancel']
}

function updateDialog(state: GuideState, dialog: Dialog, event: GuideEvent): Outcome<GuideState> {
	const answers = dialogAnswers(state, dialog)
	switch (event.type) {
		case 'moved':
		case 'turned':
			return {
				state: {
					...state,
					dialog: {...dialog, selected: Math.min(Math.max(dialog.selected + event.by, 0), answers.length - 1)},
				},
				effects: [],
			}
		case 'wentBack':
			return {state: {...state, dialog: undefined}, effects: []}
		case 'accepted':
			switch (answers[dialog.selected]) {
				case 'leave':
					return leave(state, 0)
				case 'cancel':
					return {state: cancelling(state), effects: [{type: 'cancelRestore'}]}
				default:
					return {state: {...state, dialog: undefined}, effects: []}
			}
		default:
			return {state, effects: []}
	}
}

function cancelling(state: GuideState): GuideState {
	const {step} = state
	return {...state, dialog: undefined, step: step.name === 'restore' ? {...step, cancelling: true} : step}
}

function leave(state: GuideState, exitCode: number): Outcome<GuideState> {
	const effects: Effect[] = [{type: 'leave', summary: leavesBehind(state), exitCode}]
	return {state: {...state, dialog: undefined, left: true}, effects}
}
