import type {TestContext} from 'vitest'

const isRoot = process.getuid?.() === 0

/** Leaves a test out, saying why, where only root can arrange what it shows. */
export function onlyAsRoot(context: Pick<TestContext, 'skip'>): void {
	if (!isRoot) context.skip('only root can be, or make, another user')
}

/** Leaves a test out, saying why, where root may do what it shows to be refused. */
export function onlyAsAnOrdinaryUser(context: Pick<TestContext, 'skip'>): void {
	if (isRoot) context.skip('root may do it: run the tests as another user too')
}
