import type {Client} from 'pg'
import type {LedgerEntry} from './ledger.ts'
import type {Random} from './random.ts'
import {type Reservation, type Status, utcMicroseconds} from './schema.ts'

/** The issuer whose reservations the release job flips. */
export const releasedIssuer = 'CA-MUNI'

const otherIssuers = ['NY-MUNI', 'TX-MUNI', 'IL-MUNI', 'PORT-AUTH', 'METRO-TRANSIT', 'STATE-WATER', 'US-TREAS'] as const

/** A reservation as a trader fills it in. */
export type Draft = Omit<Reservation, 'status' | 'reservedAt'>

/** Makes up a reservation; four in ten are for CA-MUNI. */
export function draft(random: Random, id: number, trader: string): Draft {
	return {
		id,
		issuer: random.below(10) < 4 ? releasedIssuer : random.pick(otherIssuers),
		quantity: 5 * (1 + random.below(200)),
		price: (85 + random.below(300_000) / 10_000).toFixed(4),
		trader,
	}
}

/** Enters reservations in the transaction that is open, or in one of their own. */
export async function reserve(
	client: Client,
	drafts: readonly Draft[],
): Promise<{readonly xid: number; readonly inserted: readonly Reservation[]}> {
	const {rows} = await client.query<{id: string; reserved_at: string; xid: string}>(
		`insert into bond_reservations (id, issuer, quantity, price, trader, confirmation)
		select id, issuer, quantity, price, trader, repeat(md5(id::text), 6)
		from unnest($1::bigint[], $2::text[], $3::integer[], $4::numeric[], $5::text[]) as drafts (id, issuer, quantity, price, trader)
		returning id, ${utcMicroseconds('reserved_at')} as reserved_at, pg_current_xact_id()::text as xid`,
		[
			drafts.map(({id}) => id),
			drafts.map(({issuer}) => issuer),
			drafts.map(({quantity}) => quantity),
			drafts.map(({price}) => price),
			drafts.map(({trader}) => trader),
		],
	)
	const reservedAt = new Map(rows.map(row => [Number(row.id), row.reserved_at]))
	const inserted = drafts.map(
		(made): Reservation => ({...made, status: 'open', reservedAt: reservedAt.get(made.id) ?? ''}),
	)
	return {xid: xidOf(rows), inserted}
}

/**
 * Closes those of these reservations that are open and that nobody else is at; undefined when there is none. A trader takes
 * another reservation rather than wait, so that neither the release job nor a prepared transaction holds up the desk.
 */
export async function close(
	client: Client,
	ids: readonly number[],
	status: Status,
): Promise<Pick<LedgerEntry, 'xid' | 'changed'> | undefined> {
	const {rows} = await client.query<{id: string; xid: string}>(
		`update bond_reservations set status = $2 where id in
			(select id from bond_reservations where id = any($1::bigint[]) and status = 'open' for update skip locked)
		returning id, pg_current_xact_id()::text as xid`,
		[ids, status],
	)
	return rows.length === 0 ? undefined : {xid: xidOf(rows), changed: rows.map(row => ({id: Number(row.id), status}))}
}

/** Three reservations with a savepoint each, of which the second is thought better of. */
export async function reserveWithSavepoints(
	client: Client,
	[first, second, third]: readonly [Draft, Draft, Draft],
): Promise<LedgerEntry> {
	await client.query('begin')
	const kept = await reserve(client, [first])
	await client.query('savepoint offer')
	await reserve(client, [second])
	await client.query('rollback to savepoint offer')
	await client.query('savepoint counteroffer')
	const alsoKept = await reserve(client, [third])
	await client.query('release savepoint counteroffer')
	await client.query('commit')
	return {
		xid: kept.xid,
		what: 'reserve with savepoints',
		inserted: [...kept.inserted, ...alsoKept.inserted],
		changed: [],
	}
}

/** Reservations that are given up: they leave an abort in the WAL, and no row. */
export async function abandon(client: Client, drafts: readonly Draft[]): Promise<void> {
	await client.query('begin')
	await reserve(client, drafts)
	await client.query('rollback')
}

/** Begins a transaction that stays open: reservations entered, with a savepoint among them. */
export async function beginSettlement(client: Client, what: string, drafts: readonly Draft[]): Promise<LedgerEntry> {
	await client.query('begin')
	const early = await reserve(client, drafts.slice(0, 1))
	await client.query('savepoint rest')
	const late = await reserve(client, drafts.slice(1))
	await client.query('release savepoint rest')
	return {xid: early.xid, what, inserted: [...early.inserted, ...late.inserted], changed: []}
}

/** The incident: everything of CA-MUNI that is open is flipped to released. The transaction stays open. */
export async function beginReleaseJob(client: Client): Promise<LedgerEntry> {
	await client.query('begin')
	const {rows} = await client.query<{id: string; xid: string}>(
		`update bond_reservations set status = 'released' where issuer = $1 and status = 'open'
		returning id, pg_current_xact_id()::text as xid`,
		[releasedIssuer],
	)
	const changed = rows.map(row => ({id: Number(row.id), status: 'released' as const}))
	return {xid: xidOf(rows), what: 'release job', inserted: [], changed}
}

function xidOf(rows: readonly {readonly xid: string}[]): number {
	const xid = Number(rows[0]?.xid)
	if (!Number.isSafeInteger(xid)) throw new Error('the statement changed no row, so its transaction has no xid')
	return xid
}
