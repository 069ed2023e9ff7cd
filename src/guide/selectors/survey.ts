import type {BaseBackup, Coverage, Survey, TimelineSummary} from '../../domain/archive/survey.ts'
import {describeBytes, describeCount} from '../../domain/text.ts'
import {formatInstant, formatSecond, type UtcInstant} from '../../domain/time.ts'
import {formatLsn} from '../../domain/wal/lsn.ts'
import {forkOf} from '../../domain/wal/timeline.ts'
import type {GuideState, SurveyStep} from '../state.ts'
import type {Band, Column, Fact, Line, Row, Span, SurveyView, Table} from '../views.ts'

/** The survey as the screen shows it. */
export function surveyView(_state: GuideState, step: SurveyStep): SurveyView {
	const {survey} = step
	return {
		screen: 'survey',
		progress: survey === undefined && step.trouble === undefined ? step.progress : undefined,
		cluster: survey === undefined ? [] : clusterFacts(survey),
		timelines: survey === undefined ? [] : survey.timelines.map(timelineLine),
		backups: backupsTable(survey?.backups),
		coverage: survey === undefined ? [] : coverageBands(survey),
		findings: (survey?.findings ?? []).map(({severity, message, whatToDo}) => ({severity, message, whatToDo})),
		verdict: survey === undefined ? undefined : verdict(survey),
		scrollRows: step.scrollRows,
	}
}

function clusterFacts({cluster, layout, store, segments}: Survey): readonly Fact[] {
	const fact = (label: string, value: string): Fact => ({label, value, tone: 'plain'})
	return [
		fact('PostgreSQL', `${cluster.postgresMajor}  (page magic ${cluster.pageMagic.toString(16).toUpperCase()})`),
		fact('system identifier', cluster.systemIdentifier),
		fact(
			'archive',
			`${layout}, ${store}: ${describeCount(segments.length, 'WAL segment')} of ${describeBytes(cluster.walSegmentBytes)}`,
		),
	]
}

function timelineLine({history, firstSegment, lastSegment, segmentCount}: TimelineSummary): Line {
	const fork = forkOf(history)
	const indent = '  '.repeat(history.switches.length)
	const origin: Span[] =
		fork === undefined
			? []
			: [{text: ` from timeline ${fork.parent} at ${formatLsn(fork.switchLsn)} (${fork.reason})`, tone: 'dim'}]
	return [
		{text: `${indent}${fork === undefined ? '' : '└ '}timeline ${history.timeline}`, tone: 'strong'},
		...origin,
		{text: `  ${describeCount(segmentCount, 'segment')}`, tone: 'plain'},
		...(firstSegment === undefined ? [] : [{text: `  ${firstSegment} … ${lastSegment ?? ''}`, tone: 'dim'} as const]),
	]
}

const backupColumns: readonly Column[] = [
	{title: 'base backup', align: 'left', width: 24, flexible: false, expendable: 0},
	{title: 'TL', align: 'right', width: 3, flexible: false, expendable: 2},
	{title: 'finished', align: 'left', width: 20, flexible: false, expendable: 0},
	{title: 'size', align: 'right', width: 8, flexible: false, expendable: 1},
	{title: 'usable', align: 'left', width: 30, flexible: true, expendable: 0},
]

/** Without a survey it is not known yet whether there are any. */
function backupsTable(backups: readonly BaseBackup[] | undefined): Table {
	const plain = (text: string): Span => ({text, tone: 'plain'})
	const rows: Row[] = (backups ?? []).map(backup => ({
		key: backup.id,
		cells: [
			plain(backup.id),
			plain(String(backup.timeline)),
			plain(backup.stoppedAt === undefined ? 'unknown' : formatSecond(backup.stoppedAt)),
			plain(describeBytes(backup.bytes)),
			backup.whyNot === undefined ? {text: '✔ yes', tone: 'good'} : {text: `✘ ${backup.whyNot}`, tone: 'bad'},
		],
		selected: false,
		disabledReason: undefined,
	}))
	return {columns: backupColumns, rows, position: '', empty: backups === undefined ? '' : 'no base backup was found'}
}

/** One band for each backup and timeline: from the first to the last commit that can be reached. */
export function coverageBands(
	survey: Survey,
	mark?: {readonly at: UtcInstant; readonly label: string},
): readonly Band[] {
	const instants = survey.coverage.flatMap(({fromAt, toAt}) => [fromAt, toAt]).filter(at => at !== undefined)
	const whole = mark === undefined ? instants : [...instants, mark.at]
	const first = whole.reduce<UtcInstant | undefined>(
		(lowest, at) => (lowest === undefined || at < lowest ? at : lowest),
		undefined,
	)
	const last = whole.reduce<UtcInstant | undefined>(
		(highest, at) => (highest === undefined || at > highest ? at : highest),
		undefined,
	)
	if (first === undefined || last === undefined) return []
	return survey.coverage.map(coverage => bandOf(coverage, first, last, mark))
}

function bandOf(
	{backup, timeline, fromAt, toAt}: Coverage,
	first: UtcInstant,
	last: UtcInstant,
	mark: {readonly at: UtcInstant; readonly label: string} | undefined,
): Band {
	const place = (at: UtcInstant) => (last === first ? 0 : Number(at - first) / Number(last - first))
	return {
		label: `${backup}, timeline ${timeline}`,
		fromText: fromAt === undefined ? 'unknown' : formatInstant(fromAt),
		toText: toAt === undefined ? 'unknown' : formatInstant(toAt),
		filled: fromAt === undefined || toAt === undefined ? [] : [{from: place(fromAt), to: place(toAt), tone: 'good'}],
		marks: mark === undefined ? [] : [{at: place(mark.at), label: mark.label, tone: 'warn'}],
	}
}

function verdict({findings, coverage}: Survey): Span {
	const errors = findings.filter(finding => finding.severity === 'error').length
	if (errors > 0) return {text: `${describeCount(errors, 'error')}: not everything here can be recovered`, tone: 'bad'}
	const latest = coverage.reduce<UtcInstant | undefined>(
		(newest, {toAt}) => (toAt !== undefined && (newest === undefined || toAt > newest) ? toAt : newest),
		undefined,
	)
	if (coverage.length === 0) return {text: 'nothing here can be recovered', tone: 'bad'}
	return {
		text: latest === undefined ? 'recoverable' : `recoverable up to the commit of ${formatInstant(latest)}`,
		tone: 'good',
	}
}
