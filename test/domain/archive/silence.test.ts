import {expect, test} from 'vitest'
import {silenceFinding} from '../../../src/domain/archive/silence.ts'
import type {Coverage} from '../../../src/domain/archive/survey.ts'
import {parseTime} from '../../../src/domain/time.ts'
import {parseLsn} from '../../../src/domain/wal/lsn.ts'
import type {TimelineId} from '../../../src/domain/wal/timeline.ts'
import {megabyte} from '../../support/archive-builder.ts'

const at = (clock: string) => {
	const reading = parseTime(`2026-11-22T${clock}Z`, 0n as never)
	if (!reading.ok) throw new Error(clock)
	return reading.instant
}
const lsn = (text: string) => parseLsn(text) ?? (0n as never)

/** Ten segments, one every minute. */
const steady: Coverage = {
	backup: 'nightly',
	timeline: 1 as TimelineId,
	fromLsn: lsn('0/200000'),
	fromAt: at('07:00:00'),
	toLsn: lsn('0/C00000'),
	toAt: at('07:10:00'),
}
const silentAt = (clock: string, ...coverage: readonly Coverage[]) =>
	silenceFinding(coverage, megabyte, at(clock))?.message

test('an archive is silent when nothing came for many times as long as usual', () => {
	expect(silentAt('07:20:01', steady)).toContain('the last commit in the archive is of 2026-11-22T07:10:00.000000Z')
	expect(silentAt('07:19:00', steady)).toBeUndefined()
})

test('a rare commit is no silence where segments are rare', () => {
	const rare = {...steady, fromAt: at('01:00:00'), toAt: at('07:00:00')}
	expect(silentAt('12:00:00', rare)).toBeUndefined()
	expect(silentAt('13:00:01', rare)).toContain('6 h')
})

test('ten minutes are none, however busy the cluster was', () => {
	const busy = {...steady, fromAt: at('07:09:59')}
	expect(silentAt('07:19:59', busy)).toBeUndefined()
	expect(silentAt('07:20:00', busy)).toBeDefined()
})

test('nothing is said of too little WAL, or without commit times', () => {
	expect(silentAt('23:00:00')).toBeUndefined()
	expect(silentAt('23:00:00', {...steady, toLsn: lsn('0/400000')})).toBeUndefined()
	expect(silentAt('23:00:00', {...steady, toAt: undefined})).toBeUndefined()
})

test('only the newest timeline counts: an old one is silent for ever', () => {
	const newest = {...steady, timeline: 2 as TimelineId, toAt: at('08:00:00'), toLsn: lsn('0/F00000')}
	expect(silentAt('08:05:00', steady, newest)).toBeUndefined()
})
