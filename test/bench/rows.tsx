import {advanceLsn} from '../../src/domain/wal/lsn.ts'
import type {Boundary} from '../../src/domain/wal/record.ts'
import type {OperatorEvent} from '../../src/guide/events.ts'
import {viewOf} from '../../src/guide/selectors/frame.ts'
import {type GuideState, initialState} from '../../src/guide/state.ts'
import {emptyField} from '../../src/guide/text-field.ts'
import {update} from '../../src/guide/update.ts'
import type {View} from '../../src/guide/views.ts'
import {decodePath} from '../../src/operations/find.ts'
import {App} from '../../src/tui/App.tsx'
import {themeFor} from '../../src/tui/theme.ts'
import {drawInTerminal} from '../support/terminal.ts'
import {median} from './measure.ts'
import type {Bench} from './run.ts'

const rowCount = 100_000

/** From a key press to the finished frame, in a list of 100,000 boundaries repeated from real ones. */
export async function benchRows({world, opened}: Bench): Promise<string> {
	const path = await decodePath(world, opened, {})
	const real = path.wal.boundaries
	const boundaries: readonly Boundary[] = Array.from({length: rowCount}, (_, ordinal) => {
		const source = real[ordinal % real.length]
		if (source === undefined) throw new Error('the archive of the bench holds no commit')
		return {...source, ordinal, lsn: advanceLsn(source.lsn, Math.floor(ordinal / real.length) * 0x1000_0000)}
	})
	let state: GuideState = {
		...initialState(
			{
				source: '/bench',
				zone: undefined,
				destination: '/bench/restored',
				report: undefined,
				lastgood: 'bench',
				host: 'bench',
				user: 'bench',
			},
			world.now(),
		),
		step: {
			name: 'boundaries',
			survey: opened.survey,
			incident: {kind: 'lsn', typed: '0/0', lsn: path.wal.fromLsn},
			windowIndex: 5,
			boundaries,
			names: path.names,
			segmentsRead: path.segmentsRead,
			segmentCount: path.segmentsRead,
			path,
			trouble: undefined,
			filter: emptyField,
			filtering: false,
			order: 'wal',
			cursor: undefined,
			detail: false,
		},
	}
	const listeners = new Set<() => void>()
	let view: View | undefined
	const store = {
		subscribe(listener: () => void) {
			listeners.add(listener)
			return () => listeners.delete(listener)
		},
		view() {
			view ??= viewOf(state)
			return view
		},
		dispatch(event: OperatorEvent) {
			state = update(state, {...event, at: world.now()}).state
			view = undefined
			for (const listener of listeners) listener()
		},
	}
	const terminal = await drawInTerminal(<App store={store} theme={themeFor({env: {}})} />, {columns: 140, rows: 40})
	const timesMs: number[] = []
	for (let press = 0; press < 200; press++) {
		const startedMs = performance.now()
		await terminal.keys(press % 10 === 9 ? 'pagedown' : 'j')
		timesMs.push(performance.now() - startedMs)
	}
	await terminal.close()
	return `key press to frame, ${rowCount} rows, 140x40: ${median(timesMs).toFixed(1)} ms median, ${Math.max(...timesMs).toFixed(1)} ms worst (bar: 16 and 50)`
}
