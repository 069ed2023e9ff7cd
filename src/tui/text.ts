import stringWidth from 'string-width'

/**
 * Characters that a terminal acts on instead of showing, or that hide in a text: controls, direction overrides, zero-width
 * marks, halves of surrogate pairs, line separators.
 */
const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu
/** ASCII, Latin letters, dashes, quotes, arrows, lines, blocks and the marks of the theme: one column each. string-width asks for emoji at every one of them, and a frame is full of them. */
export const narrow =
	/^[ -~\u00a1-\u00ac\u00ae-\u017f\u2013-\u2026\u203a\u2190-\u2193\u2500-\u25c6\u2714\u2718\u276f]*$/

/** The text with everything that is no printable character spelled as an escape, `\u001b`: what is shown cannot paint. */
export function visible(text: string): string {
	return narrow.test(text) ? text : text.replace(unprintable, spelled)
}

function spelled(character: string): string {
	switch (character) {
		case '\n':
			return '\\n'
		case '\r':
			return '\\r'
		case '\t':
			return '\\t'
		default: {
			const code = (character.codePointAt(0) ?? 0).toString(16)
			return code.length > 4 ? `\\u{${code}}` : `\\u${code.padStart(4, '0')}`
		}
	}
}

/** Terminal columns that the text takes once it is visible. */
export function widthOf(text: string): number {
	return columnsOf(visible(text))
}

function columnsOf(shown: string): number {
	return narrow.test(shown) ? shown.length : stringWidth(shown)
}

const graphemes = new Intl.Segmenter()

/** As much of the start of the text as fits. */
function startOf(text: string, width: number): string {
	if (narrow.test(text)) return text.slice(0, Math.max(0, width))
	let taken = ''
	let used = 0
	for (const {segment} of graphemes.segment(text)) {
		used += columnsOf(segment)
		if (used > width) break
		taken += segment
	}
	return taken
}

function endOf(text: string, width: number): string {
	const segments = [...graphemes.segment(text)].map(({segment}) => segment)
	let used = 0
	let from = segments.length
	while (from > 0) {
		used += columnsOf(segments[from - 1] ?? '')
		if (used > width) break
		from--
	}
	return segments.slice(from).join('')
}

/** The text in at most so many columns; where it is longer it ends in the ellipsis. */
export function cut(text: string, width: number, ellipsis: string): string {
	const shown = visible(text)
	if (columnsOf(shown) <= width) return shown
	if (width < columnsOf(ellipsis)) return startOf(ellipsis, width)
	return startOf(shown, width - columnsOf(ellipsis)) + ellipsis
}

/** Like `cut`, but both ends stay: of a path, the start says where and the end says what. */
export function cutMiddle(text: string, width: number, ellipsis: string): string {
	const shown = visible(text)
	if (columnsOf(shown) <= width) return shown
	const room = width - columnsOf(ellipsis)
	if (room < 2) return cut(shown, width, ellipsis)
	const start = Math.floor(room / 3)
	return startOf(shown, start) + ellipsis + endOf(shown, room - start)
}

/** Lines of at most so many columns, broken between words; a word longer than a line is broken after a slash or comma, else where it must. */
export function wrap(text: string, width: number): readonly string[] {
	const columns = Math.max(1, width)
	const lines: string[] = []
	let line = ''
	for (const word of visible(text).split(' ')) {
		const longer = line === '' ? word : `${line} ${word}`
		if (columnsOf(longer) <= columns) {
			line = longer
			continue
		}
		if (line !== '') lines.push(line)
		line = word
		while (columnsOf(line) > columns) {
			const most = startOf(line, columns)
			// A character wider than the line would never fit.
			if (most === '') break
			const natural = Math.max(most.lastIndexOf('/'), most.lastIndexOf(',')) + 1
			const start = natural > columns / 2 ? most.slice(0, natural) : most
			lines.push(start)
			line = line.slice(start.length)
		}
	}
	return [...lines, line]
}
