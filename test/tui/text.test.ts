import stringWidth from 'string-width'
import {describe, expect, test} from 'vitest'
import {cutLine, line, lineWidth, padLine, piece, shortened, stack, wrapLine} from '../../src/tui/block.ts'
import {cut, cutMiddle, narrow, visible, widthOf, wrap} from '../../src/tui/text.ts'
import {inAscii, theme, themeFor} from '../../src/tui/theme.ts'

const look = theme({colour: true, ascii: false})

describe('a text', () => {
	test.each([
		['\u001b[2J', '\\u001b[2J'],
		['a\nb\tc\rd', 'a\\nb\\tc\\rd'],
		['\u009b31m', '\\u009b31m'],
		['abc\u202etxt.exe', 'abc\\u202etxt.exe'],
		['zero\u200bwidth', 'zero\\u200bwidth'],
		['tag\u{e0041}', 'tag\\u{e0041}'],
		['Zürich 株式 ✔', 'Zürich 株式 ✔'],
	])('shows %j as %s', (text, shown) => {
		expect(visible(text)).toBe(shown)
		expect(visible(shown)).toBe(shown)
	})

	test('of characters that are counted without asking is as wide as asking says', () => {
		const counted = Array.from({length: 0x3000}, (_, code) => String.fromCharCode(code)).filter(one => narrow.test(one))
		expect(counted.length).toBeGreaterThan(500)
		expect(counted.filter(one => stringWidth(one) !== 1)).toEqual([])
		expect(counted.filter(one => visible(`\u0000${one}`) !== `\\u0000${one}`)).toEqual([])
	})

	test('counts wide characters twice', () => {
		expect(widthOf('株式')).toBe(4)
		expect(cut('株式会社', 5, '…')).toBe('株式…')
	})

	test('is cut at its end, or in its middle where both ends matter', () => {
		expect(cut('bond_reservations', 8, '…')).toBe('bond_re…')
		expect(cutMiddle('/var/lib/postgresql/archive', 15, '…')).toBe('/var…ql/archive')
		expect(cut('abc', 0, '…')).toBe('')
	})

	test('wraps between words, and inside one that is too long after a slash', () => {
		expect(wrap('look for it in pg_wal', 11)).toEqual(['look for it', 'in pg_wal'])
		expect(wrap('/usr/lib/postgresql/15/bin', 22)).toEqual(['/usr/lib/postgresql/', '15/bin'])
		expect(wrap('abcdefgh', 3)).toEqual(['abc', 'def', 'gh'])
		expect(wrap('', 3)).toEqual([''])
	})
})

describe('a line', () => {
	const pieces = [piece('xid 3770 '), piece('commits later', 'warn')]

	test('keeps its looks when it is cut, and fits', () => {
		expect(cutLine(pieces, 12, look)).toEqual([piece('xid 3770 '), piece('co…', 'warn')])
		for (let width = 0; width < 30; width++) {
			expect(lineWidth(cutLine(pieces, width, look))).toBeLessThanOrEqual(width)
			expect(lineWidth(padLine(pieces, width, look))).toBe(width)
		}
	})

	test('wraps between words of different looks', () => {
		const lines = wrapLine(pieces, 16)
		expect(lines.map(one => one.map(({text}) => text).join(''))).toEqual(['xid 3770 commits', 'later'])
	})
})

describe('a stack of sections', () => {
	const rows = (count: number, name: string) => Array.from({length: count}, (_, index) => line(`${name}${index + 1}`))
	const textOf = (sections: Parameters<typeof stack>[0], height: number) =>
		stack(sections, height, look).map(one => one.map(({text}) => text).join(''))

	test('has an empty row between its sections where there is room', () => {
		expect(textOf([{lines: rows(1, 'a')}, {lines: rows(1, 'b')}], 5)).toEqual(['a1', '', 'b1'])
		expect(textOf([{lines: rows(1, 'a')}, {lines: rows(1, 'b')}], 2)).toEqual(['a1', 'b1'])
	})

	test('cuts first what gives first, and says so', () => {
		const sections = [
			{lines: rows(4, 'a'), least: 2, gives: 1},
			{lines: rows(4, 'b'), least: 1, gives: 2},
		]
		expect(textOf(sections, 6)).toEqual(['a1', 'a2', 'a3', 'a4', 'b1', '… 3 more'])
		expect(textOf(sections, 4)).toEqual(['a1', 'a2', '… 2 more', '… 4 more'])
	})

	test('never has more rows than it may', () => {
		for (let height = 0; height < 12; height++) {
			expect(textOf([{lines: rows(5, 'a')}, {lines: rows(5, 'b')}], height).length).toBeLessThanOrEqual(height)
		}
	})

	test('drops a section as a whole where half of it would mislead', () => {
		expect(textOf([{lines: rows(3, 'a')}, {lines: rows(2, 'b'), whole: true, gives: 1}], 4)).toEqual(['a1', 'a2', 'a3'])
	})

	test('shortens a block to a last row that counts what is missing', () => {
		expect(shortened(rows(5, 'a'), 3, look).at(-1)).toEqual(line('… 3 more', 'dim'))
	})
})

describe('the theme', () => {
	test.each([
		[{NO_COLOR: '1'}, false],
		[{NO_COLOR: ''}, true],
		[{TERM: 'dumb'}, false],
		[{TERM: 'xterm-256color'}, true],
	])('for %j has colours: %s', (env, colour) => {
		const tones = Object.values(themeFor({env}).tones)
		expect(tones.some(tone => tone.color !== undefined)).toBe(colour)
	})

	test('takes an option before the environment', () => {
		expect(themeFor({env: {NO_COLOR: '1'}, colour: true}).tones.bad.color).toBe('red')
		expect(themeFor({env: {LANG: 'C.UTF-8'}, ascii: true}).ascii).toBe(true)
	})

	test.each([
		[{LANG: 'en_US.UTF-8'}, false],
		[{LANG: 'en_US.UTF-8', LC_ALL: 'C'}, true],
		[{LANG: '', LC_CTYPE: 'C.utf8'}, false],
		[{TERM: 'xterm-256color'}, false],
		[{TERM: 'tmux-256color'}, true],
		[{TERM: 'linux'}, true],
	])('for %j speaks ASCII only: %s', (env, ascii) => {
		expect(themeFor({env}).ascii).toBe(ascii)
	})

	test('spells everything in ASCII, column for column', () => {
		expect(inAscii('✔ 2 × 3 … “a”')).toBe('+ 2 x 3 . "a"')
	})
})
