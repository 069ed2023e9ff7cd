import {describe, expect, test} from 'vitest'
import {estimateRecovery, type MeasuredPace, measuredPaces} from '../../../src/domain/recovery/estimate.ts'
import type {JournalEntry} from '../../../src/domain/recovery/journal.ts'
import {plan, utc} from '../../support/builders.ts'

const megabytes = 1_000_000
const copied = (recovery: string, mbPerSecond: number): MeasuredPace => ({
	recovery,
	what: 'copy',
	bytesPerSecond: mbPerSecond * megabytes,
})
const replayed = (recovery: string, mbPerSecond: number): MeasuredPace => ({
	...copied(recovery, mbPerSecond),
	what: 'replay',
})

describe('the estimate', () => {
	test('rests on cautious paces where nothing was measured, and says so', () => {
		expect(estimateRecovery(1000 * megabytes, 500 * megabytes, [])).toEqual({
			copyMs: 10_000,
			replayMs: 20_000,
			totalMs: 32_000,
			lowMs: 15_000,
			highMs: 64_000,
			basis: 'nothing measured on this machine yet: 100 MB/s to copy and 25 MB/s to replay are assumed',
		})
	})

	test('takes the middle of what was measured, and its range from the slowest to the fastest', () => {
		const measured = [
			...[50, 400, 100].map((pace, index) => copied(`r${index}`, pace)),
			...[10, 100, 50].map((pace, index) => replayed(`r${index}`, pace)),
		]
		expect(estimateRecovery(1000 * megabytes, 1000 * megabytes, measured)).toEqual({
			copyMs: 10_000,
			replayMs: 20_000,
			totalMs: 32_000,
			lowMs: 2500 + 10_000,
			highMs: 20_000 + 100_000 + 4000,
			basis: 'paces of 3 earlier recoveries on this machine',
		})
	})

	test('shows half and double around a single measurement', () => {
		expect(estimateRecovery(1000 * megabytes, 0, [copied('r1', 100)])).toEqual({
			copyMs: 10_000,
			replayMs: 0,
			totalMs: 12_000,
			lowMs: 5000,
			highMs: 24_000,
			basis: 'paces of 1 earlier recovery on this machine',
		})
	})

	test('of nothing to do is the time that it takes to start', () => {
		expect(estimateRecovery(0, 0, [])).toMatchObject({totalMs: 2000, lowMs: 0, highMs: 4000})
	})
})

describe('the pace of an earlier recovery', () => {
	const copying: readonly JournalEntry[] = [
		{event: 'step-started', at: utc('10:05:00'), step: 'copy-base-backup'},
		{event: 'step-finished', at: utc('10:05:10'), step: 'copy-base-backup', notes: []},
	]
	const replaying: readonly JournalEntry[] = [
		{event: 'step-started', at: utc('10:05:12'), step: 'replay'},
		{event: 'step-finished', at: utc('10:05:16'), step: 'replay', notes: []},
	]

	test('is what was copied and replayed over the time it took', () => {
		expect(measuredPaces(plan(), [...copying, ...replaying])).toEqual([
			{recovery: 'r20260401-100500', what: 'copy', bytesPerSecond: 4_100_000},
			{recovery: 'r20260401-100500', what: 'replay', bytesPerSecond: 1_048_594},
		])
	})

	test('is not told by a step that did not finish, or had nothing to do', () => {
		expect(measuredPaces(plan(), [...copying, ...replaying.slice(0, 1)]).map(({what}) => what)).toEqual(['copy'])
		const idle = plan({wal: {...plan().wal, replayBytes: 0}})
		expect(measuredPaces(idle, [...copying, ...replaying]).map(({what}) => what)).toEqual(['copy'])
		expect(measuredPaces(plan(), [])).toEqual([])
	})

	test('is finite for a step that took no time', () => {
		const at = utc('10:05:00')
		const entries: readonly JournalEntry[] = [
			{event: 'step-started', at, step: 'copy-base-backup'},
			{event: 'step-finished', at, step: 'copy-base-backup', notes: []},
		]
		expect(measuredPaces(plan(), entries)).toEqual([
			{recovery: 'r20260401-100500', what: 'copy', bytesPerSecond: 41_000_000_000},
		])
	})
})
