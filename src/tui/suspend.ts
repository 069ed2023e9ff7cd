const tick = () => new Promise<void>(resolve => setImmediate(resolve))

/** How long to wait for being stopped where no shell is there to stop for. */
const orphanMs = 500

/**
 * What Ctrl-Z does once Ink has given the terminal back: stops the whole process group, as the terminal itself would,
 * and returns when the shell has brought it to the foreground again.
 */
export async function suspended(): Promise<void> {
	// Windows has no job control.
	if (process.platform === 'win32') return
	// Ink 8.0 takes its listener off stdin and goes on reading: without the pause the shell's first keys are lost. In
	// the same turn the pause has no effect.
	await tick()
	process.stdin.pause()
	await tick()
	await new Promise<void>(resolve => {
		const resume = () => {
			clearTimeout(orphaned)
			process.off('SIGCONT', resume)
			resolve()
		}
		// Where nobody does job control the kernel drops the signal, and no SIGCONT follows. While stopped, nothing here runs.
		const orphaned = setTimeout(resume, orphanMs)
		process.once('SIGCONT', resume)
		// npm and whatever else started this program belong to the group: stopped alone, it would leave the shell waiting.
		process.kill(0, 'SIGTSTP')
	})
}
