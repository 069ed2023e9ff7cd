import type {Fact, Tone} from '../../guide/views.ts'
import {type Block, lineWidth, type Piece, paragraph, piece, type TextLine, wrapLine} from '../block.ts'
import {cut, widthOf} from '../text.ts'
import type {Theme} from '../theme.ts'

export interface FactsOptions {
	/** Puts a mark before values that are judged, so that colour is not what tells them. Not needed under a title that judges them all. */
	readonly marked?: boolean
	/** Columns of the labels; as wide as the widest where it is left out. */
	readonly labelWidth?: number
}

/** Labels in a column of their own, values beside them over as many rows as they need. */
export function facts(
	list: readonly Fact[],
	width: number,
	theme: Theme,
	{marked = true, labelWidth: wanted}: FactsOptions = {},
): Block {
	const widest = Math.max(0, ...list.map(fact => widthOf(fact.label)))
	const labelWidth = Math.min(wanted ?? widest, Math.max(8, Math.floor(width * 0.45)))
	return list.flatMap(fact => {
		const label = cut(fact.label, labelWidth, theme.marks.ellipsis)
		const mark = marked ? toneMark(fact.tone, theme) : undefined
		const value = paragraph(
			fact.value,
			width - labelWidth - 2,
			fact.tone,
			mark === undefined ? piece('') : {...mark, text: `${mark.text} `},
		)
		return value.map((pieces, index) => [
			piece(index === 0 ? label + ' '.repeat(labelWidth - widthOf(label) + 2) : ' '.repeat(labelWidth + 2), 'dim'),
			...pieces,
		])
	})
}

/** Facts one after the other, as many to a row as fit: where rows are scarce. */
export function inlineFacts(list: readonly Fact[], width: number): Block {
	const lines: TextLine[] = []
	for (const {label, value, tone} of list) {
		const own = [piece(`${label} `, 'dim'), piece(value, tone)]
		const last = lines.at(-1)
		const longer = last === undefined ? own : [...last, piece('   '), ...own]
		if (last !== undefined && lineWidth(longer) <= width) lines[lines.length - 1] = longer
		else lines.push(own)
	}
	return lines.flatMap(pieces => (lineWidth(pieces) <= width ? [pieces] : wrapLine(pieces, width)))
}

/** What says a judging tone without colour; undefined for the others. */
export function toneMark(tone: Tone, {marks}: Theme): Piece | undefined {
	switch (tone) {
		case 'good':
			return piece(marks.done, tone)
		case 'warn':
			return piece(marks.caution, tone)
		case 'bad':
			return piece(marks.failed, tone)
		case 'plain':
		case 'dim':
		case 'strong':
		case 'accent':
			return undefined
		default:
			return tone satisfies never
	}
}

/** A sentence with the mark of its tone. */
export function remark(text: string, tone: Tone, width: number, theme: Theme): Block {
	const mark = toneMark(tone, theme)
	return paragraph(text, width, tone, mark === undefined ? piece('') : {...mark, text: `${mark.text} `})
}
