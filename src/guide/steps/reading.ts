import type {BaseBackup} from '../../domain/archive/survey.ts'
import {backupToDecodeFrom, historyOf} from '../../domain/recovery/backup-choice.ts'
import {formatInstant} from '../../domain/time.ts'
import {cursorIndex, describeWork, listedBoundaries, pointsNowhere, windowOf} from '../boundary-list.ts'
import {openBrowse} from '../browse/state.ts'
import {updateBrowse} from '../browse/update.ts'
import type {Effect, Outcome} from '../effects.ts'
import type {GuideEvent} from '../events.ts'
import {describeTimeProblem, readIncident} from '../incident.ts'
import type {BoundariesStep, BrowseStep, GuideState, Incident, IncidentStep, Step, SurveyStep} from '../state.ts'
import {incidentStep, windowMinutes} from '../state.ts'
import {editField, emptyField, isEdit} from '../text-field.ts'
import {targetStep} from './deciding.ts'

/** Survey, incident and boundaries: the steps that only read. */

export function updateSurvey(state: GuideState, step: SurveyStep, event: GuideEvent): Outcome<GuideState> {
	switch (event.type) {
		case 'surveyProgressed':
			return stay(state, {...step, progress: event.text})
		case 'surveyed':
			return stay(state, {...step, survey: event.survey, trouble: undefined})
		case 'surveyFailed':
			return stay(state, {...step, trouble: event.trouble})
		case 'moved':
			return stay(state, {...step, scrollRows: Math.max(0, step.scrollRows + event.by)})
		case 'paged':
			return stay(state, {...step, scrollRows: Math.max(0, step.scrollRows + event.by * 10)})
		case 'jumped':
			return stay(state, {...step, scrollRows: event.to === 'first' ? 0 : Number.MAX_SAFE_INTEGER})
		case 'accepted':
			return step.survey === undefined
				? {state, effects: []}
				: stay(state, incidentStep(step.survey, state.options.report))
		case 'browseOpened':
			return step.survey === undefined
				? {state, effects: []}
				: stay(state, {name: 'browse', back: step, browse: openBrowse(step.survey)})
		case 'checksRepeated':
			return {state: {...state, step: {...step, survey: undefined, trouble: undefined}}, effects: [{type: 'survey'}]}
		default:
			return {state, effects: []}
	}
}

export function updateBrowsing(state: GuideState, step: BrowseStep, event: GuideEvent): Outcome<GuideState> {
	const {browse, effects} = updateBrowse(step.browse, event, state)
	return {state: {...state, step: browse === undefined ? step.back : {...step, browse}}, effects}
}

export function updateIncident(state: GuideState, step: IncidentStep, event: GuideEvent): Outcome<GuideState> {
	switch (event.type) {
		case 'wentBack':
			if (step.readings !== undefined) return stay(state, {...step, readings: undefined, problem: undefined})
			if (step.zoneField !== undefined) return stay(state, {...step, zoneField: undefined, problem: undefined})
			return stay(state, {name: 'survey', progress: '', survey: step.survey, trouble: undefined, scrollRows: 0})
		case 'turned':
		case 'moved':
			if (step.readings !== undefined) {
				const selected = clamp(step.readings.selected + event.by, 0, step.readings.choices.length - 1)
				return stay(state, {...step, readings: {...step.readings, selected}})
			}
			return stay(state, {...step, windowIndex: clamp(step.windowIndex + event.by, 0, windowMinutes.length - 1)})
		case 'accepted':
			return acceptIncident(state, step)
		default: {
			if (step.readings !== undefined || !isEdit(event)) return {state, effects: []}
			if (step.zoneField !== undefined)
				return stay(state, {...step, zoneField: editField(step.zoneField, event), problem: undefined})
			return stay(state, {...step, field: editField(step.field, event), problem: undefined})
		}
	}
}

function acceptIncident(state: GuideState, step: IncidentStep): Outcome<GuideState> {
	if (step.readings !== undefined) {
		const at = step.readings.choices[step.readings.selected]
		if (at === undefined) return {state, effects: []}
		return reported(state, step, {kind: 'time', typed: step.field.text.trim(), at, zone: step.readings.zone})
	}
	const typedZone = step.zoneField?.text.trim()
	const zone = typedZone === undefined || typedZone === '' ? undefined : typedZone
	const reading = readIncident(step.field.text, state.now, zone)
	if (reading.ok) return reported(state, step, reading.incident)
	const problem = describeTimeProblem(reading.problem)
	if (reading.problem.kind === 'zone-missing') {
		const remembered = state.zone ?? ''
		return stay(state, {
			...step,
			zoneField: step.zoneField ?? {text: remembered, caret: [...remembered].length},
			problem,
		})
	}
	if (reading.problem.kind === 'ambiguous') {
		return stay(state, {
			...step,
			readings: {choices: reading.problem.readings, selected: 0, zone: reading.problem.zone},
			problem,
		})
	}
	return stay(state, {...step, problem})
}

function reported(state: GuideState, step: IncidentStep, incident: Incident): Outcome<GuideState> {
	const zoneNamed = incident.kind === 'time' && incident.zone.includes('/') ? incident.zone : undefined
	const from = windowOf(incident, step.windowIndex)?.from
	const effects: Effect[] = [
		{type: 'decode', survey: step.survey, from},
		...(zoneNamed === undefined || zoneNamed === state.zone ? [] : [{type: 'rememberZone', zone: zoneNamed} as const]),
	]
	return {
		state: {
			...state,
			zone: zoneNamed ?? state.zone,
			decisions:
				incident.kind === 'time'
					? [
							{
								event: 'incident-reported',
								at: state.now,
								typed: incident.typed,
								incidentAt: incident.at,
								zone: incident.zone,
							},
						]
					: [],
			step: {
				name: 'boundaries',
				survey: step.survey,
				incident,
				windowIndex: incident.kind === 'time' ? step.windowIndex : windowMinutes.length - 1,
				boundaries: [],
				names: undefined,
				segmentsRead: 0,
				segmentCount: undefined,
				path: undefined,
				trouble: undefined,
				filter: emptyField,
				filtering: false,
				order: 'wal',
				cursor: undefined,
				detail: false,
			},
		},
		effects,
	}
}

export function updateBoundaries(state: GuideState, step: BoundariesStep, event: GuideEvent): Outcome<GuideState> {
	switch (event.type) {
		case 'decodingStarted':
			return heard(state, {...step, segmentCount: event.segmentCount})
		case 'boundariesDecoded':
			return heard(state, {
				...step,
				boundaries: [...step.boundaries, ...event.boundaries],
				segmentsRead: event.segmentsRead,
			})
		case 'namesRead':
			return heard(state, {...step, names: event.names})
		case 'decodingFinished': {
			const {path} = event
			const {boundaries} = path.wal
			const decoded = {...step, path, names: path.names, segmentsRead: path.segmentsRead, boundaries}
			const missing = pointsNowhere(decoded)
			return missing === undefined ? heard(state, decoded) : noticed({...state, step: decoded}, missing)
		}
		case 'decodingFailed':
			return heard(state, {...step, trouble: event.trouble})
		default:
			return step.filtering ? updateFilter(state, step, event) : updateList(state, step, event)
	}
}

function updateFilter(state: GuideState, step: BoundariesStep, event: GuideEvent): Outcome<GuideState> {
	switch (event.type) {
		case 'accepted':
			return stay(state, {...step, filtering: false})
		case 'wentBack':
			return stay(state, {...step, filtering: false, filter: emptyField})
		case 'moved':
		case 'paged':
			return updateList(state, step, event)
		default:
			return isEdit(event) ? stay(state, {...step, filter: editField(step.filter, event)}) : {state, effects: []}
	}
}

function updateList(state: GuideState, step: BoundariesStep, event: GuideEvent): Outcome<GuideState> {
	switch (event.type) {
		case 'moved':
			return stay(state, withCursor(step, event.by))
		case 'paged':
			return stay(state, withCursor(step, event.by * Math.max(1, state.rows - 12)))
		case 'jumped':
			return stay(state, withCursor(step, event.to === 'first' ? Number.MIN_SAFE_INTEGER : Number.MAX_SAFE_INTEGER))
		case 'turned':
			return widen(state, step, event.by)
		case 'filterOpened':
			return stay(state, {...step, filtering: true})
		case 'orderToggled':
			return stay(state, {
				...step,
				order: step.order === 'wal' ? 'rank' : 'wal',
				...(step.order === 'wal' ? {cursor: undefined} : {}),
			})
		case 'detailToggled':
			return stay(state, {...step, detail: !step.detail})
		case 'wentBack':
			if (step.filter.text !== '') return stay(state, {...step, filter: emptyField})
			return {
				state: {...state, step: {...incidentStep(step.survey, step.incident.typed), windowIndex: step.windowIndex}},
				effects: step.path === undefined && step.trouble === undefined ? [{type: 'stopDecoding'}] : [],
			}
		case 'accepted':
			return chooseBoundary(state, step)
		default:
			return {state, effects: []}
	}
}

/** A wider window needs more WAL only where it reaches back before the base backup that decoding began at. */
function widen(state: GuideState, step: BoundariesStep, by: number): Outcome<GuideState> {
	if (step.incident.kind !== 'time') return {state, effects: []}
	const windowIndex = clamp(step.windowIndex + by, 0, windowMinutes.length - 1)
	const widened = {...step, windowIndex}
	const needed = backupNeededFor(step, windowIndex)
	const decodedFrom = step.path === undefined ? backupNeededFor(step, step.windowIndex) : step.path.backup
	const reachesBack = needed !== undefined && decodedFrom !== undefined && needed.startLsn < decodedFrom.startLsn
	if (!reachesBack) return stay(state, widened)
	const nothingDecoded = {path: undefined, trouble: undefined, boundaries: [], segmentsRead: 0, segmentCount: undefined}
	return {
		state: {...state, notice: undefined, step: {...widened, ...nothingDecoded}},
		effects: [{type: 'decode', survey: step.survey, from: windowOf(step.incident, windowIndex)?.from}],
	}
}

function backupNeededFor({survey, incident, path}: BoundariesStep, windowIndex: number): BaseBackup | undefined {
	const history = path?.history ?? historyOf(survey, undefined)
	const from = windowOf(incident, windowIndex)?.from
	return history === undefined ? undefined : backupToDecodeFrom(survey, history, from === undefined ? {} : {from})
}

function withCursor(step: BoundariesStep, by: number): BoundariesStep {
	const list = listedBoundaries(step)
	const boundary = list[clamp(cursorIndex(step, list) + by, 0, list.length - 1)]
	return boundary === undefined ? step : {...step, cursor: boundary.ordinal}
}

function chooseBoundary(state: GuideState, step: BoundariesStep): Outcome<GuideState> {
	const list = listedBoundaries(step)
	const boundary = list[cursorIndex(step, list)]
	if (boundary === undefined) return {state, effects: []}
	if (step.path === undefined) {
		return noticed(state, 'what a target loses is known once decoding has reached the end of the archive: wait for it')
	}
	if (boundary.kind === 'restore-point' || boundary.kind === 'prepare') {
		return noticed(
			state,
			`a ${boundary.kind === 'prepare' ? 'PREPARE keeps or loses nothing by itself' : 'restore point is no commit'}: mark the first bad commit`,
		)
	}
	const decisions = state.decisions.filter(entry => entry.event === 'incident-reported')
	const window = windowOf(step.incident, step.windowIndex)
	return {
		state: {
			...state,
			notice: undefined,
			decisions: [
				...decisions,
				...(window === undefined
					? []
					: [
							{
								event: 'boundaries-listed' as const,
								at: state.now,
								from: window.from,
								to: window.to,
								commits: list.length,
								segmentsRead: step.segmentsRead,
								namesFrom: step.names?.source ?? 'none',
							},
						]),
				{
					event: 'boundary-chosen',
					at: state.now,
					lsn: boundary.lsn,
					xid: boundary.xid,
					committedAt: boundary.at,
					wrote: describeWork(step, boundary),
				},
			],
			step: targetStep(step, step.path, boundary),
		},
		effects: [],
	}
}

/** What decoding tells leaves a notice standing: it comes many times a second. */
function heard(state: GuideState, step: Step): Outcome<GuideState> {
	return {state: {...state, step}, effects: []}
}

function noticed(state: GuideState, text: string): Outcome<GuideState> {
	return {state: {...state, notice: {text, tone: 'warn'}}, effects: []}
}

function stay(state: GuideState, step: Step): Outcome<GuideState> {
	return {state: {...state, step, notice: undefined}, effects: []}
}

function clamp(value: number, lowest: number, highest: number): number {
	return Math.min(Math.max(value, lowest), Math.max(lowest, highest))
}

/** The window in words: `5 min before and after 2026-11-22T09:41:00.000000Z`. */
export function describeWindow(incident: Incident, windowIndex: number): string {
	const minutes = windowMinutes[windowIndex]
	if (incident.kind !== 'time' || minutes === undefined) return 'all that was decoded'
	return `${minutes >= 60 ? `${minutes / 60} h` : `${minutes} min`} before and after ${formatInstant(incident.at)}`
}
