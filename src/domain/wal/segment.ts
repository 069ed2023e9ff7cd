import type {Lsn} from './lsn.ts'
import {advanceLsn, lsnAt} from './lsn.ts'
import type {TimelineId} from './timeline.ts'
import {parseTimelineHex, timelineHex} from './timeline.ts'

/** Position of a WAL segment on its timeline, counted from 0 (the first one that exists is 1). */
export type SegmentNumber = bigint & {readonly __segmentNumber: true}

/** One WAL segment: which timeline, which place. */
export interface SegmentRef {
	readonly timeline: TimelineId
	readonly number: SegmentNumber
}

/** Size of a WAL page (XLOG_BLCKSZ, fixed when PostgreSQL is built; 8 kB everywhere it is packaged). */
export const walPageBytes = 8192
const shortPageHeaderBytes = 24
/** Size of the page header that opens every segment; it holds all that identifies the segment. */
export const longPageHeaderBytes = 40
const recordHeaderBytes = 24

const segmentName = /^([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})$/

/** The segment number of this place. */
export function segmentNumberAt(place: bigint): SegmentNumber {
	return place as SegmentNumber
}

/** The segment that holds the byte at this LSN. */
export function segmentNumberOf(lsn: Lsn, walSegmentBytes: number): SegmentNumber {
	return segmentNumberAt(lsn / BigInt(walSegmentBytes))
}

/** The segment that holds the last byte before this LSN: an end LSN at a segment boundary belongs to the segment before it. */
export function segmentNumberEndingAt(endLsn: Lsn, walSegmentBytes: number): SegmentNumber {
	return segmentNumberAt((endLsn === 0n ? 0n : endLsn - 1n) / BigInt(walSegmentBytes))
}

/** LSN of the first byte of a segment. */
export function segmentStartLsn(number: SegmentNumber, walSegmentBytes: number): Lsn {
	return lsnAt(number * BigInt(walSegmentBytes))
}

/** File name of a segment, 24 hexadecimal digits: timeline, then the number split by how many segments 4 GB hold. */
export function segmentFileName(segment: SegmentRef, walSegmentBytes: number): string {
	const perFourGigabytes = 0x1_0000_0000n / BigInt(walSegmentBytes)
	return [
		timelineHex(segment.timeline),
		hex8(segment.number / perFourGigabytes),
		hex8(segment.number % perFourGigabytes),
	].join('')
}

/** Reads a segment's file name; undefined when it is none, or one that cannot exist at this segment size. */
export function parseSegmentFileName(name: string, walSegmentBytes: number): SegmentRef | undefined {
	const parts = segmentName.exec(name)
	if (parts === null) return undefined
	const timeline = parseTimelineHex(parts[1] ?? '')
	const perFourGigabytes = 0x1_0000_0000n / BigInt(walSegmentBytes)
	const low = BigInt(`0x${parts[3]}`)
	if (timeline === undefined || low >= perFourGigabytes) return undefined
	return {timeline, number: segmentNumberAt(BigInt(`0x${parts[2]}`) * perFourGigabytes + low)}
}

/** Whether a name has the form of a WAL segment's, at any segment size. */
export function isSegmentFileName(name: string): boolean {
	return segmentName.test(name)
}

/** What the first page of a segment says of itself. */
export interface SegmentHeader {
	readonly pageMagic: number
	/** undefined when the magic is of no version between 13 and 18. */
	readonly postgresMajor: number | undefined
	readonly timeline: TimelineId
	readonly pageLsn: Lsn
	readonly systemIdentifier: string
	readonly walSegmentBytes: number
}

/** XLOG_PAGE_MAGIC of each major version, read from real files of each (postgres-recovery.md §6). */
const majorByPageMagic: ReadonlyMap<number, number> = new Map([
	[0xd106, 13],
	[0xd10d, 14],
	[0xd110, 15],
	[0xd113, 16],
	[0xd116, 17],
	[0xd118, 18],
])

const longHeaderFlag = 0x0002

export type SegmentHeaderReading =
	| {readonly ok: true; readonly header: SegmentHeader}
	| {readonly ok: false; readonly problem: 'too-short' | 'zero-filled' | 'no-wal-page'}

/** Reads the long page header in the first 40 bytes of a segment (xlog_internal.h, XLogLongPageHeaderData, little-endian). */
export function readSegmentHeader(bytes: Uint8Array): SegmentHeaderReading {
	if (bytes.byteLength < longPageHeaderBytes) return {ok: false, problem: 'too-short'}
	const view = new DataView(bytes.buffer, bytes.byteOffset, longPageHeaderBytes)
	const pageMagic = view.getUint16(0, true)
	const walSegmentBytes = view.getUint32(32, true)
	if (bytes.subarray(0, longPageHeaderBytes).every(byte => byte === 0)) return {ok: false, problem: 'zero-filled'}
	const timeline = view.getUint32(4, true)
	// 0xD1xx: every version that lastgood reads, and those after it, keep the high byte.
	if (
		pageMagic >> 8 !== 0xd1 ||
		(view.getUint16(2, true) & longHeaderFlag) === 0 ||
		!isWalSegmentSize(walSegmentBytes) ||
		timeline === 0
	) {
		return {ok: false, problem: 'no-wal-page'}
	}
	return {
		ok: true,
		header: {
			pageMagic,
			postgresMajor: majorByPageMagic.get(pageMagic),
			timeline: timeline as TimelineId,
			pageLsn: lsnAt(view.getBigUint64(8, true)),
			systemIdentifier: view.getBigUint64(24, true).toString(),
			walSegmentBytes,
		},
	}
}

/** Whether this is a size that a WAL segment can have: a power of two from 1 MB to 1 GB. */
export function isWalSegmentSize(bytes: number): boolean {
	return bytes >= 0x10_0000 && bytes <= 0x4000_0000 && (bytes & (bytes - 1)) === 0
}

/** LSN where the next record's first byte stands, after a record that ends here: page headers are stepped over, and a header that does not fit is never begun. */
export function recordStartAfter(endLsn: Lsn, walSegmentBytes: number): Lsn {
	const pageOffset = Number(endLsn % BigInt(walPageBytes))
	return pageOffset === 0 ? advanceLsn(endLsn, pageHeaderBytesAt(endLsn, walSegmentBytes)) : endLsn
}

/**
 * End LSN of a record as the server reports it: its bytes, the page headers it runs over, rounded up to 8
 * (xlogreader.c; records are MAXALIGNed). Not for SWITCH, which ends its segment.
 */
export function recordEndLsn(startLsn: Lsn, totalBytes: number, walSegmentBytes: number): Lsn {
	let position = startLsn
	let left = totalBytes
	for (;;) {
		const pageLeft = walPageBytes - Number(position % BigInt(walPageBytes))
		if (left <= pageLeft) return advanceLsn(position, alignTo8(left))
		left -= pageLeft
		position = advanceLsn(position, pageLeft)
		position = advanceLsn(position, pageHeaderBytesAt(position, walSegmentBytes))
	}
}

/** Smallest number of bytes that a WAL record can have. */
export const smallestRecordBytes = recordHeaderBytes

function pageHeaderBytesAt(pageStart: Lsn, walSegmentBytes: number): number {
	return pageStart % BigInt(walSegmentBytes) === 0n ? longPageHeaderBytes : shortPageHeaderBytes
}

function alignTo8(bytes: number): number {
	return Math.ceil(bytes / 8) * 8
}

function hex8(value: bigint): string {
	return value.toString(16).toUpperCase().padStart(8, '0')
}
