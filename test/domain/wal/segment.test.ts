import {readdirSync, readFileSync} from 'node:fs'
import {gunzipSync} from 'node:zlib'
import {describe, expect, test} from 'vitest'
import {advanceLsn, compareLsn, formatLsn, lsnAt, parseLsn, walBytesBetween} from '../../../src/domain/wal/lsn.ts'
import {
	isSegmentFileName,
	isWalSegmentSize,
	parseSegmentFileName,
	readSegmentHeader,
	recordEndLsn,
	recordStartAfter,
	segmentFileName,
	segmentNumberAt,
	segmentNumberEndingAt,
	segmentNumberOf,
	segmentStartLsn,
} from '../../../src/domain/wal/segment.ts'
import {endLsnOf, firstSeam, nextRecordLsn} from '../../../src/domain/wal/succession.ts'
import {historyFileName, timelineHex, timelineId} from '../../../src/domain/wal/timeline.ts'
import {fixtureMajors, fixturePath, fixtureSegmentBytes, parsed, waldumpText} from '../../support/waldump-fixtures.ts'

const megabyte = 1024 * 1024
const sixteen = 16 * megabyte
const gigabyte = 1024 * megabyte

const lsn = (text: string) => {
	const found = parseLsn(text)
	if (found === undefined) throw new Error(`${text} is no LSN`)
	return found
}
const timeline = (number: number) => {
	const found = timelineId(number)
	if (found === undefined) throw new Error(`${number} is no timeline`)
	return found
}

describe('an LSN', () => {
	test.each([
		['0/6DCE410', 0x6dce410n],
		['0/06DCE410', 0x6dce410n],
		['16/B374D848', 0x16_b374d848n],
		['ffffffff/ffffffff', 0xffff_ffff_ffff_ffffn],
		['0/0', 0n],
	])('%s is byte %d', (text, bytes) => {
		expect(parseLsn(text)).toBe(bytes)
	})

	test.each(['', '0', '0/', '/0', '0/6DCE410 ', '0/123456789', '0/6DCG410', '-1/0', '0x1/0'])('%j is none', text => {
		expect(parseLsn(text)).toBeUndefined()
	})

	test('is written without zero padding, as PostgreSQL does', () => {
		expect(formatLsn(lsn('0/06DCE410'))).toBe('0/6DCE410')
		expect(formatLsn(lsn('00000016/000000FF'))).toBe('16/FF')
	})

	test('orders by place and not as text', () => {
		expect(compareLsn(lsn('0/9000000'), lsn('0/10000000'))).toBeLessThan(0)
		expect(compareLsn(lsn('1/0'), lsn('0/FFFFFFFF'))).toBeGreaterThan(0)
	})

	test('crosses 4 GB like any other byte', () => {
		expect(advanceLsn(lsn('0/FFFFFFF8'), 16)).toBe(lsn('1/8'))
		expect(walBytesBetween(lsn('0/FFFFFFF8'), lsn('1/8'))).toBe(16)
	})

	test('does not exist below 0 or above 2^64-1', () => {
		expect(() => lsnAt(-1n)).toThrow(RangeError)
		expect(() => advanceLsn(lsn('FFFFFFFF/FFFFFFFF'), 1)).toThrow(RangeError)
	})
})

describe('a segment file name', () => {
	test.each([
		[sixteen, 1, '0/1000000', '000000010000000000000001'],
		[sixteen, 1, '0/FF000000', '0000000100000000000000FF'],
		[sixteen, 1, '1/0', '000000010000000100000000'],
		[sixteen, 17, '1/0', '000000110000000100000000'],
		[megabyte, 1, '0/100000', '000000010000000000000001'],
		[megabyte, 1, '0/FFF00000', '000000010000000000000FFF'],
		[megabyte, 1, '1/0', '000000010000000100000000'],
		[gigabyte, 1, '0/C0000000', '000000010000000000000003'],
		[gigabyte, 1, '1/0', '000000010000000100000000'],
		[gigabyte, 1, 'AB/40000000', '00000001000000AB00000001'],
	])('with segments of %d bytes on timeline %d at %s is %s', (size, id, at, name) => {
		const segment = {timeline: timeline(id), number: segmentNumberOf(lsn(at), size)}
		expect(segmentFileName(segment, size)).toBe(name)
		expect(parseSegmentFileName(name, size)).toEqual(segment)
		expect(segmentStartLsn(segment.number, size)).toBe(lsn(at))
	})

	test('rolls over after FF at 16 MB, after FFF at 1 MB and after 3 at 1 GB', () => {
		const following = (name: string, size: number) => {
			const segment = parseSegmentFileName(name, size)
			if (segment === undefined) throw new Error(name)
			return segmentFileName({...segment, number: segmentNumberAt(segment.number + 1n)}, size)
		}
		expect(following('0000000100000000000000FF', sixteen)).toBe('000000010000000100000000')
		expect(following('000000010000000000000FFF', megabyte)).toBe('000000010000000100000000')
		expect(following('000000010000000000000003', gigabyte)).toBe('000000010000000100000000')
	})

	test('that cannot exist at the segment size is none', () => {
		expect(parseSegmentFileName('000000010000000000000100', sixteen)).toBeUndefined()
		expect(parseSegmentFileName('000000010000000000000100', megabyte)).toBeDefined()
		expect(parseSegmentFileName('000000010000000000000004', gigabyte)).toBeUndefined()
		expect(parseSegmentFileName('000000000000000000000001', sixteen)).toBeUndefined()
		expect(parseSegmentFileName('00000001000000000000000a', sixteen)).toBeUndefined()
		expect(isSegmentFileName('000000010000000000000001.partial')).toBe(false)
	})

	test('carries timeline 17 as 00000011', () => {
		expect(timelineHex(timeline(17))).toBe('00000011')
		expect(historyFileName(timeline(17))).toBe('00000011.history')
	})

	test('an end at a boundary belongs to the segment before it', () => {
		expect(segmentNumberEndingAt(lsn('0/2000000'), sixteen)).toBe(1n)
		expect(segmentNumberEndingAt(lsn('0/2000001'), sixteen)).toBe(2n)
		expect(segmentNumberEndingAt(lsn('0/0'), sixteen)).toBe(0n)
	})

	test('sizes are powers of two from 1 MB to 1 GB', () => {
		expect([megabyte, sixteen, gigabyte].map(isWalSegmentSize)).toEqual([true, true, true])
		expect([megabyte / 2, 3 * megabyte, 2 * gigabyte, 0].map(isWalSegmentSize)).toEqual([false, false, false, false])
	})
})

describe('the end of a record', () => {
	test.each([
		['within a page, rounded up to 8', '0/1000028', 46, '0/1000058', '0/1000058'],
		['exactly at a page, whose header the next record steps over', '0/1001FD0', 48, '0/1002000', '0/1002018'],
		['over a page: 24 bytes of header', '0/1001FE0', 64, '0/1002038', '0/1002038'],
		['exactly at a segment, whose long header the next record steps over', '0/1FFFFD0', 48, '0/2000000', '0/2000028'],
		['over a segment: 40 bytes of header', '0/1FFFFE0', 64, '0/2000048', '0/2000048'],
		['over many pages', '0/1000028', 20_000, '0/1004E78', '0/1004E78'],
	])('%s', (_case, start, bytes, end, next) => {
		expect(formatLsn(recordEndLsn(lsn(start), bytes, sixteen))).toBe(end)
		expect(formatLsn(recordStartAfter(lsn(end), sixteen))).toBe(next)
	})

	test.each(fixtureMajors)('is where the next record begins, for every record of the %d fixture', major => {
		const records = parsed(waldumpText(major))
		const gaps = records.slice(1).filter((record, index) => {
			const before = records[index]
			return (
				before === undefined ||
				nextRecordLsn(before, fixtureSegmentBytes) !== record.lsn ||
				record.prevLsn !== before.lsn
			)
		})
		expect(records.length).toBeGreaterThan(5000)
		expect(gaps).toEqual([])
	})

	test('of a SWITCH is the end of its segment, also of one whose last bytes fill it', () => {
		const at = (text: string) => endLsnOf({rmgr: 'XLOG', type: 'SWITCH', lsn: lsn(text), totalBytes: 24}, megabyte)
		expect(formatLsn(at('0/700100'))).toBe('0/800000')
		expect(formatLsn(at('0/7FFFE8'))).toBe('0/800000')
		expect(formatLsn(at('0/7FFFF0'))).toBe('0/900000')
	})
})

describe('the first page of a segment', () => {
	const segments = fixtureMajors.flatMap(major =>
		readdirSync(fixturePath(major, 'archive'))
			.filter(name => /^[0-9A-F]{24}\.gz$/.test(name))
			.map(name => ({
				major,
				name: name.slice(0, 24),
				bytes: gunzipSync(readFileSync(fixturePath(major, `archive/${name}`))),
			})),
	)

	test.each(segments)('of pg$major $name says its version, its place and where its first record begins', segment => {
		const reading = readSegmentHeader(segment.bytes)
		if (!reading.ok) throw new Error(reading.problem)
		const {header} = reading
		expect(header.postgresMajor).toBe(segment.major)
		expect(header.walSegmentBytes).toBe(fixtureSegmentBytes)
		const place = parseSegmentFileName(segment.name, fixtureSegmentBytes)
		expect(header.pageLsn).toBe(segmentStartLsn(place?.number ?? segmentNumberAt(0n), fixtureSegmentBytes))
		const records = parsed(waldumpText(segment.major))
		const first = records.findIndex(record => record.lsn >= header.pageLsn)
		const seam = firstSeam(segment.bytes, fixtureSegmentBytes)
		expect(seam.startLsn).toBe(records[first]?.lsn)
		const before = records[first - 1]
		if (before !== undefined) expect(seam.endLsn).toBe(endLsnOf(before, fixtureSegmentBytes))
	})

	test('of zeros, of text and of a few bytes is told apart', () => {
		expect(readSegmentHeader(new Uint8Array(8192))).toEqual({ok: false, problem: 'zero-filled'})
		expect(
			readSegmentHeader(new TextEncoder().encode('START WAL LOCATION: 0/2000028 (file 000000010000000000000002)')),
		).toEqual({
			ok: false,
			problem: 'no-wal-page',
		})
		expect(readSegmentHeader(new Uint8Array(39))).toEqual({ok: false, problem: 'too-short'})
	})
})
