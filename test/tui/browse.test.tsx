import {afterEach, describe, expect, test} from 'vitest'
import type {TerminalSize} from '../../src/guide/layout.ts'
import type {View} from '../../src/guide/views.ts'
import {Frame} from '../../src/tui/Frame.tsx'
import {theme} from '../../src/tui/theme.ts'
import {browsing, inRecords, records} from '../guide/browse-story.ts'
import {utc} from '../support/builders.ts'
import {drawInTerminal, type TestTerminal} from '../support/terminal.ts'

const small: TerminalSize = {columns: 80, rows: 24}
const large: TerminalSize = {columns: 140, rows: 40}
const sizes = [small, large, {columns: 80, rows: 40}, {columns: 120, rows: 24}, {columns: 213, rows: 61}]

type Told = ReturnType<typeof browsing>

/** Each level, and what lies over it, as an operator gets there. */
const stories: Readonly<Record<string, (size: TerminalSize) => Told>> = {
	timelines: size => sized(browsing(), size),
	'timelines-detail': size => after(sized(browsing(), size), told => told.happens({type: 'detailToggled'})),
	segments: size => withSegments(sized(browsing(), size)),
	'segments-detail': size =>
		after(withSegments(sized(browsing(), size)), told => {
			told.happens({type: 'moved', by: 1})
			told.happens({type: 'detailToggled'})
		}),
	records: size => sized(inRecords(400, {hasAfter: true}), size),
	'records-detail': size =>
		after(sized(inRecords(400, {hasAfter: true}), size), told => {
			told.happens({type: 'moved', by: 21})
			told.happens({type: 'detailToggled'})
		}),
	'records-filter': size =>
		after(sized(inRecords(), size), told => {
			told.happens({type: 'filterOpened'})
			told.types('xid:twelve')
		}),
	'records-searching': size =>
		after(sized(inRecords(), size), told => {
			told.happens({type: 'searchOpened'})
			told.types('type:TRUNCATE')
			const {request, segment} = told.latest('findRecord')
			told.happens({type: 'readingProgressed', request, percent: 41, segment: segment.name})
		}),
	'records-trouble': size =>
		after(sized(inRecords(), size), told => {
			told.happens({type: 'turned', by: 1})
			const {request} = told.latest('readRecords')
			const trouble = {code: 'archive-unreachable', message: 'the segment is gone', whatToDo: ['survey again']}
			told.happens({type: 'readingFailed', request, trouble})
		}),
	'records-help': size => after(sized(inRecords(), size), told => told.happens({type: 'helpToggled'})),
}
const names = Object.keys(stories)

function after(told: Told, act: (told: Told) => void): Told {
	act(told)
	return told
}

function sized(told: Told, {columns, rows}: TerminalSize): Told {
	return after(told, one => one.happens({type: 'resized', columns, rows}))
}

function withSegments(told: Told): Told {
	told.happens({type: 'moved', by: -1})
	told.happens({type: 'accepted'})
	for (const {name} of told.latest('readTimes').segments) {
		const times = {firstAt: utc('09:40:58.120001'), lastAt: utc('09:41:23.501967'), commitCount: 917, isWhole: true}
		told.happens({type: 'segmentTimesRead', times: {segment: name, ...times}})
	}
	return told
}

let drawn: TestTerminal | undefined

afterEach(async () => {
	await drawn?.close()
	drawn = undefined
})

async function draw(view: View, size: TerminalSize, look = theme({colour: true, ascii: false})): Promise<TestTerminal> {
	await drawn?.close()
	drawn = await drawInTerminal(<Frame size={size} theme={look} view={view} />, size)
	return drawn
}

function viewOf(name: string, size: TerminalSize): View {
	return stories[name]?.(size).view ?? expect.fail(`no story ${name}`)
}

describe.each(sizes)('at $columns x $rows', size => {
	test.each(names)('%s fits, with its header above and its keys below', async name => {
		const shown = (await draw(viewOf(name, size), size)).lines()
		expect(shown).toHaveLength(size.rows)
		if (!name.endsWith('help')) {
			expect(shown[0]).toMatch(/^ lastgood {2}\/archive .* read-only .*Z$/)
			expect(shown[1]).toMatch(/^ [123]\/3 {2}/)
		}
		expect(shown.at(-1)?.trim()).not.toBe('')
		expect(Math.max(...shown.map(line => line.length))).toBeLessThanOrEqual(size.columns)
	})
})

describe.each([small, large])('at $columns x $rows', size => {
	const showing = async (name: string) => (await draw(viewOf(name, size), size)).text()

	test('timelines show where each began and how many segments and base backups it has', async () => {
		const shown = await showing('timelines')
		expect(shown).toMatch(/ 1 +with the cluster +6 +1\b/)
		expect(shown).toMatch(/❯ +2 +from 1 at 0\/6100000/)
	})

	test('segments show their commit times, base backups where they begin, and holes', async () => {
		const shown = await showing('segments')
		expect(shown).toMatch(/❯ 000000010000000000000004 +2026-04-01 09:40:58Z +09:41:23Z +917/)
		expect(shown).toMatch(/base-0401 +base backup, full/)
		expect(shown).toMatch(/000000010000000000000006 +✘ 1 segment missing/)
	})

	test('all about a base backup leaves it in sight', async () => {
		const shown = await showing('segments-detail')
		expect(shown).toContain('❯ base-0401')
		expect(shown).toContain('0/5000028 to 0/5000138')
		expect(shown).toMatch(/usable +✔ yes/)
	})

	test('records show LSN, xid, resource manager, type and description', async () => {
		expect(await showing('records')).toMatch(/❯ 0\/7000028 +700 +Heap +INSERT +(64 +)?off 0 flags 0x00/)
	})

	test('all about a record tells its end and its whole description', async () => {
		const shown = await showing('records-detail')
		expect(shown).toContain('❯ 0/7000568')
		expect(shown).toContain('0/7000568 to 0/70005A8, 64 B')
		expect(shown).toContain('Transaction COMMIT, xid 710')
	})

	test('a filter that cannot be read is told of under what was typed', async () => {
		const shown = await showing('records-filter')
		expect(shown).toMatch(/filter {2}❯ xid:twelve\n +✘ xid:twelve is no xid: xid:3770/)
	})

	test('a search tells how far it is, and that Esc ends it', async () => {
		const shown = await showing('records-searching')
		expect(shown).toMatch(/searching 000000010000000000000007 [█░]+ +41 %/)
	})

	test('in ASCII nothing else reaches the terminal', async () => {
		for (const name of names) {
			const {sent} = await draw(viewOf(name, size), size, theme({colour: true, ascii: true}))
			expect(sent().replace(/[\u0000-\u007f]/g, ''), name).toBe('')
		}
	})

	test('without colour the selected row and what is wrong are still marked', async () => {
		const {text, sent} = await draw(viewOf('segments', size), size, theme({colour: false, ascii: false}))
		expect(text()).toContain('❯ 000000010000000000000004')
		expect(sent()).not.toMatch(/\u001b\[3[0-7]m/)
	})
})

test('what a name in the WAL holds is never sent to the terminal', async () => {
	const told = inRecords(0)
	told.happens({type: 'turned', by: 1})
	told.reads(
		records('0/8000028', 1, {description: 'evil\nrmgr: \u001b]0;owned\u0007\u009b31m\u202e', type: 'RESTORE_POINT'}),
	)
	told.happens({type: 'detailToggled'})
	const {sent, text} = await draw(told.view, small)
	expect(text()).toContain('evil\\nrmgr: \\u001b]0;owned')
	expect(sent()).not.toContain('\u001b]0;')
	expect(sent()).not.toContain('\u009b')
	expect(sent()).not.toContain('\u202e')
})
