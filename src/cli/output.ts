import {OperatorError, type Trouble, troubleOf} from '../domain/errors.ts'
import {isolatedText} from '../domain/text.ts'

/** Where a command writes: data on standard output, messages and progress on standard error. */
export interface Terminal {
	out(text: string): void
	err(text: string): void
	/** Whether both ends are a terminal that a screen can be drawn on. */
	readonly interactive: boolean
}

/** Prints one JSON document. */
export function printJson(terminal: Terminal, value: unknown): void {
	terminal.out(`${JSON.stringify(value, null, 2)}\n`)
}

/** Prints one line of a stream of JSON documents. */
export function printJsonLine(terminal: Terminal, value: unknown): void {
	terminal.out(`${JSON.stringify(value)}\n`)
}

/** How an error is to be shown. */
export interface ErrorWishes {
	readonly json: boolean
	readonly version: string
	/** Fires when the operator stopped the command: what it throws then is no failure of its own. */
	readonly interrupted: AbortSignal
	/** What the operator is told then. */
	readonly afterInterruption?: string
}

/**
 * Prints an error as its command was asked to, in one line as `--json`, and gives its exit code. Anything that is no
 * OperatorError is a bug and shows its stack.
 */
export function reportError(terminal: Terminal, error: unknown, wishes: ErrorWishes): number {
	const trouble = errorTrouble(error, wishes)
	if (wishes.json) printJsonLine(terminal, {error: trouble})
	else terminal.err(errorText(trouble))
	if (trouble.code === 'bug') {
		terminal.err(`lastgood ${wishes.version}, Node ${process.version}, ${process.platform}\n`)
		if (error instanceof Error && error.stack !== undefined) terminal.err(`${error.stack}\n`)
	}
	return exitCodeOf(error, wishes.interrupted)
}

/** An error as it is shown: one that is no OperatorError's is the interruption itself, or else a bug. */
export function errorTrouble(
	error: unknown,
	{interrupted, afterInterruption = 'nothing was changed'}: Pick<ErrorWishes, 'interrupted' | 'afterInterruption'>,
): Trouble {
	if (error instanceof OperatorError || !interrupted.aborted) return troubleOf(error)
	return {code: 'interrupted', message: 'interrupted', whatToDo: [afterInterruption]}
}

/** The exit code that an error ends a command with. */
export function exitCodeOf(error: unknown, interrupted: AbortSignal): number {
	if (interrupted.aborted) return 130
	return error instanceof OperatorError ? error.exitCode : 1
}

/** An error for people: what happened, then what to do next. */
export function errorText({message, whatToDo}: Trouble): string {
	return [`error: ${isolatedText(message)}`, ...whatToDo.map(step => `  - ${isolatedText(step)}`), ''].join('\n')
}

/** Rows with their columns lined up; the last column is left as it is. */
export function aligned(rows: readonly (readonly string[])[], indent = ''): string {
	const widths: number[] = []
	for (const row of rows)
		row.slice(0, -1).forEach((cell, index) => {
			widths[index] = Math.max(widths[index] ?? 0, cell.length)
		})
	return rows
		.map(row =>
			`${indent}${row.map((cell, index) => (index === row.length - 1 ? cell : cell.padEnd(widths[index] ?? 0))).join('  ')}`.trimEnd(),
		)
		.join('\n')
}
