import {join} from 'node:path'
import {ReplayAbortedError, UsageError} from '../../domain/errors.ts'
import type {RestorePlan} from '../../domain/recovery/plan.ts'
import type {CopyProgress, ServerObservation} from '../../domain/recovery/progress.ts'
import {
	configFileText,
	fetchWalText,
	hbaText,
	identText,
	unpackersOf,
	walListText,
	workFile,
} from '../../domain/recovery/wal-feed.ts'
import type {UtcInstant} from '../../domain/time.ts'
import type {RestoreEngine} from '../../ports.ts'
import {writeWholeFile} from '../durable-files.ts'
import {run} from '../process.ts'
import {copyTree} from './copy.ts'
import {destinationTrouble, freeBytesAt, isMadeBy, makeDirectories, refuseOccupied, removeMade} from './directories.ts'
import {disarmCopy} from './disarm.ts'
import {ServerWatch} from './observe.ts'
import {checkSettings, launch, promoteServer, shutDown} from './server.ts'

/** Restores with PostgreSQL's own programs on this machine. */
export class LocalRestoreEngine implements RestoreEngine {
	readonly #now: () => UtcInstant
	readonly #watches = new Map<string, ServerWatch>()

	constructor({now}: {readonly now: () => UtcInstant}) {
		this.#now = now
	}

	async createDirectories(plan: RestorePlan): Promise<void> {
		refuseOpenDoors(plan)
		await requireUnpackers(plan)
		await makeDirectories(plan)
	}

	async copyBaseBackup(
		plan: RestorePlan,
		onProgress: (progress: CopyProgress) => void,
		signal: AbortSignal,
	): Promise<{readonly bytes: number; readonly files: number}> {
		// Outside the clean-up below: what somebody else has put there meanwhile is not lastgood's to remove.
		await refuseOccupied(plan.destination)
		let neededBytes = plan.backup.bytes
		try {
			return await copyTree(
				plan,
				progress => {
					neededBytes = progress.totalBytes
					onProgress(progress)
				},
				signal,
			)
		} catch (error) {
			await removeMade(plan)
			throw await destinationTrouble(error, plan, neededBytes)
		}
	}

	disarm(plan: RestorePlan): Promise<readonly string[]> {
		return writing(plan, () => disarmCopy(plan))
	}

	writeConfiguration(plan: RestorePlan): Promise<readonly string[]> {
		return writing(plan, async () => {
			const {workDirectory, serverUser: owner} = plan
			const files = [
				{path: workFile(workDirectory, 'walList'), text: walListText(plan), mode: 0o600},
				{path: workFile(workDirectory, 'fetchWal'), text: fetchWalText, mode: 0o700},
				{path: workFile(workDirectory, 'hba'), text: hbaText, mode: 0o600},
				{path: workFile(workDirectory, 'ident'), text: identText, mode: 0o600},
				{path: workFile(workDirectory, 'config'), text: configFileText(plan.settings), mode: 0o600},
				// Last, when all that it leads to is there: without it PostgreSQL recovers as after a crash, without the archive.
				{path: join(plan.destination, 'recovery.signal'), text: '', mode: 0o600},
			]
			for (const {path, text, mode} of files) await writeWholeFile(path, text, {mode, owner})
			return files.map(({path}) => path)
		})
	}

	checkConfiguration(plan: RestorePlan): Promise<void> {
		return checkSettings(plan)
	}

	startServer(plan: RestorePlan): Promise<{readonly pid: number}> {
		return launch(plan)
	}

	observe(plan: RestorePlan): Promise<ServerObservation> {
		return this.#watch(plan).look(this.#now)
	}

	promote(plan: RestorePlan): Promise<void> {
		return promoteServer(plan, () => this.observe(plan))
	}

	async stopServer(plan: RestorePlan): Promise<void> {
		this.#watches.get(plan.recovery)?.close()
		await shutDown(plan)
	}

	async removeAll(plan: RestorePlan): Promise<readonly string[]> {
		// A server on a directory that this recovery did not make is not its to stop either.
		if (await isMadeBy(plan)) await this.stopServer(plan)
		const removed = await removeMade(plan)
		this.#watches.delete(plan.recovery)
		return removed
	}

	freeBytes(plan: RestorePlan): Promise<number> {
		return freeBytesAt(plan.destination)
	}

	#watch(plan: RestorePlan): ServerWatch {
		const known = this.#watches.get(plan.recovery)
		if (known !== undefined) return known
		const watch = new ServerWatch(plan)
		this.#watches.set(plan.recovery, watch)
		return watch
	}
}

async function writing<T>(plan: RestorePlan, act: () => Promise<T>): Promise<T> {
	try {
		return await act()
	} catch (error) {
		throw await destinationTrouble(error, plan)
	}
}

/** Settings that keep the restored server to itself. A plan may come out of a file that somebody has edited. */
function refuseOpenDoors(plan: RestorePlan): void {
	const settings = new Map(plan.settings)
	const closed: readonly (readonly [string, string])[] = [
		['archive_mode', 'off'],
		['listen_addresses', ''],
		['unix_socket_directories', plan.socketDirectory],
		['hba_file', workFile(plan.workDirectory, 'hba')],
		['primary_conninfo', ''],
		['archive_cleanup_command', ''],
		['recovery_end_command', ''],
	]
	for (const [name, value] of closed) {
		const planned = settings.get(name)
		if (planned === value) continue
		throw new UsageError(
			`the plan sets ${name} to '${planned ?? ''}', and only '${value}' keeps the restored server to itself`,
			['make the plan anew with lastgood plan'],
		)
	}
}

/** Without the program every fetch of a packed segment would fail, after the whole base backup has been copied. */
async function requireUnpackers(plan: RestorePlan): Promise<void> {
	for (const program of unpackersOf(plan)) {
		const answer = await run('/bin/sh', ['-c', 'command -v "$1"', 'sh', program], {asUser: plan.serverUser})
		if (answer.exitCode === 0) continue
		throw new ReplayAbortedError(
			`the archive is packed with ${program}, which is not installed for ${plan.serverUser.name}`,
			[`install ${program} with the system's package manager`],
		)
	}
}
