import type {ReadSegment} from '../domain/archive/inventory.ts'
import {ArchiveUnreachableError} from '../domain/errors.ts'
import type {ArchiveStore, Codecs} from '../ports.ts'

/** Beyond so many segments that are stored more than once it is two archives in one, and the first of them say enough. */
const mostCompared = 32

/** Reads segments that are stored more than once in full, and marks the copies that hold the same. What cannot be read stays unmarked. */
export async function tellCopiesApart(
	codecs: Codecs,
	store: ArchiveStore,
	read: readonly ReadSegment[],
	signal: AbortSignal | undefined,
): Promise<readonly ReadSegment[]> {
	const byName = Map.groupBy(read, ({entry}) => entry.name)
	const marks = new Map<ReadSegment, string>()
	const severalTimes = [...byName.values()].filter(
		copies => copies.length > 1 && copies.every(({entry}) => entry.contentId === undefined),
	)
	for (const copies of severalTimes.slice(0, mostCompared)) {
		const distinct: ReadSegment[] = []
		for (const copy of copies) {
			const same = await firstSame(codecs, store, distinct, copy, signal)
			if (same === undefined) continue
			if (same === copy) distinct.push(copy)
			marks.set(copy, same.entry.key)
		}
	}
	return read.map(segment => {
		const contentId = marks.get(segment)
		return contentId === undefined ? segment : {...segment, entry: {...segment.entry, contentId}}
	})
}

/** The first of the others with the same content, or the segment itself; undefined where it cannot be read. */
async function firstSame(
	codecs: Codecs,
	store: ArchiveStore,
	others: readonly ReadSegment[],
	copy: ReadSegment,
	signal: AbortSignal | undefined,
): Promise<ReadSegment | undefined> {
	if (!copy.head.ok) return undefined
	try {
		for (const other of others) {
			if (await holdSame(contentOf(other), contentOf(copy))) return other
		}
		return copy
	} catch (error) {
		if (error instanceof ArchiveUnreachableError) return undefined
		throw error
	}

	function contentOf({entry, head}: ReadSegment): AsyncIterator<Uint8Array> {
		const codec = head.ok ? head.codec : 'none'
		return codecs.content(store, {key: entry.key, codec}, signal)[Symbol.asyncIterator]()
	}
}

/** Compares two contents as they come, however each is cut, up to the first difference. */
async function holdSame(a: AsyncIterator<Uint8Array>, b: AsyncIterator<Uint8Array>): Promise<boolean> {
	try {
		let restA = await nextBytes(a)
		let restB = await nextBytes(b)
		while (restA !== undefined && restB !== undefined) {
			const shared = Math.min(restA.byteLength, restB.byteLength)
			for (let index = 0; index < shared; index += 1) if (restA[index] !== restB[index]) return false
			restA = restA.byteLength > shared ? restA.subarray(shared) : await nextBytes(a)
			restB = restB.byteLength > shared ? restB.subarray(shared) : await nextBytes(b)
		}
		return restA === undefined && restB === undefined
	} finally {
		await a.return?.()
		await b.return?.()
	}
}

/** The next bytes that are any; undefined at the end. */
async function nextBytes(content: AsyncIterator<Uint8Array>): Promise<Uint8Array | undefined> {
	for (;;) {
		const next = await content.next()
		if (next.done === true) return undefined
		if (next.value.byteLength > 0) return next.value
	}
}
