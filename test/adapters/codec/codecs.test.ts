import {getRandomValues} from 'node:crypto'
import {constants, createZstdCompress, gzipSync, zstdCompressSync} from 'node:zlib'
import {describe, expect, test} from 'vitest'
import {createCodecs} from '../../../src/adapters/codec/codecs.ts'
import type {Codec} from '../../../src/domain/archive/survey.ts'
import {ArchiveUnreachableError} from '../../../src/domain/errors.ts'
import {segmentHeader} from '../../support/archive-builder.ts'
import {createMemoryStore} from '../../support/memory-store.ts'
import {missingProgram, packWith} from '../../support/packing.ts'

const codecs = createCodecs()
const megabyte = 1024 * 1024

/** A segment as they are: a header, WAL that packs badly, and zeros behind it. */
const segment = new Uint8Array(megabyte)
segment.set(segmentHeader())
let seed = 1
for (let index = 40; index < megabyte / 2; index += 1) {
	seed = (seed * 1103515245 + 12345) & 0x7fffffff
	segment[index] = seed >> 16
}
const mostlyZeros = new Uint8Array(4 * megabyte)
mostlyZeros.set(segmentHeader())

/** A segment that does not pack. */
const noise = new Uint8Array(4 * megabyte)
for (let at = 0; at < noise.byteLength; at += 65_536) getRandomValues(noise.subarray(at, at + 65_536))
noise.set(segmentHeader())

function storeWith(content: Uint8Array) {
	const store = createMemoryStore(new Map([['object', content]]))
	const object = {key: 'object', storedBytes: content.byteLength}
	return {
		store,
		head: (length: number) => codecs.head(store, object, length),
		content: async (codec: Codec) =>
			Buffer.concat(await Array.fromAsync(codecs.content(store, {key: 'object', codec}))),
		bytesRead: () => store.requests.reduce((sum, {bytes}) => sum + bytes, 0),
	}
}

const packed: readonly (readonly [string, Codec, Uint8Array, Uint8Array])[] = [
	['a plain segment', 'none', segment, segment],
	['a gzip segment', 'gzip', gzipSync(segment), segment],
	['a zstd segment', 'zstd', zstdCompressSync(segment), segment],
	['an almost empty gzip segment', 'gzip', gzipSync(mostlyZeros), mostlyZeros],
	['an almost empty zstd segment', 'zstd', zstdCompressSync(mostlyZeros), mostlyZeros],
	[
		'a gzip file of two members',
		'gzip',
		Buffer.concat([gzipSync(segment.subarray(0, 10)), gzipSync(segment.subarray(10))]),
		segment,
	],
]

describe.each(packed)('%s', (_name, codec, stored, content) => {
	test('is recognised by its first bytes, whatever its name', async () => {
		expect((await storeWith(stored).head(40)).codec).toBe(codec)
	})

	test.each([0, 1, 40, 8192, 300_000])('shows its first %i bytes', async length => {
		const {bytes} = await storeWith(stored).head(length)
		expect(Buffer.compare(bytes, content.subarray(0, length))).toBe(0)
	})

	test('shows the header of its first page from a small part of it', async () => {
		const object = storeWith(stored)
		await object.head(40)
		expect(object.bytesRead()).toBeLessThan(codec === 'zstd' ? 140 * 1024 : 1024)
	})

	test('unpacks whole', async () => {
		expect(Buffer.compare(await storeWith(stored).content(codec), content)).toBe(0)
	})

	test('shows all there is when asked for more', async () => {
		const {bytes} = await storeWith(stored).head(content.byteLength + 1)
		expect(bytes.byteLength).toBe(content.byteLength)
	})
})

describe('the length that a packing states', () => {
	test.each([20, 300, 70_000, megabyte])(
		'is the content’s, here %i bytes, for plain files, gzip and zstd',
		async length => {
			const content = segment.subarray(0, length)
			for (const stored of [content, gzipSync(content), zstdCompressSync(content)]) {
				expect((await storeWith(stored).head(1)).claimedBytes).toBe(length)
			}
		},
	)

	test('is unknown for a zstd file that was packed from a pipe', async () => {
		const compressor = createZstdCompress()
		compressor.end(segment)
		const {claimedBytes, codec} = await storeWith(Buffer.concat(await Array.fromAsync(compressor))).head(40)
		expect({codec, claimedBytes}).toEqual({codec: 'zstd', claimedBytes: undefined})
	})

	test('is anything but the content’s for a gzip file that was cut off', async () => {
		const whole = gzipSync(segment)
		const {claimedBytes} = await storeWith(whole.subarray(0, whole.byteLength - 1000)).head(40)
		expect(claimedBytes).not.toBe(megabyte)
	})
})

describe('a packed object that was cut off', () => {
	test.each([
		['gzip', gzipSync(segment)],
		['zstd', zstdCompressSync(segment)],
	] as const)('is an error with %s, wherever the cut is, and never a short success', async (codec, whole) => {
		for (const length of [10, 100, 4096, whole.byteLength - 4, whole.byteLength - 1]) {
			const object = storeWith(whole.subarray(0, length))
			const error = await object.content(codec).catch((reason: unknown) => reason)
			expect(error, `cut at ${length}`).toBeInstanceOf(ArchiveUnreachableError)
			expect(String(error)).toContain(`object cannot be unpacked with ${codec}`)
			await expect(object.head(megabyte + 1)).rejects.toBeInstanceOf(ArchiveUnreachableError)
		}
	})

	test('still shows its header while that is there', async () => {
		const {bytes} = await storeWith(gzipSync(segment).subarray(0, 4096)).head(40)
		expect(Buffer.compare(bytes, segment.subarray(0, 40))).toBe(0)
	})
})

test.each([
	['gzip', gzipSync(segment)],
	['zstd', zstdCompressSync(segment, {params: {[constants.ZSTD_c_checksumFlag]: 1}})],
] as const)('a flipped bit in a %s object is an error', async (codec, whole) => {
	const middle = whole.byteLength >> 1
	const flipped = Buffer.from(whole)
	flipped.writeUInt8(flipped.readUInt8(middle) ^ 0x10, middle)
	await expect(storeWith(flipped).content(codec)).rejects.toBeInstanceOf(ArchiveUnreachableError)
})

const packers: readonly (readonly [Codec, string, readonly string[]])[] = [
	['lz4', 'lz4', ['-c']],
	['lz4', 'lz4', ['-c', '-B7', '-BD']],
	['bzip2', 'bzip2', ['-c']],
	['xz', 'xz', ['-c', '-1']],
	['xz', 'xz', ['-c', '-1', '--block-size=65536']],
	['zstd', 'zstd', ['-c', '-q', '--long=27']],
	['gzip', 'gzip', ['-c']],
]

describe.each(packers)('a segment that %s packs (%s %j)', (codec, program, args) => {
	const pack = (content: Uint8Array) => packWith(program, args, content)

	test('is recognised, shows its beginning, and unpacks whole', async context => {
		context.skip(missingProgram(program) !== undefined, missingProgram(program))
		for (const content of [segment, mostlyZeros]) {
			const object = storeWith(await pack(content))
			for (const length of [0, 1, 40, 8192, 300_000]) {
				const head = await object.head(length)
				expect(head.codec).toBe(codec)
				expect(Buffer.compare(head.bytes, content.subarray(0, length)), `${length} bytes`).toBe(0)
			}
			expect((await object.head(content.byteLength + 1)).bytes.byteLength).toBe(content.byteLength)
			expect([content.byteLength, undefined]).toContain((await object.head(40)).claimedBytes)
			expect(Buffer.compare(await object.content(codec), content)).toBe(0)
		}
	})

	test('shows its header from a part of it', async context => {
		context.skip(missingProgram(program) !== undefined, missingProgram(program))
		const object = storeWith(await pack(noise))
		await object.head(40)
		// A block of bzip2 has 900 kB, and a program is given more than it needs before it has said enough.
		expect(object.bytesRead()).toBeLessThan(codec === 'bzip2' || codec === 'xz' ? 2.5 * megabyte : 140 * 1024)
	})

	test('is an error when it was cut off, and says at its end that it was', async context => {
		context.skip(missingProgram(program) !== undefined, missingProgram(program))
		const whole = await pack(segment)
		for (const length of [16, 100, 4096, whole.byteLength - 12, whole.byteLength - 1]) {
			const object = storeWith(whole.subarray(0, length))
			const error = await object.content(codec).catch((reason: unknown) => reason)
			expect(error, `cut at ${length}`).toBeInstanceOf(ArchiveUnreachableError)
			expect(String(error)).toContain(`object cannot be unpacked with ${codec}`)
		}
	})

	// The end of a zstd frame looks like anything else.
	if (codec !== 'zstd')
		test('tells from its end that it was cut off', async context => {
			context.skip(missingProgram(program) !== undefined, missingProgram(program))
			const whole = await pack(Buffer.concat([segment, noise]))
			const object = storeWith(whole.subarray(0, whole.byteLength - 5))
			const {claimedBytes} = await object.head(40)
			if (codec === 'gzip') expect(claimedBytes).not.toBe(5 * megabyte)
			else expect(claimedBytes).toBe(0)
		})

	test('is an error when a bit of it is flipped', async context => {
		context.skip(missingProgram(program) !== undefined, missingProgram(program))
		const flipped = Buffer.from(await pack(segment))
		const middle = flipped.byteLength >> 1
		flipped.writeUInt8(flipped.readUInt8(middle) ^ 0x10, middle)
		await expect(storeWith(flipped).content(codec)).rejects.toBeInstanceOf(ArchiveUnreachableError)
	})

	test('may be packed in several pieces', async context => {
		context.skip(missingProgram(program) !== undefined, missingProgram(program))
		const pieces = await Promise.all([pack(segment.subarray(0, 10)), pack(segment.subarray(10))])
		expect(Buffer.compare(await storeWith(Buffer.concat(pieces)).content(codec), segment)).toBe(0)
	})
})

test.each([
	['bzip2', [0x42, 0x5a, 0x68]],
	['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
] as const)('%s without its program is refused by name, with how to get it', async (codec, magic) => {
	const without = createCodecs({
		[codec]: {program: `no-such-${codec}`, install: `install ${codec}`, claimedBytes: async () => undefined},
	})
	const {store} = storeWith(new Uint8Array([...magic, 1, 2, 3, 4]))
	const attempts = [
		() => without.head(store, {key: 'object', storedBytes: magic.length + 4}, 40),
		() => Array.fromAsync(without.content(store, {key: 'object', codec})),
	]
	for (const attempt of attempts) {
		const error = await attempt().catch((reason: unknown) => reason)
		expect(error).toBeInstanceOf(ArchiveUnreachableError)
		expect(error).toMatchObject({
			message: `object is packed with ${codec}, and this machine has no program no-such-${codec} to unpack it`,
			whatToDo: [`install ${codec}`],
		})
	}
})

test('an object that goes away while a program unpacks it is reported as gone', async context => {
	context.skip(missingProgram('xz') !== undefined, missingProgram('xz'))
	const {store} = storeWith(await packWith('xz', ['-c', '-0'], noise))
	const reading = (async () => {
		for await (const _chunk of codecs.content(store, {key: 'object', codec: 'xz'})) store.objects.clear()
	})()
	await expect(reading).rejects.toThrow('not in the archive any more')
})

test('an object that went away is reported as gone, not as damaged', async () => {
	const {store} = storeWith(gzipSync(segment))
	store.objects.clear()
	await expect(Array.fromAsync(codecs.content(store, {key: 'object', codec: 'gzip'}))).rejects.toThrow(
		'not in the archive any more',
	)
})

test('unpacking stops when it is told to', async () => {
	const {store} = storeWith(gzipSync(segment))
	const controller = new AbortController()
	const reading = (async () => {
		for await (const _chunk of codecs.content(store, {key: 'object', codec: 'gzip'}, controller.signal))
			controller.abort(new Error('enough'))
	})()
	await expect(reading).rejects.toThrow('enough')
})

test('a reader that leaves early leaves nothing open', async () => {
	const {store} = storeWith(gzipSync(segment))
	for await (const chunk of codecs.content(store, {key: 'object', codec: 'gzip'})) {
		expect(chunk.byteLength).toBeGreaterThan(0)
		break
	}
})
