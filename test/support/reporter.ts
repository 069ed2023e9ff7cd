import {stripVTControlCharacters} from 'node:util'
import type {Reporter, SerializedError, TestCase, TestModule, TestRunEndReason, TestSuite, Vitest} from 'vitest/node'

/** One line for each test file as it ends, then what failed and what was skipped and why, and last the line that counts. */
export class ClosingLineReporter implements Reporter {
	#vitest: Vitest | undefined

	onInit(vitest: Vitest): void {
		this.#vitest = vitest
	}

	onUserConsoleLog(log: {readonly content: string}): void {
		this.#print(log.content.trimEnd())
	}

	onTestModuleEnd(module: TestModule): void {
		const tests = [...module.children.allTests()]
		const failed = failuresOf(module).length
		const skipped = tests.filter(isSkipped).length
		const {collectDuration, setupDuration, duration} = module.diagnostic()
		const counts = [
			`${tests.length} test${tests.length === 1 ? '' : 's'}`,
			...(failed > 0 ? [`${failed} failed`] : []),
			...(skipped > 0 ? [`${skipped} skipped`] : []),
		]
		const seconds = ((collectDuration + setupDuration + duration) / 1000).toFixed(1)
		this.#print(`${failed > 0 ? 'FAIL' : 'ok  '} ${module.relativeModuleId}  ${counts.join(', ')}  ${seconds} s`)
	}

	onTestRunEnd(
		modules: readonly TestModule[],
		unhandledErrors: readonly SerializedError[],
		reason: TestRunEndReason,
	): void {
		const tests = modules.flatMap(module => [...module.children.allTests()])
		const failures = [
			...modules.flatMap(failuresOf),
			...unhandledErrors.map(error => ({title: 'an error that no test caught', errors: [error]})),
		]
		for (const {title, errors} of failures) {
			this.#print(`\nFAIL ${title}`)
			for (const error of errors) this.#print(this.#formatError(error))
		}

		const passed = tests.filter(test => test.result().state === 'passed').length
		const skipped = this.#printSkipped(tests)
		if (reason === 'interrupted') this.#print('\ninterrupted: not every test was run')
		if (passed + failures.length === 0) this.#print('\nno test was run')
		if (failures.length > 0 || passed === 0) process.exitCode = 1
		this.#print(`\n${passed} passed, ${failures.length} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`)
	}

	/** Lists what was skipped with the reason given and counts it; what a name pattern on the command line left out was not asked for. */
	#printSkipped(tests: readonly TestCase[]): number {
		const byPattern = this.#vitest?.config.testNamePattern !== undefined
		const skipped = tests.filter(isSkipped).filter(test => !(byPattern && test.options.mode === 'skip'))
		if (skipped.length > 0) this.#print('')
		for (const test of skipped) this.#print(`skip ${titleOf(test)}: ${reasonOf(test)}`)
		return skipped.length
	}

	#formatError(error: SerializedError): string {
		const text = this.#vitest?.logger.formatError(error, {showCodeFrame: false}).output.trimEnd() ?? error.message
		return process.stdout.isTTY ? text : stripVTControlCharacters(text)
	}

	#print(line: string): void {
		this.#vitest?.logger.log(line)
	}
}

interface Failure {
	readonly title: string
	readonly errors: readonly SerializedError[]
}

/** Failed tests, tests that never ended, and what went wrong outside a test: an import, a hook. */
function failuresOf(module: TestModule): Failure[] {
	const outside = [module, ...module.children.allSuites()]
		.map(place => ({title: titleOf(place), errors: place.errors()}))
		.filter(failure => failure.errors.length > 0)
	const inside = [...module.children.allTests()].flatMap(test => {
		const result = test.result()
		if (result.state === 'failed') return [{title: titleOf(test), errors: result.errors}]
		if (result.state === 'pending') return [{title: `${titleOf(test)}: did not end`, errors: []}]
		return []
	})
	return [...outside, ...inside]
}

function titleOf(place: TestModule | TestSuite | TestCase): string {
	if (place.type === 'module') return place.relativeModuleId
	return `${place.module.relativeModuleId} > ${place.fullName}`
}

function isSkipped(test: TestCase): boolean {
	return test.result().state === 'skipped'
}

function reasonOf(test: TestCase): string {
	const result = test.result()
	if (result.state === 'skipped' && result.note !== undefined) return result.note
	if (test.options.mode === 'todo') return 'not written yet'
	if (test.options.mode === 'skip') return 'switched off in the test file'
	return 'what comes before it failed'
}
