import {describe, expect, test} from 'vitest'
import {formatLsn, lsnAt, parseLsn} from '../../../src/domain/wal/lsn.ts'
import type {WalRecord} from '../../../src/domain/wal/record.ts'
import {nextRecordLsn} from '../../../src/domain/wal/succession.ts'
import {createWaldumpParser} from '../../../src/domain/wal/waldump-text.ts'
import {chunkSizes, fixtureMajors, fixtureSegmentBytes, parsed, waldumpText} from '../../support/waldump-fixtures.ts'

/** The grammar as postgres-recovery.md §1.1 gives it, read line by line: what the fast parser must agree with. */
const line =
	/^rmgr: (\S+)\s+len \(rec\/tot\):\s*(\d+)\/\s*(\d+), tx:\s*(\d+), lsn: ([0-9A-F]+)\/([0-9A-F]{8}), prev ([0-9A-F]+)\/([0-9A-F]{8}), desc: (UNKNOWN \([0-9a-f]+\)|\S+) ?(.*)$/

function readByPattern(text: string): readonly WalRecord[] {
	return text
		.trimEnd()
		.split('\n')
		.map(row => {
			const [, rmgr = '', , total, xid, high, low, prevHigh, prevLow, type = '', description = ''] =
				line.exec(row) ?? []
			const [lsn, prevLsn] = [parseLsn(`${high}/${low}`), parseLsn(`${prevHigh}/${prevLow}`)]
			if (lsn === undefined || prevLsn === undefined) throw new Error(row)
			return {rmgr, totalBytes: Number(total), xid: Number(xid), lsn, prevLsn, type, description}
		})
}

interface Written {
	readonly rmgr?: string
	readonly bytes?: number
	readonly xid?: number
	readonly lsn: string
	readonly prev: string
	readonly text: string
}

/** A line in the very format of XLogDumpDisplayRecord. */
function written({rmgr = 'Transaction', bytes = 46, xid = 0, lsn, prev, text}: Written): string {
	const padded = (at: string) => at.replace(/\/(.*)$/, (_all, low: string) => `/${low.padStart(8, '0')}`)
	const length = `${String(bytes).padStart(6)}/${String(bytes).padStart(6)}`
	return `rmgr: ${rmgr.padEnd(11)} len (rec/tot): ${length}, tx: ${String(xid).padStart(10)}, lsn: ${padded(lsn)}, prev ${padded(prev)}, desc: ${text}`
}

const commitText = 'COMMIT 2026-11-22 07:44:50.568368 UTC'
const brief = (records: readonly WalRecord[]) =>
	records.map(record => `${formatLsn(record.lsn)} ${record.rmgr} ${record.type} ${record.description}`)

describe('the text of pg_waldump', () => {
	test.each(fixtureMajors)('of version %d gives every record as its grammar says', major => {
		const text = waldumpText(major)
		expect(parsed(text)).toEqual(readByPattern(text))
	})

	test.each(fixtureMajors.flatMap(major => chunkSizes.map(size => ({major, size}))))(
		'of version $major is the same cut every $size characters',
		({major, size}) => {
			const text = waldumpText(major)
			expect(parsed(text, {chunkSize: size})).toEqual(parsed(text))
		},
	)

	test('is read without its last line break, and where nothing was printed', () => {
		const text = waldumpText(15)
		expect(parsed(text.trimEnd())).toEqual(parsed(text))
		expect(parsed('')).toEqual([])
		expect(parsed('\n')).toEqual([])
	})

	test('may begin with the line that 13 to 15 print when -s is within a record', () => {
		const text = waldumpText(15)
		expect(parsed(`first record is after 0/600001, at 0/600060, skipping over 95 bytes\n${text}`)).toEqual(parsed(text))
	})

	test('holds records whose fields are wider than their columns, unknown types and empty descriptions', () => {
		const records = parsed(
			[
				written({
					rmgr: 'LogicalMessage',
					bytes: 1_234_567,
					xid: 4_294_967_295,
					lsn: 'A1B2/3C4D5E60',
					prev: 'A1B2/3C4D5E28',
					text: 'MESSAGE non-transactional, prefix ""; payload (0 bytes): ',
				}),
				written({
					rmgr: 'custom128',
					lsn: 'FFFFFFFE/FFF00028',
					prev: 'FFFFFFFE/FFEFFFD0',
					text: 'UNKNOWN (f0) rmid: 128',
				}),
				written({rmgr: 'XLOG', bytes: 24, lsn: 'FFFFFFFE/FFF00058', prev: 'FFFFFFFE/FFF00028', text: 'NOOP'}),
				written({rmgr: 'XLOG', bytes: 24, lsn: 'FFFFFFFE/FFF00070', prev: 'FFFFFFFE/FFF00058', text: 'SWITCH '}),
				'',
			].join('\n'),
			{filtered: true},
		)
		expect(
			records.map(({rmgr, totalBytes, xid, lsn, type, description}) => [
				rmgr,
				totalBytes,
				xid,
				formatLsn(lsn),
				type,
				description,
			]),
		).toEqual([
			[
				'LogicalMessage',
				1_234_567,
				4_294_967_295,
				'A1B2/3C4D5E60',
				'MESSAGE',
				'non-transactional, prefix ""; payload (0 bytes): ',
			],
			['custom128', 46, 0, 'FFFFFFFE/FFF00028', 'UNKNOWN (f0)', 'rmid: 128'],
			['XLOG', 24, 0, 'FFFFFFFE/FFF00058', 'NOOP', ''],
			['XLOG', 24, 0, 'FFFFFFFE/FFF00070', 'SWITCH', ''],
		])
	})

	test('gives no line as a record whose columns are not exactly those of pg_waldump', () => {
		const genuine = written({lsn: '0/1000028', prev: '0/FFFFD0', text: commitText})
		expect(parsed(genuine)).toHaveLength(1)
		const almost = [
			genuine.replace('rmgr: ', 'rmgr:'),
			genuine.replace('Transaction len', 'Transaction  len'),
			genuine.replace('    46/    46', '46/46'),
			genuine.replace('tx:          0', 'tx: 0'),
			genuine.replace('lsn: 0/01000028', 'lsn: 0/1000028'),
			genuine.replace('lsn: 0/01000028', 'lsn: 00/01000028'),
			genuine.replace('lsn: 0/01000028', 'lsn: 0/0100002g'),
			genuine.replace('prev 0/00FFFFD0', 'prev: 0/00FFFFD0'),
			genuine.replace('desc: ', 'desc:'),
			` ${genuine}`,
		]
		for (const text of almost) expect(parsed(`${text}\n`), text).toEqual([])
	})

	test('has its longest lines cut and goes on behind them', () => {
		const size = 70 * 1024 * 1024
		const message = written({
			rmgr: 'LogicalMessage',
			bytes: 25_000_000,
			lsn: '0/1000028',
			prev: '0/FFFFD0',
			text: 'MESSAGE transactional, prefix "big"; payload (24999943 bytes): ',
		})
		const parser = createWaldumpParser({filtered: false, walSegmentBytes: 16 * fixtureSegmentBytes})
		const records = [...parser.push(message)]
		const chunk = '41 '.repeat(64 * 1024)
		for (let at = 0; at < size; at += chunk.length) records.push(...parser.push(chunk))
		const [before] = parsed(message)
		if (before === undefined) throw new Error('no record')
		const next = written({
			lsn: formatLsn(nextRecordLsn(before, 16 * fixtureSegmentBytes)),
			prev: '0/1000028',
			text: commitText,
		})
		records.push(...parser.push(`\n${next}\n`), ...parser.finish())
		expect(records.map(record => record.type)).toEqual(['MESSAGE', 'COMMIT'])
	})
})

/** A record, the one that follows it, and where both stand. */
const place = {prev: '0/FFFFD0', carrier: '0/1000028'}

/** Carriers of a name as pg_waldump prints them, and the LSN of the record after each. */
const carriers = {
	gid: (name: string) =>
		written({
			rmgr: 'Transaction',
			bytes: 309,
			xid: 742,
			lsn: place.carrier,
			prev: place.prev,
			text: `PREPARE gid ${name}: 2026-11-22 09:06:06.776582 UTC`,
		}),
	message: (name: string) =>
		written({
			rmgr: 'LogicalMessage',
			bytes: 800,
			xid: 742,
			lsn: place.carrier,
			prev: place.prev,
			text: `MESSAGE transactional, prefix "${name}"; payload (3 bytes): 61 62 63`,
		}),
	'restore point': (name: string) =>
		written({rmgr: 'XLOG', bytes: 98, lsn: place.carrier, prev: place.prev, text: `RESTORE_POINT ${name}`}),
	tablespace: (name: string) =>
		written({
			rmgr: 'Tablespace',
			bytes: 700,
			xid: 742,
			lsn: place.carrier,
			prev: place.prev,
			text: `CREATE 16515 "${name}"`,
		}),
}
const nextOf = {gid: '0/1000160', message: '0/1000348', 'restore point': '0/1000090', tablespace: '0/10002E8'}
type Carrier = keyof typeof carriers
const kinds = Object.keys(carriers) as readonly Carrier[]

function dumpWith(kind: Carrier, name: string): string {
	const next = nextOf[kind]
	const after = formatLsn(
		nextRecordLsn(
			{lsn: parseLsn(next) ?? fail(), totalBytes: 46, rmgr: 'Transaction', type: 'COMMIT'},
			fixtureSegmentBytes,
		),
	)
	return [
		written({
			rmgr: 'Heap',
			bytes: 48,
			xid: 9,
			lsn: place.prev,
			prev: '0/FFFF90',
			text: 'DELETE off 2 flags 0x00 KEYS_UPDATED , blkref #0: rel 1663/5/16402 blk 0',
		}),
		carriers[kind](name),
		written({xid: 9, lsn: next, prev: place.carrier, text: commitText}),
		written({rmgr: 'XLOG', bytes: 24, lsn: after, prev: next, text: 'SWITCH '}),
		'',
	].join('\n')
}

function fail(): never {
	throw new Error('no LSN')
}

const believed = (text: string, filtered = false) =>
	parsed(text, {filtered}).map(record => `${formatLsn(record.lsn)} ${record.type} ${record.xid}`)

describe('a line that somebody forged inside a name', () => {
	const forged = (lsn: string, prev: string, bytes = 46) =>
		written({bytes, xid: 666, lsn, prev, text: 'COMMIT 2026-01-01 00:00:00.000000 UTC'})

	test.each(kinds)('of a %s is none: the dump without it gives the same records', kind => {
		expect(believed(dumpWith(kind, 'plain'))).toHaveLength(4)
	})

	test.each(
		kinds.flatMap(kind =>
			[
				{guess: 'neither value', lsn: '0/2000028', prev: '0/1FFFFD0'},
				{guess: 'where it must stand', lsn: nextOf[kind], prev: '0/1FFFFD0'},
				{guess: 'which record stands before it', lsn: '0/2000028', prev: place.carrier},
				{guess: 'the record before, and a page close by', lsn: '0/1002018', prev: place.carrier},
				{guess: 'the record before, and a segment as after a switch', lsn: '0/1100028', prev: place.carrier},
			].map(guess => ({kind, ...guess})),
		),
	)('of a $kind is text of it when the forger guessed $guess', ({kind, lsn, prev}) => {
		const name = `x\n${forged(lsn, prev)}\ny`
		const text = dumpWith(kind, name)
		expect(believed(text)).toEqual(believed(dumpWith(kind, 'plain')))
		const carrier = parsed(text).find(record => record.lsn === parseLsn(place.carrier))
		expect(carrier?.description).toContain(name)
	})

	test.each(['gid', 'message', 'tablespace'] as const)(
		'of a %s is text of it also when every value was guessed',
		kind => {
			const name = `x\n${forged(nextOf[kind], place.carrier)}`
			const text = dumpWith(kind, name)
			expect(believed(text)).toEqual(believed(dumpWith(kind, 'plain')))
			expect(parsed(text)[1]?.description).toContain(name)
		},
	)

	test('is text also where the forger wrote a whole chain', () => {
		const second = formatLsn(
			nextRecordLsn(
				{lsn: parseLsn(nextOf.message) ?? fail(), totalBytes: 46, rmgr: 'Transaction', type: 'COMMIT'},
				fixtureSegmentBytes,
			),
		)
		const name = ['x', forged(nextOf.message, place.carrier), forged(second, nextOf.message), 'rmgr: Heap', ''].join(
			'\n',
		)
		expect(believed(dumpWith('message', name))).toEqual(believed(dumpWith('message', 'plain')))
		expect(parsed(dumpWith('message', name))[1]?.description).toContain(name)
	})

	test('as the one record that may leave a gap, OVERWRITE_CONTRECORD, is text unless it names the right place', () => {
		const gap = (named: string) =>
			written({
				rmgr: 'XLOG',
				bytes: 42,
				lsn: '0/1002018',
				prev: place.carrier,
				text: `OVERWRITE_CONTRECORD lsn ${named}; time 2026-01-01 00:00:00.000000 UTC`,
			})
		expect(believed(dumpWith('message', `x\n${gap('0/1000058')}`))).toEqual(believed(dumpWith('message', 'plain')))
		const genuine = [carriers.message('plain'), gap(nextOf.message), ''].join('\n')
		expect(believed(genuine)).toEqual(['0/1000028 MESSAGE 742', '0/1002018 OVERWRITE_CONTRECORD 0'])
	})

	test('changes nothing at any cut', () => {
		const text = dumpWith(
			'message',
			`x\n${forged(nextOf.message, place.carrier)}\n${forged('0/2000028', place.carrier)}\n`,
		)
		for (const chunkSize of chunkSizes) expect(parsed(text, {chunkSize})).toEqual(parsed(text))
	})

	test('does not hide the records behind it', () => {
		const text = waldumpText(15)
		const poisoned = text.replace(
			'prefix "audit"',
			`prefix "audit\n${forged('0/805190', '0/805140')}\n${forged('0/8051C0', '0/805190')}"`,
		)
		expect(poisoned).not.toBe(text)
		const [clean, read] = [parsed(text), parsed(poisoned)]
		expect(read.map(record => record.lsn)).toEqual(clean.map(record => record.lsn))
		expect(read.filter((record, index) => record.description !== clean[index]?.description)).toHaveLength(1)
	})

	test('keeps no record waiting for longer than a name reaches, also where each one carries a name', () => {
		const parser = createWaldumpParser({filtered: false, walSegmentBytes: fixtureSegmentBytes})
		const text = `MESSAGE non-transactional, prefix "m"; payload (60 bytes): ${'78 '.repeat(60)}`
		let before = {rmgr: 'LogicalMessage', type: 'MESSAGE', totalBytes: 104, lsn: lsnAt(0x1000028n)}
		let prev = '0/0'
		let given = 0
		let most = 0
		for (let count = 1; count <= 2000; count++) {
			const line = written({rmgr: before.rmgr, bytes: 104, lsn: formatLsn(before.lsn), prev, text})
			given += parser.push(`${line}\n`).length
			most = Math.max(most, count - given)
			prev = formatLsn(before.lsn)
			before = {...before, lsn: nextRecordLsn(before, fixtureSegmentBytes)}
		}
		expect(most).toBeLessThan(40)
		expect(given + parser.finish().length).toBe(2000)
	})

	test('cannot make the parser reckon for long or beyond the last LSN', () => {
		for (const bytes of [1, 23, 0x4000_0000, 4_294_967_295, 99_999_999_999_999]) {
			const text = dumpWith('message', `x\n${forged(nextOf.message, place.carrier, bytes)}`)
			expect(believed(text)).toEqual(believed(dumpWith('message', 'plain')))
		}
		const text = dumpWith('gid', `x\n${forged('FFFFFFFF/FFFFFFF8', place.carrier)}`)
		expect(believed(text, true)).toEqual(believed(dumpWith('gid', 'plain'), true))
	})

	test('is known for what it is in filtered output as far as the order of the records tells', () => {
		const next = nextOf.gid
		expect(believed(dumpWith('gid', `x\n${forged('0/900028', '0/8FFFD0')}`), true)).toEqual(
			believed(dumpWith('gid', 'plain'), true),
		)
		expect(believed(dumpWith('gid', `x\n${forged(next, '0/FFFFD0')}`), true)).toEqual(
			believed(dumpWith('gid', 'plain'), true),
		)
		// It claims a place far behind, so the genuine record after the name contradicts it.
		expect(believed(dumpWith('gid', `x\n${forged('0/9000028', '0/8FFFFD0')}`), true)).toEqual(
			believed(dumpWith('gid', 'plain'), true),
		)
	})
})

describe('a name with line breaks', () => {
	test.each(kinds)('of a %s keeps them all, blank lines and trailing ones too', kind => {
		for (const name of [
			'a\nb',
			'\n',
			'a\n\n',
			'\nrmgr: ',
			'rmgr: Heap        len (rec/tot):',
			'first record is after 0/1, at 0/2',
		]) {
			const carrier = parsed(dumpWith(kind, name)).find(record => record.lsn === parseLsn(place.carrier))
			expect(carrier?.description, JSON.stringify(name)).toContain(name)
			expect(believed(dumpWith(kind, name))).toEqual(believed(dumpWith(kind, 'plain')))
		}
	})

	test('of a restore point is its whole description', () => {
		expect(brief(parsed(dumpWith('restore point', 'evil\nrmgr: Transaction len (rec/tot)\n')))[1]).toBe(
			'0/1000028 XLOG RESTORE_POINT evil\nrmgr: Transaction len (rec/tot)\n',
		)
	})
})
