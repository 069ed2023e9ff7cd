import {access, readFile, readlink, realpath, rename} from 'node:fs/promises'
import {join} from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import {PromotionFailedError, ReplayAbortedError, ServerStillRunningError, UsageError} from '../../domain/errors.ts'
import type {PlanStepId, RestorePlan} from '../../domain/recovery/plan.ts'
import {readServerLog, type ServerObservation} from '../../domain/recovery/progress.ts'
import {workFile} from '../../domain/recovery/wal-feed.ts'
import {systemCode} from '../durable-files.ts'
import {isAlive, run, startDetached} from '../process.ts'
import {programPath} from './programs.ts'

const pollMs = 20
const fastShutdownSeconds = 60
const immediateShutdownSeconds = 15
const promotionMs = 10 * 60_000

/** Process id of the postmaster on the destination; undefined when none runs there. */
export async function postmasterPid({destination}: Pick<RestorePlan, 'destination'>): Promise<number | undefined> {
	const text = await readFile(join(destination, 'postmaster.pid'), 'utf8').catch(error => {
		if (['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '')) return ''
		if (systemCode(error) !== 'EACCES') throw error
		throw new UsageError(`this account may not look into ${destination}`, [
			'run lastgood as root, or as the account that started the recovery',
		])
	})
	const pid = Number(/^(\d+)\n/.exec(text)?.[1])
	if (!Number.isSafeInteger(pid) || pid <= 0 || !(await isAlive(pid))) return undefined
	// After a crash of the machine the number may be another program's: a postmaster works in its data directory.
	const worksIn = await readlink(`/proc/${pid}/cwd`).catch(() => undefined)
	return worksIn === undefined || worksIn === (await realpath(destination)) ? pid : undefined
}

/** Starts the server and waits until it has begun its work. Throws ReplayAbortedError with its own words when it ends before. */
export async function launch(plan: RestorePlan): Promise<{readonly pid: number}> {
	const running = await postmasterPid(plan)
	if (running !== undefined) throw stillRunning(plan, running)
	const serverLog = workFile(plan.workDirectory, 'serverLog')
	await keepOldLog(serverLog)
	const {program, args} = plannedCommand(plan, 'start-server')
	const options = {asUser: plan.serverUser, cwd: plan.destination, outputFile: serverLog}
	const {pid} = await startDetached(program, args, options).catch(notRunnable(plan))
	for (;;) {
		if ((await postmasterPid(plan)) === pid && (await hasBegun(plan))) return {pid}
		if (!(await isAlive(pid))) throw await startFailure(plan)
		await sleep(pollMs)
	}
}

/** The eighth line of postmaster.pid is the status: it comes once sockets, libraries and shared memory are had (miscadmin.h). */
async function hasBegun({destination}: RestorePlan): Promise<boolean> {
	const text = await readFile(join(destination, 'postmaster.pid'), 'utf8').catch(() => '')
	return (text.split('\n')[7] ?? '') !== ''
}

/** The command of a step, as the plan shows and exports it: what is run is that very one. */
function plannedCommand(
	plan: RestorePlan,
	id: PlanStepId,
): {readonly program: string; readonly args: readonly string[]} {
	const step = plan.steps.find(planned => planned.id === id && planned.by === 'program')
	const [program, ...args] = step?.command ?? []
	if (program === undefined) throw new Error(`the plan has no command for ${id}`)
	return {program, args}
}

/** Has the server read its configuration without starting. Throws ReplayAbortedError with its own words when it refuses. */
export async function checkSettings(plan: RestorePlan): Promise<void> {
	// `postgres -C`: whichever value is asked for, it reads all of them, and refuses a bad recovery_target_time too (§3).
	const {program, args} = plannedCommand(plan, 'check-configuration')
	const answer = await run(program, args, {asUser: plan.serverUser}).catch(notRunnable(plan))
	if (answer.exitCode === 0) return
	throw new ReplayAbortedError(`PostgreSQL refuses its configuration: ${lastWords(answer.stderr.split('\n'))}`, [
		`read ${workFile(plan.workDirectory, 'config')}`,
		'this is most likely a mistake of lastgood: report it with that file',
	])
}

/** Promotes, and waits until the server is open for writes. Throws PromotionFailedError with what its log says. */
export async function promoteServer(plan: RestorePlan, observe: () => Promise<ServerObservation>): Promise<void> {
	const {program, args} = plannedCommand(plan, 'promote')
	const told = await run(program, args, {asUser: plan.serverUser}).catch((error: unknown) => {
		throw notPromoted(plan, error instanceof Error ? error.message : String(error), [])
	})
	if (told.exitCode !== 0) {
		const {log} = await observe()
		throw notPromoted(plan, `pg_ctl: ${told.stderr.trim() || told.stdout.trim()}`, log)
	}
	const deadline = performance.now() + promotionMs
	for (;;) {
		const {answers, processAlive, log} = await observe()
		if (answers?.inRecovery === false) return
		if (!processAlive) throw notPromoted(plan, 'the server ended', log)
		// It then goes on waiting for a restart with higher settings (§4).
		if (log.some(line => line.includes('promotion is not possible'))) throw notPromoted(plan, 'it cannot be', log)
		if (performance.now() > deadline) throw notPromoted(plan, `not within ${promotionMs / 60_000} minutes`, log)
		await sleep(pollMs)
	}
}

/** Stops the server on the destination, if one runs there, and waits until it is gone. Throws ServerStillRunningError. */
export async function shutDown(plan: RestorePlan): Promise<void> {
	for (const [mode, seconds] of [
		['fast', fastShutdownSeconds],
		['immediate', immediateShutdownSeconds],
	] as const) {
		const pid = await postmasterPid(plan)
		if (pid === undefined) return
		const args = ['stop', '-D', plan.destination, '-m', mode, '-w', '-t', String(seconds)]
		// Whatever it says, the process itself tells whether it has gone.
		await run(programPath(plan.programs, 'pg_ctl'), args, {asUser: plan.serverUser}).catch(() => {})
		// pg_ctl is content when postmaster.pid has gone, a moment before the process has.
		const deadline = performance.now() + 2000
		while ((await isAlive(pid)) && performance.now() < deadline) await sleep(pollMs)
		if (!(await isAlive(pid))) return
	}
	const pid = await postmasterPid(plan)
	if (pid !== undefined) throw stillRunning(plan, pid)
}

/** Each start has a log of its own: what an earlier one says would be taken for this one's. */
async function keepOldLog(serverLog: string): Promise<void> {
	for (let number = 1; ; number++) {
		const kept = serverLog.replace(/\.log$/, `.${number}.log`)
		const taken = await access(kept).then(
			() => true,
			() => false,
		)
		if (taken) continue
		await rename(serverLog, kept).catch(error => {
			if (systemCode(error) !== 'ENOENT') throw error
		})
		return
	}
}

async function startFailure(plan: RestorePlan): Promise<Error> {
	const serverLog = workFile(plan.workDirectory, 'serverLog')
	const lines = (await readFile(serverLog, 'utf8').catch(() => '')).split('\n')
	const words = lastWords(lines)
	// Its lock files, its socket and its port are only ever in use when another server has them.
	if (/lock file ".*" already exists|Address already in use|pre-existing shared memory block/.test(words)) {
		return new ServerStillRunningError(
			`the restored server cannot start, because another one is in its place: ${words}`,
			[
				`see which process that is: ls -la ${plan.socketDirectory} ${plan.destination}/postmaster.pid`,
				'stop it if it is a left-over, or plan with another port: --port',
			],
		)
	}
	return new ReplayAbortedError(`the restored server did not start: ${words}`, [
		`read ${serverLog}`,
		`lastgood abandon ${plan.recovery} --yes removes what was restored`,
	])
}

/** The FATAL messages, or else the last lines. */
function lastWords(lines: readonly string[]): string {
	const {fatal} = readServerLog(lines)
	const said = lines.filter(line => line.trim() !== '')
	// postgres -C, and a server without a configuration yet, print without the prefix of the log.
	const words =
		fatal.length > 0
			? [...said.filter(line => /(?:LOG|WARNING): {2}.*(?:invalid|could not|unrecognized)/.test(line)), ...fatal]
			: said.slice(-5)
	return words.join(' | ') || 'it left no message'
}

function notRunnable(plan: RestorePlan): (error: unknown) => never {
	return error => {
		throw new ReplayAbortedError(
			`the restored server was not started: ${error instanceof Error ? error.message : String(error)}`,
			[`check that ${plan.serverUser.name} can run ${programPath(plan.programs, 'postgres')} --version`],
			{cause: error},
		)
	}
}

function stillRunning(plan: RestorePlan, pid: number): ServerStillRunningError {
	return new ServerStillRunningError(`a server runs on ${plan.destination} (process ${pid})`, [
		`stop it as ${plan.serverUser.name}: ${programPath(plan.programs, 'pg_ctl')} stop -D ${plan.destination} -m fast`,
		'then try again',
	])
}

function notPromoted(plan: RestorePlan, problem: string, log: readonly string[]): PromotionFailedError {
	const {fatal} = readServerLog(log)
	const words = fatal.length > 0 ? fatal : log.filter(line => /promot|WARNING|ERROR/.test(line)).slice(-3)
	return new PromotionFailedError(`the restored server was not promoted: ${[problem, ...words].join(' | ')}`, [
		`read ${workFile(plan.workDirectory, 'serverLog')}`,
		`lastgood status ${plan.recovery}`,
	])
}
