import {afterEach, describe, expect, test} from 'vitest'
import type {TerminalSize} from '../../src/guide/layout.ts'
import type {View} from '../../src/guide/views.ts'
import {Frame} from '../../src/tui/Frame.tsx'
import {theme} from '../../src/tui/theme.ts'
import {sampleViews} from '../support/sample-views.ts'
import {drawInTerminal, type TestTerminal} from '../support/terminal.ts'

const unicode = theme({colour: true, ascii: false})
const small: TerminalSize = {columns: 80, rows: 24}
const large: TerminalSize = {columns: 140, rows: 40}
const sizes = [small, large, {columns: 80, rows: 40}, {columns: 120, rows: 24}, {columns: 213, rows: 61}]
const names = Object.keys(sampleViews(small))

let drawn: TestTerminal | undefined

afterEach(async () => {
	await drawn?.close()
	drawn = undefined
})

async function draw(view: View, size: TerminalSize, look = unicode): Promise<TestTerminal> {
	await drawn?.close()
	drawn = await drawInTerminal(<Frame size={size} theme={look} view={view} />, size)
	return drawn
}

async function drawSample(name: string, size: TerminalSize, look = unicode): Promise<TestTerminal> {
	const view = sampleViews(size)[name]
	if (view === undefined) throw new Error(`no sample view ${name}`)
	return draw(view, size, look)
}

describe.each(sizes)('at $columns x $rows', size => {
	test.each(names)('%s fits, with its header above and its keys below', async name => {
		const {lines} = await drawSample(name, size)
		const shown = lines()
		expect(shown).toHaveLength(size.rows)
		// The help and tall dialogs lie over the frame; what they leave is still the frame's.
		if (!name.startsWith('help')) {
			expect(shown[0]).toMatch(/^ lastgood {2}.*Z$/)
			expect(shown[1]).toMatch(/^ \d+\/10 {2}/)
		}
		expect(shown.at(-1)?.trim()).not.toBe('')
		expect(Math.max(...shown.map(line => line.length))).toBeLessThanOrEqual(size.columns)
	})
})

describe.each([small, large])('at $columns x $rows', size => {
	const showing = async (name: string) => (await drawSample(name, size)).text()

	test('the survey says first how far a recovery reaches', async () => {
		const shown = (await drawSample('survey', size)).lines()
		expect(shown[3]).toBe(' ✔ recoverable up to the commit of 2026-11-22T07:31:40.221884Z')
	})

	test('a damaged archive says first what is wrong and what to do', async () => {
		const shown = await showing('survey-findings')
		expect(shown).toContain('✘ 2 errors: not everything here can be recovered')
		expect(shown).toContain('✘ error: 2 WAL segments missing')
		expect(shown).toContain('→ look for 000000010000000000000061 in pg_wal')
	})

	test('the incident is echoed in UTC beside local time', async () => {
		const shown = await showing('incident')
		expect(shown).toContain('read as  2026-11-22T07:25:06.000000Z')
		expect(shown).toContain('there    2026-11-22 02:25:06 America/New_York')
		expect(shown).toContain('▲ reported')
	})

	test('a time without a zone asks for it', async () => {
		expect(await showing('incident-zone')).toContain('✘ a time needs its zone: UTC, +02, Europe/Berlin')
	})

	test('boundaries show time, LSN, xid and rows of the selected commit, with a mark', async () => {
		expect(await showing('boundaries')).toMatch(
			/❯ 07:25:06\.501967 {2}0\/6DCE410 +3770 {2}commit .*bond_reservations ~841/,
		)
	})

	test('the detail of a commit leaves the selected row in sight', async () => {
		const shown = await showing('boundaries-detail')
		expect(shown).toContain('❯ 07:25:06.501967')
		expect(shown).toContain('commit, xid 3770')
		expect(shown).toMatch(/public\.gsi_open_by_issuer +841/)
	})

	test('the target says what it keeps and what it loses, in words', async () => {
		const shown = await showing('target')
		expect(shown).toMatch(/✔ KEEPS[^✘]*last kept commit +2026-11-22T07:25:06\.489112Z {2}0\/6DCE128 {2}xid 3769/)
		expect(shown).toMatch(/✘ LOSES[^✔]*first lost commit +2026-11-22T07:25:06\.501967Z {2}0\/6DCE410 {2}xid 3770/)
		expect(shown).toContain('the bad one and 916 legitimate commits after it')
		expect(shown).toContain('❯ before it, by LSN')
	})

	test('a target that keeps the bad commit says so', async () => {
		expect(await showing('target-kept')).toContain('✘ this target keeps xid 3770, the commit you marked as bad')
	})

	test('a plan that is refused gives the reason and the next step', async () => {
		const shown = await showing('plan-refused')
		expect(shown).toContain('✘ this plan cannot succeed')
		expect(shown).toContain('→ choose another destination with e')
	})

	test('the confirmation shows what will be done, what will not be touched, and the word to type', async () => {
		const shown = await showing('confirm')
		expect(shown).toContain('! WILL BE DONE')
		expect(shown).toMatch(/writes into +\/srv\/restore\/harbor/)
		expect(shown).toContain('✔ WILL NOT BE TOUCHED')
		expect(shown).toMatch(/✔ .*harbor-point\/archive is only read/)
		expect(shown).toContain('type harbor to start')
		expect(shown).toContain('Nothing has been written so far.')
	})

	test('the restore shows rate and time left, the running step and the log', async () => {
		const shown = await showing('restore-replaying')
		expect(shown).toContain('170 MB of 412 MB, 38.1 MB/s, 6.4 s left')
		expect(shown).toContain('41 %')
		expect(shown).toContain('▸ replay WAL to the target and hold there')
		expect(shown).toContain('✔ copy the base backup')
		expect(shown).toContain('restored log file')
	})

	test('the inspection says first where replay stopped', async () => {
		const shown = (await drawSample('inspect', size)).lines()
		expect(shown[3]).toContain('✔ STOPPED AT 0/6DCE410, exactly where planned')
	})

	test('a failed check stands before the others, with both values', async () => {
		const shown = await showing('inspect-failed')
		const failed = shown.indexOf('✘ rows of bond_reservations')
		expect(failed).toBeGreaterThan(0)
		expect(failed).toBeLessThan(shown.indexOf('✔ stopped where planned'))
		expect(shown).toContain('expected 18244 open, found 17403 open')
	})

	test('the answer to a question keeps its caret and its rows in sight', async () => {
		const shown = await showing('inspect-sql')
		expect(shown).toContain("like '%MUNI' group by 1, 2")
		expect(shown).toMatch(/CA-MUNI +open +4411/)
	})

	test('the decision names what cannot be undone, and selects what changes nothing', async () => {
		const shown = await showing('decide')
		expect(shown).toMatch(/ {4}promote +! cannot be undone/)
		expect(shown).toMatch(/❯ leave/)
	})

	test('the runbook says how it ended and where it is', async () => {
		const shown = await showing('runbook')
		expect(shown).toContain('✔ promoted: timeline 2')
		expect(shown).toContain('# Recovery 20261122-073312-harbor')
		expect(shown).toContain('runbook.md')
	})

	test('a dialog has the safe answer selected and lets nothing through its frame', async () => {
		const shown = (await drawSample('restore-leaving', size)).lines()
		const row = shown.findIndex(line => line.includes('❯ Go on'))
		expect(row).toBeGreaterThan(0)
		expect(shown[row]).toMatch(/│ +❯ Go on +Leave +Cancel the restore +│/)
	})

	test('the help lists the keys of the screen', async () => {
		const shown = await showing('help')
		expect(shown).toMatch(/Enter +mark the first bad/)
		expect(shown).toMatch(/Ctrl-Z +suspend/)
	})

	test('in ASCII nothing else reaches the terminal', async () => {
		const ascii = theme({colour: true, ascii: true})
		for (const name of names) {
			const {sent} = await drawSample(name, size, ascii)
			expect(sent().replace(/[\u0000-\u007f]/g, ''), name).toBe('')
		}
	})
})

describe('the frame', () => {
	test('below the smallest size is one message', async () => {
		const {text} = await drawSample('boundaries', {columns: 60, rows: 12})
		expect(text()).toContain('needs 80 × 24; this terminal has 60 × 12')
		expect(text()).toContain('q to quit')
		expect(text()).not.toContain('BOUNDARIES')
	})

	test('keeps the selected row in sight when the terminal has shrunk before the view knows', async () => {
		const view = sampleViews(large).boundaries
		if (view === undefined) throw new Error('no sample')
		const {text} = await draw(view, small)
		expect(text()).toContain('❯ 07:25:06.501967')
	})

	test('names the time that was reported in the band of what can be recovered', async () => {
		const {lines} = await drawSample('incident', small)
		const band = lines().find(line => line.includes('━▲━'))
		expect(band?.indexOf('▲')).toBe(62)
	})

	test('shows control characters from outside as escapes and sends none of them', async () => {
		const view = sampleViews(small).boundaries
		if (view === undefined || view.screen.screen !== 'boundaries') throw new Error('no sample')
		const evil = 'x\u001b]0;owned\u0007\u001b[2J\u009b31m\u202e'
		const {text, sent} = await draw(
			{
				...view,
				source: evil,
				notice: {text: evil, tone: 'warn'},
				trouble: {title: evil, message: evil, whatToDo: [evil]},
				dialog: {title: evil, lines: [evil], answers: [{label: evil, selected: true}]},
				screen: {
					...view.screen,
					title: evil,
					order: evil,
					table: {
						...view.screen.table,
						rows: view.screen.table.rows.map(row => ({...row, cells: row.cells.map(cell => ({...cell, text: evil}))})),
					},
				},
			},
			small,
		)
		expect(text()).toContain('x\\u001b]0;owned\\u0007')
		expect(sent()).not.toContain('\u001b]0;')
		expect(sent()).not.toContain('\u001b[2J')
		expect(sent()).not.toContain('\u009b')
		expect(sent()).not.toContain('\u202e')
		expect(sent()).not.toContain('\u0007')
	})
})
