/** Text from outside made safe to show: control characters become visible escapes, so that a name or a row cannot paint on the terminal. */
export function isolatedText(text: string): string {
	// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
	return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, character => {
		switch (character) {
			case '\n':
				return '\\n'
			case '\r':
				return '\\r'
			case '\t':
				return '\\t'
			default:
				return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
		}
	})
}

/** Bytes for people: `1.4 GB`, in powers of 1000. */
export function describeBytes(bytes: number): string {
	const units = ['B', 'kB', 'MB', 'GB', 'TB']
	let value = bytes
	let unit = 0
	while (Math.round(value) >= 1000 && unit < units.length - 1) {
		value /= 1000
		unit++
	}
	return `${unit === 0 || value >= 99.95 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`
}

/** A duration for people: `840 ms`, `12 s`, `3 min 20 s`, `2 h 5 min`. */
export function describeDuration(ms: number): string {
	if (Math.round(ms) < 1000) return `${Math.round(ms)} ms`
	const seconds = Math.round(ms / 1000)
	if (seconds < 60) return ms < 9950 ? `${(ms / 1000).toFixed(1)} s` : `${seconds} s`
	const minutes = Math.floor(seconds / 60)
	if (minutes < 60) return seconds % 60 === 0 ? `${minutes} min` : `${minutes} min ${seconds % 60} s`
	const hours = Math.floor(minutes / 60)
	return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`
}

/** A count with its noun: `1 commit`, `917 commits`. */
export function describeCount(count: number, noun: string, plural = `${noun}s`): string {
	return `${count} ${count === 1 ? noun : plural}`
}

/** A command as it would be typed in a POSIX shell, quoted where it must be. */
export function shellText(command: readonly string[]): string {
	return command
		.map(word => (/^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`))
		.join(' ')
}
