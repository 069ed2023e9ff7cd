import {Transform, type TransformCallback} from 'node:stream'
import {XxHash32} from './xxhash32.ts'

/** LZ4 Frame Format 1.6.x (lz4_Frame_format.md): frames of blocks, one frame after another, skippable ones between. */
const frameMagic = 0x184d2204
const skippableMagic = 0x184d2a50
const historyBytes = 64 * 1024
const blockBytesByCode: readonly (number | undefined)[] = [
	undefined,
	undefined,
	undefined,
	undefined,
	64 * 1024,
	256 * 1024,
	1024 * 1024,
	4 * 1024 * 1024,
]
const mostHeaderBytes = 19

/** What the header of a frame says. */
export interface Lz4FrameHeader {
	readonly headerBytes: number
	readonly blocksAreLinked: boolean
	readonly blockChecksums: boolean
	readonly contentChecksum: boolean
	/** Length of the content, where the packing knew it beforehand. */
	readonly contentBytes: number | undefined
	readonly mostBlockBytes: number
}

/** Reads the header of a frame from its first bytes; undefined when there are too few of them. Throws on what is no such header. */
export function readLz4FrameHeader(bytes: Uint8Array): Lz4FrameHeader | undefined {
	if (bytes.byteLength < 7) return undefined
	const view = viewOf(bytes)
	if (view.getUint32(0, true) !== frameMagic) throw new Error('no LZ4 frame begins where one should')
	const flags = view.getUint8(4)
	const hasContentBytes = (flags & 0x08) !== 0
	const headerBytes = 7 + (hasContentBytes ? 8 : 0) + ((flags & 0x01) === 0 ? 0 : 4)
	if (bytes.byteLength < headerBytes) return undefined
	const checksum = (new XxHash32().update(bytes.subarray(4, headerBytes - 1)).digest() >>> 8) & 0xff
	if (checksum !== bytes[headerBytes - 1]) throw new Error('the checksum of the frame header is wrong')
	if (flags >> 6 !== 1) throw new Error(`the frame is of version ${flags >> 6}, which is not known`)
	if ((flags & 0x01) !== 0) throw new Error('the frame was packed with a dictionary')
	const mostBlockBytes = blockBytesByCode[(view.getUint8(5) >> 4) & 7]
	if (mostBlockBytes === undefined) throw new Error('the frame header states no block size')
	return {
		headerBytes,
		blocksAreLinked: (flags & 0x20) === 0,
		blockChecksums: (flags & 0x10) !== 0,
		contentChecksum: (flags & 0x04) !== 0,
		contentBytes: hasContentBytes ? Number(view.getBigUint64(6, true)) : undefined,
		mostBlockBytes,
	}
}

interface OpenFrame {
	readonly header: Lz4FrameHeader
	readonly hash: XxHash32
	/** The 64 kB before the block that is unpacked, then that block. */
	readonly window: Uint8Array
	history: number
	unpackedBytes: number
}

/** Unpacks LZ4 frames as their bytes come, cut anywhere, and proves every checksum that they carry. */
export class Lz4FrameReader {
	#pending: Uint8Array = new Uint8Array(0)
	/** What came since and is not joined to it yet: a block of 4 MB may come in many pieces. */
	#later: Uint8Array[] = []
	#laterBytes = 0
	#neededBytes = 0
	#frame: OpenFrame | undefined
	#skipBytes = 0
	#frameCount = 0

	/** The content that became whole with this piece. Throws on damage. */
	push(chunk: Uint8Array): Uint8Array[] {
		this.#later.push(chunk)
		this.#laterBytes += chunk.byteLength
		if (this.#pending.byteLength + this.#laterBytes < this.#neededBytes) return []
		this.#join()
		const content: Uint8Array[] = []
		for (let taken = this.#step(content); taken > 0; taken = this.#step(content))
			this.#pending = this.#pending.subarray(taken)
		return content
	}

	/** Says that no more comes. Throws when the last frame has not ended. */
	end(): void {
		this.#join()
		if (this.#frame !== undefined || this.#skipBytes > 0 || this.#pending.byteLength > 0 || this.#frameCount === 0)
			throw new Error('unexpected end of file')
	}

	/** What of the block that has begun can be unpacked already; nothing of it is proven yet. */
	unprovenRest(): Uint8Array {
		this.#join()
		const frame = this.#frame
		if (frame === undefined || this.#pending.byteLength < 5) return new Uint8Array(0)
		const word = viewOf(this.#pending).getUint32(0, true)
		const bytes = word & 0x7fff_ffff
		if (bytes === 0) return new Uint8Array(0)
		const packed = this.#pending.subarray(4, 4 + bytes)
		if (word >>> 31 === 1) return packed
		const end = unpackBlock(packed, frame.window, frame.history, frame.history + frame.header.mostBlockBytes, true)
		return frame.window.slice(frame.history, end)
	}

	#join(): void {
		if (this.#laterBytes > 0) this.#pending = Buffer.concat([this.#pending, ...this.#later])
		this.#later = []
		this.#laterBytes = 0
	}

	/** Nothing can be taken before so many bytes are there. */
	#need(bytes: number): number {
		this.#neededBytes = bytes
		return 0
	}

	/** Takes one part off the front of what is pending and says how long it was; 0 when it is not all there. */
	#step(content: Uint8Array[]): number {
		const pending = this.#pending
		if (this.#skipBytes > 0) {
			this.#neededBytes = 1
			const skipped = Math.min(this.#skipBytes, pending.byteLength)
			this.#skipBytes -= skipped
			return skipped
		}
		return this.#frame === undefined ? this.#openFrame(pending) : this.#takeBlock(this.#frame, pending, content)
	}

	#openFrame(pending: Uint8Array): number {
		if (pending.byteLength < 8) return this.#need(8)
		const view = viewOf(pending)
		if ((view.getUint32(0, true) & 0xffff_fff0) >>> 0 === skippableMagic) {
			this.#skipBytes = view.getUint32(4, true)
			return 8
		}
		const header = readLz4FrameHeader(pending.subarray(0, mostHeaderBytes))
		if (header === undefined) return this.#need(pending.byteLength + 1)
		this.#frame = {
			header,
			hash: new XxHash32(),
			window: new Uint8Array(historyBytes + header.mostBlockBytes),
			history: 0,
			unpackedBytes: 0,
		}
		this.#frameCount += 1
		return header.headerBytes
	}

	#takeBlock(frame: OpenFrame, pending: Uint8Array, content: Uint8Array[]): number {
		if (pending.byteLength < 4) return this.#need(4)
		const {header} = frame
		const view = viewOf(pending)
		const word = view.getUint32(0, true)
		if (word === 0) return this.#closeFrame(frame, pending)
		const bytes = word & 0x7fff_ffff
		if (bytes > header.mostBlockBytes) throw new Error(`a block states ${bytes} bytes, more than its frame allows`)
		const end = 4 + bytes
		const partBytes = end + (header.blockChecksums ? 4 : 0)
		if (pending.byteLength < partBytes) return this.#need(partBytes)
		const packed = pending.subarray(4, end)
		if (header.blockChecksums && new XxHash32().update(packed).digest() !== view.getUint32(end, true))
			throw new Error('the checksum of a block is wrong')
		const start = header.blocksAreLinked ? frame.history : 0
		let stop = start + bytes
		if (word >>> 31 === 1) frame.window.set(packed, start)
		else stop = unpackBlock(packed, frame.window, start, start + header.mostBlockBytes, false)
		const unpacked = frame.window.slice(start, stop)
		frame.unpackedBytes += unpacked.byteLength
		if (header.contentChecksum) frame.hash.update(unpacked)
		if (header.blocksAreLinked) {
			const kept = Math.min(stop, historyBytes)
			frame.window.copyWithin(0, stop - kept, stop)
			frame.history = kept
		}
		if (unpacked.byteLength > 0) content.push(unpacked)
		return partBytes
	}

	#closeFrame({header, hash, unpackedBytes}: OpenFrame, pending: Uint8Array): number {
		const partBytes = header.contentChecksum ? 8 : 4
		if (pending.byteLength < partBytes) return this.#need(partBytes)
		if (header.contentChecksum && hash.digest() !== viewOf(pending).getUint32(4, true))
			throw new Error('the checksum of the content is wrong')
		if (header.contentBytes !== undefined && header.contentBytes !== unpackedBytes)
			throw new Error(`the content has ${unpackedBytes} bytes, and the frame states ${header.contentBytes}`)
		this.#frame = undefined
		return partBytes
	}
}

/** The same reader as a stream. */
export function createLz4Unpacker(): Transform {
	const reader = new Lz4FrameReader()
	const attempt = (done: TransformCallback, work: () => void) => {
		try {
			work()
		} catch (error) {
			done(error instanceof Error ? error : new Error(String(error)))
			return
		}
		done()
	}
	return new Transform({
		transform(chunk: Uint8Array, _encoding, done) {
			attempt(done, () => {
				for (const content of reader.push(chunk)) this.push(content)
			})
		},
		flush(done) {
			attempt(done, () => reader.end())
		},
	})
}

/**
 * Unpacks one block behind `start`, where the content before it stands for matches to point into, and gives where it ends
 * (lz4_Block_format.md). `cut`: the block's end is missing, so stop where the bytes do.
 */
function unpackBlock(packed: Uint8Array, window: Uint8Array, start: number, limit: number, cut: boolean): number {
	const end = packed.byteLength
	let from = 0
	let to = start
	while (from < end) {
		const token = packed[from] ?? 0
		from += 1
		let literals = token >> 4
		if (literals === 15) {
			for (let more = 255; more === 255; from += 1) {
				if (from >= end) return short(cut, to)
				more = packed[from] ?? 0
				literals += more
			}
		}
		const there = Math.min(literals, end - from)
		if (there < literals && !cut) throw new Error('a block ends in the middle of its literals')
		if (to + there > limit) throw new Error('a block holds more than its frame allows')
		if (there > 16) window.set(packed.subarray(from, from + there), to)
		else for (let index = 0; index < there; index += 1) window[to + index] = packed[from + index] ?? 0
		from += literals
		to += there
		// The last sequence has no match.
		if (from >= end) return to
		if (from + 2 > end) return short(cut, to)
		const distance = (packed[from] ?? 0) | ((packed[from + 1] ?? 0) << 8)
		from += 2
		let length = (token & 15) + 4
		if (length === 19) {
			for (let more = 255; more === 255; from += 1) {
				if (from >= end) return short(cut, to)
				more = packed[from] ?? 0
				length += more
			}
		}
		if (distance === 0 || distance > to) throw new Error('a block points before its own beginning')
		if (to + length > limit) throw new Error('a block holds more than its frame allows')
		if (distance >= length && length > 16) window.copyWithin(to, to - distance, to - distance + length)
		else if (distance === 1) window.fill(window[to - 1] ?? 0, to, to + length)
		else for (let index = 0; index < length; index += 1) window[to + index] = window[to + index - distance] ?? 0
		to += length
	}
	// A block must end with literals.
	return short(cut, to)
}

function short(cut: boolean, to: number): number {
	if (cut) return to
	throw new Error('a block ends in the middle of a sequence')
}

function viewOf(bytes: Uint8Array): DataView {
	return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
