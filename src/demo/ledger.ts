import {readFile, writeFile} from 'node:fs/promises'
import {type HarborRows, type Reservation, rowsOf, type Status} from './schema.ts'

/** What one committed transaction did, by its top-level xid. Work undone at a savepoint is not in it. */
export interface LedgerEntry {
	readonly xid: number
	readonly what: string
	readonly inserted: readonly Reservation[]
	readonly changed: readonly {readonly id: number; readonly status: Status}[]
}

/** Every transaction that changed a reservation, in no promised order: the WAL alone knows the order of commits. */
export type Ledger = readonly LedgerEntry[]

/**
 * The rows that exist when exactly these transactions have committed, in this order, which must be a beginning of the
 * order of commits in the WAL. Xids that are not in the ledger changed no reservation.
 */
export function expectedRowsAt(ledger: Ledger, committedXids: Iterable<number>): HarborRows {
	const entries = new Map(ledger.map(entry => [entry.xid, entry]))
	const reservations = new Map<number, Reservation>()
	for (const xid of committedXids) {
		const entry = entries.get(xid)
		if (entry === undefined) continue
		for (const reservation of entry.inserted) reservations.set(reservation.id, reservation)
		for (const {id, status} of entry.changed) {
			const reservation = reservations.get(id)
			if (reservation === undefined) throw new Error(`transaction ${xid} changed reservation ${id} before it existed`)
			reservations.set(id, {...reservation, status})
		}
	}
	return rowsOf(reservations.values())
}

/** Writes a ledger, one transaction on each line. */
export async function writeLedger(path: string, ledger: Ledger): Promise<void> {
	await writeFile(path, ledger.map(entry => `${JSON.stringify(entry)}\n`).join(''))
}

/** Reads what writeLedger wrote. */
export async function readLedger(path: string): Promise<Ledger> {
	const lines = (await readFile(path, 'utf8')).split('\n')
	return lines.filter(line => line !== '').map(line => JSON.parse(line) as LedgerEntry)
}
