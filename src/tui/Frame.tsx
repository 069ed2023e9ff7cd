import {Box} from 'ink'
import {bodyRows, type TerminalSize} from '../guide/layout.ts'
import {type ScreenView, smallestColumns, smallestRows, type View} from '../guide/views.ts'
import {type Block, lineWidth, scrollLimit, shortened} from './block.ts'
import {footer} from './parts/footer.ts'
import {header} from './parts/header.ts'
import {Lines} from './parts/Lines.tsx'
import {dialog, help, tooSmall} from './parts/overlays.ts'
import {trouble} from './parts/trouble.ts'
import {Boundaries} from './screens/Boundaries.tsx'
import {Browse} from './screens/Browse.tsx'
import {Confirm} from './screens/Confirm.tsx'
import {Decide} from './screens/Decide.tsx'
import {Incident} from './screens/Incident.tsx'
import {Inspect} from './screens/Inspect.tsx'
import {Plan, planDocument, planPinned} from './screens/Plan.tsx'
import {Restore} from './screens/Restore.tsx'
import {Runbook} from './screens/Runbook.tsx'
import {Survey, surveyDocument} from './screens/Survey.tsx'
import {Target} from './screens/Target.tsx'
import type {Theme} from './theme.ts'

export interface FrameProps {
	readonly view: View
	readonly theme: Theme
	/** What the terminal has now: right after a resize the view still has what it had. */
	readonly size: TerminalSize
}

/** Empty columns at the left and the right of the body. */
const margin = 1

/** One whole frame: header, screen, footer, and over them a dialog or the help. It never has more rows than the terminal. */
export function Frame({view, theme, size}: FrameProps) {
	const {columns, rows} = size
	if (isTooSmall(size)) {
		const smallest = {columns: smallestColumns, rows: smallestRows}
		return (
			<Box flexDirection="column" height={rows} overflow="hidden" width={columns}>
				<Lines lines={tooSmall(size, smallest, theme)} theme={theme} width={columns} />
			</Box>
		)
	}
	const message = troubleBlock(view, size, theme)
	const screenRows = bodyRows(size) - message.length
	const width = columns - 2 * margin
	return (
		<Box flexDirection="column" height={rows} overflow="hidden" width={columns}>
			<Lines lines={header(view, questions[view.screen.screen], columns, theme)} theme={theme} width={columns} />
			<Box flexDirection="column" height={bodyRows(size)} overflow="hidden" paddingLeft={margin} width={columns}>
				<Lines lines={message} theme={theme} width={width} />
				<Screen rows={screenRows} size={size} theme={theme} view={view.screen} width={width} />
			</Box>
			<Lines lines={footer(view, columns, theme)} theme={theme} width={columns} />
			{view.dialog !== undefined && <Overlay lines={dialog(view.dialog, columns, theme)} size={size} theme={theme} />}
			{view.help && <Overlay lines={help(view.screen.screen, size, theme)} size={size} theme={theme} />}
		</Box>
	)
}

/** Whether the terminal is below what the screens are made for. */
export function isTooSmall({columns, rows}: TerminalSize): boolean {
	return columns < smallestColumns || rows < smallestRows
}

/** How far the screen's text can be scrolled; undefined for screens that are no text, where the guide knows the limits itself. */
export function documentLimit({screen, ...view}: View, size: TerminalSize, theme: Theme): number | undefined {
	const width = size.columns - 2 * margin
	const rows = bodyRows(size) - troubleBlock({...view, screen}, size, theme).length
	switch (screen.screen) {
		case 'survey':
			return scrollLimit(surveyDocument(screen, width, size, theme).length, rows)
		case 'plan':
			return scrollLimit(
				planDocument(screen, width, size, theme).length,
				rows - planPinned(screen, width, theme).length,
			)
		default:
			return undefined
	}
}

function troubleBlock(view: View, size: TerminalSize, theme: Theme): Block {
	if (view.trouble === undefined) return []
	return shortened(trouble(view.trouble, size.columns - 2 * margin, theme), bodyRows(size), theme)
}

interface ScreenRoom {
	readonly view: ScreenView
	readonly theme: Theme
	readonly width: number
	readonly rows: number
	readonly size: TerminalSize
}

function Screen({view, ...room}: ScreenRoom) {
	switch (view.screen) {
		case 'survey':
			return <Survey view={view} {...room} />
		case 'incident':
			return <Incident view={view} {...room} />
		case 'boundaries':
			return <Boundaries view={view} {...room} />
		case 'target':
			return <Target view={view} {...room} />
		case 'plan':
			return <Plan view={view} {...room} />
		case 'confirm':
			return <Confirm view={view} {...room} />
		case 'restore':
			return <Restore view={view} {...room} />
		case 'inspect':
			return <Inspect view={view} {...room} />
		case 'decide':
			return <Decide view={view} {...room} />
		case 'runbook':
			return <Runbook view={view} {...room} />
		case 'timelines':
		case 'segments':
		case 'records':
			return <Browse view={view} {...room} />
		default:
			return view satisfies never
	}
}

/** What each screen is there to answer. */
const questions: Readonly<Record<ScreenView['screen'], string>> = {
	survey: 'What can this archive bring back?',
	incident: 'When did it go wrong?',
	boundaries: 'Which is the first bad commit?',
	target: 'Where should replay stop?',
	plan: 'What will be done?',
	confirm: 'Start the restore?',
	restore: 'Restoring beside the damaged cluster',
	inspect: 'Held at the target: is the data right?',
	decide: 'What becomes of the restored server?',
	runbook: 'What was done',
	timelines: 'Which timeline?',
	segments: 'Which segment or base backup?',
	records: 'What does this segment hold?',
}

/** A block in the middle of the screen, over everything else. Its rows are full, so nothing shows through. */
function Overlay({lines, size, theme}: {readonly lines: Block; readonly size: TerminalSize; readonly theme: Theme}) {
	const width = Math.max(0, ...lines.map(lineWidth))
	return (
		<Box
			left={Math.max(0, Math.floor((size.columns - width) / 2))}
			position="absolute"
			top={Math.max(0, Math.floor((size.rows - lines.length) / 2))}
		>
			<Lines lines={lines} theme={theme} width={width} />
		</Box>
	)
}
