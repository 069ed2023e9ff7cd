import type {OperatorEvent} from '../guide/events.ts'
import {
	answerRows,
	bodyRows,
	boundaryTableRows,
	browseTableRows,
	runbookRows,
	type TerminalSize,
} from '../guide/layout.ts'
import type {ScreenView} from '../guide/views.ts'

/**
 * A movement as the guide can take it: pages become rows of the screen at hand. Where the screen scrolls as one text,
 * `limit` is how far that goes; the text wraps in ways that the guide does not know, so what it is told never leads
 * outside. Undefined at the end of the way; other events pass as they are.
 */
export function movement(
	event: OperatorEvent,
	screen: ScreenView,
	limit: number | undefined,
	size: TerminalSize,
): OperatorEvent | undefined {
	const by = rowsOf(event, screen, size)
	if (limit === undefined || !('scrollRows' in screen)) return by === undefined ? event : {type: 'moved', by}
	const from = clamp(screen.scrollRows, limit)
	const to = event.type === 'jumped' ? (event.to === 'first' ? 0 : limit) : by === undefined ? undefined : from + by
	if (to === undefined) return event
	const moved = clamp(to, limit) - screen.scrollRows
	return moved === 0 ? undefined : {type: 'moved', by: moved}
}

/** How many rows a step or a page leads; undefined for anything else. */
function rowsOf(event: OperatorEvent, screen: ScreenView, size: TerminalSize): number | undefined {
	if (event.type === 'moved') return event.by
	if (event.type !== 'paged') return undefined
	const rows = event.by * pageRows(screen, size)
	return rows < 0 ? Math.min(-1, Math.ceil(rows)) : Math.max(1, Math.floor(rows))
}

function pageRows(screen: ScreenView, size: TerminalSize): number {
	switch (screen.screen) {
		case 'boundaries':
			return boundaryTableRows(size, screen.detail !== undefined)
		case 'inspect':
			return answerRows(size)
		case 'runbook':
			return runbookRows(size)
		case 'timelines':
		case 'segments':
		case 'records':
			return browseTableRows(size, screen.detail !== undefined)
		default:
			// Two rows of the page before stay, to read on from.
			return Math.max(1, bodyRows(size) - 3)
	}
}

function clamp(row: number, limit: number): number {
	return Math.min(Math.max(0, row), limit)
}
