import {createHash} from 'node:crypto'
import {createReadStream} from 'node:fs'
import {z} from 'zod'
import {systemCode} from '../durable-files.ts'
import {crc32c} from './crc32c.ts'

/** What backup_manifest says of one file. */
export interface ManifestedFile {
	readonly bytes: number
	/** undefined for a backup that was taken without checksums. */
	readonly checksum: {readonly algorithm: string; readonly hex: string} | undefined
}

export type ChecksumReading =
	/** Files by path, each byte of which is one character (latin1): a path need not be UTF-8. */
	| {readonly ok: true; readonly files: ReadonlyMap<string, ManifestedFile>}
	| {readonly ok: false; readonly problem: string}

const fileLine = z.object({
	Path: z.string().optional(),
	'Encoded-Path': z.string().optional(),
	Size: z.number(),
	'Checksum-Algorithm': z.string().optional(),
	Checksum: z.string().optional(),
})

/** Reads backup_manifest, which the server writes with one file a line and its own SHA-256 at the end; undefined when there is none. */
export async function readManifest(path: string): Promise<ChecksumReading | undefined> {
	const files = new Map<string, ManifestedFile>()
	const hash = createHash('sha256')
	let pending = ''
	let stated: string | undefined
	try {
		for await (const chunk of createReadStream(path, {encoding: 'latin1', highWaterMark: 1 << 18})) {
			const lines = `${pending}${chunk}`.split('\n')
			pending = lines.pop() ?? ''
			for (const line of lines) {
				const checksumLine = /^"Manifest-Checksum": "([0-9a-f]{64})"\}/.exec(line)
				if (checksumLine !== null) stated = checksumLine[1]
				if (stated !== undefined) continue
				hash.update(`${line}\n`, 'latin1')
				const read = readLine(line)
				if (read === 'damaged') return {ok: false, problem: `it holds the line ${JSON.stringify(line.slice(0, 120))}`}
				if (read !== undefined) files.set(read.path, read.file)
			}
		}
	} catch (error) {
		if (systemCode(error) === 'ENOENT') return undefined
		throw error
	}
	if (stated === undefined) return {ok: false, problem: 'it ends before its checksum line'}
	if (hash.digest('hex') !== stated) return {ok: false, problem: 'its own checksum does not match'}
	return {ok: true, files}
}

function readLine(line: string): {readonly path: string; readonly file: ManifestedFile} | 'damaged' | undefined {
	if (!/^\{ "(?:Encoded-)?Path": /.test(line)) return undefined
	const entry = parseEntry(line)
	const path =
		entry?.Path ??
		(entry === undefined ? undefined : Buffer.from(entry['Encoded-Path'] ?? '', 'hex').toString('latin1'))
	if (entry === undefined || path === undefined) return 'damaged'
	const {Size: bytes, 'Checksum-Algorithm': algorithm, Checksum: hex} = entry
	return {path, file: {bytes, checksum: algorithm === undefined || hex === undefined ? undefined : {algorithm, hex}}}
}

function parseEntry(line: string): z.output<typeof fileLine> | undefined {
	try {
		return fileLine.parse(JSON.parse(line.replace(/,$/, '')))
	} catch {
		return undefined
	}
}

/** A checksum that grows with the bytes of a file. */
export interface RunningChecksum {
	add(bytes: Uint8Array): void
	hex(): string
}

/** The checksum of this algorithm as backup_manifest names it; undefined for one that no version from 13 to 18 writes. */
export function runningChecksum(algorithm: string): RunningChecksum | undefined {
	if (algorithm === 'CRC32C') {
		let crc = 0
		return {
			add: bytes => {
				crc = crc32c(bytes, crc)
			},
			// The bytes as they lie in memory (pg_checksum_final), on every machine that lastgood runs on little-endian.
			hex: () => {
				const bytes = Buffer.alloc(4)
				bytes.writeUInt32LE(crc)
				return bytes.toString('hex')
			},
		}
	}
	if (!/^SHA(224|256|384|512)$/.test(algorithm)) return undefined
	const hash = createHash(algorithm.toLowerCase())
	return {
		add: bytes => {
			hash.update(bytes)
		},
		hex: () => hash.digest('hex'),
	}
}
