import {readdir} from 'node:fs/promises'
import {join} from 'node:path'
import {type PostgresInstallation, programPath} from '../adapters/postgres/programs.ts'
import {run} from '../adapters/process.ts'
import type {OsUser} from '../ports.ts'
import {expectedRowsAt, type Ledger} from './ledger.ts'
import type {HarborRows} from './schema.ts'

/** A commit as it stands in the WAL. */
export interface ArchivedCommit {
	/** For a prepared transaction its own xid, not the 0 of the record. */
	readonly xid: number
	/** Start of the commit record: `0/6DCE410`. */
	readonly lsn: string
	/** RFC 3339 UTC with six digits. */
	readonly at: string
	readonly kind: 'commit' | 'commit-prepared'
}

/** What a recovery of Harbor Point must reach without being told. */
export interface Truth extends HarborRows {
	readonly badXid: number
	readonly badCommitLsn: string
	readonly badCommittedAt: string
	/** Reservations that the release job flipped, each of which also lost its row of gsi_open_by_issuer. */
	readonly rowsChangedByJob: number
	readonly commitsBefore: number
	readonly commitsAfter: number
	/** Legitimate commits of the very second of the bad one. */
	readonly sameSecond: {readonly before: number; readonly after: number}
}

/** One line of what was found beside what must be. */
export interface Comparison {
	readonly what: string
	readonly expected: string
	readonly found: string
	readonly same: boolean
}

/** Every commit of an archive on timeline 1, in the order of the WAL, as pg_waldump prints it. */
export async function commitsInArchive(
	archiveDirectory: string,
	installation: PostgresInstallation,
	asUser: OsUser,
): Promise<readonly ArchivedCommit[]> {
	const segments = (await readdir(archiveDirectory)).filter(name => /^00000001[0-9A-F]{16}$/.test(name)).sort()
	const [first, last] = [segments[0], segments.at(-1)]
	if (first === undefined || last === undefined) return []
	// A first and a last segment give pg_waldump a definite end: it then reads across them and ends with 0.
	const args = ['--rmgr=Transaction', join(archiveDirectory, first), last]
	const {exitCode, stdout, stderr} = await run(programPath(installation, 'pg_waldump'), args, {asUser})
	if (exitCode !== 0) throw new Error(`pg_waldump could not read the archive of the demo: ${stderr.trim()}`)
	const commit =
		/tx: +(\d+), lsn: ([0-9A-F]+)\/0*([0-9A-F]+), .*desc: (COMMIT(?:_PREPARED)?) (?:(\d+): )?(\S+) (\d\d:\d\d:\d\d\.\d{6}) UTC/
	return stdout.split('\n').flatMap((line): readonly ArchivedCommit[] => {
		const [matched, tx, high, low, kind, preparedXid, day, clock] = commit.exec(line) ?? []
		if (matched === undefined) return []
		return [
			{
				xid: Number(preparedXid ?? tx),
				lsn: `${high}/${low}`,
				at: `${day}T${clock}Z`,
				kind: kind === 'COMMIT' ? 'commit' : 'commit-prepared',
			},
		]
	})
}

/** Finds the bad commit in the order of the WAL, and the rows that everything before it leaves. */
export function truthOf(commits: readonly ArchivedCommit[], ledger: Ledger, badXid: number): Truth {
	const logged = new Set(commits.map(({xid}) => xid))
	const unlogged = ledger.filter(({xid}) => !logged.has(xid))
	if (unlogged.length > 0) throw new Error(`the archive lacks the commits of ${unlogged.length} transactions`)
	const badAt = commits.findIndex(({xid}) => xid === badXid)
	const bad = commits[badAt]
	if (bad === undefined) throw new Error(`the archive lacks the commit of the release job, transaction ${badXid}`)
	const before = commits.slice(0, badAt)
	const after = commits.slice(badAt + 1)
	const second = (at: string): string => at.slice(0, 'YYYY-MM-DDTHH:MM:SS'.length)
	const ofTheSecond = (some: readonly ArchivedCommit[]): number =>
		some.filter(({at}) => second(at) === second(bad.at)).length
	return {
		badXid,
		badCommitLsn: bad.lsn,
		badCommittedAt: bad.at,
		...expectedRowsAt(
			ledger,
			before.map(({xid}) => xid),
		),
		rowsChangedByJob: ledger.find(({xid}) => xid === badXid)?.changed.length ?? 0,
		commitsBefore: before.length,
		commitsAfter: after.length,
		sameSecond: {before: ofTheSecond(before), after: ofTheSecond(after)},
	}
}

/** Holds the rows of a recovered cluster against what they must be, line by line. */
export function compareWithTruth(truth: HarborRows, found: HarborRows): readonly Comparison[] {
	const line = (what: string, expected: string | number, actual: string | number): Comparison => ({
		what,
		expected: String(expected),
		found: String(actual),
		same: expected === actual,
	})
	return [
		line('rows of bond_reservations', truth.reservations.count, found.reservations.count),
		line('sha256 of bond_reservations', truth.reservations.sha256, found.reservations.sha256),
		line('rows of gsi_open_by_issuer', truth.openByIssuer.count, found.openByIssuer.count),
		line('sha256 of gsi_open_by_issuer', truth.openByIssuer.sha256, found.openByIssuer.sha256),
	]
}
