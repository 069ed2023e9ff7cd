import type {Key} from 'ink'
import type {OperatorEvent} from '../guide/events.ts'
import type {KeyContext, ScreenView} from '../guide/views.ts'

/**
 * A key by name: a printable character, `space`, or one of `up down left right pageup pagedown home end enter escape tab
 * shift+tab backspace delete`, with `ctrl+` or `alt+` before it for a chord.
 */
export type KeyName = string

/** What a key does where it is live. Keys of one label are one line of the help. */
export interface Binding {
	readonly keys: readonly KeyName[]
	readonly event: OperatorEvent
	readonly label: string
	readonly hint?: Hint
}

/** What the footer says of a binding. */
export interface Hint {
	readonly keys: readonly KeyName[]
	readonly text: string
	/** The hints of the highest rank give way first where the line is too short. */
	readonly rank: number
	/** Shown only while the screen tells of trouble, or only while it does not. */
	readonly during?: 'trouble' | 'calm'
}

const enter = (text: string, label: string): Binding => ({
	keys: ['enter'],
	event: {type: 'accepted'},
	label,
	hint: {keys: ['enter'], text, rank: 0},
})

/** Enter where there is nowhere to go on to while something is wrong. */
const enterCalm = (text: string, label: string): Binding => ({
	...enter(text, label),
	hint: {keys: ['enter'], text, rank: 0, during: 'calm'},
})

const back: Binding = {
	keys: ['escape'],
	event: {type: 'wentBack'},
	label: 'back one step',
	hint: {keys: ['escape'], text: 'back', rank: 2},
}

const interrupt: Binding = {
	keys: ['ctrl+c'],
	event: {type: 'interrupted'},
	label: 'cancel or leave',
}

const quit: Binding = {
	keys: ['q'],
	event: {type: 'quitAsked'},
	label: 'quit',
	hint: {keys: ['q'], text: 'quit', rank: 3},
}

const help: Binding = {
	keys: ['?'],
	event: {type: 'helpToggled'},
	label: 'this help',
	hint: {keys: ['?'], text: 'help', rank: 1},
}

const leaving: readonly Binding[] = [help, quit, interrupt]

const paging: readonly Binding[] = [
	{keys: ['pagedown'], event: {type: 'paged', by: 1}, label: 'a page'},
	{keys: ['pageup'], event: {type: 'paged', by: -1}, label: 'a page'},
	{keys: ['ctrl+d'], event: {type: 'paged', by: 0.5}, label: 'half a page'},
	{keys: ['ctrl+u'], event: {type: 'paged', by: -0.5}, label: 'half a page'},
	{keys: ['g', 'home'], event: {type: 'jumped', to: 'first'}, label: 'first or last'},
	{keys: ['G', 'end'], event: {type: 'jumped', to: 'last'}, label: 'first or last'},
]

function moving(text: string): readonly Binding[] {
	return [
		{
			keys: ['down', 'j'],
			event: {type: 'moved', by: 1},
			label: text,
			hint: {keys: ['up', 'down'], text, rank: 4},
		},
		{keys: ['up', 'k'], event: {type: 'moved', by: -1}, label: text},
	]
}

function again(label: string): Binding {
	return {
		keys: ['c'],
		event: {type: 'checksRepeated'},
		label,
		hint: {keys: ['c'], text: 'try again', rank: 0, during: 'trouble'},
	}
}

const editing: readonly Binding[] = [
	{keys: ['left'], event: {type: 'caretMoved', to: 'left'}, label: 'move'},
	{keys: ['right'], event: {type: 'caretMoved', to: 'right'}, label: 'move'},
	{keys: ['home', 'ctrl+a'], event: {type: 'caretMoved', to: 'start'}, label: 'start or end'},
	{keys: ['end', 'ctrl+e'], event: {type: 'caretMoved', to: 'end'}, label: 'start or end'},
	{keys: ['backspace'], event: {type: 'erased', what: 'before'}, label: 'delete a character'},
	{keys: ['delete', 'ctrl+d'], event: {type: 'erased', what: 'after'}, label: 'delete a character'},
	{keys: ['ctrl+w', 'alt+backspace'], event: {type: 'erased', what: 'word'}, label: 'delete a word'},
	{
		keys: ['ctrl+u'],
		event: {type: 'erased', what: 'all'},
		label: 'clear',
		hint: {keys: ['ctrl+u'], text: 'clear', rank: 5},
	},
	// The question mark is text here.
	{
		keys: ['ctrl+g'],
		event: {type: 'helpToggled'},
		label: 'this help',
		hint: {keys: ['ctrl+g'], text: 'help', rank: 3},
	},
	interrupt,
]

const answering: readonly Binding[] = [
	{
		keys: ['right', 'down', 'tab', 'l', 'j'],
		event: {type: 'turned', by: 1},
		label: 'the next or the previous answer',
		hint: {keys: ['left', 'right'], text: 'choose', rank: 1},
	},
	{
		keys: ['left', 'up', 'shift+tab', 'h', 'k'],
		event: {type: 'turned', by: -1},
		label: 'the next or the previous answer',
	},
]

/** What the levels of an archive have in common. */
const browsing: readonly Binding[] = [
	{
		keys: ['d', 'space'],
		event: {type: 'detailToggled'},
		label: 'all about this one',
		hint: {keys: ['d'], text: 'detail', rank: 4},
	},
	{
		keys: ['/'],
		event: {type: 'searchOpened'},
		label: 'search',
		hint: {keys: ['/'], text: 'search', rank: 3},
	},
	{keys: ['n'], event: {type: 'searchRepeated', by: 1}, label: 'search on, or back'},
	{keys: ['N'], event: {type: 'searchRepeated', by: -1}, label: 'search on, or back'},
	{
		keys: [':'],
		event: {type: 'placeAsked'},
		label: 'go to an LSN, a time or a segment',
		hint: {keys: [':'], text: 'go to', rank: 3},
	},
]

/** What every key does, wherever it is live. Footer, help and the keys themselves read this one table. */
export const keymap: Readonly<Record<KeyContext, readonly Binding[]>> = {
	survey: [
		enterCalm('report the incident', 'go on to the incident'),
		{
			keys: ['o'],
			event: {type: 'browseOpened'},
			label: 'look around in the archive',
			hint: {keys: ['o'], text: 'browse', rank: 3, during: 'calm'},
		},
		...moving('scroll'),
		...paging,
		again('survey the archive again'),
		...leaving,
	],
	'incident-text': [
		enter('look at the commits', 'look at the commits'),
		{
			keys: ['up'],
			event: {type: 'turned', by: 1},
			label: 'wider or narrower window',
			hint: {keys: ['up', 'down'], text: 'window', rank: 4},
		},
		{keys: ['down'], event: {type: 'turned', by: -1}, label: 'wider or narrower window'},
		back,
		...editing,
	],
	'incident-readings': [enter('this one', 'take this reading'), ...moving('choose'), back, ...leaving],
	boundaries: [
		enter('first bad commit', 'mark the first bad commit'),
		...moving('move'),
		...paging,
		{
			keys: ['/'],
			event: {type: 'filterOpened'},
			label: 'filter',
			hint: {keys: ['/'], text: 'filter', rank: 3},
		},
		{
			keys: ['r'],
			event: {type: 'orderToggled'},
			label: 'WAL order, or worst first',
			hint: {keys: ['r'], text: 'order', rank: 3},
		},
		{
			keys: ['d', 'space'],
			event: {type: 'detailToggled'},
			label: 'all about this commit',
			hint: {keys: ['d'], text: 'detail', rank: 3},
		},
		{
			keys: ['+', '=', 'right'],
			event: {type: 'turned', by: 1},
			label: 'wider or narrower window',
			hint: {keys: ['+', '-'], text: 'window', rank: 6},
		},
		{keys: ['-', 'left'], event: {type: 'turned', by: -1}, label: 'wider or narrower window'},
		back,
		...leaving,
	],
	'boundaries-filter': [
		enter('keep', 'keep the filter'),
		{
			keys: ['down'],
			event: {type: 'moved', by: 1},
			label: 'move',
			hint: {keys: ['up', 'down'], text: 'move', rank: 4},
		},
		{keys: ['up'], event: {type: 'moved', by: -1}, label: 'move'},
		{keys: ['pagedown'], event: {type: 'paged', by: 1}, label: 'a page'},
		{keys: ['pageup'], event: {type: 'paged', by: -1}, label: 'a page'},
		{...back, label: 'drop the filter', hint: {keys: ['escape'], text: 'drop', rank: 0}},
		...editing,
	],
	target: [
		enter('plan the restore', 'plan the restore to this target'),
		...moving('another target'),
		{keys: ['right'], event: {type: 'turned', by: 1}, label: 'another target'},
		{keys: ['left'], event: {type: 'turned', by: -1}, label: 'another target'},
		{keys: ['g', 'home'], event: {type: 'jumped', to: 'first'}, label: 'first or last'},
		{keys: ['G', 'end'], event: {type: 'jumped', to: 'last'}, label: 'first or last'},
		back,
		...leaving,
	],
	plan: [
		enterCalm('go on', 'go on to the confirmation'),
		{
			keys: ['e'],
			event: {type: 'edited'},
			label: 'change the destination',
			hint: {keys: ['e'], text: 'destination', rank: 2},
		},
		...moving('scroll'),
		...paging,
		again('plan it again'),
		back,
		...leaving,
	],
	'plan-text': [enter('plan for it', 'plan for this destination'), {...back, label: 'leave it as it was'}, ...editing],
	'confirm-text': [enter('start the restore', 'start, once the word is typed'), back, ...editing],
	restore: [
		{
			...enter('runbook', 'to the runbook, once the restore has failed'),
			hint: {keys: ['enter'], text: 'runbook', rank: 0, during: 'trouble'},
		},
		{
			...back,
			label: 'cancel or leave, after a question',
			hint: {keys: ['escape'], text: 'cancel or leave', rank: 0, during: 'calm'},
		},
		...leaving,
	],
	inspect: [
		enter('decide', 'go on to the decision'),
		{
			keys: ['s'],
			event: {type: 'questionOpened'},
			label: 'ask in SQL, read-only',
			hint: {keys: ['s'], text: 'SQL', rank: 1},
		},
		{
			keys: ['b'],
			event: {type: 'databaseTurned'},
			label: 'the next database',
			hint: {keys: ['b'], text: 'database', rank: 5},
		},
		{
			keys: ['c'],
			event: {type: 'checksRepeated'},
			label: 'run the checks again',
			hint: {keys: ['c'], text: 'check again', rank: 5},
		},
		...moving('scroll the answer'),
		{keys: ['pagedown'], event: {type: 'paged', by: 1}, label: 'a page'},
		{keys: ['pageup'], event: {type: 'paged', by: -1}, label: 'a page'},
		...leaving,
	],
	'inspect-text': [
		enter('ask', 'ask'),
		{
			keys: ['tab'],
			event: {type: 'databaseTurned'},
			label: 'the next database',
			hint: {keys: ['tab'], text: 'database', rank: 4},
		},
		{keys: ['down'], event: {type: 'moved', by: 1}, label: 'scroll the answer'},
		{keys: ['up'], event: {type: 'moved', by: -1}, label: 'scroll the answer'},
		{keys: ['pagedown'], event: {type: 'paged', by: 1}, label: 'a page'},
		{keys: ['pageup'], event: {type: 'paged', by: -1}, label: 'a page'},
		{...back, label: 'leave the prompt', hint: {keys: ['escape'], text: 'leave the prompt', rank: 0}},
		...editing,
	],
	decide: [enter('choose', 'choose this'), ...moving('move'), {...back, label: 'back to the checks'}, ...leaving],
	'decide-text': [
		enter('confirm', 'do it, once the words are typed'),
		{...back, label: 'back to the choices'},
		...editing,
	],
	runbook: [
		...moving('scroll'),
		...paging,
		{
			keys: ['w'],
			event: {type: 'saved'},
			label: 'where the runbook is saved',
			hint: {keys: ['w'], text: 'saved as', rank: 5},
		},
		enter('finish', 'finish'),
		...leaving,
	],
	timelines: [
		enterCalm('open', 'its segments and base backups'),
		...moving('move'),
		...paging,
		...browsing,
		again('survey the archive again'),
		{...back, label: 'out of the archive'},
		...leaving,
	],
	segments: [
		enter('open', 'its records, or where the base backup begins'),
		...moving('move'),
		...paging,
		...browsing,
		{
			keys: ['t'],
			event: {type: 'timesAsked'},
			label: 'read the commit times of what is in sight',
			hint: {keys: ['t'], text: 'times', rank: 6},
		},
		{...back, label: 'up to the timelines'},
		...leaving,
	],
	records: [
		...moving('move'),
		...paging,
		{
			keys: ['f'],
			event: {type: 'filterOpened'},
			label: 'filter',
			hint: {keys: ['f'], text: 'filter', rank: 3},
		},
		...browsing.map(binding =>
			binding.event.type === 'detailToggled' ? {...binding, keys: [...binding.keys, 'enter']} : binding,
		),
		{
			keys: [']', 'right'],
			event: {type: 'turned', by: 1},
			label: 'the next or the previous segment',
			hint: {keys: ['[', ']'], text: 'segment', rank: 5},
		},
		{keys: ['[', 'left'], event: {type: 'turned', by: -1}, label: 'the next or the previous segment'},
		{...back, label: 'stop searching, drop the filter, or up'},
		...leaving,
	],
	'browse-text': [
		enter('go', 'search, filter or go there'),
		{...back, label: 'leave it', hint: {keys: ['escape'], text: 'leave it', rank: 0}},
		...editing,
	],
	dialog: [
		enter('answer', 'give the selected answer'),
		...answering,
		{...back, label: 'close, nothing happens', hint: {keys: ['escape'], text: 'close', rank: 0}},
		interrupt,
	],
	help: [
		{
			keys: ['escape', '?', 'enter', 'q', 'ctrl+g'],
			event: {type: 'helpToggled'},
			label: 'close the help',
			hint: {keys: ['escape'], text: 'close the help', rank: 0},
		},
		interrupt,
	],
	'too-small': [quit, interrupt],
}

/** Contexts in which printable characters are text. */
const textContexts: ReadonlySet<KeyContext> = new Set<KeyContext>([
	'incident-text',
	'boundaries-filter',
	'plan-text',
	'confirm-text',
	'inspect-text',
	'decide-text',
	'browse-text',
])

/** The contexts of each screen, for its help, each with a title. */
const contextsOf: Readonly<
	Record<ScreenView['screen'], readonly {readonly context: KeyContext; readonly title: string}[]>
> = {
	survey: [{context: 'survey', title: 'Survey'}],
	incident: [
		{context: 'incident-text', title: 'Reporting the incident'},
		{context: 'incident-readings', title: 'Choosing a reading'},
	],
	boundaries: [
		{context: 'boundaries', title: 'Commits'},
		{context: 'boundaries-filter', title: 'Typing the filter'},
	],
	target: [{context: 'target', title: 'Target'}],
	plan: [
		{context: 'plan', title: 'Plan'},
		{context: 'plan-text', title: 'Typing the destination'},
	],
	confirm: [{context: 'confirm-text', title: 'Confirmation'}],
	restore: [{context: 'restore', title: 'Restore'}],
	inspect: [
		{context: 'inspect', title: 'Checks'},
		{context: 'inspect-text', title: 'Typing SQL'},
	],
	decide: [
		{context: 'decide', title: 'Decision'},
		{context: 'decide-text', title: 'Typing the decision'},
	],
	runbook: [{context: 'runbook', title: 'Runbook'}],
	timelines: [
		{context: 'timelines', title: 'Timelines'},
		{context: 'browse-text', title: 'Typing'},
	],
	segments: [
		{context: 'segments', title: 'Segments and base backups'},
		{context: 'browse-text', title: 'Typing'},
	],
	records: [
		{context: 'records', title: 'Records'},
		{context: 'browse-text', title: 'Typing'},
	],
}

/** Live everywhere, and no event: the terminal's own business. */
export const suspendKey: KeyName = 'ctrl+z'

/** The parts of Ink's key that the keymap reads. */
export type InkKey = Partial<Key>

/** The keys in one piece of input, by name. Fast typing, repeated keys and slow lines deliver several at once. */
export function keyNames(input: string, key: InkKey): readonly KeyName[] {
	if (key.eventType === 'release') return []
	const named = specialKey(key)
	if (named !== undefined) return [named]
	if (key.ctrl === true) return input === '' ? [] : [`ctrl+${input.toLowerCase()}`]
	if (key.meta === true) return input === '' ? [] : [`alt+${input}`]
	return [...input].map(characterKey)
}

function specialKey(key: InkKey): KeyName | undefined {
	if (key.upArrow === true) return 'up'
	if (key.downArrow === true) return 'down'
	if (key.leftArrow === true) return 'left'
	if (key.rightArrow === true) return 'right'
	if (key.pageUp === true) return 'pageup'
	if (key.pageDown === true) return 'pagedown'
	if (key.home === true) return 'home'
	if (key.end === true) return 'end'
	if (key.return === true) return 'enter'
	if (key.escape === true) return 'escape'
	if (key.tab === true) return key.shift === true ? 'shift+tab' : 'tab'
	if (key.backspace === true) return key.meta === true ? 'alt+backspace' : 'backspace'
	if (key.delete === true) return 'delete'
	return undefined
}

function characterKey(character: string): KeyName {
	switch (character) {
		case '\r':
		case '\n':
			return 'enter'
		case '\t':
			return 'tab'
		case '\b':
		case '\u007f':
			return 'backspace'
		case ' ':
			return 'space'
		default:
			// A control byte inside a run of text: the chord that sends it.
			return character < ' ' ? `ctrl+${String.fromCharCode(character.charCodeAt(0) + 0x60)}` : character
	}
}

/** The text that a key stands for; undefined for a key that is none. */
function textOf(key: KeyName): string | undefined {
	if (key === 'space') return ' '
	return [...key].length === 1 && isPrintable(key) ? key : undefined
}

function isPrintable(character: string): boolean {
	return !/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u.test(character)
}

/** What the keys from `from` on mean first, and the place of the next key. A run of text is one event. */
export function nextEvent(
	context: KeyContext,
	keys: readonly KeyName[],
	from: number,
): {readonly event: OperatorEvent | undefined; readonly next: number} {
	const key = keys[from] ?? ''
	const bound = keymap[context].find(binding => binding.keys.includes(key))
	if (bound !== undefined) return {event: bound.event, next: from + 1}
	let text = ''
	let next = from
	if (textContexts.has(context)) {
		for (; next < keys.length; next++) {
			const character = textOf(keys[next] ?? '')
			if (character === undefined) break
			text += character
		}
	}
	return text === '' ? {event: undefined, next: from + 1} : {event: {type: 'typed', text}, next}
}

/** What one piece of input means as long as the context stays what it is. */
export function operatorEvents(context: KeyContext, input: string, key: InkKey): readonly OperatorEvent[] {
	const keys = keyNames(input, key)
	const events: OperatorEvent[] = []
	for (let place = 0; place < keys.length; ) {
		const {event, next} = nextEvent(context, keys, place)
		if (event !== undefined) events.push(event)
		place = next
	}
	return events
}

/** What a paste means: text where text is typed, line breaks and tabs as spaces, and nothing anywhere else. A paste never accepts. */
export function pasteEvents(context: KeyContext, pasted: string): readonly OperatorEvent[] {
	if (!textContexts.has(context)) return []
	const text = [...pasted.replace(/[\r\n\t]+/g, ' ').trim()].filter(isPrintable).join('')
	return text === '' ? [] : [{type: 'typed', text}]
}

/** The hints of a context in the order of its table. */
export function hintsOf(context: KeyContext, inTrouble: boolean): readonly Hint[] {
	return keymap[context].flatMap(({hint}) =>
		hint === undefined || hint.during === (inTrouble ? 'calm' : 'trouble') ? [] : [hint],
	)
}

export interface HelpEntry {
	readonly keys: readonly KeyName[]
	readonly label: string
}

export interface HelpGroup {
	readonly title: string
	readonly entries: readonly HelpEntry[]
}

/** All keys of a screen: those of its contexts first, then what every text field and every screen has. */
export function helpOf(screen: ScreenView['screen']): readonly HelpGroup[] {
	const contexts = contextsOf[screen]
	const shared: ReadonlySet<Binding> = new Set([...editing, ...leaving])
	const types = contexts.some(({context}) => textContexts.has(context))
	return [
		...contexts.map(({context, title}) => ({
			title,
			entries: entriesOf(keymap[context].filter(binding => !shared.has(binding))),
		})),
		...(types ? [{title: 'In any text', entries: entriesOf(editing.filter(binding => binding !== interrupt))}] : []),
		{
			title: 'Everywhere',
			entries: [...entriesOf(leaving), {keys: [suspendKey], label: 'suspend; fg comes back'}],
		},
	]
}

/** One entry for each label, with all its keys. */
function entriesOf(bindings: readonly Binding[]): readonly HelpEntry[] {
	const entries = new Map<string, readonly KeyName[]>()
	for (const {keys, label} of bindings) entries.set(label, [...(entries.get(label) ?? []), ...keys])
	return [...entries].map(([label, keys]) => ({label, keys}))
}
