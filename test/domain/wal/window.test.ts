import {describe, expect, test} from 'vitest'
import type {Boundary} from '../../../src/domain/wal/record.ts'
import {boundariesBetween, longestDurationMs} from '../../../src/domain/wal/window.ts'
import {abort, commit, inOrder, lsn, morning, prepare, releaseJob, restorePoint, utc} from '../../support/builders.ts'

const xidsOf = (boundaries: readonly Boundary[]) =>
	boundaries.map(boundary => (boundary.kind === 'restore-point' ? boundary.name : boundary.xid))

describe('a window', () => {
	test('holds what is stamped in it, both ends included, in WAL order', () => {
		expect(xidsOf(boundariesBetween(morning, utc('09:40:58.120001'), utc('09:41:24.700000')))).toEqual([
			3766, 3768, 3770, 3769, 3771,
		])
		expect(xidsOf(boundariesBetween(morning, utc('09:40:58.120002'), utc('09:41:24.699999')))).toEqual([
			3768, 3770, 3769,
		])
	})

	test('keeps a restore point that stands between, and drops one at its edge: they carry no time', () => {
		expect(xidsOf(boundariesBetween(morning, utc('09:38:00'), utc('09:41:00')))).toEqual([
			3764,
			'before maintenance',
			3766,
		])
		expect(xidsOf(boundariesBetween(morning, utc('09:40:00'), utc('09:41:00')))).toEqual([3766])
	})

	test('keeps what stands between although it is stamped outside: stamps can run backwards', () => {
		const boundaries = inOrder([
			commit({lsn: '0/5100000', xid: 1, at: '09:41:00.000003'}),
			commit({lsn: '0/5200000', xid: 2, at: '09:40:59.999999'}),
			abort({lsn: '0/5300000', xid: 3, at: '09:41:00.000005'}),
			prepare('settle-42', {lsn: '0/5400000', xid: 4, at: '09:41:00.000006'}),
			commit({lsn: '0/5500000', xid: 5, at: '09:50:00'}),
		])
		expect(xidsOf(boundariesBetween(boundaries, utc('09:41:00'), utc('09:42:00')))).toEqual([1, 2, 3, 4])
	})

	test('in which nothing is stamped is empty', () => {
		expect(boundariesBetween(morning, utc('11:00:00'), utc('12:00:00'))).toEqual([])
		expect(boundariesBetween(morning, utc('09:42:00'), utc('09:41:00'))).toEqual([])
		expect(boundariesBetween([restorePoint('alone')], utc('09:00:00'), utc('10:00:00'))).toEqual([])
	})
})

describe('how long a transaction can have taken', () => {
	test('is bounded by the last stamp before its first record', () => {
		// The release job's first record stands after the commit of 09:41:22.998731.
		expect(longestDurationMs(morning, releaseJob)).toBeCloseTo(503.236, 6)
	})

	test('skips restore points, which carry no stamp', () => {
		const boundaries = inOrder([
			commit({lsn: '0/5100000', xid: 1, at: '09:40:00'}),
			restorePoint('before maintenance', {lsn: '0/5200000'}),
			commit({lsn: '0/5400000', xid: 2, at: '09:40:10', first: '0/5300000'}),
		])
		expect(longestDurationMs(boundaries, boundaries[2] as never)).toBe(10_000)
	})

	test('is not negative where stamps run backwards', () => {
		const boundaries = inOrder([
			commit({lsn: '0/5100000', xid: 1, at: '09:40:00.000002'}),
			commit({lsn: '0/5200000', xid: 2, at: '09:40:00.000001', first: '0/5180000'}),
		])
		expect(longestDurationMs(boundaries, boundaries[1] as never)).toBe(0)
	})

	test('is unknown where nothing was stamped before, or its first record was not decoded', () => {
		const first = commit({lsn: '0/5100000', first: '0/50FFF00'})
		expect(longestDurationMs([first], first)).toBeUndefined()
		const early = commit({lsn: '0/5600000', first: 'unknown'})
		expect(longestDurationMs([...morning, early], early)).toBeUndefined()
	})

	test('does not count a boundary that stands at the very place of the first record', () => {
		const only = commit({lsn: '0/5100000', first: '0/5100000'})
		expect(only.work.firstLsn).toBe(lsn('0/5100000'))
		expect(longestDurationMs([only], only)).toBeUndefined()
	})
})
