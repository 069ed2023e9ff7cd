import type {Trouble} from '../../domain/errors.ts'
import {isolatedText} from '../../domain/text.ts'
import {formatSecond} from '../../domain/time.ts'
import {formatLsn} from '../../domain/wal/lsn.ts'
import {browseCrumbs, browseKeys, browseView} from '../browse/selectors.ts'
import {leavesBehind} from '../leaving.ts'
import type {GuideState, Step} from '../state.ts'
import {dialogAnswers} from '../update.ts'
import type {DialogView, KeyContext, ScreenView, Span, StepName, TroubleView, View} from '../views.ts'
import {smallestColumns, smallestRows} from '../views.ts'
import {boundariesView} from './boundaries.ts'
import {decideView, inspectView, restoreView, runbookView} from './carrying.ts'
import {crumbs} from './crumbs.ts'
import {incidentView} from './incident.ts'
import {confirmView, planView} from './plan.ts'
import {surveyView} from './survey.ts'
import {targetView} from './target.ts'

const stepNames: readonly StepName[] = [
	'survey',
	'incident',
	'boundaries',
	'target',
	'plan',
	'confirm',
	'restore',
	'inspect',
	'decide',
	'runbook',
]

/** The whole frame for a state. */
export function viewOf(state: GuideState): View {
	const {step} = state
	return {
		screen: screenOf(state),
		breadcrumb: step.name === 'browse' ? browseCrumbs(step.browse) : crumbs(stepNames, step.name),
		source: isolatedText(state.options.source),
		badge: badgeOf(state.step),
		clock: formatSecond(state.now),
		notice: step.name === 'browse' ? step.browse.notice : state.notice,
		trouble: troubleOf(state.step),
		dialog: dialogOf(state),
		help: state.help,
		keys: keysOf(state),
		columns: state.columns,
		rows: state.rows,
	}
}

function screenOf(state: GuideState): ScreenView {
	const {step} = state
	switch (step.name) {
		case 'survey':
			return surveyView(state, step)
		case 'incident':
			return incidentView(state, step)
		case 'boundaries':
			return boundariesView(state, step)
		case 'target':
			return targetView(state, step)
		case 'plan':
			return planView(state, step)
		case 'confirm':
			return confirmView(state, step)
		case 'restore':
			return restoreView(state, step)
		case 'inspect':
			return inspectView(state, step)
		case 'decide':
			return decideView(state, step)
		case 'runbook':
			return runbookView(state, step)
		case 'browse':
			return browseView(step.browse, state)
		default:
			return step satisfies never
	}
}

/** What lastgood may do to this machine right now, always in sight. */
function badgeOf(step: Step): Span {
	switch (step.name) {
		case 'survey':
		case 'browse':
		case 'incident':
		case 'boundaries':
		case 'target':
		case 'plan':
		case 'confirm':
			return {text: 'read-only', tone: 'good'}
		case 'restore':
			return {text: `writes ${step.plan.destination}`, tone: 'warn'}
		case 'inspect':
			return {text: `held at ${formatLsn(step.held.stoppedAtLsn)}`, tone: 'accent'}
		case 'decide':
			return {text: `held at ${formatLsn(step.back.held.stoppedAtLsn)}`, tone: 'accent'}
		case 'runbook':
			return {text: step.outcome.kind, tone: step.outcome.kind === 'promoted' ? 'good' : 'warn'}
		default:
			return step satisfies never
	}
}

function troubleOf(step: Step): TroubleView | undefined {
	switch (step.name) {
		case 'survey':
			return troubleView('the archive cannot be used', step.trouble)
		case 'boundaries':
			return troubleView('the WAL cannot be decoded', step.trouble)
		case 'plan':
			return troubleView('this plan cannot succeed', step.trouble)
		case 'restore':
			return troubleView('the restore failed', step.trouble)
		case 'decide':
			return troubleView('that did not work', step.trouble)
		case 'browse':
			return troubleView('this cannot be read', step.browse.trouble)
		// At the prompt a refused statement is answered where its rows would stand.
		case 'inspect':
		case 'incident':
		case 'target':
		case 'confirm':
		case 'runbook':
			return undefined
		default:
			return step satisfies never
	}
}

/** What went wrong as a screen shows it; undefined where nothing did. */
export function troubleView(title: string, trouble: Trouble | undefined): TroubleView | undefined {
	if (trouble === undefined) return undefined
	return {title, message: isolatedText(trouble.message), whatToDo: trouble.whatToDo.map(isolatedText)}
}

function dialogOf(state: GuideState): DialogView | undefined {
	const {dialog} = state
	if (dialog === undefined) return undefined
	const labels = {
		stay: dialog.about === 'restore' ? 'Go on' : 'Stay',
		leave: 'Leave',
		cancel: 'Cancel the restore',
	} as const
	const answers = dialogAnswers(state, dialog)
	return {
		title: dialog.about === 'restore' ? 'The restore is running' : 'Leave lastgood?',
		lines: [
			...(answers.includes('leave') ? leavesBehind(state) : []),
			...(answers.includes('cancel')
				? ['Cancelling stops the restore and removes what it has made so far, or says what is left.']
				: []),
		],
		answers: answers.map((answer, index) => ({label: labels[answer], selected: index === dialog.selected})),
	}
}

function keysOf(state: GuideState): KeyContext {
	const {step} = state
	if (state.columns < smallestColumns || state.rows < smallestRows) return 'too-small'
	if (state.help) return 'help'
	if (state.dialog !== undefined) return 'dialog'
	switch (step.name) {
		case 'incident':
			return step.readings === undefined ? 'incident-text' : 'incident-readings'
		case 'boundaries':
			return step.filtering ? 'boundaries-filter' : 'boundaries'
		case 'plan':
			return step.editing ? 'plan-text' : 'plan'
		case 'confirm':
			return 'confirm-text'
		case 'inspect':
			return step.prompting ? 'inspect-text' : 'inspect'
		case 'decide':
			return step.field === undefined ? 'decide' : 'decide-text'
		case 'browse':
			return browseKeys(step.browse)
		case 'survey':
		case 'target':
		case 'restore':
		case 'runbook':
			return step.name
		default:
			return step satisfies never
	}
}
