import {parseLsn} from '../../src/domain/wal/lsn.ts'
import {longPageHeaderBytes, segmentFileName, segmentNumberAt} from '../../src/domain/wal/segment.ts'
import {type TimelineId, timelineHex} from '../../src/domain/wal/timeline.ts'
import type {MemoryContent} from './memory-store.ts'

/** What a segment made by hand says of itself. All that is not given is as PostgreSQL 15 would have it in a cluster with segments of 1 MB. */
export interface SegmentTraits {
	readonly timeline: number
	readonly number: number
	readonly systemIdentifier: bigint
	readonly walSegmentBytes: number
	readonly pageMagic: number
	/** Timeline of the first page, where it is not the name's. */
	readonly pageTimeline: number
	readonly pageNumber: number
	/** Length of the file. */
	readonly bytes: number
}

/** System identifier of archives made by hand. */
export const builtSystemIdentifier = 7710895412341931179n
export const megabyte = 1024 * 1024

/** File name of a segment. */
export function segmentName(timeline: number, number: number, walSegmentBytes: number = megabyte): string {
	return segmentFileName({timeline: timeline as TimelineId, number: segmentNumberAt(BigInt(number))}, walSegmentBytes)
}

/** The 40 bytes that open a segment (XLogLongPageHeaderData, little-endian). */
export function segmentHeader(traits: Partial<SegmentTraits> = {}): Uint8Array {
	const {
		timeline = 1,
		number = 1,
		systemIdentifier = builtSystemIdentifier,
		walSegmentBytes = megabyte,
		pageMagic = 0xd110,
	} = traits
	const {pageTimeline = timeline, pageNumber = number} = traits
	const view = new DataView(new ArrayBuffer(longPageHeaderBytes))
	view.setUint16(0, pageMagic, true)
	view.setUint16(2, 0x0002, true)
	view.setUint32(4, pageTimeline, true)
	view.setBigUint64(8, BigInt(pageNumber) * BigInt(walSegmentBytes), true)
	view.setBigUint64(24, systemIdentifier, true)
	view.setUint32(32, walSegmentBytes, true)
	view.setUint32(36, 8192, true)
	return new Uint8Array(view.buffer)
}

/** A segment with a true header and nothing behind it. */
export function segmentContent(traits: Partial<SegmentTraits> = {}): {
	readonly head: Uint8Array
	readonly bytes: number
} {
	return {head: segmentHeader(traits), bytes: traits.bytes ?? traits.walSegmentBytes ?? megabyte}
}

/** All bytes of a content, for codecs and disks. */
export function allBytes(content: MemoryContent): Uint8Array {
	if (content instanceof Uint8Array) return content
	const bytes = new Uint8Array(content.bytes)
	bytes.set(content.head.subarray(0, content.bytes))
	return bytes
}

export function textBytes(text: string): Uint8Array {
	return new TextEncoder().encode(text)
}

/** What a base backup made by hand holds. All that is not given is as `pg_basebackup -Fp` of 15 leaves it. */
export interface BackupTraits {
	readonly timeline: number
	/** LSNs as text. */
	readonly startLsn: string
	readonly stopLsn: string
	readonly label: string
	readonly major: number
	readonly systemIdentifier: bigint
	readonly manifest: boolean
	/** Further files by their path. */
	readonly files: Readonly<Record<string, string>>
	/** Further lines of backup_label. */
	readonly labelLines: readonly string[]
}

/** backup_label of a base backup, or with `stopTime` the `.backup` file of the archive. */
export function backupLabelText(traits: Partial<BackupTraits> & {readonly stopTime?: string} = {}): string {
	const {timeline = 1, startLsn = '0/200028', stopLsn = '0/200100', label = 'nightly', labelLines = []} = traits
	const fileOf = (lsn: string) => segmentName(timeline, Number((parseLsn(lsn) ?? 0n) / BigInt(megabyte)))
	const stop = traits.stopTime === undefined ? [] : [`STOP WAL LOCATION: ${stopLsn} (file ${fileOf(stopLsn)})`]
	const end = traits.stopTime === undefined ? [] : [`STOP TIME: ${traits.stopTime}`, `STOP TIMELINE: ${timeline}`]
	return [
		`START WAL LOCATION: ${startLsn} (file ${fileOf(startLsn)})`,
		...stop,
		`CHECKPOINT LOCATION: ${startLsn.replace(/28$/, '60')}`,
		'BACKUP METHOD: streamed',
		'BACKUP FROM: primary',
		'START TIME: 2026-11-22 07:44:48 UTC',
		`LABEL: ${label}`,
		`START TIMELINE: ${timeline}`,
		...labelLines,
		...end,
		'',
	].join('\n')
}

/** backup_manifest, for files by path, as 13 to 16 write it, or with a system identifier as 17 and newer do. */
export function manifestText(
	files: ReadonlyMap<string, number>,
	traits: Partial<BackupTraits> & {readonly version?: 1 | 2} = {},
): string {
	const {
		timeline = 1,
		startLsn = '0/200028',
		stopLsn = '0/200100',
		version = 1,
		systemIdentifier = builtSystemIdentifier,
	} = traits
	const lines = [...files].map(
		([path, bytes]) =>
			`{ "Path": ${JSON.stringify(path)}, "Size": ${bytes}, "Last-Modified": "2026-11-22 07:44:48 GMT", "Checksum-Algorithm": "CRC32C", "Checksum": "8a744722" }`,
	)
	return [
		`{ "PostgreSQL-Backup-Manifest-Version": ${version},`,
		...(version === 2 ? [`"System-Identifier": ${systemIdentifier},`] : []),
		'"Files": [',
		lines.join(',\n'),
		'],',
		'"WAL-Ranges": [',
		`{ "Timeline": ${timeline}, "Start-LSN": "${startLsn}", "End-LSN": "${stopLsn}" }`,
		'],',
		'"Manifest-Checksum": "59fa66dc1e0da47516c72832442a670973c5d7c8536d5292f2b7f51c6a361e60"}',
		'',
	].join('\n')
}

/** The files of a base backup in plain format, by their path in it. */
export function backupFiles(traits: Partial<BackupTraits> = {}): ReadonlyMap<string, Uint8Array> {
	const {major = 15, systemIdentifier = builtSystemIdentifier, manifest = true, files = {}} = traits
	const controlFile = new Uint8Array(8192)
	new DataView(controlFile.buffer).setBigUint64(0, systemIdentifier, true)
	const content = new Map<string, Uint8Array>([
		['backup_label', textBytes(backupLabelText(traits))],
		['PG_VERSION', textBytes(`${major}\n`)],
		['base/1/PG_VERSION', textBytes(`${major}\n`)],
		['base/1/1259', new Uint8Array(16384)],
		['global/1262', new Uint8Array(8192)],
		...Object.entries(files).map(([path, text]): [string, Uint8Array] => [path, textBytes(text)]),
		['global/pg_control', controlFile],
	])
	if (manifest)
		content.set(
			'backup_manifest',
			textBytes(manifestText(new Map([...content].map(([path, bytes]) => [path, bytes.byteLength])), traits)),
		)
	return content
}

/** An archive made by hand: what lies at each key. */
export class ArchiveBuilder {
	readonly contents = new Map<string, MemoryContent>()

	/** Segments `from` to `to` of a timeline, below a folder if one is given. */
	segments(from: number, to: number, traits: Partial<SegmentTraits> & {readonly folder?: string} = {}): this {
		for (let number = from; number <= to; number += 1) this.segment(number, traits)
		return this
	}

	segment(
		number: number,
		traits: Partial<SegmentTraits> & {readonly folder?: string; readonly name?: string} = {},
	): this {
		const {
			timeline = 1,
			walSegmentBytes = megabyte,
			folder = '',
			name = segmentName(timeline, number, walSegmentBytes),
		} = traits
		return this.put(folder === '' ? name : `${folder}/${name}`, segmentContent({...traits, number}))
	}

	/** A history file: `[parent, switch LSN]` of each line. */
	history(timeline: number, switches: readonly (readonly [number, string])[], folder = ''): this {
		const text = switches.map(([parent, lsn]) => `${parent}\t${lsn}\tno recovery target specified\n`).join('\n')
		const name = `${timelineHex(timeline as TimelineId)}.history`
		return this.put(folder === '' ? name : `${folder}/${name}`, text)
	}

	backup(folder: string, traits: Partial<BackupTraits> = {}): this {
		for (const [path, bytes] of backupFiles(traits)) this.put(folder === '' ? path : `${folder}/${path}`, bytes)
		return this
	}

	put(key: string, content: MemoryContent | string): this {
		this.contents.set(key, typeof content === 'string' ? textBytes(content) : content)
		return this
	}

	remove(key: string): this {
		if (!this.contents.delete(key)) throw new Error(`the archive has no ${key}`)
		return this
	}
}
