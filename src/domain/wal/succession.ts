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

/**
 * Where the first record that begins in or after a segment stands, from the long header of its first page: a record
 * that crosses into the segment is stepped over (xlp_rem_len). It can lie in a later segment when that record is long.
 */
export function firstRecordLsn(header: Uint8Array, walSegmentBytes: number): Lsn {
	const view = new DataView(header.buffer, header.byteOffset, longPageHeaderBytes)
	const behindHeader = advanceLsn(lsnAt(view.getBigUint64(8, true)), longPageHeaderBytes)
	if ((view.getUint16(2, true) & firstIsContinuation) === 0) return behindHeader
	const remainingBytes = view.getUint32(16, true)
	return recordStartAfter(recordEndLsn(behindHeader, remainingBytes, walSegmentBytes), walSegmentBytes)
}
