import {existsSync} from 'node:fs'
import {Command, CommanderError, Option} from 'commander'
import {UsageError} from '../domain/errors.ts'
import {shellText} from '../domain/text.ts'
import type {World} from '../ports.ts'
import {parseCount, parsePort, parseWindow, type SourceOptions, withCommon, withSource, withTarget} from './options.ts'
import {reportError, type Terminal} from './output.ts'
import {planCommand} from './planning.ts'
import {boundariesCommand, type CommandContext, surveyCommand} from './reading.ts'
import {abandonCommand, promoteCommand, runbookCommand, statusCommand} from './recorded.ts'
import {restoreCommand} from './recovering.ts'

/** How the world is set up for a command. */
export interface WorldOptions {
	readonly pgBin: string | undefined
	readonly primary: string | undefined
	readonly state: string | undefined
}

/** What `lastgood [source]` and `lastgood browse [source]` start the screen with. */
export interface ScreenRequest extends WorldOptions {
	readonly location: string | undefined
	/** Only to look around in the archive. */
	readonly browse: boolean
	readonly options: SourceOptions & {
		readonly to?: string
		readonly port?: number
		readonly color?: boolean
		readonly ascii?: boolean
	}
}

/** What `lastgood demo` asks for. */
export interface DemoRequest {
	readonly auto: boolean
	readonly clean: boolean
	readonly folder: string | undefined
	readonly pgBin: string | undefined
	readonly json: boolean
}

/** Everything that the commands are given; the composition root makes it. */
export interface CliSetting {
	readonly terminal: Terminal
	readonly version: string
	readonly host: string
	readonly user: string
	readonly interrupted: AbortSignal
	openWorld(options: WorldOptions): World
	openScreen(request: ScreenRequest): Promise<number>
	runDemo(request: DemoRequest): Promise<number>
}

const exitCodes = `
Exit codes: 0 done, 1 a bug of lastgood, 2 usage, 30 archive unreachable, 31 archive gap, or a survey with errors,
32 layout unrecognized, 33 no usable backup, 34 timeline unreachable, 35 target before consistency,
36 target beyond archive, 40 waldump failed, 41 waldump version mismatch, 50 data directory occupied,
51 server still running, 52 replay aborted, 53 pause unavailable, 54 target not honoured, 55 promotion failed,
60 journal unreadable, 130 interrupted.`

/** Runs one command line and gives its exit code. Nothing it does throws: errors are printed as the command was asked to. */
export async function runCommandLine(argv: readonly string[], setting: CliSetting): Promise<number> {
	const {terminal, version, interrupted} = setting
	const json = argv.includes('--json')
	let exitCode = 0

	/** Runs an action; what it throws becomes its error output and exit code. */
	async function perform(act: () => Promise<number>, afterInterruption = 'nothing was changed'): Promise<void> {
		try {
			exitCode = await act()
		} catch (error) {
			exitCode = reportError(terminal, error, {json, version, interrupted, afterInterruption})
		}
	}

	/** Runs a command in a world of its own. Options may stand before the command's name too. */
	function command<Options extends SourceOptions>(
		run: (context: CommandContext, argument: string | undefined, options: Options) => Promise<number>,
	): (argument: string | undefined, own: Options, commander: Command) => Promise<void> {
		return (argument, own, commander) =>
			perform(() => {
				const options: Options = {...commander.parent?.opts(), ...own}
				const world = setting.openWorld({pgBin: options.pgBin, primary: options.primary, state: options.state})
				const {host, user} = setting
				return run({world, terminal, interrupted, version, host, user}, argument, options)
			})
	}

	/** Opens the screen on an archive, for a recovery or only to look around. Throws UsageError where there is none to open or nothing to open it on. */
	async function openScreen(
		location: string | undefined,
		options: ScreenRequest['options'],
		browse: boolean,
	): Promise<number> {
		if (location === undefined && options.archive === undefined) {
			throw new UsageError('no archive is named', [
				browse ? 'lastgood browse /path/to/archive' : 'lastgood /path/to/archive',
				'lastgood demo shows the whole thing on a cluster of its own',
				'lastgood --help',
			])
		}
		if (!terminal.interactive) {
			throw new UsageError('the screen needs a terminal, and standard input or output is none', [
				`a command needs none: ${shellText(['lastgood', 'survey', location ?? `--archive=${options.archive}`])}`,
				'lastgood --help lists the commands',
			])
		}
		const {pgBin, primary, state} = options
		return setting.openScreen({location, options, browse, pgBin, primary, state})
	}

	const program = new Command('lastgood')
	// Before any subcommand is made: later calls do not reach them.
	program
		.exitOverride()
		.configureOutput({writeOut: text => terminal.out(text), outputError: () => {}})
		.enablePositionalOptions()

	withCommon(withSource(program))
		.description('Lands a PostgreSQL cluster on its last good commit.')
		.version(version)
		.argument('[source]', 'archive and base backups: a folder')
		.helpCommand('help [command]', 'how a command is called')
		.option('--to <folder>', 'suggest this destination')
		.option('--port <number>', 'port that names the private socket', parsePort)
		.option('--no-color', 'no colours (so does NO_COLOR)')
		.option('--ascii', 'no line drawing characters')
		.addHelpText(
			'after',
			example(
				'lastgood /srv/pg-archive            guided recovery on the screen',
				'lastgood survey /srv/pg-archive     what is there and what can be recovered',
				'lastgood demo                       all of it, on a cluster of its own',
			),
		)
		.addHelpText('afterAll', exitCodes)
		.action((location: string | undefined, options: ScreenRequest['options'], root: Command) =>
			perform(async () => {
				refuseMisspelled(root)
				return openScreen(location, options, false)
			}),
		)

	withCommon(withSource(program.command('survey')))
		.description('what is there, what can be recovered, and what is wrong; exit 31 when a finding is an error')
		.argument('[source]')
		.addHelpText(
			'after',
			example('lastgood survey /srv/pg-archive --json', 'lastgood survey --archive /srv/wal --backups /srv/base'),
		)
		.action(command(surveyCommand))

	withCommon(withSource(program.command('boundaries')))
		.description('the commits near a time: when, where in the WAL, what each wrote')
		.argument('[source]')
		.requiredOption('--around <time>', 'the time, with its zone')
		.addOption(
			new Option('--window <duration>', 'how far before and after: 90s, 10m, 2h')
				.argParser(parseWindow)
				.default(600_000, '10m'),
		)
		.option('--table <name>', 'only commits that wrote to this table')
		.option('--min-rows <n>', 'only commits that wrote at least so many rows', parseCount)
		.option('--rank', 'most destructive first')
		.option('--limit <n>', 'at most so many', parseCount)
		.addHelpText(
			'after',
			example('lastgood boundaries /srv/pg-archive --around 2026-04-01T09:41:23Z --window 5m --rank --limit 5'),
		)
		.action(command(boundariesCommand))

	withCommon(withSource(withTarget(program.command('plan'))))
		.description('the restore plan with its consequences; nothing is done')
		.argument('[source]')
		.addHelpText(
			'after',
			example(
				'lastgood plan /srv/pg-archive --before 0/6DCE410 --to /srv/restored',
				'lastgood plan /srv/pg-archive --before 3770 --to /srv/restored --json > plan.json',
			),
		)
		.action(command(planCommand))

	withCommon(withSource(withTarget(program.command('restore'))))
		.description('carries a plan out and holds at the target')
		.argument('[source]')
		.option('--plan <file>', 'a plan made by `lastgood plan --json`')
		.option('--yes', 'really do it')
		.option('--promote', 'promote once the target is reached and the checks have run')
		.option('--hold', 'leave the server paused at the target (the default)')
		.addHelpText(
			'after',
			example(
				'lastgood restore --plan plan.json --yes',
				'lastgood restore /srv/pg-archive --before 3770 --to /srv/restored --yes --json',
			),
		)
		.action(command(restoreCommand))

	withCommon(program.command('status'))
		.description('where a recovery is; the latest one when none is named')
		.argument('[recovery]')
		.addHelpText('after', example('lastgood status --json'))
		.action(command(statusCommand))

	withCommon(program.command('promote'))
		.description('opens a held recovery for writes on a new timeline; this cannot be undone')
		.argument('<recovery>')
		.option('--yes', 'really do it')
		.addHelpText('after', example('lastgood promote r20260401-094500 --yes'))
		.action(command(promoteCommand))

	withCommon(program.command('abandon'))
		.description('stops a restored server and removes what the recovery made')
		.argument('<recovery>')
		.option('--yes', 'really do it')
		.addHelpText('after', example('lastgood abandon r20260401-094500 --yes'))
		.action(command(abandonCommand))

	withCommon(program.command('runbook'))
		.description('the transcript of a recovery; of the latest one when none is named')
		.argument('[recovery]')
		.addOption(new Option('--format <format>', 'Markdown or JSON').choices(['md', 'json']).default('md'))
		.addHelpText('after', example('lastgood runbook > runbook.md', 'lastgood runbook r20260401-094500 --format json'))
		.action(command(runbookCommand))

	withCommon(withSource(program.command('browse')))
		.description('looks around in an archive on the screen: timelines, segments, records; read-only')
		.argument('[source]')
		.option('--no-color', 'no colours (so does NO_COLOR)')
		.option('--ascii', 'no line drawing characters')
		.addHelpText(
			'after',
			example('lastgood browse /srv/pg-archive', 'lastgood browse --archive /srv/wal --backups /srv/base'),
		)
		.action((location: string | undefined, own: ScreenRequest['options'], commander: Command) =>
			perform(() => {
				const root: ScreenRequest['options'] = commander.parent?.opts() ?? {}
				const color = root.color !== false && own.color !== false
				return openScreen(location, {...root, ...own, color}, true)
			}),
		)

	program
		.command('demo')
		.description('Harbor Point: a real damaged cluster, and its recovery')
		.option('--auto', 'carry the recovery out without keys, printing its steps')
		.option('--clean', 'stop what the demo started and remove its folder')
		.option('--folder <folder>', 'where it is built')
		.option('--pg-bin <folder>', 'folder of the PostgreSQL programs to use')
		.option('--json', 'one JSON document on standard output')
		.addHelpText('after', example('lastgood demo', 'lastgood demo --auto', 'lastgood demo --clean'))
		.action((own: DemoOptions, commander: Command) =>
			perform(() => {
				const {auto, clean, folder, pgBin}: DemoOptions = {...commander.parent?.opts(), ...own}
				return setting.runDemo({auto: auto === true, clean: clean === true, folder, pgBin, json})
			}, 'lastgood demo --clean removes what is left of it'),
		)

	// Now that the others have been made, which would take it over: `refuseMisspelled` says it better.
	program.allowExcessArguments()
	try {
		await program.parseAsync([...argv], {from: 'user'})
	} catch (error) {
		if (error instanceof CommanderError && error.exitCode === 0) return 0
		const shown = error instanceof CommanderError ? misuse(error, program, argv) : error
		return reportError(terminal, shown, {json, version, interrupted})
	}
	return exitCode
}

interface DemoOptions {
	readonly auto?: boolean
	readonly clean?: boolean
	readonly folder?: string
	readonly pgBin?: string
}

/** A word that is neither a command nor a folder was meant to be a command. Throws UsageError. */
function refuseMisspelled(program: Command): void {
	const [word, ...more] = program.args
	if (word === undefined || (more.length === 0 && (!/^[a-z-]+$/i.test(word) || existsSync(word)))) return
	const names = commandNames(program)
	const meant = closest(word.toLowerCase(), names)
	throw new UsageError(
		more.length === 0
			? `${JSON.stringify(word)} is neither a command nor a folder here`
			: `${JSON.stringify(word)} is no command`,
		[
			...(meant === undefined ? [] : [`did you mean: ${shellText(['lastgood', meant, ...more])}`]),
			`commands: ${names.join(', ')}`,
			'lastgood --help',
		],
	)
}

function commandNames(program: Command): readonly string[] {
	return program.commands.map(command => command.name())
}

/** The name that a word was probably meant to be: one that it begins, or else one that differs in a third of its letters. */
function closest(word: string, names: readonly string[]): string | undefined {
	const begun = names.find(name => name.startsWith(word))
	const [nearest] = names.toSorted((a, b) => distance(a, word) - distance(b, word))
	return begun ?? (nearest !== undefined && distance(nearest, word) * 3 <= word.length + 1 ? nearest : undefined)
}

/** Letters that must be put in, left out or replaced to make one word of the other. */
function distance(a: string, b: string): number {
	let row = Array.from({length: b.length + 1}, (_, at) => at)
	for (const [index, letter] of [...a].entries()) {
		const next = [index + 1]
		for (const [at, other] of [...b].entries()) {
			const replaced = (row[at] ?? 0) + (letter === other ? 0 : 1)
			next.push(Math.min(replaced, (row[at + 1] ?? 0) + 1, (next[at] ?? 0) + 1))
		}
		row = next
	}
	return row.at(-1) ?? 0
}

/** What is wrong with the words on the command line, in the words of every other error. */
function misuse({message}: CommanderError, program: Command, argv: readonly string[]): UsageError {
	const [what = '', ...hints] = message.replace(/^error: /, '').split('\n')
	const value = /^option '(?:-\w, )?(--[^' ]+).*' argument '(.*)' is invalid\. (.*)$/s.exec(what)
	const suggestion = /^\(Did you mean (?:one of )?(.*)\?\)$/.exec(hints.join(' '))?.[1]
	const name = argv.find(word => commandNames(program).includes(word))
	return new UsageError(
		value === null
			? what.replace(/\.$/, '')
			: `${value[1]} cannot be ${JSON.stringify(value[2])}: ${(value[3] ?? '').replace(/\.$/, '').replace(/^Allowed choices are/, 'it is one of')}`,
		[
			...(suggestion === undefined ? [] : [`did you mean ${suggestion}`]),
			`lastgood ${name === undefined ? '' : `${name} `}--help`,
		],
	)
}

function example(...lines: readonly string[]): string {
	return `\nExample${lines.length > 1 ? 's' : ''}:\n${lines.map(line => `  ${line}`).join('\n')}`
}
