import {describe, expect, test} from 'vitest'
import {forkFindings} from '../../../src/domain/archive/forks.ts'
import type {TimelineSummary} from '../../../src/domain/archive/survey.ts'
import {parseLsn} from '../../../src/domain/wal/lsn.ts'
import {parseSegmentFileName} from '../../../src/domain/wal/segment.ts'
import {historyFileName, type TimelineId} from '../../../src/domain/wal/timeline.ts'
import {megabyte, segmentName} from '../../support/archive-builder.ts'

/** A timeline with segments from one number to another, or with its history file alone. */
function timeline(
	id: number,
	segments: readonly [number, number] | undefined,
	switches: readonly (readonly [number, string])[] = [],
): TimelineSummary {
	return {
		history: {
			timeline: id as TimelineId,
			switches: switches.map(([parent, lsn]) => ({
				parent: parent as TimelineId,
				switchLsn: parseLsn(lsn) ?? (0n as never),
				reason: 'no recovery target specified',
			})),
		},
		historyFile: id === 1 ? undefined : {key: historyFileName(id as TimelineId), codec: 'none'},
		firstSegment: segments && segmentName(id, segments[0]),
		lastSegment: segments && segmentName(id, segments[1]),
		segmentCount: segments === undefined ? 0 : segments[1] - segments[0] + 1,
	}
}

function codes(
	timelines: readonly TimelineSummary[],
	{partials = [], damaged = []}: {readonly partials?: readonly string[]; readonly damaged?: readonly string[]} = {},
) {
	const refs = damaged.flatMap(name => parseSegmentFileName(name, megabyte) ?? [])
	return forkFindings({
		timelines,
		walSegmentBytes: megabyte,
		partials: new Set(partials),
		damaged: refs,
	}).map(({code, timeline: own, segment, count}) => [code, own, segment, count])
}

describe('where a timeline was left', () => {
	const child = timeline(2, [4, 6], [[1, '0/4EF1A0']])

	test('its last segment may be whole, or partial', () => {
		expect(codes([timeline(1, [1, 4]), child])).toEqual([])
		expect(codes([timeline(1, [1, 3]), child], {partials: [segmentName(1, 4)]})).toEqual([])
	})

	test('its last segment is lost when there is neither', () => {
		expect(codes([timeline(1, [1, 3]), child])).toEqual([['partial-lost', 1, segmentName(1, 4), undefined]])
	})

	test('there is nothing to lose at the very beginning of a segment, or of a timeline without WAL', () => {
		expect(codes([timeline(1, [1, 3]), timeline(2, [4, 6], [[1, '0/400000']])])).toEqual([])
		expect(codes([timeline(1, undefined), child])).toEqual([])
	})

	test('a damaged last segment is not lost: it has a finding of its own', () => {
		expect(codes([timeline(1, [1, 3]), child], {damaged: [segmentName(1, 4)]})).toEqual([])
	})

	test('is told once where two timelines left it in the same segment', () => {
		const twin = timeline(3, [4, 6], [[1, '0/4FF1A0']])
		expect(codes([timeline(1, [1, 3]), child, twin])).toHaveLength(1)
	})

	test('the old timeline goes on where whole segments follow', () => {
		expect(codes([timeline(1, [1, 9]), child])).toEqual([['timeline-abandoned', 1, segmentName(1, 5), 5]])
	})

	test('only what follows the last branch is abandoned', () => {
		const later = timeline(3, [8, 9], [[1, '0/8EF1A0']])
		expect(codes([timeline(1, [1, 9]), child, later])).toEqual([['timeline-abandoned', 1, segmentName(1, 9), 1]])
	})
})

describe('a history file without WAL', () => {
	test('is stray when it is newer than every timeline with WAL', () => {
		expect(codes([timeline(1, [1, 6]), timeline(2, undefined, [[1, '0/4EF1A0']])])).toEqual([
			['history-stray', 2, undefined, undefined],
		])
	})

	test('is none where a newer timeline comes from it, or follows it', () => {
		const passed = timeline(2, undefined, [[1, '0/4EF1A0']])
		const grandchild = timeline(
			3,
			[4, 6],
			[
				[1, '0/4EF1A0'],
				[2, '0/4F0000'],
			],
		)
		expect(codes([timeline(1, [1, 4]), passed, grandchild])).toEqual([])
	})
})
