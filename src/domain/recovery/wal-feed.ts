import type {ArchivedSegment, Codec, Survey, WalChain} from '../archive/survey.ts'
import type {Lsn} from '../wal/lsn.ts'
import {parseSegmentFileName, segmentFileName, segmentNumberAt, segmentNumberEndingAt} from '../wal/segment.ts'
import {historyFileName, type TimelineHistory} from '../wal/timeline.ts'
import type {RestorePlan, WalRun} from './plan.ts'

type PlannedWal = RestorePlan['wal']
type FeedPlan = Pick<RestorePlan, 'wal'> & {readonly cluster: Pick<RestorePlan['cluster'], 'walSegmentBytes'>}

/** Names of the files in the work directory of a recovery. */
export const workFileNames = {
	config: 'postgresql.conf',
	hba: 'pg_hba.conf',
	ident: 'pg_ident.conf',
	fetchWal: 'fetch-wal',
	walList: 'wal.list',
	serverLog: 'server.log',
	/** What the source's postgresql.auto.conf said. */
	sourceSettings: 'source-postgresql.auto.conf',
	/** Names the recovery that made the work directory. */
	marker: 'recovery.json',
} as const

/** Path of one of the files in the work directory. */
export function workFile(workDirectory: string, file: keyof typeof workFileNames): string {
	return `${workDirectory}/${workFileNames[file]}`
}

/**
 * The WAL that a replay up to `neededEndLsn` may read, and nothing beyond: damage there can kill the replay through
 * read-ahead, and the parent's copy of a fork segment would lead past the fork (postgres-recovery.md §0.9, §11).
 *
 * History files of later timelines are listed too: the server follows the timeline that is pinned, and looks at them only to
 * give its own new timeline a number that the archive does not have yet.
 */
export function listedWal(
	survey: Pick<Survey, 'location' | 'timelines' | 'cluster'>,
	chain: Pick<WalChain, 'segments'>,
	history: TimelineHistory,
	neededEndLsn: Lsn,
): Pick<PlannedWal, 'runs' | 'histories' | 'segmentCount'> {
	const {walSegmentBytes} = survey.cluster
	const lastNeeded = segmentNumberEndingAt(neededEndLsn, walSegmentBytes)
	const segments = chain.segments.filter(segment => segment.number <= lastNeeded)
	const onTheWay = new Set([history.timeline, ...history.switches.map(step => step.parent)])
	return {
		runs: runsOf(survey.location, segments),
		histories: survey.timelines.flatMap(({history: {timeline}, historyFile}) =>
			historyFile !== undefined && (onTheWay.has(timeline) || timeline > history.timeline)
				? [{name: historyFileName(timeline), path: below(survey.location, historyFile.key), codec: historyFile.codec}]
				: [],
		),
		segmentCount: segments.length,
	}
}

function runsOf(location: string, segments: readonly ArchivedSegment[]): WalRun[] {
	const runs: (WalRun & {readonly lastNumber: bigint})[] = []
	for (const {timeline, number, name, key, codec, storedBytes} of segments) {
		const file = key.slice(key.lastIndexOf('/') + 1)
		const directory = below(location, key.slice(0, key.length - file.length))
		const suffix = file.slice(name.length)
		const run = runs.at(-1)
		const continues =
			run?.lastNumber === number - 1n &&
			run.timeline === timeline &&
			run.directory === directory &&
			run.suffix === suffix &&
			run.codec === codec
		if (continues) {
			runs[runs.length - 1] = {
				...run,
				lastSegment: name,
				count: run.count + 1,
				bytes: run.bytes + storedBytes,
				lastNumber: number,
			}
		} else {
			runs.push({
				timeline,
				directory,
				suffix,
				codec,
				firstSegment: name,
				lastSegment: name,
				count: 1,
				bytes: storedBytes,
				lastNumber: number,
			})
		}
	}
	return runs.map(({lastNumber: _, ...run}) => run)
}

function below(location: string, key: string): string {
	return `${location.replace(/\/+$/, '')}/${key}`.replace(/(?<=.)\/+$/, '')
}

/** One file that `fetch-wal` serves. */
export interface ListedFile {
	readonly name: string
	readonly codec: Codec
	/** Unpacked; undefined for a history file, whose size nothing fixes. */
	readonly bytes: number | undefined
	readonly path: string
}

/** Every file that `fetch-wal` serves, in the order of the plan. Throws on a run that its own names contradict. */
export function listedFiles({wal, cluster: {walSegmentBytes}}: FeedPlan): readonly ListedFile[] {
	const segments = wal.runs.flatMap(run => {
		const first = parseSegmentFileName(run.firstSegment, walSegmentBytes)
		const last = parseSegmentFileName(run.lastSegment, walSegmentBytes)
		if (
			first === undefined ||
			last?.timeline !== first.timeline ||
			last.number - first.number + 1n !== BigInt(run.count)
		) {
			throw new Error(`${run.firstSegment} to ${run.lastSegment} are not ${run.count} segments`)
		}
		return Array.from({length: run.count}, (_, index): ListedFile => {
			const number = segmentNumberAt(first.number + BigInt(index))
			const name = segmentFileName({timeline: first.timeline, number}, walSegmentBytes)
			return {name, codec: run.codec, bytes: walSegmentBytes, path: `${run.directory}/${name}${run.suffix}`}
		})
	})
	return [...wal.histories.map(({name, path, codec}) => ({name, codec, bytes: undefined, path})), ...segments]
}

/**
 * Why a path cannot stand in `wal.list` or in a server setting, both of which are read by line; undefined when it can.
 * To be asked when planning: the work directory, and where the archive lies.
 */
export function pathProblem(path: string): string | undefined {
	return /[\n\r\0]/.test(path) ? `${JSON.stringify(path)} has a line break in its name` : undefined
}

/** The list that `fetch-wal` serves: name, codec, expected bytes (`-` for any), path. Throws on a path with a line break. */
export function walListText(plan: FeedPlan): string {
	return listedFiles(plan)
		.map(({name, codec, bytes, path}) => {
			const problem = pathProblem(path)
			if (problem !== undefined) throw new Error(problem)
			return `${name} ${codec} ${bytes ?? '-'} ${path}\n`
		})
		.join('')
}

const unpackers: Readonly<Record<Exclude<Codec, 'none'>, string>> = {
	gzip: 'gzip',
	zstd: 'zstd',
	lz4: 'lz4',
	bzip2: 'bzip2',
	xz: 'xz',
}

/** Programs without which some of the listed files cannot be unpacked. */
export function unpackersOf({wal}: Pick<RestorePlan, 'wal'>): readonly string[] {
	const codecs = new Set([...wal.runs, ...wal.histories].map(({codec}) => codec))
	return [...codecs].flatMap(codec => (codec === 'none' ? [] : [unpackers[codec]]))
}

/**
 * The program that restore_command runs: POSIX sh, so that the restored server needs neither Node nor lastgood.
 * PostgreSQL takes an exit of 1 to 125 for "the archive has no such file", which ends recovery, and may promote there
 * (postgres-recovery.md §0.8, §3): only a file that is not listed may say so. A listed file that cannot be had exits 200, and the
 * server stops.
 */
export const fetchWalText = `#!/bin/sh
# fetch-wal NAME TARGET: copies one file of WAL out of the archive for restore_command.
# Serves what wal.list beside it names: name, codec, expected bytes, path.
#   0    the file is at TARGET, whole
#   1    it is not listed: PostgreSQL takes this for the end of the archive
#   200  it is listed and cannot be had: PostgreSQL stops
LC_ALL=C
export LC_ALL

case $0 in
*/*) list=\${0%/*}/${workFileNames.walList} ;;
*) list=./${workFileNames.walList} ;;
esac
name=$1
target=$2
part=$target.part

fail() {
	rm -f "$part"
	echo "fetch-wal: $name: $1" >&2
	exit 200
}

if [ $# -ne 2 ] || [ -z "$target" ]; then
	echo 'fetch-wal: usage: fetch-wal NAME TARGET' >&2
	exit 200
fi

# Told to stop in the middle, it says 128 + SIGTERM, which PostgreSQL takes for its own shutdown.
trap 'rm -f "$part"; exit 143' TERM
trap 'rm -f "$part"; exit 200' HUP INT

case $name in
'' | *[!0-9A-Za-z.]*) exit 1 ;;
esac
line=$(sed -n "/^$name /{p;q;}" "$list") || fail "cannot read $list"
[ -n "$line" ] || exit 1

rest=\${line#* }
codec=\${rest%% *}
rest=\${rest#* }
bytes=\${rest%% *}
path=\${rest#* }

case $codec in
none) cp "$path" "$part" ;;
gzip | zstd | lz4 | bzip2 | xz) "$codec" -dc <"$path" >"$part" ;;
*) fail "no way to unpack $codec" ;;
esac || fail "cannot be copied from $path, where it was when the recovery was planned"

if [ "$bytes" != - ]; then
	size=$(wc -c <"$part") || fail "the copy of $path cannot be read"
	[ $((size)) -eq "$bytes" ] || fail "$path gives $((size)) bytes instead of $bytes"
fi
mv -f "$part" "$target" || fail "cannot be put at $target"
`

/** The value of restore_command. By way of sh, because a data volume may be mounted noexec. Throws on a path with a line break. */
export function restoreCommandSetting(workDirectory: string): string {
	const problem = pathProblem(workDirectory)
	if (problem !== undefined) throw new Error(problem)
	const script = shellWord(workFile(workDirectory, 'fetchWal'))
	// PostgreSQL replaces %f and %p before the shell sees the command; every other % must be doubled, and from 16 on a lone one is an error.
	return `/bin/sh ${script.replaceAll('%', '%%')} %f %p`
}

function shellWord(text: string): string {
	return `'${text.replaceAll("'", "'\\''")}'`
}

/** The settings as postgresql.conf spells them, each value quoted. */
export function configFileText(settings: RestorePlan['settings']): string {
	const lines = settings.map(([name, value]) => `${name} = ${configWord(value)}\n`)
	return `# The whole configuration of a server restored by lastgood.\n${lines.join('')}`
}

/** Backslashes are escapes inside the quotes of postgresql.conf (guc-file.l), and a value ends with its line. */
function configWord(value: string): string {
	const escaped = value.replaceAll('\\', '\\\\').replaceAll("'", "''").replaceAll('\n', '\\n').replaceAll('\r', '\\r')
	return `'${escaped}'`
}

/**
 * Who may connect. There is no TCP, and the socket lies in a directory of mode 0700 that belongs to the server's account:
 * only that account and root get as far as asking. Every role that they name is theirs to take already, so a password
 * would protect nothing, and the passwords in the backup may be known to nobody at 03:00.
 */
export const hbaText = `# Only the account that runs this server, and root, can enter the directory of its socket.
local all all trust
`

/** No account is mapped to another role: trust asks for none. */
export const identText = '# Empty: the one line of pg_hba.conf maps nobody.\n'
