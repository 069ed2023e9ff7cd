import {describe, expect, test} from 'vitest'
import type {WalRecord} from '../../../src/domain/wal/record.ts'
import {matchesRecord, parseRecordFilter} from '../../../src/domain/wal/record-filter.ts'
import {parsed, waldumpText} from '../../support/waldump-fixtures.ts'

const records = parsed(waldumpText(15))

function filtered(text: string): readonly WalRecord[] {
	const reading = parseRecordFilter(text)
	if (!reading.ok) throw new Error(reading.problem)
	return records.filter(record => matchesRecord(reading.filter, record))
}

describe('a filter of records', () => {
	test('without words lets every record through', () => {
		expect(filtered('  ')).toHaveLength(records.length)
	})

	test('takes a resource manager by its whole name, whatever its case', () => {
		expect(new Set(filtered('rmgr:heap').map(({rmgr}) => rmgr))).toEqual(new Set(['Heap']))
		expect(filtered('rmgr:hea')).toEqual([])
	})

	test('takes a type by its beginning', () => {
		expect(new Set(filtered('rmgr:heap type:insert').map(({type}) => type))).toEqual(new Set(['INSERT', 'INSERT+INIT']))
	})

	test('finds the end of a prepared transaction by the xid in its description', () => {
		const [prepared] = filtered('type:ABORT_PREPARED')
		const xid = /^(\d+): /.exec(prepared?.description ?? '')?.[1]
		expect(prepared?.xid).toBe(0)
		expect(filtered(`xid:${xid}`).map(({type}) => type)).toEqual([
			'LOCK',
			'UPDATE',
			'INSERT_LEAF',
			'PREPARE',
			'ABORT_PREPARED',
		])
	})

	test.each(['rel:16406', 'rel:5/16406', 'rel:1663/5/16406'])(
		'%s finds its blocks, its file and the commit that removed it',
		text => {
			const found = filtered(text)
			expect(found.length).toBeGreaterThan(2)
			for (const {description} of found) expect(description).toMatch(/\b5\/16406\b/)
			expect(new Set(found.map(({rmgr}) => rmgr))).toContain('Storage')
		},
	)

	test('takes no number for a relation whose end it is', () => {
		expect(filtered('rel:6406')).toEqual([])
	})

	test('asks for every word, and takes any other as text', () => {
		const found = filtered('settle-42 rmgr:Transaction')
		expect(found.map(({type}) => type)).toContain('PREPARE')
		expect(filtered('settle-42 xid:1')).toEqual([])
	})

	test.each([
		['xid:abc', 'xid:abc is no xid: xid:3770'],
		['rel:public.t', 'rel:public.t is no relation: rel:16402, rel:5/16402 or rel:1663/5/16402'],
		['rmgr:', 'rmgr: names nothing: rmgr:Heap, type:DELETE'],
	])('%s is refused with what to type instead', (text, problem) => {
		expect(parseRecordFilter(text)).toEqual({ok: false, problem})
	})
})
