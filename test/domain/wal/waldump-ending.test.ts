import {describe, expect, test} from 'vitest'
import {parseLsn} from '../../../src/domain/wal/lsn.ts'
import {segmentNumberAt} from '../../../src/domain/wal/segment.ts'
import {describeEnding, judgeEnding} from '../../../src/domain/wal/waldump-ending.ts'

const segments = [4n, 5n, 6n].map(number => ({
	name: `00000001000000000000000${number}`,
	number: segmentNumberAt(number),
}))
const judge = (stderr: string, options: {readonly exitCode?: number | null; readonly isEndOfArchive?: boolean} = {}) =>
	judgeEnding(
		{exitCode: options.exitCode === undefined ? 1 : options.exitCode, stderr},
		{isEndOfArchive: options.isEndOfArchive ?? true, walSegmentBytes: 1024 * 1024, segments},
	)

describe('the end of a pg_waldump run', () => {
	test('with exit code 0 is complete, whatever it said', () => {
		expect(judge('', {exitCode: 0})).toEqual({kind: 'complete'})
		expect(
			judge('pg_waldump: first record is after 0/600001, at 0/600060, skipping over 95 bytes\n', {exitCode: 0}),
		).toEqual({kind: 'complete'})
	})

	test('by a signal is no verdict on the WAL', () => {
		expect(judge('', {exitCode: null})).toEqual({kind: 'stopped'})
	})

	test.each([
		[
			'13 and 14',
			'pg_waldump: fatal: error in WAL record at 0/6ABC00: invalid record length at 0/6ABC30: wanted 24, got 0\n',
			'0/6ABC30',
		],
		[
			'15',
			'pg_waldump: error: error in WAL record at 0/6ABC00: invalid record length at 0/6ABC30: wanted 24, got 0\n',
			'0/6ABC30',
		],
		[
			'16',
			'pg_waldump: error: error in WAL record at 0/6ABC00: invalid record length at 0/6ABC30: expected at least 24, got 0\n',
			'0/6ABC30',
		],
		[
			'15, at a page',
			'pg_waldump: error: error in WAL record at 0/6ABC00: invalid magic number 0000 in log segment 000000010000000000000006, offset 704512\n',
			'0/6AC000',
		],
		[
			'16, at a page',
			'pg_waldump: error: error in WAL record at 0/6ABC00: invalid magic number 0000 in WAL segment 000000010000000000000006, LSN 0/6AC000, offset 704512\n',
			'0/6AC000',
		],
		[
			'15, in a recycled segment',
			'pg_waldump: error: error in WAL record at 0/6ABC00: unexpected pageaddr 0/2AC000 in log segment 000000010000000000000006, offset 704512\n',
			'0/6AC000',
		],
	])(
		'where the WAL of %s stops is natural in the last segment of the archive, and only there',
		(_version, stderr, place) => {
			expect(judge(stderr)).toEqual({kind: 'end-of-wal', atLsn: parseLsn(place)})
			expect(judge(stderr, {isEndOfArchive: false})).toMatchObject({
				kind: 'unreadable',
				atLsn: parseLsn(place),
				segment: '000000010000000000000006',
			})
			const earlier = stderr.replaceAll('0/6A', '0/5A').replaceAll('0000000000006', '0000000000005')
			expect(judge(earlier)).toMatchObject({
				kind: 'unreadable',
				atLsn: parseLsn(place.replace('0/6', '0/5')),
				segment: '000000010000000000000005',
			})
		},
	)

	test.each([
		[
			'a flipped bit',
			'error in WAL record at 0/5ABC00: incorrect resource manager data checksum in record at 0/5ABC30',
			'0/5ABC30',
		],
		[
			'a foreign segment',
			'error in WAL record at 0/4FFFD0: record with incorrect prev-link 0/12345678 at 0/500028',
			'0/500028',
		],
		[
			'another version in the middle',
			'error in WAL record at 0/4FFFD0: invalid magic number D106 in log segment 000000010000000000000005, offset 0',
			'0/500000',
		],
		['a short file', 'could not read from file 000000010000000000000005, offset 65536: read 0 of 8192', '0/510000'],
		[
			'a short file, quoted',
			'could not read from file "000000010000000000000005", offset 65536: read 0 of 8192',
			'0/510000',
		],
	])('at %s says where and in which segment', (_what, message, place) => {
		const verdict = judge(`pg_waldump: error: ${message}\npg_waldump: hint: nothing\n`)
		expect(verdict).toEqual({kind: 'unreadable', atLsn: parseLsn(place), segment: '000000010000000000000005', message})
		expect(describeEnding(verdict)).toContain(`at ${place} in segment 000000010000000000000005: `)
	})

	test('at a damaged record is no natural end even in the last segment', () => {
		expect(
			judge(
				'pg_waldump: error: error in WAL record at 0/6ABC00: incorrect resource manager data checksum in record at 0/6ABC30\n',
			).kind,
		).toBe('unreadable')
	})

	test('with nothing read may be another version, which pg_waldump does not say', () => {
		expect(judge('pg_waldump: error: could not find a valid record after 0/400000\n')).toMatchObject({
			kind: 'no-record',
			atLsn: parseLsn('0/400000'),
		})
	})

	test.each([
		'could not find file "000000010000000000000005": No such file or directory',
		'could not locate WAL file "000000010000000000000005"',
		'could not open file "/tmp/x/000000010000000000000005": Permission denied',
	])('%s names the file', message => {
		expect(judge(`pg_waldump: error: ${message}\n`)).toMatchObject({
			kind: 'missing-file',
			segment: '000000010000000000000005',
		})
		expect(judge(`pg_waldump: fatal: ${message}\n`)).toMatchObject({
			kind: 'missing-file',
			segment: '000000010000000000000005',
		})
	})

	test('for a reason that is not the WAL’s quotes it', () => {
		expect(judge('pg_waldump: error: unrecognized option\nTry "pg_waldump --help" for more information.\n')).toEqual({
			kind: 'failed',
			message: 'unrecognized option',
		})
		expect(describeEnding(judge(''))).toBe('pg_waldump failed: it said nothing')
	})
})
