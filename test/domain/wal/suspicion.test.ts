import {describe, expect, test} from 'vitest'
import {parseWaldumpTime} from '../../../src/domain/time.ts'
import {createBoundaryFold} from '../../../src/domain/wal/boundaries.ts'
import {lsnAt} from '../../../src/domain/wal/lsn.ts'
import type {TransactionBoundary, TransactionWork} from '../../../src/domain/wal/record.ts'
import {rankBoundaries} from '../../../src/domain/wal/suspicion.ts'
import {fixtureMajors, fixtureSegmentBytes, parsed, waldumpText} from '../../support/waldump-fixtures.ts'

const idle: TransactionWork = {
	firstLsn: undefined,
	walBytes: 0,
	rows: [],
	catalogRows: 0,
	dropped: [],
	truncated: [],
	droppedDatabases: [],
}
const wrote = (inserted: number, updated: number, deleted: number): Partial<TransactionWork> => ({
	rows: [{relation: '1663/5/16402', inserted, updated, deleted}],
})

function list(...works: readonly Partial<TransactionWork>[]): readonly TransactionBoundary[] {
	const at = parseWaldumpTime('2026-11-22 07:00:00 UTC')
	if (at === undefined) throw new Error('no time')
	return works.map((work, ordinal) => ({
		kind: 'commit',
		lsn: lsnAt(BigInt(ordinal * 100)),
		prevLsn: lsnAt(BigInt(Math.max(0, ordinal * 100 - 48))),
		endLsn: lsnAt(BigInt(ordinal * 100 + 48)),
		ordinal,
		xid: 700 + ordinal,
		at,
		subxids: [],
		gid: undefined,
		work: {...idle, ...work},
	}))
}

const order = (boundaries: readonly TransactionBoundary[]) => [...rankBoundaries(boundaries).keys()]

describe('the ranking of commits', () => {
	test('puts databases before relations before emptied ones before rows', () => {
		const boundaries = list(
			wrote(0, 900, 0),
			{truncated: ['1663/5/16410']},
			{droppedDatabases: [16425]},
			{dropped: ['1663/5/16411']},
			wrote(0, 0, 2000),
		)
		expect(order(boundaries)).toEqual([2, 3, 1, 4, 0])
		expect([...rankBoundaries(boundaries).values()].map(({rank}) => rank)).toEqual([1, 2, 3, 4, 5])
	})

	test('leaves out commits that only add, and ends that kept nothing', () => {
		const [added, removed] = list(wrote(5000, 0, 0), wrote(0, 0, 5000))
		if (added === undefined || removed === undefined) throw new Error('no boundary')
		expect([...rankBoundaries([added, {...removed, kind: 'abort'}])]).toEqual([])
	})

	test('says what was done and how unusual it is', () => {
		const usual = Array.from({length: 9}, () => wrote(1, 2, 0))
		const boundaries = list(...usual, wrote(0, 841, 841), {
			...wrote(0, 1, 0),
			dropped: ['1663/5/1', '1663/5/2'],
			droppedDatabases: [9],
		})
		const ranks = rankBoundaries(boundaries)
		expect(ranks.get(9)).toEqual({
			rank: 2,
			why: 'deletes 841 rows, updates 841 rows: 841 times the 2 rows of the median commit that changes any',
		})
		expect(ranks.get(10)).toEqual({rank: 1, why: 'drops 1 database, drops 2 relations, updates 1 row'})
		expect(ranks.get(0)?.why).toBe('updates 2 rows')
	})

	test('takes the WAL order among equals', () => {
		expect(order(list(wrote(0, 1, 0), wrote(0, 1, 0), wrote(0, 1, 0)))).toEqual([0, 1, 2])
	})

	test.each(fixtureMajors)(
		'of the %d fixture finds the dropped database, the dropped table, the emptied one and the release job',
		major => {
			const fold = createBoundaryFold({walSegmentBytes: fixtureSegmentBytes, postgresMajor: major})
			const boundaries = fold.take(parsed(waldumpText(major)))
			const reasons = [...rankBoundaries(boundaries).values()].slice(0, 4).map(({why}) => why.split(':')[0])
			expect(reasons).toEqual([
				'drops 1 database',
				'drops 1 relation',
				'empties or rewrites 3 relations',
				'deletes 100 rows, updates 101 rows',
			])
		},
	)
})
