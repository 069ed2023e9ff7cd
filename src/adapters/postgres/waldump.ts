import {rmSync} from 'node:fs'
import {mkdtemp, open, readlink, rm, symlink, unlink} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import type {ArchivedSegment} from '../../domain/archive/survey.ts'
import {OperatorError, WaldumpFailedError, WaldumpVersionMismatchError} from '../../domain/errors.ts'
import {formatLsn, type Lsn} from '../../domain/wal/lsn.ts'
import {longPageHeaderBytes, readSegmentHeader, segmentFileName, segmentNumberOf} from '../../domain/wal/segment.ts'
import {firstSeam, type Seam} from '../../domain/wal/succession.ts'
import type {ArchiveStore, Codecs, WaldumpEnding, WalReader} from '../../ports.ts'
import {stream} from '../process.ts'
import type {PostgresInstallation} from './programs.ts'
import {installationFor, programPath} from './programs.ts'

type DumpRequest = Parameters<WalReader['dump']>[0]

/** What the reader is made of. */
export interface WalReaderOptions {
	readonly codecs: Codecs
	readonly installations: () => Promise<readonly PostgresInstallation[]>
	/** How much unpacked WAL one run of pg_waldump is given; twice as much lies on disk, for the next part is unpacked meanwhile. */
	readonly batchBytes?: number
	/** Where the private folder is made; the system's temporary folder when absent. */
	readonly temporaryDirectory?: string
}

const defaultBatchBytes = 64 * 1024 * 1024

/** Reads WAL through the pg_waldump of its own major version. */
export function createWalReader(options: WalReaderOptions): WalReader {
	return {
		async dump(request) {
			const installations = await options.installations()
			const installation = installationFor(request.postgresMajor, installations)
			if (installation === undefined) throw await versionMismatch(options.codecs, request, installations)
			return new Dump(options, programPath(installation, 'pg_waldump'), request).run()
		},
		async installedMajors() {
			const installations = await options.installations()
			const majors = installations.filter(({has}) => has.includes('pg_waldump')).map(({major}) => major)
			return [...new Set(majors)].sort((a, b) => a - b)
		},
	}
}

/** A part of the chain that one run reads: segments from `first` to `last`, records from `from` up to the seam `to`. */
interface Batch {
	readonly first: number
	readonly last: number
	readonly from: Lsn | undefined
	readonly to: Seam | undefined
}

/**
 * One dump. pg_waldump takes the segment size from the first file that its directory happens to list, and waits 5 seconds
 * for a file that is not there: it is given a private directory with exactly the segments it reads, as links where the archive
 * is a plain one on this machine, else as unpacked copies, few at a time.
 *
 * The copies are read in batches that meet at a record: the header of a segment's first page says where the first record that
 * begins in it stands: one run ends before it (-e), the next begins with it (-s), and a record that crosses is read whole.
 *
 * Over a fork every segment goes by one timeline's name: pg_waldump opens files of one timeline only, but it reads whatever
 * stands in them, and across a fork the records are one chain.
 */
class Dump {
	readonly #options: WalReaderOptions
	readonly #program: string
	readonly #request: DumpRequest
	readonly #names: readonly string[]
	readonly #realNames: ReadonlyMap<string, string>
	readonly #present = new Set<number>()
	#folder = ''

	constructor(options: WalReaderOptions, program: string, request: DumpRequest) {
		this.#options = options
		this.#program = program
		this.#request = request
		const timeline = request.segments.at(-1)?.timeline
		this.#names = request.segments.map(({timeline: own, number}) =>
			segmentFileName({timeline: timeline ?? own, number}, request.walSegmentBytes),
		)
		this.#realNames = new Map(request.segments.map((segment, index) => [this.#names[index] ?? '', segment.name]))
	}

	run(): Awaited<ReturnType<WalReader['dump']>> {
		let settle: (ending: WaldumpEnding) => void = () => {}
		let fail: (reason: unknown) => void = () => {}
		const ended = new Promise<WaldumpEnding>((resolve, reject) => {
			settle = resolve
			fail = reject
		})
		// Whoever reads the text meets the same error there.
		ended.catch(() => {})
		const text = this.#text.bind(this)
		async function* told(): AsyncGenerator<string> {
			let ending: WaldumpEnding = {exitCode: null, stderr: ''}
			try {
				ending = yield* text()
			} catch (error) {
				fail(error)
				throw error
			} finally {
				settle(ending)
			}
		}
		return {text: told(), ended}
	}

	async *#text(): AsyncGenerator<string, WaldumpEnding> {
		if (this.#request.segments.length === 0) return {exitCode: 0, stderr: ''}
		// Unpacking ahead ends with the dump, whatever ends that.
		const ahead = new AbortController()
		const signal = AbortSignal.any([
			ahead.signal,
			...(this.#request.signal === undefined ? [] : [this.#request.signal]),
		])
		signal.throwIfAborted()
		this.#folder = await privateFolder(this.#options.temporaryDirectory ?? tmpdir())
		let pending: Promise<Batch | undefined> = Promise.resolve(undefined)
		try {
			let batch: Batch | undefined = await this.#prepare(0, this.#request.startLsn, signal)
			for (;;) {
				const {last, to} = batch
				pending = to === undefined ? Promise.resolve(undefined) : this.#prepare(last, to.startLsn, signal)
				pending.catch(() => {})
				const ending: WaldumpEnding = yield* this.#dump(batch)
				const next: Batch | undefined = ending.exitCode === 0 ? await pending : undefined
				if (next === undefined) return ending
				await this.#remove(batch.first, next.first)
				batch = next
			}
		} finally {
			ahead.abort()
			await pending.catch(() => {})
			await removeFolder(this.#folder)
		}
	}

	async *#dump(batch: Batch): AsyncGenerator<string, WaldumpEnding> {
		const {rmgrs = [], postgresMajor, signal} = this.#request
		// Up to 14 the last -r alone counts.
		const filters = postgresMajor >= 15 ? rmgrs.flatMap(rmgr => ['-r', rmgr]) : []
		const args = [
			'-p',
			this.#folder,
			...filters,
			...(batch.from === undefined ? [] : ['-s', formatLsn(batch.from)]),
			// Where the last record ends, not where the next begins: behind a page header pg_waldump would read on, into a page that
			// it has only a part of, and take what its buffer held before for a record.
			...(batch.to === undefined ? [] : ['-e', formatLsn(batch.to.endLsn)]),
			this.#names[batch.first] ?? '',
			this.#names[batch.last] ?? '',
		]
		try {
			const running = stream(this.#program, args, {signal})
			const decoder = new TextDecoder()
			for await (const bytes of running.stdout) yield decoder.decode(bytes, {stream: true})
			const rest = decoder.decode()
			if (rest !== '') yield rest
			const {exitCode, stderr} = await running.finished
			return {exitCode, stderr: this.#withRealNames(stderr)}
		} catch (error) {
			throw signal?.aborted === true || error instanceof OperatorError ? error : notRun(this.#program, error)
		}
	}

	/** Puts the segments from `first` on in place, as many as a batch takes, and finds where it ends. */
	async #prepare(first: number, from: Lsn | undefined, signal: AbortSignal): Promise<Batch> {
		const {segments, walSegmentBytes} = this.#request
		const most = this.#options.batchBytes ?? defaultBatchBytes
		let copiedBytes = 0
		let last = first
		for (; last < segments.length; last++) {
			copiedBytes += (await this.#place(last, signal)) ? walSegmentBytes : 0
			const isCut = last > first && copiedBytes >= most && last < segments.length - 1
			if (!isCut) continue
			const to = firstSeam(await this.#header(last), walSegmentBytes)
			// A record longer than a segment: its end is further on, or beyond all that there is.
			if (segments[last]?.number === segmentNumberOf(to.endLsn, walSegmentBytes)) return {first, last, from, to}
		}
		return {first, last: segments.length - 1, from, to: undefined}
	}

	/** Links or unpacks one segment; tells whether it takes room. */
	async #place(index: number, signal: AbortSignal): Promise<boolean> {
		const segment = this.#request.segments[index]
		const path = this.#path(index)
		if (segment === undefined) return false
		if (this.#present.has(index)) return (await readlink(path).catch(() => undefined)) === undefined
		this.#present.add(index)
		const original = segment.codec === 'none' ? this.#request.store.localPath(segment.key) : undefined
		if (original !== undefined) {
			await symlink(original, path)
			return false
		}
		await this.#unpack(segment, path, signal)
		return true
	}

	async #unpack(segment: ArchivedSegment, path: string, signal: AbortSignal): Promise<void> {
		const {store, walSegmentBytes} = this.#request
		try {
			const file = await open(path, 'wx', 0o600)
			try {
				let room = walSegmentBytes
				for await (const bytes of this.#options.codecs.content(store, segment, signal)) {
					signal.throwIfAborted()
					// pg_waldump never looks behind the size that the header states, and neither does anybody need it.
					await file.writeFile(bytes.subarray(0, room))
					room -= Math.min(room, bytes.byteLength)
				}
			} finally {
				await file.close()
			}
		} catch (error) {
			throw isFull(error) ? noRoom(this.#folder, error) : error
		}
	}

	async #header(index: number): Promise<Uint8Array> {
		const file = await open(this.#path(index), 'r')
		try {
			const bytes = new Uint8Array(longPageHeaderBytes)
			await file.read(bytes, 0, longPageHeaderBytes, 0)
			return bytes
		} finally {
			await file.close()
		}
	}

	async #remove(first: number, end: number): Promise<void> {
		for (let index = first; index < end; index++) await unlink(this.#path(index))
	}

	#path(index: number): string {
		return join(this.#folder, this.#names[index] ?? '')
	}

	/** Over a fork messages name files that only the private folder has. */
	#withRealNames(stderr: string): string {
		return stderr.replaceAll(/\b[0-9A-F]{24}\b/g, name => this.#realNames.get(name) ?? name)
	}
}

const folders = new Set<string>()
let isExitWatched = false

/** A folder that is removed also when the process ends before anybody else could. */
async function privateFolder(parent: string): Promise<string> {
	// Once: dumps that begin together would each add a listener.
	if (!isExitWatched) process.once('exit', removeLeftFolders)
	isExitWatched = true
	try {
		const folder = await mkdtemp(join(parent, 'lastgood-wal-'))
		folders.add(folder)
		return folder
	} catch (error) {
		throw isFull(error) ? noRoom(parent, error) : error
	}
}

async function removeFolder(folder: string): Promise<void> {
	await rm(folder, {recursive: true, force: true})
	folders.delete(folder)
}

function removeLeftFolders(): void {
	for (const folder of folders) rmSync(folder, {recursive: true, force: true})
}

function isFull(error: unknown): boolean {
	return error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT')
}

function noRoom(folder: string, cause: unknown): WaldumpFailedError {
	return new WaldumpFailedError(
		`there is no room in ${folder} to unpack WAL for pg_waldump`,
		[`free space there (df -h ${folder})`, 'or set TMPDIR to a folder on a file system that has room'],
		{cause},
	)
}

function notRun(program: string, cause: unknown): WaldumpFailedError {
	const message = cause instanceof Error ? cause.message : String(cause)
	return new WaldumpFailedError(
		`${program} could not be run: ${message}`,
		[`run ${program} --version to see what is wrong with it`, 'or name another folder of programs with --pg-bin'],
		{cause},
	)
}

async function versionMismatch(
	codecs: Codecs,
	request: DumpRequest,
	installations: readonly PostgresInstallation[],
): Promise<WaldumpVersionMismatchError> {
	const {postgresMajor: major} = request
	const magic = await pageMagicOf(codecs, request.store, request.segments[0])
	const installed = installations.filter(({has}) => has.includes('pg_waldump')).map(({version}) => version)
	const reading = magic === undefined ? '' : ` (page magic ${magic})`
	const here = installed.length === 0 ? 'no pg_waldump is installed at all' : `installed here: ${installed.join(', ')}`
	return new WaldumpVersionMismatchError(
		`the WAL is of PostgreSQL ${major}${reading} and only pg_waldump ${major} reads it; ${here}`,
		[
			`install PostgreSQL ${major}: apt install postgresql-${major} (Debian, Ubuntu), dnf install postgresql${major}-server (PGDG), brew install postgresql@${major}`,
			`or name the folder of its programs: --pg-bin /usr/lib/postgresql/${major}/bin`,
		],
	)
}

async function pageMagicOf(
	codecs: Codecs,
	store: ArchiveStore,
	segment: ArchivedSegment | undefined,
): Promise<string | undefined> {
	if (segment === undefined) return undefined
	const head = await codecs.head(store, segment, longPageHeaderBytes).catch(() => undefined)
	const reading = head === undefined ? undefined : readSegmentHeader(head.bytes)
	return reading?.ok === true ? reading.header.pageMagic.toString(16).toUpperCase() : undefined
}
