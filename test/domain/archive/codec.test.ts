import {expect, test} from 'vitest'
import {codecOfFirstBytes, splitCodecSuffix, unknownCodec} from '../../../src/domain/archive/codec.ts'
import {segmentHeader} from '../../support/archive-builder.ts'

test.each([
	['000000010000000000000001', '000000010000000000000001', 'none'],
	['000000010000000000000001.gz', '000000010000000000000001', 'gzip'],
	['000000010000000000000001.zst', '000000010000000000000001', 'zstd'],
	['00000002.history.xz', '00000002.history', 'xz'],
	['000000010000000000000001.partial', '000000010000000000000001.partial', 'none'],
	['000000010000000000000001.lz4', '000000010000000000000001', 'lz4'],
	['000000010000000000000001.bz2', '000000010000000000000001', 'bzip2'],
])('%s is %s packed with %s', (name, stem, codec) => {
	expect(splitCodecSuffix(name)).toEqual({name: stem, codec})
})

test.each([
	['gzip', [0x1f, 0x8b, 0x08, 0x00]],
	['zstd', [0x28, 0xb5, 0x2f, 0xfd]],
	['lz4', [0x04, 0x22, 0x4d, 0x18]],
	['bzip2', [0x42, 0x5a, 0x68, 0x39]],
	['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
	['none', [0x1f, 0x8b]],
	['none', []],
] as const)('first bytes of %s', (codec, bytes) => {
	expect(codecOfFirstBytes(new Uint8Array(bytes))).toBe(codec)
})

test.each([0xd106, 0xd10d, 0xd110, 0xd113, 0xd116, 0xd118])(
	'a segment with page magic %i is taken for no packed one',
	pageMagic => {
		expect(codecOfFirstBytes(segmentHeader({pageMagic}))).toBe('none')
	},
)

test.each([
	['000000010000000000000001.br', [0x8b, 0x03, 0x80], 'brotli'],
	['000000010000000000000001.lzma', [0x5d, 0x00, 0x00], 'lzma'],
	['000000010000000000000001', [0xff, 0x06, 0x00, 0x00, 0x73, 0x4e, 0x61, 0x50, 0x70, 0x59], 'snappy'],
	['000000010000000000000001', [0x10, 0xd1], undefined],
	['000000010000000000000001.br', [0x10, 0xd1], undefined],
] as const)('%s that begins with %j is packed with %s, which cannot be unpacked', (name, bytes, expected) => {
	expect(unknownCodec(name, new Uint8Array(bytes))).toBe(expected)
	expect(splitCodecSuffix(name)).toEqual({name: '000000010000000000000001', codec: 'none'})
})
