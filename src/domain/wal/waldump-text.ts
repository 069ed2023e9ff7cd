import type {Lsn} from './lsn.ts'
import {lsnAt, parseLsn} from './lsn.ts'
import type {WalRecord} from './record.ts'
import {smallestRecordBytes, walPageBytes} from './segment.ts'
import {nextRecordLsn} from './succession.ts'

/** Reads the text of pg_waldump as it comes, cut anywhere, and gives the records that are complete. */
export interface WaldumpParser {
	push(chunk: string): readonly WalRecord[]
	/** The records that were still waiting for what might follow them. */
	finish(): readonly WalRecord[]
}

type Draft = {-readonly [Field in keyof WalRecord]: WalRecord[Field]}

/** A record that stands in or near a name, and so may be one or be followed by ones that are only text. */
interface Candidate {
	readonly record: Draft
	/** The line as printed, its continuation included: what an earlier record gets back if this one was text of its name. */
	text: string
	/** Where its line begins, in characters from the start of the output. */
	readonly beginsAt: number
	/** A name that this record carries can reach no further. */
	readonly nameReaches: number
	/** From here on no line can be text of its name, nor the record that truly follows it in place of one that is. */
	readonly doubtEndsAt: number
}

/**
 * Names stand raw in the output, line breaks included, so a name can hold a line that looks like a record
 * (postgres-recovery.md §0.6). These records carry one: a restore point, the gid of a prepared transaction, the prefix
 * of a logical message, the path of a tablespace. The number is how many bytes of it there can be: 63 for a restore
 * point (MAXFNAMELEN), 199 for a gid (GIDSIZE), else the record itself is the limit.
 */
function nameBytes(record: WalRecord): number | undefined {
	switch (record.type) {
		case 'RESTORE_POINT':
			return record.rmgr === 'XLOG' ? 63 : undefined
		case 'PREPARE':
			return record.rmgr === 'Transaction' ? 199 : undefined
		case 'MESSAGE':
			return record.rmgr === 'LogicalMessage' ? record.totalBytes : undefined
		case 'CREATE':
			return record.rmgr === 'Tablespace' ? record.totalBytes : undefined
		default:
			return undefined
	}
}

/** Longest words between the type and a name: `non-transactional, prefix "`. */
const wordsBeforeName = 32
/** So far behind the start of a name a line must still prove that it continues the chain of records. */
const doubtReaches = 4096
/** A line longer than this is cut: a logical message may have 1 GB, its payload is printed in hexadecimal, and nobody reads that. */
const longestLine = 64 * 1024 * 1024

/** A record is put together in memory, where nothing exceeds 1 GB (memutils.h, MaxAllocSize). */
const largestRecordBytes = 0x3fff_ffff
/** The largest xid; nobody has reached the high half of an LSN that equals it, and arithmetic there would overflow. */
const largestNumber = 0xffff_ffff

const rmgrLabel = 'rmgr: '
const lengthLabel = 'len (rec/tot): '
const xidLabel = ', tx: '
const lsnLabel = ', lsn: '
const prevLabel = ', prev '
const descriptionLabel = ', desc: '
const unknownType = 'UNKNOWN ('
const rmgrWidth = 11
const lengthWidth = 6
const xidWidth = 10
const newline = '\n'
const spaceCode = 32

/**
 * Parser of pg_waldump's text, 13 to 18. A line that is no record belongs to the description of the record before it.
 *
 * What could be forged is bounded: text of a name stands behind the record that carries it, within the bytes that record
 * can hold. A line there is believed only if it continues the chain: its `prev` is the LSN of the record before it, and
 * it stands exactly where that one ends. If two lines claim the same place, the one that fits what follows wins: text of
 * a name always stands before the true next record. With `filtered` (pg_waldump ran with a filter) the record before it
 * may not have been printed, and only the order of the LSNs can be checked.
 */
export function createWaldumpParser(options: {
	readonly filtered: boolean
	readonly walSegmentBytes: number
}): WaldumpParser {
	return new Parser(options.filtered, options.walSegmentBytes)
}

class Parser implements WaldumpParser {
	readonly #filtered: boolean
	readonly #walSegmentBytes: number
	#pending = ''
	#skippingLine = false
	/** Characters of the output before `#pending`. */
	#consumed = 0
	/** The last record, while no name is near. */
	#last: Draft | undefined
	/** The records since the last name, the one with the name first; empty while no name is near. */
	#candidates: Candidate[] = []
	#doubtEndsAt = 0
	#at = 0
	#number = 0
	#low = 0
	#high = 0
	#lastHigh = -1
	#lastLow = -1
	#lastLsn: Lsn = lsnAt(0n)

	constructor(filtered: boolean, walSegmentBytes: number) {
		this.#filtered = filtered
		this.#walSegmentBytes = walSegmentBytes
	}

	push(chunk: string): readonly WalRecord[] {
		const complete: WalRecord[] = []
		// Only looked into once its line has ended: V8 would copy all that is pending for every chunk.
		const text = this.#pending + chunk
		let start = 0
		let end = chunk.indexOf(newline)
		if (end !== -1) end += this.#pending.length
		while (end !== -1) {
			if (this.#skippingLine) this.#skippingLine = false
			else this.#takeLine(text, start, end, complete)
			start = end + 1
			end = text.indexOf(newline, start)
		}
		this.#pending = start === 0 ? text : text.slice(start)
		this.#consumed += start
		if (this.#pending.length > longestLine) this.#cutLine(complete)
		return complete
	}

	finish(): readonly WalRecord[] {
		const complete: WalRecord[] = []
		if (this.#pending !== '' && !this.#skippingLine) this.#takeLine(this.#pending, 0, this.#pending.length, complete)
		this.#pending = ''
		this.#flush(complete)
		if (this.#last !== undefined) complete.push(this.#last)
		this.#last = undefined
		return complete
	}

	#cutLine(complete: WalRecord[]): void {
		if (!this.#skippingLine) this.#takeLine(this.#pending, 0, longestLine, complete)
		this.#consumed += this.#pending.length
		this.#pending = ''
		this.#skippingLine = true
	}

	#takeLine(text: string, start: number, end: number, complete: WalRecord[]): void {
		const record = this.#readRecord(text, start, end)
		if (record === undefined) this.#continueDescription(text.slice(start, end))
		else if (this.#candidates.length === 0) {
			if (this.#last !== undefined) complete.push(this.#last)
			this.#last = record
			this.#watchName(record, text, start, end)
		} else this.#takeDoubted(record, text, start, end, complete)
	}

	#takeDoubted(record: Draft, text: string, start: number, end: number, complete: WalRecord[]): void {
		const beginsAt = this.#consumed + start
		const predecessor = this.#predecessorOf(record)
		// Behind every name no line can be text: should the chain be broken there, the record stands all the same.
		if (predecessor === undefined && beginsAt < this.#doubtEndsAt) {
			this.#continueDescription(text.slice(start, end))
			return
		}
		if (predecessor !== undefined) this.#takeBackAfter(predecessor)
		if (beginsAt < this.#doubtEndsAt) {
			this.#addCandidate(record, text.slice(start, end), beginsAt)
			this.#settle(beginsAt, complete)
			return
		}
		this.#flush(complete)
		this.#last = record
		this.#watchName(record, text, start, end)
	}

	/** Begins to watch when the record carries a name. */
	#watchName(record: Draft, text: string, start: number, end: number): void {
		if (nameBytes(record) === undefined) return
		this.#last = undefined
		this.#addCandidate(record, text.slice(start, end), this.#consumed + start)
	}

	#addCandidate(record: Draft, line: string, beginsAt: number): void {
		const bytes = nameBytes(record)
		const nameStartsBefore = beginsAt + line.length - record.description.length + wordsBeforeName
		// A character never takes less than a byte, so bytes bound characters.
		const nameReaches = bytes === undefined ? beginsAt : nameStartsBefore + bytes
		const doubtEndsAt = bytes === undefined ? beginsAt : Math.max(nameReaches, nameStartsBefore + doubtReaches)
		this.#candidates.push({record, text: line, beginsAt, nameReaches, doubtEndsAt})
		this.#doubtEndsAt = Math.max(this.#doubtEndsAt, doubtEndsAt)
	}

	/** Gives out the candidates that no name reaches any more: where every record carries one, doubt itself never ends. */
	#settle(beginsAt: number, complete: WalRecord[]): void {
		let settled = 0
		while (settled < this.#candidates.length - 1 && (this.#candidates[settled]?.doubtEndsAt ?? 0) <= beginsAt) settled++
		if (settled > 0) for (const {record} of this.#candidates.splice(0, settled)) complete.push(record)
	}

	/** Index of the candidate that this record follows; an earlier one than the last only where those after it can be text of its name. */
	#predecessorOf(record: Draft): number | undefined {
		for (let index = this.#candidates.length - 1; index >= 0; index--) {
			const candidate = this.#candidates[index]
			if (candidate === undefined || !this.#follows(candidate.record, record)) continue
			const next = this.#candidates[index + 1]
			if (next === undefined || next.beginsAt < candidate.nameReaches) return index
		}
		return undefined
	}

	#follows(before: Draft, record: Draft): boolean {
		const expected = nextRecordLsn(before, this.#walSegmentBytes)
		const adjacent = record.lsn === expected || overwrites(record, expected)
		const linked = record.prevLsn === before.lsn
		if (linked || !this.#filtered) return linked && adjacent
		return record.lsn > expected && record.prevLsn >= expected
	}

	/** The candidates after this one were text of its name. */
	#takeBackAfter(index: number): void {
		const owner = this.#candidates[index]
		if (owner === undefined) return
		for (const forged of this.#candidates.splice(index + 1)) append(owner, forged.text)
	}

	#continueDescription(line: string): void {
		const candidate = this.#candidates.at(-1)
		if (candidate !== undefined) append(candidate, line)
		// Before the first record: 13 to 15 print "first record is after …" on standard output.
		else if (this.#last !== undefined) this.#last.description += newline + line
	}

	#flush(complete: WalRecord[]): void {
		for (const {record} of this.#candidates) complete.push(record)
		this.#candidates = []
		this.#doubtEndsAt = 0
	}

	/**
	 * The fixed columns of XLogDumpDisplayRecord, `rmgr: %-11s len (rec/tot): %6u/%6u, tx: %10u, lsn: %X/%08X, prev %X/%08X,
	 * desc: `, padding included: so strict, the shortest line that passes has 104 characters, more than a restore point's name.
	 */
	#readRecord(text: string, start: number, end: number): Draft | undefined {
		if (!text.startsWith(rmgrLabel, start)) return undefined
		const nameAt = start + rmgrLabel.length
		const nameEnd = text.indexOf(' ', nameAt)
		if (nameEnd === -1 || nameEnd === nameAt) return undefined
		this.#at = nameEnd
		while (this.#at < nameAt + rmgrWidth) if (text.charCodeAt(this.#at++) !== spaceCode) return undefined
		if (text.charCodeAt(this.#at) !== spaceCode) return undefined
		this.#at++
		if (!this.#label(text, lengthLabel) || !this.#decimal(text, lengthWidth)) return undefined
		if (!this.#label(text, '/') || !this.#decimal(text, lengthWidth)) return undefined
		const totalBytes = this.#number
		if (!this.#label(text, xidLabel) || !this.#decimal(text, xidWidth)) return undefined
		const xid = this.#number
		if (!this.#label(text, lsnLabel) || !this.#hexPair(text)) return undefined
		const high = this.#high
		const low = this.#low
		if (!this.#label(text, prevLabel) || !this.#hexPair(text)) return undefined
		const prevHigh = this.#high
		const prevLow = this.#low
		if (!this.#label(text, descriptionLabel) || this.#at > end) return undefined
		if (totalBytes < smallestRecordBytes || totalBytes > largestRecordBytes) return undefined
		if (xid > largestNumber || high === largestNumber) return undefined

		const typeAt = this.#at
		let typeEnd = text.indexOf(' ', typeAt)
		if (typeEnd === -1 || typeEnd > end) typeEnd = end
		if (text.startsWith(unknownType, typeAt)) {
			const closing = text.indexOf(')', typeAt)
			if (closing !== -1 && closing < end) typeEnd = closing + 1
		}
		const prevLsn = prevLow === this.#lastLow && prevHigh === this.#lastHigh ? this.#lastLsn : lsn(prevHigh, prevLow)
		this.#lastHigh = high
		this.#lastLow = low
		this.#lastLsn = lsn(high, low)
		return {
			rmgr: text.slice(nameAt, nameEnd),
			totalBytes,
			xid,
			lsn: this.#lastLsn,
			prevLsn,
			type: text.slice(typeAt, typeEnd),
			description: typeEnd < end ? text.slice(typeEnd + 1, end) : '',
		}
	}

	#label(text: string, label: string): boolean {
		if (!text.startsWith(label, this.#at)) return false
		this.#at += label.length
		return true
	}

	/** A number padded with spaces to a width; wider only when its digits need it. */
	#decimal(text: string, width: number): boolean {
		const start = this.#at
		let at = start
		while (text.charCodeAt(at) === spaceCode) at++
		const digitsAt = at
		let number = 0
		for (;;) {
			const digit = text.charCodeAt(at) - 48
			if (!(digit >= 0 && digit <= 9)) break
			number = number * 10 + digit
			at++
		}
		const length = at - start
		if (at === digitsAt || (length !== width && (digitsAt !== start || length < width))) return false
		this.#at = at
		this.#number = number
		return true
	}

	#hexPair(text: string): boolean {
		const start = this.#at
		if (!this.#hex(text) || text.charCodeAt(this.#at) !== 47) return false
		const length = this.#at - start
		if (length > 8 || (length > 1 && text.charCodeAt(start) === 48)) return false
		this.#high = this.#number
		const lowAt = ++this.#at
		if (!this.#hex(text) || this.#at - lowAt !== 8) return false
		this.#low = this.#number
		return true
	}

	#hex(text: string): boolean {
		let at = this.#at
		let number = 0
		for (;;) {
			const code = text.charCodeAt(at)
			const digit = code >= 48 && code <= 57 ? code - 48 : code >= 65 && code <= 70 ? code - 55 : -1
			if (digit === -1) break
			number = number * 16 + digit
			at++
		}
		if (at === this.#at) return false
		this.#at = at
		this.#number = number
		return true
	}
}

function append(candidate: Candidate, line: string): void {
	candidate.text += newline + line
	candidate.record.description += newline + line
}

/** Below 8 PB of WAL both halves fit a double exactly: one conversion instead of two and a shift. */
function lsn(high: number, low: number): Lsn {
	return high < 0x20_0000 ? lsnAt(BigInt(high * 0x1_0000_0000 + low)) : lsnAt((BigInt(high) << 32n) | BigInt(low))
}

const overwrittenLsn = /^lsn ([0-9A-F]+\/[0-9A-F]+);/

/**
 * After a crash in the middle of a record that crossed a page, the server does not finish it: it writes an
 * OVERWRITE_CONTRECORD, which names the place of the broken record, at the start of a later page.
 */
function overwrites(record: WalRecord, expected: Lsn): boolean {
	if (record.type !== 'OVERWRITE_CONTRECORD' || record.rmgr !== 'XLOG' || record.lsn < expected) return false
	const named = parseLsn(overwrittenLsn.exec(record.description)?.[1] ?? '')
	return named === expected && Number(record.lsn % BigInt(walPageBytes)) <= 40
}
