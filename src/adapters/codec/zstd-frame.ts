/** Zstandard frames (RFC 8878 §3.1): where each begins and ends, without unpacking it. Node unpacks only the first of several. */
const frameMagic = 0xfd2fb528
const skippableMagic = 0x184d2a50

interface ZstdFrameHeader {
	readonly headerBytes: number
	/** Length of the content; undefined where the frame leaves it out, as one that was packed from a pipe does. */
	readonly contentBytes: number | undefined
	readonly hasChecksum: boolean
}

function readHeader(bytes: Uint8Array): ZstdFrameHeader | undefined {
	const descriptor = bytes[4]
	if (descriptor === undefined) return undefined
	const singleSegment = (descriptor & 0x20) !== 0
	const dictionaryIdBytes = [0, 1, 2, 4][descriptor & 3] ?? 0
	const fieldBytes = [singleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0
	const fieldAt = 5 + (singleSegment ? 0 : 1) + dictionaryIdBytes
	const headerBytes = fieldAt + fieldBytes
	if (bytes.byteLength < headerBytes) return undefined
	const field = littleEndian(bytes.subarray(fieldAt, headerBytes))
	return {
		headerBytes,
		contentBytes: fieldBytes === 0 ? undefined : fieldBytes === 2 ? field + 256 : field,
		hasChecksum: (descriptor & 0x04) !== 0,
	}
}

/** Bytes of a block behind its header of three, and whether it is its frame's last. */
function readBlock(bytes: Uint8Array, at: number): {readonly bytes: number; readonly isLast: boolean} | undefined {
	if (bytes.byteLength < at + 3) return undefined
	const header = littleEndian(bytes.subarray(at, at + 3))
	const repeatsOneByte = ((header >> 1) & 3) === 1
	return {bytes: repeatsOneByte ? 1 : header >> 3, isLast: (header & 1) === 1}
}

/** The beginning of a frame: the length of its content, and where its first block ends. Undefined when the bytes end before that is known. */
export function readZstdFrame(
	bytes: Uint8Array,
): {readonly contentBytes: number | undefined; readonly firstBlockEnd: number} | undefined {
	const header = readHeader(bytes)
	const block = header === undefined ? undefined : readBlock(bytes, header.headerBytes)
	return header === undefined || block === undefined
		? undefined
		: {contentBytes: header.contentBytes, firstBlockEnd: header.headerBytes + 3 + block.bytes}
}

/** A piece of a frame. */
export interface ZstdPiece {
	readonly bytes: Uint8Array
	readonly endsFrame: boolean
}

/** Cuts packed bytes, as they come, where their frames end; skippable frames are left out. Throws where no frame begins and one should. */
export async function* zstdPieces(packed: AsyncIterable<Uint8Array>): AsyncGenerator<ZstdPiece> {
	/** Bytes of the open frame that need no look. */
	let passBytes = 0
	let skipBytes = 0
	let state: 'frame' | 'block' | 'last' = 'frame'
	let checksumBytes = 0
	let pending: Uint8Array = new Uint8Array(0)
	for await (const chunk of packed) {
		pending = pending.byteLength === 0 ? chunk : Buffer.concat([pending, chunk])
		for (;;) {
			if (skipBytes > 0) {
				const skipped = Math.min(skipBytes, pending.byteLength)
				skipBytes -= skipped
				pending = pending.subarray(skipped)
			}
			if (passBytes > 0) {
				const bytes = pending.subarray(0, passBytes)
				passBytes -= bytes.byteLength
				pending = pending.subarray(bytes.byteLength)
				const endsFrame = passBytes === 0 && state === 'last'
				if (endsFrame) state = 'frame'
				if (bytes.byteLength > 0) yield {bytes, endsFrame}
			}
			if (pending.byteLength < (state === 'block' ? 3 : 8)) break
			if (state === 'frame') {
				const magic = littleEndian(pending.subarray(0, 4))
				if ((magic & 0xffff_fff0) >>> 0 === skippableMagic) {
					skipBytes = 8 + littleEndian(pending.subarray(4, 8))
					continue
				}
				if (magic !== frameMagic) throw new Error('no zstd frame begins where one should')
				const header = readHeader(pending)
				if (header === undefined) break
				passBytes = header.headerBytes
				checksumBytes = header.hasChecksum ? 4 : 0
				state = 'block'
			} else {
				const block = readBlock(pending, 0)
				if (block === undefined) break
				passBytes = 3 + block.bytes + (block.isLast ? checksumBytes : 0)
				if (block.isLast) state = 'last'
			}
		}
	}
	if (pending.byteLength > 0) yield {bytes: pending, endsFrame: false}
}

function littleEndian(bytes: Uint8Array): number {
	return bytes.reduceRight((sum, byte) => sum * 256 + byte, 0)
}
