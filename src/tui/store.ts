import type {OperatorEvent} from '../guide/events.ts'
import type {View} from '../guide/views.ts'

/** What the screens know of the recovery. The time of an event is added on the other side. */
export interface Store {
	/** Calls the listener after every change of the view, until the returned function is called. */
	subscribe(listener: () => void): () => void
	/** The view as it is now: the same object until something has changed. */
	view(): View
	/** Takes effect before it returns: of several keys in one piece of input, each meets the view that the one before it made. */
	dispatch(event: OperatorEvent): void
}
