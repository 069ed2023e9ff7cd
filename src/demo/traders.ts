import {setTimeout as sleep} from 'node:timers/promises'
import type {Client} from 'pg'
import type {LedgerEntry} from './ledger.ts'
import {type Random, seededRandom} from './random.ts'
import {abandon, close, type Draft, draft, reserve, reserveWithSavepoints} from './transactions.ts'

/** Ids of one trader start here and there, so that no two traders ever make the same one. */
const idsPerTrader = 1_000_000

/** Traders at work, each on a connection of their own, until the desk is closed. */
export class TradingDesk {
	readonly #ledger: LedgerEntry[]
	readonly #closing = new AbortController()
	readonly #working: Promise<unknown>
	readonly #waiting = new Set<() => void>()
	#trades = 0
	#lastStartedAt = 0
	#failure: {readonly error: unknown} | undefined

	/** Every trade goes into the ledger as soon as its commit is known. */
	constructor(
		clients: readonly Client[],
		options: {readonly seed: number; readonly thinkMs: number; readonly ledger: LedgerEntry[]},
	) {
		this.#ledger = options.ledger
		this.#working = Promise.all(
			clients.map((client, at) => this.#trade(client, at + 1, seededRandom(options.seed + at), options.thinkMs)),
		)
		this.#working.catch((error: unknown) => {
			this.#failure = {error}
			this.#closing.abort()
			this.#tell()
		})
	}

	/** Trades committed so far. */
	get trades(): number {
		return this.#trades
	}

	/** Milliseconds since 1970 at which the latest trade that is known to be committed was begun. */
	get lastStartedAt(): number {
		return this.#lastStartedAt
	}

	/** Waits until something is true of the desk, looked at after each trade. Rejects when a trader fails or the signal fires. */
	async until(isSo: () => boolean, signal: AbortSignal | undefined): Promise<void> {
		while (!isSo()) {
			if (this.#failure !== undefined) throw this.#failure.error
			signal?.throwIfAborted()
			await new Promise<void>(resolve => {
				const wake = (): void => {
					this.#waiting.delete(wake)
					signal?.removeEventListener('abort', wake)
					resolve()
				}
				this.#waiting.add(wake)
				signal?.addEventListener('abort', wake, {once: true})
			})
		}
	}

	/** Lets every trader finish what they are at. Rejects when one of them failed. */
	async close(): Promise<void> {
		this.#closing.abort()
		await this.#working
	}

	async #trade(client: Client, number: number, random: Random, thinkMs: number): Promise<void> {
		const trader = `trader-${number}`
		const open: number[] = []
		let nextId = number * idsPerTrader
		const make = (): Draft => draft(random, nextId++, trader)
		const remember = (entry: LedgerEntry): void => {
			this.#ledger.push(entry)
			open.push(...entry.inserted.map(({id}) => id))
		}
		while (!this.#closing.signal.aborted) {
			const startedAt = Date.now()
			const dice = random.below(100)
			if (dice < 50 || open.length === 0) {
				const drafts = Array.from({length: 1 + random.below(3)}, make)
				remember({...(await reserve(client, drafts)), what: 'reserve', changed: []})
			} else if (dice < 85) {
				const status = dice < 72 ? 'filled' : 'cancelled'
				const ids = Array.from({length: 1 + random.below(2)}, () => open.splice(random.below(open.length), 1)).flat()
				const closed = await close(client, ids, status)
				if (closed !== undefined) this.#ledger.push({...closed, what: status, inserted: []})
			} else if (dice < 95) {
				remember(await reserveWithSavepoints(client, [make(), make(), make()]))
			} else {
				await abandon(client, [make(), make()])
			}
			this.#trades++
			this.#lastStartedAt = startedAt
			this.#tell()
			await sleep(thinkMs / 2 + random.below(thinkMs), undefined, {signal: this.#closing.signal}).catch(() => {})
		}
	}

	#tell(): void {
		for (const wake of [...this.#waiting]) wake()
	}
}
