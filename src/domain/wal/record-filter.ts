import type {WalRecord} from './record.ts'

/** What a record must have to be listed or found: every word of it. Without words, every record has it. */
export interface RecordFilter {
	readonly words: readonly RecordWord[]
}

/** One thing that a record must have. A relation is named by as much of tablespace OID, database OID and relfilenode as was typed, from the end. */
export type RecordWord =
	| {readonly kind: 'rmgr' | 'type' | 'text'; readonly text: string}
	| {readonly kind: 'xid'; readonly xid: number}
	| {readonly kind: 'relation'; readonly numbers: readonly number[]}

export type RecordFilterReading =
	| {readonly ok: true; readonly filter: RecordFilter}
	| {readonly ok: false; readonly problem: string}

/** The filter that lets every record through. */
export const everyRecord: RecordFilter = {words: []}

/** Reads `rmgr:Heap type:DELETE xid:3770 rel:16402`, in any order, and any other word as text of the record. */
export function parseRecordFilter(typed: string): RecordFilterReading {
	const words: RecordWord[] = []
	for (const word of typed.trim().split(/\s+/)) {
		if (word === '') continue
		const [, key = '', value = ''] = /^(rmgr|type|xid|rel):(.*)$/i.exec(word) ?? []
		switch (key.toLowerCase()) {
			case 'rmgr':
			case 'type':
				if (value === '') return {ok: false, problem: `${word} names nothing: rmgr:Heap, type:DELETE`}
				words.push({kind: key.toLowerCase() as 'rmgr' | 'type', text: value.toLowerCase()})
				break
			case 'xid':
				if (!/^\d{1,10}$/.test(value)) return {ok: false, problem: `${word} is no xid: xid:3770`}
				words.push({kind: 'xid', xid: Number(value)})
				break
			case 'rel': {
				if (!/^\d+(\/\d+){0,2}$/.test(value))
					return {ok: false, problem: `${word} is no relation: rel:16402, rel:5/16402 or rel:1663/5/16402`}
				words.push({kind: 'relation', numbers: value.split('/').map(Number)})
				break
			}
			default:
				words.push({kind: 'text', text: word.toLowerCase()})
		}
	}
	return {ok: true, filter: {words}}
}

/** Whether a record has all that the filter asks for. */
export function matchesRecord({words}: RecordFilter, record: WalRecord): boolean {
	return words.every(word => hasWord(record, word))
}

function hasWord(record: WalRecord, word: RecordWord): boolean {
	switch (word.kind) {
		case 'rmgr':
			return record.rmgr.toLowerCase() === word.text
		case 'type':
			return record.type.toLowerCase().startsWith(word.text)
		case 'xid':
			return record.xid === word.xid || preparedXid(record) === word.xid
		case 'relation':
			return relationsIn(record.description).some(numbers => endsWith(numbers, word.numbers))
		case 'text':
			return `${record.rmgr} ${record.type} ${record.description}`.toLowerCase().includes(word.text)
		default:
			return word satisfies never
	}
}

/** COMMIT_PREPARED and ABORT_PREPARED carry xid 0, theirs opens the description (postgres-recovery.md §0.4). */
function preparedXid({xid, type, description}: WalRecord): number | undefined {
	if (xid !== 0 || !type.endsWith('_PREPARED')) return undefined
	const leading = /^(\d+): /.exec(description)?.[1]
	return leading === undefined ? undefined : Number(leading)
}

/** Of block references and of NEW_CID `1663/5/16402`; of files `base/5/16402`, `global/1262` and `pg_tblspc/16463/PG_15_202209061/5/16464`. */
const relationText =
	/\brel:? (\d+)\/(\d+)\/(\d+)|\bbase\/(\d+)\/(\d+)|\bglobal\/(\d+)|\bpg_tblspc\/(\d+)\/[^/\s]+\/(\d+)\/(\d+)/g
const defaultTablespace = 1663
const globalTablespace = 1664

function relationsIn(description: string): readonly (readonly number[])[] {
	return [...description.matchAll(relationText)].map(match => {
		const found = match.slice(1).flatMap(digits => (digits === undefined ? [] : [Number(digits)]))
		if (found.length === 2) return [defaultTablespace, ...found]
		return found.length === 1 ? [globalTablespace, 0, ...found] : found
	})
}

function endsWith(numbers: readonly number[], wanted: readonly number[]): boolean {
	return wanted.every((number, index) => numbers[numbers.length - wanted.length + index] === number)
}
