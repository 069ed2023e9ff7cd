import {createHash} from 'node:crypto'
import {readFileSync, writeFileSync} from 'node:fs'
import {npm} from './child.mjs'
import {environmentFor} from './runtime.mjs'
import {inTurn} from './turn.mjs'
import {inClone, root, tell} from './where.mjs'

const stamp = inClone('node_modules', '.lastgood-installed')

/** Installs what the lock file says, unless that is what is there. */
export async function installDependencies(node) {
	if (isInstalled()) return
	await inTurn(async () => {
		if (isInstalled()) return
		tell('installing dependencies with npm ci')
		// NODE_ENV=production in the operator's shell makes npm leave out the tools.
		await npm(['ci', '--ignore-scripts', '--include=dev', '--include=optional'], {
			cwd: root,
			env: environmentFor(node),
			node,
		})
		// Written last, so that an install that was cut short is not taken for whole.
		writeFileSync(stamp, wanted())
	})
}

function isInstalled() {
	try {
		return readFileSync(stamp, 'utf8') === wanted()
	} catch {
		return false
	}
}

/** The platform belongs to it: packages with native parts differ, and a clone may be shared with a container. */
function wanted() {
	const lock = createHash('sha256')
		.update(readFileSync(inClone('package-lock.json')))
		.digest('hex')
	return `${lock} ${process.platform}-${process.arch}\n`
}
