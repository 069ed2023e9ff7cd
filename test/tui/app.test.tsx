import {afterEach, describe, expect, test} from 'vitest'
import type {OperatorEvent} from '../../src/guide/events.ts'
import type {View} from '../../src/guide/views.ts'
import {App} from '../../src/tui/App.tsx'
import type {Store} from '../../src/tui/store.ts'
import {theme} from '../../src/tui/theme.ts'
import {sampleViews} from '../support/sample-views.ts'
import {drawInTerminal, type TestTerminal} from '../support/terminal.ts'

const size = {columns: 80, rows: 24}

/** A store that shows one view until a test changes it, and remembers what it was told. */
class RecordingStore implements Store {
	readonly told: OperatorEvent[] = []
	#view: View
	#listeners = new Set<() => void>()
	readonly #answer: (event: OperatorEvent, view: View) => View

	constructor(view: View, answer: (event: OperatorEvent, view: View) => View = (_, current) => current) {
		this.#view = view
		this.#answer = answer
	}

	subscribe = (listener: () => void) => {
		this.#listeners.add(listener)
		return () => this.#listeners.delete(listener)
	}

	view = () => this.#view

	dispatch = (event: OperatorEvent) => {
		this.told.push(event)
		this.show(this.#answer(event, this.#view))
	}

	show(view: View): void {
		if (view === this.#view) return
		this.#view = view
		for (const listener of this.#listeners) listener()
	}
}

let terminal: TestTerminal | undefined

afterEach(async () => {
	await terminal?.close()
	terminal = undefined
})

function sample(name: string): View {
	return sampleViews(size)[name] ?? expect.fail(`no sample ${name}`)
}

async function open(store: RecordingStore, at = size): Promise<TestTerminal> {
	terminal = await drawInTerminal(<App store={store} theme={theme({colour: true, ascii: false})} />, at)
	store.told.length = 0
	return terminal
}

describe('the app', () => {
	test('tells the size of the terminal at the start and after every change', async () => {
		const store = new RecordingStore(sample('boundaries'))
		terminal = await drawInTerminal(<App store={store} theme={theme({colour: true, ascii: false})} />, size)
		await terminal.resize(140, 40)
		await terminal.resize(60, 12)
		expect(store.told).toEqual([
			{type: 'resized', columns: 80, rows: 24},
			{type: 'resized', columns: 140, rows: 40},
			{type: 'resized', columns: 60, rows: 12},
		])
	})

	test('draws again when the store has changed', async () => {
		const store = new RecordingStore(sample('survey'))
		const {text, flush} = await open(store)
		store.show(sample('target'))
		await flush()
		expect(text()).toContain('KEEPS')
		expect(text()).not.toContain('SURVEY')
	})

	test('takes three j of one chunk as three moves, and arrows of one chunk each for itself', async () => {
		const store = new RecordingStore(sample('boundaries'))
		const {chunk} = await open(store)
		await chunk('jjj')
		await chunk('\u001b[B\u001b[B\u001b[A')
		expect(store.told).toEqual([1, 1, 1, 1, 1, -1].map(by => ({type: 'moved', by})))
	})

	test('asks the store anew for each key of a chunk: a slash opens the filter and the rest is typed into it', async () => {
		const store = new RecordingStore(sample('boundaries'), (event, view) =>
			event.type === 'filterOpened' ? {...view, keys: 'boundaries-filter'} : view,
		)
		const {chunk} = await open(store)
		await chunk('/quit')
		expect(store.told).toEqual([{type: 'filterOpened'}, {type: 'typed', text: 'quit'}])
	})

	test('takes a bracketed paste as text that accepts nothing', async () => {
		const store = new RecordingStore(sample('confirm'))
		const {chunk} = await open(store)
		await chunk('\u001b[200~harbor\r\n\u001b[201~')
		expect(store.told).toEqual([{type: 'typed', text: 'harbor'}])
	})

	test('in a terminal that is too small takes no key but those that leave', async () => {
		const store = new RecordingStore(sample('boundaries'))
		const {keys, resize, text} = await open(store)
		await resize(60, 12)
		store.told.length = 0
		await keys('j', 'enter', 'd', 'escape', '/', 'q', 'ctrl+c')
		expect(store.told).toEqual([{type: 'quitAsked'}, {type: 'interrupted'}])
		expect(text()).toContain('make it larger')
	})

	test('turns pages into rows of the table at hand', async () => {
		const store = new RecordingStore(sample('boundaries'))
		const {keys} = await open(store)
		await keys('pagedown', 'pageup', 'ctrl+d', 'ctrl+u', 'G')
		expect(store.told).toEqual([
			{type: 'moved', by: 14},
			{type: 'moved', by: -14},
			{type: 'moved', by: 7},
			{type: 'moved', by: -7},
			{type: 'jumped', to: 'last'},
		])
	})

	test('scrolls a text no further than it goes, and back from its end at once', async () => {
		const store = new RecordingStore(sample('survey'), (event, view) =>
			event.type === 'moved' && view.screen.screen === 'survey'
				? {...view, screen: {...view.screen, scrollRows: view.screen.scrollRows + event.by}}
				: view,
		)
		const {keys, text} = await open(store)
		await keys('G')
		expect(text()).toContain('the recovery')
		await keys('j', 'pagedown', 'G')
		const down = store.told.length
		await keys('k')
		expect(down).toBe(1)
		expect(store.told.at(-1)).toEqual({type: 'moved', by: -1})
		expect(text()).toMatch(/↓ \d below/)
	})

	test('comes back to the text when it was told to scroll beyond its end', async () => {
		const view = sample('plan-end')
		const store = new RecordingStore(view)
		const {keys} = await open(store)
		await keys('g')
		expect(store.told).toEqual([{type: 'moved', by: -Number.MAX_SAFE_INTEGER}])
	})
})
