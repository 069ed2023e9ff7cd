import {describe, expect, test} from 'vitest'
import type {Survey} from '../../src/domain/archive/survey.ts'
import {TimelineUnreachableError, WaldumpFailedError} from '../../src/domain/errors.ts'
import {noNames, type RelationNames} from '../../src/domain/names.ts'
import type {RelationKey} from '../../src/domain/wal/record.ts'
import {firstHistory} from '../../src/domain/wal/timeline.ts'
import {decodePath, type FindNews, type FindRequest} from '../../src/operations/find.ts'
import type {ArchiveStore, NameSource, WalReader} from '../../src/ports.ts'
import {backup, historyOf, lsn, names, segments, survey, timeline, timelineSummary, utc} from '../support/builders.ts'
import {only} from './fakes.ts'

/** Two transactions right behind the backup's redo point, as pg_waldump prints them. */
const twoTransactions = [
	'rmgr: Heap        len (rec/tot):     79/    79, tx:       3766, lsn: 0/05000028, prev 0/04FFFFE8, desc: INSERT off 1 flags 0x00, blkref #0: rel 1663/16390/16420 blk 0\n',
	'rmgr: Transaction len (rec/tot):     46/    46, tx:       3766, lsn: 0/05000078, prev 0/05000028, desc: COMMIT 2026-04-01 09:40:58.120001 UTC\n',
	'rmgr: Heap        len (rec/tot):     54/    54, tx:       3770, lsn: 0/050000A8, prev 0/05000078, desc: DELETE off 2 flags 0x00 KEYS_UPDATED , blkref #0: rel 1663/16390/16410 blk 0\n',
	'rmgr: Transaction len (rec/tot):     46/    46, tx:       3770, lsn: 0/050000E0, prev 0/050000A8, desc: COMMIT 2026-04-01 09:41:23.501967 UTC\n',
]

interface Finding {
	readonly survey?: Survey
	readonly request?: FindRequest
	readonly text?: readonly string[]
	readonly names?: (relations: readonly RelationKey[]) => RelationNames
	readonly signal?: AbortSignal
}

async function finding(given: Finding = {}) {
	const {text = twoTransactions, names: namesFor = () => names(), signal} = given
	const dumped: string[][] = []
	const asked: {readonly relations: readonly RelationKey[]; readonly systemIdentifier: string | undefined}[] = []
	const news: FindNews[] = []
	const world = {
		wal: only<WalReader>('wal', {
			dump: async request => {
				dumped.push(request.segments.map(({name}) => name))
				return {
					text: (async function* () {
						yield* text
					})(),
					ended: Promise.resolve({exitCode: 0, stderr: ''}),
				}
			},
		}),
		names: only<NameSource>('names', {
			namesOf: async (relations, _signal, systemIdentifier) => {
				asked.push({relations, systemIdentifier})
				return namesFor(relations)
			},
		}),
	}
	const surveyed = given.survey ?? survey()
	const store = only<ArchiveStore>('store', {})
	const path = await decodePath(world, {store, survey: surveyed, storeOf: () => store}, given.request ?? {}, {
		...(signal === undefined ? {} : {signal}),
		onNews: told => news.push(told),
	})
	return {path, news, dumped, asked}
}

describe('the path', () => {
	test('runs from the redo point of the base backup to the end of the archive', async () => {
		const {path, dumped} = await finding()
		expect(dumped).toEqual([['000000010000000000000005', '000000010000000000000006', '000000010000000000000007']])
		expect(path).toMatchObject({
			history: firstHistory,
			backup: {id: 'base-0401'},
			segmentsRead: 3,
			warnings: [],
			wal: {fromLsn: lsn('0/5000028'), lastLsn: lsn('0/50000E0'), endLsn: lsn('0/5000110')},
		})
		expect(path.wal.boundaries.map(({lsn: at}) => at)).toEqual([lsn('0/5000078'), lsn('0/50000E0')])
		expect(path.names).toEqual(names())
	})

	test('begins at the base backup that reaches back as far as is needed', async () => {
		const older = backup({
			id: 'older',
			startLsn: lsn('0/4000028'),
			stopLsn: lsn('0/4000138'),
			stoppedAt: utc('2026-03-31T01:00:00Z'),
		})
		const both = survey({backups: [older, backup()], segments: segments('1:4-7')})
		expect((await finding({survey: both, request: {from: utc('09:41:00')}})).path.backup?.id).toBe('base-0401')
		expect((await finding({survey: both, request: {from: utc('00:30:00')}})).path.backup?.id).toBe('older')
		expect((await finding({survey: both, request: {stopLsn: lsn('0/4800000')}})).dumped[0]?.[0]).toBe(
			'000000010000000000000004',
		)
	})

	test('without a base backup begins with the oldest segment: what happened can be seen all the same', async () => {
		const bare = survey({backups: [], segments: segments('1:5-7')})
		const {path, news} = await finding({survey: bare})
		expect(path).toMatchObject({backup: undefined, wal: {fromLsn: lsn('0/5000028')}})
		expect(news[0]).toEqual({type: 'started', backup: undefined, segmentCount: 3})
	})

	test('follows the timeline that is asked for, and takes the fork segment from it', async () => {
		const branch = historyOf(2, [1, '0/6400000'])
		const branched = survey({
			timelines: [timelineSummary(firstHistory), timelineSummary(branch)],
			segments: segments('1:5-7', '2:6-7'),
		})
		expect((await finding({survey: branched})).dumped).toEqual([
			['000000010000000000000005', '000000020000000000000006', '000000020000000000000007'],
		])
		expect((await finding({survey: branched, request: {timeline: timeline(1)}})).dumped).toEqual([
			['000000010000000000000005', '000000010000000000000006', '000000010000000000000007'],
		])
	})

	test('on a timeline that is not there names those that are', async () => {
		const asked = finding({request: {timeline: timeline(7)}})
		await expect(asked).rejects.toThrow(TimelineUnreachableError)
		await expect(asked).rejects.toMatchObject({
			message: 'timeline 7 is not in the archive',
			whatToDo: ['timelines that are: 1'],
		})
	})

	test('in an archive without a segment is none', async () => {
		const empty = survey({timelines: [timelineSummary(firstHistory, 0)], segments: [], backups: []})
		await expect(finding({survey: empty})).rejects.toThrow('the archive holds no WAL segment')
		const damaged = survey({segments: [], backups: []})
		await expect(finding({survey: damaged})).rejects.toThrow(WaldumpFailedError)
	})
})

describe('the news of decoding', () => {
	test('tell of the beginning, then of boundaries, then of names', async () => {
		const {news} = await finding()
		expect(news[0]).toEqual({type: 'started', backup: backup(), segmentCount: 3})
		const decoded = news.filter(one => one.type === 'decoded')
		expect(decoded.flatMap(one => one.boundaries).map(one => one.ordinal)).toEqual([0, 1])
		expect(decoded.at(-1)).toMatchObject({uptoLsn: lsn('0/50000E0'), segmentsRead: 3})
		expect(news.at(-1)).toEqual({type: 'names', names: names()})
	})

	test('ask names for what was written, of this cluster and no other', async () => {
		const {asked} = await finding()
		expect(asked.at(-1)).toEqual({
			relations: ['1663/16390/16420', '1663/16390/16410'],
			systemIdentifier: '7710895412341931179',
		})
	})

	test('do without names where nobody answers', async () => {
		const {path} = await finding({names: () => noNames('the primary does not answer')})
		expect(path.names).toEqual(noNames('the primary does not answer'))
	})

	test('end with the reason when they are cancelled', async () => {
		const signal = AbortSignal.abort(new Error('enough'))
		await expect(
			finding({
				signal,
				names: () => {
					throw signal.reason
				},
			}),
		).rejects.toThrow('enough')
	})
})
