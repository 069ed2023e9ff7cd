import type {ArchivedSegment, Survey} from '../domain/archive/survey.ts'
import type {JournalEntry} from '../domain/recovery/journal.ts'
import type {DecodedPath} from '../domain/recovery/path.ts'
import type {RestorePlan} from '../domain/recovery/plan.ts'
import type {RecoveryTarget} from '../domain/recovery/target.ts'
import type {UtcInstant} from '../domain/time.ts'
import type {Lsn} from '../domain/wal/lsn.ts'
import type {RecordFilter} from '../domain/wal/record-filter.ts'

/** What the guide asks of the world, as plain data; the loop carries each out and feeds back what happened. */
export type Effect =
	| BrowseEffect
	| {readonly type: 'survey'}
	| {readonly type: 'decode'; readonly survey: Survey; readonly from: UtcInstant | undefined}
	| {readonly type: 'stopDecoding'}
	| {
			readonly type: 'plan'
			/** Comes back with the answer: the operator may have asked for another plan meanwhile. */
			readonly request: number
			readonly path: DecodedPath
			readonly target: RecoveryTarget
			readonly destination: string
			readonly incident: {readonly typed: string; readonly at: UtcInstant; readonly zone: string} | undefined
	  }
	/** The decisions go into the journal first, with the times at which they were taken. */
	| {
			readonly type: 'restore'
			readonly plan: RestorePlan
			readonly decisions: readonly JournalEntry[]
			readonly how: string
	  }
	| {readonly type: 'cancelRestore'}
	| {readonly type: 'check'; readonly plan: RestorePlan}
	| {readonly type: 'ask'; readonly plan: RestorePlan; readonly database: string; readonly statement: string}
	| {readonly type: 'promote'; readonly plan: RestorePlan; readonly how: string}
	| {readonly type: 'abandon'; readonly plan: RestorePlan; readonly how: string}
	| {readonly type: 'renderRunbook'; readonly plan: RestorePlan}
	| {readonly type: 'rememberZone'; readonly zone: string}
	/** Leaves the screen; the summary is printed once the terminal is as it was. */
	| {readonly type: 'leave'; readonly summary: readonly string[]; readonly exitCode: number}

/** What browsing asks of the world: to read, and no more. Of the readings with a number one is at work at a time, a later one takes its place. */
export type BrowseEffect =
	| {
			readonly type: 'readRecords'
			readonly request: number
			readonly segment: ArchivedSegment
			readonly around: Lsn
			readonly filter: RecordFilter
	  }
	| {
			readonly type: 'findRecord'
			readonly request: number
			readonly segment: ArchivedSegment
			readonly fromLsn: Lsn
			readonly direction: 1 | -1
			readonly filters: readonly RecordFilter[]
	  }
	| {
			readonly type: 'findTime'
			readonly request: number
			readonly way: readonly ArchivedSegment[]
			readonly at: UtcInstant
	  }
	/** Beside the others, and with a pause before it begins: the operator may still be moving. */
	| {readonly type: 'readTimes'; readonly segments: readonly ArchivedSegment[]}
	| {readonly type: 'stopReading'}

/** What an update comes to. */
export interface Outcome<State> {
	readonly state: State
	readonly effects: readonly Effect[]
}
