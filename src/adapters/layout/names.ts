import {splitCodecSuffix} from '../../domain/archive/codec.ts'
import type {
	ArchiveEntry,
	BackupEntry,
	HistoryEntry,
	SegmentEntry,
	SortedListing,
} from '../../domain/archive/listing.ts'
import {parseTimelineHex} from '../../domain/wal/timeline.ts'
import type {StoredObject} from '../../ports.ts'

const segmentPattern = /^[0-9A-F]{24}$/
const partialPattern = /^([0-9A-F]{24})\.partial$/
const backupHistoryPattern = /^[0-9A-F]{24}\.[0-9A-F]{8}\.backup$/
const historyPattern = /^([0-9A-F]{8})\.history$/

/** What a file of a WAL archive is, by its name. */
export type WalName =
	| {readonly kind: 'segment' | 'partial'; readonly entry: SegmentEntry}
	| {readonly kind: 'history'; readonly entry: HistoryEntry}
	| {readonly kind: 'backup-history'; readonly entry: ArchiveEntry}

/** Reads the name of an object, without its folder and with any packing's suffix; undefined when it is none of a WAL archive. */
export function readWalName(name: string, object: StoredObject): WalName | undefined {
	const stem = splitCodecSuffix(name).name
	const stored = storedEntry(object)
	if (segmentPattern.test(stem)) return {kind: 'segment', entry: {...stored, name: stem}}
	const partial = partialPattern.exec(stem)?.[1]
	if (partial !== undefined) return {kind: 'partial', entry: {...stored, name: partial}}
	if (backupHistoryPattern.test(stem)) return {kind: 'backup-history', entry: stored}
	const timeline = parseTimelineHex(historyPattern.exec(stem)?.[1] ?? '')
	return timeline === undefined ? undefined : {kind: 'history', entry: {...stored, timeline}}
}

/** An object as an entry of a listing. */
export function storedEntry(object: StoredObject): ArchiveEntry {
	return {key: object.key, storedBytes: object.bytes, modifiedAt: object.modifiedAt}
}

/** The part of a listing that is WAL, as it is filled. */
export class WalListing {
	readonly segments: SegmentEntry[] = []
	readonly partials: SegmentEntry[] = []
	readonly histories: HistoryEntry[] = []
	readonly backupHistories: ArchiveEntry[] = []

	add(named: WalName): void {
		switch (named.kind) {
			case 'segment':
				this.segments.push(named.entry)
				break
			case 'partial':
				this.partials.push(named.entry)
				break
			case 'history':
				this.histories.push(named.entry)
				break
			case 'backup-history':
				this.backupHistories.push(named.entry)
				break
			default:
				named satisfies never
		}
	}

	/** The listing of a tool's archive, whose base backups its own files tell of. */
	listing(objectCount: number, backups: readonly BackupEntry[] = []): SortedListing {
		const {segments, partials, histories, backupHistories} = this
		return {
			segments,
			partials,
			histories,
			backupHistories,
			backups,
			serverDirectories: [],
			objectCount,
			otherExamples: [],
		}
	}
}

/** How much is stored in a folder and below. */
export interface StoredAmount {
	bytes: number
	fileCount: number
}

/** Counts an object towards a folder. */
export function countStored<Key>(amounts: Map<Key, StoredAmount>, key: Key, bytes: number): void {
	const amount = amounts.get(key)
	if (amount === undefined) amounts.set(key, {bytes, fileCount: 1})
	else {
		amount.bytes += bytes
		amount.fileCount += 1
	}
}

/** The entry of a map, made where it is missing. */
export function entryOf<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
	const known = map.get(key)
	if (known !== undefined) return known
	const made = make()
	map.set(key, made)
	return made
}

/** A key parted at its last slash. */
export function splitKey(key: string): {readonly folder: string; readonly name: string} {
	const slash = key.lastIndexOf('/')
	return {folder: key.slice(0, Math.max(slash, 0)), name: key.slice(slash + 1)}
}

/** A folder's key and a name below it. */
export function joinKey(folder: string, name: string): string {
	return folder === '' ? name : `${folder}/${name}`
}

/** Whether a folder is another one, or lies below it. */
export function isInside(folder: string, root: string): boolean {
	return root === '' || folder === root || folder.startsWith(`${root}/`)
}

/** What archives are called, by their folders: by the last part of each, or by its whole way where two are called alike. */
export function archiveNames(folders: Iterable<string>): (folder: string) => string {
	const counts = new Map<string, number>()
	for (const folder of folders) {
		const {name} = splitKey(folder)
		counts.set(name, (counts.get(name) ?? 0) + 1)
	}
	return folder => {
		const {name} = splitKey(folder)
		return counts.get(name) === 1 ? name : folder
	}
}
