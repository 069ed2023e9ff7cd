import {troubleOf} from './domain/errors.ts'
import type {JournalEntry} from './domain/recovery/journal.ts'
import {renderRunbook} from './domain/recovery/runbook.ts'
import type {TimelineId} from './domain/wal/timeline.ts'
import type {Effect} from './guide/effects.ts'
import type {OperatorEvent, WorldEvent} from './guide/events.ts'
import {viewOf} from './guide/selectors/frame.ts'
import {type GuideOptions, type GuideState, initialState} from './guide/state.ts'
import {update} from './guide/update.ts'
import type {View} from './guide/views.ts'
import {Browsing} from './loop/browsing.ts'
import {type Farewell, Machine, type UndatedEvent} from './loop/machine.ts'
import {decodePath, type FindNews} from './operations/find.ts'
import {abandonRecovery, connectCommand, findRecovery, promoteRecovery} from './operations/finish.ts'
import {askRestored, runChecks} from './operations/inspect.ts'
import {planRestore} from './operations/plan.ts'
import {carryOut} from './operations/restore.ts'
import {describeSurveyProgress, surveyArchive} from './operations/survey.ts'
import type {SourceRequest} from './operations/survey-source.ts'
import type {OpenedArchive, World} from './ports.ts'

/** What a guided recovery is started with. */
export interface GuidedRecovery {
	readonly world: World
	readonly source: SourceRequest
	readonly timeline: TimelineId | undefined
	readonly port: number | undefined
	readonly guide: GuideOptions
	readonly rememberZone: (zone: string) => void
}

/** Runs the guided recovery. */
export class GuideLoop {
	readonly #recovery: GuidedRecovery
	readonly #machine: Machine<GuideState, Effect, View>
	readonly #browsing: Browsing
	#opened: OpenedArchive | undefined
	#decoding = new AbortController()
	#restoring = new AbortController()

	constructor(recovery: GuidedRecovery) {
		const {world, guide} = recovery
		this.#recovery = recovery
		this.#machine = new Machine({
			world,
			initial: initialState(guide, world.now()),
			update,
			viewOf,
			carryOut: effect => this.#carryOut(effect),
		})
		this.#browsing = new Browsing(world, this.#machine.stopped, this.#machine.feed)
	}

	/** Resolves when the operator has left. */
	get farewell(): Promise<Farewell> {
		return this.#machine.farewell
	}

	/** Begins with the survey. */
	start(): void {
		this.#machine.start({type: 'survey'})
	}

	get subscribe(): (listener: () => void) => () => void {
		return this.#machine.subscribe
	}

	/** The current frame; the same object until something has changed. */
	get view(): () => View {
		return this.#machine.view
	}

	readonly dispatch = (event: OperatorEvent): void => {
		this.#feed(event)
	}

	#feed(event: UndatedEvent): void {
		this.#machine.feed(event)
	}

	async #carryOut(effect: Effect): Promise<void> {
		switch (effect.type) {
			case 'survey':
				return await this.#survey()
			case 'decode':
				return await this.#decode(effect)
			case 'stopDecoding':
				this.#decoding.abort()
				return
			case 'plan':
				return await this.#plan(effect)
			case 'restore':
				return await this.#restore(effect)
			case 'cancelRestore':
				this.#restoring.abort()
				return
			case 'check':
				return await this.#check(effect)
			case 'ask':
				return await this.#ask(effect)
			case 'promote':
				return await this.#promote(effect)
			case 'abandon':
				return await this.#abandon(effect)
			case 'renderRunbook':
				return await this.#renderRunbook(effect)
			case 'rememberZone':
				this.#recovery.rememberZone(effect.zone)
				return
			case 'leave':
				return await this.#leave(effect)
			case 'readRecords':
			case 'findRecord':
			case 'findTime':
			case 'readTimes':
			case 'stopReading':
				return await this.#browsing.carryOut(effect, this.#opened)
			default:
				effect satisfies never
		}
	}

	async #survey(): Promise<void> {
		const {world, source} = this.#recovery
		try {
			this.#opened = await surveyArchive(world, source, {
				signal: this.#machine.stopped,
				onProgress: progress => this.#feed({type: 'surveyProgressed', text: describeSurveyProgress(progress)}),
			})
			this.#feed({type: 'surveyed', survey: this.#opened.survey})
		} catch (error) {
			this.#feed({type: 'surveyFailed', trouble: troubleOf(error)})
		}
	}

	async #decode({from}: Extract<Effect, {type: 'decode'}>): Promise<void> {
		if (this.#opened === undefined) return
		this.#decoding.abort()
		const decoding = new AbortController()
		this.#decoding = decoding
		const {world, timeline} = this.#recovery
		try {
			const request = {...(timeline === undefined ? {} : {timeline}), ...(from === undefined ? {} : {from})}
			const path = await decodePath(world, this.#opened, request, {
				signal: decoding.signal,
				onNews: news => {
					if (decoding.signal.aborted) return
					this.#feed(decodingEvent(news))
				},
			})
			if (!decoding.signal.aborted) this.#feed({type: 'decodingFinished', path})
		} catch (error) {
			if (!decoding.signal.aborted) this.#feed({type: 'decodingFailed', trouble: troubleOf(error)})
		}
	}

	async #plan({request, path, target, destination, incident}: Extract<Effect, {type: 'plan'}>): Promise<void> {
		if (this.#opened === undefined) return
		const {world, port} = this.#recovery
		try {
			const plan = await planRestore(world, this.#opened, path, {
				target,
				destination,
				...(port === undefined ? {} : {port}),
				...(incident === undefined ? {} : {incident}),
			})
			this.#feed({type: 'planMade', request, plan})
		} catch (error) {
			this.#feed({type: 'planRefused', request, trouble: troubleOf(error)})
		}
	}

	async #restore({plan, decisions, how}: Extract<Effect, {type: 'restore'}>): Promise<void> {
		const {world} = this.#recovery
		const {signal} = this.#restoring
		try {
			for (const decision of decisions) await world.journals.append(plan.recovery, decision)
			const held = await carryOut(world, plan, {signal, how, onNews: news => this.#feed(news)})
			const databases = await world.sql.databases(plan)
			this.#feed({
				type: 'held',
				stoppedAtLsn: held.stoppedAtLsn,
				exact: held.exact,
				connect: connectCommand(plan),
				databases,
			})
		} catch (error) {
			const entries: readonly JournalEntry[] = await world.journals.read(plan.recovery).catch(() => [])
			const failed = entries.findLast(isFailure)
			this.#feed({type: 'restoreFailed', trouble: failed?.trouble ?? troubleOf(error), leaves: failed?.leaves ?? []})
		}
	}

	async #check({plan}: Extract<Effect, {type: 'check'}>): Promise<void> {
		try {
			for await (const check of runChecks(this.#recovery.world, plan, this.#machine.stopped))
				this.#feed({type: 'checkFinished', check})
			this.#feed({type: 'checksFinished'})
		} catch (error) {
			this.#feed({type: 'checksFailed', trouble: troubleOf(error)})
		}
	}

	async #ask({plan, database, statement}: Extract<Effect, {type: 'ask'}>): Promise<void> {
		try {
			const answer = await askRestored(this.#recovery.world, plan, database, statement, this.#machine.stopped)
			this.#feed({type: 'questionAnswered', ...answer})
		} catch (error) {
			this.#feed({type: 'questionRefused', trouble: troubleOf(error)})
		}
	}

	async #promote({plan, how}: Extract<Effect, {type: 'promote'}>): Promise<void> {
		try {
			this.#feed({type: 'promoted', ...(await promoteRecovery(this.#recovery.world, plan, how))})
		} catch (error) {
			this.#feed({type: 'promotionFailed', trouble: troubleOf(error)})
		}
	}

	async #abandon({plan, how}: Extract<Effect, {type: 'abandon'}>): Promise<void> {
		const {world} = this.#recovery
		try {
			const removed = await abandonRecovery(world, await findRecovery(world, plan.recovery), how)
			this.#feed({type: 'abandoned', removed})
		} catch (error) {
			this.#feed({type: 'abandonFailed', trouble: troubleOf(error)})
		}
	}

	async #renderRunbook({plan}: Extract<Effect, {type: 'renderRunbook'}>): Promise<void> {
		const {journals} = this.#recovery.world
		const text = renderRunbook(plan.recovery, await journals.read(plan.recovery))
		this.#feed({type: 'runbookRendered', text, path: await journals.writeRendering(plan.recovery, 'runbook.md', text)})
	}

	/** A restored server outlives the guide. Its journal says that the operator left, so that the runbook has no silent hole. */
	async #leave({summary, exitCode}: Extract<Effect, {type: 'leave'}>): Promise<void> {
		const {step} = this.#machine.state
		const {journals} = this.#recovery.world
		this.#decoding.abort()
		const recovery =
			step.name === 'restore'
				? step.plan.recovery
				: step.name === 'inspect'
					? step.held.plan.recovery
					: step.name === 'decide'
						? step.back.held.plan.recovery
						: undefined
		if (recovery !== undefined)
			await journals.append(recovery, {event: 'left', at: this.#machine.now(), leaves: [...summary]})
		this.#machine.leave({summary, exitCode})
	}
}

function isFailure(entry: JournalEntry): entry is Extract<JournalEntry, {event: 'failed'}> {
	return entry.event === 'failed'
}

function decodingEvent(news: FindNews): WorldEvent {
	switch (news.type) {
		case 'started':
			return {type: 'decodingStarted', backup: news.backup, segmentCount: news.segmentCount}
		case 'decoded':
			return {...news, type: 'boundariesDecoded'}
		case 'names':
			return {type: 'namesRead', names: news.names}
		default:
			return news satisfies never
	}
}
