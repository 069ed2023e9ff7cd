import type {TerminalSize} from '../../guide/layout.ts'
import type {Theme} from '../theme.ts'

/** What a screen draws from: its view, and the room it has. */
export interface ScreenProps<View> {
	readonly view: View
	readonly theme: Theme
	/** Columns of the body. */
	readonly width: number
	/** Rows of the body, fewer than usual under a message. */
	readonly rows: number
	/** The whole terminal, which decides between stacked and side by side. */
	readonly size: TerminalSize
}
