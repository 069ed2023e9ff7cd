import type {Trouble} from '../../domain/errors.ts'
import {isolatedText} from '../../domain/text.ts'
import {formatSecond, type UtcInstant} from '../../domain/time.ts'
import type {BrowseEffect, Effect} from '../effects.ts'
import {type GuideEvent, isOperators} from '../events.ts'
import {crumbs} from '../selectors/crumbs.ts'
import {troubleView} from '../selectors/frame.ts'
import {type BrowseView, type KeyContext, smallestColumns, smallestRows, type View} from '../views.ts'
import {browseCrumbs, browseKeys, browseView} from './selectors.ts'
import {type Browse, openBrowse} from './state.ts'
import {updateBrowse} from './update.ts'

/** `lastgood browse`: a walk through one archive and nothing else. None of its effects can write. */
export interface BrowserState {
	readonly source: string
	readonly now: UtcInstant
	readonly columns: number
	readonly rows: number
	readonly progress: string
	/** Undefined until the archive has been surveyed. */
	readonly browse: Browse | undefined
	readonly trouble: Trouble | undefined
	readonly help: boolean
	readonly left: boolean
}

/** What the browser asks of the world. */
export type BrowserEffect = BrowseEffect | Extract<Effect, {readonly type: 'survey' | 'leave'}>

/** The browser before anything has happened. */
export function initialBrowser(source: string, now: UtcInstant): BrowserState {
	return {
		source,
		now,
		columns: 80,
		rows: 24,
		progress: 'looking at what lies there',
		browse: undefined,
		trouble: undefined,
		help: false,
		left: false,
	}
}

export interface BrowserOutcome {
	readonly state: BrowserState
	readonly effects: readonly BrowserEffect[]
}

/** The browser after one event. */
export function updateBrowser(before: BrowserState, event: GuideEvent): BrowserOutcome {
	const state: BrowserState = {...before, now: event.at > before.now ? event.at : before.now}
	if (state.left) return {state, effects: []}
	switch (event.type) {
		case 'ticked':
			return {state, effects: []}
		case 'resized':
			return {state: {...state, columns: event.columns, rows: event.rows}, effects: []}
		case 'helpToggled':
			return {state: {...state, help: !state.help}, effects: []}
		case 'quitAsked':
		case 'interrupted':
			return leave(state, event.type === 'interrupted' ? 130 : 0)
		case 'surveyProgressed':
			return {state: {...state, progress: event.text}, effects: []}
		case 'surveyed':
			return {state: {...state, browse: openBrowse(event.survey), trouble: undefined}, effects: []}
		case 'surveyFailed':
			return {state: {...state, trouble: event.trouble}, effects: []}
		case 'checksRepeated':
			return state.trouble === undefined
				? {state, effects: []}
				: {state: {...state, trouble: undefined}, effects: [{type: 'survey'}]}
		default:
			return updateWalk(state, event)
	}
}

function updateWalk(state: BrowserState, event: GuideEvent): BrowserOutcome {
	if (isOperators(event)) {
		if (isTooSmall(state)) return {state, effects: []}
		if (state.help) {
			const closes = event.type === 'wentBack' || event.type === 'accepted'
			return {state: closes ? {...state, help: false} : state, effects: []}
		}
	}
	if (state.browse === undefined) return {state, effects: []}
	const {browse, effects} = updateBrowse(state.browse, event, state)
	if (browse !== undefined) return {state: {...state, browse}, effects}
	const notice = {text: 'this is the top of the archive: q leaves', tone: 'plain'} as const
	return {state: {...state, browse: {...state.browse, notice}}, effects: []}
}

function leave(state: BrowserState, exitCode: number): BrowserOutcome {
	const summary = [`Nothing was written. ${state.source} was only read.`]
	return {state: {...state, left: true}, effects: [{type: 'leave', summary, exitCode}]}
}

function isTooSmall({columns, rows}: BrowserState): boolean {
	return columns < smallestColumns || rows < smallestRows
}

/** The whole frame for a state. */
export function browserViewOf(state: BrowserState): View {
	const {browse} = state
	return {
		screen: browse === undefined ? surveying(state) : browseView(browse, state),
		breadcrumb: browse === undefined ? crumbs(['timelines', 'segments', 'records'], 'timelines') : browseCrumbs(browse),
		source: isolatedText(state.source),
		badge: {text: 'read-only', tone: 'good'},
		clock: formatSecond(state.now),
		notice: browse?.notice,
		trouble:
			troubleView('the archive cannot be used', state.trouble) ?? troubleView('this cannot be read', browse?.trouble),
		dialog: undefined,
		help: state.help,
		keys: keysOf(state),
		columns: state.columns,
		rows: state.rows,
	}
}

function keysOf(state: BrowserState): KeyContext {
	if (isTooSmall(state)) return 'too-small'
	if (state.help) return 'help'
	return state.browse === undefined ? 'timelines' : browseKeys(state.browse)
}

/** The screen while nothing is known of the archive yet. */
function surveying({source, progress, trouble}: BrowserState): BrowseView {
	return {
		screen: 'timelines',
		title: `Timelines of ${isolatedText(source)}`,
		about: [],
		table: {columns: [], rows: [], position: '', empty: trouble === undefined ? progress : ''},
		field: undefined,
		status: '',
		working: undefined,
		detail: undefined,
	}
}
