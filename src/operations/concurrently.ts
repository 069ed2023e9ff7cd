/** Runs `work` on each item, at most `limit` at a time, and gives the results in the items' order. The first failure ends it. */
export async function mapConcurrently<Item, Result>(
	items: readonly Item[],
	limit: number,
	work: (item: Item) => Promise<Result>,
): Promise<readonly Result[]> {
	const results = new Array<Result>(items.length)
	let next = 0
	let failed = false
	const worker = async () => {
		while (next < items.length && !failed) {
			const index = next
			next += 1
			try {
				results[index] = await work(items[index] as Item)
			} catch (error) {
				failed = true
				throw error
			}
		}
	}
	await Promise.all(Array.from({length: Math.min(limit, items.length)}, worker))
	return results
}
