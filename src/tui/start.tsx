import {render} from 'ink'
import {App} from './App.tsx'
import type {Store} from './store.ts'
import type {Theme} from './theme.ts'

/** The screens on the terminal. */
export interface Tui {
	/** Ends them; the terminal is as it was once `ended` has resolved. */
	stop(): void
	/** Resolves when they have ended, rejects with what a screen threw. */
	readonly ended: Promise<void>
}

/** Draws the store's view on the alternate screen until it is stopped. stdin and stdout have to be terminals. */
export function startTui(store: Store, theme: Theme): Tui {
	const app = render(<App store={store} theme={theme} />, {
		alternateScreen: true,
		incrementalRendering: true,
		exitOnCtrlC: false,
		concurrent: false,
		// What a library prints is drawn past the frame and the frame again below it.
		patchConsole: true,
	})
	return {
		stop: () => app.unmount(),
		ended: app.waitUntilExit().then(() => undefined),
	}
}
