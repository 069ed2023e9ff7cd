import type {UtcInstant} from '../domain/time.ts'
import type {GuideEvent} from '../guide/events.ts'
import type {World} from '../ports.ts'

/** How a screen was left: what to print once the terminal is as it was, and the exit code. */
export interface Farewell {
	readonly summary: readonly string[]
	readonly exitCode: number
}

type Undated<Event> = Event extends unknown ? Omit<Event, 'at'> : never

/** An event before it has its time. */
export type UndatedEvent = Undated<GuideEvent>

/** A pure state machine, and what carries out its effects. */
export interface MachineParts<State, Effect, View> {
	readonly world: Pick<World, 'now' | 'pause'>
	readonly initial: State
	update(state: State, event: GuideEvent): {readonly state: State; readonly effects: readonly Effect[]}
	viewOf(state: State): View
	/** Turns its own failures into events; what escapes all the same is a bug, and ends the machine with it. */
	carryOut(effect: Effect): Promise<void>
}

/** Runs a state machine: feeds it events, has the effects it asks for carried out, and tells a screen when there is something new. */
export class Machine<State, Effect, View> {
	readonly #parts: MachineParts<State, Effect, View>
	readonly #listeners = new Set<() => void>()
	readonly #farewell = Promise.withResolvers<Farewell>()
	readonly #stopped = new AbortController()
	#state: State
	#view: View | undefined

	constructor(parts: MachineParts<State, Effect, View>) {
		this.#parts = parts
		this.#state = parts.initial
	}

	/** Resolves when the operator has left. */
	get farewell(): Promise<Farewell> {
		return this.#farewell.promise
	}

	get state(): State {
		return this.#state
	}

	/** Fires when nothing is to be done any more. */
	get stopped(): AbortSignal {
		return this.#stopped.signal
	}

	now(): UtcInstant {
		return this.#parts.world.now()
	}

	/** Begins with an effect, and keeps the clock on the screen going. */
	start(effect: Effect): void {
		this.run(effect)
		this.#background(this.#tick())
	}

	readonly subscribe = (listener: () => void): (() => void) => {
		this.#listeners.add(listener)
		return () => this.#listeners.delete(listener)
	}

	/** The current frame; the same object until something has changed. */
	readonly view = (): View => {
		this.#view ??= this.#parts.viewOf(this.#state)
		return this.#view
	}

	readonly feed = (event: UndatedEvent): void => {
		const {state, effects} = this.#parts.update(this.#state, {...event, at: this.now()} as GuideEvent)
		if (state !== this.#state) {
			this.#state = state
			this.#view = undefined
			for (const listener of this.#listeners) listener()
		}
		for (const effect of effects) this.run(effect)
	}

	run(effect: Effect): void {
		this.#background(this.#parts.carryOut(effect))
	}

	/** The end: what is still at work is stopped. */
	leave(farewell: Farewell): void {
		this.#stopped.abort()
		this.#farewell.resolve(farewell)
	}

	#background(work: Promise<void>): void {
		work.catch((error: unknown) => {
			this.#stopped.abort()
			this.#farewell.reject(error)
		})
	}

	async #tick(): Promise<void> {
		const {signal} = this.#stopped
		while (!signal.aborted) {
			await this.#parts.world.pause(1000, signal)
			if (!signal.aborted) this.feed({type: 'ticked'})
		}
	}
}
