/** Numbers that look random and are the same for the same seed. */
export interface Random {
	/** A whole number from 0 up to but not including `limit`. */
	below(limit: number): number
	pick<T>(choices: readonly [T, ...T[]]): T
}

/** Mulberry32: small, fast, and good enough to scatter trades. */
export function seededRandom(seed: number): Random {
	let state = seed >>> 0
	const next = (): number => {
		state = (state + 0x6d2b79f5) >>> 0
		let mixed = Math.imul(state ^ (state >>> 15), state | 1)
		mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
		return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
	}
	return {
		below: limit => Math.floor(next() * limit),
		pick: choices => choices[Math.floor(next() * choices.length)] ?? choices[0],
	}
}
