import {expect} from 'vitest'
import type {Survey} from '../../src/domain/archive/survey.ts'
import type {ListedRecord, RecordsPage} from '../../src/domain/archive/walk.ts'
import {addMs, type UtcInstant} from '../../src/domain/time.ts'
import {advanceLsn, type Lsn} from '../../src/domain/wal/lsn.ts'
import {firstHistory} from '../../src/domain/wal/timeline.ts'
import {type BrowserEffect, browserViewOf, initialBrowser, updateBrowser} from '../../src/guide/browse/browser.ts'
import type {BrowseNews, GuideEvent, OperatorEvent, WorldEvent} from '../../src/guide/events.ts'
import {backup, historyOf, lsn, segments, survey, timelineSummary, utc} from '../support/builders.ts'
import {textOf} from './story.ts'

/** Two timelines, the first with a base backup and a hole. */
export const archive = survey({
	timelines: [timelineSummary(firstHistory, 6), timelineSummary(historyOf(2, [1, '0/6100000']), 3)],
	segments: segments('1:4-5', '1:7-9', '2:6-8'),
	backups: [backup()],
})

/** Stories of `lastgood browse`, told like those of the guide. */
export function browsing(of: Survey = archive) {
	let now: UtcInstant = utc('10:00:00')
	let state = initialBrowser('/archive', now)
	const asked: BrowserEffect[] = [{type: 'survey'}]
	const happens = (event: OperatorEvent | WorldEvent | BrowseNews) => {
		now = addMs(now, 1000)
		const outcome = updateBrowser(state, {...event, at: now} as GuideEvent)
		state = outcome.state
		asked.push(...outcome.effects)
	}
	const told = {
		happens,
		asked,
		/** The latest effect of one kind. */
		latest<Type extends BrowserEffect['type']>(type: Type): Extract<BrowserEffect, {readonly type: Type}> {
			const found = asked.findLast(
				(effect): effect is Extract<BrowserEffect, {readonly type: Type}> => effect.type === type,
			)
			return found ?? expect.fail(`${type} was not asked for`)
		},
		types: (text: string) => {
			happens({type: 'typed', text})
			happens({type: 'accepted'})
		},
		/** Answers the latest page with these records. */
		reads: (records: readonly ListedRecord[], more: Partial<RecordsPage> = {}) => {
			const {request, segment} = told.latest('readRecords')
			const page = {segment: segment.name, records, hasBefore: false, hasAfter: false, ending: undefined, ...more}
			happens({type: 'recordsRead', request, page})
		},
		get view() {
			return browserViewOf(state)
		},
		get text() {
			return textOf(browserViewOf(state)).join('\n')
		},
		get selected() {
			const {screen} = browserViewOf(state)
			if (!('table' in screen)) return expect.fail('no table')
			return screen.table.rows.find(({selected}) => selected)?.key
		},
	}
	told.happens({type: 'surveyed', survey: of})
	return told
}

/** A story in the records of segment 07 of timeline 1. */
export function inRecords(count = 10, more: Partial<RecordsPage> = {}) {
	const told = browsing()
	told.happens({type: 'moved', by: -1})
	told.happens({type: 'accepted'})
	told.happens({type: 'moved', by: 4})
	told.happens({type: 'accepted'})
	told.reads(records('0/7000028', count), more)
	return told
}

/** So many records of 0x40 bytes, of transactions of two. */
export function records(from: string, count: number, over: Partial<ListedRecord> = {}): readonly ListedRecord[] {
	return Array.from({length: count}, (_, index): ListedRecord => {
		const at: Lsn = advanceLsn(lsn(from), index * 0x40)
		return {
			rmgr: index % 2 === 0 ? 'Heap' : 'Transaction',
			type: index % 2 === 0 ? 'INSERT' : 'COMMIT',
			xid: 700 + Math.floor(index / 2),
			totalBytes: 0x40,
			lsn: at,
			endLsn: advanceLsn(at, 0x40),
			prevLsn: lsn('0/0'),
			description: `off ${index} flags 0x00, blkref #0: rel 1663/5/16402 blk 0`,
			cutCharacters: 0,
			...over,
		}
	})
}
