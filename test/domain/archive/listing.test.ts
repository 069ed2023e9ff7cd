import {expect, test} from 'vitest'
import {shownKey} from '../../../src/domain/archive/listing.ts'

test.each([
	['archive/000000010000000000000001', 'archive/000000010000000000000001'],
	['größe und leer/x', 'größe und leer/x'],
	['two\nlines', '"two\\nlines"'],
	['\u001b[31mred', '"\\u001b[31mred"'],
])('the key %j is shown as %s', (key, shown) => {
	expect(shownKey(key)).toBe(shown)
})
