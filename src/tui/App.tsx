import {useApp, useInput, usePaste, useWindowSize} from 'ink'
import {useEffect, useSyncExternalStore} from 'react'
import type {OperatorEvent} from '../guide/events.ts'
import type {TerminalSize} from '../guide/layout.ts'
import type {KeyContext} from '../guide/views.ts'
import {documentLimit, Frame, isTooSmall} from './Frame.tsx'
import {keyNames, nextEvent, pasteEvents, suspendKey} from './keymap.ts'
import {movement} from './scrolling.ts'
import type {Store} from './store.ts'
import {suspended} from './suspend.ts'
import type {Theme} from './theme.ts'

export interface AppProps {
	readonly store: Store
	readonly theme: Theme
}

/** Ties the frame to the store and the keyboard. The only component with hooks. */
export function App({store, theme}: AppProps) {
	const view = useSyncExternalStore(store.subscribe, store.view)
	const size = useWindowSize()
	const {columns, rows} = size
	const {suspendTerminal} = useApp()

	useEffect(() => {
		store.dispatch({type: 'resized', columns, rows})
	}, [store, columns, rows])

	useInput((input, key) => {
		const keys = keyNames(input, key)
		if (keys.includes(suspendKey)) {
			void suspendTerminal(suspended)
			return
		}
		for (let place = 0; place < keys.length; ) {
			const {event, next} = nextEvent(liveContext(store, size), keys, place)
			if (event !== undefined) dispatch(store, event, size, theme)
			place = next
		}
	})
	usePaste(text => {
		for (const event of pasteEvents(liveContext(store, size), text)) store.dispatch(event)
	})

	return <Frame size={size} theme={theme} view={view} />
}

/** Which keys are live now. A terminal that has just become too small is one before the guide has heard of it. */
function liveContext(store: Store, size: TerminalSize): KeyContext {
	return isTooSmall(size) ? 'too-small' : store.view().keys
}

function dispatch(store: Store, event: OperatorEvent, size: TerminalSize, theme: Theme): void {
	const view = store.view()
	const moves = event.type === 'moved' || event.type === 'paged' || event.type === 'jumped'
	const limit = moves ? documentLimit(view, size, theme) : undefined
	const taken = moves ? movement(event, view.screen, limit, size) : event
	if (taken !== undefined) store.dispatch(taken)
}
