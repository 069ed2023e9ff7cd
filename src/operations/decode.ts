import type {ClusterIdentity, Finding, WalChain} from '../domain/archive/survey.ts'
import {WaldumpFailedError} from '../domain/errors.ts'
import {createBoundaryFold} from '../domain/wal/boundaries.ts'
import type {Lsn} from '../domain/wal/lsn.ts'
import {formatLsn} from '../domain/wal/lsn.ts'
import type {Boundary, DecodedWal} from '../domain/wal/record.ts'
import {segmentNumberOf} from '../domain/wal/segment.ts'
import {describeEnding, type EndingVerdict, judgeEnding} from '../domain/wal/waldump-ending.ts'
import {createWaldumpParser} from '../domain/wal/waldump-text.ts'
import type {ArchiveStore, World} from '../ports.ts'

/** What was decoded since the batch before. */
export interface DecodeBatch {
	/** In WAL order; none where a stretch holds none. */
	readonly boundaries: readonly Boundary[]
	/** Start of the last record read. */
	readonly uptoLsn: Lsn
	readonly segmentsRead: number
	readonly segmentCount: number
}

/** The whole of what was decoded, and what stood in the way of more. */
export interface Decoded {
	readonly wal: DecodedWal
	readonly findings: readonly Finding[]
	/** The findings in one sentence each. */
	readonly warnings: readonly string[]
}

export interface DecodeRequest {
	readonly world: Pick<World, 'wal'>
	readonly store: ArchiveStore
	readonly cluster: Pick<ClusterIdentity, 'postgresMajor' | 'walSegmentBytes'>
	readonly chain: Pick<WalChain, 'segments' | 'gap'>
	/** Where replay would begin, in the first segment of the chain: boundaries before it are left out. The whole segment counts when absent. */
	readonly startLsn?: Lsn
	/** Whether the chain's last segment is the last that the archive has; told by `gap` when absent. */
	readonly isEndOfArchive?: boolean
	readonly signal?: AbortSignal
}

const batchMs = 50
const batchBoundaries = 500

/**
 * Decodes a chain of segments, over forks too, and gives its boundaries as they come, about every 50 ms. What cannot be read
 * ends the decoding and becomes a finding. Throws WaldumpFailedError when not one record could be read, and what the reader throws.
 */
export async function* decodeChain(request: DecodeRequest): AsyncGenerator<DecodeBatch, Decoded> {
	const {world, store, cluster, chain, startLsn, signal} = request
	const {segments} = chain
	const {walSegmentBytes, postgresMajor} = cluster
	const first = segments[0]
	if (first === undefined) {
		throw new WaldumpFailedError('there is no WAL segment to decode', [
			'lastgood survey shows which segments the archive holds',
		])
	}
	const run = await world.wal.dump({
		store,
		postgresMajor,
		walSegmentBytes,
		segments,
		...(signal === undefined ? {} : {signal}),
	})
	const parser = createWaldumpParser({filtered: false, walSegmentBytes})
	const fold = createBoundaryFold({
		walSegmentBytes,
		postgresMajor,
		...(startLsn === undefined ? {} : {fromLsn: startLsn}),
	})
	const segmentsUpTo = (lsn: Lsn) => Number(segmentNumberOf(lsn, walSegmentBytes) - first.number) + 1

	const all: Boundary[] = []
	let fresh: Boundary[] = []
	const keep = (boundaries: readonly Boundary[]) => {
		for (const boundary of boundaries) {
			all.push(boundary)
			fresh.push(boundary)
		}
	}
	const batch = (): DecodeBatch | undefined => {
		const uptoLsn = fold.lastLsn
		if (uptoLsn === undefined) return undefined
		const boundaries = fresh
		fresh = []
		return {boundaries, uptoLsn, segmentsRead: segmentsUpTo(uptoLsn), segmentCount: segments.length}
	}

	let toldAtMs = performance.now()
	for await (const text of run.text) {
		keep(fold.take(parser.push(text)))
		if (fresh.length < batchBoundaries && performance.now() - toldAtMs < batchMs) continue
		const news = batch()
		if (news !== undefined) yield news
		toldAtMs = performance.now()
	}
	keep(fold.take(parser.finish()))
	const ending = await run.ended
	const verdict = judgeEnding(ending, {
		isEndOfArchive: request.isEndOfArchive ?? chain.gap === undefined,
		walSegmentBytes,
		segments,
	})
	const wal = fold.decoded(all)
	if (wal === undefined) throw nothingRead(verdict, first.name)
	const news = batch()
	if (news !== undefined) yield {...news, segmentsRead: isWhole(verdict) ? segments.length : news.segmentsRead}
	const findings = findingsOf(verdict, wal.endLsn)
	return {wal, findings, warnings: findings.map(finding => finding.message)}
}

function isWhole(verdict: EndingVerdict): boolean {
	return verdict.kind === 'complete' || verdict.kind === 'end-of-wal'
}

function findingsOf(verdict: EndingVerdict, endLsn: Lsn): readonly Finding[] {
	if (isWhole(verdict)) return []
	const segment = 'segment' in verdict ? verdict.segment : undefined
	return [
		{
			code: 'segment-unreadable',
			severity: 'error',
			...(segment === undefined ? {} : {segment}),
			message: `${describeEnding(verdict)}; the WAL is decoded up to ${formatLsn(endLsn)}`,
			whatToDo: [
				`look for an intact copy of ${segment ?? 'the segment'} in pg_wal of the old primary and of every standby`,
				`or choose a target before ${formatLsn(endLsn)}: replay cannot get past it`,
			],
		},
	]
}

function nothingRead(verdict: EndingVerdict, firstSegment: string): WaldumpFailedError {
	return new WaldumpFailedError(`no WAL record of ${firstSegment} or after could be read: ${describeEnding(verdict)}`, [
		'lastgood survey shows what is wrong with each segment',
		`look for an intact copy of ${firstSegment} in pg_wal of the old primary and of every standby`,
	])
}
