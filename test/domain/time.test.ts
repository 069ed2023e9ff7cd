import {describe, expect, test} from 'vitest'
import {
	addMs,
	formatClock,
	formatDay,
	formatForPostgres,
	formatInstant,
	formatInZone,
	formatSecond,
	instantAt,
	instantOfMs,
	isZone,
	msBetween,
	parseTime,
	parseWaldumpTime,
	type TimeProblem,
	type UtcInstant,
} from '../../src/domain/time.ts'

const utc = (text: string): UtcInstant => {
	const instant = parseWaldumpTime(text)
	if (instant === undefined) throw new Error(`${text} is no time`)
	return instant
}
const now = utc('2026-11-22 12:30:00.000000 UTC')
const read = (text: string, zone?: string, at = now): string | TimeProblem => {
	const reading = parseTime(text, at, zone)
	return reading.ok ? formatInstant(reading.instant) : reading.problem
}

describe('the time of a commit', () => {
	test('keeps its six digits, from pg_waldump to JSON and to recovery_target_time', () => {
		const instant = utc('2026-11-22 07:25:06.501967 UTC')
		expect(formatInstant(instant)).toBe('2026-11-22T07:25:06.501967Z')
		expect(formatForPostgres(instant)).toBe('2026-11-22 07:25:06.501967+00')
		expect(formatClock(instant)).toBe('07:25:06.501967')
		expect(formatDay(instant)).toBe('2026-11-22')
		expect(formatSecond(instant)).toBe('2026-11-22 07:25:06Z')
		expect(read('2026-11-22T07:25:06.501967Z')).toBe('2026-11-22T07:25:06.501967Z')
	})

	test('is never given to PostgreSQL with a Z, which it refuses at start', () => {
		for (const text of [
			'2026-11-22 07:25:06.501967 UTC',
			'1999-12-31 23:59:59.999999 UTC',
			'2026-01-01 00:00:00.000000 UTC',
		]) {
			expect(formatForPostgres(utc(text))).toMatch(/^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}\.\d{6}\+00$/)
		}
	})

	test('before 1970 counts its microseconds forwards too', () => {
		expect(formatInstant(instantAt(-1n))).toBe('1969-12-31T23:59:59.999999Z')
		expect(formatInstant(utc('1969-12-31 23:59:58.000001 UTC'))).toBe('1969-12-31T23:59:58.000001Z')
	})

	test('in no calendar is no time', () => {
		expect(parseWaldumpTime('2026-02-29 00:00:00.000000 UTC')).toBeUndefined()
		expect(parseWaldumpTime('2026-13-01 00:00:00.000000 UTC')).toBeUndefined()
		expect(parseWaldumpTime('2026-11-22 24:00:00.000000 UTC')).toBeUndefined()
		expect(parseWaldumpTime('soon')).toBeUndefined()
	})

	test('differs from another by milliseconds with a fraction', () => {
		expect(msBetween(utc('2026-11-22 07:00:00.000001 UTC'), utc('2026-11-22 07:00:01.000000 UTC'))).toBe(999.999)
		expect(formatInstant(addMs(utc('2026-11-22 07:00:00.000001 UTC'), -1.5))).toBe('2026-11-22T06:59:59.998501Z')
		expect(instantOfMs(1_700_000_000_123)).toBe(1_700_000_000_123_000n)
	})
})

describe('a time as people type it', () => {
	test.each([
		['2026-04-01T09:41:23Z', '2026-04-01T09:41:23.000000Z'],
		['2026-04-01T09:41:23.5+02:00', '2026-04-01T07:41:23.500000Z'],
		['2026-04-01 09:41 +0530', '2026-04-01T04:11:00.000000Z'],
		['2026-04-01 09:41:23,123456 -03', '2026-04-01T12:41:23.123456Z'],
		['2026-04-01 09:41:23.1234567 UTC', '2026-04-01T09:41:23.123456Z'],
		['2026-4-1 9:41 utc', '2026-04-01T09:41:00.000000Z'],
		['2026-04-01 Europe/Berlin', '2026-03-31T22:00:00.000000Z'],
		['09:41 UTC', '2026-11-22T09:41:00.000000Z'],
		['today 11:41 Europe/Berlin', '2026-11-22T10:41:00.000000Z'],
		['yesterday 23:10 UTC', '2026-11-21T23:10:00.000000Z'],
		['20 min ago', '2026-11-22T12:10:00.000000Z'],
		['90 s ago', '2026-11-22T12:28:30.000000Z'],
		['2 hours ago', '2026-11-22T10:30:00.000000Z'],
		['1 day ago', '2026-11-21T12:30:00.000000Z'],
		['1774000000.000001', '2026-03-20T09:46:40.000001Z'],
		['2026-07-01 12:00 America/New_York', '2026-07-01T16:00:00.000000Z'],
		['2026-12-01 12:00 America/New_York', '2026-12-01T17:00:00.000000Z'],
		['2026-07-01 12:00 Asia/Kathmandu', '2026-07-01T06:15:00.000000Z'],
		['2026-07-01 12:00 America/Argentina/Buenos_Aires', '2026-07-01T15:00:00.000000Z'],
	])('%s is %s', (typed, expected) => {
		expect(read(typed)).toBe(expected)
	})

	test('without a zone is a question, not a guess', () => {
		expect(read('2026-04-01 09:41:23')).toEqual({kind: 'zone-missing'})
		expect(read('09:41')).toEqual({kind: 'zone-missing'})
		expect(read('09:41', 'Europe/Berlin')).toBe('2026-11-22T08:41:00.000000Z')
		expect(read('09:41 UTC', 'Europe/Berlin')).toBe('2026-11-22T09:41:00.000000Z')
	})

	test('in a zone that several regions abbreviate alike is a question too', () => {
		for (const zone of ['CEST', 'PST', 'IST', 'Europe/Nowhere', 'Berlin']) {
			expect(read(`2026-04-01 09:41 ${zone}`)).toEqual({kind: 'zone-unknown', zone})
		}
	})

	test.each([
		'',
		'soon',
		'2026-02-30 10:00 UTC',
		'2026-04-01 25:00 UTC',
		'9:61 UTC',
		'2026-04-01 09:41:60 UTC',
		'now',
		'12',
		'20 moons ago',
	])('%j is unreadable', typed => {
		expect(read(typed)).toMatchObject({kind: 'unreadable'})
	})

	test('of today leans on the day that the zone shows, which near midnight is not UTC’s', () => {
		const late = utc('2026-11-22 23:30:00.000000 UTC')
		expect(read('00:10 Europe/Berlin', undefined, late)).toBe('2026-11-22T23:10:00.000000Z')
		expect(read('yesterday 12:00 Asia/Tokyo', undefined, late)).toBe('2026-11-22T03:00:00.000000Z')
		expect(read('today 12:00 America/New_York', undefined, utc('2026-11-22 03:00:00.000000 UTC'))).toBe(
			'2026-11-21T17:00:00.000000Z',
		)
	})
})

describe('daylight saving', () => {
	test.each([
		['2026-03-29 01:59:59.999999 Europe/Berlin', '2026-03-29T00:59:59.999999Z'],
		['2026-03-29 03:00 Europe/Berlin', '2026-03-29T01:00:00.000000Z'],
		['2026-10-25 01:59:59.999999 Europe/Berlin', '2026-10-24T23:59:59.999999Z'],
		['2026-10-25 03:00 Europe/Berlin', '2026-10-25T02:00:00.000000Z'],
		['2026-03-08 01:59:59 America/New_York', '2026-03-08T06:59:59.000000Z'],
		['2026-03-08 03:00 America/New_York', '2026-03-08T07:00:00.000000Z'],
		['2026-11-01 00:59:59 America/New_York', '2026-11-01T04:59:59.000000Z'],
		['2026-11-01 02:00 America/New_York', '2026-11-01T07:00:00.000000Z'],
	])('%s is %s', (typed, expected) => {
		expect(read(typed)).toBe(expected)
	})

	test.each([
		['2026-03-29 02:00', 'Europe/Berlin'],
		['2026-03-29 02:30', 'Europe/Berlin'],
		['2026-03-29 02:59:59.999999', 'Europe/Berlin'],
		['2026-03-08 02:00', 'America/New_York'],
		['2026-03-08 02:59:59', 'America/New_York'],
		// Half an hour on Lord Howe Island.
		['2026-10-04 02:15', 'Australia/Lord_Howe'],
	])('%s was skipped in %s', (typed, zone) => {
		expect(read(typed, zone)).toEqual({kind: 'skipped', zone})
	})

	test.each([
		['2026-10-25 02:00', 'Europe/Berlin', '2026-10-25T00:00:00.000000Z', '2026-10-25T01:00:00.000000Z'],
		['2026-10-25 02:59:59.999999', 'Europe/Berlin', '2026-10-25T00:59:59.999999Z', '2026-10-25T01:59:59.999999Z'],
		['2026-11-01 01:00', 'America/New_York', '2026-11-01T05:00:00.000000Z', '2026-11-01T06:00:00.000000Z'],
		['2026-11-01 01:30', 'America/New_York', '2026-11-01T05:30:00.000000Z', '2026-11-01T06:30:00.000000Z'],
		['2026-04-05 01:45', 'Australia/Lord_Howe', '2026-04-04T14:45:00.000000Z', '2026-04-04T15:15:00.000000Z'],
	])('%s came twice in %s', (typed, zone, first, second) => {
		const problem = read(typed, zone)
		expect(problem).toMatchObject({kind: 'ambiguous', zone})
		if (typeof problem === 'string' || problem.kind !== 'ambiguous') throw new Error('it is not ambiguous')
		expect(problem.readings.map(formatInstant)).toEqual([first, second])
	})

	test('decides how an instant is shown beside UTC', () => {
		expect(formatInZone(utc('2026-10-25 00:30:00.000000 UTC'), 'Europe/Berlin')).toBe(
			'2026-10-25 02:30:00 Europe/Berlin',
		)
		expect(formatInZone(utc('2026-10-25 01:30:00.000000 UTC'), 'Europe/Berlin')).toBe(
			'2026-10-25 02:30:00 Europe/Berlin',
		)
		expect(formatInZone(utc('2026-11-01 05:30:00.000000 UTC'), 'America/New_York')).toBe(
			'2026-11-01 01:30:00 America/New_York',
		)
		expect(formatInZone(utc('2026-11-01 06:30:00.000000 UTC'), 'America/New_York')).toBe(
			'2026-11-01 01:30:00 America/New_York',
		)
		expect(formatInZone(utc('2026-11-01 07:30:00.000000 UTC'), 'America/New_York')).toBe(
			'2026-11-01 02:30:00 America/New_York',
		)
		expect(formatInZone(now, 'Mars/Olympus')).toBeUndefined()
	})

	test('never loses an hour that was shown in a zone: it is read back as the same, or as one of two', () => {
		for (const zone of ['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe']) {
			for (const [from, days] of [
				['2026-03-06 00:00:00 UTC', 32],
				['2026-10-02 00:00:00 UTC', 32],
			] as const) {
				for (let hour = 0; hour < 24 * days; hour++) {
					const instant = addMs(utc(from), hour * 3_600_000)
					const reading = parseTime(formatInZone(instant, zone) ?? '', now)
					if (reading.ok) expect(reading.instant).toBe(instant)
					else expect(reading.problem.kind === 'ambiguous' && reading.problem.readings.includes(instant)).toBe(true)
				}
			}
		}
	})
})

describe('a zone', () => {
	test('is a name of the time zone database or an offset, never an abbreviation', () => {
		expect(['Europe/Berlin', 'Etc/UTC', 'UTC', 'gmt', 'Z', '+02', '-0330', '+05:45'].map(isZone)).toEqual(
			Array(8).fill(true),
		)
		expect(['', 'CET2', 'PST', 'Europe', 'Europe/', '+2', '+16:00', '02:00', '../etc/passwd'].map(isZone)).toEqual(
			Array(9).fill(false),
		)
	})
})
