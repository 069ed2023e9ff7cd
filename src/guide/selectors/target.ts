import type {Consequences} from '../../domain/recovery/target.ts'
import {targetValue} from '../../domain/recovery/target.ts'
import {describeCount, isolatedText} from '../../domain/text.ts'
import {formatInstant, msBetween} from '../../domain/time.ts'
import {formatLsn} from '../../domain/wal/lsn.ts'
import type {TransactionBoundary} from '../../domain/wal/record.ts'
import {describeWork} from '../boundary-list.ts'
import {lostTableRows} from '../layout.ts'
import type {GuideState, TargetOption, TargetStep} from '../state.ts'
import type {Column, Fact, Line, Row, Span, TargetView, Tone} from '../views.ts'
import {rowsTable} from './boundaries.ts'

const optionColumns: readonly Column[] = [
	{title: 'stop', align: 'left', width: 18, flexible: false, expendable: 0},
	{title: 'value', align: 'left', width: 32, flexible: false, expendable: 2},
	{title: 'last kept', align: 'left', width: 11, flexible: false, expendable: 0},
	{title: 'loses', align: 'right', width: 7, flexible: false, expendable: 0},
	{title: '', align: 'left', width: 20, flexible: true, expendable: 1},
]

/** The kinds of target for the marked commit, and what the selected one keeps and loses. */
export function targetView(state: GuideState, step: TargetStep): TargetView {
	const option = step.options[step.selected]
	const recommended = step.options[0]
	const prediction = option?.prediction
	const consequences = prediction?.ok === true ? prediction.consequences : undefined
	return {
		screen: 'target',
		suspect: suspectFacts(step),
		options: {
			columns: optionColumns,
			rows: step.options.map((candidate, index) => optionRow(candidate, recommended, index === step.selected)),
			position: `${step.selected + 1} of ${step.options.length}`,
			empty: '',
		},
		explanation: explanationOf(option, step.suspect),
		keeps: consequences === undefined ? [] : keepsFacts(consequences),
		loses: consequences === undefined ? [] : losesFacts(consequences, step.suspect),
		lostRows: rowsTable(
			step.path.names,
			consequences?.lostRows ?? [],
			lostTableRows({columns: state.columns, rows: state.rows}),
		),
		inFlight: consequences === undefined ? [] : inFlightLines(consequences, step.suspect),
		cautions: cautionsOf(option, consequences, step.suspect),
	}
}

function fact(label: string, value: string, tone: Tone = 'plain'): Fact {
	return {label, value, tone}
}

function suspectFacts({suspect, back}: TargetStep): readonly Fact[] {
	return [
		fact('marked as bad', `xid ${suspect.xid}, ${suspect.kind} at ${formatLsn(suspect.lsn)}`, 'bad'),
		fact('stamped', formatInstant(suspect.at)),
		fact('wrote', isolatedText(describeWork(back, suspect)) || 'nothing in tables'),
	]
}

function optionRow(option: TargetOption, recommended: TargetOption | undefined, selected: boolean): Row {
	const {prediction, target} = option
	const plain = (text: string, tone: Tone = 'plain'): Span => ({text, tone})
	const same =
		recommended !== undefined &&
		prediction.ok &&
		recommended.prediction.ok &&
		prediction.consequences.stopLsn === recommended.prediction.consequences.stopLsn
	const note = !prediction.ok
		? prediction.reason === 'never-reached'
			? 'never reached'
			: 'before the backup is consistent'
		: option.recommended
			? 'recommended'
			: same
				? 'same stop'
				: differenceFrom(recommended, option)
	return {
		key: option.name,
		cells: [
			plain(option.name, option.recommended ? 'strong' : 'plain'),
			plain(targetValue(target), 'dim'),
			plain(prediction.ok ? lsnOf(prediction.consequences.lastKept) : '—'),
			plain(prediction.ok ? String(prediction.consequences.lostCommits) : '—'),
			plain(note, prediction.ok ? (option.recommended ? 'good' : same ? 'dim' : 'warn') : 'bad'),
		],
		selected,
		disabledReason: prediction.ok ? undefined : prediction.why,
	}
}

function differenceFrom(recommended: TargetOption | undefined, option: TargetOption): string {
	if (recommended?.prediction.ok !== true || !option.prediction.ok) return ''
	const difference = option.prediction.consequences.keptCommits - recommended.prediction.consequences.keptCommits
	if (difference === 0) return 'same commits'
	return difference > 0
		? `keeps ${describeCount(difference, 'commit')} more`
		: `keeps ${describeCount(-difference, 'commit')} fewer`
}

function lsnOf(boundary: TransactionBoundary | undefined): string {
	return boundary === undefined ? 'none' : formatLsn(boundary.lsn)
}

function explanationOf(option: TargetOption | undefined, suspect: TransactionBoundary): string {
	if (option === undefined) return ''
	if (!option.prediction.ok) return option.prediction.why
	if (option.recommended) {
		return `Stops just before the commit record of xid ${suspect.xid}: an LSN names one place in the WAL, whatever clocks, zones and the order of xids say.`
	}
	switch (option.target.kind) {
		case 'time':
			return 'Stops at the first commit or abort in WAL order with a later stamp; stamps can run backwards by some milliseconds.'
		case 'xid':
			return 'Stops at the end of this very transaction, wherever it stands.'
		case 'lsn':
			return `Stops just after the commit record of xid ${suspect.xid}: it is kept.`
		case 'latest':
			return 'Replays all that is archived: the bad commit is kept.'
		case 'restore-point':
		case 'immediate':
			return ''
		default:
			return option.target satisfies never
	}
}

function boundaryFacts(
	label: string,
	boundary: TransactionBoundary | undefined,
	none: string,
	tone: Tone,
): readonly Fact[] {
	return boundary === undefined
		? [fact(label, none, 'dim')]
		: [fact(label, `${formatInstant(boundary.at)}  ${formatLsn(boundary.lsn)}  xid ${boundary.xid}`, tone)]
}

function keepsFacts(consequences: Consequences): readonly Fact[] {
	return [
		...boundaryFacts('last kept commit', consequences.lastKept, 'none since the base backup', 'good'),
		fact('kept in all', `${describeCount(consequences.keptCommits, 'commit')} since the base backup`),
	]
}

function losesFacts(consequences: Consequences, suspect: TransactionBoundary): readonly Fact[] {
	const {firstLost, lostCommits, lostUntil} = consequences
	const losesSuspect = firstLost !== undefined && suspect.lsn >= consequences.stopLsn
	const legitimate =
		lostCommits - (losesSuspect && (suspect.kind === 'commit' || suspect.kind === 'commit-prepared') ? 1 : 0)
	return [
		...boundaryFacts('first lost commit', firstLost, 'none', 'bad'),
		fact(
			'given up',
			losesSuspect
				? `the bad one and ${describeCount(legitimate, 'legitimate commit')} after it`
				: `${describeCount(lostCommits, 'commit')}; the bad one is KEPT`,
			losesSuspect ? 'warn' : 'bad',
		),
		...(lostUntil === undefined || firstLost === undefined
			? []
			: [fact('until', `${formatInstant(lostUntil)}  (${Math.round(msBetween(firstLost.at, lostUntil) / 1000)} s)`)]),
	]
}

/** The marked commit is in flight just before itself: that it is lost is the point, and said elsewhere. */
function inFlightLines({inFlight, preparedInDoubt}: Consequences, suspect: TransactionBoundary): readonly Line[] {
	const others = inFlight.filter(({xid}) => xid !== suspect.xid)
	const lines: Line[] = others.map(({xid, firstLsn, outcome}) => [
		{text: `xid ${xid}`, tone: 'plain'},
		{text: ` began at ${formatLsn(firstLsn)}, `, tone: 'dim'},
		{
			text:
				outcome === 'unknown'
					? 'never ended in the archive: lost'
					: outcome.startsWith('commit')
						? 'commits later: lost'
						: 'aborts later',
			tone: outcome.startsWith('abort') ? 'dim' : 'warn',
		},
	])
	const prepared: Line[] = preparedInDoubt.map(gid => [
		{text: `prepared ${JSON.stringify(gid)}`, tone: 'plain'},
		{text: ' stays in doubt: commit or roll it back after promotion', tone: 'warn'},
	])
	return [...lines, ...prepared]
}

function cautionsOf(
	option: TargetOption | undefined,
	consequences: Consequences | undefined,
	suspect: TransactionBoundary,
): readonly Span[] {
	if (option === undefined || consequences === undefined) return []
	const cautions: Span[] = []
	if (suspect.lsn < consequences.stopLsn && suspect.kind !== 'abort' && suspect.kind !== 'abort-prepared') {
		cautions.push({text: `this target keeps xid ${suspect.xid}, the commit you marked as bad`, tone: 'bad'})
	}
	const {stampedLaterButKept, stampedEarlierButLost} = consequences
	if (stampedLaterButKept.length > 0) {
		cautions.push({
			text: `${describeCount(stampedLaterButKept.length, 'kept commit')} stamped later than the first lost one: WAL order decides, not time`,
			tone: 'dim',
		})
	}
	if (stampedEarlierButLost.length > 0) {
		cautions.push({
			text: `${describeCount(stampedEarlierButLost.length, 'lost commit')} stamped earlier than the last kept one: WAL order decides, not time`,
			tone: 'warn',
		})
	}
	return cautions
}
