import {readFile} from 'node:fs/promises'
import {join} from 'node:path'
import {crc32c} from './crc32c.ts'

const mapMagic = 0x592717
const pgAuthidOid = 1260
const bootstrapSuperuserOid = 10
const pageBytes = 8192

/** Name of the role that initdb made (OID 10), read from a backup's own catalog files; undefined where they do not tell. */
export async function bootstrapRoleOf(dataDirectory: string): Promise<string | undefined> {
	const map = await readFile(join(dataDirectory, 'global', 'pg_filenode.map')).catch(() => undefined)
	const filenode = map === undefined ? undefined : filenodeOf(map, pgAuthidOid)
	if (filenode === undefined) return undefined
	const catalog = await readFile(join(dataDirectory, 'global', String(filenode))).catch(() => undefined)
	return catalog === undefined ? undefined : roleOf(catalog, bootstrapSuperuserOid)
}

/** The file of a mapped catalog: magic, count, pairs of OID and file number, and a CRC at 504 (13 to 15) or 520 (16 and newer). */
function filenodeOf(map: Buffer, catalogOid: number): number | undefined {
	const crcAt = map.length >= 524 ? 520 : 504
	if (map.length < 512 || map.readInt32LE(0) !== mapMagic || map.readUInt32LE(crcAt) !== crc32c(map.subarray(0, crcAt)))
		return undefined
	const count = map.readInt32LE(4)
	for (let at = 8; at < 8 + 8 * count && at + 8 <= crcAt; at += 8) {
		if (map.readUInt32LE(at) === catalogOid) return map.readUInt32LE(at + 4)
	}
	return undefined
}

/** Newest name under this OID in the pages of pg_authid, whose first columns are oid and rolname in every version. */
function roleOf(catalog: Buffer, oid: number): string | undefined {
	let newest: {readonly name: string; readonly xmin: number} | undefined
	for (let page = 0; page + pageBytes <= catalog.length; page += pageBytes) {
		for (const tuple of tuplesOf(catalog.subarray(page, page + pageBytes))) {
			const data = tuple.readUInt8(22)
			if (isDead(tuple) || data + 68 > tuple.length || tuple.readUInt32LE(data) !== oid) continue
			const name = tuple.subarray(data + 4, data + 68)
			const xmin = tuple.readUInt32LE(0)
			if (newest === undefined || xmin > newest.xmin)
				newest = {name: name.subarray(0, name.indexOf(0)).toString(), xmin}
		}
	}
	return newest?.name
}

function tuplesOf(page: Buffer): readonly Buffer[] {
	const lower = page.readUInt16LE(12)
	if (page.readUInt16LE(14) === 0 || lower > pageBytes) return []
	const tuples: Buffer[] = []
	for (let at = 24; at + 4 <= lower; at += 4) {
		const pointer = page.readUInt32LE(at)
		const offset = pointer & 0x7fff
		const length = pointer >>> 17
		if (((pointer >>> 15) & 3) === 1 && length >= 24 && offset + length <= pageBytes)
			tuples.push(page.subarray(offset, offset + length))
	}
	return tuples
}

/** By its hint bits (htup_details.h): inserted by a transaction that failed, or replaced by one that did not. */
function isDead(tuple: Buffer): boolean {
	const hints = tuple.readUInt16LE(20)
	const inserted = (hints & 0x0300) !== 0x0200
	const neverReplaced = (hints & 0x0800) !== 0 || (hints & 0x0080) !== 0 || tuple.readUInt32LE(4) === 0
	return !inserted || (!neverReplaced && (hints & 0x0400) !== 0)
}
