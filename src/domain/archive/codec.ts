import type {Codec} from './survey.ts'

const suffixes: ReadonlyMap<string, Codec> = new Map([
	['.gz', 'gzip'],
	['.zst', 'zstd'],
	['.zstd', 'zstd'],
	['.lz4', 'lz4'],
	['.bz2', 'bzip2'],
	['.xz', 'xz'],
])

const magics: readonly (readonly [Codec, readonly number[]])[] = [
	['gzip', [0x1f, 0x8b, 0x08]],
	['zstd', [0x28, 0xb5, 0x2f, 0xfd]],
	['lz4', [0x04, 0x22, 0x4d, 0x18]],
	['bzip2', [0x42, 0x5a, 0x68]],
	['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
]

const unknownSuffixes: ReadonlyMap<string, string> = new Map([
	['.br', 'brotli'],
	['.lzma', 'lzma'],
	['.lzo', 'lzo'],
	['.snappy', 'snappy'],
])

/** A file name parted from the suffix that says how it is packed; `none` where it has no such suffix. */
export function splitCodecSuffix(name: string): {readonly name: string; readonly codec: Codec} {
	const dot = name.lastIndexOf('.')
	const suffix = dot === -1 ? '' : name.slice(dot)
	const codec = suffixes.get(suffix)
	if (codec !== undefined) return {name: name.slice(0, dot), codec}
	return {name: unknownSuffixes.has(suffix) ? name.slice(0, dot) : name, codec: 'none'}
}

/** A packing that archives are met with and that lastgood does not unpack: by the suffix, or by the first bytes where they tell. */
export function unknownCodec(key: string, firstBytes: Uint8Array): string | undefined {
	if (snappyMagic.every((byte, index) => firstBytes[index] === byte)) return 'snappy'
	// A plain file with such a name is no less plain.
	if (firstBytes[1] === 0xd1) return undefined
	return unknownSuffixes.get(key.slice(key.lastIndexOf('.')))
}

const snappyMagic = [0xff, 0x06, 0x00, 0x00, 0x73, 0x4e, 0x61, 0x50]

/**
 * How bytes are packed, told from the first of them. They decide, not the suffix: an archive_command of `gzip < %p > archive/%f`
 * leaves none, and Barman never has one. A WAL page cannot be mistaken, for its second byte is 0xD1.
 */
export function codecOfFirstBytes(bytes: Uint8Array): Codec {
	return magics.find(([, magic]) => magic.every((byte, index) => bytes[index] === byte))?.[0] ?? 'none'
}
