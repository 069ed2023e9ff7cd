import type {BackupHistory} from '../domain/archive/backup.ts'
import {archiveGaps, chainFrom} from '../domain/archive/chain.ts'
import {
	type BackupSurroundings,
	coverageOf,
	easeBeforeBackups,
	judgeBackup,
	spansOf,
} from '../domain/archive/coverage.ts'
import {
	backupIncomplete,
	noUsableBackup,
	pageMagicText,
	partialPresent,
	tablespacePresent,
	versionNotInstalled,
} from '../domain/archive/findings.ts'
import {forkFindings} from '../domain/archive/forks.ts'
import type {Inventory, ReadSegment, SegmentHead} from '../domain/archive/inventory.ts'
import {takeInventory} from '../domain/archive/inventory.ts'
import {type SegmentEntry, shownKey} from '../domain/archive/listing.ts'
import {brokenNeed} from '../domain/archive/record.ts'
import {silenceFinding} from '../domain/archive/silence.ts'
import type {
	ArchivedSegment,
	BaseBackup,
	ClusterIdentity,
	Coverage,
	Finding,
	Severity,
	Survey,
	TimelineSummary,
} from '../domain/archive/survey.ts'
import {knownHistories, type ReadHistory, summarizeTimelines, timelineFindings} from '../domain/archive/timelines.ts'
import {ArchiveUnreachableError, LayoutUnrecognizedError, WaldumpVersionMismatchError} from '../domain/errors.ts'
import {formatInstant} from '../domain/time.ts'
import {formatLsn} from '../domain/wal/lsn.ts'
import {longPageHeaderBytes, readSegmentHeader, segmentFileName, segmentNumberOf} from '../domain/wal/segment.ts'
import {forkOf, parseTimelineHex, parseTimelineHistory} from '../domain/wal/timeline.ts'
import type {ArchiveStore, Codecs, OpenedArchive, World} from '../ports.ts'
import {mapConcurrently} from './concurrently.ts'
import {
	type EndInWal,
	type NamedBackup,
	nameBackups,
	type ReadBackup,
	readBackup,
	readBackupHistories,
	readRecords,
} from './survey-backups.ts'
import {tellCopiesApart} from './survey-copies.ts'
import {type ListedStore, listSource, readText, type SourceRequest} from './survey-source.ts'
import {backupEndInWal, createTimeReader, type WalAccess} from './survey-times.ts'

/** How far a survey is. */
export type SurveyProgress =
	| {readonly phase: 'listing'; readonly objectCount: number}
	| {readonly phase: 'segments'; readonly doneCount: number; readonly totalCount: number}
	| {readonly phase: 'backups'; readonly doneCount: number; readonly totalCount: number}
	| {readonly phase: 'times'; readonly doneCount: number; readonly totalCount: number}

/** The progress as a line for people. */
export function describeSurveyProgress(progress: SurveyProgress): string {
	switch (progress.phase) {
		case 'listing':
			return `listing: ${progress.objectCount} files`
		case 'segments':
			return `reading segment headers: ${progress.doneCount} of ${progress.totalCount}`
		case 'backups':
			return `reading base backups: ${progress.doneCount} of ${progress.totalCount}`
		case 'times':
			return `reading commit times: ${progress.doneCount} of ${progress.totalCount}`
		default:
			return progress satisfies never
	}
}

const readsAtOnce = 16
const reportEvery = 500

/**
 * Learns what is in an archive, what can be recovered from it and what is wrong, without writing anything to it. Lists each store once,
 * reads the first bytes of every segment, and what base backups say of themselves. Throws ArchiveUnreachableError, and LayoutUnrecognizedError
 * for what is no archive; all else that is wrong is a finding.
 */
export async function surveyArchive(
	world: Pick<World, 'now' | 'openStore' | 'layouts' | 'codecs' | 'wal'>,
	request: SourceRequest,
	{
		signal,
		onProgress = () => {},
	}: {readonly signal?: AbortSignal; readonly onProgress?: (progress: SurveyProgress) => void} = {},
): Promise<OpenedArchive> {
	const source = await listSource(world, request, objectCount => onProgress({phase: 'listing', objectCount}), signal)
	const {wal} = source
	const records = await readRecords(world.codecs, [...new Set([wal, ...source.backups])], signal)
	const readHistoryFiles = await readHistories(world.codecs, wal, signal)
	const histories = knownHistories(readHistoryFiles)
	const heads = await readSegments(world.codecs, wal, onProgress, signal)
	const read = await tellCopiesApart(world.codecs, wal.store, heads, signal)
	const surveyedAt = world.now()
	const inventory = takeInventory(read, histories, surveyedAt)
	if (inventory === undefined) throw nothingReadable(wal, read)
	const cluster = knownCluster(inventory)
	const timelines = summarizeTimelines(inventory.segments, readHistoryFiles, histories)
	const archive: BackupSurroundings = {
		cluster,
		segments: inventory.segments,
		histories: timelines.map(({history}) => history),
	}

	const installedMajors = await world.wal.installedMajors()
	const isInstalled = installedMajors.includes(cluster.postgresMajor)
	const access: WalAccess = {world, store: wal.store, cluster, signal}

	const backups = await surveyBackups(
		nameBackups(source.backups, records),
		wal,
		archive,
		isInstalled ? access : undefined,
		world.codecs,
		onProgress,
		signal,
	)
	const coverage = await surveyCoverage(backups.backups, archive, isInstalled ? access : undefined, onProgress)

	const walFindings = [...inventory.findings, ...archiveGaps(archive, archive.histories, inventory.damaged)]
	const silence = silenceFinding(coverage, cluster.walSegmentBytes, surveyedAt)
	const findings = [
		...(isInstalled ? [] : [versionNotInstalled(cluster, installedMajors)]),
		...easeBeforeBackups(walFindings, backups.backups, cluster.walSegmentBytes),
		...timelineFindings(timelines, readHistoryFiles, histories),
		...forkFindings({
			timelines,
			walSegmentBytes: cluster.walSegmentBytes,
			partials: new Set(wal.listing.partials.map(({name}) => name)),
			damaged: inventory.damaged,
		}),
		...partialFindings(wal.listing.partials, inventory.segments, timelines, cluster.walSegmentBytes),
		...backups.findings,
		...(silence === undefined ? [] : [silence]),
	]
	const survey: Survey = {
		location: source.location,
		layout: wal.layout.name,
		store: wal.store.kind,
		cluster,
		timelines,
		backups: backups.backups,
		coverage,
		findings: findings.toSorted((a, b) => severityRank[a.severity] - severityRank[b.severity]),
		segments: inventory.segments,
		surveyedAt,
	}
	return {store: wal.store, survey, storeOf: backup => backups.stores.get(backup.id) ?? wal.store}
}

const severityRank: Readonly<Record<Severity, number>> = {error: 0, warning: 1, info: 2}

async function readHistories(
	codecs: Codecs,
	{store, listing}: ListedStore,
	signal: AbortSignal | undefined,
): Promise<readonly ReadHistory[]> {
	const entries = listing.histories.toSorted((a, b) => a.timeline - b.timeline || (a.key < b.key ? -1 : 1))
	const read = await mapConcurrently(entries, readsAtOnce, async ({timeline, key}) => {
		const file = await ifStillThere(store, key, signal, () => readText(codecs, store, key, signal))
		if (file === undefined) return undefined
		const reading = file.ok
			? parseTimelineHistory(timeline, file.content.text)
			: {ok: false as const, problem: file.why}
		return {timeline, key, codec: file.ok ? file.content.codec : 'none', reading}
	})
	return read.filter((history): history is ReadHistory => history !== undefined)
}

async function readSegments(
	codecs: Codecs,
	{store, listing}: ListedStore,
	onProgress: (progress: SurveyProgress) => void,
	signal: AbortSignal | undefined,
): Promise<readonly ReadSegment[]> {
	const totalCount = listing.segments.length
	let doneCount = 0
	const read = await mapConcurrently(listing.segments, readsAtOnce, async entry => {
		const head = await readHead(codecs, store, entry, signal)
		doneCount += 1
		if (doneCount % reportEvery === 0 || doneCount === totalCount)
			onProgress({phase: 'segments', doneCount, totalCount})
		return head === undefined ? undefined : {entry, head}
	})
	return read.filter(segment => segment !== undefined)
}

/** undefined for a segment that went away since it was listed: something cleans the archive up. */
async function readHead(
	codecs: Codecs,
	store: ArchiveStore,
	entry: SegmentEntry,
	signal: AbortSignal | undefined,
): Promise<SegmentHead | undefined> {
	const read = await ifStillThere(store, entry.key, signal, async () => {
		const head = await codecs.head(store, entry, longPageHeaderBytes, signal)
		return {...head, contentBytes: await provenBytes(codecs, store, entry, head, signal)}
	})
	if (read === undefined) return undefined
	return read.ok
		? {ok: true, codec: read.content.codec, bytes: read.content.bytes, contentBytes: read.content.contentBytes}
		: read
}

/**
 * The length of a segment's content. Of a packed one its packing may say a length that is wrong, because it was cut off or
 * because it has several parts: where that is not a segment's length, all of it is unpacked and counted.
 */
async function provenBytes(
	codecs: Codecs,
	store: ArchiveStore,
	{key}: SegmentEntry,
	{codec, bytes, claimedBytes}: Awaited<ReturnType<Codecs['head']>>,
	signal: AbortSignal | undefined,
): Promise<number | undefined> {
	const header = readSegmentHeader(bytes)
	if (codec === 'none' || claimedBytes === undefined || !header.ok || header.header.walSegmentBytes === claimedBytes)
		return claimedBytes
	let counted = 0
	for await (const chunk of codecs.content(store, {key, codec}, signal)) counted += chunk.byteLength
	return counted
}

type Read<Content> = {readonly ok: true; readonly content: Content} | Refusal

interface Refusal {
	readonly ok: false
	readonly why: string
	readonly whatToDo: readonly string[]
}

/** Reads an object; undefined when it is not there any more, and the reason when it is and cannot be read. */
async function ifStillThere<Content>(
	store: ArchiveStore,
	key: string,
	signal: AbortSignal | undefined,
	read: () => Promise<Content>,
): Promise<Read<Content> | undefined> {
	try {
		return {ok: true, content: await read()}
	} catch (error) {
		if (!(error instanceof ArchiveUnreachableError)) throw error
		return (await store.stat(key, signal)) === undefined
			? undefined
			: {ok: false, why: error.message, whatToDo: error.whatToDo}
	}
}

function nothingReadable({store, listing}: ListedStore, read: readonly ReadSegment[]): Error {
	const [first] = read
	if (first === undefined) {
		return new ArchiveUnreachableError(
			`all of the ${listing.segments.length} WAL segments of ${store.location} went away while they were read`,
			['find out what removes them (archive_cleanup_command, a retention job), stop it, and survey again'],
		)
	}
	if (read.every(({head}) => !head.ok) && !first.head.ok) {
		return new ArchiveUnreachableError(
			`none of the ${read.length} WAL segments of ${store.location} can be read; ${first.head.why}`,
			[
				...first.head.whatToDo,
				`look at the first of them by hand (file, ls -l): ${store.localPath(first.entry.key) ?? first.entry.key}`,
			],
		)
	}
	return new LayoutUnrecognizedError(
		`${store.location} holds ${read.length} files that are named like WAL segments, and none of them begins with a WAL page (the first is ${shownKey(first.entry.key)})`,
		[
			'check what archive_command writes: WAL that it encrypts must be decrypted into another folder first',
			'name the folder that holds the real archive',
		],
	)
}

function knownCluster({identity, segments}: Inventory): ClusterIdentity {
	const {postgresMajor} = identity
	if (postgresMajor !== undefined) return {...identity, postgresMajor}
	throw new WaldumpVersionMismatchError(
		`the WAL has page magic ${pageMagicText(identity.pageMagic)}${segments[0] === undefined ? '' : ` (${segments[0].name})`}, which is of no PostgreSQL version from 13 to 18`,
		[
			'look which version wrote it: pg_controldata on the server, PG_VERSION in a base backup',
			'use a version of lastgood that knows it',
		],
	)
}

function partialFindings(
	partials: readonly SegmentEntry[],
	segments: readonly ArchivedSegment[],
	timelines: readonly TimelineSummary[],
	walSegmentBytes: number,
): readonly Finding[] {
	const whole = new Set(segments.map(({name}) => name))
	const forks = new Set(
		timelines.flatMap(({history}) => {
			const fork = forkOf(history)
			if (fork === undefined) return []
			const number = segmentNumberOf(fork.switchLsn, walSegmentBytes)
			return [segmentFileName({timeline: fork.parent, number}, walSegmentBytes)]
		}),
	)
	return [...new Set(partials.map(({name}) => name))].sort().flatMap(name => {
		const timeline = parseTimelineHex(name.slice(0, 8))
		return timeline === undefined
			? []
			: [partialPresent({timeline, name, wholeExists: whole.has(name), atFork: forks.has(name)})]
	})
}

async function surveyBackups(
	named: readonly NamedBackup[],
	wal: ListedStore,
	archive: BackupSurroundings,
	access: WalAccess | undefined,
	codecs: Codecs,
	onProgress: (progress: SurveyProgress) => void,
	signal: AbortSignal | undefined,
): Promise<{
	readonly backups: readonly BaseBackup[]
	readonly findings: readonly Finding[]
	readonly stores: ReadonlyMap<string, ArchiveStore>
}> {
	const recorded = await readBackupHistories(codecs, wal, signal)
	const findings: Finding[] = []
	const backups: BaseBackup[] = []
	const refused: {readonly id: string; readonly why: string}[] = []
	const endInWal: EndInWal = async (startLsn, timeline) => {
		const history = archive.histories.find(candidate => candidate.timeline === timeline)
		return access === undefined || history === undefined
			? undefined
			: backupEndInWal(access, chainFrom(archive, history, startLsn), startLsn)
	}
	for (const [doneCount, backup] of named.entries()) {
		onProgress({phase: 'backups', doneCount, totalCount: named.length})
		const read = await readBackup(codecs, backup, named, recorded, endInWal, archive.cluster.postgresMajor, signal)
		const judged = judgeReading(backup.id, read, archive)
		if (judged.backup !== undefined) backups.push(judged.backup)
		if (judged.why !== undefined) refused.push({id: backup.id, why: judged.why})
		findings.push(...judged.findings)
	}
	const whole = new Map(backups.map(backup => [backup.id, backup]))
	for (const [index, backup] of backups.entries()) {
		const broken = backup.whyNot === undefined ? brokenNeed(backup, whole) : undefined
		if (broken === undefined) continue
		backups[index] = {...backup, whyNot: broken}
		refused.push({id: backup.id, why: broken})
		findings.push(backupIncomplete(backup.id, broken))
	}
	backups.sort((a, b) => (a.startLsn < b.startLsn ? -1 : a.startLsn > b.startLsn ? 1 : a.timeline - b.timeline))
	if (!backups.some(backup => backup.whyNot === undefined)) {
		const elsewhere = recorded.filter(
			history => !backups.some(backup => backup.startLsn === history.startLsn && backup.timeline === history.timeline),
		)
		findings.unshift(noUsableBackup({refused, recorded: elsewhere.map(recordText)}))
	}
	return {backups, findings, stores: new Map(named.map(({id, store}) => [id, store]))}
}

interface BackupJudgement {
	/** undefined for one that cannot be listed, since nothing tells where it begins. */
	readonly backup: BaseBackup | undefined
	/** Why no recovery can start from it; undefined when one can. */
	readonly why: string | undefined
	readonly findings: readonly Finding[]
}

function judgeReading(id: string, {reading, tablespaces}: ReadBackup, archive: BackupSurroundings): BackupJudgement {
	if (!reading.ok) return {backup: undefined, why: reading.why, findings: [backupIncomplete(id, reading.why)]}
	const {backup, finding} = judgeBackup(reading.backup, archive)
	return {
		backup,
		why: backup.whyNot,
		findings: [
			...(reading.incomplete && backup.whyNot !== undefined ? [backupIncomplete(backup.id, backup.whyNot)] : []),
			...(finding === undefined ? [] : [finding]),
			...(tablespaces.length > 0 ? [tablespacePresent(backup)] : []),
		],
	}
}

function recordText(history: BackupHistory): string {
	const at = history.stoppedAt === undefined ? '' : `, ended ${formatInstant(history.stoppedAt)}`
	return `label ${JSON.stringify(history.label)}, timeline ${history.timeline}, from ${formatLsn(history.startLsn)} to ${formatLsn(history.stopLsn)}${at}`
}

async function surveyCoverage(
	backups: readonly BaseBackup[],
	archive: BackupSurroundings,
	access: WalAccess | undefined,
	onProgress: (progress: SurveyProgress) => void,
): Promise<readonly Coverage[]> {
	const spans = backups.flatMap(backup => spansOf(backup, archive))
	const timesOf = access === undefined ? undefined : createTimeReader(access)
	const coverage: Coverage[] = []
	for (const [doneCount, span] of spans.entries()) {
		onProgress({phase: 'times', doneCount, totalCount: spans.length})
		coverage.push(coverageOf(span, (await timesOf?.(span)) ?? {fromAt: undefined, toAt: undefined}))
	}
	return coverage
}
