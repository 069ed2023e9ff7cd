import {fileURLToPath} from 'node:url'
import {afterEach, describe, expect, test} from 'vitest'
import {type PtyOptions, type PtyProgram, startOnPty} from '../support/pty.ts'

const pathOf = (path: string) => fileURLToPath(new URL(path, import.meta.url))

let program: PtyProgram | undefined

afterEach(async () => {
	program?.kill('SIGKILL')
	await program?.ended
	program = undefined
})

async function open(options: PtyOptions = {}): Promise<PtyProgram> {
	const script = pathOf('../support/scripted-app.tsx')
	program = startOnPty(process.execPath, ['--import', pathOf('../../src/setup/typescript.mjs'), script], options)
	await program.waitFor('What can this archive bring back?')
	// The first frame stands a moment before keys are taken; until then Ctrl-C is the terminal's own.
	await expect.poll(() => program?.sent(), {timeout: 30_000}).toContain('\u001b[?2004h')
	return program
}

describe('on a real terminal', () => {
	test('the screens stand on the alternate screen and leave the terminal as it was', async () => {
		const {waitFor, press, ended, isRestored, terminal, screen} = await open()
		expect(terminal.buffer.active.type).toBe('alternate')
		expect(isRestored()).toBe(false)
		press('enter')
		await waitFor('✔ recoverable up to')
		press('q')
		expect(await ended).toEqual({exitCode: 0, signal: 0})
		expect(isRestored()).toBe(true)
		expect(screen()).toBe('the terminal is yours again')
	})

	test('Ctrl-C reaches the store and does not end the program by itself', async () => {
		const {press, ended, screen} = await open()
		press('ctrl+c')
		expect(await ended).toEqual({exitCode: 0, signal: 0})
		expect(screen()).toBe('the terminal is yours again')
	})

	test('a resize is drawn for the new size', async () => {
		const {waitFor, waitUntilGone, press, resize} = await open()
		press('enter')
		await waitFor('✔ recoverable')
		resize(60, 12)
		await waitFor('this terminal has 60 × 12')
		resize(140, 40)
		await waitFor(/Cluster {20,}What can be recovered/)
		await waitUntilGone('this terminal has')
	})

	test('a signal that ends the program leaves the terminal as it was', async () => {
		const {kill, ended, isRestored} = await open()
		kill('SIGTERM')
		await ended
		expect(isRestored()).toBe(true)
	})

	test('Ctrl-Z where no shell does job control comes back by itself and takes keys again', async () => {
		const {waitFor, press, sent} = await open()
		press('ctrl+z')
		await waitFor('What can this archive bring back?')
		await expect.poll(() => sent().split('\u001b[?1049h').length, {timeout: 30_000}).toBe(3)
		press('enter')
		await waitFor('✔ recoverable up to')
	})

	test('without a UTF-8 locale and with NO_COLOR it draws ASCII without colour', async () => {
		const {sent} = await open({env: {LANG: 'C', LC_ALL: 'C', NO_COLOR: '1', FORCE_COLOR: undefined}})
		expect(sent().replace(/[\u0000-\u007f]/g, '')).toBe('')
		expect(sent()).not.toMatch(/\u001b\[[\d;]*3\d[;m]/)
	})
})
