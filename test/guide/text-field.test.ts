import {describe, expect, test} from 'vitest'
import type {GuideEvent, OperatorEvent} from '../../src/guide/events.ts'
import {editField, emptyField, fieldView, fieldWith, type TextField} from '../../src/guide/text-field.ts'
import {utc} from '../support/builders.ts'

const edited = (field: TextField, ...events: readonly OperatorEvent[]): TextField =>
	events.reduce<TextField>((now, event) => editField(now, {...event, at: utc('10:00:00')} as GuideEvent), field)

/** `ab|cd`: the text with its caret. */
function at(text: string): TextField {
	const [before = '', after = ''] = text.split('|')
	return {text: before + after, caret: [...before].length}
}

function shown({text, caret}: TextField): string {
	const characters = [...text]
	return `${characters.slice(0, caret).join('')}|${characters.slice(caret).join('')}`
}

describe('a text field', () => {
	test.each<[string, string, readonly OperatorEvent[], string]>([
		[
			'takes text where the caret is',
			'ad|',
			[
				{type: 'caretMoved', to: 'left'},
				{type: 'typed', text: 'bc'},
			],
			'abc|d',
		],
		['takes a whole run of text at once', '|', [{type: 'typed', text: '2026-04-01'}], '2026-04-01|'],
		['erases the character before the caret', 'ab|c', [{type: 'erased', what: 'before'}], 'a|c'],
		['erases nothing before its start', '|abc', [{type: 'erased', what: 'before'}], '|abc'],
		['erases the character after the caret', 'a|bc', [{type: 'erased', what: 'after'}], 'a|c'],
		['erases nothing after its end', 'abc|', [{type: 'erased', what: 'after'}], 'abc|'],
		[
			'erases the word before the caret, and the spaces behind it',
			'today 09:41  |x',
			[{type: 'erased', what: 'word'}],
			'today |x',
		],
		['erases the only word', 'today|', [{type: 'erased', what: 'word'}], '|'],
		['erases everything', 'ab|cd', [{type: 'erased', what: 'all'}], '|'],
		['goes to its start and its end', 'ab|cd', [{type: 'caretMoved', to: 'start'}], '|abcd'],
		['goes to its end', 'ab|cd', [{type: 'caretMoved', to: 'end'}], 'abcd|'],
		[
			'goes no further left than its start',
			'a|b',
			[
				{type: 'caretMoved', to: 'left'},
				{type: 'caretMoved', to: 'left'},
			],
			'|ab',
		],
		[
			'goes no further right than its end',
			'a|b',
			[
				{type: 'caretMoved', to: 'right'},
				{type: 'caretMoved', to: 'right'},
			],
			'ab|',
		],
		['takes a character of two code units for one', '🏦|', [{type: 'erased', what: 'before'}], '|'],
		[
			'moves over one as over one',
			'🏦🏦|',
			[
				{type: 'caretMoved', to: 'left'},
				{type: 'typed', text: 'é'},
			],
			'🏦é|🏦',
		],
		['is not changed by a key that edits nothing', 'ab|', [{type: 'accepted'}, {type: 'moved', by: 1}], 'ab|'],
	])('%s', (_, before, events, after) => {
		expect(shown(edited(at(before), ...events))).toBe(after)
	})

	test('stays the same value where nothing changed', () => {
		const field = at('ab|')
		expect(edited(field, {type: 'accepted'})).toBe(field)
	})

	test('begins empty, or with its caret at the end of a text', () => {
		expect(shown(emptyField)).toBe('|')
		expect(shown(fieldWith('Zürich 🏦'))).toBe('Zürich 🏦|')
	})

	test('is shown with its label, and only what is wrong with it', () => {
		expect(fieldView(at('ab|c'), {label: 'zone', focused: true})).toEqual({
			label: 'zone',
			text: 'abc',
			caret: 2,
			focused: true,
			placeholder: '',
			problem: undefined,
		})
		expect(fieldView(emptyField, {label: 'zone', focused: false, placeholder: 'UTC', problem: 'no'})).toMatchObject({
			placeholder: 'UTC',
			problem: 'no',
		})
	})
})
