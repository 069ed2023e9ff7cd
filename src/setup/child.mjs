import {spawn} from 'node:child_process'
import {SetupError} from './where.mjs'

/** Runs a program in this terminal until it ends; gives its exit code, or the signal that ended it. */
export function runHere(command, args, options) {
	return new Promise((resolve, reject) => {
		const child = spawn(command, args, {stdio: 'inherit', ...options})
		// A terminal sends Ctrl-C and its own hang-up to the child as well, and a second Ctrl-C means "at once":
		// so these two are passed on only where no terminal does it.
		const fromTerminal = process.stdin.isTTY === true
		const listeners = ['SIGINT', 'SIGHUP', 'SIGTERM'].map(signal => {
			const listener = () => {
				if (signal === 'SIGTERM' || !fromTerminal) child.kill(signal)
			}
			process.on(signal, listener)
			return {signal, listener}
		})
		const stopListening = () => {
			for (const {signal, listener} of listeners) process.off(signal, listener)
		}
		child.on('error', error => {
			stopListening()
			reject(error)
		})
		child.on('exit', (code, signal) => {
			stopListening()
			resolve({code, signal})
		})
	})
}

/** Runs npm under this Node, with everything it says on stderr. */
export async function npm(args, {node, cwd, env}) {
	const cli = process.env.npm_execpath ?? ''
	const [command, first] = cli.endsWith('npm-cli.js') ? [node, [cli]] : ['npm', []]
	try {
		const {code} = await runHere(command, [...first, ...args, '--loglevel=error', '--no-audit', '--no-fund'], {
			cwd,
			env,
			stdio: ['ignore', 2, 2],
		})
		if (code !== 0) throw new SetupError(`npm ${args[0]} did not succeed`)
	} catch (error) {
		if (error.code === 'ENOENT') throw new SetupError('npm is needed and is not on the PATH')
		throw error
	}
}
