import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {run} from '../../src/adapters/process.ts'
import {errorDocument, restoreEvent, statusDocument} from './contract.ts'
import {documentOf, type Ended, exists, harborRig, linesOf, type Rig} from './harbor.ts'
import {runHere} from './here.ts'

let rig: Rig
let source: string
let untouched: readonly string[]

beforeAll(async () => {
	rig = await harborRig()
	source = rig.point.folder
	untouched = await rig.sourceFingerprint()
})
afterAll(() => rig?.remove())

const restoreInto = (to: string, ...more: readonly string[]) =>
	rig.start('restore', source, '--before', rig.truth.badCommitLsn, '--to', to, '--yes', ...more)

async function expectNothingLeft(to: string): Promise<void> {
	expect(await exists(to)).toBe(false)
	expect(await exists(`${to}.lastgood`)).toBe(false)
	expect((await rig.otherProcesses()).filter(line => line.includes(to))).toEqual([])
	expect(await rig.sourceFingerprint()).toEqual(untouched)
}

async function statusOf(recovery: string) {
	return documentOf(statusDocument, await rig.lastgood('status', recovery, '--json'))
}

function recoveryIn(line: string): string {
	const [, recovery = ''] = /"recovery":"([^"]+)"/.exec(line) ?? []
	return recovery
}

describe('Ctrl-C', () => {
	test.each(['SIGINT', 'SIGTERM'] as const)(
		'while the base backup is copied (%s) removes what is half made, and says so',
		async signal => {
			const to = rig.at(`copying-${signal}`)
			const running = restoreInto(to, '--json')
			await running.line(/"phase":"copying","doneBytes":[1-9]/)
			expect(await exists(to)).toBe(true)
			running.kill(signal)
			const ended = await running.ended
			expect(ended).toMatchObject({exitCode: 130, signal: null})
			expect(ended.stderr).toMatch(/^interrupted: /)
			const last = linesOf(restoreEvent, ended).at(-1)
			expect(last).toMatchObject({event: 'failed', phase: 'failed', leaves: [], error: {code: 'replay-aborted'}})
			if (last?.event !== 'failed') return
			expect(last.error.message).toContain(`the restore into ${to} was interrupted before it reached the target`)
			expect(last.error.message).toContain('what it had made was removed')
			await expectNothingLeft(to)
			expect(await statusOf(last.recovery ?? '')).toMatchObject({phase: 'failed', dataDirectory: to})
		},
	)

	test('as text ends without a stack trace and with 130', async () => {
		const to = rig.at('copying-text')
		const running = restoreInto(to)
		await running.line(/copied [1-9]/)
		running.kill('SIGINT')
		const ended = await running.ended
		expect(ended).toMatchObject({exitCode: 130, signal: null, stdout: ''})
		expect(ended.stderr).toContain('what it had made was removed')
		expect(ended.stderr).toMatch(/nothing is left behind\n$/)
		expect(ended.stderr).not.toMatch(/^ +at /m)
		await expectNothingLeft(to)
	})

	test('while replay goes on stops the server, names what is left, and abandon removes it', async () => {
		const to = rig.at('replaying')
		const running = restoreInto(to, '--json')
		await running.line(/"step":"start-server","state":"started"/)
		running.kill('SIGINT')
		const ended = await running.ended
		const last = linesOf(restoreEvent, ended).at(-1)
		expect(ended.exitCode).toBe(130)
		expect(last).toMatchObject({event: 'failed', leaves: [to, `${to}.lastgood`]})
		if (last?.event !== 'failed') return
		expect((await rig.otherProcesses()).filter(line => line.includes(to))).toEqual([])
		expect(last.error.whatToDo[0]).toContain(`lastgood abandon ${last.recovery} --yes`)
		expect(await rig.lastgood('abandon', last.recovery ?? '', '--yes')).toMatchObject({exitCode: 0})
		await expectNothingLeft(to)
	})

	test.each([
		['survey', () => ['survey', source]],
		['boundaries', () => ['boundaries', source, '--around', rig.point.report.at]],
		['plan', () => ['plan', source, '--latest', '--to', rig.at('never')]],
	])('ends %s with 130: it has changed nothing', async (_, words) => {
		const interrupted = AbortSignal.abort(new Error('interrupted'))
		const asText = await runHere(words(), {...rig, interrupted})
		expect(asText).toEqual({exitCode: 130, stdout: '', stderr: 'error: interrupted\n  - nothing was changed\n'})
		const asJson = await runHere([...words(), '--json'], {...rig, interrupted})
		expect(asJson).toMatchObject({exitCode: 130, stderr: ''})
		expect(documentOf(errorDocument, asJson).error).toMatchObject({code: 'interrupted'})
	})
})

describe('a reader that goes away', () => {
	test('after the first line gives no stack trace', async () => {
		const command = ['set -o pipefail', '"$0" "$@" | head -n 1', 'echo $?'].join('; ')
		const program = [process.execPath, new URL('../../dist/lastgood.js', import.meta.url).pathname]
		for (const words of [
			['survey', source, '--json'],
			['boundaries', source, '--around', rig.point.report.at],
			['plan', source, '--latest', '--to', rig.at('never')],
			['--help'],
		]) {
			const answer = await run('bash', ['-c', command, ...program, ...words])
			expect(answer.stderr).not.toMatch(/EPIPE|^ +at /m)
			expect(answer.stdout.trimEnd().split('\n').at(-1), words[0]).toBe('0')
		}
	})

	test('while a restore streams does not leave it half made: it goes on to the target', async () => {
		const to = rig.at('unread')
		const running = restoreInto(to, '--json')
		const recovery = recoveryIn(await running.line(/"event":"started"/))
		running.closeOutput()
		const ended = await running.ended
		expect(ended).toMatchObject({exitCode: 0, stderr: ''})
		expect(await statusOf(recovery)).toMatchObject({phase: 'held', provenExact: true})
		expect(await rig.lastgood('abandon', recovery, '--yes')).toMatchObject({exitCode: 0})
		await expectNothingLeft(to)
	})
})

describe('kill -9', () => {
	async function killedAt(pattern: RegExp, to: string): Promise<{readonly ended: Ended; readonly recovery: string}> {
		const running = restoreInto(to, '--json')
		const recovery = recoveryIn(await running.line(/"event":"started"/))
		await running.line(pattern)
		running.kill('SIGKILL')
		return {ended: await running.ended, recovery}
	}

	test('during replay loses nothing: status finds the held server, which can be promoted', async () => {
		const to = rig.at('killed-replaying')
		const {ended, recovery} = await killedAt(/"step":"start-server","state":"finished"/, to)
		expect(ended).toMatchObject({exitCode: null, signal: 'SIGKILL'})
		expect(ended.stdout).not.toContain('"event":"held"')
		let status = await statusOf(recovery)
		for (let looks = 0; status.phase === 'replaying' && looks < 100; looks++) status = await statusOf(recovery)
		expect(status).toMatchObject({
			phase: 'held',
			stoppedAtLsn: rig.truth.badCommitLsn,
			provenExact: true,
			dataDirectory: to,
		})
		const promoted = await rig.lastgood('promote', recovery, '--yes', '--json')
		expect(documentOf(statusDocument, promoted)).toMatchObject({phase: 'promoted', timeline: 2})
		const runbook = await rig.lastgood('runbook', recovery)
		expect(runbook.stdout).toContain(`**held at ${rig.truth.badCommitLsn}**, exactly where planned`)
	})

	test('during the copy leaves what abandon removes', async () => {
		const to = rig.at('killed-copying')
		const {recovery} = await killedAt(/"phase":"copying","doneBytes":[1-9]/, to)
		expect(await exists(to)).toBe(true)
		const status = await rig.lastgood('status', recovery)
		expect(status.stdout).toMatch(/^phase +copying, unless the lastgood that did it has ended$/m)
		expect(status.stdout).toMatch(new RegExp(`^remove it +lastgood abandon ${recovery} --yes$`, 'm'))
		const removed = await rig.lastgood('abandon', recovery, '--yes', '--json')
		expect(removed, removed.stderr).toMatchObject({exitCode: 0})
		expect(JSON.parse(removed.stdout)).toMatchObject({
			event: 'abandoned',
			recovery,
			removed: expect.arrayContaining([to]),
		})
		await expectNothingLeft(to)
	})
})
