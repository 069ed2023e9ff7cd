import {crc32, deflateSync} from 'node:zlib'

const coloursMost = 96

/**
 * A PNG with a palette: text of a few colours on one background takes a third of what full colour takes. Of more than 96
 * colours the rare ones, which are shades at the edges of letters, become the nearest of the others.
 */
export function indexedPng(rgba: Uint8Array, width: number, height: number): Buffer {
	const pixels = new Uint32Array(rgba.buffer, rgba.byteOffset, width * height)
	const counts = new Map<number, number>()
	// A pixel like its neighbour belongs to something that is seen as a colour, not to the edge of a letter.
	pixels.forEach((pixel, at) => {
		counts.set(pixel, (counts.get(pixel) ?? 0) + (pixels[at - 1] === pixel ? 8 : 1))
	})
	const byCount = [...counts].sort((a, b) => b[1] - a[1]).map(([pixel]) => pixel)
	const palette = byCount.slice(0, coloursMost)
	const indexOf = new Map(palette.map((pixel, index) => [pixel, index]))
	for (const pixel of byCount.slice(coloursMost)) indexOf.set(pixel, nearest(pixel, palette))

	// Each row begins with its filter: none, which is best for a palette.
	const rows = Buffer.alloc(height * (width + 1))
	pixels.forEach((pixel, at) => {
		rows[Math.floor(at / width) * (width + 1) + 1 + (at % width)] = indexOf.get(pixel) ?? 0
	})
	const header = Buffer.alloc(13)
	header.writeUInt32BE(width, 0)
	header.writeUInt32BE(height, 4)
	// Eight bits, a palette; deflate, adaptive filters, not interlaced.
	header.set([8, 3, 0, 0, 0], 8)
	const channels = palette.map(channelsOf)
	const colours = channels.map(channel => channel.slice(0, 3))
	return Buffer.concat([
		Buffer.from('\u0089PNG\r\n\u001a\n', 'latin1'),
		chunk('IHDR', header),
		chunk('PLTE', Buffer.from(colours.flat())),
		chunk('tRNS', Buffer.from(channels.map(([, , , alpha]) => alpha))),
		chunk('IDAT', deflateSync(rows, {level: 9, memLevel: 9})),
		chunk('IEND', Buffer.alloc(0)),
	])
}

function nearest(pixel: number, palette: readonly number[]): number {
	const wanted = channelsOf(pixel)
	let best = 0
	let bestDistance = Number.POSITIVE_INFINITY
	palette.forEach((candidate, index) => {
		const distance = channelsOf(candidate).reduce((sum, value, at) => sum + (value - (wanted[at] ?? 0)) ** 2, 0)
		if (distance >= bestDistance) return
		best = index
		bestDistance = distance
	})
	return best
}

/** Red, green, blue and alpha of a pixel as a little-endian machine reads it. */
function channelsOf(pixel: number): readonly [number, number, number, number] {
	return [pixel & 0xff, (pixel >>> 8) & 0xff, (pixel >>> 16) & 0xff, pixel >>> 24]
}

function chunk(type: string, data: Buffer): Buffer {
	const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
	const whole = Buffer.alloc(body.length + 8)
	whole.writeUInt32BE(data.length, 0)
	body.copy(whole, 4)
	whole.writeUInt32BE(crc32(body), body.length + 4)
	return whole
}
