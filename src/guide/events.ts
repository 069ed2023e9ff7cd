import type {ArchivedSegment, BaseBackup, Survey} from '../domain/archive/survey.ts'
import type {RecordsPage, SegmentTimes} from '../domain/archive/walk.ts'
import type {Trouble} from '../domain/errors.ts'
import type {RelationNames} from '../domain/names.ts'
import type {CheckResult} from '../domain/recovery/check.ts'
import type {DecodedPath} from '../domain/recovery/path.ts'
import type {PlanStepId, RestorePlan} from '../domain/recovery/plan.ts'
import type {CopyProgress, ReplayProgress} from '../domain/recovery/progress.ts'
import type {UtcInstant} from '../domain/time.ts'
import type {Lsn} from '../domain/wal/lsn.ts'
import type {Boundary} from '../domain/wal/record.ts'

/** What the operator did, whichever key it was. */
export type OperatorEvent =
	| {readonly type: 'moved'; readonly by: number}
	| {readonly type: 'paged'; readonly by: number}
	| {readonly type: 'jumped'; readonly to: 'first' | 'last'}
	/** Left and right: the next answer, target kind, option or window. */
	| {readonly type: 'turned'; readonly by: number}
	| {readonly type: 'typed'; readonly text: string}
	| {readonly type: 'erased'; readonly what: 'before' | 'after' | 'word' | 'all'}
	| {readonly type: 'caretMoved'; readonly to: 'left' | 'right' | 'start' | 'end'}
	| {readonly type: 'accepted'}
	| {readonly type: 'wentBack'}
	| {readonly type: 'quitAsked'}
	/** Ctrl-C: cancels what runs, asks before it leaves; a second one leaves. */
	| {readonly type: 'interrupted'}
	| {readonly type: 'helpToggled'}
	| {readonly type: 'filterOpened'}
	| {readonly type: 'orderToggled'}
	| {readonly type: 'detailToggled'}
	| {readonly type: 'edited'}
	| {readonly type: 'questionOpened'}
	| {readonly type: 'databaseTurned'}
	| {readonly type: 'checksRepeated'}
	| {readonly type: 'saved'}
	/** From the survey into the archive itself. */
	| {readonly type: 'browseOpened'}
	| {readonly type: 'searchOpened'}
	| {readonly type: 'searchRepeated'; readonly by: 1 | -1}
	/** Go to an LSN, a time or a segment. */
	| {readonly type: 'placeAsked'}
	| {readonly type: 'timesAsked'}
	| {readonly type: 'resized'; readonly columns: number; readonly rows: number}

/** What the world answered. Each belongs to one effect. */
export type WorldEvent =
	| {readonly type: 'ticked'}
	| {readonly type: 'surveyProgressed'; readonly text: string}
	| {readonly type: 'surveyed'; readonly survey: Survey}
	| {readonly type: 'surveyFailed'; readonly trouble: Trouble}
	| {readonly type: 'decodingStarted'; readonly backup: BaseBackup | undefined; readonly segmentCount: number}
	| {
			readonly type: 'boundariesDecoded'
			readonly boundaries: readonly Boundary[]
			readonly uptoLsn: Lsn
			readonly segmentsRead: number
	  }
	| {readonly type: 'namesRead'; readonly names: RelationNames}
	| {readonly type: 'decodingFinished'; readonly path: DecodedPath}
	| {readonly type: 'decodingFailed'; readonly trouble: Trouble}
	| {readonly type: 'planMade'; readonly request: number; readonly plan: RestorePlan}
	| {readonly type: 'planRefused'; readonly request: number; readonly trouble: Trouble}
	| {readonly type: 'stepStarted'; readonly step: PlanStepId}
	| {readonly type: 'stepFinished'; readonly step: PlanStepId; readonly notes: readonly string[]}
	| {readonly type: 'copyProgressed'; readonly progress: CopyProgress}
	| {readonly type: 'replayProgressed'; readonly replay: ReplayProgress}
	| {
			readonly type: 'held'
			readonly stoppedAtLsn: Lsn
			readonly exact: boolean
			readonly connect: readonly string[]
			readonly databases: readonly string[]
	  }
	| {readonly type: 'restoreFailed'; readonly trouble: Trouble; readonly leaves: readonly string[]}
	| {readonly type: 'checkFinished'; readonly check: CheckResult}
	| {readonly type: 'checksFinished'}
	| {readonly type: 'checksFailed'; readonly trouble: Trouble}
	| {
			readonly type: 'questionAnswered'
			readonly columns: readonly string[]
			readonly rows: readonly (readonly (string | null)[])[]
			readonly cut: boolean
	  }
	| {readonly type: 'questionRefused'; readonly trouble: Trouble}
	| {readonly type: 'promoted'; readonly timeline: number; readonly lsn: Lsn}
	| {readonly type: 'promotionFailed'; readonly trouble: Trouble}
	| {readonly type: 'abandoned'; readonly removed: readonly string[]}
	| {readonly type: 'abandonFailed'; readonly trouble: Trouble}
	| {readonly type: 'runbookRendered'; readonly text: string; readonly path: string}
	| {readonly type: 'runbookSaved'; readonly path: string}

/** What browsing was answered. A reading that was given up for another may still answer: its number tells. */
export type BrowseNews =
	| {readonly type: 'recordsRead'; readonly request: number; readonly page: RecordsPage}
	| {
			readonly type: 'readingProgressed'
			readonly request: number
			readonly percent: number
			readonly segment: string
	  }
	| {readonly type: 'readingFailed'; readonly request: number; readonly trouble: Trouble}
	| {
			readonly type: 'recordFound'
			readonly request: number
			readonly segment: ArchivedSegment
			readonly lsn: Lsn
			readonly remark: string | undefined
	  }
	| {readonly type: 'recordMissed'; readonly request: number; readonly remark: string}
	| {readonly type: 'segmentTimesRead'; readonly times: SegmentTimes}

/** A past-tense fact with the time at which it became known. */
export type GuideEvent = (OperatorEvent | WorldEvent | BrowseNews) & {readonly at: UtcInstant}

const operatorEvents: ReadonlySet<GuideEvent['type']> = new Set([
	'moved',
	'paged',
	'jumped',
	'turned',
	'typed',
	'erased',
	'caretMoved',
	'accepted',
	'wentBack',
	'filterOpened',
	'orderToggled',
	'detailToggled',
	'edited',
	'questionOpened',
	'databaseTurned',
	'checksRepeated',
	'saved',
	'helpToggled',
	'browseOpened',
	'searchOpened',
	'searchRepeated',
	'placeAsked',
	'timesAsked',
] as const)

/** Whether an event is a key that acts on the screen at hand. */
export function isOperators(event: GuideEvent): boolean {
	return operatorEvents.has(event.type)
}
