import {writeFile} from 'node:fs/promises'
import {createRequire} from 'node:module'
import {renderAsync} from '@resvg/resvg-js'
import type {IBufferCell, Terminal} from '@xterm/headless'
import {indexedPng} from './indexed-png.ts'

const {resolve: pathOf} = createRequire(import.meta.url)
const fonts = ['DejaVuSansMono.ttf', 'DejaVuSansMono-Bold.ttf'].map(name => pathOf(`dejavu-fonts-ttf/ttf/${name}`))

/** DejaVu Sans Mono in units of 2048: the line height must be ascent and descent together, or borders do not join. */
const advance = 1233 / 2048
const ascent = 1901 / 2048
const descent = 483 / 2048
const scale = 1.5
/** Rounded to a device pixel, so that neighbouring cells leave no seam. */
const snapped = (length: number) => Math.round(length * scale) / scale

/** At this scale a cell is 14 device pixels wide, as wide as a letter's advance: blocks and lines join. */
const fontSize = 15.5
const cellWidth = snapped(fontSize * advance)
const cellHeight = snapped(fontSize * (ascent + descent))
const baseline = fontSize * ascent
const padding = 18
const titleBar = 30

const background = '#16181d'
const foreground = '#d5d9e0'
const frame = '#22252c'
const dimShare = 0.62
const palette: readonly string[] = [
	'#2b2f38',
	'#f0716f',
	'#86c98a',
	'#e3bd6c',
	'#7aa7e8',
	'#c49be4',
	'#6cc4cf',
	'#d5d9e0',
	'#6b7280',
	'#ff8f8c',
	'#a2dfa5',
	'#f3d48d',
	'#9cc0f5',
	'#d8b7f1',
	'#8fdce5',
	'#ffffff',
]

/** A picture of what the terminal shows, in a plain window. */
export async function writePng(terminal: Terminal, path: string): Promise<void> {
	const svg = svgOf(terminal)
	const image = await renderAsync(svg, {
		fitTo: {mode: 'zoom', value: scale},
		font: {loadSystemFonts: false, fontFiles: fonts, defaultFontFamily: 'DejaVu Sans Mono'},
	})
	await writeFile(path, indexedPng(image.pixels, image.width, image.height))
}

/** The same as SVG. */
export function svgOf(terminal: Terminal): string {
	const {cols, rows} = terminal
	const width = cols * cellWidth + 2 * padding
	const height = rows * cellHeight + 2 * padding + titleBar
	const body = Array.from({length: rows}, (_, row) => rowOf(terminal, row)).join('\n')
	return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">
<rect width="${width}" height="${height}" rx="9" fill="${frame}"/>
<rect x="1" y="${titleBar}" width="${width - 2}" height="${height - titleBar - 1}" rx="8" fill="${background}"/>
<rect x="1" y="${titleBar}" width="${width - 2}" height="16" fill="${background}"/>
${['#f0716f', '#e3bd6c', '#86c98a'].map((colour, index) => `<circle cx="${20 + index * 20}" cy="${titleBar / 2}" r="5.5" fill="${colour}"/>`).join('')}
<g transform="translate(${padding} ${padding + titleBar})" font-family="DejaVu Sans Mono" font-size="${fontSize}" xml:space="preserve">
${body}
</g>
</svg>`
}

interface Run {
	readonly style: Style
	readonly from: number
	readonly cells: {readonly text: string; readonly at: number}[]
	to: number
}

interface Style {
	readonly fill: string
	readonly back: string
	readonly bold: boolean
}

function rowOf(terminal: Terminal, row: number): string {
	const buffer = terminal.buffer.active
	const line = buffer.getLine(buffer.viewportY + row)
	if (line === undefined) return ''
	const runs: Run[] = []
	for (let column = 0; column < terminal.cols; column++) {
		const cell = line.getCell(column)
		if (cell === undefined || cell.getWidth() === 0) continue
		const style = styleOf(cell)
		const last = runs.at(-1)
		const run = last !== undefined && sameStyle(last.style, style) ? last : {style, from: column, to: column, cells: []}
		if (run !== last) runs.push(run)
		run.to = column + cell.getWidth()
		const text = cell.getChars()
		if (text.trim() !== '') run.cells.push({text, at: column})
	}
	return runs.map(run => drawnRun(run, row)).join('')
}

function drawnRun({style, from, to, cells}: Run, row: number): string {
	const top = row * cellHeight
	const rect =
		style.back === background
			? ''
			: `<rect x="${from * cellWidth}" y="${top}" width="${(to - from) * cellWidth}" height="${cellHeight}" fill="${style.back}" shape-rendering="crispEdges"/>`
	if (cells.length === 0) return rect
	const places = cells.map(({at}) => at * cellWidth).join(' ')
	const text = cells.map(cell => escaped(cell.text)).join('')
	const weight = style.bold ? ' font-weight="bold"' : ''
	return `${rect}<text x="${places}" y="${top + baseline}" fill="${style.fill}"${weight}>${text}</text>`
}

function styleOf(cell: IBufferCell): Style {
	const own = cell.isFgDefault() ? foreground : colourOf(cell.getFgColor(), cell.isFgRGB())
	const behind = cell.isBgDefault() ? background : colourOf(cell.getBgColor(), cell.isBgRGB())
	const inverse = cell.isInverse() !== 0
	if (inverse) return {fill: behind, back: own, bold: cell.isBold() !== 0}
	return {fill: cell.isDim() !== 0 ? mixed(own, behind) : own, back: behind, bold: cell.isBold() !== 0}
}

/** Dim text: a colour of its own, because transparent glyphs would show where neighbouring blocks overlap. */
function mixed(colour: string, behind: string): string {
	const parts = [1, 3, 5].map(at => {
		const [own, other] = [colour, behind].map(hex => Number.parseInt(hex.slice(at, at + 2), 16))
		return Math.round((own ?? 0) * dimShare + (other ?? 0) * (1 - dimShare))
	})
	return `#${parts.map(part => part.toString(16).padStart(2, '0')).join('')}`
}

function colourOf(colour: number, rgb: boolean): string {
	return rgb ? `#${colour.toString(16).padStart(6, '0')}` : (palette[colour] ?? foreground)
}

function sameStyle(a: Style, b: Style): boolean {
	return a.fill === b.fill && a.back === b.back && a.bold === b.bold
}

function escaped(text: string): string {
	return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
