#!/usr/bin/env node
import {verbs} from './verbs.mjs'
import {SetupError} from './where.mjs'

const [verb = '', ...args] = process.argv.slice(2)

try {
	const start = verbs.get(verb)
	if (start === undefined) {
		throw new SetupError(
			`${verb === '' ? 'no verb given' : `unknown verb "${verb}"`}; there are: ${[...verbs.keys()].join(', ')}`,
		)
	}
	const {code, signal} = await start(args)
	if (signal !== null) process.kill(process.pid, signal)
	process.exitCode = code
} catch (error) {
	if (!(error instanceof SetupError)) throw error
	process.stderr.write(`lastgood: ${error.message}\n`)
	process.exitCode = 1
}
