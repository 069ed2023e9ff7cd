import type {ArchivedSegment} from '../archive/survey.ts'
import type {Lsn} from './lsn.ts'
import {formatLsn, lsnAt, parseLsn} from './lsn.ts'
import {isSegmentFileName, segmentNumberOf} from './segment.ts'

/** What the end of a pg_waldump run means. Its exit code does not tell: 1 is also how it reports the natural end of the WAL. */
export type EndingVerdict =
	/** Every record up to the end that was asked for was read. */
	| {readonly kind: 'complete'}
	/** The WAL ends here, as it does in the segment that was last written. */
	| {readonly kind: 'end-of-wal'; readonly atLsn: Lsn | undefined}
	/** A record cannot be read although WAL follows it, or the end is not one that PostgreSQL leaves behind. */
	| {
			readonly kind: 'unreadable'
			readonly atLsn: Lsn | undefined
			readonly segment: string | undefined
			readonly message: string
	  }
	/** Not one record was found: WAL of another major version looks like this, as does a recycled or overwritten segment. */
	| {readonly kind: 'no-record'; readonly atLsn: Lsn | undefined; readonly message: string}
	| {readonly kind: 'missing-file'; readonly segment: string | undefined; readonly message: string}
	/** Ended by a signal, not by what it read. */
	| {readonly kind: 'stopped'}
	| {readonly kind: 'failed'; readonly message: string}

/** What pg_waldump was given to read. */
interface Given {
	/** Whether its last segment is the last of the archive. */
	readonly isEndOfArchive: boolean
	readonly walSegmentBytes: number
	readonly segments: readonly Pick<ArchivedSegment, 'name' | 'number'>[]
}

/** Judges how pg_waldump ended, from its messages; those of 13 to 18 are known (postgres-recovery.md §2.2). */
export function judgeEnding(
	ending: {readonly exitCode: number | null; readonly stderr: string},
	given: Given,
): EndingVerdict {
	if (ending.exitCode === 0) return {kind: 'complete'}
	if (ending.exitCode === null) return {kind: 'stopped'}
	const message = messageOf(ending.stderr)

	const missing = missingFile.exec(message)
	if (missing !== null) return {kind: 'missing-file', segment: nameIn(missing[1]), message}
	const nothing = noRecord.exec(message)
	if (nothing !== null) return {kind: 'no-record', atLsn: parseLsn(nothing[1] ?? ''), message}

	const atLsn = placeOf(message, given)
	const segment = nameIn(segmentInMessage.exec(message)?.[0]) ?? segmentAt(atLsn, given)
	if (atLsn === undefined && segment === undefined) return {kind: 'failed', message}
	const last = given.segments.at(-1)
	const inLast = last !== undefined && (segment === undefined || segment === last.name)
	if (given.isEndOfArchive && inLast && naturalEnd.test(message)) return {kind: 'end-of-wal', atLsn}
	return {kind: 'unreadable', atLsn, segment, message}
}

/** The verdict in words, for a warning or an error. */
export function describeEnding(verdict: EndingVerdict): string {
	switch (verdict.kind) {
		case 'complete':
			return 'pg_waldump read everything'
		case 'end-of-wal':
			return `the WAL ends${at(verdict.atLsn)}`
		case 'unreadable':
			return `pg_waldump cannot read a record${at(verdict.atLsn)}${inSegment(verdict.segment)}: ${verdict.message}`
		case 'no-record':
			return `pg_waldump found no record${at(verdict.atLsn)}: ${verdict.message}`
		case 'missing-file':
			return `pg_waldump cannot open a file${inSegment(verdict.segment)}: ${verdict.message}`
		case 'stopped':
			return 'pg_waldump was stopped'
		case 'failed':
			return `pg_waldump failed: ${verdict.message}`
		default:
			return verdict satisfies never
	}
}

/** Prefixes of 15 and newer, then of 13 and 14. */
const messagePrefix = /^pg_waldump: (?:error: |fatal: )?/
const missingFile = /could not (?:find|open|locate)(?: WAL)? file "([^"]*)"/
const noRecord = /could not find a valid record after ([0-9A-F]+\/[0-9A-F]+)/
const segmentInMessage = /\b[0-9A-F]{24}\b/
/**
 * What PostgreSQL leaves behind its last record: zeros, or an older segment's pages, for segments are recycled by renaming. A
 * record that was begun and never finished ends at the same places.
 */
const naturalEnd =
	/invalid record length at \S+: (?:wanted 24|expected at least 24), got 0|invalid magic number 0000|unexpected pageaddr|there is no contrecord flag/
const placeAfterAt = / at ([0-9A-F]+\/[0-9A-F]+)(?::|$|,)/
/** 16 and newer. */
const pageLsn = /in WAL segment [0-9A-F]{24}, LSN ([0-9A-F]+\/[0-9A-F]+), offset/
/** 13 to 15; a file that is too short is named with or without quotes. */
const pageOffset = /(?:in log segment|from file) "?([0-9A-F]{24})"?, offset (\d+)/
const placeOfRecord = /^error in WAL record at ([0-9A-F]+\/[0-9A-F]+): /

function messageOf(stderr: string): string {
	const lines = stderr.split('\n').filter(line => line.trim() !== '')
	// Information and hints are lines of their own; the error is the first that is neither.
	const error = lines.find(line => /^pg_waldump: (?:error|fatal): /.test(line)) ?? lines[0] ?? 'it said nothing'
	return error.replace(messagePrefix, '')
}

/** Where the record or page that cannot be read stands. What `error in WAL record at` names is the last record that could be, and only better than nothing. */
function placeOf(message: string, given: Given): Lsn | undefined {
	const detail = message.replace(placeOfRecord, '')
	const exact = placeAfterAt.exec(detail)?.[1] ?? pageLsn.exec(detail)?.[1]
	if (exact !== undefined) return parseLsn(exact)
	const [, name, offset] = pageOffset.exec(detail) ?? []
	const segment = given.segments.find(candidate => candidate.name === name)
	if (segment !== undefined) return lsnAt(segment.number * BigInt(given.walSegmentBytes) + BigInt(offset ?? 0))
	return parseLsn(placeOfRecord.exec(message)?.[1] ?? '')
}

function nameIn(text: string | undefined): string | undefined {
	const name = text?.slice(text.lastIndexOf('/') + 1)
	return name !== undefined && isSegmentFileName(name) ? name : undefined
}

function segmentAt(lsn: Lsn | undefined, {segments, walSegmentBytes}: Given): string | undefined {
	if (lsn === undefined) return undefined
	const number = segmentNumberOf(lsn, walSegmentBytes)
	return segments.find(segment => segment.number === number)?.name
}

function at(lsn: Lsn | undefined): string {
	return lsn === undefined ? '' : ` at ${formatLsn(lsn)}`
}

function inSegment(segment: string | undefined): string {
	return segment === undefined ? '' : ` in segment ${segment}`
}
