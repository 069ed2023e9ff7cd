import {describe, expect, test} from 'vitest'
import {describeBytes, describeCount, describeDuration, isolatedText, shellText} from '../../src/domain/text.ts'

describe('text from outside', () => {
	test.each([
		['that is ordinary stays as it is', 'bond_reservations – “Zürich” 🏦 日本', 'bond_reservations – “Zürich” 🏦 日本'],
		['shows its line breaks and tabs', 'a\nb\r\nc\td', 'a\\nb\\r\\nc\\td'],
		['cannot move the cursor or clear the screen', '\u001b[2J\u001b[H', '\\u001b[2J\\u001b[H'],
		['cannot do so with one byte either', '\u009b2J', '\\u009b2J'],
		['cannot ring, erase or end', '\u0007\b\u007f\u0000', '\\u0007\\u0008\\u007f\\u0000'],
		['cannot turn the direction of the line', 'a\u202egnp.exe\u2066', 'a\\u202egnp.exe\\u2066'],
		['cannot break a line as Unicode does', 'a\u2028b\u2029c\u0085d', 'a\\u2028b\\u2029c\\u0085d'],
		['that is empty stays empty', '', ''],
	])('%s', (_, text, shown) => {
		expect(isolatedText(text)).toBe(shown)
	})

	test('that was made safe once is not changed by a second time', () => {
		const once = isolatedText('\u001b[1m\n\\n')
		expect(isolatedText(once)).toBe(once)
	})
})

describe('bytes', () => {
	test.each([
		[0, '0 B'],
		[999, '999 B'],
		[1000, '1.0 kB'],
		[99_949, '99.9 kB'],
		[99_950, '100 kB'],
		[999_499, '999 kB'],
		[999_500, '1.0 MB'],
		[16_777_216, '16.8 MB'],
		[1_400_000_000, '1.4 GB'],
		[2_500_000_000_000, '2.5 TB'],
		[12_345_000_000_000_000, '12345 TB'],
	])('%d are %s', (bytes, text) => {
		expect(describeBytes(bytes)).toBe(text)
	})
})

describe('a duration', () => {
	test.each([
		[0, '0 ms'],
		[0.4, '0 ms'],
		[840, '840 ms'],
		[999.4, '999 ms'],
		[999.6, '1.0 s'],
		[1000, '1.0 s'],
		[9949, '9.9 s'],
		[9950, '10 s'],
		[12_400, '12 s'],
		[59_499, '59 s'],
		[59_500, '1 min'],
		[200_000, '3 min 20 s'],
		[3_599_400, '59 min 59 s'],
		[3_599_500, '1 h'],
		[7_500_000, '2 h 5 min'],
		[360_000_000, '100 h'],
	])('of %d ms is %s', (ms, text) => {
		expect(describeDuration(ms)).toBe(text)
	})
})

describe('a count', () => {
	test.each([
		[describeCount(0, 'commit'), '0 commits'],
		[describeCount(1, 'commit'), '1 commit'],
		[describeCount(917, 'commit'), '917 commits'],
		[describeCount(1, 'boundary', 'boundaries'), '1 boundary'],
		[describeCount(2, 'boundary', 'boundaries'), '2 boundaries'],
	])('reads %s', (text, expected) => {
		expect(text).toBe(expected)
	})
})

describe('a command', () => {
	test.each([
		[['psql', '-h', '/run/x', '-p', '54330'], 'psql -h /run/x -p 54330'],
		[['cp', '-a', '/srv/Harbor Point/.', '/x'], "cp -a '/srv/Harbor Point/.' /x"],
		[['echo', "it's"], "echo 'it'\\''s'"],
		[['echo', ''], "echo ''"],
		[['echo', '$(rm -rf ~)', '`id`', 'a;b', 'a|b', '*', '"'], "echo '$(rm -rf ~)' '`id`' 'a;b' 'a|b' '*' '\"'"],
		[['-c', 'config_file=/x/postgresql.conf'], '-c config_file=/x/postgresql.conf'],
	])('of %j is typed as %s', (command, text) => {
		expect(shellText(command)).toBe(text)
	})
})
