const prime1 = 0x9e3779b1
const prime2 = 0x85ebca77
const prime3 = 0xc2b2ae3d
const prime4 = 0x27d4eb2f
const prime5 = 0x165667b1
const stripeBytes = 16

/** XXH32 with seed 0, over bytes that come in pieces: the checksum of the LZ4 frame format. */
export class XxHash32 {
	#lane1 = (prime1 + prime2) | 0
	#lane2 = prime2 | 0
	#lane3 = 0
	#lane4 = -prime1 | 0
	#totalBytes = 0
	readonly #pending = new Uint8Array(stripeBytes)
	#pendingBytes = 0

	update(bytes: Uint8Array): this {
		this.#totalBytes += bytes.byteLength
		let at = 0
		if (this.#pendingBytes > 0) {
			at = Math.min(stripeBytes - this.#pendingBytes, bytes.byteLength)
			this.#pending.set(bytes.subarray(0, at), this.#pendingBytes)
			this.#pendingBytes += at
			if (this.#pendingBytes < stripeBytes) return this
			this.#takeStripes(this.#pending, 0)
			this.#pendingBytes = 0
		}
		const rest = this.#takeStripes(bytes, at)
		this.#pending.set(bytes.subarray(rest))
		this.#pendingBytes = bytes.byteLength - rest
		return this
	}

	/** The checksum of all bytes so far, as an unsigned number. */
	digest(): number {
		let hash =
			this.#totalBytes >= stripeBytes
				? rotate(this.#lane1, 1) + rotate(this.#lane2, 7) + rotate(this.#lane3, 12) + rotate(this.#lane4, 18)
				: prime5
		hash = (hash + this.#totalBytes) | 0
		const tail = new DataView(this.#pending.buffer, 0, this.#pendingBytes)
		let at = 0
		for (; at + 4 <= tail.byteLength; at += 4)
			hash = Math.imul(rotate(hash + Math.imul(tail.getUint32(at, true), prime3), 17), prime4)
		for (; at < tail.byteLength; at += 1)
			hash = Math.imul(rotate(hash + Math.imul(tail.getUint8(at), prime5), 11), prime1)
		hash = Math.imul(hash ^ (hash >>> 15), prime2)
		hash = Math.imul(hash ^ (hash >>> 13), prime3)
		return (hash ^ (hash >>> 16)) >>> 0
	}

	/** Takes whole stripes from `at` on and gives where the rest begins. */
	#takeStripes(bytes: Uint8Array, at: number): number {
		const end = bytes.byteLength - stripeBytes
		if (at > end) return at
		const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
		let [lane1, lane2, lane3, lane4] = [this.#lane1, this.#lane2, this.#lane3, this.#lane4]
		let position = at
		for (; position <= end; position += stripeBytes) {
			lane1 = round(lane1, view.getInt32(position, true))
			lane2 = round(lane2, view.getInt32(position + 4, true))
			lane3 = round(lane3, view.getInt32(position + 8, true))
			lane4 = round(lane4, view.getInt32(position + 12, true))
		}
		this.#lane1 = lane1
		this.#lane2 = lane2
		this.#lane3 = lane3
		this.#lane4 = lane4
		return position
	}
}

function round(lane: number, word: number): number {
	return Math.imul(rotate(lane + Math.imul(word, prime2), 13), prime1)
}

function rotate(value: number, bits: number): number {
	return (value << bits) | (value >>> (32 - bits))
}
