import {afterAll, beforeAll, describe, expect, test, vi} from 'vitest'

// Read once, when Ink's colour library is loaded: before the imports below.
vi.hoisted(() => {
	process.env.FORCE_COLOR = '3'
})

import {Frame} from '../../src/tui/Frame.tsx'
import {theme} from '../../src/tui/theme.ts'
import {sampleViews} from '../support/sample-views.ts'
import {drawInTerminal} from '../support/terminal.ts'

const size = {columns: 80, rows: 24}
const views = Object.entries(sampleViews(size))

/** Parameters of every SGR sequence, one by one. */
async function stylesOf(view: (typeof views)[number][1], colour: boolean): Promise<readonly string[]> {
	const terminal = await drawInTerminal(<Frame size={size} theme={theme({colour, ascii: false})} view={view} />, size)
	await terminal.close()
	return [...terminal.sent().matchAll(/\u001b\[([\d;]*)m/g)].flatMap(match => (match[1] ?? '').split(';'))
}

const isColour = (parameter: string) => /^(3[0-8]|4[0-8]|9\d|10\d)$/.test(parameter)

describe('without colour', () => {
	beforeAll(() => {
		expect(process.env.FORCE_COLOR).toBe('3')
	})
	afterAll(() => {
		process.env.FORCE_COLOR = '0'
	})

	test.each(views)('%s sends no colour, and still bold, dim or inverse', async (_, view) => {
		const styles = await stylesOf(view, false)
		expect(styles.filter(isColour)).toEqual([])
		expect(styles.some(style => ['1', '2', '7'].includes(style))).toBe(true)
	})

	test('the same screens do send colour where it is wanted', async () => {
		const styles = await stylesOf(sampleViews(size).target ?? expect.fail('no sample'), true)
		expect(styles.some(isColour)).toBe(true)
		expect(styles.every(style => !/^38|^48/.test(style))).toBe(true)
	})
})
