import {describe, expect, test} from 'vitest'
import {
	noNames,
	type RelationName,
	type RelationNames,
	tableLabel,
	tableRows,
	tablesOf,
} from '../../src/domain/names.ts'
import {parseWaldumpTime} from '../../src/domain/time.ts'
import type {RelationKey} from '../../src/domain/wal/record.ts'

const harbor = {database: 'harbor', schema: 'public'}
const entries: readonly (readonly [RelationKey, RelationName])[] = [
	['1663/5/16402', {...harbor, name: 'bond_reservations', kind: 'table'}],
	[
		'1663/5/16405',
		{database: 'harbor', schema: 'pg_toast', name: 'pg_toast_16402', kind: 'toast', table: 'public.bond_reservations'},
	],
	[
		'1663/5/16406',
		{
			database: 'harbor',
			schema: 'pg_toast',
			name: 'pg_toast_16402_index',
			kind: 'index',
			table: 'public.bond_reservations',
		},
	],
	['1663/5/16407', {...harbor, name: 'bond_reservations_pkey', kind: 'index', table: 'public.bond_reservations'}],
	['1663/5/16410', {...harbor, name: 'trades_2026_11', kind: 'table'}],
	['1663/5/16411', {...harbor, name: 'trades_2026_12', kind: 'table'}],
	['1663/9/16402', {database: 'archive', schema: 'public', name: 'bond_reservations', kind: 'table'}],
	['1663/5/16420', {...harbor, name: 'ids', kind: 'other'}],
]
const names: RelationNames = {
	source: 'primary',
	asOf: parseWaldumpTime('2026-11-22 12:00:00 UTC'),
	problem: undefined,
	entries: new Map(entries),
}
const rows = (relation: RelationKey, inserted = 0, updated = 0, deleted = 0) => ({relation, inserted, updated, deleted})

describe('a relation', () => {
	test('is called by its schema and name, with its database only where asked', () => {
		expect(tableLabel(names, '1663/5/16402')).toBe('public.bond_reservations')
		expect(tableLabel(names, '1663/9/16402', 'database-and-table')).toBe('archive.public.bond_reservations')
		expect(tableLabel(names, '1663/5/16420')).toBe('public.ids')
	})

	test('that serves a table is called by it', () => {
		expect(tableLabel(names, '1663/5/16405')).toBe('TOAST of public.bond_reservations')
		expect(tableLabel(names, '1663/5/16407')).toBe('index public.bond_reservations_pkey of public.bond_reservations')
	})

	test('that nobody knows is a number', () => {
		expect(tableLabel(names, '1663/5/99999')).toBe('relation 99999')
		expect(tableLabel(noNames('the primary does not answer'), '1663/5/16402')).toBe('relation 16402')
		expect(tableLabel(undefined, '16515/5/16402', 'database-and-table')).toBe('relation 16402')
	})
})

describe('rows by table', () => {
	test('leave out the chunks of TOAST tables, which stand for no rows', () => {
		expect(
			tableRows(names, [rows('1663/5/16405', 12), rows('1663/5/16402', 3, 2, 1), rows('1663/5/16405', 0, 0, 4)]),
		).toEqual([
			{
				name: 'public.bond_reservations',
				database: 'harbor',
				relation: '1663/5/16402',
				inserted: 3,
				updated: 2,
				deleted: 1,
			},
		])
	})

	test('name a table of which only TOAST was written, without rows', () => {
		expect(tableRows(names, [rows('1663/5/16405', 12)])).toEqual([
			{
				name: 'public.bond_reservations',
				database: 'harbor',
				relation: '1663/5/16405',
				inserted: 0,
				updated: 0,
				deleted: 0,
			},
		])
	})

	test('keep partitions apart, and tables of the same name in two databases', () => {
		const told = tableRows(names, [
			rows('1663/5/16410', 1),
			rows('1663/5/16411', 2),
			rows('1663/5/16402', 3),
			rows('1663/9/16402', 4),
		])
		expect(told.map(table => [table.database, table.name, table.inserted])).toEqual([
			['harbor', 'public.trades_2026_11', 1],
			['harbor', 'public.trades_2026_12', 2],
			['harbor', 'public.bond_reservations', 3],
			['archive', 'public.bond_reservations', 4],
		])
	})

	test('without names are those of relations, TOAST tables too: nothing tells them', () => {
		expect(
			tableRows(undefined, [rows('1663/5/16405', 12), rows('1663/5/16402', 3), rows('1663/9/16402', 4)]).map(
				({name, database, relation}) => [name, database, relation],
			),
		).toEqual([
			['relation 16405', undefined, '1663/5/16405'],
			['relation 16402', undefined, '1663/5/16402'],
			['relation 16402', undefined, '1663/9/16402'],
		])
	})
})

describe('dropped relations by table', () => {
	test('are told once, not with every index and TOAST table that goes with it', () => {
		expect(tablesOf(names, ['1663/5/16405', '1663/5/16406', '1663/5/16402', '1663/5/16407', '1663/5/99999'])).toEqual([
			'public.bond_reservations',
			'relation 99999',
		])
	})

	test('are told by themselves where their table stays', () => {
		expect(tablesOf(names, ['1663/5/16407'])).toEqual([
			'index public.bond_reservations_pkey of public.bond_reservations',
		])
	})
})
