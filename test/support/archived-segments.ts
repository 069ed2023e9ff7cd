import {readdirSync, statSync} from 'node:fs'
import {join} from 'node:path'
import {createCodecs} from '../../src/adapters/codec/codecs.ts'
import {findInstallations, type PostgresInstallation} from '../../src/adapters/postgres/programs.ts'
import {createWalReader, type WalReaderOptions} from '../../src/adapters/postgres/waldump.ts'
import {splitCodecSuffix} from '../../src/domain/archive/codec.ts'
import type {ArchivedSegment} from '../../src/domain/archive/survey.ts'
import {instantAt} from '../../src/domain/time.ts'
import {parseSegmentFileName} from '../../src/domain/wal/segment.ts'
import type {WalReader} from '../../src/ports.ts'
import {type FixtureMajor, fixtureMajors, fixtureSegmentBytes} from './waldump-fixtures.ts'

/** The segments of a folder, in order of their names, packed or not as their suffix says. */
export function archivedSegments(folder: string, walSegmentBytes = fixtureSegmentBytes): readonly ArchivedSegment[] {
	return readdirSync(folder)
		.sort()
		.flatMap(key => {
			const {name, codec} = splitCodecSuffix(key)
			const place = parseSegmentFileName(name, walSegmentBytes)
			const storedBytes = statSync(join(folder, key)).size
			return place === undefined ? [] : [{...place, name, key, codec, storedBytes, modifiedAt: instantAt(0n)}]
		})
}

/** The installed PostgreSQL whose pg_waldump reads a fixture; a printed reason and undefined where there is none. */
export async function waldumpForFixtures(): Promise<
	{readonly major: FixtureMajor; readonly installation: PostgresInstallation} | undefined
> {
	const installations = await findInstallations({env: process.env})
	for (const major of fixtureMajors) {
		const installation = installations.find(
			candidate => candidate.major === major && candidate.has.includes('pg_waldump'),
		)
		if (installation !== undefined) return {major, installation}
	}
	process.stderr.write(`skipped: no pg_waldump of ${fixtureMajors.join(', ')} is installed to read test/fixtures\n`)
	return undefined
}

export function testReader(
	installation: PostgresInstallation,
	options: Partial<Omit<WalReaderOptions, 'installations'>> = {},
): WalReader {
	return createWalReader({codecs: createCodecs(), installations: async () => [installation], ...options})
}
