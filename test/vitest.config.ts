import {fileURLToPath} from 'node:url'
import {defineConfig} from 'vitest/config'
import {ClosingLineReporter} from './support/reporter.ts'

export default defineConfig({
	root: fileURLToPath(new URL('..', import.meta.url)),
	test: {
		include: ['test/**/*.test.{ts,tsx}'],
		exclude: ['test/**/*.long.test.{ts,tsx}', 'test/fixtures/**'],
		reporters: [new ClosingLineReporter()],
		env: {
			// Not UTC, with daylight saving: a time that is shown or read in the machine's own zone comes out wrong.
			TZ: 'America/New_York',
			// Ink draws nothing but the last frame where CI is set.
			CI: 'false',
			FORCE_COLOR: '0',
			// Together with FORCE_COLOR, Node warns of it on the stderr of every child.
			NO_COLOR: '',
		},
		maxWorkers: 2,
		testTimeout: 120_000,
		hookTimeout: 300_000,
		allowOnly: false,
	},
})
