import {constants} from 'node:fs'
import {type FileHandle, mkdir, open, readdir, readFile, stat} from 'node:fs/promises'
import {dirname, isAbsolute, join} from 'node:path'
import {JournalUnreadableError} from '../domain/errors.ts'
import {type JournalEntry, journalLine, parseJournalLine} from '../domain/recovery/journal.ts'
import type {JournalStore} from '../ports.ts'
import {syncDirectory, systemCode, writeWholeFile} from './durable-files.ts'

const journalFile = 'journal.ndjson'
const lineBreak = 0x0a

/** Where recoveries are remembered unless `--state` says otherwise: LASTGOOD_STATE_HOME, XDG_STATE_HOME, or ~/.local/state. */
export function stateDirectory(env: Readonly<Record<string, string | undefined>>, home: string): string {
	const own = env.LASTGOOD_STATE_HOME
	if (own !== undefined && own !== '') return own
	const xdg = env.XDG_STATE_HOME
	// The XDG Base Directory Specification has a relative path ignored.
	return join(xdg !== undefined && isAbsolute(xdg) ? xdg : join(home, '.local', 'state'), 'lastgood')
}

/** Journals in files: `recoveries/<id>/journal.ndjson` below the state directory, one entry a line, readable by their owner only. */
export class FileJournalStore implements JournalStore {
	readonly #recoveries: string
	/** Appends to one journal follow one another, so that each finds the end where the one before left it. */
	readonly #appending = new Map<string, Promise<void>>()

	constructor(stateDirectory: string) {
		this.#recoveries = join(stateDirectory, 'recoveries')
	}

	append(recoveryId: string, entry: JournalEntry): Promise<void> {
		const before = this.#appending.get(recoveryId) ?? Promise.resolve()
		const path = this.pathOf(recoveryId)
		const appended = before.then(() => writing(path, () => append(path, entry)))
		this.#appending.set(
			recoveryId,
			appended.catch(() => {}),
		)
		return appended
	}

	async read(recoveryId: string): Promise<readonly JournalEntry[]> {
		const path = this.pathOf(recoveryId)
		const text = await readFile(path, 'utf8').catch(async (error: unknown) => {
			if (systemCode(error) === 'ENOENT') throw await this.#unknown(recoveryId)
			throw new JournalUnreadableError(
				`${path} cannot be read: ${words(error)}`,
				['run lastgood as the account that started the recovery'],
				{cause: error},
			)
		})
		const lines = text.split('\n')
		// Nothing follows the last line break of a whole journal; what does was being written when lastgood or the machine stopped.
		const torn = lines.pop() ?? ''
		const entries = lines.map((line, index) => {
			const reading = parseJournalLine(line)
			if (reading.ok) return reading.entry
			throw new JournalUnreadableError(`${path} is damaged in line ${index + 1}: ${reading.problem}`, [
				`look at it: sed -n ${index + 1}p ${path}`,
				'the lines before it tell what was done until then; a newer lastgood may know entries that this one does not',
			])
		})
		const last = parseJournalLine(torn)
		return last.ok ? [...entries, last.entry] : entries
	}

	async list(): Promise<readonly string[]> {
		const names = await readdir(this.#recoveries).catch(error => {
			if (systemCode(error) === 'ENOENT') return []
			throw new JournalUnreadableError(
				`${this.#recoveries} cannot be read: ${words(error)}`,
				['run lastgood as the account that started the recovery'],
				{cause: error},
			)
		})
		const withJournal = await Promise.all(
			names
				.filter(isRecoveryId)
				.map(async id => ((await stat(this.pathOf(id)).catch(() => undefined))?.isFile() === true ? [id] : [])),
		)
		return withJournal.flat().sort()
	}

	pathOf(recoveryId: string): string {
		return join(this.#directoryOf(recoveryId), journalFile)
	}

	async writeRendering(recoveryId: string, name: string, text: string): Promise<string> {
		if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name) || name === journalFile)
			throw new Error(`no rendering can be named ${JSON.stringify(name)}`)
		const path = join(this.#directoryOf(recoveryId), name)
		await writing(path, async () => {
			await makeDurableDirectory(dirname(path))
			await writeWholeFile(path, text, {mode: 0o600})
		})
		return path
	}

	#directoryOf(recoveryId: string): string {
		if (!isRecoveryId(recoveryId)) {
			throw new JournalUnreadableError(`${JSON.stringify(recoveryId)} is no name of a recovery`, [
				'such names are of small letters, digits and dashes: lastgood status shows the latest one',
			])
		}
		return join(this.#recoveries, recoveryId)
	}

	async #unknown(recoveryId: string): Promise<JournalUnreadableError> {
		const known = await this.list()
		return new JournalUnreadableError(`there is no recovery ${recoveryId} in ${this.#recoveries}`, [
			known.length === 0 ? 'none is recorded there' : `recorded there: ${known.join(', ')}`,
			'name the state folder that it was started with: --state <folder>',
		])
	}
}

async function append(path: string, entry: JournalEntry): Promise<void> {
	await makeDurableDirectory(dirname(path))
	const {O_CREAT, O_RDWR, O_APPEND, O_NOFOLLOW} = constants
	const file = await open(path, O_CREAT | O_RDWR | O_APPEND | O_NOFOLLOW, 0o600)
	try {
		const {size} = await file.stat()
		if (size === 0) await syncDirectory(dirname(path))
		else await healTail(file, size)
		await file.appendFile(`${journalLine(entry)}\n`)
		await file.sync()
	} finally {
		await file.close()
	}
}

async function writing<T>(path: string, write: () => Promise<T>): Promise<T> {
	try {
		return await write()
	} catch (error) {
		if (systemCode(error) === undefined) throw error
		throw new JournalUnreadableError(
			`${path} cannot be written: ${words(error)}`,
			[
				'name another folder for what lastgood remembers: --state <folder>',
				'nothing is done that was not written down first',
			],
			{cause: error},
		)
	}
}

/** An entry that was cut off is taken back, and one that lacks only its line break gets it: what was read of the journal stays true. */
async function healTail(file: FileHandle, size: number): Promise<void> {
	const last = Buffer.alloc(1)
	await file.read(last, 0, 1, size - 1)
	if (last[0] === lineBreak) return
	const whole = Buffer.alloc(size)
	await file.read(whole, 0, size, 0)
	const tailAt = whole.lastIndexOf(lineBreak) + 1
	if (parseJournalLine(whole.subarray(tailAt).toString()).ok) await file.appendFile('\n')
	else await file.truncate(tailAt)
}

/** Makes the directory, and forces its name to disk with those above that were missing too. */
async function makeDurableDirectory(path: string): Promise<void> {
	const topmost = await mkdir(path, {recursive: true, mode: 0o700})
	if (topmost === undefined) return
	for (let at = path; ; at = dirname(at)) {
		await syncDirectory(dirname(at))
		if (at === topmost) return
	}
}

function isRecoveryId(name: string): boolean {
	return /^[a-z0-9-]+$/.test(name)
}

function words(error: unknown): string {
	return systemCode(error) === 'EACCES' ? 'permission denied' : error instanceof Error ? error.message : String(error)
}
