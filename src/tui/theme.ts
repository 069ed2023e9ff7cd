import type {Tone} from '../guide/views.ts'

/** One of the sixteen names that follow the operator's own palette. */
export type ColourName =
	| 'red'
	| 'green'
	| 'yellow'
	| 'blue'
	| 'magenta'
	| 'cyan'
	| 'redBright'
	| 'greenBright'
	| 'yellowBright'
	| 'blueBright'
	| 'magentaBright'
	| 'cyanBright'
	| 'gray'

/** How Ink draws a piece of text. */
export interface Look {
	readonly color?: ColourName
	readonly bold?: boolean
	readonly dimColor?: boolean
	readonly inverse?: boolean
}

/** What a piece of text is for, beyond its tone. */
export type Role = 'heading' | 'key' | 'selected' | 'caret' | 'badge' | 'banner'

/** Characters with a meaning. Each stands for itself without any colour. */
export interface Marks {
	readonly done: string
	readonly failed: string
	readonly caution: string
	readonly running: string
	readonly waiting: string
	readonly selected: string
	readonly next: string
	readonly bullet: string
	readonly todo: string
	readonly ellipsis: string
	readonly times: string
	readonly up: string
	readonly down: string
	readonly left: string
	readonly right: string
	readonly reported: string
	readonly cursor: string
	readonly full: string
	readonly empty: string
	readonly line: string
	readonly brokenLine: string
	readonly noLine: string
	/** From almost nothing to a full cell. */
	readonly levels: readonly string[]
	readonly box: {
		readonly topLeft: string
		readonly topRight: string
		readonly bottomLeft: string
		readonly bottomRight: string
		readonly across: string
		readonly down: string
	}
}

export interface Theme {
	readonly tones: Readonly<Record<Tone, Look>>
	readonly roles: Readonly<Record<Role, Look>>
	readonly marks: Marks
	/** Whether nothing but ASCII may reach the terminal. */
	readonly ascii: boolean
}

const colourTones: Theme['tones'] = {
	plain: {},
	dim: {dimColor: true},
	strong: {bold: true},
	accent: {color: 'cyan'},
	good: {color: 'green'},
	warn: {color: 'yellow'},
	bad: {color: 'red', bold: true},
}

const colourRoles: Theme['roles'] = {
	heading: {bold: true},
	key: {bold: true},
	selected: {inverse: true, color: 'cyan'},
	caret: {inverse: true},
	badge: {inverse: true, bold: true},
	banner: {inverse: true, bold: true},
}

const plainTones: Theme['tones'] = {
	plain: {},
	dim: {dimColor: true},
	strong: {bold: true},
	accent: {},
	good: {},
	warn: {bold: true},
	bad: {bold: true},
}

const plainRoles: Theme['roles'] = {...colourRoles, selected: {inverse: true}}

const unicodeMarks: Marks = {
	done: '✔',
	failed: '✘',
	caution: '!',
	running: '▸',
	waiting: '·',
	selected: '❯',
	next: '›',
	bullet: '•',
	todo: '→',
	ellipsis: '…',
	times: '×',
	up: '↑',
	down: '↓',
	left: '←',
	right: '→',
	reported: '▲',
	cursor: '◆',
	full: '█',
	empty: '░',
	line: '━',
	brokenLine: '╍',
	noLine: '·',
	levels: ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'],
	box: {topLeft: '╭', topRight: '╮', bottomLeft: '╰', bottomRight: '╯', across: '─', down: '│'},
}

const asciiMarks: Marks = {
	done: '+',
	failed: 'x',
	caution: '!',
	running: '>',
	waiting: '.',
	selected: '>',
	next: '/',
	bullet: '*',
	todo: '->',
	ellipsis: '...',
	times: 'x',
	up: 'Up',
	down: 'Down',
	left: 'Left',
	right: 'Right',
	reported: '^',
	cursor: '|',
	full: '#',
	empty: '.',
	line: '=',
	brokenLine: '-',
	noLine: '.',
	levels: ['.', ':', '-', '=', '+', '*', '#', '#'],
	box: {topLeft: '+', topRight: '+', bottomLeft: '+', bottomRight: '+', across: '-', down: '|'},
}

/** How the screens look: with or without colour, in Unicode or in ASCII. */
export function theme({colour, ascii}: {readonly colour: boolean; readonly ascii: boolean}): Theme {
	return {
		tones: colour ? colourTones : plainTones,
		roles: colour ? colourRoles : plainRoles,
		marks: ascii ? asciiMarks : unicodeMarks,
		ascii,
	}
}

/** What decides about the looks: environment variables, and options that go before them. */
export interface ThemeWishes {
	readonly env: Readonly<Record<string, string | undefined>>
	readonly colour?: boolean
	readonly ascii?: boolean
}

/** The theme for a terminal. NO_COLOR counts when it is not empty (no-color.org); chalk, and so Ink, does not look at it. */
export function themeFor({env, colour, ascii}: ThemeWishes): Theme {
	return theme({
		colour: colour ?? ((env.NO_COLOR ?? '') === '' && env.TERM !== 'dumb'),
		ascii: ascii ?? !speaksUnicode(env),
	})
}

function speaksUnicode(env: ThemeWishes['env']): boolean {
	const locale = [env.LC_ALL, env.LC_CTYPE, env.LANG].find(value => value !== undefined && value !== '')
	if (locale !== undefined) return /utf-?8/i.test(locale)
	// Containers and plain ssh set no locale at all, and the terminal behind them shows Unicode; tmux and screen
	// without a locale print an underscore for each such character.
	return !/^(screen|tmux|linux|dumb|vt\d)/.test(env.TERM ?? '')
}

const spelledInAscii: Readonly<Record<string, string>> = {
	'…': '.',
	'’': "'",
	'‘': "'",
	'“': '"',
	'”': '"',
	'–': '-',
	'—': '-',
	'−': '-',
	'·': '.',
	'•': '*',
	'×': 'x',
	'±': '~',
	'→': '>',
	'←': '<',
	'›': '>',
	'≤': '<',
	'≥': '>',
	'✔': '+',
	'✘': 'x',
	'\u00a0': ' ',
}

/** The text in ASCII, column for column; what has no spelling becomes a question mark. */
export function inAscii(text: string): string {
	return text.replace(/[^ -~]/gu, character => spelledInAscii[character] ?? '?')
}
