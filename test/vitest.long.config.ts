import {defineConfig} from 'vitest/config'
import everyday from './vitest.config.ts'

const hourMs = 3_600_000

/** Tests that take minutes. With LASTGOOD_LONG_SAMPLE set they look at a sample of what they otherwise look at in full. */
export default defineConfig({
	...everyday,
	test: {
		...everyday.test,
		include: ['test/**/*.long.test.{ts,tsx}'],
		exclude: ['test/fixtures/**'],
		globalSetup: ['test/support/object-storage-setup.ts'],
		maxWorkers: 1,
		testTimeout: hourMs,
		hookTimeout: hourMs,
	},
})
