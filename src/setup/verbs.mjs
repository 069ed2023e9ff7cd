import {existsSync} from 'node:fs'
import {pathToFileURL} from 'node:url'
import {buildProgram, program} from './bundle.mjs'
import {runHere} from './child.mjs'
import {installDependencies} from './dependencies.mjs'
import {chooseNode, environmentFor} from './runtime.mjs'
import {inClone, root, SetupError} from './where.mjs'

/** What `node src/setup/run.mjs <verb>` can do, on a clone in any state; each takes the remaining arguments and tells how it ended. */
export const verbs = new Map([
	['build', buildOnly],
	['demo', args => runProgram(['demo', ...args])],
	['lastgood', runProgram],
	['test', args => runTests('test/vitest.config.ts', args)],
	['test:long', args => runTests('test/vitest.long.config.ts', args)],
	['typecheck', args => runTool('typescript/bin/tsc', ['--noEmit', ...args])],
	['lint', args => runTool('@biomejs/biome/bin/biome', ['check', '--error-on-warnings', ...args])],
	['format', args => runTool('@biomejs/biome/bin/biome', ['check', '--write', ...args])],
	['bench', args => runScript('test/bench/run.ts', args)],
	['screenshots', args => runScript('test/screenshots/make.ts', args)],
])

async function prepared() {
	const node = await chooseNode()
	await installDependencies(node)
	return {node, env: environmentFor(node)}
}

async function buildOnly() {
	await prepared()
	await buildProgram()
	return {code: 0, signal: null}
}

async function runProgram(args) {
	const {node, env} = await prepared()
	await buildProgram()
	return runHere(node, [program, ...args], {env})
}

async function runTests(config, args) {
	await buildOnly()
	return runTool('vitest/vitest.mjs', ['run', '--config', config, ...args])
}

async function runTool(tool, args) {
	const {node, env} = await prepared()
	return runHere(node, [inClone('node_modules', tool), ...args], {cwd: root, env})
}

/** Runs a TypeScript file of the clone, after a build: benchmarks and screenshots look at the program as it is shipped. */
async function runScript(script, args) {
	if (!existsSync(inClone(script))) throw new SetupError(`there is no ${script}`)
	const {node, env} = await prepared()
	await buildProgram()
	const hooks = pathToFileURL(inClone('src', 'setup', 'typescript.mjs')).href
	return runHere(node, ['--enable-source-maps', '--import', hooks, inClone(script), ...args], {
		cwd: root,
		env: {...env, NODE_ENV: 'production'},
	})
}
