import {Command, CommanderError, Option} from 'commander'
import {UsageError} from '../domain/errors.ts'
import type {World} from '../ports.ts'
import {parseCount, parsePort, parseWindow, type SourceOptions, withCommon, withSource, withTarget} from './options.ts'
import {reportError, type Terminal} from './output.ts'
import {type BoundariesOptions, boundariesCommand, type CommandContext, surveyCommand} from './reading.ts'
import {
	abandonCommand,
	type PlanOptions,
	planCommand,
	promoteCommand,
	type RestoreOptions,
	restoreCommand,
	runbookCommand,
	statusCommand,
} from './recovering.ts'

/** How the world is set up for a command. */
export interface WorldOptions {
	readonly pgBin: string | undefined
	readonly primary: string | undefined
	readonly state: string | undefined
}

/** What `lastgood [source]` starts the screen with. */
export interface ScreenRequest extends WorldOptions {
	readonly location: string | undefined
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
Exit codes: 0 done, 2 usage, 30 archive unreachable, 31 archive gap or survey with errors, 32 layout unrecognized,
33 no usable backup, 34 timeline unreachable, 35 target before consistency, 36 target beyond archive, 40 waldump failed,
41 waldump version mismatch, 50 destination occupied, 51 server still running, 52 replay aborted, 53 pause unavailable,
54 target not honoured, 55 promotion failed, 60 journal unreadable, 130 interrupted.`

/** Runs one command line and gives its exit code. Nothing it does throws: errors are printed as the command was asked to. */
export async function runCommandLine(argv: readonly string[], setting: CliSetting): Promise<number> {
	const {terminal} = setting
	let exitCode = 0
	const json = argv.includes('--json')

	/** Runs a command in a world of its own; what it throws becomes its error output and exit code. */
	async function perform(options: SourceOptions, act: (context: CommandContext) => Promise<number>): Promise<void> {
		const {version, host, user, interrupted} = setting
		try {
			const world = setting.openWorld({pgBin: options.pgBin, primary: options.primary, state: options.state})
			exitCode = await act({world, terminal, interrupted, version, host, user})
		} catch (error) {
			exitCode = reportError(terminal, error, options.json === true)
			if (interrupted.aborted) exitCode = 130
		}
	}

	const program = new Command('lastgood')
	// Before any subcommand is made: later calls do not reach them.
	program
		.exitOverride()
		.configureOutput({
			writeOut: text => terminal.out(text),
			writeErr: text => {
				if (!json) terminal.err(text)
			},
		})
		.showHelpAfterError('(--help shows how it is called)')
		.enablePositionalOptions()

	withCommon(withSource(program))
		.description('Lands a PostgreSQL cluster on its last good commit.')
		.version(setting.version)
		.argument('[source]', 'archive and base backups: a folder')
		.option('--to <folder>', 'suggest this destination')
		.option('--port <number>', 'port that names the private socket', parsePort)
		.option('--no-color', 'no colours (so does NO_COLOR)')
		.option('--ascii', 'no line drawing characters')
		.addHelpText(
			'after',
			`\nExamples:\n  lastgood /srv/pg-archive            guided recovery on the screen\n  lastgood survey /srv/pg-archive     what is there and what can be recovered\n  lastgood demo                       all of it, on a cluster of its own\n${exitCodes}`,
		)
		.action(async (location: string | undefined, options: ScreenRequest['options']) => {
			try {
				if (location === undefined && options.archive === undefined) {
					throw new UsageError('no archive is named', [
						'lastgood /path/to/archive',
						'lastgood demo shows the whole thing on a cluster of its own',
						'lastgood --help',
					])
				}
				if (!terminal.interactive) {
					throw new UsageError('the screen needs a terminal, and standard input or output is none', [
						'use the commands instead: lastgood survey, boundaries, plan, restore',
					])
				}
				exitCode = await setting.openScreen({
					location,
					options,
					pgBin: options.pgBin,
					primary: options.primary,
					state: options.state,
				})
			} catch (error) {
				exitCode = reportError(terminal, error, options.json === true)
			}
		})

	withCommon(withSource(program.command('survey')))
		.description('what is there, what can be recovered, and what is wrong; exit 31 when a finding is an error')
		.argument('[source]')
		.addHelpText(
			'after',
			example('lastgood survey /srv/pg-archive --json', 'lastgood survey --archive /srv/wal --backups /srv/base'),
		)
		.action((location: string | undefined, options: SourceOptions) =>
			perform(options, context => surveyCommand(context, location, options)),
		)

	withCommon(withSource(program.command('boundaries')))
		.description('the commits near a time: when, where in the WAL, what each wrote')
		.argument('[source]')
		.requiredOption('--around <time>', 'the time, with its zone')
		.option('--window <duration>', 'how far before and after: 90s, 10m, 2h', parseWindow, 600_000)
		.option('--table <name>', 'only commits that wrote to this table')
		.option('--min-rows <n>', 'only commits that wrote at least so many rows', parseCount)
		.option('--rank', 'most destructive first')
		.option('--limit <n>', 'at most so many', parseCount)
		.addHelpText(
			'after',
			example('lastgood boundaries /srv/pg-archive --around 2026-04-01T09:41:23Z --window 5m --rank --limit 5'),
		)
		.action((location: string | undefined, options: BoundariesOptions) =>
			perform(options, context => boundariesCommand(context, location, options)),
		)

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
		.action((location: string | undefined, options: PlanOptions) =>
			perform(options, context => planCommand(context, location, options)),
		)

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
		.action((location: string | undefined, options: RestoreOptions) =>
			perform(options, context => restoreCommand(context, location, options)),
		)

	withCommon(program.command('status'))
		.description('where a recovery is; the latest one when none is named')
		.argument('[recovery]')
		.addHelpText('after', example('lastgood status --json'))
		.action((recovery: string | undefined, options: SourceOptions) =>
			perform(options, context => statusCommand(context, recovery, options)),
		)

	withCommon(program.command('promote'))
		.description('opens a held recovery for writes on a new timeline; this cannot be undone')
		.argument('<recovery>')
		.option('--yes', 'really do it')
		.addHelpText('after', example('lastgood promote r20260401-094500 --yes'))
		.action((recovery: string, options: SourceOptions & {yes?: boolean}) =>
			perform(options, context => promoteCommand(context, recovery, options)),
		)

	withCommon(program.command('abandon'))
		.description('stops a restored server and removes what the recovery made')
		.argument('<recovery>')
		.option('--yes', 'really do it')
		.addHelpText('after', example('lastgood abandon r20260401-094500 --yes'))
		.action((recovery: string, options: SourceOptions & {yes?: boolean}) =>
			perform(options, context => abandonCommand(context, recovery, options)),
		)

	withCommon(program.command('runbook'))
		.description('the transcript of a recovery; of the latest one when none is named')
		.argument('[recovery]')
		.addOption(new Option('--format <format>', 'Markdown or JSON').choices(['md', 'json']).default('md'))
		.addHelpText('after', example('lastgood runbook > runbook.md', 'lastgood runbook r20260401-094500 --format json'))
		.action((recovery: string | undefined, options: SourceOptions & {format: 'md' | 'json'}) =>
			perform(options, context => runbookCommand(context, recovery, options)),
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
		.action(async (options: {auto?: boolean; clean?: boolean; folder?: string; pgBin?: string; json?: boolean}) => {
			try {
				exitCode = await setting.runDemo({
					auto: options.auto === true,
					clean: options.clean === true,
					folder: options.folder,
					pgBin: options.pgBin,
					json: options.json === true,
				})
			} catch (error) {
				exitCode = setting.interrupted.aborted ? 130 : reportError(terminal, error, options.json === true)
			}
		})

	try {
		await program.parseAsync([...argv], {from: 'user'})
	} catch (error) {
		if (!(error instanceof CommanderError)) return reportError(terminal, error, json)
		if (error.exitCode === 0) return 0
		if (json) reportError(terminal, new UsageError(error.message.replace(/^error: /, ''), ['lastgood --help']), true)
		return 2
	}
	return exitCode
}

function example(...lines: readonly string[]): string {
	return `\nExample${lines.length > 1 ? 's' : ''}:\n${lines.map(line => `  ${line}`).join('\n')}\n`
}
