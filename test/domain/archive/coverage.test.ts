import {describe, expect, test} from 'vitest'
import {type BackupSurroundings, easeBeforeBackups, judgeBackup, spansOf} from '../../../src/domain/archive/coverage.ts'
import type {ArchivedSegment, BaseBackup, Finding} from '../../../src/domain/archive/survey.ts'
import {instantAt} from '../../../src/domain/time.ts'
import {formatLsn, type Lsn, parseLsn} from '../../../src/domain/wal/lsn.ts'
import {parseSegmentFileName, type SegmentRef} from '../../../src/domain/wal/segment.ts'
import {firstHistory, type TimelineHistory, type TimelineId} from '../../../src/domain/wal/timeline.ts'
import {builtSystemIdentifier, megabyte, segmentName} from '../../support/archive-builder.ts'

const lsn = (text: string) => parseLsn(text) as Lsn

function segment(timeline: number, number: number): ArchivedSegment {
	const name = segmentName(timeline, number)
	return {
		...(parseSegmentFileName(name, megabyte) as SegmentRef),
		name,
		key: name,
		codec: 'none',
		storedBytes: megabyte,
		modifiedAt: instantAt(0n),
	}
}

const second: TimelineHistory = {
	timeline: 2 as TimelineId,
	switches: [{parent: 1 as TimelineId, switchLsn: lsn('0/4EF1A0'), reason: ''}],
}

function archiveOf(...places: readonly (readonly [number, number])[]): BackupSurroundings {
	return {
		segments: places.map(([timeline, number]) => segment(timeline, number)),
		cluster: {
			systemIdentifier: builtSystemIdentifier.toString(),
			postgresMajor: 15,
			pageMagic: 0xd110,
			walSegmentBytes: megabyte,
		},
		histories: [firstHistory, second],
	}
}

function backup(changes: Partial<BaseBackup> = {}): BaseBackup {
	return {
		id: 'nightly',
		format: 'plain',
		kind: 'full',
		needs: [],
		timeline: 1 as TimelineId,
		startLsn: lsn('0/200028'),
		stopLsn: lsn('0/3000A0'),
		stoppedAt: undefined,
		bytes: 1,
		fileCount: 1,
		key: 'nightly',
		location: '/nightly',
		label: '',
		postgresMajor: 15,
		systemIdentifier: builtSystemIdentifier.toString(),
		tablespaces: [],
		whyNot: undefined,
		...changes,
	}
}

describe('a base backup', () => {
	test('can be used when its WAL is there from its start to its end', () => {
		expect(judgeBackup(backup(), archiveOf([1, 2], [1, 3]))).toEqual({backup: backup(), finding: undefined})
	})

	test('cannot be used when its WAL breaks off before its end, even within it', () => {
		const {backup: judged, finding} = judgeBackup(backup(), archiveOf([1, 1], [1, 2], [1, 5]))
		expect(judged.whyNot).toBe(
			`the WAL from its start 0/200028 to its end 0/3000A0 is not whole in the archive, the first segment to be missing or damaged is ${segmentName(1, 3)}`,
		)
		expect(finding).toMatchObject({
			code: 'backup-without-wal',
			severity: 'warning',
			backup: 'nightly',
			segment: segmentName(1, 3),
		})
	})

	test('that ends exactly with a segment needs no further one', () => {
		expect(judgeBackup(backup({stopLsn: lsn('0/300000')}), archiveOf([1, 2])).backup.whyNot).toBeUndefined()
	})

	test('that has a reason of its own keeps it', () => {
		const judged = judgeBackup(backup({whyNot: 'it is in tar format'}), archiveOf())
		expect(judged).toEqual({backup: backup({whyNot: 'it is in tar format'}), finding: undefined})
		expect(spansOf(judged.backup, archiveOf([1, 2], [1, 3]))).toEqual([])
	})

	test('that ran over the fork on the parent leads to the parent only', () => {
		const archive = archiveOf([1, 4], [1, 5], [2, 4], [2, 5])
		const spans = spansOf(backup({startLsn: lsn('0/400028'), stopLsn: lsn('0/5000A0')}), archive)
		expect(spans.map(({chain, toLsn}) => [chain.history.timeline, formatLsn(toLsn)])).toEqual([[1, '0/600000']])
	})
})

describe('findings about WAL that stands before every usable backup', () => {
	const finding = (code: Finding['code'], name: string): Finding => ({
		code,
		severity: 'error',
		segment: name,
		message: 'it is so',
		whatToDo: [],
	})

	test('are warnings, all others stay', () => {
		const found = [
			finding('archive-gap', segmentName(1, 1)),
			finding('segment-truncated', segmentName(1, 2)),
			finding('archive-gap', segmentName(1, 3)),
			finding('segment-foreign', segmentName(1, 1)),
		]
		const eased = easeBeforeBackups(found, [backup(), backup({startLsn: lsn('0/900028')})], megabyte)
		expect(eased.map(({severity}) => severity)).toEqual(['warning', 'error', 'error', 'error'])
	})

	test('stay as they are where no backup can be used', () => {
		const found = [finding('archive-gap', segmentName(1, 1))]
		expect(easeBeforeBackups(found, [backup({whyNot: 'it is not whole'})], megabyte)).toEqual(found)
	})
})
