import {type Block, type Piece, padLine, piece, type TextLine} from '../block.ts'
import type {Theme} from '../theme.ts'

/** The name of a part of a screen, over what belongs to it. */
export function headed(title: string, block: Block): Block {
	return block.length === 0 ? [] : [[piece(title, 'plain', 'heading')], ...block]
}

/** The one thing on a screen that must not be overlooked: a bar over the whole width. */
export function banner(mark: Piece, text: string, width: number, theme: Theme): TextLine {
	return padLine([piece(` ${mark.text} ${text}`)], width, theme).map(one => ({...one, tone: mark.tone, role: 'banner'}))
}
