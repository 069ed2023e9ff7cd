import {planStepIds} from '../../domain/recovery/plan.ts'
import {paceOf} from '../../domain/recovery/progress.ts'
import {describeBytes, describeCount, describeDuration, isolatedText, shellText} from '../../domain/text.ts'
import {formatInstant} from '../../domain/time.ts'
import {formatLsn} from '../../domain/wal/lsn.ts'
import {answerRows, runbookRows} from '../layout.ts'
import type {DecideStep, Decision, GuideState, InspectStep, RestoreStep, RunbookStep} from '../state.ts'
import {decisions} from '../steps/carrying.ts'
import {fieldView} from '../text-field.ts'
import type {Bar, Column, DecideView, Fact, InspectView, RestoreView, RunbookView, Span, Table, Tone} from '../views.ts'

function fact(label: string, value: string, tone: Tone = 'plain'): Fact {
	return {label, value, tone}
}

/** Copy and replay as they go. */
export function restoreView(state: GuideState, step: RestoreStep): RestoreView {
	const {plan} = step
	const done = new Map(step.done.map(finished => [finished.step, finished.note]))
	const shown = planStepIds.filter(id => id !== 'check' && id !== 'promote')
	return {
		screen: 'restore',
		steps: shown.map(id => {
			const what = plan.steps.find(planned => planned.id === id)?.what ?? id
			if (done.has(id)) return {what, state: 'done', note: done.get(id) ?? ''}
			if (step.running === id)
				return {
					what,
					state: step.trouble === undefined ? 'running' : 'failed',
					note: step.cancelling ? 'cancelling' : '',
				}
			return {what, state: 'waiting', note: ''}
		}),
		copy: copyBar(state, step),
		replay: replayBar(step),
		clock: clockFacts(step),
		log: (step.replay?.logTail ?? []).map(line => ({text: isolatedText(line), tone: logTone(line)})),
	}
}

function copyBar(state: GuideState, {copy, running, runningSince, done}: RestoreStep): Bar | undefined {
	if (copy === undefined) return undefined
	const finished = done.some(step => step.step === 'copy-base-backup')
	const pace = paceOf(runningSince, state.now, copy.doneBytes, copy.totalBytes)
	const rate =
		running === 'copy-base-backup' && pace.bytesPerSecond !== undefined
			? `, ${describeBytes(pace.bytesPerSecond)}/s`
			: ''
	const eta =
		running === 'copy-base-backup' && pace.etaMs !== undefined && !finished
			? `, ${describeDuration(pace.etaMs)} left`
			: ''
	return {
		label: 'copy',
		percent: finished ? 100 : pace.percent,
		text: `${describeBytes(copy.doneBytes)} of ${describeBytes(copy.totalBytes)}, ${copy.doneFiles} of ${copy.totalFiles} files${rate}${eta}`,
	}
}

function replayBar({replay}: RestoreStep): Bar | undefined {
	if (replay === undefined) return undefined
	const rate = replay.bytesPerSecond === undefined ? '' : `, ${describeBytes(replay.bytesPerSecond)}/s`
	const eta = replay.etaMs === undefined ? '' : `, ${describeDuration(replay.etaMs)} left`
	return {
		label: 'replay',
		percent: replay.totalBytes === 0 ? undefined : (replay.doneBytes * 100) / replay.totalBytes,
		text: `${describeBytes(replay.doneBytes)} of ${describeBytes(replay.totalBytes)}${rate}${eta}`,
	}
}

function clockFacts({replay, plan}: RestoreStep): readonly Fact[] {
	if (replay === undefined) return [fact('target', formatLsn(plan.stop.lsn), 'accent')]
	return [
		fact('replayed to', replay.replayEndLsn === undefined ? 'not begun' : formatLsn(replay.replayEndLsn)),
		fact('target', formatLsn(plan.stop.lsn), 'accent'),
		fact(
			'commit clock',
			replay.replayedAt === undefined
				? 'not known before the server accepts connections'
				: formatInstant(replay.replayedAt),
		),
		fact('segment', replay.segment ?? 'none fetched yet'),
		fact('server', replay.accepting ? 'accepts read-only connections' : 'does not accept connections yet'),
	]
}

function logTone(line: string): Tone {
	if (/ (FATAL|PANIC|ERROR): /.test(line)) return 'bad'
	if (/ WARNING: /.test(line)) return 'warn'
	if (/recovery stopping|pausing at the end|consistent recovery state|redo starts/.test(line)) return 'accent'
	return 'dim'
}

/** The held cluster: where it stopped, what was checked, and what is asked of it. */
export function inspectView(state: GuideState, step: InspectStep): InspectView {
	const {held} = step
	const {plan} = held
	return {
		screen: 'inspect',
		proof: [
			fact(
				'stopped at',
				`${formatLsn(held.stoppedAtLsn)}${held.exact ? ', exactly where planned' : ''}`,
				held.exact ? 'good' : 'warn',
			),
			fact(
				'last kept',
				plan.stop.lastKept === null
					? 'none since the base backup'
					: `${formatInstant(plan.stop.lastKept.at)}  xid ${plan.stop.lastKept.xid}`,
			),
			fact(
				'first lost',
				plan.stop.firstLost === null
					? 'none'
					: `${formatInstant(plan.stop.firstLost.at)}  xid ${plan.stop.firstLost.xid}`,
			),
		],
		checks: [
			...step.checks.map(({name, outcome, expected, found}) => ({name, outcome, expected, found: isolatedText(found)})),
			...(step.checking ? [{name: 'checking', outcome: 'running' as const, expected: '', found: ''}] : []),
		],
		connect: shellText([...held.connect, '-d', held.databases[step.databaseIndex] ?? 'postgres']),
		prompt: fieldView(step.prompt, {
			label: 'SQL',
			focused: step.prompting,
			placeholder: 's opens a prompt that can only read',
		}),
		database: held.databases[step.databaseIndex] ?? '',
		answer: step.answer === undefined ? undefined : answerTable(state, step.answer, step.answerTop),
		answerNote: answerNote(step),
	}
}

function answerTable(state: GuideState, {columns, rows}: NonNullable<InspectStep['answer']>, top: number): Table {
	const height = answerRows({columns: state.columns, rows: state.rows})
	const width = (index: number) =>
		Math.min(60, Math.max(columns[index]?.length ?? 0, ...rows.slice(0, 200).map(row => row[index]?.length ?? 4)))
	const shown: Column[] = columns.map((title, index) => ({
		title,
		align: rows.every(row => /^-?[\d.]*$/.test(row[index] ?? '')) ? 'right' : 'left',
		width: width(index),
		flexible: index === columns.length - 1,
		expendable: index,
	}))
	return {
		columns: shown,
		rows: rows.slice(top, top + height).map((row, index) => ({
			key: String(top + index),
			cells: row.map((value): Span => (value === null ? {text: 'null', tone: 'dim'} : {text: value, tone: 'plain'})),
			selected: false,
			disabledReason: undefined,
		})),
		position: rows.length > height ? `${top + 1}–${Math.min(rows.length, top + height)} of ${rows.length}` : '',
		empty: 'no rows',
	}
}

function answerNote({asking, answer, trouble}: InspectStep): Span | undefined {
	if (asking) return {text: 'asking …', tone: 'dim'}
	if (trouble !== undefined)
		return {
			text: isolatedText(`${trouble.message}${trouble.whatToDo[0] === undefined ? '' : ` — ${trouble.whatToDo[0]}`}`),
			tone: 'bad',
		}
	if (answer === undefined) return undefined
	return {
		text: answer.cut
			? `the first ${describeCount(answer.rows.length, 'row')}; there are more`
			: describeCount(answer.rows.length, 'row'),
		tone: 'dim',
	}
}

/** Promote, leave it held, or abandon. */
export function decideView(_state: GuideState, step: DecideStep): DecideView {
	const {held, checks} = step.back
	const {plan} = held
	const failed = checks.filter(check => check.outcome === 'failed').length
	const what: Readonly<Record<Decision, string>> = {
		promote: `opens ${plan.destination} for writes on timeline ${plan.newTimeline}; replay cannot go on after that`,
		leave: 'leaves it paused at the target; nothing changes until you come back',
		abandon: `stops the restored server and removes ${plan.destination} and ${plan.workDirectory}`,
	}
	return {
		screen: 'decide',
		facts: [
			fact(
				'holds at',
				`${formatLsn(held.stoppedAtLsn)}${held.exact ? ', exactly where planned' : ''}`,
				held.exact ? 'good' : 'warn',
			),
			fact(
				'checks',
				failed === 0
					? `${describeCount(checks.length, 'check')}, none failed`
					: `${describeCount(failed, 'check')} FAILED`,
				failed === 0 ? 'good' : 'bad',
			),
			...(plan.preparedInDoubt.length === 0
				? []
				: [
						fact(
							'in doubt',
							`${describeCount(plan.preparedInDoubt.length, 'prepared transaction')} to decide after promotion: ${plan.preparedInDoubt.map(isolatedText).join(', ')}`,
							'warn',
						),
					]),
		],
		options: decisions.map(name => ({
			name,
			what: what[name],
			selected: name === step.selected,
			irreversible: name !== 'leave',
		})),
		field:
			step.field === undefined
				? undefined
				: fieldView(step.field, {label: `type ${step.selected}`, focused: !step.working, problem: step.problem}),
		working: step.working ? (step.selected === 'promote' ? 'promoting' : 'removing what was restored') : undefined,
	}
}

/** What was done, to read and to keep. */
export function runbookView(state: GuideState, step: RunbookStep): RunbookView {
	const height = runbookRows({columns: state.columns, rows: state.rows})
	const top = Math.min(step.top, Math.max(0, step.lines.length - height))
	const {plan, outcome} = step
	return {
		screen: 'runbook',
		outcome: outcomeSpan(outcome),
		facts:
			outcome.kind === 'promoted'
				? [
						fact('data directory', plan.destination),
						fact(
							'connect',
							shellText([plan.psql, '-h', plan.socketDirectory, '-p', String(plan.port), '-U', plan.superuser]),
						),
						fact('still', 'archives nothing and listens on its private socket only, until you hand it over'),
					]
				: [],
		lines: step.lines.slice(top, top + height),
		position:
			step.lines.length > height
				? `${top + 1}–${Math.min(step.lines.length, top + height)} of ${step.lines.length}`
				: '',
		savedAs: step.path,
	}
}

function outcomeSpan(outcome: RunbookStep['outcome']): Span {
	switch (outcome.kind) {
		case 'promoted':
			return {text: `promoted: timeline ${outcome.timeline}`, tone: 'good'}
		case 'abandoned':
			return {text: 'abandoned: what was restored was removed', tone: 'warn'}
		case 'failed':
			return {text: `failed: ${isolatedText(outcome.message)}`, tone: 'bad'}
		default:
			return outcome satisfies never
	}
}
