import {EventEmitter} from 'node:events'
import xterm from '@xterm/headless'
import {render} from 'ink'
import type {ReactNode} from 'react'

// Ink's cursor helper shows the cursor again on the real stderr when the process ends, whichever stream was drawn on.
const writeToStderr = process.stderr.write.bind(process.stderr)
process.stderr.write = ((chunk: string, ...rest: []) =>
	chunk === '\u001b[?25h' ? true : writeToStderr(chunk, ...rest)) as typeof process.stderr.write

/** What each named key sends. */
const keyBytes = {
	up: '\u001b[A',
	down: '\u001b[B',
	right: '\u001b[C',
	left: '\u001b[D',
	home: '\u001b[H',
	end: '\u001b[F',
	pageup: '\u001b[5~',
	pagedown: '\u001b[6~',
	delete: '\u001b[3~',
	backspace: '\u007f',
	enter: '\r',
	escape: '\u001b',
	tab: '\t',
	space: ' ',
	'ctrl+a': '\u0001',
	'ctrl+c': '\u0003',
	'ctrl+d': '\u0004',
	'ctrl+e': '\u0005',
	'ctrl+g': '\u0007',
	'ctrl+u': '\u0015',
	'ctrl+w': '\u0017',
	'ctrl+z': '\u001a',
} as const

export type NamedKey = keyof typeof keyBytes

/** The bytes of a key, or of text that is typed as it stands. */
export function bytesOf(key: string): string {
	return key in keyBytes ? keyBytes[key as NamedKey] : key
}

export interface TestTerminal {
	/** Sends each key in a chunk of its own and waits until what follows is drawn. */
	keys(...keys: readonly string[]): Promise<void>
	/** Sends bytes as one chunk, as a fast typist, a slow line or a paste does. */
	chunk(bytes: string): Promise<void>
	/** Waits until everything is drawn. */
	flush(): Promise<void>
	/** The screen, its rows without trailing blanks. */
	text(): string
	lines(): readonly string[]
	/** Everything that was sent to the terminal. */
	sent(): string
	resize(columns: number, rows: number): Promise<void>
	rerender(tree: ReactNode): Promise<void>
	readonly screen: xterm.Terminal
	close(): Promise<void>
}

/** Draws a tree with Ink on a terminal that exists only in this process. */
export async function drawInTerminal(
	tree: ReactNode,
	size: {readonly columns: number; readonly rows: number},
): Promise<TestTerminal> {
	const screen = new xterm.Terminal({
		cols: size.columns,
		rows: size.rows,
		allowProposedApi: true,
		// What a tty driver does on the way to a real terminal.
		convertEol: true,
	})
	const stdout = new FakeOutput(screen, size.columns, size.rows)
	const stdin = new FakeInput()
	const app = render(tree, {
		stdout: stdout as unknown as NodeJS.WriteStream,
		stderr: stdout as unknown as NodeJS.WriteStream,
		stdin: stdin as unknown as NodeJS.ReadStream,
		interactive: true,
		alternateScreen: true,
		incrementalRendering: true,
		patchConsole: false,
		exitOnCtrlC: false,
		maxFps: 1000,
	})
	const flush = async () => {
		// React runs effects in a turn of their own, and what they tell the store is drawn in the next.
		for (let turn = 0; turn < 3; turn++) await new Promise(resolve => setImmediate(resolve))
		await app.waitUntilRenderFlush()
		await stdout.drained()
	}
	const chunk = async (bytes: string) => {
		stdin.send(bytes)
		// A lone Esc is told from the start of a sequence by 20 ms of silence.
		await new Promise(resolve => setTimeout(resolve, bytes === '\u001b' ? 30 : 1))
		await flush()
	}
	await flush()
	return {
		chunk,
		flush,
		screen,
		keys: async (...keys) => {
			for (const key of keys) await chunk(bytesOf(key))
		},
		text: () => linesOf(screen).join('\n'),
		lines: () => linesOf(screen),
		sent: () => stdout.sent,
		resize: async (columns, rows) => {
			screen.resize(columns, rows)
			stdout.resize(columns, rows)
			await flush()
		},
		rerender: async next => {
			app.rerender(next)
			await flush()
		},
		close: async () => {
			app.unmount()
			await app.waitUntilExit()
			await stdout.drained()
		},
	}
}

/** The rows of a terminal's screen, without trailing blanks. */
export function linesOf(screen: xterm.Terminal): readonly string[] {
	const buffer = screen.buffer.active
	return Array.from(
		{length: screen.rows},
		(_, row) => buffer.getLine(buffer.viewportY + row)?.translateToString(true) ?? '',
	)
}

class FakeOutput extends EventEmitter {
	readonly isTTY = true
	readonly writable = true
	columns: number
	rows: number
	sent = ''
	#screen: xterm.Terminal
	#pending: Promise<void> = Promise.resolve()

	constructor(screen: xterm.Terminal, columns: number, rows: number) {
		super()
		this.#screen = screen
		this.columns = columns
		this.rows = rows
	}

	write(text: string, ...rest: readonly unknown[]): boolean {
		this.sent += text
		this.#pending = new Promise(resolve => this.#screen.write(text, resolve))
		const written = rest.find(argument => typeof argument === 'function')
		if (written !== undefined) void this.#pending.then(() => (written as () => void)())
		return true
	}

	async drained(): Promise<void> {
		await this.#pending
	}

	resize(columns: number, rows: number): void {
		this.columns = columns
		this.rows = rows
		this.emit('resize')
	}
}

class FakeInput extends EventEmitter {
	readonly isTTY = true
	#chunks: string[] = []

	send(bytes: string): void {
		this.#chunks.push(bytes)
		this.emit('readable')
	}

	read(): string | null {
		return this.#chunks.shift() ?? null
	}

	setEncoding(): void {}
	setRawMode(): void {}
	ref(): void {}
	unref(): void {}
	pause(): void {}
	resume(): void {}
}
