import {chainFrom} from '../domain/archive/chain.ts'
import type {BaseBackup} from '../domain/archive/survey.ts'
import {TimelineUnreachableError, WaldumpFailedError} from '../domain/errors.ts'
import type {RelationNames} from '../domain/names.ts'
import {backupToDecodeFrom, type DecodeNeed, historyOf} from '../domain/recovery/backup-choice.ts'
import type {DecodedPath} from '../domain/recovery/path.ts'
import type {Lsn} from '../domain/wal/lsn.ts'
import type {Boundary, RelationKey} from '../domain/wal/record.ts'
import {segmentStartLsn} from '../domain/wal/segment.ts'
import type {TimelineHistory, TimelineId} from '../domain/wal/timeline.ts'
import {timelineAt} from '../domain/wal/timeline.ts'
import type {OpenedArchive, World} from '../ports.ts'
import {decodeChain} from './decode.ts'

/** Which stretch of the archive to decode. */
export interface FindRequest extends DecodeNeed {
	/** The newest timeline of the archive when absent. */
	readonly timeline?: TimelineId
}

/** What is told while decoding goes on. */
export type FindNews =
	| {readonly type: 'started'; readonly backup: BaseBackup | undefined; readonly segmentCount: number}
	| {
			readonly type: 'decoded'
			readonly boundaries: readonly Boundary[]
			readonly uptoLsn: Lsn
			readonly segmentsRead: number
	  }
	| {readonly type: 'names'; readonly names: RelationNames}

/** Decodes from a base backup to the end of the archive, telling boundaries as they come, then asks for the names of what they touched. */
export async function decodePath(
	world: Pick<World, 'wal' | 'names'>,
	{store, survey}: OpenedArchive,
	request: FindRequest,
	{signal, onNews = () => {}}: {readonly signal?: AbortSignal; readonly onNews?: (news: FindNews) => void} = {},
): Promise<DecodedPath> {
	const history = historyOf(survey, request.timeline)
	if (history === undefined) {
		throw new TimelineUnreachableError(
			request.timeline === undefined
				? 'the archive holds no WAL segment'
				: `timeline ${request.timeline} is not in the archive`,
			[`timelines that are: ${survey.timelines.map(summary => summary.history.timeline).join(', ') || 'none'}`],
		)
	}
	const backup = backupToDecodeFrom(survey, history, request)
	const startLsn = backup?.startLsn ?? firstLsnOf(survey.segments, history, survey.cluster.walSegmentBytes)
	const chain = chainFrom(survey, history, startLsn)
	onNews({type: 'started', backup, segmentCount: chain.segments.length})
	const decoding = decodeChain({
		world,
		store,
		cluster: survey.cluster,
		chain,
		startLsn,
		...(signal === undefined ? {} : {signal}),
	})
	const askNames = async (boundaries: readonly Boundary[]) => {
		const names = await world.names.namesOf(touchedRelations(boundaries), signal, survey.cluster.systemIdentifier)
		onNews({type: 'names', names})
		return names
	}
	let segmentsRead = 0
	let firstNames: Promise<unknown> | undefined
	for (;;) {
		const step = await decoding.next()
		if (step.done) {
			const {wal, warnings} = step.value
			await firstNames
			return {history, backup, chain, wal, segmentsRead, names: await askNames(wal.boundaries), warnings}
		}
		const {boundaries} = step.value
		segmentsRead = step.value.segmentsRead
		onNews({type: 'decoded', ...step.value})
		// The rows are on the screen long before decoding ends: what the first ones touched gets its names meanwhile. It rejects
		// with the signal's reason alone, with which decoding ends too.
		if (boundaries.length > 0) firstNames ??= askNames(boundaries).catch(() => {})
	}
}

/** First LSN of the oldest segment from which the chain to the history's end is read when there is no backup to start from. */
function firstLsnOf(
	segments: OpenedArchive['survey']['segments'],
	history: TimelineHistory,
	walSegmentBytes: number,
): Lsn {
	const onPath = segments.filter(
		segment => timelineAt(history, segmentStartLsn(segment.number, walSegmentBytes)) === segment.timeline,
	)
	const first = onPath.reduce<(typeof onPath)[number] | undefined>(
		(lowest, segment) => (lowest === undefined || segment.number < lowest.number ? segment : lowest),
		undefined,
	)
	if (first === undefined)
		throw new WaldumpFailedError(`no segment of timeline ${history.timeline} can be read`, [
			'lastgood survey shows what is wrong with each',
		])
	return segmentStartLsn(first.number, walSegmentBytes)
}

function touchedRelations(boundaries: readonly Boundary[]): readonly RelationKey[] {
	const relations = new Set<RelationKey>()
	for (const boundary of boundaries) {
		if (boundary.kind === 'restore-point' || boundary.kind === 'prepare') continue
		for (const row of boundary.work.rows) relations.add(row.relation)
		for (const relation of [...boundary.work.dropped, ...boundary.work.truncated]) relations.add(relation)
	}
	return [...relations]
}
