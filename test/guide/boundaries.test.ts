import {describe, expect, test} from 'vitest'
import {noNames} from '../../src/domain/names.ts'
import {addMs, formatInstant} from '../../src/domain/time.ts'
import {advanceLsn, formatLsn} from '../../src/domain/wal/lsn.ts'
import type {Boundary} from '../../src/domain/wal/record.ts'
import type {Table} from '../../src/guide/views.ts'
import {
	abort,
	backup,
	bondReservations,
	boundary,
	commit,
	historyOf,
	lsn,
	morning,
	path,
	prepare,
	restorePoint,
	rows,
	survey,
	timeline,
	timelineSummary,
	trades,
	utc,
} from '../support/builders.ts'
import {atBoundaries, decodedBatch as batch, type Story, story} from './story.ts'

function tableOf({screen}: Story): Table {
	const {view} = screen
	if (view.screen.screen !== 'boundaries') throw new Error(`the screen is ${view.screen.screen}`)
	return view.screen.table
}

/** The xid, or the name, of each row that is shown; the one under the cursor in brackets. */
function shownRows(told: Story): readonly string[] {
	return tableOf(told).rows.map(({cells, selected}) => {
		const text = cells[2]?.text || cells[5]?.text || ''
		return selected ? `[${text}]` : text
	})
}

const underCursor = (told: Story) => shownRows(told).find(row => row.startsWith('['))

/** A story that is decoding: nothing has come yet. */
function decoding(its: {readonly survey?: ReturnType<typeof survey>; readonly typed?: string} = {}): Story {
	const told = story()
	told.world.answers('survey', {type: 'surveyed', survey: its.survey ?? survey()})
	told.operator.accepts()
	told.operator.types(its.typed ?? '2026-04-01T09:41:23Z')
	told.operator.accepts()
	return told
}

describe('the commits', () => {
	test('stand in WAL order with the one at the reported time under the cursor', () => {
		const told = atBoundaries()
		expect(shownRows(told)).toEqual([
			'3764',
			'restore point before maintenance',
			'3766',
			'3768',
			'[3770]',
			'3769',
			'3771',
			'3772',
		])
		told.screen.shows('5 of 8', 'WAL order')
	})

	test('come while they are decoded, and the cursor stays where the operator put it', () => {
		const told = decoding()
		told.world.answers('decode', {type: 'decodingStarted', backup: backup(), segmentCount: 3})
		told.screen.shows('0 of 3 segments, 0 boundaries', 'decoding …')
		told.world.answers('decode', batch(morning.slice(0, 4)))
		told.operator.moves(-1)
		expect(shownRows(told)).toEqual(['3764', 'restore point before maintenance', '[3766]', '3768'])
		told.world.answers('decode', batch(morning.slice(4)))
		expect(underCursor(told)).toBe('[3766]')
		told.world.answers('decode', {type: 'decodingFinished', path: path()})
		expect(underCursor(told)).toBe('[3766]')
		told.screen.hides('boundaries, ')
	})

	test('follow the reported time until the operator moves', () => {
		const told = decoding()
		told.world.answers('decode', batch(morning.slice(0, 4)))
		expect(underCursor(told)).toBe('[3768]')
		told.world.answers('decode', batch(morning.slice(4)))
		expect(underCursor(told)).toBe('[3770]')
	})

	test('are shown by number where nobody knows the names', () => {
		const told = atBoundaries({path: path({names: noNames('the primary does not answer')})})
		told.screen.shows(
			'relation 16402 ~841, relation 16410 -841',
			'table names: by number (the primary does not answer)',
		)
	})

	test('of another day carry their date', () => {
		const told = atBoundaries({
			path: path({boundaries: [commit({lsn: '0/5100000', at: '2026-03-31T23:59:59.5Z', xid: 1}), ...morning.slice(2)]}),
		})
		told.operator.turns(9)
		told.operator.jumps('first')
		told.screen.shows('03-31T23:59:59.500000  0/5100000')
	})

	test('show no character from outside that the terminal would act on', () => {
		const told = atBoundaries({
			path: path({
				boundaries: [
					...morning,
					restorePoint('evil\u001b[2J\nline', {lsn: '0/5410000'}),
					prepare('gid\u0007', {lsn: '0/5420000', at: '09:41:23.6'}),
				],
			}),
		})
		told.screen.shows('restore point evil\\u001b[2J\\nline', 'prepares gid\\u0007')
	})
})

describe('marking', () => {
	test('while decoding goes on is refused with the reason', () => {
		const told = decoding()
		told.world.answers('decode', batch(morning))
		told.operator.accepts()
		told.screen.is('boundaries')
		told.screen.shows('what a target loses is known once decoding has reached the end of the archive: wait for it')
	})

	test('a restore point is refused with the reason', () => {
		const told = atBoundaries()
		told.operator.moves(-3)
		told.operator.accepts()
		told.screen.is('boundaries')
		told.screen.shows('a restore point is no commit: mark the first bad commit')
		told.operator.moves(1)
		told.screen.hides('a restore point is no commit: mark')
	})

	test('a PREPARE is refused with the reason', () => {
		const boundaries = [...morning, prepare('settle-42', {lsn: '0/5310000', at: '09:41:23.1'})]
		const told = atBoundaries({path: path({boundaries})})
		told.operator.moves(-1)
		told.operator.accepts()
		told.screen.is('boundaries')
		told.screen.shows('a PREPARE keeps or loses nothing by itself: mark the first bad commit')
	})

	test('nothing is not possible in an empty list', () => {
		const told = atBoundaries({path: path({boundaries: []})})
		told.screen.shows('no transaction in the WAL that is archived')
		told.operator.accepts()
		told.screen.is('boundaries')
		told.operator.moves(1)
		told.operator.jumps('last')
		told.screen.is('boundaries')
	})
})

describe('a list of 100,000 commits', () => {
	const count = 100_000
	const many: readonly Boundary[] = Array.from({length: count}, (_, ordinal) => ({
		...commit({xid: 1000 + ordinal}),
		ordinal,
		lsn: advanceLsn(lsn('0/5100000'), ordinal * 100),
		endLsn: advanceLsn(lsn('0/5100000'), ordinal * 100 + 40),
		at: addMs(utc('09:40:00'), ordinal),
	}))
	const end = {lastLsn: lsn('0/FFFFF000'), endLsn: lsn('0/FFFFF040')}
	const atMany = () => atBoundaries({path: path({boundaries: many, wal: end}), typed: '2026-04-01T09:40:50Z'})

	test('makes only the rows that fit', () => {
		const told = atMany()
		expect(tableOf(told).rows).toHaveLength(14)
		told.operator.resizes(200, 60)
		expect(tableOf(told).rows).toHaveLength(48)
		expect(tableOf(told).position).toBe('50001 of 100000')
	})

	test('keeps the cursor in sight wherever it goes', () => {
		const told = atMany()
		expect(underCursor(told)).toBe('[51000]')
		for (const [by, xid] of [
			[1, 51_001],
			[-2, 50_999],
			[40, 51_039],
			[-1000, 50_039],
		] as const) {
			told.operator.moves(by)
			expect(underCursor(told)).toBe(`[${xid}]`)
		}
		told.operator.jumps('last')
		expect(shownRows(told).at(-1)).toBe('[100999]')
		told.operator.moves(5)
		expect(shownRows(told).at(-1)).toBe('[100999]')
		told.operator.jumps('first')
		expect(shownRows(told)[0]).toBe('[1000]')
		told.operator.moves(-5)
		expect(shownRows(told)[0]).toBe('[1000]')
	})

	test('leaves the cursor on its commit when the window changes', () => {
		const told = atMany()
		told.operator.moves(7)
		told.operator.turns(-1)
		expect(underCursor(told)).toBe('[51007]')
		expect(tableOf(told).position).toMatch(/^\d+ of 100000$/)
	})

	test('is computed once for all keys that only move in it', () => {
		const told = atMany()
		told.operator.moves(1)
		const startedMs = performance.now()
		for (let index = 0; index < 50; index++) {
			told.operator.moves(1)
			tableOf(told)
		}
		expect((performance.now() - startedMs) / 50).toBeLessThan(50)
	})
})

describe('the filter', () => {
	test('leaves the commits whose words, in any order, are in their text', () => {
		const told = atBoundaries()
		told.operator.does({type: 'filterOpened'})
		told.operator.types('GSI bond')
		expect(shownRows(told)).toEqual(['[3770]'])
		told.screen.shows('filter [GSI bond]', '1 of 1')
	})

	test.each([
		['3769', ['[3769]']],
		['restore-point', ['[restore point before maintenance]']],
		['maintenance', ['[restore point before maintenance]']],
		['commit trades', ['3764', '3766', '3768', '[3769]', '3771', '3772']],
		['abort', []],
	])('takes %j for an xid, a kind, a name or a table', (text, expected) => {
		const told = atBoundaries()
		told.operator.does({type: 'filterOpened'})
		told.operator.types(text)
		expect(shownRows(told)).toEqual(expected)
	})

	test('that nothing matches says how it is cleared', () => {
		const told = atBoundaries()
		told.operator.does({type: 'filterOpened'})
		told.operator.types('nowhere')
		told.screen.shows('nothing matches "nowhere": Esc clears the filter')
		told.operator.goesBack()
		expect(shownRows(told)).toHaveLength(8)
		told.screen.hides('filter [')
	})

	test('stays when it is accepted, moves while it is typed, and the first Esc clears it', () => {
		const told = atBoundaries()
		told.operator.does({type: 'filterOpened'})
		told.operator.types('trades')
		told.operator.moves(-1)
		expect(underCursor(told)).toBe('[3768]')
		told.operator.accepts()
		expect(told.screen.view.keys).toBe('boundaries')
		told.operator.accepts()
		told.screen.is('target')
		told.operator.goesBack()
		told.screen.shows('filter [trades]')
		told.operator.goesBack()
		told.screen.is('boundaries')
		expect(shownRows(told)).toHaveLength(8)
		told.operator.goesBack()
		told.screen.is('incident')
	})

	test('finds a prepared transaction by its gid', () => {
		const boundaries = [
			...morning,
			boundary({kind: 'commit-prepared', lsn: '0/5700200', xid: 3774, at: '09:45:00', gid: 'settle-42'}),
		]
		const told = atBoundaries({path: path({boundaries})})
		told.operator.does({type: 'filterOpened'})
		told.operator.types('settle')
		expect(shownRows(told)).toEqual(['[3774]'])
	})
})

describe('the order', () => {
	test('by destruction puts the worst first, under the cursor, and back again', () => {
		const boundaries = [
			...morning,
			boundary({lsn: '0/5650000', xid: 3775, at: '09:42:00', work: {dropped: [trades]}}),
			abort({lsn: '0/5660000', xid: 3776, at: '09:42:01', work: {rows: [rows(bondReservations, 0, 0, 99_999)]}}),
		]
		const told = atBoundaries({path: path({boundaries})})
		told.operator.does({type: 'orderToggled'})
		expect(shownRows(told).slice(0, 3)).toEqual(['[3775]', '3770', '3764'])
		told.screen.shows('most destructive first', 'drops trades')
		told.operator.does({type: 'orderToggled'})
		expect(underCursor(told)).toBe('[3770]')
		told.screen.shows('WAL order')
	})
})

describe('the detail', () => {
	test('tells all of the commit under the cursor', () => {
		const told = atBoundaries()
		told.operator.does({type: 'detailToggled'})
		told.screen.shows(
			'commit, xid 3770',
			'stamped: 2026-04-01T09:41:23.501967Z',
			'first write: 0/5310000',
			'took: at most 503 ms',
			'WAL: 210 kB',
			'suspicion: 1. deletes 841 rows, updates 841 rows',
			'public.bond_reservations    841',
		)
		told.operator.does({type: 'detailToggled'})
		told.screen.hides('first write')
	})

	test('of a restore point and of a PREPARE is what they have', () => {
		const boundaries = [...morning, prepare('settle-42', {lsn: '0/5310000', xid: 3773, at: '09:41:23.1'})]
		const told = atBoundaries({path: path({boundaries})})
		told.operator.does({type: 'detailToggled'})
		told.operator.moves(-1)
		told.screen.shows('prepare, xid 3773', 'gid: settle-42')
		told.operator.moves(-3)
		told.screen.shows('name: before maintenance', 'LSN: 0/5180028')
	})

	test('says what nobody knows', () => {
		const early = commit({lsn: '0/5400070', xid: 3770, at: '09:41:23.5', first: 'unknown', subxids: [1, 2], gid: 'g'})
		const told = atBoundaries({path: path({boundaries: [early]})})
		told.operator.does({type: 'detailToggled'})
		told.screen.shows('first write: before what was decoded', 'took: unknown', 'subtransactions: 2', 'gid: g')
	})
})

describe('widening the window', () => {
	const sunday = backup({
		id: 'sunday',
		startLsn: lsn('0/2000028'),
		stopLsn: lsn('0/2000138'),
		stoppedAt: utc('2026-03-29T01:00:07Z'),
	})
	const noon = backup({id: 'noon', startLsn: lsn('0/5000028'), stopLsn: lsn('0/5000138'), stoppedAt: utc('09:30:00')})
	const two = survey({backups: [noon, sunday]})

	function atTwoBackups(): Story {
		const told = decoding({survey: two})
		told.world.answers('decode', {type: 'decodingFinished', path: path({of: two, backup: noon})})
		return told
	}

	test('shows more of what was decoded, and asks for nothing', () => {
		const told = atTwoBackups()
		told.operator.turns(-1)
		expect(shownRows(told)).toEqual(['3766', '3768', '[3770]', '3769', '3771'])
		told.operator.turns(1)
		expect(shownRows(told)).toHaveLength(8)
		expect(told.world.asked('decode')).toHaveLength(1)
	})

	test('decodes again only when it reaches back before the base backup', () => {
		const told = atTwoBackups()
		// 15 min before 09:41:23 lies before the backup of 09:30 was finished.
		told.operator.turns(1)
		expect(told.world.asked('decode')).toHaveLength(2)
		expect(told.world.wasAsked('decode').from).toBe(utc('09:26:23'))
		told.screen.shows('decoding …', '0 of … segments')
		told.operator.accepts()
		told.screen.is('boundaries')
		told.world.answers('decode', {type: 'decodingFinished', path: path({of: two, backup: sunday})})
		told.operator.turns(1)
		expect(told.world.asked('decode')).toHaveLength(2)
		told.operator.turns(-3)
		expect(told.world.asked('decode')).toHaveLength(2)
	})

	test('while decoding goes on decodes from an older base backup where it must', () => {
		const told = decoding({survey: two})
		told.operator.turns(1)
		expect(told.world.asked('decode').map(({from}) => from)).toEqual([utc('09:36:23'), utc('09:26:23')])
		told.operator.turns(1)
		expect(told.world.asked('decode')).toHaveLength(2)
	})

	test('looks at base backups of the timeline that was decoded, not of a newer one', () => {
		const branch = historyOf(2, [1, '0/1000000'])
		const branched = survey({
			backups: [noon, {...sunday, timeline: timeline(2), id: 'branch'}],
			timelines: [...survey().timelines, timelineSummary(branch)],
		})
		const told = decoding({survey: branched})
		told.world.answers('decode', {type: 'decodingFinished', path: path({of: branched, backup: noon})})
		told.operator.turns(3)
		expect(told.world.asked('decode')).toHaveLength(1)
	})

	test('to all there is shows every boundary', () => {
		const told = atTwoBackups()
		told.operator.turns(9)
		told.world.answers('decode', {type: 'decodingFinished', path: path({of: two, backup: sunday})})
		told.screen.shows('Commits, all that was decoded')
		expect(shownRows(told)).toHaveLength(8)
	})

	test('around an xid or an LSN is not possible: all is shown already', () => {
		const told = decoding({typed: 'xid 3770'})
		told.world.answers('decode', {type: 'decodingFinished', path: path()})
		told.operator.turns(-1)
		told.screen.shows('all that was decoded')
	})
})

describe('a report that is no time', () => {
	test.each([
		['xid 3769', '[3769]'],
		['0/5300060', '[3768]'],
		['0/5300061', '[3770]'],
		['table gsi_open', '[3770]'],
	])('of %s puts the cursor there', (typed, expected) => {
		const told = decoding({typed})
		told.world.answers('decode', {type: 'decodingFinished', path: path()})
		expect(underCursor(told)).toBe(expected)
	})

	test('of a table shows the commits that touched it and no others', () => {
		const told = decoding({typed: 'table bond_reservations'})
		told.world.answers('decode', {type: 'decodingFinished', path: path()})
		expect(shownRows(told)).toEqual(['[3770]'])
	})

	test('of a subtransaction finds the commit that it is part of', () => {
		const told = decoding({typed: 'xid 3800'})
		const boundaries = [...morning, commit({lsn: '0/5700200', xid: 3799, subxids: [3800], at: '09:45:00'})]
		told.world.answers('decode', {type: 'decodingFinished', path: path({boundaries})})
		expect(underCursor(told)).toBe('[3799]')
		expect(told.screen.view.notice).toBeUndefined()
	})

	test.each([
		['xid 999999', 'xid 999999 never committed in the archived WAL from 0/5000028 to 0/7FFF040'],
		['0/9000000', 'LSN 0/9000000 is not in the archived WAL from 0/5000028 to 0/7FFF040'],
		['0/100', 'LSN 0/100 is not in the archived WAL from 0/5000028 to 0/7FFF040'],
	])('of %s, which is nowhere, says so once all is decoded', (typed, notice) => {
		const told = decoding({typed})
		told.world.answers('decode', batch(morning))
		expect(told.screen.view.notice).toBeUndefined()
		told.world.answers('decode', {type: 'decodingFinished', path: path()})
		expect(told.screen.view.notice).toEqual({text: notice, tone: 'warn'})
	})
})

describe('decoding', () => {
	test('is stopped when Esc leads back while it goes on, and not after', () => {
		const told = decoding()
		told.operator.goesBack()
		expect(told.world.asked('stopDecoding')).toHaveLength(1)
		const done = atBoundaries()
		done.operator.goesBack()
		expect(done.world.asked('stopDecoding')).toEqual([])
	})

	test('that failed says why, keeps what came, and lets nothing be marked', () => {
		const told = decoding()
		told.world.answers('decode', batch(morning), {
			type: 'decodingFailed',
			trouble: {code: 'waldump-version-mismatch', message: 'no pg_waldump of 15', whatToDo: ['install it']},
		})
		told.screen.shows('the WAL cannot be decoded', 'no pg_waldump of 15', 'install it')
		expect(shownRows(told)).toHaveLength(8)
		told.operator.accepts()
		told.screen.is('boundaries')
		told.operator.goesBack()
		expect(told.world.asked('stopDecoding')).toEqual([])
	})

	test('tells of an empty window what to do', () => {
		const told = decoding({typed: '2026-04-01T08:00:00Z'})
		told.world.answers('decode', {type: 'decodingFinished', path: path()})
		told.screen.shows('no commit in this window: widen it with +')
	})

	test('keeps its LSNs and times as they are', () => {
		const [first] = morning
		if (first?.kind !== 'commit') throw new Error('no commit')
		const told = atBoundaries()
		told.operator.does({type: 'detailToggled'})
		told.operator.jumps('first')
		told.screen.shows(`stamped: ${formatInstant(first.at)}`, `LSN: ${formatLsn(first.lsn)}`)
	})
})
