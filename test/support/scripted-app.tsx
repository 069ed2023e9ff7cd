import type {OperatorEvent} from '../../src/guide/events.ts'
import type {View} from '../../src/guide/views.ts'
import {startTui} from '../../src/tui/start.tsx'
import type {Store} from '../../src/tui/store.ts'
import {themeFor} from '../../src/tui/theme.ts'
import {sampleViews} from './sample-views.ts'

/** Started on a terminal, shows the sample screens one after the other: Enter goes on, Esc goes back, q and Ctrl-C leave. */
class ScriptedStore implements Store {
	onLeave: () => void = () => {}
	#place = 0
	#size = {columns: process.stdout.columns, rows: process.stdout.rows}
	#view: View = this.#make()
	#listeners = new Set<() => void>()

	subscribe = (listener: () => void) => {
		this.#listeners.add(listener)
		return () => this.#listeners.delete(listener)
	}

	view = () => this.#view

	dispatch = (event: OperatorEvent) => {
		if (event.type === 'quitAsked' || event.type === 'interrupted') return this.onLeave()
		if (event.type === 'accepted') this.#place++
		if (event.type === 'wentBack') this.#place--
		if (event.type === 'resized') this.#size = event
		this.#view = this.#make()
		for (const listener of this.#listeners) listener()
	}

	#make(): View {
		const views = Object.values(sampleViews(this.#size))
		const view = views[((this.#place % views.length) + views.length) % views.length]
		if (view === undefined) throw new Error('there are no sample views')
		return view
	}
}

const store = new ScriptedStore()
const tui = startTui(store, themeFor({env: process.env}))
store.onLeave = () => tui.stop()
await tui.ended
process.stdout.write('the terminal is yours again\n')
