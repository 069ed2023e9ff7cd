import {troubleOf} from '../domain/errors.ts'
import {describeCount} from '../domain/text.ts'
import {formatInstant} from '../domain/time.ts'
import type {BrowseEffect} from '../guide/effects.ts'
import type {BrowseNews} from '../guide/events.ts'
import {type BrowseAccess, findRecord, findTime, readRecords, readSegmentTimes} from '../operations/browse.ts'
import type {OpenedArchive, World} from '../ports.ts'

/** So long nothing is read for commit times: an operator who moves on does not want those of the rows in between. */
const restMs = 150

/** Carries out what browsing asks for, for whichever screen it does. Of the readings with a number the latest goes on. */
export class Browsing {
	readonly #world: Pick<World, 'wal' | 'codecs' | 'pause'>
	readonly #feed: (news: BrowseNews) => void
	readonly #stopped: AbortSignal
	#reading = new AbortController()
	#times = new AbortController()

	constructor(world: Pick<World, 'wal' | 'codecs' | 'pause'>, stopped: AbortSignal, feed: (news: BrowseNews) => void) {
		this.#world = world
		this.#stopped = stopped
		this.#feed = feed
	}

	/** Turns failures into news; rejects only for a bug. */
	async carryOut(effect: BrowseEffect, opened: OpenedArchive | undefined): Promise<void> {
		if (opened === undefined) return
		const access: BrowseAccess = {world: this.#world, opened}
		switch (effect.type) {
			case 'readRecords':
			case 'findRecord':
			case 'findTime':
				return await this.#read(effect, access)
			case 'readTimes':
				return await this.#readTimes(effect, access)
			case 'stopReading':
				this.#reading.abort()
				return
			default:
				effect satisfies never
		}
	}

	async #read(effect: Extract<BrowseEffect, {readonly request: number}>, access: BrowseAccess): Promise<void> {
		this.#reading.abort()
		const reading = new AbortController()
		this.#reading = reading
		const signal = AbortSignal.any([reading.signal, this.#stopped])
		const {request} = effect
		let told = -1
		const onProgress = (percent: number, segment: string) => {
			const whole = Math.floor(percent)
			if (whole === told || signal.aborted) return
			told = whole
			this.#feed({type: 'readingProgressed', request, percent: whole, segment})
		}
		try {
			const news = await answer(effect, access, {signal, onProgress})
			if (!signal.aborted) this.#feed(news)
		} catch (error) {
			if (!signal.aborted) this.#feed({type: 'readingFailed', request, trouble: troubleOf(error)})
		}
	}

	async #readTimes({segments}: Extract<BrowseEffect, {type: 'readTimes'}>, access: BrowseAccess): Promise<void> {
		this.#times.abort()
		const reading = new AbortController()
		this.#times = reading
		const signal = AbortSignal.any([reading.signal, this.#stopped])
		await this.#world.pause(restMs, signal)
		try {
			await readSegmentTimes(access, segments, times => this.#feed({type: 'segmentTimesRead', times}), {signal})
		} catch (error) {
			// Given up for other rows.
			if (!signal.aborted) throw error
		}
	}
}

async function answer(
	effect: Extract<BrowseEffect, {readonly request: number}>,
	access: BrowseAccess,
	wishes: Parameters<typeof readRecords>[2],
): Promise<BrowseNews> {
	const {request} = effect
	switch (effect.type) {
		case 'readRecords':
			return {type: 'recordsRead', request, page: await readRecords(access, effect, wishes)}
		case 'findRecord': {
			const {found, unreadable} = await findRecord(access, effect, wishes)
			const passed =
				unreadable.length === 0
					? undefined
					: `${describeCount(unreadable.length, 'segment')} could not be read to the end, the first is ${unreadable[0]}`
			if (found !== undefined) return {type: 'recordFound', request, ...found, remark: passed}
			const where = effect.direction === 1 ? 'from here to the end' : 'from here to the start'
			const missed = `no such record ${where} of timeline ${effect.segment.timeline}`
			return {type: 'recordMissed', request, remark: passed === undefined ? missed : `${missed}; ${passed}`}
		}
		case 'findTime': {
			const found = await findTime(access, effect, wishes)
			if (found === undefined)
				return {type: 'recordMissed', request, remark: 'no transaction ends in any segment of this timeline'}
			const {segment, lsn, at, xid, isReached} = found
			const first = `xid ${xid}, ended ${formatInstant(at)}: the first at that time or after it`
			const last = `xid ${xid}, ended ${formatInstant(at)}: the last of all, before that time`
			return {type: 'recordFound', request, segment, lsn, remark: isReached ? first : last}
		}
		default:
			return effect satisfies never
	}
}
