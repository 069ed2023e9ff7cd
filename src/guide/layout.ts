import {footerRows, headerRows} from './views.ts'

/** What the terminal has. */
export interface TerminalSize {
	readonly columns: number
	readonly rows: number
}

/** From this width on a screen puts side by side what it otherwise stacks. */
const sideBySideColumns = 120

/** Whether a screen has room for two columns. */
export function isWide({columns}: TerminalSize): boolean {
	return columns >= sideBySideColumns
}

/** Rows between the header and the footer. */
export function bodyRows({rows}: TerminalSize): number {
	return Math.max(0, rows - headerRows - footerRows)
}

/** Rows of the density strip over the boundaries, its axis included. */
export function stripRows({rows}: TerminalSize): number {
	return rows >= 32 ? 4 : 2
}

/** Rows of the pane that tells all about one boundary, where it stands below the table; beside it there is room anyway. */
export function boundaryDetailRows(size: TerminalSize): number {
	return Math.max(9, Math.min(12, Math.floor(bodyRows(size) / 3)))
}

/** Boundaries that fit into the table, its head not counted. */
export function boundaryTableRows(size: TerminalSize, detailOpen: boolean): number {
	const titleHeadAndStatus = 3
	const detail = detailOpen && !isWide(size) ? boundaryDetailRows(size) : 0
	return Math.max(1, bodyRows(size) - titleHeadAndStatus - stripRows(size) - detail)
}

/** Ways to stop that fit into the target's table, its head not counted. */
export function targetOptionRows(size: TerminalSize): number {
	return isWide(size) ? 12 : Math.max(4, Math.min(8, bodyRows(size) - 14))
}

/** Tables that fit into what the target loses, the head not counted. */
export function lostTableRows(size: TerminalSize): number {
	return isWide(size) ? 10 : Math.max(2, Math.min(6, bodyRows(size) - 17))
}

/** Rows of an answer to an SQL question, its head not counted. */
export function answerRows(size: TerminalSize): number {
	return isWide(size) ? bodyRows(size) - 6 : Math.max(3, bodyRows(size) - 14)
}

/** Lines of the runbook that fit. */
export function runbookRows(size: TerminalSize): number {
	const outcomeRuleAndPath = 4
	return Math.max(1, bodyRows(size) - outcomeRuleAndPath - (isWide(size) ? 0 : runbookFactRows))
}

/** Facts above the runbook's text where it has the whole width. */
export const runbookFactRows = 5

/** Rows of the pane that tells all about what is selected in the archive, where it stands below the list. */
export function browseDetailRows(size: TerminalSize): number {
	return Math.max(9, Math.min(16, Math.floor(bodyRows(size) / 2)))
}

/** Rows of a list in the archive that fit, its head not counted. */
export function browseTableRows(size: TerminalSize, detailOpen: boolean): number {
	const titleAboutHeadAndStatus = 4
	const detail = detailOpen && !isWide(size) ? browseDetailRows(size) : 0
	return Math.max(1, bodyRows(size) - titleAboutHeadAndStatus - detail)
}
