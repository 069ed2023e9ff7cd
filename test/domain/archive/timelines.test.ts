import {describe, expect, test} from 'vitest'
import type {ArchivedSegment} from '../../../src/domain/archive/survey.ts'
import {
	knownHistories,
	type ReadHistory,
	summarizeTimelines,
	timelineFindings,
} from '../../../src/domain/archive/timelines.ts'
import {instantAt} from '../../../src/domain/time.ts'
import {parseSegmentFileName, type SegmentRef} from '../../../src/domain/wal/segment.ts'
import {historyFileName, parseTimelineHistory, type TimelineId} from '../../../src/domain/wal/timeline.ts'
import {megabyte, segmentName} from '../../support/archive-builder.ts'

function read(timeline: number, text: string): ReadHistory {
	return {
		timeline: timeline as TimelineId,
		key: historyFileName(timeline as TimelineId),
		codec: 'none',
		reading: parseTimelineHistory(timeline as TimelineId, text),
	}
}

function segments(...places: readonly (readonly [number, number])[]): readonly ArchivedSegment[] {
	return places.map(([timeline, number]) => {
		const name = segmentName(timeline, number)
		return {
			...(parseSegmentFileName(name, megabyte) as SegmentRef),
			name,
			key: name,
			codec: 'none',
			storedBytes: megabyte,
			modifiedAt: instantAt(0n),
		}
	})
}

function surveyed(found: readonly ArchivedSegment[], files: readonly ReadHistory[]) {
	const histories = knownHistories(files)
	const timelines = summarizeTimelines(found, files, histories)
	return {timelines, findings: timelineFindings(timelines, files, histories)}
}

const second = read(2, '1\t0/4EF1A0\tno recovery target specified\n')
const third = read(3, '1\t0/4EF1A0\tno recovery target specified\n\n2\t0/6000A0\tbefore LSN 0/6000A0\n\n')

describe('timelines', () => {
	test('are summed up with their segments and their file', () => {
		const {timelines, findings} = surveyed(segments([1, 1], [1, 2], [1, 4], [2, 4], [2, 5]), [second])
		expect(findings).toEqual([])
		expect(timelines).toMatchObject([
			{
				history: {timeline: 1, switches: []},
				historyFile: undefined,
				firstSegment: segmentName(1, 1),
				lastSegment: segmentName(1, 4),
				segmentCount: 3,
			},
			{
				history: {timeline: 2, switches: [{parent: 1}]},
				historyFile: {key: '00000002.history', codec: 'none'},
				segmentCount: 2,
			},
		])
	})

	test('that have a history file and no segment are listed too', () => {
		expect(
			surveyed(segments([1, 1]), [second]).timelines.map(({history, segmentCount}) => [history.timeline, segmentCount]),
		).toEqual([
			[1, 1],
			[2, 0],
		])
	})
})

describe('a history file that is missing', () => {
	test('is an error: PostgreSQL refuses the timeline as a target', () => {
		const {findings, timelines} = surveyed(segments([1, 1], [2, 4]), [])
		expect(findings).toMatchObject([
			{code: 'history-missing', severity: 'error', timeline: 2, segment: segmentName(2, 4)},
		])
		expect(findings[0]?.message).toBe('the archive has WAL of timeline 2 and no 00000002.history')
		expect(timelines[1]?.history).toEqual({timeline: 2, switches: []})
	})

	test('is a warning where a later one tells the same', () => {
		const {findings, timelines} = surveyed(segments([1, 1], [2, 4], [3, 6]), [third])
		expect(findings).toMatchObject([{code: 'history-missing', severity: 'warning', timeline: 2}])
		expect(findings[0]?.message).toContain('is known from the history of timeline 3')
		expect(timelines[1]?.history.switches).toMatchObject([{parent: 1}])
	})
})

test.each(['garbage', '', '1 0/4EF1A0\n1 0/5\n', '2\t0/4EF1A0\tx\n'])(
	'a history file with %j in it is an error that says why',
	text => {
		for (const found of [segments([1, 1], [2, 4]), segments([1, 1])]) {
			const {findings} = surveyed(found, [read(2, text)])
			expect(findings).toMatchObject([{code: 'history-missing', severity: 'error', timeline: 2}])
			expect(findings[0]?.message).toContain('00000002.history cannot be read: ')
		}
	},
)

describe('a timeline without its parent', () => {
	test('is a warning: a base backup of its own can still be recovered', () => {
		const {findings} = surveyed(segments([2, 4]), [second])
		expect(findings).toMatchObject([{code: 'timeline-orphan', severity: 'warning', timeline: 2}])
		expect(findings[0]?.message).toBe('timeline 2 leaves timeline 1 at 0/4EF1A0, of which the archive holds no WAL')
	})

	test('is an error when the parent of that number comes from elsewhere', () => {
		// Two servers that were promoted without seeing each other's files: both made a timeline 2.
		const other = read(2, '1\t0/2000A0\tno recovery target specified\n')
		const {findings} = surveyed(segments([1, 1], [2, 2], [3, 6]), [other, third])
		expect(findings).toMatchObject([{code: 'timeline-orphan', severity: 'error', timeline: 3}])
		expect(findings[0]?.message).toContain(
			"another origin (timeline 1 at 0/4EF1A0) than the archive's timeline 2 has (timeline 1 at 0/2000A0)",
		)
	})
})
