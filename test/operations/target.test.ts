import {describe, expect, test} from 'vitest'
import {type OperatorError, TargetBeyondArchiveError, UsageError} from '../../src/domain/errors.ts'
import {decodeNeedOf, resolveTarget, type WantedTarget} from '../../src/operations/target.ts'
import {abort, boundary, commit, lsn, path, prepare, restorePoint, timeline, utc} from '../support/builders.ts'

const decoded = path({
	history: {timeline: timeline(1), switches: []},
	boundaries: [
		commit({lsn: '0/5100000', xid: 700}),
		abort({lsn: '0/5200000', xid: 701}),
		commit({lsn: '0/5300000', xid: 702, subxids: [703, 704]}),
		abort({lsn: '0/5310000', xid: 705}),
		prepare('settle-42', {lsn: '0/5320000', xid: 706}),
		boundary({kind: 'commit-prepared', lsn: '0/5400000', xid: 706, gid: 'settle-42'}),
		boundary({kind: 'abort-prepared', lsn: '0/5500000', xid: 707}),
		restorePoint('nightly', {lsn: '0/5600000'}),
	],
	wal: {open: [{xid: 708, firstLsn: lsn('0/5580000'), gid: undefined}]},
})

const resolved = (wanted: WantedTarget) => resolveTarget(wanted, decoded)

function refusal(wanted: WantedTarget): OperatorError {
	try {
		resolved(wanted)
	} catch (error) {
		return error as OperatorError
	}
	throw new Error('it was not refused')
}

describe('a wanted target', () => {
	test.each<[string, WantedTarget, object]>([
		[
			'before an xid is its commit’s LSN, exclusive',
			{kind: 'before', place: {xid: 702}},
			{kind: 'lsn', lsn: lsn('0/5300000'), inclusive: false},
		],
		[
			'after an xid is its commit’s LSN, inclusive',
			{kind: 'after', place: {xid: 702}},
			{kind: 'lsn', lsn: lsn('0/5300000'), inclusive: true},
		],
		[
			'before a prepared transaction is its COMMIT PREPARED',
			{kind: 'before', place: {xid: 706}},
			{kind: 'lsn', lsn: lsn('0/5400000'), inclusive: false},
		],
		[
			'before an LSN is that LSN, whatever stands there',
			{kind: 'before', place: {lsn: lsn('0/5300008')}},
			{kind: 'lsn', lsn: lsn('0/5300008'), inclusive: false},
		],
		[
			'after an LSN is that LSN, inclusive',
			{kind: 'after', place: {lsn: lsn('0/5300000')}},
			{kind: 'lsn', lsn: lsn('0/5300000'), inclusive: true},
		],
		['by xid stays an xid', {kind: 'xid', xid: 702, inclusive: false}, {kind: 'xid', xid: 702, inclusive: false}],
		[
			'by LSN, time, name and end stays as it is',
			{kind: 'time', at: utc('09:41:00'), inclusive: true},
			{kind: 'time', at: utc('09:41:00'), inclusive: true},
		],
		[
			'at a restore point stays a name',
			{kind: 'restore-point', name: 'nightly'},
			{kind: 'restore-point', name: 'nightly'},
		],
		['at the first consistent state', {kind: 'immediate'}, {kind: 'immediate'}],
		['at the end', {kind: 'latest'}, {kind: 'latest'}],
	])('%s, on the timeline that was decoded', (_, wanted, expected) => {
		expect(resolved(wanted)).toEqual({...expected, timeline: 1})
	})

	test.each<[string, number, typeof UsageError | typeof TargetBeyondArchiveError, string, readonly string[]]>([
		[
			'that was rolled back did no harm',
			701,
			TargetBeyondArchiveError,
			'xid 701 never committed: it was rolled back at 0/5200000 and did no harm',
			['look for another culprit: lastgood boundaries … --rank'],
		],
		[
			'that was prepared and rolled back did no harm',
			707,
			TargetBeyondArchiveError,
			'xid 707 never committed: it was rolled back at 0/5500000 and did no harm',
			['look for another culprit: lastgood boundaries … --rank'],
		],
		[
			'of a subtransaction is told its parent',
			704,
			UsageError,
			'xid 704 is a subtransaction of xid 702, and only whole transactions can be a target',
			['--before 702'],
		],
		[
			'that was open where the archive ends never committed',
			708,
			TargetBeyondArchiveError,
			'xid 708 never committed: it was still open at 0/7FFF040, where the archived WAL ends',
			[
				'lastgood boundaries lists the commits around a time with their xids',
				'a commit before the base backup cannot be a target',
			],
		],
		[
			'that is nowhere never committed',
			4242,
			TargetBeyondArchiveError,
			'xid 4242 never committed in the archived WAL from 0/5000028 to 0/7FFF040',
			[
				'lastgood boundaries lists the commits around a time with their xids',
				'a commit before the base backup cannot be a target',
			],
		],
	])('by an xid %s', (_, xid, errorClass, message, whatToDo) => {
		for (const wanted of [
			{kind: 'before', place: {xid}},
			{kind: 'after', place: {xid}},
			{kind: 'xid', xid, inclusive: true},
		] as const) {
			const error = refusal(wanted)
			expect(error).toBeInstanceOf(errorClass)
			expect(error.message).toBe(message)
			expect(error.whatToDo).toEqual(whatToDo)
		}
	})
})

describe('what has to be decoded', () => {
	test.each<[WantedTarget, object]>([
		[{kind: 'before', place: {lsn: lsn('0/5300000')}}, {stopLsn: lsn('0/5300000')}],
		[{kind: 'after', place: {lsn: lsn('0/5300000')}}, {stopLsn: lsn('0/5300000')}],
		[{kind: 'lsn', lsn: lsn('0/5300000'), inclusive: true}, {stopLsn: lsn('0/5300000')}],
		[{kind: 'time', at: utc('09:41:00'), inclusive: true}, {from: utc('09:41:00')}],
		// Where these stand only the WAL tells: all that can be restored is decoded.
		[{kind: 'before', place: {xid: 702}}, {}],
		[{kind: 'xid', xid: 702, inclusive: true}, {}],
		[{kind: 'restore-point', name: 'nightly'}, {}],
		[{kind: 'immediate'}, {}],
		[{kind: 'latest'}, {}],
	])('for $kind', (wanted, need) => {
		expect(decodeNeedOf(wanted)).toEqual(need)
	})
})
