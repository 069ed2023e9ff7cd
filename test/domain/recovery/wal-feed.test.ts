import {chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {gzipSync, zstdCompressSync} from 'node:zlib'
import {afterEach, beforeEach, describe, expect, test} from 'vitest'
import {run} from '../../../src/adapters/process.ts'
import type {ArchivedSegment, Survey} from '../../../src/domain/archive/survey.ts'
import {
	configFileText,
	fetchWalText,
	hbaText,
	listedWal,
	pathProblem,
	restoreCommandSetting,
	walListText,
} from '../../../src/domain/recovery/wal-feed.ts'
import {instantAt} from '../../../src/domain/time.ts'
import {lsnAt} from '../../../src/domain/wal/lsn.ts'
import {segmentFileName, segmentNumberAt} from '../../../src/domain/wal/segment.ts'
import {firstHistory, type TimelineHistory, timelineId} from '../../../src/domain/wal/timeline.ts'

const segmentBytes = 1024 * 1024
const timeline = (number: number) => timelineId(number) ?? firstHistory.timeline

describe('the listed WAL', () => {
	const segment = (
		onTimeline: number,
		number: bigint,
		key?: string,
		codec: ArchivedSegment['codec'] = 'none',
	): ArchivedSegment => {
		const name = segmentFileName({timeline: timeline(onTimeline), number: segmentNumberAt(number)}, segmentBytes)
		return {
			timeline: timeline(onTimeline),
			number: segmentNumberAt(number),
			name,
			key: (key ?? 'wal/%').replace('%', name),
			codec,
			storedBytes: 100,
			modifiedAt: instantAt(0n),
		}
	}
	const survey = (histories: readonly number[]): Pick<Survey, 'location' | 'timelines' | 'cluster'> => ({
		location: '/archive',
		cluster: {systemIdentifier: '1', postgresMajor: 15, pageMagic: 0xd110, walSegmentBytes: segmentBytes},
		timelines: [1, ...histories].map(number => ({
			history: {timeline: timeline(number), switches: []},
			historyFile: number === 1 ? undefined : {key: `wal/0000000${number}.history`, codec: 'none' as const},
			firstSegment: undefined,
			lastSegment: undefined,
			segmentCount: 0,
		})),
	})
	const endOf = (number: bigint) => lsnAt((number + 1n) * BigInt(segmentBytes))

	test('ends with the segment that holds the last byte that is needed', () => {
		const chain = {segments: [5n, 6n, 7n, 8n].map(number => segment(1, number))}
		const listed = (needed: bigint) => listedWal(survey([]), chain, firstHistory, lsnAt(needed)).runs[0]?.lastSegment
		expect(listed(endOf(6n))).toBe('000000010000000000000006')
		expect(listed(endOf(6n) + 1n)).toBe('000000010000000000000007')
	})

	test('is in runs of one folder, suffix, packing and timeline', () => {
		const chain = {
			segments: [
				segment(1, 0xffdn),
				segment(1, 0xffen),
				segment(1, 0xfffn, 'wal/%.gz', 'gzip'),
				segment(1, 0x1000n, 'wal/%.gz', 'gzip'),
				segment(1, 0x1001n, 'more/%', 'gzip'),
				segment(2, 0x1002n, '%'),
			],
		}
		const {runs, segmentCount} = listedWal(survey([]), chain, firstHistory, endOf(0x2000n))
		expect(segmentCount).toBe(6)
		expect(runs).toEqual([
			{
				timeline: 1,
				directory: '/archive/wal',
				suffix: '',
				codec: 'none',
				firstSegment: '000000010000000000000FFD',
				lastSegment: '000000010000000000000FFE',
				count: 2,
				bytes: 200,
			},
			{
				timeline: 1,
				directory: '/archive/wal',
				suffix: '.gz',
				codec: 'gzip',
				firstSegment: '000000010000000000000FFF',
				lastSegment: '000000010000000100000000',
				count: 2,
				bytes: 200,
			},
			{
				timeline: 1,
				directory: '/archive/more',
				suffix: '',
				codec: 'gzip',
				firstSegment: '000000010000000100000001',
				lastSegment: '000000010000000100000001',
				count: 1,
				bytes: 100,
			},
			{
				timeline: 2,
				directory: '/archive',
				suffix: '',
				codec: 'none',
				firstSegment: '000000020000000100000002',
				lastSegment: '000000020000000100000002',
				count: 1,
				bytes: 100,
			},
		])
	})

	test('has the history of the timeline, of its ancestors, and of later ones, but of no cousin before it', () => {
		const history: TimelineHistory = {
			timeline: timeline(4),
			switches: [
				{parent: timeline(1), switchLsn: lsnAt(1n), reason: ''},
				{parent: timeline(2), switchLsn: lsnAt(2n), reason: ''},
			],
		}
		const {histories} = listedWal(survey([2, 3, 4, 5]), {segments: []}, history, lsnAt(1n))
		expect(histories.map(({name}) => name)).toEqual(['00000002.history', '00000004.history', '00000005.history'])
		expect(histories[0]).toEqual({name: '00000002.history', path: '/archive/wal/00000002.history', codec: 'none'})
	})

	test('is a list of one line for each file', () => {
		const chain = {segments: [segment(1, 0xfffn, 'a b/%.gz', 'gzip'), segment(1, 0x1000n, 'a b/%.gz', 'gzip')]}
		const wal = {...listedWal(survey([2]), chain, firstHistory, endOf(0x2000n)), replayBytes: 0}
		const cluster = {walSegmentBytes: segmentBytes}
		expect(walListText({wal, cluster})).toBe(
			[
				'00000002.history none - /archive/wal/00000002.history',
				'000000010000000000000FFF gzip 1048576 /archive/a b/000000010000000000000FFF.gz',
				'000000010000000100000000 gzip 1048576 /archive/a b/000000010000000100000000.gz',
				'',
			].join('\n'),
		)
		const [only] = wal.runs
		if (only === undefined) throw new Error('no run')
		expect(() => walListText({wal: {...wal, runs: [{...only, count: 3}]}, cluster})).toThrow('are not 3 segments')
		expect(() => walListText({wal: {...wal, runs: [{...only, directory: '/a\nb'}]}, cluster})).toThrow('line break')
	})
})

describe('fetch-wal', () => {
	let place: string
	let work: string

	beforeEach(async () => {
		place = await mkdtemp(join(tmpdir(), 'lastgood feed '))
		work = join(place, `it's a "work" dir %f $HOME`)
		await mkdir(join(work, 'pg_wal'), {recursive: true})
		await writeFile(join(work, 'fetch-wal'), fetchWalText)
	})

	afterEach(async () => {
		await chmod(place, 0o755)
		await rm(place, {recursive: true})
	})

	const name = '000000010000000000000005'
	const content = Buffer.alloc(5000, 'wal')
	const target = () => join(work, 'pg_wal', 'RECOVERYXLOG')

	async function listing(line: string): Promise<void> {
		await writeFile(
			join(work, 'wal.list'),
			`000000010000000000000005a none 1 /wrong\n${line}\n000000010000000000000006 none 1 /wrong\n`,
		)
	}

	/** As PostgreSQL does it: %f, %p and %% replaced, then given to the shell in the data directory. */
	async function fetched(file = name) {
		const command = restoreCommandSetting(work).replace(/%(.)/g, (_, letter) =>
			letter === 'f' ? file : letter === 'p' ? 'pg_wal/RECOVERYXLOG' : letter,
		)
		return run('/bin/sh', ['-c', command], {cwd: work})
	}

	test.each([
		['none', (bytes: Buffer) => bytes],
		['gzip', (bytes: Buffer) => gzipSync(bytes)],
		['zstd', (bytes: Buffer) => zstdCompressSync(bytes)],
	] as const)('puts a listed file that is packed with %s in its place, and nothing beside it', async (codec, pack) => {
		const path = join(place, `seg 'ment" \\ $x`)
		await writeFile(path, pack(content))
		await listing(`${name} ${codec} 5000 ${path}`)
		expect(await fetched()).toEqual({exitCode: 0, signal: null, stdout: '', stderr: ''})
		expect(await readFile(target())).toEqual(content)
		expect(await readdir(join(work, 'pg_wal'))).toEqual(['RECOVERYXLOG'])
	})

	test('takes a history file of any size', async () => {
		await writeFile(join(place, 'h'), '1\t0/1\tno\n')
		await listing(`00000002.history none - ${join(place, 'h')}`)
		expect((await fetched('00000002.history')).exitCode).toBe(0)
	})

	test.each([
		'000000010000000000000009',
		'00000003.history',
		'00000001000000000000000',
		'0000000100000000000000050',
		'.*',
		'a b',
		'',
	])('says 1, in silence, for %j, which is not listed', async unlisted => {
		await writeFile(join(place, 's'), content)
		await listing(`${name} none 5000 ${join(place, 's')}`)
		const answer = await run('/bin/sh', [join(work, 'fetch-wal'), unlisted, target()])
		expect(answer).toEqual({exitCode: 1, signal: null, stdout: '', stderr: ''})
		expect(await readdir(join(work, 'pg_wal'))).toEqual([])
	})

	test.each([
		['is gone', 'none', undefined, /cannot be copied from .*s, where it was when the recovery was planned/],
		['is short', 'none', content.subarray(0, 4999), /s gives 4999 bytes instead of 5000/],
		['is long', 'none', Buffer.concat([content, content]), /s gives 10000 bytes instead of 5000/],
		['is no gzip', 'gzip', content, /cannot be copied from/],
		['is cut off', 'gzip', gzipSync(content).subarray(0, 20), /cannot be copied from/],
		['is packed with something unknown', 'brotli', content, /no way to unpack brotli/],
	] as const)('says 200 and names the file when a listed one %s', async (_, codec, bytes, words) => {
		if (bytes !== undefined) await writeFile(join(place, 's'), bytes)
		await listing(`${name} ${codec} 5000 ${join(place, 's')}`)
		const answer = await fetched()
		expect(answer.exitCode).toBe(200)
		expect(answer.stderr).toMatch(words)
		expect(answer.stderr).toContain(`fetch-wal: ${name}: `)
		expect(await readdir(join(work, 'pg_wal'))).toEqual([])
	})

	test('says 200 when it cannot read its list, write its target, or is told nothing', async () => {
		expect((await fetched()).exitCode).toBe(200)
		await writeFile(join(place, 's'), content)
		await listing(`${name} none 5000 ${join(place, 's')}`)
		await rm(join(work, 'pg_wal'), {recursive: true})
		expect((await fetched()).exitCode).toBe(200)
		expect((await run('/bin/sh', [join(work, 'fetch-wal')])).exitCode).toBe(200)
	})

	test('says what PostgreSQL takes for a shutdown when it is told to stop, and leaves nothing', async () => {
		const fifo = join(place, 'fifo')
		await run('mkfifo', [fifo])
		await listing(`${name} none 5000 ${fifo}`)
		const abort = new AbortController()
		const stopped = run(
			'/bin/sh',
			[
				'-c',
				'/bin/sh "$1" "$2" "$3" & script=$!; sleep 0.3; pkill -TERM -P $script; kill -TERM $script; wait $script',
				'sh',
				join(work, 'fetch-wal'),
				name,
				target(),
			],
			{signal: abort.signal},
		)
		expect((await stopped).exitCode).toBe(143)
		expect(await readdir(join(work, 'pg_wal'))).toEqual([])
	})
})

describe('the files of a restored server', () => {
	test('quote every value so that PostgreSQL reads it back', () => {
		const text = configFileText([
			['restore_command', "/bin/sh '/a\\b' %f"],
			['recovery_target_name', 'two\nlines'],
			['listen_addresses', ''],
		])
		expect(text.split('\n').slice(1)).toEqual([
			"restore_command = '/bin/sh ''/a\\\\b'' %f'",
			"recovery_target_name = 'two\\nlines'",
			"listen_addresses = ''",
			'',
		])
	})

	test('let in nobody by TCP', () => {
		expect(hbaText.split('\n').filter(line => line !== '' && !line.startsWith('#'))).toEqual(['local all all trust'])
	})

	test('call fetch-wal by a path that neither the shell nor PostgreSQL takes apart', () => {
		expect(restoreCommandSetting(`/srv/100% it's`)).toBe(`/bin/sh '/srv/100%% it'\\''s/fetch-wal' %f %p`)
	})

	test('cannot hold a path with a line break', () => {
		expect(pathProblem('/srv/a b')).toBeUndefined()
		expect(pathProblem('/srv/a\nb')).toBe('"/srv/a\\nb" has a line break in its name')
		expect(() => restoreCommandSetting('/srv/a\nb')).toThrow('line break')
	})
})
