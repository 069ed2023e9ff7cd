import {describe, expect, test} from 'vitest'
import {lsn, segments, utc} from '../support/builders.ts'
import {archive, browsing, inRecords, records} from './browse-story.ts'
import {story} from './story.ts'

describe('the walk', () => {
	test('begins at the newest timeline and shows where each began', () => {
		const told = browsing()
		expect(told.selected).toBe('2')
		expect(told.text).toContain('from 1 at 0/6100000, before LSN 0/6100000')
		expect(told.view.badge.text).toBe('read-only')
	})

	test('leads to the segments of a timeline, its base backups and holes among them', () => {
		const told = browsing()
		told.happens({type: 'moved', by: -1})
		told.happens({type: 'accepted'})
		expect(told.view.breadcrumb.find(({state}) => state === 'current')?.name).toBe('segments')
		expect(told.text).toContain('base-0401  base backup, full')
		expect(told.text).toContain('000000010000000000000006  ✘ 1 segment missing')
	})

	test('asks for the commit times of what is in sight, once, and shows them as they come', () => {
		const told = browsing()
		told.happens({type: 'accepted'})
		expect(told.latest('readTimes').segments.map(({number}) => number)).toEqual([6n, 7n, 8n])
		const [first] = told.latest('readTimes').segments
		const times = {firstAt: utc('09:40:58'), lastAt: utc('09:41:23'), commitCount: 12, isWhole: true}
		told.happens({type: 'segmentTimesRead', times: {segment: first?.name ?? '', ...times}})
		told.happens({type: 'ticked'})
		expect(told.text).toContain('2026-04-01 09:40:58Z  09:41:23Z  12')
		expect(told.asked.filter(({type}) => type === 'readTimes')).toHaveLength(1)
	})

	test('reads no commit times of what lies elsewhere until it is asked to', () => {
		const told = browsing({...archive, store: 's3'})
		told.happens({type: 'accepted'})
		expect(told.asked.map(({type}) => type)).not.toContain('readTimes')
		told.happens({type: 'timesAsked'})
		expect(told.latest('readTimes').segments).toHaveLength(3)
	})

	test('opens a base backup at the record where it begins', () => {
		const told = browsing()
		told.happens({type: 'moved', by: -1})
		told.happens({type: 'accepted'})
		told.happens({type: 'moved', by: 1})
		expect(told.selected).toBe('backup base-0401')
		told.happens({type: 'accepted'})
		expect(told.latest('readRecords')).toMatchObject({around: lsn('0/5000028'), segment: {number: 5n}})
		told.reads([...records('0/5000000', 1), ...records('0/5000028', 4)])
		expect(told.selected).toBe('0/5000028')
	})

	test('goes up level by level and stays at the top', () => {
		const told = inRecords()
		told.happens({type: 'wentBack'})
		expect(told.view.screen.screen).toBe('segments')
		expect(told.selected).toBe('000000010000000000000007')
		told.happens({type: 'wentBack'})
		told.happens({type: 'wentBack'})
		expect(told.view.screen.screen).toBe('timelines')
		expect(told.view.notice?.text).toContain('q leaves')
		told.happens({type: 'quitAsked'})
		expect(told.latest('leave')).toMatchObject({summary: ['Nothing was written. /archive was only read.'], exitCode: 0})
	})
})

describe('records', () => {
	test('of the next segment follow those of this one, and a hole between them is named', () => {
		const told = inRecords()
		told.happens({type: 'turned', by: 1})
		expect(told.latest('readRecords')).toMatchObject({segment: {number: 8n}, around: lsn('0/8000000')})
		told.happens({type: 'turned', by: -1})
		told.happens({type: 'turned', by: -1})
		expect(told.latest('readRecords').segment.number).toBe(5n)
		expect(told.view.notice?.text).toBe('1 segment between are missing or cannot be used')
	})

	test('beyond the page are read when they are needed, and the cursor goes on to where it was sent', () => {
		const told = inRecords(300, {hasAfter: true})
		told.happens({type: 'moved', by: 299})
		const first = told.asked.filter(({type}) => type === 'readRecords').length
		told.happens({type: 'moved', by: 2})
		told.happens({type: 'moved', by: 1})
		expect(told.asked.filter(({type}) => type === 'readRecords')).toHaveLength(first + 1)
		told.reads(records('0/7000028', 600), {hasBefore: true})
		expect(told.selected).toBe('0/7004BA8')
	})

	test('that come for a reading given up for another are not shown', () => {
		const told = inRecords()
		told.happens({type: 'turned', by: 1})
		const late = told.latest('readRecords')
		told.happens({type: 'turned', by: 1})
		told.happens({
			type: 'recordsRead',
			request: late.request,
			page: {
				segment: late.segment.name,
				records: records('0/8000028', 1),
				hasBefore: false,
				hasAfter: false,
				ending: undefined,
			},
		})
		expect(told.text).not.toContain('0/8000028')
	})

	test('are filtered by what is typed, refused where it cannot be read, and shown whole again by Esc', () => {
		const told = inRecords()
		told.happens({type: 'filterOpened'})
		told.types('xid:twelve')
		expect(told.text).toContain('filter [xid:twelve]\nxid:twelve is no xid: xid:3770')
		told.happens({type: 'erased', what: 'all'})
		told.types('rmgr:Transaction')
		expect(told.latest('readRecords').filter).toEqual({words: [{kind: 'rmgr', text: 'transaction'}]})
		told.reads([])
		expect(told.text).toContain('no record of this segment matches "rmgr:Transaction": Esc clears the filter')
		told.happens({type: 'wentBack'})
		expect(told.latest('readRecords').filter.words).toEqual([])
		expect(told.view.screen.screen).toBe('records')
	})

	test('say where the WAL ends', () => {
		const told = inRecords(3, {ending: 'the WAL ends at 0/70000E8'})
		expect(told.text).toContain('the WAL ends at 0/70000E8')
	})

	test('show all about one of them, and into which segment it goes on', () => {
		const told = inRecords(0)
		told.happens({type: 'turned', by: 1})
		told.reads(records('0/8FFFFE0', 1, {endLsn: lsn('0/9000048')}))
		told.happens({type: 'detailToggled'})
		expect(told.text).toContain('LSN: 0/8FFFFE0 to 0/9000048, 64 B')
		expect(told.text).toContain('into the segment at 0/9000000')
	})
})

describe('searching', () => {
	test('finds on the page at once, and N goes back', () => {
		const told = inRecords()
		const before = told.asked.length
		told.happens({type: 'searchOpened'})
		told.types('xid:702')
		expect(told.selected).toBe('0/7000128')
		told.happens({type: 'searchRepeated', by: 1})
		expect(told.selected).toBe('0/7000168')
		told.happens({type: 'searchRepeated', by: -1})
		expect(told.selected).toBe('0/7000128')
		expect(told.asked).toHaveLength(before)
	})

	test('goes on through the archive, and opens the segment in which it found', () => {
		const told = inRecords()
		told.happens({type: 'searchOpened'})
		told.types('type:TRUNCATE')
		const asked = told.latest('findRecord')
		expect(asked).toMatchObject({direction: 1, fromLsn: lsn('0/7000028'), segment: {number: 7n}})
		told.happens({type: 'readingProgressed', request: asked.request, percent: 40, segment: '000000010000000000000008'})
		expect(told.text).toContain('searching')
		const [segment] = segments('1:9')
		if (segment === undefined) throw new Error('no segment')
		told.happens({type: 'recordFound', request: asked.request, segment, lsn: lsn('0/9000068'), remark: undefined})
		told.reads(records('0/9000028', 4))
		expect(told.selected).toBe('0/9000068')
		expect(told.text).toContain('Records of 000000010000000000000009')
	})

	test('is stopped by Esc, and what it still answers is ignored', () => {
		const told = inRecords()
		told.happens({type: 'searchOpened'})
		told.types('nothing')
		const {request} = told.latest('findRecord')
		told.happens({type: 'wentBack'})
		expect(told.asked.at(-1)).toEqual({type: 'stopReading'})
		told.happens({type: 'recordMissed', request, remark: 'no such record'})
		expect(told.view.notice?.text).toBe('stopped')
		expect(told.view.screen.screen).toBe('records')
	})

	test('looks through the names of a list', () => {
		const told = browsing()
		told.happens({type: 'moved', by: -1})
		told.happens({type: 'accepted'})
		told.happens({type: 'searchOpened'})
		told.types('0008')
		expect(told.selected).toBe('000000010000000000000008')
		told.happens({type: 'searchRepeated', by: 1})
		expect(told.view.notice?.text).toBe('"0008" is not further down in this list: N looks the other way')
	})
})

describe('going to a place', () => {
	test('takes an LSN to the segment on the way to the timeline, its parent too', () => {
		const told = browsing()
		told.happens({type: 'placeAsked'})
		told.types('0/5000028')
		expect(told.latest('readRecords')).toMatchObject({segment: {number: 5n, timeline: 1}, around: lsn('0/5000028')})
		expect(told.view.screen.screen).toBe('records')
	})

	test('says how far the archive reaches where no segment holds the LSN', () => {
		const told = browsing()
		told.happens({type: 'placeAsked'})
		told.types('0/FF000000')
		expect(told.text).toContain(
			'go to [0/FF000000]\nno segment on the way to timeline 2 holds 0/FF000000: it reaches from 0/4000000 to 0/9000000',
		)
	})

	test('takes the name of a segment', () => {
		const told = browsing()
		told.happens({type: 'placeAsked'})
		told.types('000000010000000000000009')
		expect(told.latest('readRecords').segment.number).toBe(9n)
	})

	test('asks for the zone of a time and then looks for the segment that holds it', () => {
		const told = browsing()
		told.happens({type: 'placeAsked'})
		told.types('09:41')
		expect(told.text).toContain('a time needs its zone')
		told.types(' UTC')
		const {way, at, request} = told.latest('findTime')
		expect(at).toBe(utc('09:41:00'))
		expect(way.map(({timeline, number}) => `${timeline}:${number}`)).toEqual(['1:4', '1:5', '2:6', '2:7', '2:8'])
		const segment = way[3] ?? expect.fail('no segment')
		told.happens({type: 'recordFound', request, segment, lsn: lsn('0/7000068'), remark: 'xid 3770'})
		told.reads(records('0/7000028', 4))
		expect(told.selected).toBe('0/7000068')
		expect(told.view.notice?.text).toBe('xid 3770')
	})
})

describe('from the survey of a guided recovery', () => {
	test('o opens the archive and Esc comes back to the survey as it was', () => {
		const {operator, world, screen} = story()
		operator.does({type: 'browseOpened'})
		screen.is('survey')
		world.answers('survey', {type: 'surveyed', survey: archive})
		operator.moves(3)
		operator.does({type: 'browseOpened'})
		screen.is('browse')
		expect(screen.view.screen.screen).toBe('timelines')
		expect(screen.view.keys).toBe('timelines')
		operator.accepts()
		expect(screen.view.screen.screen).toBe('segments')
		operator.goesBack()
		operator.goesBack()
		screen.is('survey')
		expect(screen.view.screen).toMatchObject({scrollRows: 3})
	})

	test('q leaves at once: nothing was written', () => {
		const {operator, world} = story()
		world.answers('survey', {type: 'surveyed', survey: archive})
		operator.does({type: 'browseOpened'})
		operator.quits()
		expect(world.wasAsked('leave')).toMatchObject({
			exitCode: 0,
			summary: ['Nothing was written. /archive was only read.'],
		})
	})
})

describe('a terminal that is too small', () => {
	test('takes no key but those that leave', () => {
		const told = inRecords()
		told.happens({type: 'resized', columns: 60, rows: 12})
		told.happens({type: 'moved', by: 1})
		expect(told.selected).toBe('0/7000028')
		expect(told.view.keys).toBe('too-small')
		told.happens({type: 'interrupted'})
		expect(told.latest('leave').exitCode).toBe(130)
	})
})
