import {describe, expect, test} from 'vitest'
import {segmentsOnPath} from '../../../src/domain/archive/chain.ts'
import {timelineEntries} from '../../../src/domain/archive/walk.ts'
import {backup, historyOf, lsn, segments, survey, timeline} from '../../support/builders.ts'

function entriesIn(found: ReturnType<typeof timelineEntries>): readonly string[] {
	return found.map(entry => {
		switch (entry.kind) {
			case 'segment':
				return entry.segment.name.slice(-2)
			case 'backup':
				return entry.backup.id
			case 'hole':
				return `${entry.count} from ${entry.firstMissing.slice(-2)}`
			default:
				return entry satisfies never
		}
	})
}

describe('the entries of a timeline', () => {
	test('are its own segments, with each base backup before the segment in which it begins', () => {
		const archive = survey({
			segments: segments('1:4-7', '2:7-8'),
			backups: [
				backup({id: 'second', startLsn: lsn('0/6000028')}),
				backup({id: 'first', startLsn: lsn('0/5000028')}),
				backup({id: 'of two', timeline: timeline(2), startLsn: lsn('0/8000028')}),
			],
		})
		expect(entriesIn(timelineEntries(archive, timeline(1)))).toEqual(['04', 'first', '05', 'second', '06', '07'])
		expect(entriesIn(timelineEntries(archive, timeline(2)))).toEqual(['07', 'of two', '08'])
	})

	test('name the holes between segments, and none where the timeline ends', () => {
		const archive = survey({segments: segments('1:4-4', '1:7-8'), backups: []})
		expect(entriesIn(timelineEntries(archive, timeline(1)))).toEqual(['04', '2 from 05', '07', '08'])
	})

	test('keep a base backup whose WAL is not there any more', () => {
		const archive = survey({segments: segments('1:4-4'), backups: [backup({startLsn: lsn('0/9000028')})]})
		expect(entriesIn(timelineEntries(archive, timeline(1)))).toEqual(['04', 'base-0401'])
	})
})

describe('the way to a timeline', () => {
	test("takes the fork segment from the child, and nothing of the parent's after it", () => {
		const archive = survey({segments: segments('1:4-8', '2:6-7')})
		const way = segmentsOnPath(archive, historyOf(2, [1, '0/6100000']))
		expect(way.map(({timeline: own, number}) => `${own}:${number}`)).toEqual(['1:4', '1:5', '2:6', '2:7'])
	})
})
