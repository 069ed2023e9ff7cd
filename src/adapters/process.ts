import {type ChildProcess, type SpawnOptions, spawn} from 'node:child_process'
import {constants} from 'node:fs'
import {open, readFile, stat} from 'node:fs/promises'
import {pipeline, Readable} from 'node:stream'
import type {OsUser} from '../ports.ts'

/** How a program is run: as whom, where, with what on its standard input, and what ends it early. */
export interface RunOptions {
	readonly asUser?: OsUser | undefined
	readonly cwd?: string | undefined
	/** Added to the caller's environment, from which every PG* and locale variable is taken first. */
	readonly env?: Readonly<Record<string, string>> | undefined
	/** Ends the program with SIGTERM, then SIGKILL; the call then rejects with the signal's reason. */
	readonly signal?: AbortSignal | undefined
	/** Given whole, or as it comes; where the giver fails, the program sees its input end early. */
	readonly input?: string | Uint8Array | AsyncIterable<Uint8Array> | undefined
}

/** How a program ended, and everything it said. */
export interface RunResult {
	readonly exitCode: number | null
	readonly signal: string | null
	readonly stdout: string
	readonly stderr: string
}

/** How a streamed program ended. Of a long standard error the first and the last 64 kB are kept. */
export interface StreamEnding {
	readonly exitCode: number | null
	readonly signal: string | null
	readonly stderr: string
}

/** A running program whose output is read as it comes; it waits when nobody reads. */
export interface RunningStream {
	readonly stdout: AsyncIterable<Uint8Array>
	readonly finished: Promise<StreamEnding>
	kill(): void
}

/** How a program is started that outlives lastgood and its terminal. */
export interface DetachedOptions {
	readonly asUser?: OsUser | undefined
	readonly cwd: string
	readonly env?: Readonly<Record<string, string>> | undefined
	/** Standard output and error are appended here, in a file that belongs to the user who runs the program. */
	readonly outputFile: string
}

const stderrKeptBytes = 64 * 1024
const killAfterMs = 5000
const pipesMayLingerMs = 2000

/**
 * Runs a program to its end. A non-zero exit is an answer, not an error; rejects when the program cannot be started,
 * and with the signal's reason when it was ended early.
 */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
	const child = await start(command, args, options)
	const stdout: Uint8Array[] = []
	const stderr: Uint8Array[] = []
	child.stdout?.on('data', (chunk: Uint8Array) => stdout.push(chunk))
	child.stderr?.on('data', (chunk: Uint8Array) => stderr.push(chunk))
	const {exitCode, signal} = await ended(child, options.signal)
	return {exitCode, signal, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString()}
}

/**
 * Runs a program whose output is read while it runs. Leaving the loop over `stdout` early ends the program. `stdout` and
 * `finished` both reject when the program cannot be started, or was ended by the signal.
 */
export function stream(command: string, args: readonly string[], options: RunOptions = {}): RunningStream {
	const stderr = new BoundedText(stderrKeptBytes)
	let killed = false
	const starting = start(command, args, options).then(child => {
		// Node throws away what is still in the pipe when a child ends before anybody reads; a listener keeps it.
		child.stdout?.on('readable', () => {})
		child.stderr?.on('data', (chunk: Uint8Array) => stderr.add(chunk))
		if (killed) child.kill('SIGTERM')
		return child
	})
	const finished = starting.then(async child => {
		const ending = await ended(child, options.signal, [child.stderr])
		return {...ending, stderr: stderr.text()}
	})
	finished.catch(() => {})

	const kill = (): void => {
		killed = true
		starting.then(
			child => child.kill('SIGTERM'),
			() => {},
		)
	}
	async function* output(): AsyncGenerator<Uint8Array> {
		let whole = false
		try {
			const child = await starting
			if (child.stdout !== null) for await (const chunk of child.stdout) yield chunk
			whole = true
		} finally {
			if (!whole) kill()
		}
		if (options.signal?.aborted) await finished
	}
	return {stdout: output(), finished, kill}
}

/**
 * Starts a program in its own session with nothing on its standard input, so that neither lastgood's end nor a closed
 * terminal reaches it. Resolves once it runs.
 */
export async function startDetached(
	command: string,
	args: readonly string[],
	options: DetachedOptions,
): Promise<{readonly pid: number}> {
	const {O_APPEND, O_CREAT, O_WRONLY, O_NOFOLLOW} = constants
	// Opened here, so that root can put the log where the server's user may not create files; never through a link.
	const output = await open(options.outputFile, O_APPEND | O_CREAT | O_WRONLY | O_NOFOLLOW, 0o600)
	try {
		const asUser = otherUser(options.asUser)
		if (asUser !== undefined) await output.chown(asUser.uid, asUser.gid)
		const child = await start(command, args, options, output.fd)
		child.unref()
		if (child.pid === undefined) throw new Error(`cannot start ${command}: it has no process id`)
		return {pid: child.pid}
	} finally {
		await output.close()
	}
}

/** Whether a process of this id runs. One that has ended but was never collected by its parent does not. */
export async function isAlive(pid: number): Promise<boolean> {
	try {
		process.kill(pid, 0)
	} catch (error) {
		if (codeOf(error) !== 'EPERM') return false
	}
	// A server orphaned in a container whose first process collects nobody stays in the process table for ever.
	const status = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
	return !/^\d+ \(.*\) [ZX] /s.test(status)
}

/**
 * The environment of every program: TZ=UTC because pg_waldump prints commit times in its own process's zone, LC_ALL=C
 * because messages are matched, and no PG* variable, because PGDATA, PGHOST, PGOPTIONS and PGTZ redirect PostgreSQL's tools.
 */
function environment(options: Pick<RunOptions, 'asUser' | 'env'>): Record<string, string> {
	const inherited = Object.entries(process.env).filter(([name]) => !/^(PG|LC_|LANG)/.test(name))
	const user = otherUser(options.asUser)
	const account = user === undefined ? {} : {HOME: user.home, USER: user.name, LOGNAME: user.name}
	return {
		...(Object.fromEntries(inherited) as Record<string, string>),
		...account,
		...options.env,
		TZ: 'UTC',
		LC_ALL: 'C',
		LANG: 'C',
	}
}

function otherUser(user: OsUser | undefined): OsUser | undefined {
	return user === undefined || user.uid === process.getuid?.() ? undefined : user
}

async function start(
	command: string,
	args: readonly string[],
	options: RunOptions,
	detachedOutput?: number,
): Promise<ChildProcess> {
	options.signal?.throwIfAborted()
	const user = otherUser(options.asUser)
	// Another user may have no way into the caller's directory, of which PostgreSQL's tools complain.
	const cwd = options.cwd ?? (user === undefined ? undefined : '/')
	const child = await spawned(command, args, {
		env: environment(options),
		...(cwd === undefined ? {} : {cwd}),
		...(user === undefined ? {} : {uid: user.uid, gid: user.gid}),
		...(detachedOutput === undefined
			? {stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe']}
			: {detached: true, stdio: ['ignore', detachedOutput, detachedOutput]}),
	}).catch(async (error: unknown) => {
		throw new Error(`cannot start ${command}: ${await whyNotStarted(command, cwd, options.asUser, error)}`, {
			cause: error,
		})
	})
	child.on('error', () => {})
	if (child.stdin !== null && options.input !== undefined) {
		// A program that ends without reading its input is no failure of ours: its exit code says what it made of it.
		child.stdin.on('error', () => {})
		if (typeof options.input === 'string' || options.input instanceof Uint8Array) child.stdin.end(options.input)
		else pipeline(Readable.from(options.input, {objectMode: false}), child.stdin, () => {})
	}
	return child
}

function spawned(command: string, args: readonly string[], options: SpawnOptions): Promise<ChildProcess> {
	return new Promise((resolve, reject) => {
		// Throws for some errors (EPERM) and reports others (ENOENT, EACCES) later.
		const child = spawn(command, [...args], options)
		child.once('spawn', () => resolve(child))
		child.once('error', reject)
	})
}

/** Waits for the end, and ends the program when the signal fires. */
async function ended(
	child: ChildProcess,
	signal: AbortSignal | undefined,
	pipes: readonly (Readable | null)[] = [child.stdout, child.stderr],
): Promise<{readonly exitCode: number | null; readonly signal: string | null}> {
	let forced: NodeJS.Timeout | undefined
	const stop = (): void => {
		child.kill('SIGTERM')
		forced = setTimeout(() => child.kill('SIGKILL'), killAfterMs)
	}
	signal?.addEventListener('abort', stop, {once: true})
	if (signal?.aborted) stop()
	try {
		if (child.exitCode === null && child.signalCode === null) {
			await new Promise<void>(resolve => child.once('exit', () => resolve()))
		}
		// A daemon that the program left behind may hold its pipes open for ever: what it says is not waited for.
		const pipesClosed = Promise.all(
			pipes.map(
				pipe => new Promise<void>(resolve => (pipe?.closed === false ? pipe.once('close', resolve) : resolve())),
			),
		)
		let lingering: NodeJS.Timeout | undefined
		await Promise.race([
			pipesClosed,
			new Promise<void>(resolve => {
				lingering = setTimeout(resolve, pipesMayLingerMs)
			}),
		])
		clearTimeout(lingering)
		for (const pipe of pipes) pipe?.destroy()
		signal?.throwIfAborted()
		return {exitCode: child.exitCode, signal: child.signalCode}
	} finally {
		clearTimeout(forced)
		signal?.removeEventListener('abort', stop)
	}
}

/** The system says ENOENT for a missing program, directory and interpreter alike, and EACCES once PATH has a closed directory. */
async function whyNotStarted(
	command: string,
	cwd: string | undefined,
	user: OsUser | undefined,
	error: unknown,
): Promise<string> {
	const cwdExists = cwd === undefined || (await stat(cwd).catch(() => undefined)) !== undefined
	if (!cwdExists) return `the directory ${cwd} does not exist`
	const who = user?.name ?? 'this user'
	switch (codeOf(error)) {
		case 'ENOENT':
			return 'there is no such program'
		case 'EACCES':
			return command.includes('/') ? `${who} may not run it` : `there is no such program that ${who} may run`
		case 'EPERM':
			return user === undefined ? 'the system does not permit it' : `only root can run a program as ${user.name}`
		default:
			return error instanceof Error ? error.message : String(error)
	}
}

function codeOf(error: unknown): string | undefined {
	return error instanceof Error && 'code' in error ? String(error.code) : undefined
}

/** Keeps the beginning and the end of a text of any length. */
class BoundedText {
	readonly #keptBytes: number
	#first = Buffer.alloc(0)
	#last = Buffer.alloc(0)
	#omittedBytes = 0

	constructor(keptBytes: number) {
		this.#keptBytes = keptBytes
	}

	add(chunk: Uint8Array): void {
		const room = this.#keptBytes - this.#first.length
		this.#first = Buffer.concat([this.#first, chunk.subarray(0, room)])
		const last = Buffer.concat([this.#last, chunk.subarray(room)])
		const surplus = Math.max(0, last.length - this.#keptBytes)
		this.#omittedBytes += surplus
		this.#last = last.subarray(surplus)
	}

	text(): string {
		const omitted = this.#omittedBytes === 0 ? '' : `\n[${this.#omittedBytes} bytes left out]\n`
		return `${this.#first.toString()}${omitted}${this.#last.toString()}`
	}
}
