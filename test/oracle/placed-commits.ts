import type pg from 'pg'
import {type Lsn, parseLsn} from '../../src/domain/wal/lsn.ts'

/** Where a commit record lies against the end of its page, or of its segment: so many bytes before it. 0 is the very start of the next. */
export interface Placement {
	readonly bytesBefore: number
	readonly endOf: 'page' | 'segment'
}

const pageBytes = 8192n
/** Record header, length byte, fixed part of a logical message, and the NUL of its empty prefix (message.h). */
const smallestMessage = 24 + 2 + 24 + 1

/**
 * A commit record of the plainest kind takes 40 bytes. These are places where it ends with its page, is cut by the page's
 * end (its header too), leaves no room for another, and begins a page; a segment's end is one more page's end, with a longer
 * header behind it.
 */
export const placements: readonly Placement[] = [48, 40, 32, 24, 16, 8, 0].flatMap(bytesBefore => [
	{bytesBefore, endOf: 'page' as const},
	{bytesBefore, endOf: 'segment' as const},
])

/** Commits a transaction whose record lies exactly there, and gives its xid. The primary must be quiet. */
export async function commitAt(client: pg.Client, placement: Placement, walSegmentBytes: number): Promise<number> {
	const unit = placement.endOf === 'page' ? pageBytes : BigInt(walSegmentBytes)
	for (let attempt = 0; attempt < 5; attempt++) {
		await client.query('begin')
		const {rows} = await client.query<{xid: string}>('select pg_current_xact_id()::text as xid')
		const from = await insertPosition(client)
		const start = (from / unit + 1n) * unit - BigInt(placement.bytesBefore)
		await fillUpTo(client, start - BigInt(smallestMessage) < from ? start + unit : start)
		const reached = await insertPosition(client)
		await client.query('commit')
		if (reached % unit === startIn(placement, unit)) return Number(rows[0]?.xid)
	}
	throw new Error(`the primary is not quiet: no commit could be placed at ${JSON.stringify(placement)}`)
}

/** The insert position skips the header of a page it has just reached. */
function startIn({bytesBefore, endOf}: Placement, unit: bigint): bigint {
	if (bytesBefore > 0) return unit - BigInt(bytesBefore)
	return endOf === 'page' ? 24n : 40n
}

/** Writes messages until the next record begins at this position. */
async function fillUpTo(client: pg.Client, position: Lsn | bigint): Promise<void> {
	for (;;) {
		const at = await insertPosition(client)
		const left = Number(position - at)
		if (left <= 0) return
		const pageLeft = Number(pageBytes - (at % pageBytes))
		if (left <= pageLeft && left >= smallestMessage) return emit(client, left)
		// Up to some place in the middle of the next page but one, and look again from there.
		await emit(client, Math.max(64, Math.min(left - Number(pageBytes), 400_000)))
	}
}

/** Writes a record of so many bytes, a multiple of 8; page headers come on top. */
async function emit(client: pg.Client, bytes: number): Promise<void> {
	const short = bytes - smallestMessage
	const length = Math.max(0, short + 25 > 255 ? short - 3 : short)
	await client.query("select pg_logical_emit_message(false, '', repeat('x', $1))", [length])
}

async function insertPosition(client: pg.Client): Promise<bigint> {
	const {rows} = await client.query<{lsn: string}>('select pg_current_wal_insert_lsn()::text as lsn')
	const lsn = parseLsn(rows[0]?.lsn ?? '')
	if (lsn === undefined) throw new Error(`the primary says that it writes at ${rows[0]?.lsn}`)
	return lsn
}
