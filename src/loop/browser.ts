import {troubleOf} from '../domain/errors.ts'
import {
	type BrowserEffect,
	type BrowserState,
	browserViewOf,
	initialBrowser,
	updateBrowser,
} from '../guide/browse/browser.ts'
import type {OperatorEvent} from '../guide/events.ts'
import type {View} from '../guide/views.ts'
import {describeSurveyProgress, surveyArchive} from '../operations/survey.ts'
import type {SourceRequest} from '../operations/survey-source.ts'
import type {OpenedArchive, World} from '../ports.ts'
import {Browsing} from './browsing.ts'
import {type Farewell, Machine} from './machine.ts'

/** What `lastgood browse` is started with. Of the world it has only what reads. */
export interface ArchiveBrowser {
	readonly world: Pick<World, 'now' | 'pause' | 'openStore' | 'layouts' | 'codecs' | 'wal'>
	readonly source: SourceRequest
	/** What the source is called on the screen. */
	readonly name: string
}

/** Runs `lastgood browse`. */
export class BrowserLoop {
	readonly #browser: ArchiveBrowser
	readonly #machine: Machine<BrowserState, BrowserEffect, View>
	readonly #browsing: Browsing
	#opened: OpenedArchive | undefined

	constructor(browser: ArchiveBrowser) {
		const {world, name} = browser
		this.#browser = browser
		this.#machine = new Machine({
			world,
			initial: initialBrowser(name, world.now()),
			update: updateBrowser,
			viewOf: browserViewOf,
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

	get view(): () => View {
		return this.#machine.view
	}

	readonly dispatch = (event: OperatorEvent): void => {
		this.#machine.feed(event)
	}

	async #carryOut(effect: BrowserEffect): Promise<void> {
		switch (effect.type) {
			case 'survey':
				return await this.#survey()
			case 'leave':
				this.#machine.leave(effect)
				return
			default:
				return await this.#browsing.carryOut(effect, this.#opened)
		}
	}

	async #survey(): Promise<void> {
		const {world, source} = this.#browser
		const {feed, stopped} = this.#machine
		try {
			this.#opened = await surveyArchive(world, source, {
				signal: stopped,
				onProgress: progress => feed({type: 'surveyProgressed', text: describeSurveyProgress(progress)}),
			})
			feed({type: 'surveyed', survey: this.#opened.survey})
		} catch (error) {
			feed({type: 'surveyFailed', trouble: troubleOf(error)})
		}
	}
}
