import {expect, test} from 'vitest'
import {crc32c} from '../../../src/adapters/postgres/crc32c.ts'
import {runningChecksum} from '../../../src/adapters/postgres/manifest.ts'

// The vectors of RFC 3720, B.4, and the check value of the CRC catalogue.
test.each([
	[Buffer.from('123456789'), 0xe3069283],
	[Buffer.alloc(32), 0x8a9136aa],
	[Buffer.alloc(32, 0xff), 0x62a8ab43],
	[Buffer.from(Array.from({length: 32}, (_, index) => index)), 0x46dd794e],
	[Buffer.alloc(0), 0],
])('CRC-32C of %o is the published one', (bytes, expected) => {
	expect(crc32c(bytes)).toBe(expected)
})

test('CRC-32C comes out the same however the bytes are cut', () => {
	const bytes = Buffer.from(Array.from({length: 1000}, (_, index) => (index * 7919) & 0xff))
	const whole = crc32c(bytes)
	for (const size of [1, 7, 8, 9, 64, 333]) {
		let crc = 0
		for (let at = 0; at < bytes.length; at += size) crc = crc32c(bytes.subarray(at, at + size), crc)
		expect(crc).toBe(whole)
	}
})

test('a checksum is spelled as backup_manifest spells it', () => {
	const crc = runningChecksum('CRC32C')
	crc?.add(Buffer.from('123456789'))
	expect(crc?.hex()).toBe('839206e3')
	expect(runningChecksum('SHA256')?.hex()).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
	expect(runningChecksum('MD5')).toBeUndefined()
})
