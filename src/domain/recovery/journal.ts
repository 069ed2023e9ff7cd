import {z} from 'zod'
import type {Trouble} from '../errors.ts'
import {instantJson, lsnJson} from '../json.ts'
import type {UtcInstant} from '../time.ts'
import type {Lsn} from '../wal/lsn.ts'
import {type PlanStepId, planStepIds, type RestorePlan, restorePlanJson} from './plan.ts'

const at = instantJson
const trouble = z.object({code: z.string(), message: z.string(), whatToDo: z.array(z.string())})

/**
 * What happens in a recovery, one entry a line, written before the act it announces: state is a fold over the entries,
 * the runbook their rendering. An entry never holds a secret.
 */
export const journalEntryJson = z.discriminatedUnion('event', [
	z.object({
		event: z.literal('opened'),
		at,
		recovery: z.string(),
		lastgood: z.string(),
		host: z.string(),
		user: z.string(),
	}),
	z.object({event: z.literal('surveyed'), at, survey: z.unknown()}),
	z.object({event: z.literal('incident-reported'), at, typed: z.string(), incidentAt: instantJson, zone: z.string()}),
	z.object({
		event: z.literal('boundaries-listed'),
		at,
		from: instantJson,
		to: instantJson,
		commits: z.number(),
		segmentsRead: z.number(),
		namesFrom: z.string(),
	}),
	z.object({
		event: z.literal('boundary-chosen'),
		at,
		lsn: lsnJson,
		xid: z.number(),
		committedAt: instantJson,
		wrote: z.string(),
	}),
	z.object({event: z.literal('planned'), at, plan: restorePlanJson}),
	z.object({event: z.literal('confirmed'), at, how: z.string()}),
	z.object({event: z.literal('step-started'), at, step: z.enum(planStepIds)}),
	z.object({event: z.literal('step-finished'), at, step: z.enum(planStepIds), notes: z.array(z.string())}),
	z.object({event: z.literal('server-started'), at, pid: z.number()}),
	z.object({
		event: z.literal('held'),
		at,
		stoppedAtLsn: lsnJson,
		provenExact: z.boolean(),
		serverLog: z.array(z.string()),
	}),
	z.object({
		event: z.literal('check-finished'),
		at,
		name: z.string(),
		outcome: z.enum(['passed', 'failed', 'noted']),
		expected: z.string(),
		found: z.string(),
	}),
	/** The statement is kept, its answer is not: what the rows say is the operator's business. */
	z.object({
		event: z.literal('question-asked'),
		at,
		database: z.string(),
		statement: z.string(),
		rows: z.number().nullable(),
		problem: z.string().nullable(),
	}),
	z.object({event: z.literal('promotion-requested'), at, how: z.string()}),
	z.object({event: z.literal('promoted'), at, timeline: z.number(), lsn: lsnJson}),
	z.object({event: z.literal('abandon-requested'), at, how: z.string()}),
	z.object({event: z.literal('abandoned'), at, removed: z.array(z.string())}),
	z.object({event: z.literal('failed'), at, trouble, leaves: z.array(z.string()), serverLog: z.array(z.string())}),
	z.object({event: z.literal('left'), at, leaves: z.array(z.string())}),
])

export type JournalEntry = z.output<typeof journalEntryJson>

/** One line of the journal file, without its line break. */
export function journalLine(entry: JournalEntry): string {
	return JSON.stringify(z.encode(journalEntryJson, entry))
}

/** The entries as `runbook --format json` gives them. */
export function journalJson(entries: readonly JournalEntry[]): readonly unknown[] {
	return entries.map(entry => z.encode(journalEntryJson, entry))
}

export type JournalLineReading =
	| {readonly ok: true; readonly entry: JournalEntry}
	| {readonly ok: false; readonly problem: string}

/** Reads one line of the journal file. */
export function parseJournalLine(line: string): JournalLineReading {
	let value: unknown
	try {
		value = JSON.parse(line)
	} catch {
		return {ok: false, problem: 'it is no JSON'}
	}
	const result = z.safeDecode(journalEntryJson, value as z.input<typeof journalEntryJson>)
	if (result.success) return {ok: true, entry: result.data}
	const [first] = result.error.issues
	return {ok: false, problem: `${first?.path.join('.') || 'the entry'}: ${first?.message ?? 'unknown'}`}
}

/** Where a recovery is, as `status` says it; `planning` until a restore has begun. */
export type RecoveryPhase =
	| 'planning'
	| 'copying'
	| 'replaying'
	| 'held'
	| 'promoting'
	| 'promoted'
	| 'failed'
	| 'abandoned'

/** A recovery as its journal tells it. */
export interface RecoveryState {
	readonly recovery: string
	readonly phase: RecoveryPhase
	readonly openedAt: UtcInstant | undefined
	readonly plan: RestorePlan | undefined
	readonly currentStep: PlanStepId | undefined
	readonly stoppedAtLsn: Lsn | undefined
	readonly provenExact: boolean
	readonly timeline: number | undefined
	readonly trouble: Trouble | undefined
	/** From here on the restored cluster may be open for writes, whatever was written down after it. */
	readonly promotionRequested: boolean
}

/** Folds the journal into where the recovery is. */
export function recoveryStateOf(recovery: string, entries: readonly JournalEntry[]): RecoveryState {
	return entries.reduce<RecoveryState>(applyEntry, {
		recovery,
		phase: 'planning',
		openedAt: undefined,
		plan: undefined,
		currentStep: undefined,
		stoppedAtLsn: undefined,
		provenExact: false,
		timeline: undefined,
		trouble: undefined,
		promotionRequested: false,
	})
}

function applyEntry(state: RecoveryState, entry: JournalEntry): RecoveryState {
	switch (entry.event) {
		case 'opened':
			return {...state, openedAt: entry.at}
		case 'planned':
			return {...state, plan: entry.plan, timeline: entry.plan.target.timeline}
		case 'step-started':
			return {...state, currentStep: entry.step, phase: phaseOfStep(entry.step)}
		case 'held':
			return {...state, phase: 'held', stoppedAtLsn: entry.stoppedAtLsn, provenExact: entry.provenExact}
		case 'promotion-requested':
			return {...state, phase: 'promoting', promotionRequested: true}
		case 'promoted':
			return {...state, phase: 'promoted', timeline: entry.timeline}
		case 'abandoned':
			return {...state, phase: 'abandoned'}
		case 'failed':
			return {...state, phase: 'failed', trouble: entry.trouble}
		case 'surveyed':
		case 'incident-reported':
		case 'boundaries-listed':
		case 'boundary-chosen':
		case 'confirmed':
		case 'step-finished':
		case 'server-started':
		case 'check-finished':
		case 'question-asked':
		case 'abandon-requested':
		case 'left':
			return state
		default:
			return entry satisfies never
	}
}

function phaseOfStep(step: PlanStepId): RecoveryPhase {
	switch (step) {
		case 'create-directories':
		case 'copy-base-backup':
		case 'disarm':
		case 'write-configuration':
		case 'check-configuration':
			return 'copying'
		case 'start-server':
		case 'replay':
			return 'replaying'
		case 'check':
			return 'held'
		case 'promote':
			return 'promoting'
		default:
			return step satisfies never
	}
}
