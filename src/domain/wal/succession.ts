import type {Lsn} from './lsn.ts'
import {advanceLsn, lsnAt} from './lsn.ts'
import type {WalRecord} from './record.ts'
import {longPageHeaderBytes, recordEndLsn, recordStartAfter} from './segment.ts'

/** End LSN of a record, what `pg_last_wal_replay_lsn()` says once it is applied. A SWITCH ends with its segment (xlogreader.c). */
export function endLsnOf(
	record: Pick<WalRecord, 'lsn' | 'totalBytes' | 'rmgr' | 'type'>,
	walSegmentBytes: number,
): Lsn {
	const end = recordEndLsn(record.lsn, record.totalBytes, walSegmentBytes)
	if (record.rmgr !== 'XLOG' || record.type !== 'SWITCH') return end
	const intoSegment = Number(end % BigInt(walSegmentBytes))
	return intoSegment === 0 ? end : advanceLsn(end, walSegmentBytes - intoSegment)
}

/** Where the record after this one begins. */
export function nextRecordLsn(
	record: Pick<WalRecord, 'lsn' | 'totalBytes' | 'rmgr' | 'type'>,
	walSegmentBytes: number,
): Lsn {
	return recordStartAfter(endLsnOf(record, walSegmentBytes), walSegmentBytes)
}

const firstIsContinuation = 0x0001

/** Where records part at the beginning of a segment: the one before ends at `endLsn`, the next begins at `startLsn`. */
export interface Seam {
	readonly endLsn: Lsn
	/** Behind `endLsn` and, at a page, its header. */
	readonly startLsn: Lsn
}

/**
 * The first seam in or after a segment, from the long header of its first page: a record that crosses into the segment is
 * stepped over (xlp_rem_len). It can lie in a later segment when that record is long.
 */
export function firstSeam(header: Uint8Array, walSegmentBytes: number): Seam {
	const view = new DataView(header.buffer, header.byteOffset, longPageHeaderBytes)
	const segmentStart = lsnAt(view.getBigUint64(8, true))
	const crosses = (view.getUint16(2, true) & firstIsContinuation) !== 0
	const endLsn = crosses
		? recordEndLsn(advanceLsn(segmentStart, longPageHeaderBytes), view.getUint32(16, true), walSegmentBytes)
		: segmentStart
	return {endLsn, startLsn: recordStartAfter(endLsn, walSegmentBytes)}
}
