import type {GuideEvent} from './events.ts'
import type {Field} from './views.ts'

/** What is typed, and where the caret stands in it, both counted in characters as a person sees them. */
export interface TextField {
	readonly text: string
	readonly caret: number
}

/** A field that holds this text, the caret at its end. */
export function fieldWith(text: string): TextField {
	return {text, caret: [...text].length}
}

export const emptyField: TextField = {text: '', caret: 0}

/** Whether an event edits a text. */
export function isEdit({type}: GuideEvent): boolean {
	return type === 'typed' || type === 'erased' || type === 'caretMoved'
}

/** The field after one editing event; the same field for any other event. */
export function editField(field: TextField, event: GuideEvent): TextField {
	const characters = [...field.text]
	const before = characters.slice(0, field.caret)
	const after = characters.slice(field.caret)
	const joined = (head: readonly string[], tail: readonly string[]): TextField => ({
		text: [...head, ...tail].join(''),
		caret: head.length,
	})
	switch (event.type) {
		case 'typed':
			return joined([...before, ...event.text], after)
		case 'erased':
			switch (event.what) {
				case 'before':
					return joined(before.slice(0, -1), after)
				case 'after':
					return joined(before, after.slice(1))
				case 'word':
					return joined([...before.join('').replace(/\S*\s*$/, '')], after)
				case 'all':
					return emptyField
				default:
					return event.what satisfies never
			}
		case 'caretMoved':
			switch (event.to) {
				case 'left':
					return {...field, caret: Math.max(0, field.caret - 1)}
				case 'right':
					return {...field, caret: Math.min(characters.length, field.caret + 1)}
				case 'start':
					return {...field, caret: 0}
				case 'end':
					return {...field, caret: characters.length}
				default:
					return event satisfies never
			}
		default:
			return field
	}
}

/** The field as a screen shows it. */
export function fieldView(
	field: TextField,
	about: {
		readonly label: string
		readonly focused: boolean
		readonly placeholder?: string
		readonly problem?: string | undefined
	},
): Field {
	return {
		label: about.label,
		text: field.text,
		caret: field.caret,
		focused: about.focused,
		placeholder: about.placeholder ?? '',
		problem: about.problem,
	}
}
