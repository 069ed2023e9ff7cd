import {Box, Text} from 'ink'
import type {Block, Piece, TextLine} from '../block.ts'
import {cutLine, joined, lineWidth} from '../block.ts'
import {visible} from '../text.ts'
import {inAscii, type Look, type Theme} from '../theme.ts'

export interface LinesProps {
	readonly lines: Block
	readonly width: number
	readonly theme: Theme
}

/** Draws a block. Everything on the screen goes through here, and nothing but printable characters goes out. */
export function Lines({lines, width, theme}: LinesProps) {
	return (
		<Box flexDirection="column" flexShrink={0} width={width}>
			{numbered(lines).map(({number, entry}) => (
				<Text key={number} wrap="truncate">
					{/* An empty Text has no height. */}
					{lineWidth(entry) === 0 ? ' ' : numbered(joined(cutLine(entry, width, theme))).map(run => drawn(run, theme))}
				</Text>
			))}
		</Box>
	)
}

function drawn({number, entry}: Numbered<Piece>, theme: Theme) {
	const shown = visible(entry.text)
	return (
		<Text key={number} {...lookOf(entry, theme)}>
			{theme.ascii ? inAscii(shown) : shown}
		</Text>
	)
}

function lookOf({tone, role}: Piece, {tones, roles}: Theme): Look {
	return role === undefined ? tones[tone] : {...tones[tone], ...roles[role]}
}

interface Numbered<T> {
	readonly number: number
	readonly entry: T
}

/** Rows and runs have no identity but their place. */
function numbered<T extends TextLine | Piece>(entries: readonly T[]): readonly Numbered<T>[] {
	return entries.map((entry, number) => ({number, entry}))
}
