import type {KeyName} from '../keymap.ts'
import type {Marks, Theme} from '../theme.ts'

const words: Readonly<Record<string, string>> = {
	enter: 'Enter',
	escape: 'Esc',
	tab: 'Tab',
	'shift+tab': 'Shift-Tab',
	space: 'Space',
	backspace: 'Backspace',
	'alt+backspace': 'Alt-Backspace',
	delete: 'Del',
	pageup: 'PgUp',
	pagedown: 'PgDn',
	home: 'Home',
	end: 'End',
}

const arrows: Readonly<Record<string, keyof Pick<Marks, 'up' | 'down' | 'left' | 'right'>>> = {
	up: 'up',
	down: 'down',
	left: 'left',
	right: 'right',
}

/** A key as it is written on a keyboard. */
export function keyText(key: KeyName, {marks}: Theme): string {
	const arrow = arrows[key]
	if (arrow !== undefined) return marks[arrow]
	if (key.startsWith('ctrl+')) return `Ctrl-${key.slice('ctrl+'.length).toUpperCase()}`
	return words[key] ?? key
}

/** Several keys in little room: single characters side by side, words apart. */
export function keysText(keys: readonly KeyName[], theme: Theme): string {
	const texts = keys.map(key => keyText(key, theme))
	return texts.join(texts.every(text => [...text].length === 1) ? '' : ' ')
}
