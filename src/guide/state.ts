import type {Survey} from '../domain/archive/survey.ts'
import type {Trouble} from '../domain/errors.ts'
import type {RelationNames} from '../domain/names.ts'
import type {CheckResult} from '../domain/recovery/check.ts'
import type {JournalEntry} from '../domain/recovery/journal.ts'
import type {DecodedPath} from '../domain/recovery/path.ts'
import type {PlanStepId, RestorePlan} from '../domain/recovery/plan.ts'
import type {CopyProgress, ReplayProgress} from '../domain/recovery/progress.ts'
import type {Prediction, RecoveryTarget} from '../domain/recovery/target.ts'
import type {UtcInstant} from '../domain/time.ts'
import type {Lsn} from '../domain/wal/lsn.ts'
import type {Boundary, TransactionBoundary} from '../domain/wal/record.ts'
import type {Browse} from './browse/state.ts'
import type {TextField} from './text-field.ts'
import {emptyField} from './text-field.ts'
import type {Span} from './views.ts'

/*
 * The guided recovery, step by step. Esc goes one step back as far as nothing was written; what cannot be undone is marked.
 *
 * survey      entered at the start; left for incident once the archive is recognised
 * browse      a walk through the archive, read-only, to and from survey (browse/state.ts)
 * incident    a time is typed, and its zone where the text names none; left for boundaries with one instant in UTC
 * boundaries  commits stream in; left for target with the first bad commit marked, once decoding is finished
 * target      the kinds of target and what each keeps and loses; left for plan
 * plan        the destination is chosen and the plan made; left for confirm when it can succeed
 * confirm     the destination's name is typed; left for restore: from here on something is written, and Esc no longer leads back
 * restore     copies and replays; left for inspect when the server holds at the target
 * inspect     checks and questions; to and from decide
 * decide      promote (typed, irreversible), abandon (typed, removes what was made) or leave it held
 * runbook     what was done
 */

/** What the operator reported, read once. */
export type Incident =
	| {readonly kind: 'time'; readonly typed: string; readonly at: UtcInstant; readonly zone: string}
	| {readonly kind: 'xid'; readonly typed: string; readonly xid: number}
	| {readonly kind: 'lsn'; readonly typed: string; readonly lsn: Lsn}
	| {readonly kind: 'table'; readonly typed: string; readonly table: string}

export interface SurveyStep {
	readonly name: 'survey'
	readonly progress: string
	readonly survey: Survey | undefined
	readonly trouble: Trouble | undefined
	readonly scrollRows: number
}

/** The archive itself, to look around in. */
export interface BrowseStep {
	readonly name: 'browse'
	readonly back: SurveyStep
	readonly browse: Browse
}

export interface IncidentStep {
	readonly name: 'incident'
	readonly survey: Survey
	readonly field: TextField
	/** Open once the text has turned out to name no zone. */
	readonly zoneField: TextField | undefined
	readonly problem: string | undefined
	/** Both readings of a local time that the clock showed twice. */
	readonly readings:
		| {readonly choices: readonly UtcInstant[]; readonly selected: number; readonly zone: string}
		| undefined
	readonly windowIndex: number
}

/** The commits around the incident, as far as they are decoded. */
export interface BoundariesStep {
	readonly name: 'boundaries'
	readonly survey: Survey
	readonly incident: Incident
	readonly windowIndex: number
	readonly boundaries: readonly Boundary[]
	readonly names: RelationNames | undefined
	readonly segmentsRead: number
	readonly segmentCount: number | undefined
	readonly path: DecodedPath | undefined
	readonly trouble: Trouble | undefined
	readonly filter: TextField
	readonly filtering: boolean
	readonly order: 'wal' | 'rank'
	/** Ordinal of the boundary under the cursor; undefined until the operator moves or the incident's own is found. */
	readonly cursor: number | undefined
	readonly detail: boolean
}

/** A kind of target for the marked commit, with where PostgreSQL would stop for it. */
export interface TargetOption {
	readonly name: string
	readonly target: RecoveryTarget
	readonly prediction: Prediction
	readonly recommended: boolean
}

export interface TargetStep {
	readonly name: 'target'
	readonly back: BoundariesStep
	readonly path: DecodedPath
	readonly suspect: TransactionBoundary
	readonly options: readonly TargetOption[]
	readonly selected: number
}

export interface PlanStep {
	readonly name: 'plan'
	readonly back: TargetStep
	readonly target: RecoveryTarget
	readonly destination: TextField
	readonly editing: boolean
	/** The plan that was asked for last, and for which destination; the answer to an earlier request is not taken. */
	readonly asked: {readonly request: number; readonly destination: string}
	readonly working: boolean
	readonly plan: RestorePlan | undefined
	readonly trouble: Trouble | undefined
	readonly scrollRows: number
}

export interface ConfirmStep {
	readonly name: 'confirm'
	readonly back: PlanStep
	readonly plan: RestorePlan
	readonly field: TextField
	readonly problem: string | undefined
}

export interface RestoreStep {
	readonly name: 'restore'
	readonly plan: RestorePlan
	readonly done: readonly {readonly step: PlanStepId; readonly note: string}[]
	readonly running: PlanStepId | undefined
	readonly runningSince: UtcInstant
	readonly copy: CopyProgress | undefined
	readonly replay: ReplayProgress | undefined
	readonly cancelling: boolean
	readonly trouble: Trouble | undefined
	readonly leaves: readonly string[]
}

/** The restored cluster, paused at the target. */
export interface Held {
	readonly plan: RestorePlan
	readonly stoppedAtLsn: Lsn
	readonly exact: boolean
	readonly connect: readonly string[]
	readonly databases: readonly string[]
}

export interface InspectStep {
	readonly name: 'inspect'
	readonly held: Held
	readonly checks: readonly CheckResult[]
	readonly checking: boolean
	readonly databaseIndex: number
	readonly prompt: TextField
	readonly prompting: boolean
	readonly asking: boolean
	readonly answer:
		| {
				readonly columns: readonly string[]
				readonly rows: readonly (readonly (string | null)[])[]
				readonly cut: boolean
		  }
		| undefined
	readonly answerTop: number
	readonly trouble: Trouble | undefined
}

export type Decision = 'promote' | 'abandon' | 'leave'

export interface DecideStep {
	readonly name: 'decide'
	readonly back: InspectStep
	readonly selected: Decision
	/** Open while the word for the selected decision is typed. */
	readonly field: TextField | undefined
	readonly problem: string | undefined
	readonly working: boolean
	readonly trouble: Trouble | undefined
}

export interface RunbookStep {
	readonly name: 'runbook'
	readonly plan: RestorePlan
	readonly outcome:
		| {readonly kind: 'promoted'; readonly timeline: number}
		| {readonly kind: 'abandoned'}
		| {readonly kind: 'failed'; readonly message: string}
	readonly lines: readonly string[]
	readonly top: number
	readonly path: string | undefined
}

export type Step =
	| SurveyStep
	| BrowseStep
	| IncidentStep
	| BoundariesStep
	| TargetStep
	| PlanStep
	| ConfirmStep
	| RestoreStep
	| InspectStep
	| DecideStep
	| RunbookStep

/** A question over the screen before leaving or cancelling; the first answer is the safe one. */
export interface Dialog {
	readonly about: 'leaving' | 'restore'
	readonly selected: number
}

/** What the guide is started with. */
export interface GuideOptions {
	readonly source: string
	/** The operator's own zone, asked once and remembered; shown beside UTC, never instead. */
	readonly zone: string | undefined
	/** Where the restored cluster is suggested to go. */
	readonly destination: string
	/** What was reported, when lastgood is started with it (the demo is). */
	readonly report: string | undefined
	readonly lastgood: string
	readonly host: string
	readonly user: string
}

export interface GuideState {
	readonly options: GuideOptions
	readonly zone: string | undefined
	readonly now: UtcInstant
	readonly columns: number
	readonly rows: number
	readonly step: Step
	readonly dialog: Dialog | undefined
	readonly help: boolean
	readonly notice: Span | undefined
	/** What the operator decided before there was a journal to write it to, with the times at which it happened. */
	readonly decisions: readonly JournalEntry[]
	/** How many plans were asked for. */
	readonly planRequests: number
	readonly interruptedAt: UtcInstant | undefined
	/** The operator wants to leave while files are copied: what is half-made is removed first. */
	readonly leaveWhenStopped: boolean
	readonly left: boolean
}

/** The guide before anything has happened. */
export function initialState(options: GuideOptions, now: UtcInstant): GuideState {
	return {
		options,
		zone: options.zone,
		now,
		columns: 80,
		rows: 24,
		step: {
			name: 'survey',
			progress: 'looking at what lies there',
			survey: undefined,
			trouble: undefined,
			scrollRows: 0,
		},
		dialog: undefined,
		help: false,
		notice: undefined,
		decisions: [],
		planRequests: 0,
		interruptedAt: undefined,
		leaveWhenStopped: false,
		left: false,
	}
}

/** Incident step with an empty field, or what was reported already typed. */
export function incidentStep(survey: Survey, text: string | undefined): IncidentStep {
	return {
		name: 'incident',
		survey,
		field: text === undefined ? emptyField : {text, caret: [...text].length},
		zoneField: undefined,
		problem: undefined,
		readings: undefined,
		windowIndex: 1,
	}
}

/** Half widths of the window around the incident, in minutes; the last one is all that was decoded. */
export const windowMinutes: readonly (number | undefined)[] = [1, 5, 15, 60, 360, undefined]
