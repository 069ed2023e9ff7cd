import {z} from 'zod'
import type {UtcInstant} from './time.ts'
import {formatInstant, instantAt, parseTime} from './time.ts'
import type {Lsn} from './wal/lsn.ts'
import {formatLsn, parseLsn} from './wal/lsn.ts'
import type {TimelineId} from './wal/timeline.ts'
import {timelineId} from './wal/timeline.ts'

const bigintOf = <T extends bigint>() => z.custom<T>(value => typeof value === 'bigint')

/** An LSN: text in JSON (`"0/6DCE410"`), a bigint in memory. */
export const lsnJson = z.codec(z.string(), bigintOf<Lsn>(), {
	decode: (text, context) => {
		const lsn = parseLsn(text)
		if (lsn !== undefined) return lsn
		context.issues.push({code: 'custom', input: text, message: `${JSON.stringify(text)} is no LSN`})
		return z.NEVER
	},
	encode: formatLsn,
})

/** An instant: RFC 3339 UTC with six digits in JSON, microseconds in memory. */
export const instantJson = z.codec(z.string(), bigintOf<UtcInstant>(), {
	decode: (text, context) => {
		const reading = parseTime(text, instantAt(0n))
		if (reading.ok) return reading.instant
		context.issues.push({code: 'custom', input: text, message: `${JSON.stringify(text)} is no time with a zone`})
		return z.NEVER
	},
	encode: formatInstant,
})

/** A timeline: a decimal number in JSON and in memory. */
export const timelineJson = z.codec(
	z.number(),
	z.custom<TimelineId>(value => typeof value === 'number'),
	{
		decode: (number, context) => {
			const timeline = timelineId(number)
			if (timeline !== undefined) return timeline
			context.issues.push({code: 'custom', input: number, message: `${number} is no timeline`})
			return z.NEVER
		},
		encode: timeline => timeline,
	},
)
