import {openWorld} from '../../src/adapters/world.ts'
import {runCommandLine} from '../../src/cli/program.ts'

/** How a command line ended in this process, and what it wrote. */
export interface EndedHere {
	readonly exitCode: number
	readonly stdout: string
	readonly stderr: string
}

/** Runs a command line in this process, on this machine as it is: what the built program does, without starting it. */
export async function runHere(
	args: readonly string[],
	{state, interrupted = new AbortController().signal}: {readonly state: string; readonly interrupted?: AbortSignal},
): Promise<EndedHere> {
	let stdout = ''
	let stderr = ''
	const exitCode = await runCommandLine(args, {
		terminal: {
			out: text => {
				stdout += text
			},
			err: text => {
				stderr += text
			},
			interactive: false,
		},
		version: '9.9.9',
		host: 'test-host',
		user: 'tester',
		interrupted,
		openWorld: options => openWorld({...options, env: process.env, state: options.state ?? state}),
		openScreen: () => Promise.reject(new Error('no screen was asked for')),
		runDemo: () => Promise.reject(new Error('no demo was asked for')),
	})
	return {exitCode, stdout, stderr}
}
