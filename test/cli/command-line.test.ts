import {describe, expect, test} from 'vitest'
import {errorDocument} from './contract.ts'
import {documentOf} from './harbor.ts'
import {runHere} from './here.ts'

const commands = [
	'survey',
	'boundaries',
	'plan',
	'restore',
	'status',
	'promote',
	'abandon',
	'runbook',
	'browse',
	'demo',
]
const state = '/nonexistent/state'

async function help(...args: readonly string[]): Promise<string> {
	const ended = await runHere(args, {state})
	expect(ended).toMatchObject({exitCode: 0, stderr: ''})
	return ended.stdout
}

describe('the command line', () => {
	test.each(commands)('lastgood %s --help shows an example and the exit codes', async command => {
		const shown = await help(command, '--help')
		expect(shown).toContain(`Usage: lastgood ${command} [options]`)
		expect(shown).toMatch(new RegExp(`\nExamples?:\n {2}lastgood ${command}`))
		expect(shown).toMatch(/Exit codes: 0 done, 1 a bug of lastgood, 2 usage, 30 .* 130 interrupted\./s)
		expect(await help('help', command)).toBe(shown)
	})

	test('lastgood --help shows every command', async () => {
		const shown = await help('--help')
		for (const command of commands) expect(shown).toMatch(new RegExp(`^ {2}${command} `, 'm'))
		expect(shown).toContain('Examples:\n  lastgood /srv/pg-archive ')
		expect(await help('--version')).toBe('9.9.9\n')
	})

	const misuses: readonly (readonly [string, string, string])[] = [
		['', 'no archive is named', 'lastgood --help'],
		['surveyy /srv', '"surveyy" is no command', 'did you mean: lastgood survey /srv'],
		['boundary', '"boundary" is neither a command nor a folder here', 'did you mean: lastgood boundaries'],
		['resurrect', '"resurrect" is neither a command nor a folder here', 'commands: survey, boundaries, plan'],
		['/tmp', 'the screen needs a terminal', 'lastgood survey /tmp'],
		['browse', 'no archive is named', 'lastgood browse /path/to/archive'],
		['browse /tmp', 'the screen needs a terminal', 'lastgood survey /tmp'],
		['survey', 'no archive is named', 'lastgood survey /path/to/archive'],
		['survey a b', "too many arguments for 'survey'", 'lastgood survey --help'],
		['survey /tmp --jso', "unknown option '--jso'", 'did you mean --json'],
		['survey /tmp --timeline latest', '--timeline cannot be "latest": a timeline is a decimal number', '--help'],
		['survey /tmp --layout tar', '--layout cannot be "tar": it is one of plain, pgbackrest, barman', '--help'],
		['boundaries /tmp', "required option '--around <time>' not specified", 'lastgood boundaries --help'],
		['boundaries /tmp --around noon', '"noon": this is no time', 'in UTC: --around 2026-04-01T09:41:23Z'],
		['boundaries /tmp --around 20260401 --window 5x', '--window cannot be "5x"', '--help'],
		['boundaries /tmp --around x --limit -1', '--limit cannot be "-1": it must be a whole number', '--help'],
		['plan /tmp --to /tmp/x', 'no target is named', '--before <lsn or xid of the first bad commit>'],
		['plan /tmp --latest', 'no destination is named', '--to <folder>'],
		['plan /tmp --to /tmp/x --before 1 --latest', '2 targets are named (--before, --latest)', '--before'],
		['plan /tmp --to /tmp/x --before 0/XYZ', '"0/XYZ" is neither an LSN nor an xid', 'an LSN looks like 0/6DCE410'],
		['plan /tmp --to /tmp/x --target-xid 0/1', '"0/1" is no xid', '--target-xid 3770'],
		['plan /tmp --to /tmp/x --target-lsn 12', '"12" is no LSN', '0/6DCE410'],
		['plan /tmp --to /tmp/x --before 9 --inclusive', '--before cannot be inclusive', '--after <lsn or xid>'],
		['plan /tmp --to /tmp/x --latest --exclusive', '--latest cannot be exclusive', '--before <lsn or xid>'],
		['plan /tmp --to /tmp/x --target-xid 9 --exclusive --inclusive', 'exclude each other', 'give one of them'],
		['plan /tmp --to /tmp/x --latest --port 70000', '--port cannot be "70000"', '--help'],
		['restore /tmp --to /tmp/x --latest', 'restore writes into the destination, and --yes was not given', '--yes'],
		['restore /tmp --to /tmp/x --latest --yes --hold --promote', '--promote and --hold exclude', 'give one of them'],
		['promote --yes', "missing required argument 'recovery'", 'lastgood promote --help'],
		['runbook --format html', '--format cannot be "html": it is one of md, json', 'lastgood runbook --help'],
	]
	test.each(misuses)('lastgood %s: %s', async (words, message, advice) => {
		const args = words === '' ? [] : words.split(' ')
		const [asText, asJson] = await Promise.all([runHere(args, {state}), runHere([...args, '--json'], {state})])
		expect(asText, asText.stderr).toMatchObject({exitCode: 2, stdout: ''})
		expect(asText.stderr).toMatch(/^error: /)
		expect(asText.stderr).toContain(message)
		expect(asText.stderr).toContain(advice)
		expect(asJson, asJson.stderr).toMatchObject({exitCode: 2, stderr: ''})
		const {error} = documentOf(errorDocument, asJson)
		expect(error.code).toBe('usage')
		expect(error.message).toContain(message)
		expect(error.whatToDo.join('\n')).toContain(advice)
	})
})
