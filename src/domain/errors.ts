/**
 * What an operator can act on. The code and the exit code are stable and documented in README.md; the message says
 * what happened with the values in it, `whatToDo` the next steps in order of likelihood. Anything else that escapes is a bug.
 */
export abstract class OperatorError extends Error {
	abstract readonly code: string
	abstract readonly exitCode: number
	readonly whatToDo: readonly string[]

	constructor(message: string, whatToDo: readonly string[], options?: ErrorOptions) {
		super(message, options)
		this.name = new.target.name
		this.whatToDo = whatToDo
	}
}

/** The operator's words cannot be used as they stand. */
export class UsageError extends OperatorError {
	readonly code = 'usage'
	readonly exitCode = 2
}

/** The archive, or something in it, could not be read. */
export class ArchiveUnreachableError extends OperatorError {
	readonly code = 'archive-unreachable'
	readonly exitCode = 30
}

/** The WAL between the base backup and the target is not whole. */
export class ArchiveGapError extends OperatorError {
	readonly code = 'archive-gap'
	readonly exitCode = 31
}

/** What lies at the source is no archive that lastgood knows. */
export class LayoutUnrecognizedError extends OperatorError {
	readonly code = 'layout-unrecognized'
	readonly exitCode = 32
}

/** No base backup can carry a recovery to the target. */
export class NoUsableBackupError extends OperatorError {
	readonly code = 'no-usable-backup'
	readonly exitCode = 33
}

/** The timeline is not in the archive, or the backup is on another branch. */
export class TimelineUnreachableError extends OperatorError {
	readonly code = 'timeline-unreachable'
	readonly exitCode = 34
}

/** The target stands before the backup is consistent. */
export class TargetBeforeConsistencyError extends OperatorError {
	readonly code = 'target-before-consistency'
	readonly exitCode = 35
}

/** The target stands after the end of the archived WAL, or nothing there matches it. */
export class TargetBeyondArchiveError extends OperatorError {
	readonly code = 'target-beyond-archive'
	readonly exitCode = 36
}

/** pg_waldump could not read what it was given. */
export class WaldumpFailedError extends OperatorError {
	readonly code = 'waldump-failed'
	readonly exitCode = 40
}

/** The WAL is of a major version whose programs are not here. */
export class WaldumpVersionMismatchError extends OperatorError {
	readonly code = 'waldump-version-mismatch'
	readonly exitCode = 41
}

/** The destination is not empty, not ours, not big enough or not writable. */
export class DataDirectoryOccupiedError extends OperatorError {
	readonly code = 'data-directory-occupied'
	readonly exitCode = 50
}

/** A server runs where the restored one should, or still runs where nothing may. */
export class ServerStillRunningError extends OperatorError {
	readonly code = 'server-still-running'
	readonly exitCode = 51
}

/** The restore or the replay ended before the target; the server's own words are quoted. */
export class ReplayAbortedError extends OperatorError {
	readonly code = 'replay-aborted'
	readonly exitCode = 52
}

/** The server did not hold at the target although it was told to. */
export class PauseUnavailableError extends OperatorError {
	readonly code = 'pause-unavailable'
	readonly exitCode = 53
}

/** The server paused somewhere else than the plan says. */
export class TargetNotHonouredError extends OperatorError {
	readonly code = 'target-not-honoured'
	readonly exitCode = 54
}

/** The promotion did not go through. */
export class PromotionFailedError extends OperatorError {
	readonly code = 'promotion-failed'
	readonly exitCode = 55
}

/** The record of a recovery cannot be read, or does not exist. */
export class JournalUnreadableError extends OperatorError {
	readonly code = 'journal-unreadable'
	readonly exitCode = 60
}

/** An error as data: what screens, `--json` and the journal carry. */
export interface Trouble {
	readonly code: string
	readonly message: string
	readonly whatToDo: readonly string[]
}

/** What an error says to an operator; one that is no OperatorError is called what it is, a bug. */
export function troubleOf(error: unknown): Trouble {
	if (error instanceof OperatorError) return {code: error.code, message: error.message, whatToDo: error.whatToDo}
	const message = error instanceof Error ? error.message : String(error)
	return {
		code: 'bug',
		message: `lastgood failed unexpectedly: ${message}`,
		whatToDo: ['report this as a bug of lastgood, with the stack and the journal'],
	}
}
