import {describe, expect, test} from 'vitest'
import {type Inventory, type ReadSegment, takeInventory} from '../../../src/domain/archive/inventory.ts'
import {instantAt} from '../../../src/domain/time.ts'
import type {TimelineHistory, TimelineId} from '../../../src/domain/wal/timeline.ts'
import {firstHistory, parseTimelineHistory} from '../../../src/domain/wal/timeline.ts'
import {
	builtSystemIdentifier,
	megabyte,
	type SegmentTraits,
	segmentContent,
	segmentName,
} from '../../support/archive-builder.ts'

interface SegmentCase extends SegmentTraits {
	readonly name: string
	readonly key: string
	readonly codec: 'none' | 'gzip'
	readonly content: Uint8Array
	readonly contentBytes: number | undefined
	readonly modifiedAt: bigint
}

function read(number: number, traits: Partial<SegmentCase> = {}): ReadSegment {
	const {timeline = 1, walSegmentBytes = megabyte, codec = 'none', modifiedAt = 0n} = traits
	const {name = segmentName(timeline, number, walSegmentBytes)} = traits
	const {key = name} = traits
	const built = segmentContent({...traits, number})
	const bytes = traits.content ?? built.head.subarray(0, built.bytes)
	const storedBytes = traits.content?.byteLength ?? built.bytes
	return {
		entry: {name, key, storedBytes, modifiedAt: instantAt(modifiedAt)},
		head: {ok: true, codec, bytes, contentBytes: 'contentBytes' in traits ? traits.contentBytes : storedBytes},
	}
}

// Timeline 2 begins in the middle of segment 3.
const forked = parseTimelineHistory(2 as TimelineId, '1\t0/3E1A08\tbefore LSN 0/3E1A08\n')
const histories = new Map<TimelineId, TimelineHistory>([[1 as TimelineId, firstHistory]])
if (forked.ok) histories.set(2 as TimelineId, forked.history)

function inventory(segments: readonly ReadSegment[]): Inventory {
	const taken = takeInventory(segments, histories)
	if (taken === undefined) throw new Error('no segment was readable')
	return taken
}

const whole = [1, 2, 3, 4, 5].map(number => read(number))
const codes = ({findings}: Inventory) =>
	findings.map(({code, severity, segment, count}) => ({code, severity, segment, count}))
const names = ({segments}: Inventory) => segments.map(({name}) => name)
/** The whole archive with segment 3 replaced. */
const withThird = (...third: readonly ReadSegment[]) =>
	inventory([...whole.filter((_, index) => index !== 2), ...third])

describe('an undamaged archive', () => {
	test('gives every segment in order, whatever order they were listed in, and no finding', () => {
		const taken = inventory(whole.toReversed())
		expect(names(taken)).toEqual([1, 2, 3, 4, 5].map(number => segmentName(1, number)))
		expect(taken.findings).toEqual([])
		expect(taken.identity).toEqual({
			systemIdentifier: builtSystemIdentifier.toString(),
			pageMagic: 0xd110,
			postgresMajor: 15,
			walSegmentBytes: megabyte,
		})
	})

	test.each([1, 16, 64, 1024])('is read at segments of %i MB', size => {
		const walSegmentBytes = size * megabyte
		const last = 0x1_0000_0000 / walSegmentBytes
		const taken = inventory([last - 1, last, last + 1].map(number => read(number, {walSegmentBytes})))
		expect(taken.findings).toEqual([])
		expect(taken.identity.walSegmentBytes).toBe(walSegmentBytes)
		expect(names(taken)[1]).toBe('000000010000000100000000')
	})

	test.each([
		[0xd106, 13],
		[0xd10d, 14],
		[0xd110, 15],
		[0xd113, 16],
		[0xd116, 17],
		[0xd118, 18],
		[0xd11c, undefined],
	])('with page magic %i is of PostgreSQL %s', (pageMagic, major) => {
		expect(inventory([read(1, {pageMagic})]).identity.postgresMajor).toBe(major)
	})

	test('may hold the fork segment of a new timeline, whose first pages carry the parent’s number', () => {
		const taken = inventory([...whole.slice(0, 3), read(3, {timeline: 2, pageTimeline: 1}), read(4, {timeline: 2})])
		expect(taken.findings).toEqual([])
		expect(names(taken)).toEqual([
			segmentName(1, 1),
			segmentName(1, 2),
			segmentName(1, 3),
			segmentName(2, 3),
			segmentName(2, 4),
		])
	})
})

describe('a damaged segment is no segment, and is found as', () => {
	const third = segmentName(1, 3)
	const expectDamage = (taken: Inventory, code: string, detail: string) => {
		expect(codes(taken)).toEqual([{code, severity: 'error', segment: third, count: 1}])
		expect(taken.findings[0]?.message).toContain(`WAL segment ${third} ${detail}`)
		expect(taken.findings[0]?.whatToDo.length).toBeGreaterThan(0)
		expect(names(taken)).not.toContain(third)
		expect(taken.damaged).toMatchObject([{timeline: 1, number: 3n}])
	}

	test.each([
		['short', {bytes: megabyte - 1}, 'holds 1048575 bytes of 1048576 bytes'],
		['over-long', {bytes: megabyte + 1}, 'holds 1048577 bytes of 1048576 bytes'],
		['empty', {bytes: 0}, 'is empty'],
		['shorter than a header', {bytes: 39}, 'holds 39 bytes, less than a page header'],
		['short once unpacked', {codec: 'gzip', contentBytes: 4096}, 'holds 4096 bytes of 1048576 bytes'],
	] as const)('truncated: %s', (_name, traits, detail) => {
		expectDamage(withThird(read(3, traits)), 'segment-truncated', detail)
	})

	test.each([
		['zero-filled', {content: new Uint8Array(megabyte)}, 'begins with zeros'],
		['with the WAL of an older place', {pageNumber: 1}, `still holds the WAL of ${segmentName(1, 1)}`],
	] as const)('recycled: %s', (_name, traits, detail) => {
		expectDamage(withThird(read(3, traits)), 'segment-recycled', detail)
	})

	test.each([
		['garbage', {content: new Uint8Array(megabyte).fill(0x5a)}, 'does not begin with a WAL page'],
		['another version', {pageMagic: 0xd106}, 'has page magic D106, while the archive’s is D110'],
		[
			'another segment size',
			{walSegmentBytes: 16 * megabyte, name: third, pageNumber: 0},
			'says that segments have 16777216 bytes',
		],
	] as const)('unreadable: %s', (_name, traits, detail) => {
		expectDamage(withThird(read(3, traits)), 'segment-unreadable', detail.replace('’', "'"))
	})

	test('unreadable: what cannot be unpacked', () => {
		const segment = read(3)
		const taken = withThird({...segment, head: {ok: false, why: 'unexpected end of file', whatToDo: []}})
		expectDamage(taken, 'segment-unreadable', 'cannot be read: unexpected end of file')
	})

	test.each([
		['the WAL of a later place', {pageNumber: 9}, `holds the WAL of ${segmentName(1, 9)}`],
		['a timeline that comes later', {pageTimeline: 2}, 'holds WAL of timeline 2'],
	] as const)('under a wrong name: %s', (_name, traits, detail) => {
		expectDamage(withThird(read(3, traits)), 'segment-name-mismatch', detail)
	})

	test('under a wrong name: the parent’s timeline after the fork', () => {
		const taken = inventory([
			...whole,
			read(3, {timeline: 2, pageTimeline: 1}),
			read(4, {timeline: 2, pageTimeline: 1}),
		])
		expect(codes(taken)).toEqual([
			{code: 'segment-name-mismatch', severity: 'error', segment: segmentName(2, 4), count: 1},
		])
	})

	test('under a wrong name: a name that no segment of this size can have', () => {
		const taken = inventory([...whole, read(6, {name: '000000010000000000001000'})])
		expect(codes(taken)).toMatchObject([{code: 'segment-name-mismatch', segment: '000000010000000000001000'}])
		expect(taken.findings[0]?.message).toContain('cannot be the name of a segment of 1048576 bytes')
	})
})

describe('the newest segment', () => {
	test('that is short may still be on its way: a warning', () => {
		expect(codes(inventory([...whole, read(6, {bytes: 8192})]))).toEqual([
			{code: 'segment-truncated', severity: 'warning', segment: segmentName(1, 6), count: 1},
		])
	})

	test('that is short and was stored a moment ago is not there yet', () => {
		const short = [...whole, read(6, {bytes: 8192, modifiedAt: 0n})]
		const takenAfter = (minutes: number) => takeInventory(short, histories, instantAt(BigInt(minutes) * 60_000_000n))
		expect(takenAfter(1)?.findings).toMatchObject([
			{code: 'tail-pending', severity: 'info', segment: segmentName(1, 6), count: 1},
		])
		expect(takenAfter(30)?.findings).toMatchObject([{code: 'segment-truncated', severity: 'warning'}])
	})

	test('is another’s business: one in the middle is lost, however new', () => {
		const taken = takeInventory(
			[...whole.slice(0, 2), read(3, {bytes: 8192, modifiedAt: 0n}), ...whole.slice(3)],
			histories,
			instantAt(1n),
		)
		expect(taken?.findings).toMatchObject([{code: 'segment-truncated', severity: 'error'}])
	})
})

describe('neighbours with the same damage', () => {
	test('are one finding that counts them', () => {
		const taken = inventory([...whole, ...[6, 7, 8].map(number => read(number, {bytes: 0})), read(9)])
		expect(codes(taken)).toEqual([{code: 'segment-truncated', severity: 'error', segment: segmentName(1, 6), count: 3}])
		expect(taken.findings[0]?.message).toBe(
			`WAL segment ${segmentName(1, 6)} is empty; so it is with 2 more up to ${segmentName(1, 8)}`,
		)
	})

	test('are two where one stands between them, and where the damage differs', () => {
		expect(
			codes(
				inventory([...whole, read(6, {bytes: 0}), read(7), read(8, {bytes: 0}), read(9, {pageNumber: 1}), read(10)]),
			),
		).toHaveLength(3)
	})
})

describe('two clusters in one archive', () => {
	const other = 42n
	test('are told apart by the system identifier: the smaller one is foreign', () => {
		const taken = inventory([
			...whole,
			read(7, {systemIdentifier: other, key: 'b/x'}),
			read(6, {systemIdentifier: other, key: 'b/y'}),
		])
		expect(codes(taken)).toEqual([{code: 'segment-foreign', severity: 'error', segment: segmentName(1, 6), count: 2}])
		expect(taken.findings[0]?.message).toBe(
			`2 segments, the first is b/y, are WAL of another cluster: system identifier 42, while the archive's is ${builtSystemIdentifier}`,
		)
		expect(names(taken)).toEqual(names(inventory(whole)))
	})

	test('of equal size: the one that archived last is taken', () => {
		const taken = inventory([read(1), read(2, {systemIdentifier: other, modifiedAt: 5n})])
		expect(taken.identity.systemIdentifier).toBe('42')
	})

	test('with a segment of the same name each: the own one is used', () => {
		const taken = inventory([...whole, read(3, {systemIdentifier: other, key: 'b/3'})])
		expect(codes(taken)).toMatchObject([{code: 'segment-foreign', count: 1}])
		expect(taken.segments).toHaveLength(5)
	})
})

describe('a segment that is stored twice', () => {
	const third = segmentName(1, 3)
	test('is used once, the plain one, and is a warning', () => {
		const taken = inventory([...whole, read(3, {key: `${third}.gz`, codec: 'gzip', contentBytes: megabyte})])
		expect(codes(taken)).toEqual([{code: 'segment-duplicate', severity: 'warning', segment: third, count: 2}])
		expect(taken.findings[0]?.message).toContain(`(${third}, ${third}.gz); ${third} is read`)
		expect(taken.segments.filter(({name}) => name === third)).toMatchObject([{key: third, codec: 'none'}])
	})

	test('is read where it is whole: what is wrong with the other is a warning', () => {
		const taken = withThird(read(3, {bytes: 100}), read(3, {key: `${third}.gz`, codec: 'gzip', contentBytes: megabyte}))
		expect(codes(taken)).toEqual([
			{code: 'segment-duplicate', severity: 'warning', segment: third, count: 2},
			{code: 'segment-truncated', severity: 'warning', segment: third, count: 1},
		])
		expect(taken.segments.find(({name}) => name === third)?.key).toBe(`${third}.gz`)
		expect(taken.damaged).toEqual([])
	})

	test('and is whole nowhere is an error', () => {
		const taken = withThird(read(3, {bytes: 100}), read(3, {key: `${third}.gz`, codec: 'gzip', contentBytes: 100}))
		expect(codes(taken).map(({code, severity}) => [code, severity])).toEqual([
			['segment-duplicate', 'warning'],
			['segment-truncated', 'error'],
			['segment-truncated', 'error'],
		])
	})
})

test('nothing that begins with a WAL page is no inventory', () => {
	expect(
		takeInventory(
			[read(1, {content: new Uint8Array(10)}), read(2, {content: new Uint8Array(megabyte).fill(1)})],
			histories,
		),
	).toBeUndefined()
	expect(takeInventory([], histories)).toBeUndefined()
})

test('a hundred thousand segments are judged in about a second', () => {
	const many = Array.from({length: 100_000}, (_, index) => read(index + 1))
	const taken = inventory(many)
	expect(taken.segments).toHaveLength(100_000)
	expect(taken.findings).toEqual([])
}, 10_000)
