import {OperatorError, troubleOf} from '../domain/errors.ts'
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

/** Prints an error as its command was asked to, and gives its exit code. Anything that is no OperatorError is a bug and shows its stack. */
export function reportError(terminal: Terminal, error: unknown, json: boolean): number {
	const trouble = troubleOf(error)
	if (json) printJson(terminal, {error: trouble})
	else terminal.err(errorText(trouble))
	if (error instanceof OperatorError) return error.exitCode
	if (error instanceof Error && error.stack !== undefined) terminal.err(`${error.stack}\n`)
	return 1
}

/** An error for people: what happened, then what to do next. */
export function errorText({
	message,
	whatToDo,
}: {
	readonly message: string
	readonly whatToDo: readonly string[]
}): string {
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
