import {openWorld} from '../../src/adapters/world.ts'
import type {World} from '../../src/ports.ts'

/** The real world, with its journals in a folder of the test. */
export function openTestWorld({
	stateDirectory,
	primary,
}: {
	readonly stateDirectory: string
	/** The damaged primary as libpq spells it; nobody is asked for names when absent. */
	readonly primary?: string
}): World {
	return openWorld({env: process.env, state: stateDirectory, primary})
}
