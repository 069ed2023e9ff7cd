import {describe, expect, test} from 'vitest'
import type {KeyContext} from '../../src/guide/views.ts'
import {
	type Binding,
	helpOf,
	hintsOf,
	keymap,
	keyNames,
	nextEvent,
	operatorEvents,
	pasteEvents,
} from '../../src/tui/keymap.ts'

const contexts = Object.keys(keymap) as KeyContext[]
const screens = [
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
	'timelines',
	'segments',
	'records',
] as const
const textContexts = contexts.filter(context => /-(text|filter)$/.test(context))
const keysOf = (bindings: readonly Binding[]) => bindings.flatMap(({keys}) => keys)

describe('the table of keys', () => {
	test.each(contexts)('binds no key twice in %s', context => {
		const keys = keysOf(keymap[context])
		expect(keys).toEqual([...new Set(keys)])
	})

	test.each(contexts)('names in the footer of %s only keys that are bound there', context => {
		for (const inTrouble of [true, false]) {
			const named = hintsOf(context, inTrouble).flatMap(({keys}) => keys)
			expect(keysOf(keymap[context])).toEqual(expect.arrayContaining(named))
		}
	})

	test.each(screens)('explains every key of %s in its help, under its own label', screen => {
		const explained = helpOf(screen).flatMap(({entries}) =>
			entries.flatMap(({keys, label}) => keys.map(key => `${key}: ${label}`)),
		)
		const belonging = contexts.filter(context => context === screen || context.startsWith(`${screen}-`))
		expect(belonging).not.toEqual([])
		for (const context of belonging) {
			const bound = keymap[context].flatMap(({keys, label}) => keys.map(key => `${key}: ${label}`))
			expect(explained, context).toEqual(expect.arrayContaining(bound))
		}
	})

	test.each(contexts)('lets Ctrl-C out of %s', context => {
		expect(operatorEvents(context, 'c', {ctrl: true})).toEqual([{type: 'interrupted'}])
	})

	test.each(contexts.filter(context => !textContexts.includes(context) && context !== 'dialog' && context !== 'help'))(
		'quits %s with q',
		context => {
			expect(operatorEvents(context, 'q', {})).toEqual([{type: 'quitAsked'}])
		},
	)

	test.each(textContexts)('takes printable characters of %s as text, q and ? among them', context => {
		expect(operatorEvents(context, 'q? j/k', {})).toEqual([{type: 'typed', text: 'q? j/k'}])
	})
})

describe('one piece of input', () => {
	test('of three j moves three rows', () => {
		expect(operatorEvents('boundaries', 'jjj', {})).toEqual([
			{type: 'moved', by: 1},
			{type: 'moved', by: 1},
			{type: 'moved', by: 1},
		])
	})

	test('with text and an Enter at its end types, then accepts', () => {
		expect(operatorEvents('confirm-text', 'harbor\r', {})).toEqual([
			{type: 'typed', text: 'harbor'},
			{type: 'accepted'},
		])
	})

	test('of a chord is never text', () => {
		expect(operatorEvents('plan-text', 'p', {ctrl: true})).toEqual([])
		expect(operatorEvents('plan-text', 'x', {meta: true})).toEqual([])
		expect(operatorEvents('plan-text', 'w', {ctrl: true})).toEqual([{type: 'erased', what: 'word'}])
	})

	test('with control bytes between characters types only the characters', () => {
		expect(operatorEvents('plan-text', '/srv\u0000/\u0007pg', {})).toEqual([
			{type: 'typed', text: '/srv'},
			{type: 'typed', text: '/'},
			{type: 'helpToggled'},
			{type: 'typed', text: 'pg'},
		])
	})

	test('in a context that knows none of its keys does nothing', () => {
		expect(operatorEvents('too-small', 'jjd\r', {})).toEqual([])
	})

	test('meets the context that its own first key has made', () => {
		const keys = keyNames('/quit', {})
		const first = nextEvent('boundaries', keys, 0)
		expect(first).toEqual({event: {type: 'filterOpened'}, next: 1})
		expect(nextEvent('boundaries-filter', keys, first.next)).toEqual({event: {type: 'typed', text: 'quit'}, next: 5})
	})

	test('that a terminal sends when a key is let go is none', () => {
		expect(operatorEvents('boundaries', 'j', {eventType: 'release'})).toEqual([])
	})
})

describe('a paste', () => {
	test('is typed as one run, its line breaks as spaces, and accepts nothing', () => {
		expect(pasteEvents('inspect-text', 'select 1\r\n\tfrom x;\n')).toEqual([{type: 'typed', text: 'select 1 from x;'}])
	})

	test('loses its control characters and what turns the direction of text', () => {
		expect(pasteEvents('plan-text', '/srv\u001b[2J/\u202epg')).toEqual([{type: 'typed', text: '/srv[2J/pg'}])
	})

	test('outside a text does nothing, whatever keys its characters are', () => {
		expect(pasteEvents('boundaries', 'q\r')).toEqual([])
	})
})
