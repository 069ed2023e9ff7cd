import type {Survey} from '../domain/archive/survey.ts'
import {surveyToJson} from '../domain/archive/survey-json.ts'
import {UsageError} from '../domain/errors.ts'
import {tableRows, tablesOf} from '../domain/names.ts'
import type {DecodedPath} from '../domain/recovery/path.ts'
import {isTransactionEnd} from '../domain/recovery/target.ts'
import {describeBytes, describeCount, isolatedText} from '../domain/text.ts'
import {addMs, formatInstant, formatSecond, type UtcInstant} from '../domain/time.ts'
import {boundariesToJson} from '../domain/wal/boundaries-json.ts'
import {formatLsn} from '../domain/wal/lsn.ts'
import type {Boundary} from '../domain/wal/record.ts'
import {rankBoundaries, type Suspicion} from '../domain/wal/suspicion.ts'
import {boundariesBetween} from '../domain/wal/window.ts'
import {describeWork} from '../guide/boundary-list.ts'
import {decodePath, type FindRequest} from '../operations/find.ts'
import {describeSurveyProgress, surveyArchive} from '../operations/survey.ts'
import type {OpenedArchive, World} from '../ports.ts'
import {type SourceOptions, sourceRequest, timeOption} from './options.ts'
import {aligned, printJson, type Terminal} from './output.ts'

/** What a command runs in. */
export interface CommandContext {
	readonly world: World
	readonly terminal: Terminal
	/** Fires at the first Ctrl-C or termination signal. */
	readonly interrupted: AbortSignal
	readonly version: string
	readonly host: string
	readonly user: string
}

/** Opens the archive that the arguments name, with progress on standard error. */
export async function openArchive(
	{world, terminal, interrupted}: CommandContext,
	location: string | undefined,
	options: SourceOptions,
): Promise<OpenedArchive> {
	let last = ''
	return surveyArchive(world, sourceRequest(location, options), {
		signal: interrupted,
		onProgress: progress => {
			const text = describeSurveyProgress(progress).replace(/\d+.*/, '')
			if (terminal.interactive && text !== last) terminal.err(`${text}\n`)
			last = text
		},
	})
}

/** Decodes what a command needs of an archive. */
export function decodeFor(
	{world, interrupted}: CommandContext,
	opened: OpenedArchive,
	need: FindRequest,
	options: SourceOptions,
): Promise<DecodedPath> {
	return decodePath(
		world,
		opened,
		{...need, ...(options.timeline === undefined ? {} : {timeline: options.timeline})},
		{signal: interrupted},
	)
}

/** `lastgood survey`. Exit 31 when a finding is an error. */
export async function surveyCommand(
	context: CommandContext,
	location: string | undefined,
	options: SourceOptions,
): Promise<number> {
	const {survey} = await openArchive(context, location, options)
	if (options.json === true) printJson(context.terminal, surveyToJson(survey))
	else context.terminal.out(surveyText(survey))
	return survey.findings.some(finding => finding.severity === 'error') ? 31 : 0
}

function surveyText(survey: Survey): string {
	const {cluster, timelines, backups, coverage, findings} = survey
	const instant = (at: Parameters<typeof formatInstant>[0] | undefined) =>
		at === undefined ? 'unknown' : formatInstant(at)
	return [
		`${survey.location}  (${survey.layout}, ${survey.store})`,
		`PostgreSQL ${cluster.postgresMajor}, system identifier ${cluster.systemIdentifier}, ${describeCount(survey.segments.length, 'WAL segment')} of ${describeBytes(cluster.walSegmentBytes)}`,
		'',
		'Timelines',
		aligned(
			timelines.map(({history, firstSegment, lastSegment, segmentCount}) => {
				const fork = history.switches.at(-1)
				return [
					String(history.timeline),
					fork === undefined
						? ''
						: `from ${fork.parent} at ${formatLsn(fork.switchLsn)} (${isolatedText(fork.reason)})`,
					`${describeCount(segmentCount, 'segment')}  ${firstSegment ?? ''} … ${lastSegment ?? ''}`,
				]
			}),
			'  ',
		),
		'',
		'Base backups',
		backups.length === 0
			? '  none'
			: aligned(
					backups.map(backup => [
						isolatedText(backup.id),
						backup.format === 'plain' ? backup.kind : `${backup.kind} (${backup.format})`,
						`timeline ${backup.timeline}`,
						backup.stoppedAt === undefined ? '' : formatSecond(backup.stoppedAt),
						describeBytes(backup.bytes),
						backup.whyNot === undefined ? 'usable' : `not usable: ${isolatedText(backup.whyNot)}`,
					]),
					'  ',
				),
		'',
		'Recoverable',
		coverage.length === 0
			? '  nothing'
			: aligned(
					coverage.map(({backup, timeline, fromLsn, fromAt, toLsn, toAt}) => [
						isolatedText(backup),
						`timeline ${timeline}`,
						`${instant(fromAt)} (${formatLsn(fromLsn)})`,
						`to ${instant(toAt)} (${formatLsn(toLsn)})`,
					]),
					'  ',
				),
		'',
		...(findings.length === 0
			? ['No findings.']
			: [
					'Findings',
					...findings.flatMap(({severity, code, message, whatToDo}) => [
						`  ${severity}: ${isolatedText(message)} [${code}]`,
						...whatToDo.map(step => `    - ${isolatedText(step)}`),
					]),
				]),
		'',
	].join('\n')
}

export interface BoundariesOptions extends SourceOptions {
	readonly around?: string
	readonly window: number
	readonly table?: string
	readonly minRows?: number
	readonly rank?: boolean
	readonly limit?: number
}

/** `lastgood boundaries`: the commits near a time. */
export async function boundariesCommand(
	context: CommandContext,
	location: string | undefined,
	options: BoundariesOptions,
): Promise<number> {
	const {world, terminal} = context
	const around = timeOption('--around', options.around ?? '', world.now())
	const from = addMs(around, -options.window)
	const to = addMs(around, options.window)
	const opened = await openArchive(context, location, options)
	const path = await decodeFor(context, opened, {from}, options)
	requireTableNames(path, options)
	const inWindow = boundariesBetween(path.wal.boundaries, from, to).filter(
		boundary => isStop(boundary) && matches(boundary, path, options),
	)
	const suspicions = rankBoundaries(inWindow)
	const listed = (options.rank === true ? ranked(inWindow, suspicions) : inWindow).slice(0, options.limit)
	const warnings = [...path.warnings, ...gapWarnings(path)]
	for (const warning of warnings) terminal.err(`warning: ${isolatedText(warning)}\n`)
	if (options.json === true) {
		const {names, wal, segmentsRead, history} = path
		printJson(
			terminal,
			boundariesToJson({
				around,
				from,
				to,
				timeline: history.timeline,
				segmentsRead,
				names,
				listed,
				all: wal.boundaries,
				suspicions,
				warnings,
			}),
		)
		return 0
	}
	if (listed.length > 0) {
		const rows = listed.map(boundary =>
			boundaryCells(boundary, path, options.rank === true ? suspicions.get(boundary.ordinal) : undefined),
		)
		terminal.out(`${aligned([['committed at', 'LSN', 'xid', 'kind', 'wrote'], ...rows])}\n`)
	}
	if (path.names.problem !== undefined) terminal.err(`table names: ${isolatedText(path.names.problem)}\n`)
	terminal.err(
		`${describeCount(listed.length, 'boundary', 'boundaries')} from ${formatInstant(from)} to ${formatInstant(to)}, timeline ${path.history.timeline}\n`,
	)
	if (inWindow.length === 0) terminal.err(decodedSpanText(path))
	return 0
}

/** A hole is not the end of the archive: what stands behind it must not look as if it had never been. */
function gapWarnings({chain: {gap}}: DecodedPath): readonly string[] {
	if (gap === undefined) return []
	return [
		`${describeCount(gap.missingCount, 'WAL segment')} from ${gap.firstMissing} on ${gap.missingCount === 1 ? 'is' : 'are'} missing from the archive: nothing from ${formatLsn(gap.lastReachableLsn)} on is listed`,
	]
}

/** PREPARE TRANSACTION ends nothing: what was prepared is kept or lost with its COMMIT PREPARED. */
function isStop(boundary: Boundary): boolean {
	return boundary.kind !== 'prepare'
}

/** Without names a table would match nothing, which looks as if nobody had written to it. Throws UsageError. */
function requireTableNames({names}: DecodedPath, {table}: BoundariesOptions): void {
	if (table === undefined || names.source !== 'none' || /^(relation )?\d+$|^\d+\/\d+\/\d+$/.test(table)) return
	throw new UsageError(
		`the commits that wrote to ${JSON.stringify(table)} cannot be told, because table names are not known: ${names.problem ?? 'nobody was asked'}`,
		[
			"name the damaged server, which is only ever read: --primary 'host=/var/run/postgresql dbname=postgres'",
			"or name the relation by its number: --table 'relation 16402'",
		],
	)
}

function decodedSpanText({wal}: DecodedPath): string {
	const stamps = wal.boundaries.filter(isTransactionEnd).map(boundary => boundary.at)
	const first = stamps.reduce<UtcInstant | undefined>((a, b) => (a === undefined || b < a ? b : a), undefined)
	const last = stamps.reduce<UtcInstant | undefined>((a, b) => (a === undefined || b > a ? b : a), undefined)
	if (first === undefined || last === undefined) return 'no transaction ended in the WAL that was decoded\n'
	return `what was decoded runs from ${formatInstant(first)} to ${formatInstant(last)}\n`
}

function matches(boundary: Boundary, {names}: DecodedPath, {table, minRows}: BoundariesOptions): boolean {
	if (table === undefined && minRows === undefined) return true
	if (!isTransactionEnd(boundary)) return false
	const {work} = boundary
	const rows = tableRows(names, work.rows).filter(row => table === undefined || isTable(table, row))
	const rowCount = rows.reduce((sum, row) => sum + row.inserted + row.updated + row.deleted, 0)
	if (minRows !== undefined) return rowCount >= minRows
	const emptied = tablesOf(names, [...work.dropped, ...work.truncated])
	return rows.length > 0 || emptied.some(name => name === table || name === `public.${table}`)
}

/** By its name with or without schema and database, or by its number as it is shown where the name is not known. */
function isTable(wanted: string, {name, database, relation}: ReturnType<typeof tableRows>[number]): boolean {
	const spellings = [
		name,
		name.replace(/^public\./, ''),
		`${database}.${name}`,
		relation,
		relation.replace(/^.*\//, ''),
	]
	return spellings.includes(wanted)
}

function ranked(boundaries: readonly Boundary[], suspicions: ReadonlyMap<number, Suspicion>): readonly Boundary[] {
	const rankOf = ({ordinal}: Boundary) => suspicions.get(ordinal)?.rank ?? Number.MAX_SAFE_INTEGER
	return boundaries.toSorted((a, b) => rankOf(a) - rankOf(b) || a.ordinal - b.ordinal)
}

function boundaryCells(boundary: Boundary, path: DecodedPath, suspicion: Suspicion | undefined): readonly string[] {
	const lsn = formatLsn(boundary.lsn)
	if (boundary.kind === 'restore-point') return ['', lsn, '', boundary.kind, isolatedText(boundary.name)]
	const place = [formatInstant(boundary.at), lsn, String(boundary.xid), boundary.kind]
	if (boundary.kind === 'prepare') return [...place, isolatedText(boundary.gid)]
	const wrote = isolatedText(describeWork(path, boundary))
	return [...place, suspicion === undefined ? wrote : `${wrote}  (${suspicion.rank}. ${suspicion.why})`]
}
