/** How long something takes, in ms. */
export async function timeOf(work: () => Promise<unknown>): Promise<number> {
	const startedMs = performance.now()
	await work()
	return performance.now() - startedMs
}

/** The middle one: a shared machine has outliers on one side only. */
export function median(values: readonly number[]): number {
	const sorted = values.toSorted((a, b) => a - b)
	return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

/** What was compared with what, measured in turns so that what the machine does besides meets both. */
export async function compare(
	what: string,
	ours: () => Promise<number>,
	theirs: () => Promise<number>,
	rounds: number,
): Promise<string> {
	const oursMs: number[] = []
	const theirsMs: number[] = []
	for (let round = 0; round < rounds; round++) {
		oursMs.push(await ours())
		theirsMs.push(await theirs())
	}
	const [our, their] = [median(oursMs), median(theirsMs)]
	return `${what}: ratio ${(our / their).toFixed(2)}  (${our.toFixed(0)} ms against ${their.toFixed(0)} ms, median of ${rounds})`
}
