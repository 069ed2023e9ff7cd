import {describe, expect, test} from 'vitest'
import {consistentLsnOf, outlookOf} from '../../../src/domain/recovery/path.ts'
import {
	type Consequences,
	describeTarget,
	type Prediction,
	predictStop,
	type RecoveryTarget,
	sumRows,
	targetValue,
} from '../../../src/domain/recovery/target.ts'
import {formatLsn} from '../../../src/domain/wal/lsn.ts'
import {firstTimeline} from '../../../src/domain/wal/timeline.ts'
import {
	abort,
	backup,
	beforeReleaseJob,
	bondReservations,
	boundary,
	commit,
	decodedWal,
	gsiOpenByIssuer,
	inOrder,
	lsn,
	morning,
	path,
	prepare,
	releaseJob,
	restorePoint,
	rows,
	timeline,
	trades,
	utc,
} from '../../support/builders.ts'

/** A base backup that is consistent from 0/5000138 on, then one boundary of every kind. */
const consistentFromLsn = lsn('0/5000138')
const wal = decodedWal([
	commit({lsn: '0/5000060', xid: 700, at: '09:00:00.000000'}),
	restorePoint('nightly', {lsn: '0/5000090'}),
	commit({lsn: '0/5000200', xid: 701, at: '09:10:00.000001'}),
	prepare('settle-42', {lsn: '0/5000300', xid: 710, at: '09:11:00.000000'}),
	abort({lsn: '0/5000400', xid: 702, at: '09:12:00.000000'}),
	// ROLLBACK TO SAVEPOINT: the ABORT of a subtransaction, before its parent commits with another one.
	abort({lsn: '0/5000500', xid: 704, at: '09:13:00.000000'}),
	commit({lsn: '0/5000600', xid: 703, at: '09:14:00.000000', subxids: [705]}),
	commit({lsn: '0/5001000', xid: 706, at: '09:20:00.000000'}),
	commit({lsn: '0/5001028', xid: 707, at: '09:20:00.000000'}),
	commit({lsn: '0/5001200', xid: 708, at: '09:19:59.999999'}),
	restorePoint('nightly', {lsn: '0/5001300'}),
	restorePoint('before release', {lsn: '0/5001330'}),
	boundary({
		kind: 'commit-prepared',
		lsn: '0/5001400',
		xid: 710,
		at: '09:21:00.000000',
		gid: 'settle-42',
		first: '0/50002A0',
	}),
	commit({lsn: '0/5001500', xid: 711, at: '09:22:00.000000', endLsn: '0/5001528'}),
	abort({lsn: '0/5001600', xid: 712, at: '09:23:00.000000', endLsn: '0/5001628'}),
])

const onFirst = {timeline: firstTimeline}
const byLsn = (text: string, inclusive: boolean): RecoveryTarget => ({
	kind: 'lsn',
	lsn: lsn(text),
	inclusive,
	...onFirst,
})
const byXid = (xid: number, inclusive: boolean): RecoveryTarget => ({kind: 'xid', xid, inclusive, ...onFirst})
const byTime = (text: string, inclusive: boolean): RecoveryTarget => ({
	kind: 'time',
	at: utc(text),
	inclusive,
	...onFirst,
})
const byName = (name: string): RecoveryTarget => ({kind: 'restore-point', name, ...onFirst})

/** `0/5001000 keeps 703 loses 706`: where it stops, the last kept and the first lost commit. */
function summary(prediction: Prediction): string {
	if (!prediction.ok) return `${prediction.reason}, nearest ${prediction.nearest?.xid ?? 'none'}`
	const {stopLsn, lastKept, firstLost} = prediction.consequences
	return `${formatLsn(stopLsn)} keeps ${lastKept?.xid ?? 'none'} loses ${firstLost?.xid ?? 'none'}`
}

function consequencesOf(target: RecoveryTarget, on = wal): Consequences {
	const prediction = predictStop(target, on, consistentFromLsn)
	if (!prediction.ok) throw new Error(prediction.why)
	return prediction.consequences
}

describe('an LSN target', () => {
	test.each([
		['at a commit, exclusive, loses it', byLsn('0/5001000', false), '0/5001000 keeps 703 loses 706'],
		['at a commit, inclusive, keeps it and nothing more', byLsn('0/5001000', true), '0/5001028 keeps 706 loses 707'],
		['at a rolled back transaction loses no commit by it', byLsn('0/5000400', false), '0/5000400 keeps 701 loses 703'],
		[
			'at a COMMIT PREPARED, exclusive, loses what was prepared',
			byLsn('0/5001400', false),
			'0/5001400 keeps 708 loses 710',
		],
		['at a COMMIT PREPARED, inclusive, keeps it', byLsn('0/5001400', true), '0/5001428 keeps 710 loses 711'],
		[
			'at the end of a commit, inclusive, keeps the commit that begins there too',
			byLsn('0/5001028', true),
			'0/5001050 keeps 707 loses 708',
		],
		[
			'at the end of a commit, exclusive, keeps that commit',
			byLsn('0/5001028', false),
			'0/5001028 keeps 706 loses 707',
		],
		[
			'inside a commit record is taken for the record after it: inclusive',
			byLsn('0/5001010', true),
			'0/5001050 keeps 707 loses 708',
		],
		[
			'inside a commit record is taken for the record after it: exclusive',
			byLsn('0/5001010', false),
			'0/5001028 keeps 706 loses 707',
		],
		['between boundaries keeps what commits before it', byLsn('0/5001100', false), '0/5001100 keeps 707 loses 708'],
		[
			'at the record before a commit, inclusive, loses that commit',
			byLsn('0/50011D0', true),
			'0/50011D0 keeps 707 loses 708',
		],
		[
			'inside the record before a commit is taken for the commit: inclusive',
			byLsn('0/50011D8', true),
			'0/5001228 keeps 708 loses 710',
		],
		[
			'inside the record before a commit is taken for the commit: exclusive',
			byLsn('0/50011D8', false),
			'0/5001200 keeps 707 loses 708',
		],
		['at the last record is reached', byLsn('0/7FFF000', false), '0/7FFF000 keeps 711 loses none'],
		[
			'inside the last record is not: no record starts after it',
			byLsn('0/7FFF008', false),
			'never-reached, nearest 712',
		],
		['at the end of the archive is not', byLsn('0/7FFF040', true), 'never-reached, nearest 712'],
		['far beyond the archive is not', byLsn('1/0', false), 'never-reached, nearest 712'],
		[
			'before the backup is consistent is refused, even where it would keep a commit',
			byLsn('0/5000060', true),
			'before-consistency, nearest 701',
		],
		['exactly where the backup is consistent works', byLsn('0/5000138', false), '0/5000138 keeps 700 loses 701'],
	])('%s', (_, target, expected) => {
		expect(summary(predictStop(target, wal, consistentFromLsn))).toBe(expected)
	})

	// pg_current_wal_lsn() ends at the page, the next record begins behind the header: 24 bytes, 40 at the start of a segment.
	test.each([
		['0/5FFE000', '0/5FFE018'],
		['0/6000000', '0/6000028'],
	])('at the end of a page, %s, stands for the record behind the page header at %s', (end, start) => {
		const across = decodedWal([
			commit({lsn: '0/5F00000', xid: 720, endLsn: end}),
			commit({lsn: start, xid: 721, at: '09:30:00.000000'}),
		])
		expect(summary(predictStop(byLsn(end, true), across, consistentFromLsn))).toMatch(/keeps 721 loses none$/)
		expect(consequencesOf(byLsn(end, false), across)).toMatchObject({stopLsn: lsn(start), replayEndLsn: lsn(start)})
	})

	test('tells the exact end of replay only where it names a record that is known', () => {
		expect(consequencesOf(byLsn('0/5001000', false))).toMatchObject({
			replayEndLsn: lsn('0/5001000'),
			stopRecordLsn: lsn('0/5001000'),
		})
		expect(consequencesOf(byLsn('0/5001000', true))).toMatchObject({
			replayEndLsn: lsn('0/5001028'),
			stopRecordLsn: lsn('0/5001000'),
		})
		expect(consequencesOf(byLsn('0/5001100', true))).toMatchObject({
			replayEndLsn: undefined,
			stopRecordLsn: lsn('0/5001100'),
		})
	})
})

describe('an xid target', () => {
	test.each([
		['that committed, exclusive, loses it', byXid(706, false), '0/5001000 keeps 703 loses 706'],
		['that committed, inclusive, keeps it', byXid(706, true), '0/5001028 keeps 706 loses 707'],
		['that was rolled back stops there all the same, exclusive', byXid(702, false), '0/5000400 keeps 701 loses 703'],
		['that was rolled back stops there all the same, inclusive', byXid(702, true), '0/5000428 keeps 701 loses 703'],
		['of a rolled back subtransaction stops at its ABORT', byXid(704, true), '0/5000528 keeps 701 loses 703'],
		[
			'that was prepared stops at its COMMIT PREPARED, not at its PREPARE',
			byXid(710, false),
			'0/5001400 keeps 708 loses 710',
		],
		['of a committed subtransaction never matches', byXid(705, true), 'never-reached, nearest 712'],
		['that is nowhere in the archive never matches', byXid(4242, true), 'never-reached, nearest 712'],
		['that ended before the backup was consistent is refused', byXid(700, false), 'before-consistency, nearest 701'],
	])('%s', (_, target, expected) => {
		expect(summary(predictStop(target, wal, consistentFromLsn))).toBe(expected)
	})

	test('of a committed subtransaction is refused with the xid that can be a target', () => {
		expect(predictStop(byXid(705, true), wal, consistentFromLsn)).toMatchObject({
			why: 'nothing in the archived WAL, which ends at 0/7FFF040, is a stop for xid 705, inclusive: it is a subtransaction of xid 703, and only that xid can be a target',
		})
	})
})

describe('a time target', () => {
	test.each([
		['between commits stops before the first later one', byTime('09:15:00', false), '0/5001000 keeps 703 loses 706'],
		['at a stamp, exclusive, loses all that carry it', byTime('09:20:00', false), '0/5001000 keeps 703 loses 706'],
		[
			'at a stamp, inclusive, keeps all that carry it, and what comes before the next later one',
			byTime('09:20:00', true),
			'0/5001400 keeps 708 loses 710',
		],
		[
			'just below a stamp keeps an earlier stamp only as far as WAL order goes',
			byTime('09:19:59.999999', true),
			'0/5001000 keeps 703 loses 706',
		],
		['stops at a later rollback too', byTime('09:11:30', true), '0/5000400 keeps 701 loses 703'],
		['is not stopped by a PREPARE', byTime('09:10:30', false), '0/5000400 keeps 701 loses 703'],
		['with nothing stamped later is never reached', byTime('09:23:00', true), 'never-reached, nearest 712'],
		['at the last stamp, exclusive, is reached', byTime('09:23:00', false), '0/5001600 keeps 711 loses none'],
		['that the backup had already passed is refused', byTime('08:59:59', false), 'before-consistency, nearest 701'],
		[
			'inside the backup with no later stamp in it gives the state after it',
			byTime('09:00:00', true),
			'0/5000200 keeps 700 loses 701',
		],
	])('%s', (_, target, expected) => {
		expect(summary(predictStop(target, wal, consistentFromLsn))).toBe(expected)
	})

	test('after the last stamp is refused with that stamp: a later commit is needed to stop at', () => {
		expect(predictStop(byTime('09:30:00', true), wal, consistentFromLsn)).toMatchObject({
			reason: 'never-reached',
			why: 'nothing in the archived WAL, which ends at 0/7FFF040, is a stop for 2026-04-01T09:30:00.000000Z, inclusive: a time target needs a later commit, and the last one is stamped 2026-04-01T09:23:00.000000Z',
		})
	})

	test('keeps and loses by WAL order where stamps run backwards, and says which', () => {
		const cut = consequencesOf(byTime('09:41:23.501967', false), decodedWal(morning))
		expect(cut.lastKept?.xid).toBe(3768)
		expect(cut.stampedEarlierButLost).toEqual([])
		const kept = consequencesOf(byXid(3770, true), decodedWal(morning))
		expect(kept.stampedLaterButKept.map(({xid}) => xid)).toEqual([3770])
		expect(kept.stampedEarlierButLost.map(({xid}) => xid)).toEqual([3769])
	})
})

describe('a restore point', () => {
	test.each([
		['is kept: replay stops after it', byName('before release'), '0/5001358 keeps 708 loses 710'],
		[
			'is the first of its name from the redo point on, and here too early',
			byName('nightly'),
			'before-consistency, nearest 701',
		],
		['that was never made is never reached', byName('before relaese'), 'never-reached, nearest 712'],
	])('%s', (_, target, expected) => {
		expect(summary(predictStop(target, wal, consistentFromLsn))).toBe(expected)
	})

	test('with the name of a transaction’s gid is none', () => {
		expect(predictStop(byName('settle-42'), wal, consistentFromLsn).ok).toBe(false)
	})
})

describe('the ends of the way', () => {
	test('immediate stops where the backup is consistent', () => {
		expect(consequencesOf({kind: 'immediate', ...onFirst})).toMatchObject({
			stopLsn: consistentFromLsn,
			replayEndLsn: undefined,
			stopRecordLsn: undefined,
			keptCommits: 1,
			lostCommits: 7,
		})
	})

	test('latest stops after the last end of a transaction and gives nothing up', () => {
		expect(consequencesOf({kind: 'latest', ...onFirst})).toMatchObject({
			stopLsn: lsn('0/5001628'),
			keptCommits: 8,
			lostCommits: 0,
			lostUntil: undefined,
			firstLost: undefined,
			lostRows: [],
		})
	})

	test('latest with no transaction at all is never reached, and nothing is near', () => {
		const quiet = decodedWal([restorePoint('nightly', {lsn: '0/5000200'})])
		expect(predictStop({kind: 'latest', ...onFirst}, quiet, consistentFromLsn)).toEqual({
			ok: false,
			reason: 'never-reached',
			why: 'nothing in the archived WAL, which ends at 0/7FFF040, is a stop for the end of the archive',
			nearest: undefined,
		})
	})
})

describe('the consequences of a stop', () => {
	test('are all told at once', () => {
		expect(predictStop(beforeReleaseJob, decodedWal(morning), consistentFromLsn)).toEqual({
			ok: true,
			consequences: {
				stopLsn: lsn('0/5400070'),
				replayEndLsn: lsn('0/5400070'),
				stopRecordLsn: lsn('0/5400070'),
				lastKept: morning[3],
				firstLost: releaseJob,
				keptCommits: 3,
				lostCommits: 4,
				lostUntil: utc('09:44:02.000000'),
				lostRows: [rows(bondReservations, 0, 841, 0), rows(gsiOpenByIssuer, 0, 0, 841), rows(trades, 3)],
				inFlight: [
					{xid: 3770, firstLsn: lsn('0/5310000'), outcome: 'commit'},
					{xid: 3769, firstLsn: lsn('0/5390000'), outcome: 'commit'},
				],
				preparedInDoubt: [],
				stampedLaterButKept: [],
				stampedEarlierButLost: [],
			},
		})
	})

	test('call in flight what began before the stop and ended after it or never, the oldest first', () => {
		const busy = decodedWal(
			[
				commit({lsn: '0/5100000', xid: 800, first: '0/50F0000'}),
				// Its first record lies before the redo point of the backup.
				commit({lsn: '0/5300000', xid: 650, first: 'unknown', at: '09:50:00'}),
				abort({lsn: '0/5310000', xid: 803, first: '0/5190000', at: '09:50:01'}),
				commit({lsn: '0/5320000', xid: 804, first: '0/5200000', at: '09:50:02'}),
			],
			{
				open: [
					{xid: 640, firstLsn: undefined, gid: undefined},
					{xid: 802, firstLsn: lsn('0/5180000'), gid: undefined},
					{xid: 805, firstLsn: lsn('0/5330000'), gid: undefined},
				],
			},
		)
		expect(consequencesOf(byLsn('0/5200000', false), busy).inFlight).toEqual([
			{xid: 650, firstLsn: lsn('0/5000028'), outcome: 'commit'},
			{xid: 640, firstLsn: lsn('0/5000028'), outcome: 'unknown'},
			{xid: 802, firstLsn: lsn('0/5180000'), outcome: 'unknown'},
			{xid: 803, firstLsn: lsn('0/5190000'), outcome: 'abort'},
		])
	})

	test('call in doubt what is prepared at the stop, whatever becomes of it later, and in flight no more', () => {
		const prepared = (open: readonly {readonly xid: number; readonly gid: string}[] = []) =>
			decodedWal(
				[
					prepare('rolled back before', {lsn: '0/5100000', xid: 900}),
					boundary({kind: 'abort-prepared', lsn: '0/5110000', xid: 900, first: '0/50F0000', gid: 'rolled back before'}),
					prepare('committed after', {lsn: '0/5120000', xid: 901}),
					prepare('never ended', {lsn: '0/5130000', xid: 902}),
					boundary({kind: 'commit-prepared', lsn: '0/5300000', xid: 901, first: '0/50F1000', gid: 'committed after'}),
					prepare('prepared after', {lsn: '0/5310000', xid: 903}),
					boundary({kind: 'commit-prepared', lsn: '0/5320000', xid: 903, first: '0/50F3000', gid: 'prepared after'}),
				],
				{open: open.map(one => ({...one, firstLsn: lsn('0/50F2000')}))},
			)
		const stop = consequencesOf(byLsn('0/5200000', false), prepared([{xid: 902, gid: 'never ended'}]))
		expect(stop.preparedInDoubt).toEqual(['committed after', 'never ended'])
		expect(stop.inFlight).toEqual([{xid: 903, firstLsn: lsn('0/50F3000'), outcome: 'commit-prepared'}])
		const later = consequencesOf(byLsn('0/5320000', true), prepared([{xid: 902, gid: 'never ended'}]))
		expect(later.preparedInDoubt).toEqual(['never ended'])
	})

	test('add lost rows up by relation, those of rolled back transactions left out', () => {
		const lost = consequencesOf(
			byLsn('0/5200000', false),
			decodedWal([
				commit({lsn: '0/5200000', xid: 1, work: {rows: [rows(trades, 2, 1, 0), rows(bondReservations, 0, 0, 7)]}}),
				abort({lsn: '0/5210000', xid: 2, work: {rows: [rows(trades, 500)]}}),
				commit({lsn: '0/5220000', xid: 3, work: {rows: [rows(trades, 3, 0, 4)]}}),
			]),
		)
		expect(lost.lostRows).toEqual([rows(trades, 5, 1, 4), rows(bondReservations, 0, 0, 7)])
		expect(sumRows([])).toEqual([])
	})
})

describe('the path', () => {
	test('is consistent where the backup says so, else where its end of backup stands in the WAL, else nowhere in it', () => {
		const untold = backup({stopLsn: undefined})
		const ends = [{lsn: lsn('0/5000100'), endLsn: lsn('0/5000128'), startLsn: untold.startLsn}]
		expect(consistentLsnOf(path())).toBe(lsn('0/5000138'))
		expect(consistentLsnOf(path({backup: untold, wal: {facts: {...wal.facts, backupEnds: ends}}}))).toBe(
			lsn('0/5000128'),
		)
		expect(consistentLsnOf(path({backup: untold}))).toBe(lsn('0/7FFF040'))
		expect(consistentLsnOf(path({backup: undefined}))).toBe(lsn('0/5000028'))
	})

	test('tells what a target keeps from its own consistent state on', () => {
		expect(summary(outlookOf(path(), beforeReleaseJob))).toBe('0/5400070 keeps 3768 loses 3770')
		expect(summary(outlookOf(path({backup: backup({stopLsn: lsn('0/5500000')})}), beforeReleaseJob))).toBe(
			'before-consistency, nearest 3769',
		)
	})
})

describe('a target', () => {
	test.each([
		[byLsn('0/6DCE410', false), 'LSN 0/6DCE410, exclusive', '0/6DCE410'],
		[byXid(3770, true), 'xid 3770, inclusive', '3770'],
		[byTime('09:41:23.501967', false), '2026-04-01T09:41:23.501967Z, exclusive', '2026-04-01 09:41:23.501967+00'],
		[byName('before "release"'), 'restore point "before \\"release\\""', 'before "release"'],
		[{kind: 'immediate', timeline: timeline(3)} as const, 'the first consistent state of the base backup', 'immediate'],
		[{kind: 'latest', timeline: timeline(3)} as const, 'the end of the archive', 'latest'],
	])('of kind $kind has words and the value of its setting', (target, words, value) => {
		expect([describeTarget(target), targetValue(target)]).toEqual([words, value])
	})

	test('of a morning without boundaries loses and keeps nothing', () => {
		const empty = decodedWal(inOrder([]))
		expect(summary(predictStop({kind: 'immediate', ...onFirst}, empty, consistentFromLsn))).toBe(
			'0/5000138 keeps none loses none',
		)
	})
})
