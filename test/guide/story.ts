import {expect} from 'vitest'
import type {DecodedPath} from '../../src/domain/recovery/path.ts'
import type {RestorePlan} from '../../src/domain/recovery/plan.ts'
import {addMs, type UtcInstant} from '../../src/domain/time.ts'
import type {Boundary} from '../../src/domain/wal/record.ts'
import type {Effect} from '../../src/guide/effects.ts'
import type {GuideEvent, OperatorEvent, WorldEvent} from '../../src/guide/events.ts'
import {viewOf} from '../../src/guide/selectors/frame.ts'
import {type GuideOptions, type GuideState, initialState, type Step} from '../../src/guide/state.ts'
import {update} from '../../src/guide/update.ts'
import type {View} from '../../src/guide/views.ts'
import {lsn, path, plan, survey, utc} from '../support/builders.ts'

/*
 * Stories of the guided recovery: what the operator does, what the world answers, what the screen shows. No terminal, no clock.
 * Each thing that happens is a second after the one before it.
 */

/** Of each effect, the answers that finish it; one that is not here is done as soon as it is asked. */
const answersOf: Readonly<Partial<Record<Effect['type'], readonly WorldEvent['type'][]>>> = {
	survey: ['surveyed', 'surveyFailed'],
	decode: ['decodingFinished', 'decodingFailed'],
	plan: ['planMade', 'planRefused'],
	restore: ['held', 'restoreFailed'],
	check: ['checksFinished', 'checksFailed'],
	ask: ['questionAnswered', 'questionRefused'],
	promote: ['promoted', 'promotionFailed'],
	abandon: ['abandoned', 'abandonFailed'],
	renderRunbook: ['runbookRendered'],
}

export type Story = ReturnType<typeof story>

/** A story from the start of lastgood on, told at ten in the morning. */
export function story(options: Partial<GuideOptions> = {}) {
	let now: UtcInstant = utc('10:00:00')
	let state: GuideState = initialState(
		{
			source: '/archive',
			zone: undefined,
			destination: '/restore/harbor',
			report: undefined,
			lastgood: '0.1.0',
			host: 'db2',
			user: 'anna',
			...options,
		},
		now,
	)
	const asked: Effect[] = [{type: 'survey'}]
	let pending: Effect[] = [{type: 'survey'}]

	function happens(event: OperatorEvent | WorldEvent): void {
		now = addMs(now, 1000)
		const {state: after, effects} = update(state, {...event, at: now} as GuideEvent)
		state = after
		for (const effect of effects) {
			asked.push(effect)
			// A new decode or survey takes the place of the one before.
			if (effect.type === 'stopDecoding' || effect.type === 'decode')
				pending = pending.filter(({type}) => type !== 'decode')
			if (answersOf[effect.type] !== undefined) pending.push(effect)
		}
	}

	const operator = {
		does: (...events: readonly OperatorEvent[]) => {
			for (const event of events) happens(event)
		},
		types: (text: string) => happens({type: 'typed', text}),
		clears: () => happens({type: 'erased', what: 'all'}),
		accepts: () => happens({type: 'accepted'}),
		/** Up is negative. */
		moves: (by: number) => happens({type: 'moved', by}),
		jumps: (to: 'first' | 'last') => happens({type: 'jumped', to}),
		turns: (by: number) => happens({type: 'turned', by}),
		goesBack: () => happens({type: 'wentBack'}),
		quits: () => happens({type: 'quitAsked'}),
		interrupts: () => happens({type: 'interrupted'}),
		resizes: (columns: number, rows: number) => happens({type: 'resized', columns, rows}),
	}

	const world = {
		/** Answers an effect that was asked for and has no answer yet; the last of its answers may finish it. */
		answers(effect: Effect['type'], ...events: readonly WorldEvent[]): void {
			for (const event of events) {
				const index = pending.findIndex(({type}) => type === effect)
				expect(index, `${effect} was asked for`).not.toBe(-1)
				if (answersOf[effect]?.includes(event.type) === true) pending = pending.toSpliced(index, 1)
				happens(event)
			}
		},
		/** Something comes late or out of turn, whoever asked for it. */
		says: (...events: readonly WorldEvent[]) => {
			for (const event of events) happens(event)
		},
		ticks: (seconds: number) => {
			now = addMs(now, (seconds - 1) * 1000)
			happens({type: 'ticked'})
		},
		/** The effects of one kind, in the order in which they were asked for. */
		asked<Type extends Effect['type']>(type: Type): readonly Extract<Effect, {readonly type: Type}>[] {
			return asked.filter((effect): effect is Extract<Effect, {readonly type: Type}> => effect.type === type)
		},
		/** The latest effect of one kind. */
		wasAsked<Type extends Effect['type']>(type: Type): Extract<Effect, {readonly type: Type}> {
			const latest = world.asked(type).at(-1)
			if (latest === undefined) throw new Error(`${type} was not asked for`)
			return latest
		},
		/** What is still without an answer. */
		owes: () => pending.map(({type}) => type),
	}

	const screen = {
		get view(): View {
			return viewOf(state)
		},
		get text(): string {
			return textOf(viewOf(state)).join('\n')
		},
		is: (name: Step['name']) => expect(state.step.name).toBe(name),
		shows: (...texts: readonly string[]) => {
			for (const text of texts) expect(screen.text).toContain(text)
		},
		hides: (...texts: readonly string[]) => {
			for (const text of texts) expect(screen.text).not.toContain(text)
		},
		/** The answers of the open question, the selected one in brackets; none where nothing is asked. */
		asks: () => screen.view.dialog?.answers.map(({label, selected}) => (selected ? `[${label}]` : label)) ?? [],
	}

	return {
		operator,
		world,
		screen,
		get state(): GuideState {
			return state
		},
		get now(): UtcInstant {
			return now
		},
	}
}

/** A story that has come to its boundaries, all decoded, the cursor on the release job. */
export function atBoundaries(its: {readonly path?: DecodedPath; readonly typed?: string} = {}): Story {
	const told = story()
	const decoded = its.path ?? path()
	told.world.answers('survey', {type: 'surveyed', survey: survey()})
	told.operator.accepts()
	told.operator.types(its.typed ?? '2026-04-01T09:41:23Z')
	told.operator.accepts()
	told.world.answers('decode', {type: 'decodingFinished', path: decoded})
	told.screen.is('boundaries')
	return told
}

/** A story whose release job is marked. */
export function atTarget(its: {readonly path?: DecodedPath} = {}): Story {
	const told = atBoundaries(its)
	// 09:41:23 falls between the commit of 09:41:22.998731 and the release job.
	told.operator.accepts()
	told.screen.is('target')
	return told
}

/** Answers the latest request for a plan. */
export function makesPlan({world}: Story, made: RestorePlan = plan()): void {
	world.answers('plan', {type: 'planMade', request: world.wasAsked('plan').request, plan: made})
}

export function atPlan(made: RestorePlan = plan()): Story {
	const told = atTarget()
	told.operator.accepts()
	makesPlan(told, made)
	told.screen.is('plan')
	return told
}

export function atConfirm(made: RestorePlan = plan()): Story {
	const told = atPlan(made)
	told.operator.accepts()
	told.screen.is('confirm')
	return told
}

export function atRestore(made: RestorePlan = plan()): Story {
	const told = atConfirm(made)
	told.operator.types('harbor')
	told.operator.accepts()
	told.screen.is('restore')
	return told
}

/** The server holds where it should. */
export const heldEvent: WorldEvent = {
	type: 'held',
	stoppedAtLsn: lsn('0/5400070'),
	exact: true,
	connect: ['psql', '-h', '/restore/harbor.lastgood/socket', '-p', '54330', '-U', 'postgres'],
	databases: ['postgres', 'harbor'],
}

/** A story whose server holds and whose checks are done. */
export function atInspect(made: RestorePlan = plan()): Story {
	const told = atRestore(made)
	told.world.answers('restore', heldEvent)
	told.world.answers(
		'check',
		{
			type: 'checkFinished',
			check: {name: 'replay stopped where the plan says', outcome: 'passed', expected: 'there', found: '0/5400070'},
		},
		{type: 'checksFinished'},
	)
	told.screen.is('inspect')
	return told
}

export function atDecide(made: RestorePlan = plan()): Story {
	const told = atInspect(made)
	told.operator.accepts()
	told.screen.is('decide')
	return told
}

export function atRunbook(): Story {
	const told = atDecide()
	told.operator.moves(-1)
	told.operator.accepts()
	told.operator.types('promote')
	told.operator.accepts()
	told.world.answers('promote', {type: 'promoted', timeline: 2, lsn: lsn('0/54000A0')})
	told.world.answers('renderRunbook', {
		type: 'runbookRendered',
		text: '# Runbook of recovery r20260401-100500\n\n| | |\n',
		path: '/state/r20260401-100500/runbook.md',
	})
	told.screen.is('runbook')
	return told
}

/** Boundaries as one batch of decoding brings them. */
export function decodedBatch(boundaries: readonly Boundary[]): WorldEvent {
	return {type: 'boundariesDecoded', boundaries, uptoLsn: boundaries.at(-1)?.lsn ?? lsn('0/0'), segmentsRead: 1}
}

/** The words of a frame, one line for each fact, row, field and paragraph. What they look like is the screens' business. */
export function textOf(view: View): readonly string[] {
	return linesOf(view)
}

function linesOf(value: unknown): readonly string[] {
	if (typeof value === 'string') return [value]
	if (Array.isArray(value)) {
		return value.every(isSpan) && value.length > 0 ? [value.map(({text}) => text).join('')] : value.flatMap(linesOf)
	}
	if (typeof value !== 'object' || value === null) return []
	if (isSpan(value)) return [value.text]
	if ('label' in value && 'value' in value) return [`${value.label}: ${value.value}`]
	if ('caret' in value && 'label' in value && 'text' in value) {
		const problem = 'problem' in value && typeof value.problem === 'string' ? [value.problem] : []
		return [`${value.label} [${value.text}]`, ...problem]
	}
	if ('cells' in value && Array.isArray(value.cells)) {
		const mark = 'selected' in value && value.selected === true ? '> ' : '  '
		return [mark + value.cells.map((cell: {readonly text: string}) => cell.text).join('  ')]
	}
	return Object.entries(value).flatMap(([name, part]) => (codes.has(name) ? [] : linesOf(part)))
}

/** Words for the program, not for the operator. */
const codes: ReadonlySet<string> = new Set(['tone', 'key', 'keys', 'columns', 'breadcrumb', 'state', 'align'])

function isSpan(value: unknown): value is {readonly text: string} {
	return (
		typeof value === 'object' && value !== null && 'text' in value && 'tone' in value && Object.keys(value).length === 2
	)
}
