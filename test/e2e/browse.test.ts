import {mkdtemp, readdir, rm, stat} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {fileURLToPath} from 'node:url'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {testInstallation} from '../support/postgres.ts'
import {type PtyProgram, startOnPty} from '../support/pty.ts'
import {fixturePath} from '../support/waldump-fixtures.ts'

const built = fileURLToPath(new URL('../../dist/lastgood.js', import.meta.url))
const archive = fixturePath(15, 'archive')

let settings: string
let program: PtyProgram | undefined

beforeAll(async () => {
	await testInstallation()
	settings = await mkdtemp(join(tmpdir(), 'lastgood-browse-'))
})

afterAll(async () => {
	program?.kill('SIGKILL')
	await rm(settings, {recursive: true, force: true})
})

async function filesBelow(folder: string): Promise<readonly string[]> {
	const names = (await readdir(folder)).sort()
	return Promise.all(
		names.map(async name => {
			const {size, mtimeMs} = await stat(join(folder, name))
			return `${name} ${size} ${mtimeMs}`
		}),
	)
}

describe('lastgood browse on a terminal', () => {
	test('leads down to a record and back, finds a commit by its time, and leaves no trace', async () => {
		const before = await filesBelow(archive)
		program = startOnPty(
			'/bin/sh',
			['-c', '"$@"; echo "exit code $?"', 'sh', process.execPath, built, 'browse', archive],
			{
				env: {XDG_CONFIG_HOME: settings, XDG_STATE_HOME: settings},
			},
		)
		const {waitFor, press, type, ended, isRestored, screen, terminal} = program
		await waitFor(/❯ 1 +with the cluster +8/)
		expect(terminal.buffer.active.type).toBe('alternate')
		expect(screen()).toContain('read-only')

		press('enter')
		await waitFor(/00000001000000000000000D {2}no commit/)
		expect(screen()).toMatch(/❯ 000000010000000000000006 {2}2026-11-22 07:44:48Z/)

		press('down', 'down', 'enter')
		await waitFor(/❯ 0\/800028 .*RESTORE_POINT +before maintenance window/)
		press('f')
		await waitFor('Esc leave it')
		type('xid:734')
		press('enter')
		await waitFor(/ABORT_PREPARED +734: 2026-11-22 07:44:50/)
		expect(screen()).toMatch(/1 of \d/)
		press('escape')
		await waitFor('% of the segment')

		press(':')
		await waitFor('go to')
		type('2026-11-22 07:44:51.3 UTC')
		press('enter')
		await waitFor(/Records of 00000001000000000000000C/)
		await waitFor(/❯ 0\/CC9C88 +746 +Transaction +COMMIT +2026-11-22 07:44:51\.318392/)
		expect(screen()).toContain('xid 746, ended 2026-11-22T07:44:51.318392Z: the first at that time or after it')

		press('escape')
		await waitFor('❯ 00000001000000000000000C')
		press('q')
		expect(await ended).toEqual({exitCode: 0, signal: 0})
		expect(isRestored()).toBe(true)
		// How long the line is depends on where the clone lies, and so where the terminal wraps it.
		const unwrapped = (text: string) => text.replaceAll(/\s/g, '')
		expect(unwrapped(screen())).toContain(unwrapped(`Nothing was written. ${archive} was only read. exit code 0`))
		expect(await filesBelow(archive)).toEqual(before)
		expect(await readdir(settings)).toEqual([])
	})
})
