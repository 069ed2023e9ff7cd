import {spawn} from '@lydell/node-pty'
import xterm from '@xterm/headless'
import {bytesOf, linesOf} from './terminal.ts'

export interface PtyOptions {
	readonly columns?: number
	readonly rows?: number
	readonly cwd?: string
	/** Added to the environment of the tests; undefined takes a variable away. */
	readonly env?: Readonly<Record<string, string | undefined>>
}

export interface PtyExit {
	readonly exitCode: number
	readonly signal: number
}

/** A program on a terminal of its own, driven and read as a person would. */
export interface PtyProgram {
	/** Sends keys by name (`enter`, `down`, `ctrl+c`) or as characters. */
	press(...keys: readonly string[]): void
	/** Sends text as it stands. */
	type(text: string): void
	/** Resolves with the screen once it shows this; rejects with the screen after so many milliseconds, or when the program has ended. */
	waitFor(what: string | RegExp, ms?: number): Promise<string>
	/** Resolves with the screen once it no longer shows this. */
	waitUntilGone(what: string | RegExp, ms?: number): Promise<string>
	/** What the screen shows now, rows without trailing blanks. */
	screen(): string
	/** Everything that the program has sent. */
	sent(): string
	resize(columns: number, rows: number): void
	kill(signal?: string): void
	/** How it ended. */
	readonly ended: Promise<PtyExit>
	/** Whether the terminal is as a shell needs it: the main screen, with a cursor, without mouse or paste modes. */
	isRestored(): boolean
	readonly terminal: xterm.Terminal
	readonly pid: number
}

/** Generous: the first frame has taken seconds on a loaded machine. */
const defaultWaitMs = 60_000

interface Waiting {
	readonly isMet: (screen: string) => boolean
	readonly meet: (screen: string) => void
	readonly fail: (reason: string) => void
}

/** Starts a program on a pseudo-terminal. */
export function startOnPty(command: string, args: readonly string[], options: PtyOptions = {}): PtyProgram {
	const {columns = 80, rows = 24, cwd = process.cwd()} = options
	const terminal = new xterm.Terminal({cols: columns, rows, allowProposedApi: true})
	const program = spawn(command, [...args], {
		name: 'xterm-256color',
		cols: columns,
		rows,
		cwd,
		env: environment(options.env ?? {}),
	})
	const waiting = new Set<Waiting>()
	let sent = ''
	let exit: PtyExit | undefined
	let shown: Promise<void> = Promise.resolve()
	const screen = () => linesOf(terminal).join('\n').trimEnd()
	const look = () => {
		// A frame may come in pieces: it is whole when its synchronized update has ended.
		if (terminal.modes.synchronizedOutputMode && exit === undefined) return
		const text = screen()
		for (const one of waiting) if (one.isMet(text)) one.meet(text)
	}
	program.onData(data => {
		sent += data
		shown = new Promise<void>(resolve => terminal.write(data, resolve)).then(look)
	})
	const ended = new Promise<PtyExit>(resolve => {
		program.onExit(({exitCode, signal}) => {
			exit = {exitCode, signal: signal ?? 0}
			// What it wrote last may still be on its way through the terminal.
			setImmediate(() => {
				void shown.then(() => {
					look()
					for (const one of waiting) one.fail(`the program has ended with ${exitCode}`)
					resolve({exitCode, signal: signal ?? 0})
				})
			})
		})
	})
	const wait = (what: string | RegExp, ms: number, wanted: boolean) =>
		new Promise<string>((resolve, reject) => {
			const settle = (act: () => void) => {
				clearTimeout(timer)
				waiting.delete(one)
				act()
			}
			const one: Waiting = {
				isMet: text => shows(text, what) === wanted,
				meet: text => settle(() => resolve(text)),
				fail: reason =>
					settle(() => reject(new Error(`waited for ${wanted ? '' : 'the end of '}${what}: ${reason}\n${screen()}`))),
			}
			const timer = setTimeout(() => one.fail(`nothing for ${ms} ms`), ms)
			waiting.add(one)
			look()
			if (waiting.has(one) && exit !== undefined) one.fail(`the program has ended with ${exit.exitCode}`)
		})
	return {
		press: (...keys) => {
			for (const key of keys) program.write(bytesOf(key))
		},
		type: text => program.write(text),
		waitFor: (what, ms = defaultWaitMs) => wait(what, ms, true),
		waitUntilGone: (what, ms = defaultWaitMs) => wait(what, ms, false),
		screen,
		sent: () => sent,
		resize: (width, height) => {
			terminal.resize(width, height)
			program.resize(width, height)
		},
		kill: signal => {
			if (exit === undefined) program.kill(signal)
		},
		ended,
		isRestored: () =>
			terminal.buffer.active.type === 'normal' &&
			sent.lastIndexOf('\u001b[?25h') >= sent.lastIndexOf('\u001b[?25l') &&
			!terminal.modes.bracketedPasteMode &&
			terminal.modes.mouseTrackingMode === 'none',
		terminal,
		pid: program.pid,
	}
}

function shows(text: string, what: string | RegExp): boolean {
	return typeof what === 'string' ? text.includes(what) : what.test(text)
}

function environment(own: Readonly<Record<string, string | undefined>>): Record<string, string> {
	// Ink draws no frames where CI is set. Colours are for pictures; text is what most tests read.
	const whole = {...process.env, CI: 'false', LANG: 'C.UTF-8', LC_ALL: 'C.UTF-8', ...own}
	return Object.fromEntries(Object.entries(whole).filter((entry): entry is [string, string] => entry[1] !== undefined))
}
