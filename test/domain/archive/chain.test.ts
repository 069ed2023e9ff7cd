import {describe, expect, test} from 'vitest'
import {archiveGaps, chainFrom, pathHolds, timelinesTree} from '../../../src/domain/archive/chain.ts'
import type {ArchivedSegment} from '../../../src/domain/archive/survey.ts'
import {summarizeTimelines} from '../../../src/domain/archive/timelines.ts'
import {instantAt} from '../../../src/domain/time.ts'
import {formatLsn, type Lsn, parseLsn} from '../../../src/domain/wal/lsn.ts'
import {parseSegmentFileName, type SegmentRef} from '../../../src/domain/wal/segment.ts'
import type {TimelineHistory, TimelineId} from '../../../src/domain/wal/timeline.ts'
import {megabyte, segmentName} from '../../support/archive-builder.ts'

const lsn = (text: string) => parseLsn(text) as Lsn

function historyOf(timeline: number, ...switches: readonly (readonly [number, string])[]): TimelineHistory {
	return {
		timeline: timeline as TimelineId,
		switches: switches.map(([parent, at]) => ({
			parent: parent as TimelineId,
			switchLsn: lsn(at),
			reason: 'no recovery target specified',
		})),
	}
}

/** `1:1-5` are segments 1 to 5 of timeline 1. */
function segmentsOf(...runs: readonly string[]): readonly ArchivedSegment[] {
	return runs
		.flatMap(run => {
			const [timeline = 1, from = 1, to = from] = run.split(/[:-]/).map(Number)
			return Array.from({length: to - from + 1}, (_, index) => segmentName(timeline, from + index))
		})
		.sort()
		.map(name => ({
			...(parseSegmentFileName(name, megabyte) as SegmentRef),
			name,
			key: name,
			codec: 'none',
			storedBytes: megabyte,
			modifiedAt: instantAt(0n),
		}))
}

const sourceOf = (...runs: readonly string[]) => ({segments: segmentsOf(...runs), cluster: {walSegmentBytes: megabyte}})
/** The names without what they have in common. */
const short = (segments: readonly ArchivedSegment[]) =>
	segments.map(({timeline, number}) => `${timeline}:${number}`).join(' ')
const one = historyOf(1)
// Timeline 2 leaves timeline 1 in the middle of segment 4.
const two = historyOf(2, [1, '0/4EF1A0'])

describe('a chain', () => {
	test('runs from the segment of its start to the end of the archive', () => {
		const chain = chainFrom(sourceOf('1:1-5'), one, lsn('0/200028'))
		expect(short(chain.segments)).toBe('1:2 1:3 1:4 1:5')
		expect(formatLsn(chain.endLsn)).toBe('0/600000')
		expect(chain.gap).toBeUndefined()
	})

	test('ends where the archive ends: that is no gap', () => {
		expect(chainFrom(sourceOf('1:1-2'), one, lsn('0/100028')).gap).toBeUndefined()
	})

	test('breaks at a hole, and says what is missing and where replay must stop', () => {
		const chain = chainFrom(sourceOf('1:1-3', '1:6-9'), one, lsn('0/100028'))
		expect(short(chain.segments)).toBe('1:1 1:2 1:3')
		expect(chain.gap).toEqual({firstMissing: segmentName(1, 4), missingCount: 2, lastReachableLsn: lsn('0/400000')})
	})

	test('is empty when its first segment is missing, with a gap where more follows', () => {
		const chain = chainFrom(sourceOf('1:5-6'), one, lsn('0/300028'))
		expect(chain.segments).toEqual([])
		expect(chain.endLsn).toBe(lsn('0/300028'))
		expect(chain.gap).toEqual({firstMissing: segmentName(1, 3), missingCount: 2, lastReachableLsn: lsn('0/300028')})
		expect(chainFrom(sourceOf('1:1-2'), one, lsn('0/300028')).gap).toBeUndefined()
	})

	test('takes the fork segment from the child, and nothing of the parent from there on', () => {
		const chain = chainFrom(sourceOf('1:1-8', '2:4-6'), two, lsn('0/200028'))
		expect(short(chain.segments)).toBe('1:2 1:3 2:4 2:5 2:6')
		expect(chain.gap).toBeUndefined()
	})

	test('never takes the parent’s copy of the fork segment: without the child’s it breaks there', () => {
		const chain = chainFrom(sourceOf('1:1-8', '2:5-6'), two, lsn('0/200028'))
		expect(short(chain.segments)).toBe('1:2 1:3')
		expect(chain.gap).toMatchObject({firstMissing: segmentName(2, 4), missingCount: 1})
	})

	test('ends before a child that has no segment yet, although the parent goes on', () => {
		const chain = chainFrom(sourceOf('1:1-8'), two, lsn('0/200028'))
		expect(short(chain.segments)).toBe('1:2 1:3')
		expect(chain.gap).toBeUndefined()
	})

	test('along the parent stays on the parent', () => {
		expect(short(chainFrom(sourceOf('1:1-8', '2:4-6'), one, lsn('0/200028')).segments)).toBe(
			'1:2 1:3 1:4 1:5 1:6 1:7 1:8',
		)
	})

	test('follows several forks', () => {
		const three = historyOf(3, [1, '0/4EF1A0'], [2, '0/6000A0'])
		expect(short(chainFrom(sourceOf('1:1-9', '2:4-9', '3:6-7'), three, lsn('0/300028')).segments)).toBe(
			'1:3 2:4 2:5 3:6 3:7',
		)
	})

	test('leaves out a timeline that began and was left within one segment', () => {
		const three = historyOf(3, [1, '0/4EF1A0'], [2, '0/4FF000'])
		expect(short(chainFrom(sourceOf('1:1-4', '2:4', '3:4-5'), three, lsn('0/300028')).segments)).toBe('1:3 3:4 3:5')
	})

	test('takes a fork at a segment boundary: the parent’s last segment is whole, the child’s first is the next', () => {
		const fork = historyOf(2, [1, '0/400000'])
		expect(short(chainFrom(sourceOf('1:1-4', '2:4-5'), fork, lsn('0/200028')).segments)).toBe('1:2 1:3 2:4 2:5')
	})

	test('starts on the child when its start stands behind the fork', () => {
		expect(short(chainFrom(sourceOf('2:4-6'), two, lsn('0/500028')).segments)).toBe('2:5 2:6')
	})

	test('rolls over from FF to the next 4 GB', () => {
		const chain = chainFrom(sourceOf('1:4094-4098'), one, lsn('0/FFF00028'))
		expect(chain.segments.map(({name}) => name)).toEqual([
			'000000010000000000000FFF',
			'000000010000000100000000',
			'000000010000000100000001',
			'000000010000000100000002',
		])
	})
})

describe('the way to a timeline', () => {
	test.each([
		[1, '0/200028', true],
		[1, '0/4EF1A0', true],
		[1, '0/4EF1A8', false],
		[2, '0/4EF1A0', true],
		[2, '0/4EF198', false],
		[2, '1/0', true],
		[3, '0/200028', false],
	])('leads through timeline %i at %s: %s', (timeline, at, holds) => {
		expect(pathHolds(two, timeline as TimelineId, lsn(at))).toBe(holds)
	})

	test('leads through a middle timeline only between its ends', () => {
		const three = historyOf(3, [1, '0/4EF1A0'], [2, '0/6000A0'])
		expect([
			pathHolds(three, 2 as TimelineId, lsn('0/400000')),
			pathHolds(three, 2 as TimelineId, lsn('0/500000')),
			pathHolds(three, 2 as TimelineId, lsn('0/700000')),
		]).toEqual([false, true, false])
	})
})

describe('gaps', () => {
	const gaps = (
		runs: readonly string[],
		histories: readonly TimelineHistory[] = [one],
		damaged: readonly string[] = [],
	) => archiveGaps(sourceOf(...runs), histories, segmentsOf(...damaged))

	test('are none in an unbroken archive, with or without forks', () => {
		expect(gaps(['1:3-9'])).toEqual([])
		expect(gaps(['1:1-8', '2:4-6'], [one, two])).toEqual([])
	})

	test('are named with what is missing, how many, and what stands around them', () => {
		const [gap] = gaps(['1:1-3', '1:6-9'])
		expect(gap).toMatchObject({
			code: 'archive-gap',
			severity: 'error',
			timeline: 1,
			segment: segmentName(1, 4),
			count: 2,
		})
		expect(gap?.message).toBe(
			`2 WAL segments are missing, the first is ${segmentName(1, 4)}, between ${segmentName(1, 3)} and ${segmentName(1, 6)}`,
		)
		expect(gap?.whatToDo).toEqual([
			expect.stringContaining(
				`look for a whole ${segmentName(1, 4)} in pg_wal of the old primary and of every standby`,
			),
			expect.stringContaining('choose a target before 0/400000'),
		])
	})

	test('are several when they are several', () => {
		expect(gaps(['1:1', '1:3', '1:5-6', '1:9']).map(({segment, count}) => [segment, count])).toEqual([
			[segmentName(1, 2), 1],
			[segmentName(1, 4), 1],
			[segmentName(1, 7), 2],
		])
	})

	test('on a shared part of the way are told once', () => {
		expect(gaps(['1:1', '1:3-8', '2:4-6'], [one, two])).toHaveLength(1)
	})

	test('at a fork say that the parent’s segment is no substitute', () => {
		const [gap] = gaps(['1:1-8', '2:5-6'], [one, two])
		expect(gap).toMatchObject({timeline: 2, segment: segmentName(2, 4), count: 1})
		expect(gap?.message).toContain('timeline 2 begins in it at 0/4EF1A0')
	})

	test('are not where a damaged segment is stored: that has a finding of its own', () => {
		expect(gaps(['1:1-3', '1:5-6'], [one], ['1:4'])).toEqual([])
		expect(gaps(['1:1-2', '1:6'], [one], ['1:3', '1:5'])).toMatchObject([{segment: segmentName(1, 4), count: 1}])
	})

	test('do not reach to a damaged segment far away', () => {
		expect(gaps(['1:1-3'], [one], ['1:900'])).toEqual([])
	})

	test('of a thousand million segments take no time to count', () => {
		expect(gaps(['1:1', `1:${2 ** 30}`])).toMatchObject([{count: 2 ** 30 - 2}])
	})
})

describe('the tree of timelines', () => {
	const tree = (runs: readonly string[], ...histories: readonly TimelineHistory[]) => {
		const summaries = summarizeTimelines(
			segmentsOf(...runs),
			[],
			new Map(histories.map(history => [history.timeline, history])),
		)
		const outline = (nodes: ReturnType<typeof timelinesTree>): unknown =>
			nodes.map(({summary, children}) => [summary.history.timeline, outline(children)])
		return outline(timelinesTree(summaries))
	}

	test('hangs each timeline below the one it left', () => {
		const three = historyOf(3, [1, '0/200000'])
		const four = historyOf(4, [1, '0/4EF1A0'], [2, '0/500000'])
		expect(tree(['1:1-4', '2:4-5', '3:2', '4:5'], one, two, three, four)).toEqual([
			[
				1,
				[
					[2, [[4, []]]],
					[3, []],
				],
			],
		])
	})

	test('shows one whose parent is not in the archive at the top', () => {
		expect(tree(['2:4-5'], two)).toEqual([[2, []]])
	})
})
