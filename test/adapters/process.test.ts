import {chmod, chown, mkdtemp, readFile, rm, stat} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import {fileURLToPath} from 'node:url'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {currentUser, userNamed} from '../../src/adapters/os-user.ts'
import {isAlive, run, startDetached, stream} from '../../src/adapters/process.ts'
import type {OsUser} from '../../src/ports.ts'
import {onlyAsAnOrdinaryUser, onlyAsRoot} from '../support/account.ts'

const onLinux = process.platform === 'linux'

let folder: string
let nobody: OsUser

beforeAll(async () => {
	folder = await mkdtemp(join(tmpdir(), 'lastgood-process-'))
	await chmod(folder, 0o755)
	nobody = (await userNamed('nobody')) ?? {name: 'nobody', uid: 65_534, gid: 65_534, home: '/'}
})
afterAll(() => rm(folder, {recursive: true, force: true}))

async function read(output: AsyncIterable<Uint8Array>): Promise<string> {
	const chunks: Uint8Array[] = []
	for await (const chunk of output) chunks.push(chunk)
	return Buffer.concat(chunks).toString()
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
	const deadline = Date.now() + 20_000
	while (!(await isSo())) {
		if (Date.now() > deadline) throw new Error('did not come true within 20 s')
		await sleep(20)
	}
}

describe('a program that is run to its end', () => {
	test('runs in UTC and in the C locale, without the PG* variables of whoever called', async () => {
		const before = {...process.env}
		Object.assign(process.env, {PGDATA: '/elsewhere', PGOPTIONS: '-c x=y', LC_MESSAGES: 'de_DE', LANGUAGE: 'de'})
		try {
			const {stdout} = await run('env', [], {env: {PGPASSWORD: 'given', TZ: 'Asia/Kolkata'}})
			const variables = stdout.split('\n').filter(line => /^(PG|LC_|LANG|TZ=)/.test(line))
			expect(variables.sort()).toEqual(['LANG=C', 'LC_ALL=C', 'PGPASSWORD=given', 'TZ=UTC'])
		} finally {
			for (const name of ['PGDATA', 'PGOPTIONS', 'LC_MESSAGES', 'LANGUAGE']) {
				if (before[name] === undefined) delete process.env[name]
				else process.env[name] = before[name]
			}
		}
	})

	test('gets its arguments as they are, whatever a shell would make of them', async () => {
		const words = ['$(id)', '; echo more', "it's", '*', 'two  spaces']
		const {stdout} = await run('printf', ['%s\\n', ...words])
		expect(stdout).toBe(words.map(word => `${word}\n`).join(''))
	})

	test('answers with its exit code, its signal and both of its outputs', async () => {
		expect(await run('sh', ['-c', 'echo out; echo err >&2; exit 3'])).toEqual({
			exitCode: 3,
			signal: null,
			stdout: 'out\n',
			stderr: 'err\n',
		})
		expect(await run('sh', ['-c', 'kill -KILL $$'])).toMatchObject({exitCode: null, signal: 'SIGKILL'})
	})

	test('reads its input, and may end without reading it', async () => {
		expect((await run('cat', [], {input: 'first\nsecond\n'})).stdout).toBe('first\nsecond\n')
		expect((await run('true', [], {input: 'x'.repeat(1_000_000)})).exitCode).toBe(0)
		expect((await run('cat', [])).stdout).toBe('')
	})

	test('that cannot be started says why', async () => {
		await expect(run('lastgood-no-such-program', [])).rejects.toThrow(
			/^cannot start lastgood-no-such-program: there is no such program/,
		)
		await expect(run('true', [], {cwd: join(folder, 'absent')})).rejects.toThrow(
			`cannot start true: the directory ${folder}/absent does not exist`,
		)
		await expect(run('/etc/passwd', [])).rejects.toThrow('cannot start /etc/passwd: this user may not run it')
	})

	test('is ended by the signal, and the call rejects with its reason', async () => {
		const stopping = new AbortController()
		const running = run('sleep', ['60'], {signal: stopping.signal})
		setTimeout(() => stopping.abort(new Error('the operator quit')), 50)
		await expect(running).rejects.toThrow('the operator quit')
		await expect(run('true', [], {signal: stopping.signal})).rejects.toThrow('the operator quit')
	})

	test('is not waited for when all that is left of it is a daemon that holds its pipes', async () => {
		const {stdout} = await run('sh', ['-c', 'sleep 60 & echo $!'])
		const daemon = Number(stdout)
		expect(await isAlive(daemon)).toBe(true)
		process.kill(daemon)
	})
})

describe('a program that is read while it runs', () => {
	test('loses nothing when it ends before anybody reads', async () => {
		const running = stream('sh', ['-c', 'seq 1 2000; echo done >&2'])
		await running.finished
		await sleep(100)
		const lines = (await read(running.stdout)).trimEnd().split('\n')
		expect(lines).toHaveLength(2000)
		expect(lines.at(-1)).toBe('2000')
	})

	test('waits when nobody reads', async () => {
		const running = stream('sh', ['-c', 'head -c 3000000 /dev/zero; echo written >&2'])
		let ended = false
		void running.finished.then(() => {
			ended = true
		})
		await sleep(300)
		expect(ended).toBe(false)
		expect(await read(running.stdout)).toHaveLength(3_000_000)
		expect(await running.finished).toEqual({exitCode: 0, signal: null, stderr: 'written\n'})
	})

	test('ends when its reader leaves early', async () => {
		const running = stream('yes', [])
		for await (const chunk of running.stdout) {
			expect(chunk.length).toBeGreaterThan(0)
			break
		}
		expect(await running.finished).not.toMatchObject({exitCode: 0})
	})

	test('ends when it is killed or the signal fires', async () => {
		const killed = stream('sleep', ['60'])
		killed.kill()
		expect((await killed.finished).signal).toBe('SIGTERM')

		const stopping = new AbortController()
		const stopped = stream('sleep', ['60'], {signal: stopping.signal})
		setTimeout(() => stopping.abort(new Error('the operator went back')), 50)
		await expect(read(stopped.stdout)).rejects.toThrow('the operator went back')
		await expect(stopped.finished).rejects.toThrow('the operator went back')
	})

	test('that cannot be started says so to its reader', async () => {
		const running = stream('lastgood-no-such-program', [])
		await expect(read(running.stdout)).rejects.toThrow('there is no such program')
		await expect(running.finished).rejects.toThrow('there is no such program')
	})

	test('keeps the beginning and the end of a long standard error', async () => {
		const running = stream('sh', ['-c', 'echo first >&2; head -c 500000 /dev/zero | tr "\\0" x >&2; echo last >&2'])
		await read(running.stdout)
		const {stderr} = await running.finished
		expect(stderr).toMatch(/^first\nx+\n\[\d+ bytes left out\]\nx+last\n$/)
		expect(stderr.length).toBeLessThan(132_000)
	})
})

describe('a program that is started for good', () => {
	test('goes on when the one who started it has ended', async () => {
		const outputFile = join(folder, 'detached.log')
		const module = fileURLToPath(new URL('../../src/adapters/process.ts', import.meta.url))
		const starter = `
			const {startDetached} = await import(${JSON.stringify(module)})
			const {pid} = await startDetached('sh', ['-c', 'echo out; echo err >&2; pwd; exec sleep 60'], ${JSON.stringify({cwd: '/usr', outputFile})})
			console.log(pid)`
		const started = await run(process.execPath, [
			'--experimental-strip-types',
			'--no-warnings',
			'--input-type=module',
			'-e',
			starter,
		])
		expect(started.stderr).toBe('')
		const pid = Number(started.stdout)
		try {
			await until(async () => (await readFile(outputFile, 'utf8')) === 'out\nerr\n/usr\n')
			expect(await isAlive(pid)).toBe(true)
			if (onLinux) {
				const [, session] = /\) \S \d+ \d+ (\d+)/.exec(await readFile(`/proc/${pid}/stat`, 'utf8')) ?? []
				expect(Number(session)).toBe(pid)
			}
		} finally {
			process.kill(pid)
		}
		await until(async () => !(await isAlive(pid)))
	})

	test('that cannot be started says why', async () => {
		const starting = startDetached('lastgood-no-such-program', [], {cwd: '/', outputFile: join(folder, 'none.log')})
		await expect(starting).rejects.toThrow('there is no such program')
	})

	test('does not count as running once it has ended and nobody has collected it', async context => {
		if (!onLinux) context.skip('reads /proc, which only Linux has')
		const running = stream('sh', ['-c', 'sleep 0.1 & echo $!; exec sleep 60'])
		for await (const chunk of running.stdout) {
			const uncollected = Number(Buffer.from(chunk).toString())
			await until(async () => !(await isAlive(uncollected)))
			expect(await readFile(`/proc/${uncollected}/stat`, 'utf8')).toMatch(/\) Z /)
			break
		}
	})
})

describe('another user', () => {
	test('runs the program under their own name, in a directory they can enter', async context => {
		onlyAsRoot(context)
		const script = 'id -u; id -g; echo $HOME $USER $LOGNAME; pwd'
		const {stdout} = await run('sh', ['-c', script], {asUser: nobody})
		expect(stdout).toBe(`${nobody.uid}\n${nobody.gid}\n${nobody.home} ${nobody.name} ${nobody.name}\n/\n`)
	})

	test('owns the output of what is started for good', async context => {
		onlyAsRoot(context)
		const outputFile = join(folder, 'nobody.log')
		await startDetached('sh', ['-c', 'id -un'], {asUser: nobody, cwd: '/', outputFile})
		await until(async () => (await readFile(outputFile, 'utf8')) === `${nobody.name}\n`)
		expect((await stat(outputFile)).uid).toBe(nobody.uid)
	})

	test('who may not run a program is named in the reason', async context => {
		onlyAsRoot(context)
		await chown(folder, 0, 0)
		const starting = run(join(folder, 'detached.log'), [], {asUser: nobody})
		await expect(starting).rejects.toThrow(`${nobody.name} may not run it`)
	})

	test('cannot be had without being root', async context => {
		onlyAsAnOrdinaryUser(context)
		await expect(run('true', [], {asUser: nobody})).rejects.toThrow(`only root can run a program as ${nobody.name}`)
	})

	test('is nothing special when it is oneself', async () => {
		const {stdout} = await run('pwd', [], {asUser: currentUser(), cwd: folder})
		expect(stdout).toBe(`${folder}\n`)
	})
})
