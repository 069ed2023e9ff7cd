import type {Span, View} from '../../guide/views.ts'
import {type Block, blank, cutLine, lineWidth, type Piece, piece, type TextLine} from '../block.ts'
import {type Hint, hintsOf} from '../keymap.ts'
import type {Theme} from '../theme.ts'
import {toneMark} from './facts.ts'
import {keysText} from './keys.ts'

const hintGap = '   '

type FooterView = Pick<View, 'notice' | 'keys' | 'trouble'>

/** The notice, if there is one, and the keys that are live. */
export function footer(view: FooterView, width: number, theme: Theme): Block {
	return [noticeLine(view.notice, width, theme), hintLine(view, width, theme)]
}

function noticeLine(notice: Span | undefined, width: number, theme: Theme): TextLine {
	if (notice === undefined) return blank
	const mark = toneMark(notice.tone, theme)
	return cutLine([piece(' '), ...(mark === undefined ? [] : [mark, piece(' ')]), notice], width, theme)
}

function hintLine(view: FooterView, width: number, theme: Theme): TextLine {
	return fittingHints(view, width - 1, theme).flatMap((hint, index) => [
		piece(index === 0 ? ' ' : hintGap),
		...hintPieces(hint, theme),
	])
}

/** The hints that fit, in the order of the table; those of the highest rank go first. */
function fittingHints({keys, trouble}: FooterView, width: number, theme: Theme): readonly Hint[] {
	let hints = hintsOf(keys, trouble !== undefined)
	const needed = () =>
		hints.reduce((sum, hint) => sum + lineWidth(hintPieces(hint, theme)), 0) + hintGap.length * (hints.length - 1)
	while (hints.length > 1 && needed() > width) {
		const highest = Math.max(...hints.map(hint => hint.rank))
		const last = hints.findLastIndex(hint => hint.rank === highest)
		hints = hints.filter((_, index) => index !== last)
	}
	return hints
}

function hintPieces({keys, text}: Hint, theme: Theme): readonly Piece[] {
	return [piece(keysText(keys, theme), 'accent', 'key'), piece(` ${text}`, 'dim')]
}
