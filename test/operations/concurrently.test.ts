import {setTimeout as wait} from 'node:timers/promises'
import {expect, test} from 'vitest'
import {mapConcurrently} from '../../src/operations/concurrently.ts'

test('results stand in the order of the items, however long each took', async () => {
	expect(await mapConcurrently([30, 10, 20], 3, async ms => wait(ms, ms))).toEqual([30, 10, 20])
	expect(await mapConcurrently([], 3, async () => 1)).toEqual([])
})

test('no more run at a time than allowed', async () => {
	let running = 0
	let most = 0
	await mapConcurrently(Array.from({length: 50}), 4, async () => {
		running += 1
		most = Math.max(most, running)
		await wait(1)
		running -= 1
	})
	expect(most).toBe(4)
})

test('the first failure ends it: nothing more is begun', async () => {
	const begun: number[] = []
	const mapping = mapConcurrently([1, 2, 3, 4, 5, 6, 7, 8], 2, async item => {
		begun.push(item)
		await wait(1)
		if (item === 2) throw new Error('two')
	})
	await expect(mapping).rejects.toThrow('two')
	await wait(20)
	expect(begun.length).toBeLessThan(5)
})
