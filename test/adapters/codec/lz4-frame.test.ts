import {describe, expect, test} from 'vitest'
import {Lz4FrameReader} from '../../../src/adapters/codec/lz4-frame.ts'
import {XxHash32} from '../../../src/adapters/codec/xxhash32.ts'
import {missingProgram, packWith} from '../../support/packing.ts'

const megabyte = 1024 * 1024

/** Repeats and noise, so that blocks hold literals, near and far matches, and runs of one byte. */
function sample(bytes: number): Uint8Array {
	const content = new Uint8Array(bytes)
	let seed = 7
	for (let index = 0; index < bytes; index += 1) {
		seed = (seed * 1103515245 + 12345) & 0x7fffffff
		const kind = (index >> 12) & 3
		content[index] = kind === 0 ? seed >> 16 : kind === 1 ? index & 0x3f : kind === 2 ? 0 : (content[index - 9000] ?? 1)
	}
	return content
}

function unpacked(packed: Uint8Array, chunkBytes: number): Buffer {
	const reader = new Lz4FrameReader()
	const content: Uint8Array[] = []
	for (let at = 0; at < packed.byteLength; at += chunkBytes)
		content.push(...reader.push(packed.subarray(at, at + chunkBytes)))
	reader.end()
	return Buffer.concat(content)
}

describe('XXH32', () => {
	// From the reference implementation's own vectors (xxHash, tests/sanity_test_vectors.h) and `xxhsum -H0`.
	test.each([
		['', 0x02cc5d05],
		['a', 0x550d7456],
		['abc', 0x32d153ff],
		['Nobody inspects the spammish repetition', 0xe2293b2f],
	])('of %j is as the reference says', (text, expected) => {
		expect(new XxHash32().update(new TextEncoder().encode(text)).digest()).toBe(expected)
	})

	test('does not depend on how the bytes are cut', () => {
		const content = sample(1000)
		const whole = new XxHash32().update(content).digest()
		for (const chunk of [1, 3, 15, 16, 17, 500]) {
			const hash = new XxHash32()
			for (let at = 0; at < content.byteLength; at += chunk) hash.update(content.subarray(at, at + chunk))
			expect(hash.digest()).toBe(whole)
		}
	})
})

const header = (flags: number): Uint8Array => {
	const descriptor = new Uint8Array([flags, 0x40])
	const checksum = (new XxHash32().update(descriptor).digest() >>> 8) & 0xff
	return new Uint8Array([0x04, 0x22, 0x4d, 0x18, ...descriptor, checksum])
}
const word = (value: number): Uint8Array => new Uint8Array(new Uint32Array([value]).buffer)
const storedFrame = (text: string): Uint8Array => {
	const bytes = new TextEncoder().encode(text)
	return Buffer.concat([header(0x60), word((0x8000_0000 | bytes.byteLength) >>> 0), bytes, word(0)])
}
const skippable = (bytes: number): Uint8Array => Buffer.concat([word(0x184d2a53), word(bytes), new Uint8Array(bytes)])

describe('an LZ4 frame', () => {
	test('may be followed by others and by skippable ones', () => {
		const packed = Buffer.concat([storedFrame('one '), skippable(300), storedFrame('two'), skippable(0)])
		for (const chunk of [1, 7, 64, 4096]) expect(unpacked(packed, chunk).toString()).toBe('one two')
	})

	test.each([
		['a dictionary', Buffer.concat([header(0x61), word(0)]), 'the frame header is wrong'],
		['another version', header(0xa0), 'of version 2'],
		['no block size', new Uint8Array([0x04, 0x22, 0x4d, 0x18, 0x60, 0x00, 0, 0]), 'the frame header is wrong'],
		['something else behind it', Buffer.concat([storedFrame('one'), new Uint8Array(8)]), 'no LZ4 frame begins'],
		['a block that is too long', Buffer.concat([header(0x60), word(0x7fff_ffff)]), 'more than its frame allows'],
		['a match with no distance', Buffer.concat([header(0x60), word(4), new Uint8Array(4)]), 'before its own beginning'],
	])('with %s is an error', (_what, packed, message) => {
		expect(() => unpacked(Buffer.concat([packed, new Uint8Array(32)]), 4096)).toThrow(message)
	})

	test('that is not there at all is an error', () => {
		expect(() => unpacked(new Uint8Array(0), 1)).toThrow('unexpected end of file')
	})
})

const optionSets: readonly (readonly string[])[] = [
	['-1'],
	['-9', '-B4', '-BD'],
	['-B5', '-BX'],
	['-B6', '-BD', '-BX', '--no-frame-crc'],
	['--fast=5', '-B7'],
	['-12', '-B4', '-BD', '-BX'],
]

describe.each(optionSets.map(options => [options.join(' '), options] as const))(
	'what lz4 %s packs',
	(_name, options) => {
		const content = sample(2 * megabyte + 12345)
		const packed = () => packWith('lz4', ['-c', ...options], content)

		test('unpacks to the same bytes, however it is cut', async context => {
			context.skip(missingProgram('lz4') !== undefined, missingProgram('lz4'))
			const bytes = await packed()
			for (const chunk of [4096, 65_537, bytes.byteLength])
				expect(Buffer.compare(unpacked(bytes, chunk), content), `pieces of ${chunk}`).toBe(0)
		})

		test('is an error wherever it is cut off', async context => {
			context.skip(missingProgram('lz4') !== undefined, missingProgram('lz4'))
			const bytes = await packed()
			for (const length of [0, 3, 6, 7, 10, 11, 1000, bytes.byteLength - 9, bytes.byteLength - 4, bytes.byteLength - 1])
				expect(() => unpacked(bytes.subarray(0, length), 65_536), `cut at ${length}`).toThrow('unexpected end of file')
		})

		test('is an error when a bit of it is flipped, as far as it carries checksums', async context => {
			context.skip(missingProgram('lz4') !== undefined, missingProgram('lz4'))
			const bytes = await packed()
			for (let at = 4; at < bytes.byteLength; at += 49_999) {
				const flipped = Buffer.from(bytes)
				flipped.writeUInt8(flipped.readUInt8(at) ^ 0x04, at)
				expect(() => unpacked(flipped, 65_536), `bit at ${at}`).toThrow()
			}
		})
	},
)
