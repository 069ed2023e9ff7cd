import {describe, expect, test} from 'vitest'
import {backupToDecodeFrom, chooseBackup, historyOf as historyIn} from '../../../src/domain/recovery/backup-choice.ts'
import {firstHistory} from '../../../src/domain/wal/timeline.ts'
import {backup, historyOf, lsn, survey, timeline, timelineSummary, utc} from '../../support/builders.ts'

const sunday = backup({
	id: 'sunday',
	startLsn: lsn('0/2000028'),
	stopLsn: lsn('0/2000138'),
	stoppedAt: utc('2026-03-29T01:00:07Z'),
})
const monday = backup({
	id: 'monday',
	startLsn: lsn('0/4000028'),
	stopLsn: lsn('0/4800000'),
	stoppedAt: utc('2026-03-30T01:00:07Z'),
})
const tuesday = backup({
	id: 'tuesday',
	startLsn: lsn('0/6000028'),
	stopLsn: lsn('0/6000138'),
	stoppedAt: utc('2026-03-31T01:00:07Z'),
})
const week = survey({backups: [monday, tuesday, sunday]})
const newerThan = (id: string) => `${id} is newer and leaves less WAL to replay`

describe('the base backup for a stop', () => {
	test('is the newest that is consistent before it, and each other one is told why not', () => {
		expect(chooseBackup(week, firstHistory, lsn('0/7000000'))).toEqual({
			ok: true,
			backup: tuesday,
			why: 'the newest that is consistent before the stop: the least WAL to replay',
			rejected: [
				{id: 'monday', why: newerThan('tuesday')},
				{id: 'sunday', why: newerThan('tuesday')},
			],
		})
	})

	test('is not one that ended after the stop, though it began before', () => {
		expect(chooseBackup(week, firstHistory, lsn('0/4700000'))).toEqual({
			ok: true,
			backup: sunday,
			why: 'the only one that can reach the stop',
			rejected: [
				{id: 'monday', why: 'it is consistent only from 0/4800000, after the stop at 0/4700000'},
				{id: 'tuesday', why: 'it is consistent only from 0/6000138, after the stop at 0/4700000'},
			],
		})
	})

	test('may be consistent exactly at the stop', () => {
		expect(chooseBackup(week, firstHistory, lsn('0/4800000'))).toMatchObject({ok: true, backup: {id: 'monday'}})
	})

	test('is none where every one has its reason', () => {
		const damaged = backup({...sunday, whyNot: 'its WAL is missing'})
		expect(chooseBackup(survey({backups: [damaged, monday]}), firstHistory, lsn('0/4700000'))).toEqual({
			ok: false,
			rejected: [
				{id: 'sunday', why: 'its WAL is missing'},
				{id: 'monday', why: 'it is consistent only from 0/4800000, after the stop at 0/4700000'},
			],
		})
	})

	test('is on the way to the timeline of the stop', () => {
		const branch = historyOf(2, [1, '0/5000000'])
		const onBranch = backup({...tuesday, id: 'branch', timeline: timeline(2)})
		const both = survey({backups: [sunday, tuesday, onBranch]})
		expect(chooseBackup(both, branch, lsn('0/7000000'))).toMatchObject({
			ok: true,
			backup: {id: 'branch'},
			rejected: [
				{
					id: 'tuesday',
					why: 'it was taken on timeline 1, which is not on the way to timeline 2 at 0/6000028',
				},
				{id: 'sunday', why: newerThan('branch')},
			],
		})
		expect(chooseBackup(both, firstHistory, lsn('0/7000000'))).toMatchObject({ok: true, backup: {id: 'tuesday'}})
	})
})

describe('the base backup to decode from', () => {
	test.each([
		['the newest that ended before the time', {from: utc('2026-03-31T09:00:00Z')}, 'tuesday'],
		['one that ended at that very time', {from: utc('2026-03-30T01:00:07Z')}, 'monday'],
		['an older one for an earlier time', {from: utc('2026-03-30T01:00:06.999999Z')}, 'sunday'],
		['the oldest where none ended before the time', {from: utc('2026-03-01T00:00:00Z')}, 'sunday'],
		['the newest that can carry a place in the WAL', {stopLsn: lsn('0/4900000')}, 'monday'],
		['the oldest where none can', {stopLsn: lsn('0/100')}, 'sunday'],
		['the oldest where all there is shall be seen', {}, 'sunday'],
	])('is %s', (_, need, expected) => {
		expect(backupToDecodeFrom(week, firstHistory, need)?.id).toBe(expected)
	})

	test('never is one that nobody can tell the end of, when a time is asked for', () => {
		const untold = backup({...tuesday, stoppedAt: undefined})
		const from = utc('2026-04-01T09:00:00Z')
		expect(backupToDecodeFrom(survey({backups: [sunday, untold]}), firstHistory, {from})?.id).toBe('sunday')
	})

	test('never is one that cannot be used', () => {
		const damaged = {...sunday, whyNot: 'its WAL is missing'}
		expect(backupToDecodeFrom(survey({backups: [damaged, monday]}), firstHistory, {})?.id).toBe('monday')
		expect(backupToDecodeFrom(survey({backups: [damaged]}), firstHistory, {})).toBeUndefined()
		expect(backupToDecodeFrom(survey({backups: []}), firstHistory, {from: utc('09:00:00')})).toBeUndefined()
	})
})

describe('the history', () => {
	const second = historyOf(2, [1, '0/5000000'])
	const third = historyOf(3, [1, '0/5000000'], [2, '0/6000000'])
	const branched = survey({
		timelines: [timelineSummary(firstHistory), timelineSummary(third, 0), timelineSummary(second)],
	})

	test('is the newest timeline’s that has a segment', () => {
		expect(historyIn(branched, undefined)).toBe(second)
	})

	test('is that of the timeline named, if it has a segment', () => {
		expect(historyIn(branched, timeline(1))).toBe(firstHistory)
		expect(historyIn(branched, timeline(3))).toBeUndefined()
		expect(historyIn(branched, timeline(4))).toBeUndefined()
		expect(historyIn(survey({timelines: []}), undefined)).toBeUndefined()
	})
})
