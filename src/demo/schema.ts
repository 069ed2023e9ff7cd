import {createHash} from 'node:crypto'
import type {Client} from 'pg'

export const statuses = ['open', 'filled', 'released', 'cancelled'] as const
export type Status = (typeof statuses)[number]

/** A row of bond_reservations. The price keeps its four decimals, the time its six, as the server writes them. */
export interface Reservation {
	readonly id: number
	readonly issuer: string
	readonly quantity: number
	readonly price: string
	readonly trader: string
	readonly status: Status
	readonly reservedAt: string
}

/** How many rows a table holds, and one number that changes with every value in them. */
export interface RowDigest {
	readonly count: number
	readonly sha256: string
}

/** What Harbor Point's two tables hold. */
export interface HarborRows {
	readonly reservations: RowDigest
	readonly openByIssuer: RowDigest
}

/** Tables of Harbor Point: the reservations, and the open ones by issuer, which a trigger keeps. */
export const schema = `
create table bond_reservations (
	id bigint primary key,
	issuer text not null,
	quantity integer not null check (quantity > 0),
	price numeric(9,4) not null,
	trader text not null,
	status text not null default 'open' check (status in (${statuses.map(status => `'${status}'`).join(', ')})),
	reserved_at timestamptz not null default now(),
	confirmation text not null
);
create index bond_reservations_by_trader on bond_reservations (trader, status);
create table gsi_open_by_issuer (
	issuer text not null,
	reservation_id bigint not null,
	quantity integer not null,
	primary key (issuer, reservation_id)
);
create function keep_gsi_open_by_issuer() returns trigger language plpgsql as $$
begin
	if tg_op <> 'INSERT' and old.status = 'open' then
		delete from gsi_open_by_issuer where issuer = old.issuer and reservation_id = old.id;
	end if;
	if tg_op <> 'DELETE' and new.status = 'open' then
		insert into gsi_open_by_issuer values (new.issuer, new.id, new.quantity);
	end if;
	return null;
end $$;
create trigger gsi_open_by_issuer after insert or update or delete on bond_reservations
	for each row execute function keep_gsi_open_by_issuer();
`

/** A timestamptz with all of its digits, in UTC. */
export const utcMicroseconds = (column: string): string =>
	`to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`

/** Reads both tables of a Harbor Point cluster, the primary or a recovered one. */
export async function readHarborRows(client: Pick<Client, 'query'>): Promise<HarborRows> {
	const reservations = await client.query<Record<string, string>>(`
		select concat_ws('|', id, issuer, quantity, price, trader, status, ${utcMicroseconds('reserved_at')}) as line
		from bond_reservations order by id`)
	const openByIssuer = await client.query<Record<string, string>>(`
		select concat_ws('|', issuer, reservation_id, quantity) as line from gsi_open_by_issuer order by reservation_id`)
	return {
		reservations: digest(reservations.rows.map(row => row.line ?? '')),
		openByIssuer: digest(openByIssuer.rows.map(row => row.line ?? '')),
	}
}

/** What both tables hold when these are all reservations. */
export function rowsOf(reservations: Iterable<Reservation>): HarborRows {
	const ordered = [...reservations].sort((a, b) => a.id - b.id)
	const open = ordered.filter(({status}) => status === 'open')
	return {
		reservations: digest(
			ordered.map(({id, issuer, quantity, price, trader, status, reservedAt}) =>
				[id, issuer, quantity, price, trader, status, reservedAt].join('|'),
			),
		),
		openByIssuer: digest(open.map(({issuer, id, quantity}) => [issuer, id, quantity].join('|'))),
	}
}

function digest(lines: readonly string[]): RowDigest {
	const hash = createHash('sha256')
	for (const line of lines) hash.update(`${line}\n`)
	return {count: lines.length, sha256: hash.digest('hex')}
}
