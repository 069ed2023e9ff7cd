import {z} from 'zod'

/** The documents of `--json` as cli.md fixes them: every field with its spelling, and how its value is written. */

/** Without zero padding in either half. */
const lsn = z.string().regex(/^(0|[1-9A-F][0-9A-F]{0,7})\/(0|[1-9A-F][0-9A-F]{0,7})$/)
/** RFC 3339 UTC with six digits. */
const instant = z.string().regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/)
const xid = z.int().min(3).max(0xffff_ffff)
const timeline = z.int().min(1)
const bytes = z.int().min(0)
const ms = z.number().min(0)
const segment = z.string().regex(/^[0-9A-F]{24}$/)
const text = z.string().min(1)

const finding = z.object({
	code: text,
	severity: z.enum(['error', 'warning', 'info']),
	timeline: timeline.nullable(),
	segment: segment.nullable(),
	count: z.int().nullable(),
	message: text,
	whatToDo: z.array(text).min(1),
})

export const surveyDocument = z.object({
	source: z.object({
		location: text,
		layout: z.enum(['plain', 'pgbackrest', 'barman', 'barman-cloud', 'walg']),
		store: z.enum(['local', 's3']),
	}),
	cluster: z.object({
		systemIdentifier: z.string().regex(/^\d{19,20}$/),
		postgresMajor: z.int().min(13).max(18),
		walSegmentBytes: bytes,
	}),
	timelines: z.array(
		z.object({
			id: timeline,
			parent: timeline.nullable(),
			switchLsn: lsn.nullable(),
			reason: text.nullable(),
			firstSegment: segment.nullable(),
			lastSegment: segment.nullable(),
			segmentCount: z.int(),
		}),
	),
	backups: z.array(
		z.object({
			id: text,
			kind: z.enum(['full', 'differential', 'incremental']),
			timeline,
			startLsn: lsn,
			stopLsn: lsn.nullable(),
			stoppedAt: instant.nullable(),
			bytes,
			location: text,
			usable: z.boolean(),
			whyNot: text.nullable(),
		}),
	),
	coverage: z.array(
		z.object({
			backup: text,
			timeline,
			fromLsn: lsn,
			fromAt: instant.nullable(),
			toLsn: lsn,
			toAt: instant.nullable(),
		}),
	),
	findings: z.array(finding),
})

export const boundariesDocument = z.object({
	around: instant,
	window: z.object({from: instant, to: instant}),
	timeline,
	segmentsRead: z.int(),
	names: z.object({source: z.enum(['primary', 'none']), problem: text.nullable()}),
	boundaries: z.array(
		z.object({
			kind: z.enum(['commit', 'abort', 'commit-prepared', 'abort-prepared', 'restore-point']),
			lsn,
			xid: xid.nullable(),
			at: instant.nullable(),
			firstLsn: lsn.nullable(),
			durationMs: ms.nullable(),
			walBytes: bytes.nullable(),
			tables: z.array(
				z.object({
					name: text,
					database: text.nullable(),
					relation: z.string().regex(/^\d+\/\d+\/\d+$/),
					inserted: z.int(),
					updated: z.int(),
					deleted: z.int(),
				}),
			),
			dropped: z.array(text),
			truncated: z.array(text),
			subxids: z.array(xid),
			gid: text.nullable(),
			name: text.nullable(),
			suspicion: z.object({rank: z.int().min(1), why: text}).nullable(),
		}),
	),
})

const namedBoundary = z.object({lsn, xid, at: instant})

export const planDocument = z.object({
	recovery: text,
	target: z.object({
		kind: z.enum(['lsn', 'xid', 'time', 'restore-point', 'immediate', 'latest']),
		value: text,
		inclusive: z.boolean(),
		timeline,
	}),
	stop: z.object({lsn, lastKept: namedBoundary.nullable(), firstLost: namedBoundary.nullable()}),
	inFlight: z.array(
		z.object({
			xid,
			firstLsn: lsn,
			outcome: z.enum(['commit', 'abort', 'commit-prepared', 'abort-prepared', 'unknown']),
		}),
	),
	preparedInDoubt: z.array(text),
	lost: z.object({
		commits: z.int(),
		untilAt: instant.nullable(),
		tables: z.array(z.object({name: text, inserted: z.int(), updated: z.int(), deleted: z.int()})),
	}),
	backup: z.object({id: text, why: text, rejected: z.array(z.object({id: text, why: text}))}),
	estimate: z.object({copyMs: ms, replayMs: ms, totalMs: ms, lowMs: ms, highMs: ms, basis: text}),
	settings: z.array(z.tuple([text, z.string()])),
	disarmed: z.array(text),
	steps: z.array(z.object({id: text, what: text, command: z.array(z.string()).min(1), irreversible: z.boolean()})),
	findings: z.array(
		z.object({code: text, severity: z.enum(['error', 'warning', 'info']), message: text, whatToDo: z.array(text)}),
	),
	destination: text,
})

/** What `status` says, and the `held` and `promoted` events. */
export const statusDocument = z.object({
	recovery: text,
	phase: z.enum(['copying', 'replaying', 'held', 'promoting', 'promoted', 'failed', 'abandoned']),
	stoppedAtLsn: lsn.nullable(),
	provenExact: z.boolean(),
	dataDirectory: text,
	socketDirectory: text,
	port: z.int(),
	user: text,
	connect: z.array(text).min(7),
	timeline,
	runbook: text,
})

const error = z.object({code: text, message: text, whatToDo: z.array(text).min(1)})

const progress = {
	event: z.literal('progress'),
	doneBytes: bytes,
	totalBytes: bytes,
	bytesPerSecond: z.int().nullable(),
	etaMs: z.int().nullable(),
}

/** One line of the stream of `restore`. */
export const restoreEvent = z.discriminatedUnion('event', [
	z.object({event: z.literal('started'), recovery: text, destination: text}),
	z.object({event: z.literal('step'), step: text, state: z.enum(['started', 'finished'])}),
	z.discriminatedUnion('phase', [
		z.object({phase: z.literal('copying'), ...progress}),
		z.object({
			phase: z.literal('replaying'),
			...progress,
			replayLsn: lsn.nullable(),
			replayedAt: instant.nullable(),
			segmentsAhead: z.int(),
			bottleneck: text,
		}),
	]),
	z.object({
		event: z.literal('check'),
		name: text,
		outcome: z.enum(['passed', 'failed', 'noted']),
		expected: text,
		found: text,
	}),
	statusDocument.extend({event: z.literal('held'), phase: z.literal('held')}),
	statusDocument.extend({event: z.literal('promoted'), phase: z.literal('promoted')}),
	z.object({event: z.literal('failed'), phase: text, recovery: text.nullable(), leaves: z.array(text), error}),
])

export const runbookDocument = z.object({
	recovery: text,
	phase: text,
	events: z.array(z.object({event: text, at: instant})),
})

export const errorDocument = z.object({error})
