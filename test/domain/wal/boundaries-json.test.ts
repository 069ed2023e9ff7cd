import {describe, expect, test} from 'vitest'
import {noNames} from '../../../src/domain/names.ts'
import {boundariesToJson, boundaryToJson} from '../../../src/domain/wal/boundaries-json.ts'
import {rankBoundaries} from '../../../src/domain/wal/suspicion.ts'
import {
	boundary,
	commit,
	morning,
	names,
	prepare,
	releaseJob,
	restorePoint,
	trades,
	utc,
} from '../../support/builders.ts'

const json = (one: Parameters<typeof boundaryToJson>[0]) => boundaryToJson(one, names(), morning, undefined)

describe('a boundary as JSON', () => {
	test('of a commit tells all that is known', () => {
		expect(boundaryToJson(releaseJob, names(), morning, {rank: 1, why: 'deletes 841 rows'})).toEqual({
			kind: 'commit',
			lsn: '0/5400070',
			endLsn: '0/5400098',
			xid: 3770,
			at: '2026-04-01T09:41:23.501967Z',
			firstLsn: '0/5310000',
			durationMs: 503,
			walBytes: 210_400,
			tables: [
				{
					name: 'public.bond_reservations',
					database: 'harbor',
					relation: '1663/16390/16402',
					inserted: 0,
					updated: 841,
					deleted: 0,
				},
				{
					name: 'public.gsi_open_by_issuer',
					database: 'harbor',
					relation: '1663/16390/16410',
					inserted: 0,
					updated: 0,
					deleted: 841,
				},
			],
			catalogRows: 0,
			dropped: [],
			truncated: [],
			subxids: [],
			gid: null,
			name: null,
			suspicion: {rank: 1, why: 'deletes 841 rows'},
		})
	})

	test('names what was dropped and emptied, databases first', () => {
		const harm = boundary({work: {droppedDatabases: [16390], dropped: [trades, '1663/16390/999'], truncated: [trades]}})
		expect(json(harm)).toMatchObject({
			dropped: ['database 16390', 'public.trades', 'relation 999'],
			truncated: ['public.trades'],
		})
	})

	test('says null where nobody knows', () => {
		const early = commit({kind: 'commit-prepared', first: 'unknown', gid: 'settle-42', subxids: [3767]})
		expect(boundaryToJson(early, noNames('no primary is named'), [early], undefined)).toMatchObject({
			kind: 'commit-prepared',
			firstLsn: null,
			durationMs: null,
			tables: [{name: 'relation 16420', database: null, inserted: 1}],
			subxids: [3767],
			gid: 'settle-42',
			suspicion: null,
		})
	})

	test.each([
		[
			'a restore point has a name and no time',
			restorePoint('before\nmaintenance'),
			{kind: 'restore-point', name: 'before\nmaintenance', xid: null, at: null, gid: null},
		],
		[
			'a PREPARE has a gid and a time',
			prepare('settle-42'),
			{kind: 'prepare', name: null, xid: 3760, at: '2026-04-01T09:40:50.000000Z', gid: 'settle-42'},
		],
	])('of %s', (_, one, expected) => {
		expect(json(one)).toEqual({
			lsn: '0/5100028',
			endLsn: '0/5100050',
			firstLsn: null,
			durationMs: null,
			walBytes: null,
			tables: [],
			catalogRows: 0,
			dropped: [],
			truncated: [],
			subxids: [],
			suspicion: null,
			...expected,
		})
	})
})

test('a listing as JSON names its window, its source of names and its boundaries', () => {
	const document = boundariesToJson({
		around: utc('09:41:00'),
		from: utc('09:36:00'),
		to: utc('09:46:00'),
		timeline: 1,
		segmentsRead: 3,
		names: names(),
		listed: [releaseJob],
		all: morning,
		suspicions: rankBoundaries(morning),
		warnings: ['the WAL is decoded up to 0/5600000'],
	})
	expect(document).toMatchObject({
		around: '2026-04-01T09:41:00.000000Z',
		window: {from: '2026-04-01T09:36:00.000000Z', to: '2026-04-01T09:46:00.000000Z'},
		timeline: 1,
		segmentsRead: 3,
		names: {source: 'primary', asOf: '2026-04-01T10:00:00.000000Z', problem: null},
		warnings: ['the WAL is decoded up to 0/5600000'],
		boundaries: [{xid: 3770, suspicion: {rank: 1}}],
	})
	// 64-bit values are text: the document must survive JSON.stringify as it stands.
	expect(JSON.parse(JSON.stringify(document))).toEqual(document)
})
