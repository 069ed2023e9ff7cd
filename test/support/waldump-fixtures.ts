import {readFileSync} from 'node:fs'
import {fileURLToPath} from 'node:url'
import {gunzipSync} from 'node:zlib'
import type {WalRecord} from '../../src/domain/wal/record.ts'
import {createWaldumpParser} from '../../src/domain/wal/waldump-text.ts'

/** Majors of which test/fixtures holds real WAL and what that version's pg_waldump printed of it. */
export const fixtureMajors = [14, 15, 16, 18] as const
export type FixtureMajor = (typeof fixtureMajors)[number]

/** Segments of the fixtures have 1 MB. */
export const fixtureSegmentBytes = 1024 * 1024

/** Chunk sizes at which every parser is fed; Infinity is the whole at once. */
export const chunkSizes = [1, 7, 64, 4096, Number.POSITIVE_INFINITY] as const

export function fixturePath(major: FixtureMajor, name = ''): string {
	return fileURLToPath(new URL(`../fixtures/pg${major}/${name}`, import.meta.url))
}

/** What pg_waldump of this major printed. */
export function waldumpText(major: FixtureMajor): string {
	return gunzipSync(readFileSync(fixturePath(major, 'waldump.txt.gz'))).toString()
}

export function* inChunks(text: string, size: number): Generator<string> {
	if (size === Number.POSITIVE_INFINITY) yield text
	else for (let at = 0; at < text.length; at += size) yield text.slice(at, at + size)
}

/** All records of a text, fed in chunks of this size. */
export function parsed(
	text: string,
	options: {readonly chunkSize?: number; readonly filtered?: boolean; readonly walSegmentBytes?: number} = {},
): readonly WalRecord[] {
	const {chunkSize = Number.POSITIVE_INFINITY, filtered = false, walSegmentBytes = fixtureSegmentBytes} = options
	const parser = createWaldumpParser({filtered, walSegmentBytes})
	const records: WalRecord[] = []
	for (const chunk of inChunks(text, chunkSize)) records.push(...parser.push(chunk))
	records.push(...parser.finish())
	return records
}
