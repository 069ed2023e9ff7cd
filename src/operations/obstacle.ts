import type {WalChain} from '../domain/archive/survey.ts'
import {ArchiveGapError} from '../domain/errors.ts'
import type {DecodedPath} from '../domain/recovery/path.ts'
import {formatLsn} from '../domain/wal/lsn.ts'

/**
 * Why what was looked for may stand where replay cannot get: behind a damaged segment or a hole. A hole is not the end of the
 * archive. undefined where the archive was decoded to its end.
 */
export function obstacleTo(
	why: string,
	{chain, warnings}: Pick<DecodedPath, 'chain' | 'warnings'>,
	nearest: readonly string[] = [],
): ArchiveGapError | undefined {
	if (warnings.length > 0) {
		return new ArchiveGapError(`${why}; ${warnings.join('; ')}`, [
			'look for an undamaged copy of that segment in pg_wal of the old primary and of every standby',
			...nearest,
		])
	}
	if (chain.gap === undefined) return undefined
	const {missingCount, firstMissing} = chain.gap
	return new ArchiveGapError(
		`${why}; ${missingCount} WAL segment(s) are missing from the archive, the first is ${firstMissing}`,
		[...gapAdvice(chain.gap), ...nearest],
	)
}

/** What to do about a hole. */
export function gapAdvice({firstMissing, lastReachableLsn}: NonNullable<WalChain['gap']>): readonly string[] {
	return [
		`look for ${firstMissing} in pg_wal of the old primary and of every standby, and copy it into the archive`,
		`or choose a target before ${formatLsn(lastReachableLsn)}, the last position replay can reach`,
	]
}
