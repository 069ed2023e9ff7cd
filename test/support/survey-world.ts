import {createCodecs} from '../../src/adapters/codec/codecs.ts'
import {allLayouts} from '../../src/adapters/layout/layouts.ts'
import {findInstallations} from '../../src/adapters/postgres/programs.ts'
import {createWalReader} from '../../src/adapters/postgres/waldump.ts'
import {createLocalStore} from '../../src/adapters/store/local.ts'
import {WaldumpVersionMismatchError} from '../../src/domain/errors.ts'
import {instantOfMs, parseTime} from '../../src/domain/time.ts'
import {parseLsn} from '../../src/domain/wal/lsn.ts'
import {segmentNumberOf} from '../../src/domain/wal/segment.ts'
import type {ArchiveStore, WalReader, World} from '../../src/ports.ts'

/** What surveys need of the world. */
export type SurveyWorld = Pick<World, 'now' | 'openStore' | 'layouts' | 'codecs' | 'wal'>

const reading = parseTime('2026-11-22T08:00:00Z', 0n as never)
/** When surveys of made-up archives take place. */
export const surveyTime = reading.ok ? reading.instant : (0n as never)

/** A commit of a made-up archive: where, and when as pg_waldump prints it. */
export interface BuiltCommit {
	readonly lsn: string
	readonly at: string
}

/** A world of made-up stores. Opening one that is not given fails the test. */
export function builtWorld(
	stores: readonly ArchiveStore[],
	{majors = [15], commits = []}: {readonly majors?: readonly number[]; readonly commits?: readonly BuiltCommit[]} = {},
): SurveyWorld & {readonly dumped: string[][]} {
	const dumped: string[][] = []
	return {
		dumped,
		now: () => surveyTime,
		openStore: location => {
			const store = stores.find(candidate => candidate.location === location)
			if (store === undefined) throw new Error(`no store at ${location} was expected`)
			return store
		},
		layouts: allLayouts,
		codecs: createCodecs(),
		wal: builtWal(majors, commits, dumped),
	}
}

/** A pg_waldump whose every record is a commit. */
function builtWal(majors: readonly number[], commits: readonly BuiltCommit[], dumped: string[][]): WalReader {
	return {
		installedMajors: async () => majors,
		async dump({segments, postgresMajor, walSegmentBytes, rmgrs}) {
			if (!majors.includes(postgresMajor)) throw new WaldumpVersionMismatchError(`no pg_waldump ${postgresMajor}`, [])
			dumped.push(segments.map(({name}) => name))
			const lines = commits.flatMap(({lsn, at}, index) => {
				const position = parseLsn(lsn) ?? (0n as never)
				const isThere =
					segments.some(segment => segment.number === segmentNumberOf(position, walSegmentBytes)) &&
					rmgrs?.includes('Transaction') !== false
				const padded = lsn.replace(/\/(.*)$/, (_, low: string) => `/${low.padStart(8, '0')}`)
				return isThere
					? [
							`rmgr: Transaction len (rec/tot):     46/    46, tx: ${String(700 + index).padStart(10)}, lsn: ${padded}, prev 0/00000028, desc: COMMIT ${at} UTC\n`,
						]
					: []
			})
			async function* text() {
				yield* lines
			}
			return {text: text(), ended: Promise.resolve({exitCode: 0, stderr: ''})}
		},
	}
}

/** The real world, as far as a survey of local folders asks. */
export function localWorld(): SurveyWorld {
	const codecs = createCodecs()
	return {
		now: () => instantOfMs(Date.now()),
		openStore: createLocalStore,
		layouts: allLayouts,
		codecs,
		wal: createWalReader({codecs, installations: () => findInstallations({env: process.env})}),
	}
}
