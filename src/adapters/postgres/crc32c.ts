/** CRC-32C as backup_manifest and pg_filenode.map carry it (Castagnoli polynomial, reflected). Node's zlib.crc32 is another one. */
const polynomial = 0x82f63b78
const slices = 8

/** `table[256 * n + byte]`: what a byte contributes that has n more bytes after it in the same step of eight. */
const table = makeTable()

function makeTable(): Int32Array {
	const made = new Int32Array(256 * slices)
	for (let byte = 0; byte < 256; byte++) {
		let value = byte
		for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ (value & 1 ? polynomial : 0)
		made[byte] = value
	}
	for (let index = 256; index < made.length; index++) {
		const shorter = made[index - 256] as number
		made[index] = (shorter >>> 8) ^ (made[shorter & 0xff] as number)
	}
	return made
}

/** Continues a CRC-32C over more bytes; begin with 0. */
export function crc32c(bytes: Uint8Array, before = 0): number {
	const t = table
	const {length} = bytes
	const view = new DataView(bytes.buffer, bytes.byteOffset, length)
	let crc = ~before
	let at = 0
	for (const end = length - (length % slices); at < end; at += slices) {
		const low = crc ^ view.getInt32(at, true)
		const high = view.getInt32(at + 4, true)
		crc =
			(t[1792 + (low & 0xff)] as number) ^
			(t[1536 + ((low >>> 8) & 0xff)] as number) ^
			(t[1280 + ((low >>> 16) & 0xff)] as number) ^
			(t[1024 + (low >>> 24)] as number) ^
			(t[768 + (high & 0xff)] as number) ^
			(t[512 + ((high >>> 8) & 0xff)] as number) ^
			(t[256 + ((high >>> 16) & 0xff)] as number) ^
			(t[high >>> 24] as number)
	}
	for (; at < length; at++) crc = (crc >>> 8) ^ (t[(crc ^ (bytes[at] as number)) & 0xff] as number)
	return ~crc >>> 0
}
