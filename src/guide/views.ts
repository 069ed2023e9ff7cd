/** Everything a screen shows, ready-made: the views hold text and tones, never domain values, and screens only lay them out. */

/** How a piece of text is meant; the theme says how that looks, and without colour a mark or word says it too. */
export type Tone = 'plain' | 'dim' | 'strong' | 'accent' | 'good' | 'warn' | 'bad'

export interface Span {
	readonly text: string
	readonly tone: Tone
}

export type Line = readonly Span[]

export interface Fact {
	readonly label: string
	readonly value: string
	readonly tone: Tone
}

export interface Column {
	readonly title: string
	readonly align: 'left' | 'right'
	/** Widest useful width in columns; a `flexible` column takes what is left. */
	readonly width: number
	readonly flexible: boolean
	/** Dropped first, highest number first, where the terminal is too narrow; 0 is never dropped. */
	readonly expendable: number
}

export interface Row {
	readonly key: string
	readonly cells: readonly Span[]
	readonly selected: boolean
	/** Why this row cannot be chosen; undefined when it can. */
	readonly disabledReason: string | undefined
}

export interface Table {
	readonly columns: readonly Column[]
	/** Only the rows that fit. */
	readonly rows: readonly Row[]
	/** `12 of 340`, empty when there is nothing to count. */
	readonly position: string
	/** What to show instead of rows. */
	readonly empty: string
}

/** A text field with its caret, counted in characters. */
export interface Field {
	readonly label: string
	readonly text: string
	readonly caret: number
	readonly focused: boolean
	readonly placeholder: string
	/** What is wrong with the text, and what to type instead. */
	readonly problem: string | undefined
}

export interface Bar {
	readonly label: string
	/** 0 to 100; undefined while it cannot be known. */
	readonly percent: number | undefined
	readonly text: string
}

/** A stretch of time as a band: from 0 to 1 of the width, with marks on it. */
export interface Band {
	readonly label: string
	readonly fromText: string
	readonly toText: string
	readonly filled: readonly {readonly from: number; readonly to: number; readonly tone: Tone}[]
	readonly marks: readonly {readonly at: number; readonly label: string; readonly tone: Tone}[]
}

/** Counts over a window, one number a slot; the screen draws them in as many cells as it has. */
export interface Strip {
	readonly label: string
	readonly counts: readonly number[]
	readonly fromText: string
	readonly toText: string
	/** Slot of the reported time and of the selected row. */
	readonly markAt: number | undefined
	readonly cursorAt: number | undefined
}

export interface TroubleView {
	readonly title: string
	readonly message: string
	readonly whatToDo: readonly string[]
}

export type StepName =
	| 'survey'
	| 'incident'
	| 'boundaries'
	| 'target'
	| 'plan'
	| 'confirm'
	| 'restore'
	| 'inspect'
	| 'decide'
	| 'runbook'
	| BrowseLevel

/** How deep a walk through an archive is. */
export type BrowseLevel = 'timelines' | 'segments' | 'records'

export interface SurveyView {
	readonly screen: 'survey'
	readonly progress: string | undefined
	readonly cluster: readonly Fact[]
	readonly timelines: readonly Line[]
	readonly backups: Table
	readonly coverage: readonly Band[]
	readonly findings: readonly {
		readonly severity: 'error' | 'warning' | 'info'
		readonly message: string
		readonly whatToDo: readonly string[]
	}[]
	readonly verdict: Span | undefined
	readonly scrollRows: number
}

export interface IncidentView {
	readonly screen: 'incident'
	readonly field: Field
	/** The zone is asked for in a field of its own when the text names none. */
	readonly zoneField: Field | undefined
	readonly reading: readonly Fact[]
	/** Two readings of an ambiguous local time, to choose from. */
	readonly readings: readonly {readonly text: string; readonly selected: boolean}[]
	readonly window: string
	readonly examples: readonly string[]
	readonly band: Band | undefined
}

export interface BoundariesView {
	readonly screen: 'boundaries'
	readonly title: string
	readonly decoding: Bar | undefined
	readonly strip: Strip | undefined
	readonly table: Table
	readonly filter: Field | undefined
	readonly order: string
	readonly detail:
		| {readonly title: string; readonly facts: readonly Fact[]; readonly rows: Table | undefined}
		| undefined
	readonly names: string
}

export interface TargetView {
	readonly screen: 'target'
	readonly suspect: readonly Fact[]
	readonly options: Table
	readonly explanation: string
	readonly keeps: readonly Fact[]
	readonly loses: readonly Fact[]
	readonly lostRows: Table
	readonly inFlight: readonly Line[]
	readonly cautions: readonly Span[]
}

export interface PlanView {
	readonly screen: 'plan'
	readonly working: string | undefined
	readonly destination: Field
	readonly summary: readonly Fact[]
	readonly steps: readonly {
		readonly number: number
		readonly what: string
		readonly command: string
		readonly by: string
		readonly irreversible: boolean
	}[]
	readonly settings: readonly Fact[]
	readonly disarmed: readonly string[]
	readonly findings: readonly Span[]
	readonly scrollRows: number
}

export interface ConfirmView {
	readonly screen: 'confirm'
	readonly facts: readonly Fact[]
	readonly promises: readonly string[]
	readonly field: Field
	readonly word: string
}

export interface RestoreView {
	readonly screen: 'restore'
	readonly steps: readonly {
		readonly what: string
		readonly state: 'done' | 'running' | 'waiting' | 'failed'
		readonly note: string
	}[]
	readonly copy: Bar | undefined
	readonly replay: Bar | undefined
	readonly clock: readonly Fact[]
	readonly log: readonly Span[]
}

export interface InspectView {
	readonly screen: 'inspect'
	readonly proof: readonly Fact[]
	readonly checks: readonly {
		readonly name: string
		readonly outcome: 'passed' | 'failed' | 'noted' | 'running'
		readonly expected: string
		readonly found: string
	}[]
	readonly connect: string
	readonly prompt: Field
	readonly database: string
	readonly answer: Table | undefined
	readonly answerNote: Span | undefined
}

export interface DecideView {
	readonly screen: 'decide'
	readonly facts: readonly Fact[]
	readonly options: readonly {
		readonly name: string
		readonly what: string
		readonly selected: boolean
		readonly irreversible: boolean
	}[]
	readonly field: Field | undefined
	readonly working: string | undefined
}

export interface RunbookView {
	readonly screen: 'runbook'
	readonly outcome: Span
	readonly facts: readonly Fact[]
	/** Only the lines that fit. */
	readonly lines: readonly string[]
	readonly position: string
	readonly savedAs: string | undefined
}

/** One level of a walk through the archive: a list, and all about what is selected in it. */
export interface BrowseView {
	readonly screen: BrowseLevel
	readonly title: string
	readonly about: readonly Fact[]
	readonly table: Table
	/** What is being typed, or the filter in force. */
	readonly field: Field | undefined
	readonly status: string
	readonly working: Bar | undefined
	readonly detail: {readonly title: string; readonly facts: readonly Fact[]} | undefined
}

export type ScreenView =
	| SurveyView
	| IncidentView
	| BoundariesView
	| TargetView
	| PlanView
	| ConfirmView
	| RestoreView
	| InspectView
	| DecideView
	| RunbookView
	| BrowseView

/** A question over the screen. The safe answer is the focused one at first. */
export interface DialogView {
	readonly title: string
	readonly lines: readonly string[]
	readonly answers: readonly {readonly label: string; readonly selected: boolean}[]
}

/** Which keys are live: the keymap has a table for each. */
export type KeyContext =
	| 'survey'
	| 'incident-text'
	| 'incident-readings'
	| 'boundaries'
	| 'boundaries-filter'
	| 'target'
	| 'plan'
	| 'plan-text'
	| 'confirm-text'
	| 'restore'
	| 'inspect'
	| 'inspect-text'
	| 'decide'
	| 'decide-text'
	| 'runbook'
	| BrowseLevel
	| 'browse-text'
	| 'dialog'
	| 'help'
	| 'too-small'

/** One frame, all of it. */
export interface View {
	readonly screen: ScreenView
	readonly breadcrumb: readonly {readonly name: StepName; readonly state: 'done' | 'current' | 'ahead'}[]
	readonly source: string
	/** `read-only`, `writes /path`, `held at 0/6DCE410`. */
	readonly badge: Span
	readonly clock: string
	readonly notice: Span | undefined
	readonly trouble: TroubleView | undefined
	readonly dialog: DialogView | undefined
	readonly help: boolean
	readonly keys: KeyContext
	readonly columns: number
	readonly rows: number
}

/** Rows that the frame takes above the body (title, steps, rule) and below it (notice, key hints). */
export const headerRows = 3
export const footerRows = 2
/** Below this the screen says so and keys other than quit are not taken. */
export const smallestColumns = 80
export const smallestRows = 24
