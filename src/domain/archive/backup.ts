import type {UtcInstant} from '../time.ts'
import {instantAt, parseTime} from '../time.ts'
import type {Lsn} from '../wal/lsn.ts'
import {compareLsn, formatLsn, parseLsn} from '../wal/lsn.ts'
import type {TimelineId} from '../wal/timeline.ts'
import {firstTimeline, timelineId} from '../wal/timeline.ts'
import type {BackupEntry} from './listing.ts'
import type {BackupKind, BaseBackup} from './survey.ts'

/** What backup_label says of a base backup. */
export interface BackupLabel {
	/** The redo point: replay begins here. */
	readonly startLsn: Lsn
	readonly timeline: TimelineId
	readonly startedAt: UtcInstant | undefined
	readonly label: string
	/** Only in an incremental backup (17 and newer): where the backup that it builds on began. */
	readonly incrementalFromLsn: Lsn | undefined
}

/** What the archive's `.backup` file says: the label's lines, and how the backup ended. */
export interface BackupHistory extends BackupLabel {
	readonly stopLsn: Lsn
	readonly stoppedAt: UtcInstant | undefined
}

const startLine = /^START WAL LOCATION: (\S+) \(file [0-9A-F]{24}\)$/
const stopLine = /^STOP WAL LOCATION: (\S+) \(file [0-9A-F]{24}\)$/

/** Reads backup_label; undefined when it is none. The two lines that PostgreSQL itself insists on must be there (read_backup_label). */
export function parseBackupLabel(text: string): BackupLabel | undefined {
	const lines = labelLines(text)
	const startLsn = parseLsn(startLine.exec(lines.first)?.[1] ?? '')
	if (startLsn === undefined || lines.before('CHECKPOINT LOCATION') === undefined) return undefined
	return {
		startLsn,
		timeline: timelineId(Number(lines.after('START TIMELINE'))) ?? firstTimeline,
		startedAt: labelTime(lines.before('START TIME')),
		label: lines.label,
		incrementalFromLsn: parseLsn(lines.after('INCREMENTAL FROM LSN') ?? ''),
	}
}

/** Reads the `.backup` file that a finished backup of a primary leaves in the archive; undefined when it is none. */
export function parseBackupHistory(text: string): BackupHistory | undefined {
	const label = parseBackupLabel(text)
	const lines = labelLines(text)
	const stopLsn = parseLsn(stopLine.exec(lines.second)?.[1] ?? '')
	if (label === undefined || stopLsn === undefined) return undefined
	return {...label, stopLsn, stoppedAt: labelTime(lines.after('STOP TIME'))}
}

/**
 * The label is the user's raw text and may hold line breaks: what stands before it is searched from the top,
 * what follows it from the end, so that no label can forge a line.
 */
function labelLines(text: string) {
	const lines = text.split('\n')
	const labelAt = lines.findIndex(line => line.startsWith('LABEL: '))
	const end = labelAt === -1 ? lines.length : labelAt
	const value = (line: string | undefined) => line?.slice(line.indexOf(': ') + 2)
	return {
		first: lines[0] ?? '',
		second: lines[1] ?? '',
		label: value(lines[labelAt]) ?? '',
		before: (field: string) => value(lines.slice(0, end).find(line => line.startsWith(`${field}: `))),
		after: (field: string) => value(lines.slice(end).findLast(line => line.startsWith(`${field}: `))),
	}
}

/** Times of label files are to the second, in log_timezone with the zone's abbreviation: of those only UTC, GMT and numeric ones mean one instant. */
function labelTime(text: string | undefined): UtcInstant | undefined {
	if (text === undefined) return undefined
	const reading = parseTime(text, instantAt(0n))
	return reading.ok ? reading.instant : undefined
}

/** One file of a backup_manifest. */
export interface ManifestFile {
	readonly path: string
	readonly bytes: number
}

/** A stretch of WAL that the backup needs to be consistent. */
export interface ManifestWalRange {
	readonly timeline: TimelineId
	readonly startLsn: Lsn
	readonly endLsn: Lsn
}

/** What backup_manifest says besides its files. */
export interface BackupManifest {
	/** 17 and newer; read as text, for it lies beyond what a JSON number can hold. */
	readonly systemIdentifier: string | undefined
	readonly walRanges: readonly ManifestWalRange[]
	readonly fileCount: number
	readonly bytes: number
}

export type ManifestReading =
	| {readonly ok: true; readonly manifest: BackupManifest}
	| {readonly ok: false; readonly problem: string}

const manifestWalRange = /^\{ "Timeline": (\d+), "Start-LSN": "([^"]+)", "End-LSN": "([^"]+)" \},?$/
const manifestSystemIdentifier = /^"System-Identifier": (\d+),?$/

/**
 * Reads a backup_manifest as its text comes, cut anywhere: the server writes one object a line, and the file can be hundreds of
 * megabytes. Each push gives the files that became whole. It ends with a checksum of its own; without that it was cut short.
 */
export function createManifestReader() {
	let pending = ''
	let fileCount = 0
	let bytes = 0
	let systemIdentifier: string | undefined
	let problem: string | undefined
	let versionSeen = false
	let whole = false
	const walRanges: ManifestWalRange[] = []

	function take(line: string): ManifestFile[] {
		if (line.startsWith('{ "Path": ') || line.startsWith('{ "Encoded-Path": ')) {
			const file = manifestFile(line)
			if (file === undefined) problem ??= `it holds the line ${JSON.stringify(line.slice(0, 120))}`
			else {
				fileCount += 1
				bytes += file.bytes
				// A name that is no UTF-8 is stored as hexadecimal digits and cannot be compared with a listing.
				if (file.path !== undefined) return [{path: file.path, bytes: file.bytes}]
			}
		} else if (line.startsWith('{ "PostgreSQL-Backup-Manifest-Version": ')) versionSeen = true
		else if (line.startsWith('"Manifest-Checksum": "') && line.endsWith('"}')) whole = true
		else {
			const range = manifestWalRange.exec(line)
			const timeline = timelineId(Number(range?.[1]))
			const startLsn = parseLsn(range?.[2] ?? '')
			const endLsn = parseLsn(range?.[3] ?? '')
			if (timeline !== undefined && startLsn !== undefined && endLsn !== undefined)
				walRanges.push({timeline, startLsn, endLsn})
			systemIdentifier ??= manifestSystemIdentifier.exec(line)?.[1]
		}
		return []
	}

	return {
		push(chunk: string): ManifestFile[] {
			const lines = (pending + chunk).split('\n')
			pending = lines.pop() ?? ''
			return lines.flatMap(take)
		},
		end(): ManifestReading {
			// What stands behind the last line break is the rest of a line that was cut, or the last line without its break.
			if (pending.startsWith('"Manifest-Checksum"')) take(pending)
			if (!versionSeen) return {ok: false, problem: 'it is no backup manifest'}
			if (problem !== undefined) return {ok: false, problem}
			if (!whole) return {ok: false, problem: 'it ends before its checksum line'}
			if (walRanges.length === 0) return {ok: false, problem: 'it names no WAL range'}
			return {ok: true, manifest: {systemIdentifier, walRanges, fileCount, bytes}}
		},
	}
}

function manifestFile(line: string): {readonly path: string | undefined; readonly bytes: number} | undefined {
	try {
		const value: unknown = JSON.parse(line.replace(/,$/, ''))
		if (typeof value !== 'object' || value === null || !('Size' in value) || typeof value.Size !== 'number')
			return undefined
		return {path: 'Path' in value && typeof value.Path === 'string' ? value.Path : undefined, bytes: value.Size}
	} catch {
		return undefined
	}
}

/** The major version in PG_VERSION; undefined for anything that lastgood cannot recover (10 and newer write one number). */
export function parseVersionFile(text: string): number | undefined {
	const parts = /^(\d+)\s*$/.exec(text)
	return parts === null ? undefined : Number(parts[1])
}

/** The system identifier: the first field of global/pg_control in every version (ControlFileData, pg_control.h; little-endian). */
export function systemIdentifierOfControlFile(bytes: Uint8Array): string | undefined {
	if (bytes.byteLength < 8) return undefined
	return new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true).toString()
}

/** Reads tablespace_map: `<oid> <path>` a line, with a backslash before a line break or a backslash in the path. */
export function parseTablespaceMap(text: string): readonly {readonly oid: number; readonly location: string}[] {
	return [...text.matchAll(/^(\d+) ((?:\\[\s\S]|[^\\\n\r])*)/gm)].map(match => ({
		oid: Number(match[1]),
		location: (match[2] ?? '').replace(/\\([\s\S])/g, '$1'),
	}))
}

/** Files of the manifest that the backup lacks, or holds at another size. */
export interface ManifestMismatch {
	readonly missingCount: number
	readonly wrongSizeCount: number
	readonly first: string
}

/** Compares manifest files with those found, as they are read. The files that pg_verifybackup leaves out are left out here too. */
export function createManifestComparison(entry: BackupEntry) {
	let missingCount = 0
	let wrongSizeCount = 0
	let first: string | undefined
	return {
		compare(files: readonly ManifestFile[]): void {
			if (!entry.everyFileNamed || entry.format !== 'plain') return
			for (const {path, bytes} of files) {
				if (mayDiffer.test(path)) continue
				const found = entry.files.get(path)
				if (found === bytes) continue
				if (found === undefined) missingCount += 1
				else wrongSizeCount += 1
				first ??= path
			}
		},
		result: (): ManifestMismatch | undefined =>
			first === undefined ? undefined : {missingCount, wrongSizeCount, first},
	}
}

// pg_verifybackup's own exceptions (§5.6), and tablespaces, whose files lie behind links that are not followed.
const mayDiffer =
	/^(?:backup_manifest|postgresql\.auto\.conf|recovery\.signal|standby\.signal)$|^(?:pg_wal|pg_tblspc)\//

/** All that was read of a base backup. */
export interface BackupEvidence {
	readonly entry: BackupEntry
	readonly id: string
	readonly location: string
	/** The reading of each file; undefined when there is no such file, or nothing in it. */
	readonly label: BackupLabel | undefined
	readonly manifest: ManifestReading | undefined
	readonly mismatch: ManifestMismatch | undefined
	/** What the store said of the first of its files that is listed and could not be read. */
	readonly unreadable: string | undefined
	readonly postgresMajor: number | undefined
	readonly systemIdentifier: string | undefined
	readonly tablespaces: readonly {readonly oid: number; readonly location: string}[]
	/** The archive's `.backup` file of this backup. */
	readonly history: BackupHistory | undefined
	/** End of the backup as the WAL itself tells it, where no file does. */
	readonly stopLsnInWal: Lsn | undefined
}

export type BackupReading =
	/** `incomplete`: something of it is missing or contradicts itself; false for a whole one that is of a kind that cannot be started from. */
	| {readonly ok: true; readonly backup: BaseBackup; readonly incomplete: boolean}
	/** Not even where it begins is known: it cannot be listed. */
	| {readonly ok: false; readonly why: string}

/** What the evidence makes of a base backup, by itself: whether the archive carries it is judged later. A backup that does not tell its major version is taken to have the archive's. */
export function describeBackup(evidence: BackupEvidence, archiveMajor: number): BackupReading {
	const {entry, label} = evidence
	const manifest = evidence.manifest?.ok === true ? evidence.manifest.manifest : undefined
	const ranges = manifest?.walRanges ?? []
	// A backup that spans a promotion lists its newest timeline first: the LSNs decide, not the order.
	const rangeStart = ranges.toSorted((a, b) => compareLsn(a.startLsn, b.startLsn))[0]
	const rangeEnd = ranges.toSorted((a, b) => compareLsn(b.endLsn, a.endLsn))[0]
	const startLsn = label?.startLsn ?? rangeStart?.startLsn
	const timeline = label?.timeline ?? rangeStart?.timeline
	if (startLsn === undefined || timeline === undefined) return {ok: false, why: whyUnlisted(evidence)}
	const stopLsn = rangeEnd?.endLsn ?? evidence.history?.stopLsn ?? evidence.stopLsnInWal
	const kind: BackupKind = label?.incrementalFromLsn === undefined ? 'full' : 'incremental'
	const incomplete = whyIncomplete(evidence, rangeStart?.startLsn, stopLsn)
	return {
		ok: true,
		incomplete: incomplete !== undefined,
		backup: {
			id: evidence.id,
			format: entry.format,
			kind,
			needs: [],
			timeline,
			startLsn,
			stopLsn,
			stoppedAt: evidence.history?.stoppedAt,
			bytes: entry.bytes,
			fileCount: entry.fileCount,
			key: entry.key,
			location: evidence.location,
			label: label?.label ?? evidence.history?.label ?? '',
			postgresMajor: evidence.postgresMajor ?? archiveMajor,
			systemIdentifier: evidence.systemIdentifier,
			tablespaces: evidence.tablespaces,
			whyNot: incomplete ?? whyUnsupported(evidence, kind),
		},
	}
}

function whyUnlisted({entry, unreadable}: BackupEvidence): string {
	if (unreadable !== undefined) return unreadable
	if (entry.files.has('backup_label.old'))
		return 'a server has been started on it (there is a backup_label.old): it is no longer the backup that was taken'
	if (entry.files.has('backup_label')) return 'its backup_label cannot be read'
	return 'it has neither backup_label nor backup_manifest: a copy of a data directory made while the server ran is no base backup'
}

/** Why the backup is not whole; undefined when nothing speaks against it. */
function whyIncomplete(
	evidence: BackupEvidence,
	manifestStartLsn: Lsn | undefined,
	stopLsn: Lsn | undefined,
): string | undefined {
	const {entry, label, mismatch} = evidence
	if (evidence.unreadable !== undefined) return evidence.unreadable
	if (entry.format === 'plain') {
		if (entry.files.has('backup_label.old'))
			return 'a server has been started on it (there is a backup_label.old): it is no longer the backup that was taken'
		// Without it PostgreSQL would begin at pg_control's checkpoint, which is later than the backup's start: silent corruption (§5.1).
		if (label === undefined)
			return entry.files.has('backup_label') ? 'its backup_label cannot be read' : 'its backup_label is missing'
		if (evidence.postgresMajor === undefined) return 'its PG_VERSION is missing or cannot be read'
		// pg_basebackup sends it last: a copy that was cut off has none.
		if (!entry.files.has('global/pg_control')) return 'its global/pg_control is missing: the copy was not finished'
	}
	if (evidence.manifest?.ok === false) return `its backup_manifest cannot be used: ${evidence.manifest.problem}`
	if (label !== undefined && manifestStartLsn !== undefined && label.startLsn !== manifestStartLsn) {
		return `its backup_label begins at ${formatLsn(label.startLsn)} and its backup_manifest at ${formatLsn(manifestStartLsn)}: they are of different backups`
	}
	if (mismatch !== undefined) {
		const parts = [
			mismatch.missingCount > 0 ? `${mismatch.missingCount} missing` : '',
			mismatch.wrongSizeCount > 0 ? `${mismatch.wrongSizeCount} of another size` : '',
		]
		return `files of its backup_manifest are not there as it says (${parts.filter(part => part !== '').join(', ')}; the first is ${mismatch.first})`
	}
	if (stopLsn === undefined)
		return 'nothing tells where it ends: it has no backup_manifest, and the archive holds neither its .backup file nor its end-of-backup record'
	return undefined
}

/** Why a whole backup still cannot be started from. */
function whyUnsupported(evidence: BackupEvidence, kind: BackupKind): string | undefined {
	if (kind !== 'full')
		return 'it is an incremental backup: join it with the backups before it by pg_combinebackup into a new folder, and use that'
	if (evidence.entry.format === 'tar') return 'it is in tar format: unpack base.tar into a new folder, and use that'
	if (evidence.tablespaces.length > 0) {
		// In a plain-format backup pg_tblspc holds links to the backup's copy, or to the primary's live files (§11).
		return `it has tablespaces (${evidence.tablespaces.map(space => space.oid).join(', ')}), whose links point out of it: a copy of it would run on those files`
	}
	return undefined
}
