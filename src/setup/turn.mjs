import {mkdirSync, rmSync, statSync, utimesSync, writeFileSync} from 'node:fs'
import {inClone, tell} from './where.mjs'

const folder = inClone('.node')
const turnFile = inClone('.node', 'turn')

const beatMs = 1000
// A killed holder stops beating. Process ids would not tell: they are used again, and mean nothing from one container to the next.
const silentAfterMs = 15_000

/** Does the work while no other set-up of this clone does any: two commands started together install and build once. */
export async function inTurn(work) {
	await takeTurn()
	const beat = setInterval(() => utimesSync(turnFile, new Date(), new Date()), beatMs)
	try {
		return await work()
	} finally {
		clearInterval(beat)
		rmSync(turnFile, {force: true})
	}
}

async function takeTurn() {
	mkdirSync(folder, {recursive: true})
	for (let told = false; ; ) {
		try {
			writeFileSync(turnFile, '', {flag: 'wx'})
			return
		} catch (error) {
			if (error.code !== 'EEXIST') throw error
		}
		if (holderIsSilent()) {
			rmSync(turnFile, {force: true})
			continue
		}
		if (!told) tell('waiting for another set-up of this clone to finish')
		told = true
		await new Promise(resolve => setTimeout(resolve, 200))
	}
}

function holderIsSilent() {
	const file = statSync(turnFile, {throwIfNoEntry: false})
	return file !== undefined && Date.now() - file.mtimeMs > silentAfterMs
}
