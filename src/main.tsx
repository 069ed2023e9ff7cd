#!/usr/bin/env node
import {existsSync, renameSync} from 'node:fs'
import {homedir, hostname} from 'node:os'
import {join} from 'node:path'
import Conf from 'conf'
import manifest from '../package.json' with {type: 'json'}
import {currentUser} from './adapters/os-user.ts'
import {openWorld} from './adapters/world.ts'
import {sourceRequest} from './cli/options.ts'
import {printJson, type Terminal} from './cli/output.ts'
import {type DemoRequest, runCommandLine, type ScreenRequest} from './cli/program.ts'
import {recoverHarborPoint} from './demo/auto.ts'
import {defaultDemoFolder, prepareDemo, primaryConninfo} from './demo/demo.ts'
import {cleanHarborPoint, loadTruth} from './demo/harbor-point.ts'
import {shellText} from './domain/text.ts'
import {formatSecond, instantOfMs} from './domain/time.ts'
import {BrowserLoop} from './loop/browser.ts'
import type {Farewell} from './loop/machine.ts'
import {type GuidedRecovery, GuideLoop} from './loop.ts'
import {startTui} from './tui/start.tsx'
import {type ThemeWishes, themeFor} from './tui/theme.ts'

const {env} = process

/** What the operator's own settings remember between two starts. */
interface Remembered {
	zone?: string
}

/** A damaged settings file is set aside and said so, never overwritten: nothing in it is worth stopping a recovery for. */
function openSettings(): Conf<Remembered> {
	const options = {
		projectName: 'lastgood',
		projectSuffix: '',
		projectVersion: manifest.version,
		configFileMode: 0o600,
	} as const
	try {
		return new Conf<Remembered>(options)
	} catch {
		const file = join(env.XDG_CONFIG_HOME ?? join(homedir(), '.config'), 'lastgood', 'config.json')
		const aside = `${file}.damaged-${Date.now()}`
		if (existsSync(file)) renameSync(file, aside)
		process.stderr.write(`the settings could not be read and were set aside as ${aside}\n`)
		return new Conf<Remembered>(options)
	}
}

function suggestedDestination(): string {
	const moment = formatSecond(instantOfMs(Date.now())).replaceAll(/[-:Z]/g, '').replace(' ', '-').slice(0, 13)
	const name = `restored-${moment}`
	if (currentUser().uid !== 0) return join(homedir(), name)
	return join(existsSync('/var/lib/postgresql') ? '/var/lib/postgresql' : '/var/tmp', name)
}

/** Runs a loop on the screen, and prints what it leaves once the terminal is as it was. */
async function show(loop: GuideLoop | BrowserLoop, wishes: Omit<ThemeWishes, 'env'>): Promise<number> {
	// A hang-up or a termination leaves as two Ctrl-C do: what is half-made is removed, a restored server stays.
	const leave = () => {
		loop.dispatch({type: 'interrupted'})
		loop.dispatch({type: 'interrupted'})
	}
	for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, leave)
	process.stdout.once('error', leave)
	const tui = startTui(loop, themeFor({env, ...wishes}))
	loop.start()
	let farewell: Farewell
	try {
		farewell = await Promise.race([loop.farewell, tui.ended.then(() => loop.farewell)])
	} finally {
		tui.stop()
		await tui.ended.catch(() => {})
	}
	for (const line of farewell.summary) process.stdout.write(`${line}\n`)
	return farewell.exitCode
}

function guide(recovery: GuidedRecovery, wishes: Omit<ThemeWishes, 'env'>): Promise<number> {
	return show(new GuideLoop(recovery), wishes)
}

async function openScreen({location, options, browse, ...world}: ScreenRequest): Promise<number> {
	const looks = {
		...(options.color === false ? {colour: false} : {}),
		...(options.ascii === true ? {ascii: true} : {}),
	}
	const source = sourceRequest(location, options)
	const name = location ?? options.archive ?? ''
	if (browse) return show(new BrowserLoop({world: openWorld({env, ...world}), source, name}), looks)
	const settings = openSettings()
	return guide(
		{
			world: openWorld({env, ...world}),
			source,
			timeline: options.timeline,
			port: options.port,
			rememberZone: zone => settings.set('zone', zone),
			guide: {
				source: name,
				zone: settings.get('zone'),
				destination: options.to ?? suggestedDestination(),
				report: undefined,
				...identity,
			},
		},
		looks,
	)
}

const identity = {lastgood: manifest.version, host: hostname(), user: currentUser().name}

/** How the demo is removed again, as it was started. */
function cleanCommand(folder: string | undefined): string {
	return shellText(['npm', 'run', 'demo', '--', '--clean', ...(folder === undefined ? [] : ['--folder', folder])])
}

async function runDemo(request: DemoRequest): Promise<number> {
	const folder = request.folder ?? defaultDemoFolder()
	const onStep = (text: string) => terminal.err(`${text}\n`)
	if (request.clean) {
		await cleanHarborPoint(folder, onStep)
		return 0
	}
	const auto = request.auto || !terminal.interactive
	const harbor = await prepareDemo({folder, pgBin: request.pgBin, env, signal: interruption.signal, onStep})
	const world = openWorld({
		env,
		pgBin: request.pgBin,
		primary: primaryConninfo(harbor),
		state: join(harbor.folder, 'state'),
	})
	const destination = join(harbor.folder, 'restored')
	if (!auto) {
		process.removeListener('SIGINT', interrupt)
		const exitCode = await guide(
			{
				world,
				source: {archive: harbor.archive, backups: [harbor.backups]},
				timeline: undefined,
				port: undefined,
				rememberZone: () => {},
				guide: {source: harbor.folder, zone: undefined, destination, report: harbor.report.at, ...identity},
			},
			{},
		)
		terminal.out(
			`Harbor Point’s damaged primary still runs in ${harbor.folder}. Remove it all: ${cleanCommand(request.folder)}\n`,
		)
		return exitCode
	}
	const result = await recoverHarborPoint(world, harbor, {
		destination,
		truth: () => loadTruth(harbor.folder),
		host: identity.host,
		user: identity.user,
		version: identity.lastgood,
		signal: interruption.signal,
		onStep,
	})
	const same = result.comparisons.every(comparison => comparison.same)
	if (request.json) printJson(terminal, {...result, same})
	else {
		for (const {what, expected, found, same: agrees} of result.comparisons) {
			terminal.out(
				`${agrees ? 'same     ' : 'DIFFERENT'}  ${what}\n           truth      ${expected}\n           recovered  ${found}\n`,
			)
		}
		terminal.out(
			`${same ? 'Harbor Point is back on its last good commit.' : 'What was recovered is NOT what it must be.'}\n`,
		)
		terminal.out(`recovered cluster: ${shellText(result.connect)}\n`)
		terminal.out(
			`runbook:           lastgood runbook ${result.recovery} --state ${shellText([join(harbor.folder, 'state')])}\n`,
		)
		terminal.out(`remove it all:     ${cleanCommand(request.folder)}\n`)
	}
	return same ? 0 : 1
}

const terminal: Terminal = {
	out: text => void process.stdout.write(text),
	err: text => void process.stderr.write(text),
	interactive: process.stdin.isTTY === true && process.stdout.isTTY === true,
}

const interruption = new AbortController()
let interruptedAtMs = 0

/** The first Ctrl-C lets a command clean up after itself, a second one does not wait for it. */
function interrupt(): void {
	// `conf` sends a signal it was told of to the process again; a repeat within a blink is that, not the operator.
	const nowMs = performance.now()
	if (interruption.signal.aborted && nowMs - interruptedAtMs > 300) process.exit(130)
	if (!interruption.signal.aborted) {
		interruptedAtMs = nowMs
		terminal.err('interrupted: stopping, and removing what is half made (again to leave at once)\n')
		interruption.abort(new Error('interrupted'))
	}
}

process.on('SIGINT', interrupt)
process.on('SIGTERM', interrupt)
// A reader that went away, such as `head`, is no reason for a stack trace, and none to leave a restore half made.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})

const exitCode = await runCommandLine(process.argv.slice(2), {
	terminal,
	version: manifest.version,
	host: identity.host,
	user: identity.user,
	interrupted: interruption.signal,
	openWorld: options => openWorld({env, ...options}),
	openScreen,
	runDemo,
})
// Where pipes are written in the background, what is still on its way would be lost.
await new Promise(resolve => process.stdout.write('', resolve))
// What outlives this process was started to do so; idle connections to it do not hold it up.
process.exit(exitCode)
