import {Readable, type Transform} from 'node:stream'
import {constants, createGunzip, createZstdDecompress, gunzipSync, zstdDecompressSync} from 'node:zlib'
import {codecOfFirstBytes, unknownCodec} from '../../domain/archive/codec.ts'
import {shownKey} from '../../domain/archive/listing.ts'
import type {Codec} from '../../domain/archive/survey.ts'
import {ArchiveUnreachableError} from '../../domain/errors.ts'
import type {ArchiveStore, Codecs, UnpackedHead} from '../../ports.ts'
import {createLz4Unpacker, Lz4FrameReader, readLz4FrameHeader} from './lz4-frame.ts'
import {type UnpackTool, UnpackToolMissing, unpackTools, unpackWith} from './unpack-tools.ts'
import {readZstdFrame, zstdPieces} from './zstd-frame.ts'

/** Enough for the header of a gzip block with its code tables, and for most of a segment's first zstd block. */
const firstReadBytes = 512
const readGrowth = 8
const unpackedChunkBytes = 256 * 1024

interface Packing {
	/** How many packed bytes hold the first piece that can be unpacked; undefined where any number does. */
	firstPieceBytes(first: Uint8Array): number | undefined
	/** Unpacks as much as a beginning of the object allows. Throws on bytes that are none of this codec. */
	unpackBeginning(bytes: Uint8Array): Uint8Array
	/** Throws also where the end is missing. */
	unpackWhole(bytes: Uint8Array): Uint8Array
	/** Throws also where the end is missing. */
	unpack(packed: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>
	/** Length of the content as the packing states it, from its first bytes or its last; 0 where its end is plainly missing. */
	claimedBytes(first: Uint8Array, readEnd: ReadEnd): Promise<number | undefined>
}

/** The last bytes of an object: as many, or all of it. */
type ReadEnd = (bytes: number) => Promise<Uint8Array>

const packings: Partial<Record<Codec, Packing>> = {
	gzip: {
		firstPieceBytes: () => undefined,
		unpackBeginning: bytes => gunzipSync(bytes, {finishFlush: constants.Z_SYNC_FLUSH}),
		unpackWhole: bytes => gunzipSync(bytes),
		unpack: packed => through(createGunzip({chunkSize: unpackedChunkBytes}), packed),
		// The last four bytes of a member (RFC 1952, ISIZE): of a file that was cut off they are anything.
		claimedBytes: async (_first, readEnd) => {
			const bytes = await readEnd(4)
			return bytes.byteLength < 4 ? undefined : new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true)
		},
	},
	zstd: {
		firstPieceBytes: first => readZstdFrame(first)?.firstBlockEnd,
		unpackBeginning: bytes => zstdDecompressSync(bytes, {finishFlush: constants.ZSTD_e_flush}),
		// Only the first of several frames: what is longer than it says is counted by unpacking all of it.
		unpackWhole: bytes => zstdDecompressSync(bytes),
		unpack: unpackZstd,
		claimedBytes: async first => readZstdFrame(first)?.contentBytes,
	},
	lz4: {
		firstPieceBytes: () => undefined,
		unpackBeginning: bytes => {
			const reader = new Lz4FrameReader()
			return Buffer.concat([...reader.push(bytes), reader.unprovenRest()])
		},
		unpackWhole: bytes => {
			const reader = new Lz4FrameReader()
			const content = Buffer.concat(reader.push(bytes))
			reader.end()
			return content
		},
		unpack: packed => through(createLz4Unpacker(), packed),
		claimedBytes: async (first, readEnd) => {
			const header = readLz4FrameHeader(first)
			if (header?.contentBytes !== undefined) return header.contentBytes
			// A frame ends with an empty block, and a checksum where it has one.
			const checksumBytes = header?.contentChecksum === true ? 4 : 0
			const end = await readEnd(4 + checksumBytes)
			return end.byteLength === 4 + checksumBytes && end.subarray(0, 4).every(byte => byte === 0) ? undefined : 0
		},
	},
}

/** What can unpack: this machine's Node and lastgood itself plain files, gzip, zstd and lz4, the system's own programs bzip2 and xz. */
export function createCodecs(tools: typeof unpackTools = unpackTools): Codecs {
	return {
		async head(store, object, length, signal) {
			const first = await store.read(object.key, 0, Math.max(length, firstReadBytes), signal)
			const codec = codecOfFirstBytes(first)
			if (codec === 'none') {
				const unknown = unknownCodec(object.key, first)
				if (unknown !== undefined) throw cannotUnpack(object.key, unknown)
				return {codec, bytes: first.subarray(0, length), claimedBytes: object.storedBytes}
			}
			const readEnd: ReadEnd = async bytes => {
				const endBytes = Math.min(bytes, object.storedBytes)
				if (first.byteLength >= object.storedBytes)
					return first.subarray(object.storedBytes - endBytes, object.storedBytes)
				return store.read(object.key, object.storedBytes - endBytes, endBytes, signal)
			}
			const tool = tools[codec]
			if (tool !== undefined) return headByTool(store, object.key, {codec, tool}, {first, length, readEnd}, signal)
			const packing = packingOf(codec, object.key)
			const bytes = await unpackHead(store, object, packing, first, length, signal)
			return {codec, bytes, claimedBytes: await packing.claimedBytes(first, readEnd)}
		},

		async *content(store, object, signal) {
			if (object.codec === 'none') {
				yield* store.stream(object.key, signal)
				return
			}
			const tool = tools[object.codec]
			if (tool !== undefined) {
				const named = {codec: object.codec, tool}
				yield* contentByTool(object.key, named, store.stream(object.key, signal), signal)
				return
			}
			try {
				for await (const chunk of packingOf(object.codec, object.key).unpack(store.stream(object.key, signal))) {
					signal?.throwIfAborted()
					yield chunk
				}
			} catch (error) {
				throw signal?.aborted === true ? signal.reason : damaged(object.key, object.codec, error)
			}
		},
	}
}

/** Leaving early closes what gives the packed bytes, too. */
async function* through(unpacker: Transform, packed: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
	const source = Readable.from(packed, {objectMode: false})
	source.on('error', error => unpacker.destroy(error))
	source.pipe(unpacker)
	try {
		for await (const chunk of unpacker) yield chunk as Uint8Array
	} finally {
		source.destroy()
		unpacker.destroy()
	}
}

/** Frame by frame: Node ends at the end of the first, and says nothing of those behind it (pzstd makes several). */
async function* unpackZstd(packed: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
	const pieces = zstdPieces(packed)
	let next = await pieces.next()
	const isThere = () => next.done !== true
	async function* frame() {
		for (let isWhole = false; !isWhole && next.done !== true; next = await pieces.next()) {
			isWhole = next.value.endsFrame
			yield next.value.bytes
		}
	}
	try {
		if (!isThere()) throw new Error('unexpected end of file')
		while (isThere()) yield* through(createZstdDecompress({chunkSize: unpackedChunkBytes}), frame())
	} finally {
		await pieces.return(undefined)
	}
}

interface NamedTool {
	readonly codec: Codec
	readonly tool: UnpackTool
}

/** The program is given ever more of the object until it has said enough: a block of bzip2 has up to 900 kB. */
async function headByTool(
	store: ArchiveStore,
	key: string,
	named: NamedTool,
	{first, length, readEnd}: {readonly first: Uint8Array; readonly length: number; readonly readEnd: ReadEnd},
	signal: AbortSignal | undefined,
): Promise<UnpackedHead> {
	async function* ever() {
		yield first
		for (let offset = first.byteLength, bytes = toolReadBytes; ; bytes = Math.min(bytes * 2, mostToolReadBytes)) {
			const more = await store.read(key, offset, bytes, signal)
			if (more.byteLength === 0) return
			yield more
			offset += more.byteLength
		}
	}
	const bytes = new Uint8Array(length)
	let filled = 0
	if (length > 0) {
		for await (const chunk of contentByTool(key, named, ever(), signal)) {
			const part = chunk.subarray(0, length - filled)
			bytes.set(part, filled)
			filled += part.byteLength
			if (filled === length) break
		}
	}
	return {codec: named.codec, bytes: bytes.subarray(0, filled), claimedBytes: await named.tool.claimedBytes(readEnd)}
}

const toolReadBytes = 16 * 1024
const mostToolReadBytes = 256 * 1024

async function* contentByTool(
	key: string,
	{codec, tool}: NamedTool,
	packed: AsyncIterable<Uint8Array>,
	signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
	try {
		yield* unpackWith(tool.program, packed, signal)
	} catch (error) {
		if (signal?.aborted === true) throw signal.reason
		if (!(error instanceof UnpackToolMissing)) throw damaged(key, codec, error)
		throw new ArchiveUnreachableError(
			`${shownKey(key)} is packed with ${codec}, and this machine has no program ${tool.program} to unpack it`,
			[tool.install],
			{cause: error},
		)
	}
}

/** Reads ever more of the object until its beginning unpacks to `length` bytes, or the object ends. */
async function unpackHead(
	store: ArchiveStore,
	object: {readonly key: string; readonly storedBytes: number},
	packing: Packing,
	first: Uint8Array,
	length: number,
	signal: AbortSignal | undefined,
): Promise<Uint8Array> {
	let packed = first
	let wanted = packing.firstPieceBytes(first) ?? first.byteLength
	try {
		for (;;) {
			if (packed.byteLength < wanted) {
				packed = Buffer.concat([
					packed,
					await store.read(object.key, packed.byteLength, wanted - packed.byteLength, signal),
				])
			}
			const content = packing.unpackBeginning(packed.subarray(0, wanted))
			if (content.byteLength >= length) return content.subarray(0, length)
			// All of it and yet too little: either the content is that short, or its end is missing, which is an error.
			if (packed.byteLength < wanted || wanted >= object.storedBytes) return packing.unpackWhole(packed)
			wanted = Math.max(wanted * readGrowth, firstReadBytes)
		}
	} catch (error) {
		throw damaged(object.key, codecOfFirstBytes(first), error)
	}
}

function packingOf(codec: Codec, key: string): Packing {
	const packing = packings[codec]
	if (packing === undefined) throw cannotUnpack(key, codec)
	return packing
}

function cannotUnpack(key: string, codec: string): ArchiveUnreachableError {
	return new ArchiveUnreachableError(
		`${shownKey(key)} is packed with ${codec}, which this version of lastgood does not unpack`,
		[`unpack a copy of the archive into another folder (${codec} -d) and name that folder`],
	)
}

/** Errors of the store pass; what zlib says becomes one of ours that names the object. */
function damaged(key: string, codec: Codec, error: unknown): unknown {
	if (error instanceof ArchiveUnreachableError || (error instanceof Error && error.name === 'AbortError')) return error
	const message = error instanceof Error ? error.message : String(error)
	return new ArchiveUnreachableError(
		`${shownKey(key)} cannot be unpacked with ${codec}: ${message}`,
		['the object is damaged or was cut off: look for another copy of it on the old primary and on every standby'],
		{cause: error},
	)
}
