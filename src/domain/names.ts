import type {UtcInstant} from './time.ts'
import type {RelationKey, RelationRows} from './wal/record.ts'

/** What a relation is called, and what it serves. */
export interface RelationName {
	readonly database: string
	readonly schema: string
	readonly name: string
	/** `table` is all that holds rows of a user: tables, partitions, materialized views. */
	readonly kind: 'table' | 'toast' | 'index' | 'other'
	/** Of a TOAST table or an index: the table it belongs to, with its schema. */
	readonly table?: string
}

/** Names of relations as somebody who knows them told. A relation that is not among them was dropped or rewritten since. */
export interface RelationNames {
	readonly source: 'primary' | 'none'
	/** When the names were true; undefined without a source. */
	readonly asOf: UtcInstant | undefined
	/** Why there are none, or not all; undefined when nothing went wrong. */
	readonly problem: string | undefined
	readonly entries: ReadonlyMap<RelationKey, RelationName>
}

/** Where nobody can be asked. */
export function noNames(problem: string | undefined): RelationNames {
	return {source: 'none', asOf: undefined, problem, entries: new Map()}
}

/** Rows that one transaction wrote to one table, its TOAST table not counted. */
export interface TableRows {
	/** `public.bond_reservations`, or `relation 16402`. */
	readonly name: string
	readonly database: string | undefined
	/** The relation of the table; of its TOAST table where the table itself is not among the rows. */
	readonly relation: RelationKey
	readonly inserted: number
	readonly updated: number
	readonly deleted: number
}

/** `public.bond_reservations`; `harbor.public.bond_reservations` with the database; `relation 16402` where nobody knows its name. */
export function tableLabel(
	names: RelationNames | undefined,
	relation: RelationKey,
	show: 'table' | 'database-and-table' = 'table',
): string {
	const entry = names?.entries.get(relation)
	if (entry === undefined) return `relation ${relation.slice(relation.lastIndexOf('/') + 1)}`
	const label = labelOf(entry)
	return show === 'table' ? label : `${entry.database}.${label}`
}

function labelOf(entry: RelationName): string {
	const own = `${entry.schema}.${entry.name}`
	switch (entry.kind) {
		case 'toast':
			return entry.table === undefined ? own : `TOAST of ${entry.table}`
		case 'index':
			return entry.table === undefined ? `index ${own}` : `index ${own} of ${entry.table}`
		case 'table':
		case 'other':
			return own
		default:
			return entry.kind satisfies never
	}
}

/**
 * Rows by table as people know them: chunks of a TOAST table belong to values of its table's rows, which are counted there.
 * A table of which only TOAST was written stays, with no rows. Partitions are tables of their own.
 */
export function tableRows(names: RelationNames | undefined, rows: readonly RelationRows[]): readonly TableRows[] {
	const tables = new Map<string, TableRows>()
	for (const row of rows) {
		const entry = names?.entries.get(row.relation)
		const serves = entry?.kind === 'toast' || entry?.kind === 'index' ? entry.table : undefined
		const name = serves ?? tableLabel(names, row.relation)
		const key = entry === undefined ? row.relation : `${entry.database} ${name}`
		const counted = serves === undefined
		const known = tables.get(key)
		tables.set(key, {
			name,
			database: entry?.database,
			relation: counted || known === undefined ? row.relation : known.relation,
			inserted: (known?.inserted ?? 0) + (counted ? row.inserted : 0),
			updated: (known?.updated ?? 0) + (counted ? row.updated : 0),
			deleted: (known?.deleted ?? 0) + (counted ? row.deleted : 0),
		})
	}
	return [...tables.values()]
}

/** Dropped or truncated relations as people know them: once per table, without the indexes and the TOAST table that go with it. */
export function tablesOf(names: RelationNames | undefined, relations: readonly RelationKey[]): readonly string[] {
	const owners = new Set(
		relations.flatMap(relation => {
			const entry = names?.entries.get(relation)
			return entry?.kind === 'table' ? [`${entry.database} ${labelOf(entry)}`] : []
		}),
	)
	const labels = relations.flatMap(relation => {
		const entry = names?.entries.get(relation)
		const isPart = entry?.table !== undefined && owners.has(`${entry.database} ${entry.table}`)
		return isPart ? [] : [tableLabel(names, relation)]
	})
	return [...new Set(labels)]
}
