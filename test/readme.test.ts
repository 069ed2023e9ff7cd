import {readFile} from 'node:fs/promises'
import {expect, test} from 'vitest'
import * as errors from '../src/domain/errors.ts'
import {runHere} from './cli/here.ts'

const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')

/** Code and exit code of every error that errors.ts declares. */
function declaredErrors(): readonly (readonly [string, number])[] {
	return Object.values(errors)
		.filter(value => typeof value === 'function' && value.prototype instanceof errors.OperatorError)
		.map(declared => {
			const {code, exitCode} = new (declared as typeof errors.UsageError)('what happened', [])
			return [code, exitCode]
		})
}

/** Rows of the README's table of errors, `| archive-gap | 31 | … |`. */
function documentedErrors(): readonly (readonly [string, number])[] {
	return [...readme.matchAll(/^\| ([a-z]+(?:-[a-z]+)*) \| (\d+) \| \S.* \|$/gm)].map(([, code = '', exitCode]) => [
		code,
		Number(exitCode),
	])
}

const byExitCode = (a: readonly [string, number], b: readonly [string, number]) => a[1] - b[1]

test('each error of errors.ts stands in the README with its exit code, and the other way round', () => {
	expect(declaredErrors().length).toBeGreaterThan(10)
	expect(documentedErrors().toSorted(byExitCode)).toEqual(declaredErrors().toSorted(byExitCode))
})

test('no two errors share a code or an exit code', () => {
	const declared = declaredErrors()
	expect(new Set(declared.map(([code]) => code)).size).toBe(declared.length)
	expect(new Set(declared.map(([, exitCode]) => exitCode)).size).toBe(declared.length)
})

test('--help lists the exit codes of the README, and so no others', async () => {
	const {stdout} = await runHere(['--help'], {state: '/nonexistent'})
	const [, block = ''] = /Exit codes: (.*)/s.exec(stdout) ?? []
	const listed = [...block.matchAll(/(\d+) [a-z]/g)].map(([, exitCode]) => Number(exitCode))
	const declared = declaredErrors().map(([, exitCode]) => exitCode)
	expect(listed).toEqual([0, 1, 130, ...declared].toSorted((a, b) => a - b))
	for (const exitCode of [0, 1, 130]) expect(readme).toMatch(new RegExp(`(^|· )${exitCode} \\w`, 'm'))
})

test('every command of the README is one, and the other way round', async () => {
	const {stdout} = await runHere(['--help'], {state: '/nonexistent'})
	const [, listed = ''] = /\nCommands:\n(.*?)\n\n/s.exec(stdout) ?? []
	const commands = [...listed.matchAll(/^ {2}([a-z]+) /gm)].map(([, name]) => name).filter(name => name !== 'help')
	const documented = [...readme.matchAll(/^\| `lastgood ([a-z]+)[ `]/gm)].map(([, name]) => name)
	expect(documented.toSorted()).toEqual(commands.toSorted())
})
