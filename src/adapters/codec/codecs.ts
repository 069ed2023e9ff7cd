import {Readable, type Transform} from 'node:stream'
import {constants, createGunzip, createZstdDecompress, gunzipSync, zstdDecompressSync} from 'node:zlib'
import {codecOfFirstBytes} from '../../domain/archive/codec.ts'
import type {Codec} from '../../domain/archive/survey.ts'
import {ArchiveUnreachableError} from '../../domain/errors.ts'
import type {ArchiveStore, Codecs} from '../../ports.ts'

/** Enough for the header of a gzip block with its code tables, and for most of a segment's first zstd block. */
const firstReadBytes = 512
const readGrowth = 8

interface Packing {
	/** How many packed bytes hold the first piece that can be unpacked; undefined where any number does. */
	firstPieceBytes(first: Uint8Array): number | undefined
	/** Unpacks as much as a beginning of the object allows. Throws on bytes that are none of this codec. */
	unpackBeginning(bytes: Uint8Array): Uint8Array
	/** Throws also where the end is missing. */
	unpackWhole(bytes: Uint8Array): Uint8Array
	createStream(): Transform
	/** Length of the content as the packing states it, from its first bytes or its last. */
	claimedBytes(first: Uint8Array, last: () => Promise<Uint8Array>): Promise<number | undefined>
}

const packings: Partial<Record<Codec, Packing>> = {
	gzip: {
		firstPieceBytes: () => undefined,
		unpackBeginning: bytes => gunzipSync(bytes, {finishFlush: constants.Z_SYNC_FLUSH}),
		unpackWhole: bytes => gunzipSync(bytes),
		createStream: () => createGunzip(),
		// The last four bytes of a member (RFC 1952, ISIZE): of a file that was cut off they are anything.
		claimedBytes: async (_first, last) => {
			const bytes = await last()
			return bytes.byteLength < 4 ? undefined : new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true)
		},
	},
	zstd: {
		firstPieceBytes: first => readZstdFrame(first)?.firstBlockEnd,
		unpackBeginning: bytes => zstdDecompressSync(bytes, {finishFlush: constants.ZSTD_e_flush}),
		unpackWhole: bytes => zstdDecompressSync(bytes),
		createStream: () => createZstdDecompress(),
		claimedBytes: async first => readZstdFrame(first)?.contentBytes,
	},
}

/** The codecs that this machine's Node unpacks by itself: plain files, gzip and zstd. */
export function createCodecs(): Codecs {
	return {
		async head(store, object, length, signal) {
			const first = await store.read(object.key, 0, Math.max(length, firstReadBytes), signal)
			const codec = codecOfFirstBytes(first)
			if (codec === 'none') return {codec, bytes: first.subarray(0, length), claimedBytes: object.storedBytes}
			const packing = packingOf(codec, object.key)
			const bytes = await unpackHead(store, object, packing, first, length, signal)
			const claimedBytes = await packing.claimedBytes(first, async () => {
				const tail = Math.min(4, object.storedBytes)
				if (first.byteLength >= object.storedBytes) return first.subarray(object.storedBytes - tail, object.storedBytes)
				return store.read(object.key, object.storedBytes - tail, tail, signal)
			})
			return {codec, bytes, claimedBytes}
		},

		async *content(store, object, signal) {
			if (object.codec === 'none') {
				yield* store.stream(object.key, signal)
				return
			}
			const unpacker = packingOf(object.codec, object.key).createStream()
			const packed = Readable.from(store.stream(object.key, signal), {objectMode: false})
			packed.on('error', error => unpacker.destroy(error))
			packed.pipe(unpacker)
			try {
				for await (const chunk of unpacker) {
					signal?.throwIfAborted()
					yield chunk as Uint8Array
				}
			} catch (error) {
				throw signal?.aborted === true ? signal.reason : damaged(object.key, object.codec, error)
			} finally {
				packed.destroy()
				unpacker.destroy()
			}
		},
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
	if (packing !== undefined) return packing
	throw new ArchiveUnreachableError(`${key} is packed with ${codec}, which this version of lastgood does not unpack`, [
		`unpack a copy of the archive into another folder (${codec} -d) and name that folder`,
	])
}

/** Errors of the store pass; what zlib says becomes one of ours that names the object. */
function damaged(key: string, codec: Codec, error: unknown): unknown {
	if (error instanceof ArchiveUnreachableError || (error instanceof Error && error.name === 'AbortError')) return error
	const message = error instanceof Error ? error.message : String(error)
	return new ArchiveUnreachableError(
		`${key} cannot be unpacked with ${codec}: ${message}`,
		['the object is damaged or was cut off: look for another copy of it on the old primary and on every standby'],
		{cause: error},
	)
}

/**
 * The beginning of a zstd frame (RFC 8878 §3.1.1): the length of its content, undefined where the frame leaves it out, as one that was packed
 * from a pipe does, and where its first block ends. Undefined when the bytes end before that is known.
 */
function readZstdFrame(
	bytes: Uint8Array,
): {readonly contentBytes: number | undefined; readonly firstBlockEnd: number} | undefined {
	const descriptor = bytes[4]
	if (descriptor === undefined) return undefined
	const singleSegment = (descriptor & 0x20) !== 0
	const dictionaryIdBytes = [0, 1, 2, 4][descriptor & 3] ?? 0
	const fieldBytes = [singleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0
	const fieldAt = 5 + (singleSegment ? 0 : 1) + dictionaryIdBytes
	const blockAt = fieldAt + fieldBytes
	if (bytes.byteLength < blockAt + 3) return undefined
	const field = littleEndian(bytes.subarray(fieldAt, blockAt))
	const blockHeader = littleEndian(bytes.subarray(blockAt, blockAt + 3))
	const repeatsOneByte = ((blockHeader >> 1) & 3) === 1
	return {
		contentBytes: fieldBytes === 0 ? undefined : fieldBytes === 2 ? field + 256 : field,
		firstBlockEnd: blockAt + 3 + (repeatsOneByte ? 1 : blockHeader >> 3),
	}
}

function littleEndian(bytes: Uint8Array): number {
	return bytes.reduceRight((sum, byte) => sum * 256 + byte, 0)
}
