import {join} from 'node:path'
import {fileURLToPath} from 'node:url'

/** The folder of the clone, whatever the working directory is. */
export const root = fileURLToPath(new URL('../..', import.meta.url))

/** A path inside the clone. */
export function inClone(...parts) {
	return join(root, ...parts)
}

/** Set-up cannot go on and the message says what a person can do about it. Anything else that escapes is a bug. */
export class SetupError extends Error {}

/** Tells on stderr what takes long; stdout belongs to the program that is run. */
export function tell(message) {
	process.stderr.write(`lastgood: ${message}\n`)
}
