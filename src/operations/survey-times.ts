import type {CoverageSpan, SpanTimes} from '../domain/archive/coverage.ts'
import type {ArchivedSegment, ClusterIdentity, WalChain} from '../domain/archive/survey.ts'
import {OperatorError} from '../domain/errors.ts'
import type {UtcInstant} from '../domain/time.ts'
import {createBoundaryFold} from '../domain/wal/boundaries.ts'
import type {Lsn} from '../domain/wal/lsn.ts'
import {formatLsn} from '../domain/wal/lsn.ts'
import type {WalRecord} from '../domain/wal/record.ts'
import {segmentNumberOf} from '../domain/wal/segment.ts'
import {endLsnOf} from '../domain/wal/succession.ts'
import {createWaldumpParser} from '../domain/wal/waldump-text.ts'
import type {ArchiveStore, World} from '../ports.ts'

/** Segments that are decoded at most to find a commit: an idle cluster archives many without one. */
const mostSegments = 64

/** Where the WAL is read from. */
export interface WalAccess {
	readonly world: Pick<World, 'wal'>
	readonly store: ArchiveStore
	readonly cluster: ClusterIdentity
	readonly signal: AbortSignal | undefined
}

/** Reads commit times at the ends of spans; spans that begin or end alike are read once. A part of the WAL that cannot be decoded tells no time. */
export function createTimeReader(access: WalAccess): (span: CoverageSpan) => Promise<SpanTimes> {
	const known = new Map<string, Promise<UtcInstant | undefined>>()
	const once = (key: string, read: () => Promise<UtcInstant | undefined>) => {
		const reading = known.get(key) ?? read()
		known.set(key, reading)
		return reading
	}
	return async ({chain, fromLsn, toLsn}) => ({
		fromAt: await once(`from ${chain.history.timeline} ${fromLsn}`, () => firstCommitAfter(access, chain, fromLsn)),
		toAt: await once(`to ${chain.segments.at(-1)?.name} ${fromLsn > toLsn}`, () => lastCommit(access, chain)),
	})
}

async function firstCommitAfter(access: WalAccess, chain: WalChain, fromLsn: Lsn): Promise<UtcInstant | undefined> {
	const from = segmentNumberOf(fromLsn, access.cluster.walSegmentBytes)
	const ahead = chain.segments.filter(segment => segment.number >= from)
	for (const run of timelineRuns(ahead.slice(0, mostSegments))) {
		for await (const commits of commitsOf(access, run)) {
			const first = commits.find(commit => commit.endLsn > fromLsn)
			if (first !== undefined) return first.at
		}
	}
	return undefined
}

async function lastCommit(access: WalAccess, chain: WalChain): Promise<UtcInstant | undefined> {
	for (const run of timelineRuns(chain.segments.slice(-mostSegments)).reverse()) {
		// Always up to the run's end, and twice as far back each time: a commit record may cross from one segment into the next.
		for (let count = 1; ; count *= 2) {
			let last: UtcInstant | undefined
			for await (const commits of commitsOf(access, run.slice(-count))) last = commits.at(-1)?.at ?? last
			if (last !== undefined) return last
			if (count >= run.length) break
		}
	}
	return undefined
}

interface Commit {
	readonly at: UtcInstant
	readonly endLsn: Lsn
}

async function* commitsOf(access: WalAccess, segments: readonly ArchivedSegment[]): AsyncGenerator<readonly Commit[]> {
	const {walSegmentBytes, postgresMajor} = access.cluster
	const fold = createBoundaryFold({walSegmentBytes, postgresMajor})
	for await (const records of recordsOf(access, segments, 'Transaction')) {
		yield fold
			.take(records)
			.flatMap(boundary =>
				boundary.kind === 'commit' || boundary.kind === 'commit-prepared'
					? [{at: boundary.at, endLsn: boundary.endLsn}]
					: [],
			)
	}
}

/** Records of one resource manager; they end early where pg_waldump cannot read on. */
async function* recordsOf(
	{world, store, cluster, signal}: WalAccess,
	segments: readonly ArchivedSegment[],
	rmgr: string,
): AsyncGenerator<readonly WalRecord[]> {
	const {walSegmentBytes, postgresMajor} = cluster
	const parser = createWaldumpParser({filtered: true, walSegmentBytes})
	try {
		const run = await world.wal.dump({
			store,
			postgresMajor,
			walSegmentBytes,
			segments,
			rmgrs: [rmgr],
			...(signal === undefined ? {} : {signal}),
		})
		// Nobody waits for the ending of a decode that is left early.
		run.ended.catch(() => {})
		for await (const text of run.text) {
			const records = parser.push(text)
			if (records.length > 0) yield records
		}
		yield parser.finish()
	} catch (error) {
		// The survey says what it could learn; whoever decodes this part in full is told why it cannot be read.
		if (!(error instanceof OperatorError)) throw error
	}
}

/**
 * End of a base backup as the WAL tells it: of the record that names its start (§5.4). For a backup without a manifest, whose `.backup` file is
 * not in the archive. A backup of a standby leaves no such record.
 */
export async function backupEndInWal(access: WalAccess, chain: WalChain, startLsn: Lsn): Promise<Lsn | undefined> {
	for (const run of timelineRuns(chain.segments)) {
		for await (const records of recordsOf(access, run, 'XLOG')) {
			const end = records.find(
				record => record.type === 'BACKUP_END' && record.description.trim() === formatLsn(startLsn),
			)
			if (end !== undefined) return endLsnOf(end, access.cluster.walSegmentBytes)
		}
	}
	return undefined
}

/** Segments in groups of one timeline each: pg_waldump reads no further than one. */
function timelineRuns(segments: readonly ArchivedSegment[]): ArchivedSegment[][] {
	const runs: ArchivedSegment[][] = []
	for (const segment of segments) {
		const run = runs.at(-1)
		if (run?.[0]?.timeline === segment.timeline) run.push(segment)
		else runs.push([segment])
	}
	return runs
}
