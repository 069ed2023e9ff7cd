import {isolatedText} from '../../domain/text.ts'
import type {Outcome} from '../effects.ts'
import type {GuideEvent} from '../events.ts'
import type {DecideStep, Decision, GuideState, Held, InspectStep, RestoreStep, RunbookStep, Step} from '../state.ts'
import {editField, emptyField, isEdit} from '../text-field.ts'

/** Restore, inspect, decide and runbook: the steps in which something is done. */

export function updateRestore(state: GuideState, step: RestoreStep, event: GuideEvent): Outcome<GuideState> {
	switch (event.type) {
		case 'stepStarted':
			return stay(state, {...step, running: event.step, runningSince: event.at})
		case 'stepFinished':
			return stay(state, {
				...step,
				running: undefined,
				done: [...step.done, {step: event.step, note: event.notes.join('; ')}],
			})
		case 'copyProgressed':
			return stay(state, {...step, copy: event.progress})
		case 'replayProgressed':
			return stay(state, {...step, replay: event.replay})
		case 'restoreFailed':
			return stay(state, {...step, trouble: event.trouble, leaves: event.leaves})
		case 'held': {
			const {stoppedAtLsn, exact, connect, databases} = event
			const inspect = inspectStep({plan: step.plan, stoppedAtLsn, exact, connect, databases})
			return {state: {...state, step: inspect, notice: undefined}, effects: [{type: 'check', plan: step.plan}]}
		}
		case 'accepted':
			if (step.trouble === undefined) return {state, effects: []}
			return toRunbook(state, step.plan, {kind: 'failed', message: step.trouble.message})
		case 'wentBack':
			return step.trouble === undefined
				? {state: {...state, dialog: {about: 'restore', selected: 0}}, effects: []}
				: {state, effects: []}
		default:
			return {state, effects: []}
	}
}

function inspectStep(held: Held): InspectStep {
	return {
		name: 'inspect',
		held,
		checks: [],
		checking: true,
		databaseIndex: Math.max(
			0,
			held.databases.findIndex(name => name !== 'postgres'),
		),
		prompt: emptyField,
		prompting: false,
		asking: false,
		answer: undefined,
		answerTop: 0,
		trouble: undefined,
	}
}

export function updateInspect(state: GuideState, step: InspectStep, event: GuideEvent): Outcome<GuideState> {
	switch (event.type) {
		case 'checkFinished':
			return stay(state, {...step, checks: [...step.checks, event.check]})
		case 'checksFinished':
			return stay(state, {...step, checking: false})
		case 'checksFailed':
			return stay(state, {...step, checking: false, trouble: event.trouble})
		case 'questionAnswered':
		case 'questionRefused':
			return stay(state, answered(step, event))
		default:
			return step.prompting ? updatePrompt(state, step, event) : updateInspectKeys(state, step, event)
	}
}

function answered(
	step: InspectStep,
	event: Extract<GuideEvent, {type: 'questionAnswered' | 'questionRefused'}>,
): InspectStep {
	if (event.type === 'questionRefused') return {...step, asking: false, answer: undefined, trouble: event.trouble}
	return {
		...step,
		asking: false,
		trouble: undefined,
		answerTop: 0,
		answer: {
			columns: event.columns.map(isolatedText),
			rows: event.rows.map(row => row.map(value => (value === null ? null : isolatedText(value)))),
			cut: event.cut,
		},
	}
}

function updatePrompt(state: GuideState, step: InspectStep, event: GuideEvent): Outcome<GuideState> {
	switch (event.type) {
		case 'wentBack':
			return stay(state, {...step, prompting: false})
		case 'moved':
		case 'paged':
		case 'databaseTurned':
			return updateInspectKeys(state, step, event)
		case 'accepted': {
			const statement = step.prompt.text.trim()
			const database = step.held.databases[step.databaseIndex]
			if (statement === '' || step.asking || database === undefined) return {state, effects: []}
			return {
				state: {...state, notice: undefined, step: {...step, asking: true, trouble: undefined}},
				effects: [{type: 'ask', plan: step.held.plan, database, statement}],
			}
		}
		default:
			return isEdit(event) ? stay(state, {...step, prompt: editField(step.prompt, event)}) : {state, effects: []}
	}
}

function updateInspectKeys(state: GuideState, step: InspectStep, event: GuideEvent): Outcome<GuideState> {
	switch (event.type) {
		case 'questionOpened':
			return stay(state, {...step, prompting: true})
		case 'databaseTurned':
			return stay(state, {...step, databaseIndex: (step.databaseIndex + 1) % Math.max(1, step.held.databases.length)})
		case 'checksRepeated':
			if (step.checking) return {state, effects: []}
			return {
				state: {...state, step: {...step, checks: [], checking: true, trouble: undefined}},
				effects: [{type: 'check', plan: step.held.plan}],
			}
		case 'moved':
		case 'paged': {
			const by = event.type === 'paged' ? event.by * 10 : event.by
			const last = Math.max(0, (step.answer?.rows.length ?? 0) - 1)
			return stay(state, {...step, answerTop: Math.min(Math.max(0, step.answerTop + by), last)})
		}
		case 'accepted':
			if (step.checking) return noticed(state, 'the checks are still running')
			return stay(state, {
				name: 'decide',
				back: step,
				selected: 'leave',
				field: undefined,
				problem: undefined,
				working: false,
				trouble: undefined,
			})
		case 'wentBack':
			return noticed(
				state,
				'the restore is done and cannot be undone from here: go on to decide, where it can be abandoned',
			)
		default:
			return {state, effects: []}
	}
}

/** The decisions in the order in which they are shown; the one that changes nothing is the one selected first. */
export const decisions: readonly Decision[] = ['promote', 'leave', 'abandon']

export function updateDecide(state: GuideState, step: DecideStep, event: GuideEvent): Outcome<GuideState> {
	switch (event.type) {
		case 'promoted':
			return toRunbook(state, step.back.held.plan, {kind: 'promoted', timeline: event.timeline})
		case 'abandoned':
			return toRunbook(state, step.back.held.plan, {kind: 'abandoned'})
		case 'promotionFailed':
		case 'abandonFailed':
			return stay(state, {...step, working: false, trouble: event.trouble})
		case 'questionAnswered':
		case 'questionRefused':
			return {state: {...state, step: {...step, back: answered(step.back, event)}}, effects: []}
		default:
			if (step.working) return {state, effects: []}
			return step.field === undefined ? updateDecideKeys(state, step, event) : updateTypedDecision(state, step, event)
	}
}

function updateDecideKeys(state: GuideState, step: DecideStep, event: GuideEvent): Outcome<GuideState> {
	switch (event.type) {
		case 'moved':
		case 'turned': {
			const index = decisions.indexOf(step.selected) + event.by
			return stay(state, {...step, selected: decisions[Math.min(Math.max(index, 0), decisions.length - 1)] ?? 'leave'})
		}
		case 'wentBack':
			return stay(state, step.back)
		case 'accepted':
			if (step.selected === 'leave') return {state: {...state, dialog: {about: 'leaving', selected: 1}}, effects: []}
			return stay(state, {...step, field: emptyField, problem: undefined, trouble: undefined})
		default:
			return {state, effects: []}
	}
}

function updateTypedDecision(state: GuideState, step: DecideStep, event: GuideEvent): Outcome<GuideState> {
	const field = step.field ?? emptyField
	switch (event.type) {
		case 'wentBack':
			return stay(state, {...step, field: undefined, problem: undefined})
		case 'accepted': {
			const typed = field.text.trim()
			const {plan} = step.back.held
			if (step.selected === 'leave') return {state, effects: []}
			if (typed !== step.selected) {
				return stay(state, {
					...step,
					problem: typed === '' ? `type ${step.selected}` : `${JSON.stringify(typed)} is not ${step.selected}`,
				})
			}
			return {
				state: {...state, notice: undefined, step: {...step, working: true, problem: undefined, trouble: undefined}},
				effects: [{type: step.selected, plan, how: `the operator typed ${typed}`}],
			}
		}
		default:
			if (!isEdit(event)) return {state, effects: []}
			return stay(state, {...step, field: editField(field, event), problem: undefined})
	}
}

export function updateRunbook(state: GuideState, step: RunbookStep, event: GuideEvent): Outcome<GuideState> {
	const scroll = (top: number) =>
		stay(state, {...step, top: Math.min(Math.max(0, top), Math.max(0, step.lines.length - 1))})
	switch (event.type) {
		case 'runbookRendered':
			return stay(state, {...step, lines: event.text.split('\n').map(isolatedText), path: event.path})
		case 'moved':
			return scroll(step.top + event.by)
		case 'paged':
			return scroll(step.top + event.by * 10)
		case 'jumped':
			return scroll(event.to === 'first' ? 0 : step.lines.length)
		case 'saved':
			return step.path === undefined
				? {state, effects: []}
				: {state: {...state, notice: {text: `saved: ${step.path}`, tone: 'good'}}, effects: []}
		case 'accepted':
			return {state: {...state, dialog: {about: 'leaving', selected: 1}}, effects: []}
		default:
			return {state, effects: []}
	}
}

function toRunbook(state: GuideState, plan: RunbookStep['plan'], outcome: RunbookStep['outcome']): Outcome<GuideState> {
	return {
		state: {...state, notice: undefined, step: {name: 'runbook', plan, outcome, lines: [], top: 0, path: undefined}},
		effects: [{type: 'renderRunbook', plan}],
	}
}

function noticed(state: GuideState, text: string): Outcome<GuideState> {
	return {state: {...state, notice: {text, tone: 'warn'}}, effects: []}
}

function stay(state: GuideState, step: Step): Outcome<GuideState> {
	return {state: {...state, step, notice: undefined}, effects: []}
}
