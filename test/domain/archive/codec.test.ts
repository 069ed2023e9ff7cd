import {expect, test} from 'vitest'
import {codecOfFirstBytes, splitCodecSuffix} from '../../../src/domain/archive/codec.ts'
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
