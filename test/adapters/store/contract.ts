import {afterEach, beforeEach, describe, expect, test} from 'vitest'
import {ArchiveUnreachableError} from '../../../src/domain/errors.ts'
import type {ArchiveStore, StoredObject} from '../../../src/ports.ts'

/** A store made for one test, and what the test may do behind its back. */
export interface StoreUnderTest {
	readonly store: ArchiveStore
	put(key: string, content: Uint8Array): Promise<void>
	remove(key: string): Promise<void>
	/** Throws everything away. */
	discard(): Promise<void>
}

/** What every store must do, whichever way it is reached. */
export function describeStoreContract(name: string, create: () => Promise<StoreUnderTest>): void {
	describe(`${name} as a store`, () => {
		let under: StoreUnderTest
		beforeEach(async () => {
			under = await create()
		})
		afterEach(() => under.discard())

		const text = (content: string) => new TextEncoder().encode(content)
		const keysBelow = async (prefix: string, signal?: AbortSignal) =>
			(await listed(under.store, prefix, signal)).map(({key}) => key).sort()

		test('lists nothing where nothing is', async () => {
			expect(await keysBelow('')).toEqual([])
		})

		test('lists every object with its size, in folders or not', async () => {
			await under.put('a', text('1'))
			await under.put('wal/0000000100000000/000000010000000000000001', text('22'))
			await under.put('wal/empty', text(''))
			const objects = await listed(under.store, '')
			expect(new Map(objects.map(({key, bytes}) => [key, bytes]))).toEqual(
				new Map([
					['a', 1],
					['wal/0000000100000000/000000010000000000000001', 2],
					['wal/empty', 0],
				]),
			)
		})

		test('lists only what lies below a folder', async () => {
			await under.put('one/a', text('1'))
			await under.put('one/deep/b', text('1'))
			await under.put('one-more/c', text('1'))
			await under.put('one.txt', text('1'))
			expect(await keysBelow('one/')).toEqual(['one/a', 'one/deep/b'])
			expect(await keysBelow('none/')).toEqual([])
		})

		test('says of an object when it was last changed, in microseconds', async () => {
			const beforeMs = Date.now()
			await under.put('a', text('1'))
			const object = await under.store.stat('a')
			expect(Math.abs(Number((object?.modifiedAt ?? 0n) / 1000n) - beforeMs)).toBeLessThan(60_000)
			expect((await listed(under.store, ''))[0]).toEqual(object)
		})

		test('knows no object that is not there, and none that is only a folder', async () => {
			await under.put('folder/a', text('1'))
			expect(await under.store.stat('b')).toBeUndefined()
			expect(await under.store.stat('folder')).toBeUndefined()
			expect(await under.store.stat('folder/a/b')).toBeUndefined()
		})

		test('keeps names with line breaks, spaces and other letters', async () => {
			const odd = ['two\nlines', 'with space', 'größe', 'quote\'"', 'percent%20', '#hash', 'plus+', '?question']
			for (const key of odd) await under.put(key, text(key))
			expect(await keysBelow('')).toEqual(odd.toSorted())
			for (const key of odd) expect(new TextDecoder().decode(await under.store.read(key, 0, 100))).toBe(key)
		})

		test('reads a part of an object, and less where it ends', async () => {
			await under.put('a', text('0123456789'))
			const read = async (offset: number, length: number) =>
				new TextDecoder().decode(await under.store.read('a', offset, length))
			expect(await read(0, 4)).toBe('0123')
			expect(await read(4, 4)).toBe('4567')
			expect(await read(8, 40)).toBe('89')
			expect(await read(10, 1)).toBe('')
			expect(await read(50, 1)).toBe('')
			expect(await read(3, 0)).toBe('')
		})

		test('reads an empty object as no bytes', async () => {
			await under.put('empty', text(''))
			expect(await under.store.read('empty', 0, 40)).toHaveLength(0)
			expect(await collected(under.store, 'empty')).toHaveLength(0)
		})

		test('streams an object whole, however large', async () => {
			const large = new Uint8Array(3 * 1024 * 1024 + 17).map((_, index) => index % 251)
			await under.put('large', large)
			expect(Buffer.compare(await collected(under.store, 'large'), large)).toBe(0)
		})

		test('lets a stream be left early', async () => {
			await under.put('large', new Uint8Array(3 * 1024 * 1024))
			for await (const chunk of under.store.stream('large')) {
				expect(chunk.byteLength).toBeGreaterThan(0)
				break
			}
			expect(await under.store.read('large', 0, 1)).toHaveLength(1)
		})

		test('reports an object that is gone, and says what to do', async () => {
			await under.put('a', text('1'))
			await under.remove('a')
			for (const attempt of [() => under.store.read('a', 0, 1), () => collected(under.store, 'a')]) {
				const error = await attempt().catch((reason: unknown) => reason)
				expect(error).toBeInstanceOf(ArchiveUnreachableError)
				expect(error).toMatchObject({code: 'archive-unreachable', whatToDo: [expect.any(String)]})
				expect(String(error)).toContain('a')
			}
		})

		test('stops at once when it is told to', async () => {
			await under.put('a', text('1'))
			const aborted = AbortSignal.abort(new Error('enough'))
			await expect(keysBelow('', aborted)).rejects.toThrow('enough')
			await expect(under.store.stat('a', aborted)).rejects.toThrow('enough')
			await expect(under.store.read('a', 0, 1, aborted)).rejects.toThrow('enough')
			await expect(collected(under.store, 'a', aborted)).rejects.toThrow('enough')
		})

		test('has no call that writes', () => {
			expect(
				Object.keys(under.store).filter(name => /put|write|delete|remove|append|copy|move|create|mkdir/i.test(name)),
			).toEqual([])
		})
	})
}

async function listed(store: ArchiveStore, prefix: string, signal?: AbortSignal): Promise<readonly StoredObject[]> {
	return Array.fromAsync(store.list(prefix, signal))
}

async function collected(store: ArchiveStore, key: string, signal?: AbortSignal): Promise<Uint8Array> {
	return Buffer.concat(await Array.fromAsync(store.stream(key, signal)))
}
