import {z} from 'zod'
import {instantJson, lsnJson, timelineJson} from '../json.ts'
import {describeCount} from '../text.ts'
import type {RecoveryTarget} from './target.ts'

const boundaryNamed = z.object({
	lsn: lsnJson,
	/** End of the record. */
	endLsn: lsnJson,
	xid: z.number(),
	at: instantJson,
})

const tableRows = z.object({
	name: z.string(),
	database: z.string().nullable(),
	relation: z.string(),
	inserted: z.number(),
	updated: z.number(),
	deleted: z.number(),
})

const targetJson = z.object({
	kind: z.enum(['lsn', 'xid', 'time', 'restore-point', 'immediate', 'latest']),
	value: z.string(),
	inclusive: z.boolean(),
	timeline: timelineJson,
})

const findingJson = z.object({
	code: z.string(),
	severity: z.enum(['error', 'warning', 'info']),
	message: z.string(),
	whatToDo: z.array(z.string()),
})

/** Steps of a restore, in the order in which they are carried out. */
export const planStepIds = [
	'create-directories',
	'copy-base-backup',
	'disarm',
	'write-configuration',
	'check-configuration',
	'start-server',
	'replay',
	'check',
	'promote',
] as const

export type PlanStepId = (typeof planStepIds)[number]

const planStep = z.object({
	id: z.enum(planStepIds),
	what: z.string(),
	/** `program`: exactly this command is run. `lastgood`: lastgood does it itself, and the command is how to do it by hand. */
	by: z.enum(['program', 'lastgood']),
	command: z.array(z.string()),
	irreversible: z.boolean(),
})

/** How a file of the archive is packed: its first bytes decide, not its suffix, so the name does not tell. */
const codec = z.enum(['none', 'gzip', 'zstd', 'lz4', 'bzip2', 'xz'])

/** A run of segments that lie in one folder with one suffix, packed alike: `fetch-wal` serves these and nothing else. */
const walRun = z.object({
	timeline: timelineJson,
	directory: z.string(),
	suffix: z.string(),
	codec,
	firstSegment: z.string(),
	lastSegment: z.string(),
	count: z.number(),
	bytes: z.number(),
})

/**
 * A restore, decided: what is shown, exported, executed and told in the runbook is this one value.
 * It holds no secret: the connection to the primary is not part of it.
 */
export const restorePlanJson = z.object({
	version: z.literal(1),
	recovery: z.string(),
	plannedAt: instantJson,
	source: z.object({location: z.string(), layout: z.string(), store: z.string()}),
	cluster: z.object({systemIdentifier: z.string(), postgresMajor: z.number(), walSegmentBytes: z.number()}),
	target: targetJson,
	/** What a promotion would open: the first number after the target's timeline that the archive does not have (findNewestTimeLine). */
	newTimeline: z.number(),
	stop: z.object({
		/** Every record that starts before it is applied, none from it on. */
		lsn: lsnJson,
		/** What pg_last_wal_replay_lsn() must say at the stop, up to page headers; null where only the stop itself is known. */
		replayEndLsn: lsnJson.nullable(),
		lastKept: boundaryNamed.nullable(),
		firstLost: boundaryNamed.nullable(),
	}),
	inFlight: z.array(
		z.object({
			xid: z.number(),
			firstLsn: lsnJson,
			outcome: z.enum(['commit', 'abort', 'commit-prepared', 'abort-prepared', 'unknown']),
		}),
	),
	preparedInDoubt: z.array(z.string()),
	kept: z.object({commits: z.number()}),
	lost: z.object({commits: z.number(), untilAt: instantJson.nullable(), tables: z.array(tableRows)}),
	backup: z.object({
		id: z.string(),
		why: z.string(),
		location: z.string(),
		timeline: timelineJson,
		startLsn: lsnJson,
		consistentLsn: lsnJson,
		stoppedAt: instantJson.nullable(),
		bytes: z.number(),
		files: z.number(),
		rejected: z.array(z.object({id: z.string(), why: z.string()})),
	}),
	wal: z.object({
		runs: z.array(walRun),
		histories: z.array(z.object({name: z.string(), path: z.string(), codec})),
		segmentCount: z.number(),
		/** Bytes of WAL that replay reads from the redo point to the stop. */
		replayBytes: z.number(),
	}),
	destination: z.string(),
	/** Whether the destination folder was there, empty, before: abandoning leaves it so. */
	destinationExisted: z.boolean(),
	workDirectory: z.string(),
	socketDirectory: z.string(),
	port: z.number(),
	serverUser: z.object({name: z.string(), uid: z.number(), gid: z.number(), home: z.string()}),
	programs: z.object({directory: z.string(), version: z.string()}),
	/** Role that the restored cluster is reached as: the bootstrap superuser of the backup. */
	superuser: z.string(),
	/** psql as the operator can call it. */
	psql: z.string(),
	/** The restored server's whole postgresql.conf, in order. */
	settings: z.array(z.tuple([z.string(), z.string()])),
	disarmed: z.array(z.string()),
	steps: z.array(planStep),
	estimate: z.object({
		copyMs: z.number(),
		replayMs: z.number(),
		totalMs: z.number(),
		lowMs: z.number(),
		highMs: z.number(),
		basis: z.string(),
	}),
	findings: z.array(findingJson),
	/** What the operator reported, when the plan began with an incident. */
	incident: z.object({typed: z.string(), at: instantJson, zone: z.string()}).nullable(),
})

export type RestorePlan = z.output<typeof restorePlanJson>
export type PlanStep = RestorePlan['steps'][number]
export type NamedBoundary = z.output<typeof boundaryNamed>
export type PlannedTableRows = z.output<typeof tableRows>
export type WalRun = z.output<typeof walRun>

/** The plan as `plan --json` prints it and the journal keeps it. */
export function planToJson(plan: RestorePlan): unknown {
	return z.encode(restorePlanJson, plan)
}

export type PlanReading =
	| {readonly ok: true; readonly plan: RestorePlan}
	| {readonly ok: false; readonly problem: string}

/** Reads a plan back from its JSON. */
export function planFromJson(value: unknown): PlanReading {
	const result = z.safeDecode(restorePlanJson, value as z.input<typeof restorePlanJson>)
	if (result.success) return {ok: true, plan: result.data}
	const [first] = result.error.issues
	return {ok: false, problem: `${first?.path.join('.') || 'the document'}: ${first?.message ?? 'it is no plan'}`}
}

/** The word that the operator types to start: the destination's own name. */
export function confirmationWord(plan: RestorePlan): string {
	return plan.destination.split('/').findLast(part => part !== '') ?? plan.destination
}

/** The target as the plan states it. */
export function plannedTarget(target: RecoveryTarget, value: string): RestorePlan['target'] {
	return {kind: target.kind, value, inclusive: 'inclusive' in target && target.inclusive, timeline: target.timeline}
}

/** The steps of a plan in order, with the command of each as it is run or as it would be done by hand. */
export function planSteps(plan: RestorePlan): PlanStep[] {
	const {destination, workDirectory, socketDirectory, programs} = plan
	const configuration = `config_file=${workDirectory}/postgresql.conf`
	const step = (
		id: PlanStepId,
		what: string,
		by: PlanStep['by'],
		command: string[],
		irreversible = false,
	): PlanStep => ({id, what, by, command, irreversible})
	return [
		step(
			'create-directories',
			'make the destination and, beside it, the folder for configuration, log and socket',
			'lastgood',
			['install', '-d', '-m', '0700', '-o', plan.serverUser.name, destination, workDirectory, socketDirectory],
		),
		step('copy-base-backup', `copy base backup ${plan.backup.id}, verified against its manifest`, 'lastgood', [
			'rsync',
			'-a',
			'--exclude=/pg_wal/*',
			'--exclude=/pg_replslot/*',
			'--exclude=/postmaster.*',
			`${plan.backup.location}/`,
			destination,
		]),
		step('disarm', 'take out what would connect, stream or stop it: standby.signal, postgresql.auto.conf', 'lastgood', [
			'rm',
			'-f',
			`${destination}/standby.signal`,
			`${destination}/postgresql.auto.conf`,
			`${destination}/postmaster.pid`,
		]),
		step('write-configuration', 'write the configuration beside it, and recovery.signal', 'lastgood', [
			'touch',
			`${destination}/recovery.signal`,
		]),
		step('check-configuration', 'let the server read its configuration without starting', 'program', [
			`${programs.directory}/postgres`,
			'-D',
			destination,
			'-c',
			configuration,
			'-C',
			'recovery_target_action',
		]),
		step(
			'start-server',
			`start PostgreSQL ${programs.version} as ${plan.serverUser.name}, on its private socket`,
			'program',
			[`${programs.directory}/postgres`, '-D', destination, '-c', configuration],
		),
		step(
			'replay',
			`replay ${describeCount(plan.wal.segmentCount, 'WAL segment')} up to the target and hold there`,
			'lastgood',
			[
				plan.psql,
				'-h',
				socketDirectory,
				'-p',
				String(plan.port),
				'-U',
				plan.superuser,
				'-d',
				'postgres',
				'-c',
				'select pg_last_wal_replay_lsn()',
			],
		),
		step('check', 'check the data; nothing can be changed', 'lastgood', [
			plan.psql,
			'-h',
			socketDirectory,
			'-p',
			String(plan.port),
			'-U',
			plan.superuser,
		]),
		step(
			'promote',
			'promote: opens it for writes on a new timeline',
			'program',
			[`${programs.directory}/pg_ctl`, '-D', destination, '-W', 'promote'],
			true,
		),
	]
}
