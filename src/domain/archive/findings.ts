import type {UtcInstant} from '../time.ts'
import {formatInstant} from '../time.ts'
import type {Lsn} from '../wal/lsn.ts'
import {formatLsn} from '../wal/lsn.ts'
import type {TimelineId} from '../wal/timeline.ts'
import {historyFileName} from '../wal/timeline.ts'
import {shownKey} from './listing.ts'
import type {BaseBackup, ClusterIdentity, Finding, Severity} from './survey.ts'

/** Segments of one timeline that stand next to each other and have the same thing wrong with them. */
export interface SegmentRun {
	readonly timeline: TimelineId
	readonly first: string
	readonly last: string
	readonly count: number
	/** What is wrong with the first of them, as the end of a sentence. */
	readonly detail: string
}

const fetchAgain = (name: string) =>
	`look for a whole ${name} in pg_wal of the old primary and of every standby, and copy it into the archive`
const targetBefore = (lsn: Lsn) =>
	`until it is found, choose a target before ${formatLsn(lsn)}, or a base backup taken after it`

/** Segments that the archive lacks between others that it holds. */
export function archiveGap(gap: {
	readonly timeline: TimelineId
	readonly firstMissing: string
	readonly count: number
	readonly before: string
	readonly after: string
	readonly startLsn: Lsn
	/** Set when the first missing segment is the one in which its timeline begins. */
	readonly forkLsn: Lsn | undefined
}): Finding {
	const missing =
		gap.count === 1
			? `WAL segment ${gap.firstMissing} is missing`
			: `${gap.count} WAL segments are missing, the first is ${gap.firstMissing},`
	const fork =
		gap.forkLsn === undefined
			? ''
			: `; timeline ${gap.timeline} begins in it at ${formatLsn(gap.forkLsn)}, and the parent's segment of the same number leads past that point`
	return {
		code: 'archive-gap',
		severity: 'error',
		timeline: gap.timeline,
		segment: gap.firstMissing,
		count: gap.count,
		message: `${missing} between ${gap.before} and ${gap.after}${fork}`,
		whatToDo: [fetchAgain(gap.firstMissing), targetBefore(gap.startLsn)],
	}
}

/** A segment whose content is shorter or longer than its header says. `tail`: nothing stands after it on its timeline. */
export function segmentTruncated(run: SegmentRun, startLsn: Lsn, tail: boolean): Finding {
	return {
		...ofRun('segment-truncated', run),
		severity: tail ? 'warning' : 'error',
		whatToDo: tail
			? [`survey again in a minute: the newest segment may still be on its way into the archive`, fetchAgain(run.first)]
			: [fetchAgain(run.first), targetBefore(startLsn)],
	}
}

/** A segment that has its header and never got its content: recycled with older WAL in it, or filled with zeros. */
export function segmentRecycled(run: SegmentRun, startLsn: Lsn): Finding {
	return {
		...ofRun('segment-recycled', run),
		whatToDo: [
			fetchAgain(run.first),
			targetBefore(startLsn),
			'check archive_command: it should copy what the server names and nothing else in pg_wal',
		],
	}
}

/** A segment whose content cannot be WAL of this archive. */
export function segmentUnreadable(run: SegmentRun, startLsn: Lsn): Finding {
	return {...ofRun('segment-unreadable', run), whatToDo: [fetchAgain(run.first), targetBefore(startLsn)]}
}

/** A segment that is, by its own header, another one than its name says. */
export function segmentNameMismatch(run: SegmentRun, startLsn: Lsn | undefined): Finding {
	return {
		...ofRun('segment-name-mismatch', run),
		whatToDo: [
			fetchAgain(run.first),
			...(startLsn === undefined ? [] : [targetBefore(startLsn)]),
			'check archive_command: %f must be the name of the file that %p names',
		],
	}
}

/** Segments of another cluster. */
export function segmentForeign(foreign: {
	readonly firstKey: string
	readonly first: string
	readonly count: number
	readonly systemIdentifier: string
	readonly expected: string
}): Finding {
	const what =
		foreign.count === 1
			? `${shownKey(foreign.firstKey)} is WAL`
			: `${foreign.count} segments, the first is ${shownKey(foreign.firstKey)}, are WAL`
	return {
		code: 'segment-foreign',
		severity: 'error',
		segment: foreign.first,
		count: foreign.count,
		message: `${what} of another cluster: system identifier ${foreign.systemIdentifier}, while the archive's is ${foreign.expected}`,
		whatToDo: [
			'find out which other server archives into this folder, and give it one of its own: the two overwrite each other',
			'if each cluster has its own sub-folder, name the right one with --archive',
		],
	}
}

/** The same segment stored more than once. */
export function segmentDuplicate(duplicate: {
	readonly timeline: TimelineId
	readonly name: string
	readonly keys: readonly string[]
	readonly used: string
	readonly contents: 'same' | 'different' | 'unknown'
}): Finding {
	return {
		code: 'segment-duplicate',
		severity: duplicate.contents === 'different' ? 'error' : 'warning',
		timeline: duplicate.timeline,
		segment: duplicate.name,
		count: duplicate.keys.length,
		message: `WAL segment ${duplicate.name} is stored ${duplicate.keys.length} times${contentsText[duplicate.contents]} (${duplicate.keys.map(shownKey).join(', ')}); ${shownKey(duplicate.used)} is read`,
		whatToDo: [
			duplicate.contents === 'same'
				? 'nothing for this recovery: they hold the same; later find out why it is there twice'
				: `find out which of them the server wrote (pg_waldump and sha256sum tell them apart), and move the other away`,
		],
	}
}

const contentsText = {same: ' with the same content', different: ' with different content', unknown: ''} as const

/** Segments of a timeline whose history file is not in the archive, or cannot be read. */
export function historyMissing(missing: {
	readonly timeline: TimelineId
	readonly segment: string | undefined
	readonly problem: string | undefined
	readonly knownFrom: TimelineId | undefined
}): Finding {
	const file = historyFileName(missing.timeline)
	const known =
		missing.knownFrom === undefined
			? ''
			: `; where timeline ${missing.timeline} comes from is known from the history of timeline ${missing.knownFrom}`
	return {
		code: 'history-missing',
		severity: missing.knownFrom === undefined ? 'error' : 'warning',
		timeline: missing.timeline,
		...(missing.segment === undefined ? {} : {segment: missing.segment}),
		message:
			missing.problem === undefined
				? `the archive has WAL of timeline ${missing.timeline} and no ${file}${known}`
				: `${file} cannot be read: ${missing.problem}${known}`,
		whatToDo: [
			`look for ${file} in pg_wal of the server that was promoted to timeline ${missing.timeline}, and of its standbys, and copy it into the archive`,
			`without it PostgreSQL refuses timeline ${missing.timeline} as a target`,
		],
	}
}

/** A timeline that does not connect with the one it comes from. */
export function timelineOrphan(orphan: {
	readonly timeline: TimelineId
	readonly parent: TimelineId
	readonly switchLsn: Lsn
	readonly why: string
	readonly severity: Severity
}): Finding {
	return {
		code: 'timeline-orphan',
		severity: orphan.severity,
		timeline: orphan.timeline,
		message: `timeline ${orphan.timeline} leaves timeline ${orphan.parent} at ${formatLsn(orphan.switchLsn)}, ${orphan.why}`,
		whatToDo: [
			`use a base backup taken on timeline ${orphan.timeline}`,
			`or look for the WAL of timeline ${orphan.parent} elsewhere and name it with --archive`,
		],
	}
}

/** A partial segment: the last of an old timeline, or the newest that a receiver (pg_receivewal, Barman) was writing. */
export function partialPresent(partial: {
	readonly timeline: TimelineId
	readonly name: string
	readonly wholeExists: boolean
	/** Whether another timeline begins in it. */
	readonly atFork: boolean
}): Finding {
	const {timeline, name, wholeExists, atFork} = partial
	return {
		code: 'partial-present',
		severity: wholeExists ? 'info' : 'warning',
		timeline,
		segment: name,
		message: wholeExists
			? `${name}.partial lies beside the whole segment of that name`
			: `${name}.partial holds ${
					atFork
						? `the last WAL of timeline ${timeline}, up to the promotion of another server`
						: `the newest WAL of timeline ${timeline}, as far as it had been received`
				}; recovery never reads a .partial file`,
		whatToDo: wholeExists
			? ['nothing: the whole segment is read']
			: [`if transactions at the very end of timeline ${timeline} matter, read them from a copy of it named ${name}`],
	}
}

/** The newest segment, not whole and stored a moment ago. */
export function tailPending(run: SegmentRun, storedAt: UtcInstant): Finding {
	return {
		...ofRun('tail-pending', run),
		severity: 'info',
		message: `WAL segment ${run.first} ${run.detail}; it is the newest and was stored at ${formatInstant(storedAt)}: it is not there yet, rather than lost`,
		whatToDo: ['survey again in a minute: it may still be on its way into the archive'],
	}
}

/** A base backup that is not whole. */
export function backupIncomplete(backup: string, why: string): Finding {
	return {
		code: 'backup-incomplete',
		severity: 'warning',
		backup,
		message: `base backup ${backup} cannot be used: ${why}`,
		whatToDo: ['use another base backup', 'or copy it again from where it was taken, if that copy is whole'],
	}
}

/** A base backup whose WAL the archive does not hold. */
export function backupWithoutWal(backup: string, why: string, segment?: string): Finding {
	return {
		code: 'backup-without-wal',
		severity: 'warning',
		backup,
		...(segment === undefined ? {} : {segment}),
		message: `base backup ${backup} cannot be used: ${why}`,
		whatToDo: [
			'use another base backup',
			...(segment === undefined
				? ['name the archive that belongs to it with --archive']
				: [`look for ${segment} in pg_wal of the backup itself, of the old primary and of every standby`]),
		],
	}
}

/** Nothing to start a recovery from. */
export function noUsableBackup(seen: {
	readonly refused: readonly {readonly id: string; readonly why: string}[]
	/** Base backups that the archive's `.backup` files tell of and that were not found, in words. */
	readonly recorded: readonly string[]
}): Finding {
	const {refused, recorded} = seen
	const reasons = refused.map(({id, why}) => `${id}: ${why}`).join('; ')
	const none =
		refused.length === 1
			? 'the only base backup cannot be used'
			: `none of the ${refused.length} base backups can be used`
	return {
		code: 'no-usable-backup',
		severity: 'error',
		message:
			refused.length === 0 ? 'there is no base backup here, and WAL alone cannot be recovered' : `${none}: ${reasons}`,
		whatToDo: [
			'name the folder of the base backups with --backups',
			...recorded.slice(-mostRecorded).map(record => `the archive records a base backup that is not here: ${record}`),
		],
	}
}

const mostRecorded = 3

/** The WAL is of a version whose programs are not installed. */
export function versionNotInstalled(cluster: ClusterIdentity, installed: readonly number[]): Finding {
	const have =
		installed.length === 0
			? 'no PostgreSQL is'
			: `only ${installed.join(', ')} ${installed.length === 1 ? 'is' : 'are'}`
	return {
		code: 'version-mismatch',
		severity: 'error',
		message: `the WAL is of PostgreSQL ${cluster.postgresMajor} (page magic ${pageMagicText(cluster.pageMagic)}), and ${have} installed here`,
		whatToDo: [
			`install the programs of PostgreSQL ${cluster.postgresMajor}: package postgresql-${cluster.postgresMajor} on Debian and Ubuntu, postgresql${cluster.postgresMajor}-server on RHEL (both from postgresql.org), postgresql@${cluster.postgresMajor} with Homebrew`,
			`or say where they are: --pg-bin <folder with pg_waldump ${cluster.postgresMajor}>`,
		],
	}
}

/** A base backup of another major version than the WAL. */
export function backupOfOtherVersion(backup: BaseBackup, cluster: ClusterIdentity): Finding {
	return {
		code: 'version-mismatch',
		severity: 'warning',
		backup: backup.id,
		message: `base backup ${backup.id} is of PostgreSQL ${backup.postgresMajor}, the WAL of ${cluster.postgresMajor}`,
		whatToDo: ['use another base backup: WAL of one major version cannot be replayed on another'],
	}
}

/** A base backup with tablespaces. */
export function tablespacePresent(backup: BaseBackup): Finding {
	return {
		code: 'tablespace-present',
		severity: 'warning',
		backup: backup.id,
		count: backup.tablespaces.length,
		message: `base backup ${backup.id} has tablespaces: ${backup.tablespaces.map(space => (space.location === '' ? String(space.oid) : `${space.oid} at ${space.location}`)).join(', ')}`,
		whatToDo: [
			'recover it by hand on a host that cannot reach the paths of the primary, or use a base backup without tablespaces',
		],
	}
}

/** The page magic as PostgreSQL writes it: `D110`. */
export function pageMagicText(pageMagic: number): string {
	return pageMagic.toString(16).toUpperCase().padStart(4, '0')
}

function ofRun<Code extends Finding['code']>(code: Code, run: SegmentRun) {
	const others = run.count === 1 ? '' : `; so it is with ${run.count - 1} more up to ${run.last}`
	return {
		code,
		severity: 'error' as Severity,
		timeline: run.timeline,
		segment: run.first,
		count: run.count,
		message: `WAL segment ${run.first} ${run.detail}${others}`,
	}
}
