import {formatInTimeZone} from 'date-fns-tz'

declare const instantBrand: unique symbol

/** A moment in UTC, in microseconds since 1970. WAL times have six digits; `Date` holds three and is used here only to ask a zone for its offset. */
export type UtcInstant = bigint & {readonly [instantBrand]: true}

const microsPerMs = 1000n
const microsPerSecond = 1_000_000n
const microsPerDay = 86_400n * microsPerSecond

/** The instant so many microseconds after 1970-01-01 UTC. */
export function instantAt(micros: bigint): UtcInstant {
	return micros as UtcInstant
}

/** The instant of a clock that counts milliseconds since 1970. */
export function instantOfMs(ms: number): UtcInstant {
	return instantAt(BigInt(Math.round(ms)) * microsPerMs)
}

/** The instant so many milliseconds later, or earlier when negative. */
export function addMs(instant: UtcInstant, ms: number): UtcInstant {
	return instantAt(instant + BigInt(Math.round(ms * 1000)))
}

/** Milliseconds from `from` to `to`, with the microseconds as fraction. */
export function msBetween(from: UtcInstant, to: UtcInstant): number {
	return Number(to - from) / 1000
}

/** Negative, zero or positive as `a` is before, at or after `b`. */
export function compareInstant(a: UtcInstant, b: UtcInstant): number {
	return a < b ? -1 : a > b ? 1 : 0
}

/** RFC 3339 UTC with six digits: `2026-11-22T07:25:06.501967Z`. For people and JSON, never for a server setting. */
export function formatInstant(instant: UtcInstant): string {
	const {date, time, fraction} = civil(instant)
	return `${date}T${time}.${fraction}Z`
}

/** `recovery_target_time` as a server setting takes it: a trailing `Z` is refused at start, a numeric offset is not (postgres-recovery.md §0.3). */
export function formatForPostgres(instant: UtcInstant): string {
	const {date, time, fraction} = civil(instant)
	return `${date} ${time}.${fraction}+00`
}

/** The clock part alone, `07:25:06.501967`, for tables whose title names the day. */
export function formatClock(instant: UtcInstant): string {
	const {time, fraction} = civil(instant)
	return `${time}.${fraction}`
}

/** The day alone, `2026-11-22`. */
export function formatDay(instant: UtcInstant): string {
	return civil(instant).date
}

/** To the second, `2026-11-22 07:25:06Z`, for things that are not commits. */
export function formatSecond(instant: UtcInstant): string {
	const {date, time} = civil(instant)
	return `${date} ${time}Z`
}

/** The same moment as a clock in this zone shows it, to the second; undefined for a zone that does not exist. */
export function formatInZone(instant: UtcInstant, zone: string): string | undefined {
	const offset = offsetMicros(zone, instant)
	if (offset === undefined) return undefined
	const {date, time} = civil(instantAt(instant + offset))
	return `${date} ${time} ${zone}`
}

/** Whether the zone is one that the time zone database knows, or a numeric offset. */
export function isZone(zone: string): boolean {
	return offsetMicros(zone, instantAt(0n)) !== undefined
}

const waldumpTime = /^(\d{4})-(\d{2})-(\d{2})[ T](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,6}))?/

/** Reads the time of a WAL record as pg_waldump prints it under TZ=UTC; undefined when it is none. */
export function parseWaldumpTime(text: string): UtcInstant | undefined {
	const parts = waldumpTime.exec(text)
	return parts === null ? undefined : localMicros(parts, 1)
}

/** Why a time cannot be taken as it was typed. */
export type TimeProblem =
	| {readonly kind: 'unreadable'}
	| {readonly kind: 'zone-missing'}
	| {readonly kind: 'zone-unknown'; readonly zone: string}
	| {readonly kind: 'skipped'; readonly zone: string}
	| {readonly kind: 'ambiguous'; readonly zone: string; readonly readings: readonly UtcInstant[]}

export type TimeReading =
	| {readonly ok: true; readonly instant: UtcInstant; readonly zone: string}
	| {readonly ok: false; readonly problem: TimeProblem}

const dateTime = /^(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ]\s*(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,6})\d*)?)?)?\s*(.*)$/i
const clockOnly = /^(?:(today|yesterday)\s+)?(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,6})\d*)?)?\s*(.*)$/i
const ago = /^(\d+)\s*(s|sec|secs|seconds?|m|min|mins|minutes?|h|hours?|d|days?)\s+ago$/i
const epochSeconds = /^(\d{9,11})(?:\.(\d{1,6}))?$/
const numericOffset = /^([+-])(\d{2})(?::?(\d{2}))?$/

/**
 * Reads a time as people say it: ISO with offset or zone, `09:41`, `yesterday 23:10 UTC`, `20 min ago`, epoch seconds.
 * A zone is never guessed: without one in the text and none in `zone` the answer is a question. Needs `now` for words that lean on today.
 */
export function parseTime(text: string, now: UtcInstant, zone?: string): TimeReading {
	const typed = text.trim().replace(/\s+/g, ' ')
	const relative = ago.exec(typed)
	if (relative !== null)
		return {ok: true, instant: addMs(now, -Number(relative[1]) * unitMs(relative[2] ?? '')), zone: 'UTC'}
	const epoch = epochSeconds.exec(typed)
	if (epoch !== null)
		return {ok: true, instant: instantAt(BigInt(epoch[1] ?? '') * microsPerSecond + micros(epoch[2])), zone: 'UTC'}

	const full = dateTime.exec(typed)
	if (full !== null) {
		const local = localMicros(full, 1)
		return local === undefined ? unreadable : resolve(() => local, full[8] ?? '', zone)
	}
	const clock = clockOnly.exec(typed)
	if (clock !== null) {
		const ofDay = clockMicros(clock, 2)
		if (ofDay === undefined) return unreadable
		const daysBack = clock[1]?.toLowerCase() === 'yesterday' ? 1n : 0n
		// Today is the day that the zone's own clock shows, which near midnight is not UTC's.
		const local = (offset: bigint) => {
			const day = (now + offset) / microsPerDay - daysBack
			return instantAt(day * microsPerDay + ofDay)
		}
		return resolve(zoneName => local(offsetMicros(zoneName, now) ?? 0n), clock[6] ?? '', zone)
	}
	return unreadable
}

const unreadable: TimeReading = {ok: false, problem: {kind: 'unreadable'}}

function resolve(localIn: (zone: string) => UtcInstant, zoneText: string, fallback: string | undefined): TimeReading {
	const zone = zoneText.trim() === '' ? fallback : zoneText.trim()
	if (zone === undefined) return {ok: false, problem: {kind: 'zone-missing'}}
	if (!isZone(zone)) return {ok: false, problem: {kind: 'zone-unknown', zone}}
	const local = localIn(zone)
	// The offsets in force a day before and a day after: between them lies at most one change of the clock.
	const offsets = new Set(
		[-microsPerDay, 0n, microsPerDay].map(shift => offsetMicros(zone, instantAt(local + shift)) ?? 0n),
	)
	const readings = [...offsets]
		.map(offset => instantAt(local - offset))
		.filter(instant => instant + (offsetMicros(zone, instant) ?? 0n) === local)
	const [only] = readings
	if (only === undefined) return {ok: false, problem: {kind: 'skipped', zone}}
	if (readings.length > 1)
		return {ok: false, problem: {kind: 'ambiguous', zone, readings: readings.sort(compareInstant)}}
	return {ok: true, instant: only, zone}
}

/** Offset of the zone from UTC at an instant; undefined when there is no such zone. Abbreviations such as CEST or PST are none: they name several. */
function offsetMicros(zone: string, at: UtcInstant): bigint | undefined {
	if (/^(z|utc|gmt)$/i.test(zone)) return 0n
	const numeric = numericOffset.exec(zone)
	if (numeric !== null) {
		const minutes = Number(numeric[2]) * 60 + Number(numeric[3] ?? 0)
		if (minutes > 15 * 60 + 59) return undefined
		return BigInt(numeric[1] === '-' ? -minutes : minutes) * 60n * microsPerSecond
	}
	if (!/^[A-Za-z_]+(\/[A-Za-z0-9_+-]+)+$/.test(zone)) return undefined
	// getTimezoneOffset of date-fns-tz takes its date for a local time, of the machine's zone at that; the formatter takes it for the instant it is.
	try {
		return offsetMicros(formatInTimeZone(new Date(Number(at / microsPerMs)), zone, 'xxx'), at)
	} catch (error) {
		if (error instanceof RangeError) return undefined
		throw error
	}
}

/** Microseconds of a civil date and time as if it were UTC, from a match whose groups are year, month, day, hour, minute, second, fraction; undefined when no calendar has it. */
function localMicros(parts: RegExpExecArray, first: number): UtcInstant | undefined {
	const [year, month, day] = [0, 1, 2].map(index => Number(parts[first + index]))
	if (year === undefined || month === undefined || day === undefined) return undefined
	const midnightMs = Date.UTC(year, month - 1, day)
	const midnight = new Date(midnightMs)
	if (midnight.getUTCMonth() !== month - 1 || midnight.getUTCDate() !== day) return undefined
	const ofDay = clockMicros(parts, first + 3)
	return ofDay === undefined ? undefined : instantAt(BigInt(midnightMs) * microsPerMs + ofDay)
}

function clockMicros(parts: RegExpExecArray, first: number): bigint | undefined {
	const [hour, minute, second] = [0, 1, 2].map(index => Number(parts[first + index] ?? 0))
	if (hour === undefined || minute === undefined || second === undefined || hour > 23 || minute > 59 || second > 59)
		return undefined
	return BigInt((hour * 60 + minute) * 60 + second) * microsPerSecond + micros(parts[first + 3])
}

function micros(fraction: string | undefined): bigint {
	return fraction === undefined ? 0n : BigInt(fraction.padEnd(6, '0'))
}

function unitMs(unit: string): number {
	switch (unit[0]?.toLowerCase()) {
		case 's':
			return 1000
		case 'm':
			return 60_000
		case 'h':
			return 3_600_000
		default:
			return 86_400_000
	}
}

function civil(instant: UtcInstant): {readonly date: string; readonly time: string; readonly fraction: string} {
	const wholeMs = instant / microsPerMs - (instant % microsPerMs < 0n ? 1n : 0n)
	const iso = new Date(Number(wholeMs)).toISOString()
	const fraction = (((instant % microsPerSecond) + microsPerSecond) % microsPerSecond).toString().padStart(6, '0')
	return {date: iso.slice(0, 10), time: iso.slice(11, 19), fraction}
}
