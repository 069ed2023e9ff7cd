import {describe, expect, test} from 'vitest'
import type {Survey} from '../../src/domain/archive/survey.ts'
import {
	ArchiveGapError,
	ArchiveUnreachableError,
	DataDirectoryOccupiedError,
	NoUsableBackupError,
	type OperatorError,
	ServerStillRunningError,
	TargetBeforeConsistencyError,
	TargetBeyondArchiveError,
	UsageError,
	WaldumpVersionMismatchError,
} from '../../src/domain/errors.ts'
import type {JournalEntry} from '../../src/domain/recovery/journal.ts'
import type {DecodedPath} from '../../src/domain/recovery/path.ts'
import type {RestorePlan} from '../../src/domain/recovery/plan.ts'
import {serverSettings} from '../../src/domain/recovery/settings.ts'
import type {RecoveryTarget} from '../../src/domain/recovery/target.ts'
import {restoreCommandSetting} from '../../src/domain/recovery/wal-feed.ts'
import {firstHistory, firstTimeline} from '../../src/domain/wal/timeline.ts'
import {type PlanRequest, planRestore} from '../../src/operations/plan.ts'
import type {ArchiveStore, HostFacts, JournalStore} from '../../src/ports.ts'
import {
	backup,
	beforeReleaseJob,
	boundary,
	commit,
	historyOf,
	lsn,
	morning,
	path,
	plan,
	prepare,
	restorePoint,
	segments,
	survey,
	timelineSummary,
	utc,
} from '../support/builders.ts'
import {memoryJournals, only} from './fakes.ts'

const controlData = {
	'max_connections setting': '100',
	'max_worker_processes setting': '8',
	'max_wal_senders setting': '10',
	'max_prepared_xacts setting': '0',
	'max_locks_per_xact setting': '64',
	'Database cluster state': 'in production',
}

/** A machine on which everything is right. */
const machine: Partial<HostFacts> = {
	serverUser: async () => ({name: 'postgres', uid: 105, gid: 113, home: '/var/lib/postgresql'}),
	destination: async wanted => ({state: 'absent', realPath: wanted, freeBytes: 1e12, holds: []}),
	unreachableFor: async () => undefined,
	unreadableFor: async () => undefined,
	freePort: async first => first,
	serverPrograms: async () => ({directory: '/usr/lib/postgresql/15/bin', version: '15.18'}),
	psql: async () => 'psql',
	superuserOf: async () => 'postgres',
	controlData: async () => controlData,
	socketDirectory: workDirectory => `${workDirectory}/socket`,
}

interface Planning {
	readonly survey?: Survey
	readonly path?: DecodedPath
	readonly request?: Partial<PlanRequest>
	readonly host?: Partial<HostFacts>
	readonly journals?: JournalStore
}

async function planning(given: Planning = {}): Promise<RestorePlan> {
	const surveyed = given.survey ?? survey()
	const world = {
		now: () => utc('10:05:00'),
		host: only<HostFacts>('host', {...machine, ...given.host}),
		journals: given.journals ?? memoryJournals(),
	}
	const store = only<ArchiveStore>('store', {})
	const opened = {store, survey: surveyed, storeOf: () => store}
	return planRestore(world, opened, given.path ?? path({of: surveyed}), {
		target: beforeReleaseJob,
		destination: '/restore/harbor',
		...given.request,
	})
}

async function refusal(given: Planning): Promise<OperatorError> {
	return planning(given).then(
		() => {
			throw new Error('it was not refused')
		},
		error => error,
	)
}

const byLsn = (text: string, inclusive = false): RecoveryTarget => ({
	kind: 'lsn',
	lsn: lsn(text),
	inclusive,
	timeline: firstTimeline,
})
const settingOf = ({settings}: RestorePlan, name: string) => settings.find(([setting]) => setting === name)?.[1]

describe('a plan', () => {
	test('is one value with everything that is decided', async () => {
		expect(await planning()).toEqual(plan())
	})

	test('carries what was reported', async () => {
		const incident = {typed: '09:41', at: utc('09:41:00'), zone: 'UTC'}
		expect((await planning({request: {incident}})).incident).toEqual(incident)
	})

	test('names itself by its second, and tells itself from another of the same second', async () => {
		const taken = {'r20260401-100500': [], 'r20260401-100500-2': []}
		expect((await planning({journals: memoryJournals([], taken)})).recovery).toBe('r20260401-100500-3')
		expect((await planning({request: {recovery: 'mine'}})).recovery).toBe('mine')
	})

	test('remembers that the destination was there, empty', async () => {
		const host: Partial<HostFacts> = {
			destination: async () => ({state: 'empty', realPath: '/mnt/big/harbor', freeBytes: 1e12, holds: []}),
		}
		expect(await planning({host})).toMatchObject({
			destination: '/mnt/big/harbor',
			destinationExisted: true,
			workDirectory: '/mnt/big/harbor.lastgood',
			socketDirectory: '/mnt/big/harbor.lastgood/socket',
		})
	})

	test('takes the port that is asked for if it is free, else the first free one from 54330 on', async () => {
		const freePort = async (first: number) => first + 3
		expect((await planning({host: {freePort}})).port).toBe(54333)
		expect((await planning({request: {port: 6000}, host: {portTaken: async () => false}})).port).toBe(6000)
	})

	test('lists the WAL up to the end of the record at which replay stops, and nothing beyond', async () => {
		const crossing = morning.map(one => (one.lsn === lsn('0/5400070') ? {...one, endLsn: lsn('0/6000050')} : one))
		expect((await planning({path: path({boundaries: crossing})})).wal).toMatchObject({
			segmentCount: 2,
			runs: [{firstSegment: '000000010000000000000005', lastSegment: '000000010000000000000006'}],
			replayBytes: 0x400048,
		})
	})

	test('that stops between boundaries lists the WAL up to the next one, which its stop cannot lie behind', async () => {
		const boundaries = [...morning, commit({lsn: '0/7000100', xid: 3780, at: '09:50:00'})]
		const between = await planning({path: path({boundaries}), request: {target: byLsn('0/5200000')}})
		expect(between.wal.segmentCount).toBe(1)
		const far = await planning({path: path({boundaries}), request: {target: byLsn('0/5800000')}})
		expect(far.wal.segmentCount).toBe(3)
		expect(far.stop).toMatchObject({lsn: lsn('0/5800000'), replayEndLsn: null})
	})

	test('opens the first timeline that has no history file: the server looks for nothing else', async () => {
		const branches = [
			timelineSummary(firstHistory),
			timelineSummary(historyOf(2, [1, '0/5800000'])),
			timelineSummary(historyOf(3, [1, '0/5900000'])),
			{...timelineSummary(historyOf(4, [1, '0/5A00000'])), historyFile: undefined},
			timelineSummary(historyOf(5, [1, '0/5B00000'])),
		]
		const its = {survey: survey({timelines: branches}), path: path()}
		expect((await planning(its)).newTimeline).toBe(4)
	})
})

describe('the target of a plan', () => {
	test.each<[RecoveryTarget, RestorePlan['target']['value'], readonly (readonly [string, string])[]]>([
		[
			{kind: 'xid', xid: 3770, inclusive: false, timeline: firstTimeline},
			'3770',
			[
				['recovery_target_xid', '3770'],
				['recovery_target_inclusive', 'off'],
			],
		],
		[
			{kind: 'time', at: utc('09:41:23.501967'), inclusive: false, timeline: firstTimeline},
			'2026-04-01 09:41:23.501967+00',
			[
				['recovery_target_time', '2026-04-01 09:41:23.501967+00'],
				['recovery_target_inclusive', 'off'],
			],
		],
		[
			{kind: 'restore-point', name: 'before maintenance', timeline: firstTimeline},
			'before maintenance',
			[['recovery_target_name', 'before maintenance']],
		],
		[{kind: 'immediate', timeline: firstTimeline}, 'immediate', [['recovery_target', 'immediate']]],
	])('of kind $kind is set as it was chosen', async (target, value, settings) => {
		const decided = await planning({request: {target}})
		expect(decided.target).toMatchObject({kind: target.kind, value})
		expect(decided.settings).toEqual(expect.arrayContaining(settings.map(setting => [...setting])))
	})

	test('at the end of the archive is the LSN of the last end of a transaction, kept', async () => {
		const decided = await planning({request: {target: {kind: 'latest', timeline: firstTimeline}}})
		expect(decided.target).toEqual({kind: 'latest', value: '0/57000A0', inclusive: false, timeline: 1})
		expect(decided.stop).toMatchObject({lsn: lsn('0/57000C8'), lastKept: {xid: 3772}, firstLost: null})
		expect(decided.lost).toEqual({commits: 0, untilAt: null, tables: []})
		expect(settingOf(decided, 'recovery_target_lsn')).toBe('0/57000A0')
		expect(settingOf(decided, 'recovery_target_inclusive')).toBe('on')
	})
})

describe('the base backup of a plan', () => {
	test('is the newest that is consistent before the stop, though the boundaries were decoded from an older one', async () => {
		const newer = backup({
			id: 'noon',
			startLsn: lsn('0/5210000'),
			stopLsn: lsn('0/5250000'),
			stoppedAt: utc('09:41:00'),
		})
		const surveyed = survey({backups: [backup(), newer]})
		expect((await planning({survey: surveyed, path: path({of: surveyed})})).backup).toMatchObject({
			id: 'noon',
			why: 'the newest that is consistent before the stop: the least WAL to replay',
			consistentLsn: lsn('0/5250000'),
			rejected: [{id: 'base-0401', why: 'noon is newer and leaves less WAL to replay'}],
		})
	})

	test('is not one that was still being taken at the stop', async () => {
		const newer = backup({
			id: 'noon',
			startLsn: lsn('0/5210000'),
			stopLsn: lsn('0/5500000'),
			stoppedAt: utc('09:42:00'),
		})
		const surveyed = survey({backups: [backup(), newer]})
		expect((await planning({survey: surveyed, path: path({of: surveyed})})).backup).toMatchObject({
			id: 'base-0401',
			rejected: [{id: 'noon', why: 'it is consistent only from 0/5500000, after the stop at 0/5400070'}],
		})
	})
})

describe('the required settings', () => {
	const changed = (at: string, settings: Readonly<Record<string, number>>) => ({
		lsn: lsn(at),
		settings,
		walLevel: 'replica',
	})
	const changes = [
		changed('0/5110000', {max_connections: 250, max_wal_senders: 4}),
		changed('0/5120000', {max_connections: 150, max_prepared_transactions: 20}),
		changed('0/5500000', {max_connections: 900, max_locks_per_transaction: 512}),
	]
	const raised = path({wal: {facts: {...path().wal.facts, parameterChanges: changes}}})

	test('are the highest of the base backup and of the changes before the stop', async () => {
		const host: Partial<HostFacts> = {
			controlData: async () => ({
				...controlData,
				'max_worker_processes setting': '24',
				'max_locks_per_xact setting': '128',
			}),
		}
		const {settings} = await planning({path: raised, host})
		expect(settings).toEqual(
			serverSettings({
				recovery: 'r20260401-100500',
				target: beforeReleaseJob,
				postgresMajor: 15,
				workDirectory: '/restore/harbor.lastgood',
				socketDirectory: '/restore/harbor.lastgood/socket',
				port: 54330,
				restoreCommand: restoreCommandSetting('/restore/harbor.lastgood'),
				required: {
					max_connections: 250,
					max_worker_processes: 24,
					max_wal_senders: 10,
					max_prepared_transactions: 20,
					max_locks_per_transaction: 128,
				},
			}).map(setting => [...setting]),
		)
	})

	test('count a change at which an inclusive target stops: it is applied', async () => {
		const at = (inclusive: boolean) => planning({path: raised, request: {target: byLsn('0/5500000', inclusive)}})
		// A commit stands at 0/5500080: the change before it is what the LSN names.
		expect(settingOf(await at(true), 'max_connections')).toBe('900')
		expect(settingOf(await at(false), 'max_connections')).toBe('250')
	})

	test('leave out what the control data does not tell', async () => {
		const {settings} = await planning({host: {controlData: async () => ({})}})
		expect(settings).toContainEqual(['max_connections', '100'])
	})
})

describe('the findings of a plan', () => {
	test('warn of overflowed subtransactions on its path, and of no others', async () => {
		const at = (...places: readonly string[]) =>
			planning({path: path({wal: {facts: {...path().wal.facts, subtransactionOverflows: places.map(lsn)}}})})
		expect((await at('0/5000030', '0/5200000')).findings).toMatchObject([
			{
				code: 'subxact-overflow',
				severity: 'warning',
				message:
					'at 0/5000030 a transaction had more than 64 subtransactions: hot standby, and with it the pause at the target, may not be possible',
			},
		])
		expect((await at('0/5500000')).findings).toEqual([])
	})

	test('warn of what stays prepared at the stop', async () => {
		const boundaries = [...morning, prepare('settle\n42', {lsn: '0/5210000'})]
		const decided = await planning({path: path({boundaries})})
		expect(decided.preparedInDoubt).toEqual(['settle\n42'])
		expect(decided.findings).toMatchObject([
			{
				code: 'prepared-in-doubt',
				message: '1 prepared transaction in doubt at the target, holding locks after promotion: "settle\\n42"',
			},
		])
	})
})

describe('the estimate of a plan', () => {
	const earlier = (recovery: string): readonly JournalEntry[] => [
		{event: 'planned', at: utc('08:00:00'), plan: plan({recovery})},
		{event: 'step-started', at: utc('08:00:00'), step: 'copy-base-backup'},
		{event: 'step-finished', at: utc('08:00:01'), step: 'copy-base-backup', notes: []},
		{event: 'step-started', at: utc('08:00:01'), step: 'replay'},
		{event: 'step-finished', at: utc('08:00:02'), step: 'replay', notes: []},
	]

	test('rests on the last five recoveries of this machine', async () => {
		const known = Object.fromEntries(Array.from({length: 7}, (_, index) => [`r${index}`, earlier(`r${index}`)]))
		expect((await planning({journals: memoryJournals([], known)})).estimate).toEqual({
			copyMs: 1000,
			replayMs: 1000,
			totalMs: 4000,
			lowMs: 1000,
			highMs: 8000,
			basis: 'paces of 5 earlier recoveries on this machine',
		})
	})

	test('does without a journal that is damaged', async () => {
		const journals = memoryJournals([], {r1: earlier('r1'), r2: []})
		const damaged: JournalStore = {
			...journals,
			read: async recovery => {
				if (recovery === 'r2') throw new Error('it is cut')
				return journals.read(recovery)
			},
		}
		expect((await planning({journals: damaged})).estimate.basis).toBe('paces of 1 earlier recovery on this machine')
	})
})

describe('a plan that cannot succeed is refused', () => {
	const created = (at: string) => ({
		...path().wal.facts,
		tablespacesCreated: [{lsn: lsn(at), path: '/srv/pg/fast\n'}],
	})
	const noBackup = survey({backups: []})
	const unusable = survey({
		backups: [
			backup({id: 'monday', whyNot: 'its WAL is missing'}),
			backup({id: 'tuesday', whyNot: 'it is of PostgreSQL 14, the WAL of 15'}),
		],
	})
	const holed = survey({segments: segments('1:5-5', '1:7-7')})
	const occupied = (holds: readonly string[]): Partial<HostFacts> => ({
		destination: async wanted => ({state: 'occupied', realPath: wanted, freeBytes: 1e12, holds}),
	})
	const at = (realPath: string): Partial<HostFacts> => ({
		destination: async () => ({state: 'absent', realPath, freeBytes: 1e12, holds: []}),
	})

	test.each<[string, Planning, new (...args: never[]) => OperatorError, string, readonly string[]]>([
		[
			'without a base backup',
			{survey: noBackup, path: path({of: noBackup, backup: undefined})},
			NoUsableBackupError,
			'no base backup was found in /archive',
			[
				'name the folder that holds the base backups: --backups <folder>',
				'without a base backup the WAL alone cannot be restored',
			],
		],
		[
			'without a usable base backup, each with its reason',
			{survey: unusable, path: path({of: unusable, backup: undefined})},
			NoUsableBackupError,
			'none of the 2 base backups in /archive can start a recovery: monday: its WAL is missing; tuesday: it is of PostgreSQL 14, the WAL of 15',
			['lastgood survey shows what is wrong with each', 'name another folder of base backups: --backups <folder>'],
		],
		[
			'before the backup is consistent',
			{request: {target: byLsn('0/5000060')}},
			TargetBeforeConsistencyError,
			'LSN 0/5000060, exclusive stops at 0/5000060, before the base backup is consistent at 0/5000138',
			[
				'the nearest stop that works: --after 0/5100028 (xid 3764)',
				'an older base backup than base-0401 would reach it, if there is one: --backups <folder>',
			],
		],
		[
			'after the end of the archive',
			{request: {target: byLsn('0/9000000')}},
			TargetBeyondArchiveError,
			'nothing in the archived WAL, which ends at 0/7FFF040, is a stop for LSN 0/9000000, exclusive',
			[
				'the nearest stop that works: --after 0/57000A0 (xid 3772)',
				'the primary may not have archived its last segment yet: SELECT pg_switch_wal() on it, if it may be touched',
			],
		],
		[
			'at a restore point that was never made',
			{request: {target: {kind: 'restore-point', name: 'noon', timeline: firstTimeline}}},
			TargetBeyondArchiveError,
			'nothing in the archived WAL, which ends at 0/7FFF040, is a stop for restore point "noon"',
			['the nearest stop that works: --after 0/57000A0 (xid 3772)', 'lastgood boundaries lists what is there'],
		],
		[
			'at the end of an archive that holds no transaction',
			{
				path: path({boundaries: [restorePoint('alone', {lsn: '0/5200000'})]}),
				request: {target: {kind: 'latest', timeline: firstTimeline}},
			},
			TargetBeyondArchiveError,
			'the archived WAL after the base backup holds no transaction',
			['choose the target `--immediate`'],
		],
		[
			'behind a hole in the archive',
			{
				survey: holed,
				path: path({of: holed, boundaries: morning, wal: {lastLsn: lsn('0/5FFF000'), endLsn: lsn('0/5FFF040')}}),
				request: {target: byLsn('0/7000100')},
			},
			ArchiveGapError,
			'nothing in the archived WAL, which ends at 0/5FFF040, is a stop for LSN 0/7000100, exclusive; 1 WAL segment(s) are missing from the archive, the first is 000000010000000000000006',
			[
				'look for 000000010000000000000006 in pg_wal of the old primary and of every standby, and copy it into the archive',
				'or choose a target before 0/6000000, the last position replay can reach',
				'the nearest stop that works: --after 0/57000A0 (xid 3772)',
			],
		],
		[
			'where the stop is known and the WAL up to it is not whole any more',
			{
				survey: holed,
				path: path({boundaries: [...morning, commit({lsn: '0/7000100', xid: 3780})]}),
				request: {target: byLsn('0/7000100')},
			},
			ArchiveGapError,
			'1 WAL segment(s) missing from the archive, the first is 000000010000000000000006',
			[
				'look for 000000010000000000000006 in pg_wal of the old primary and of every standby, and copy it into the archive',
				'or choose a target before 0/6000000, the last position replay can reach',
			],
		],
		[
			'where the record of the stop is not archived to its end',
			{
				survey: survey({segments: segments('1:5-5')}),
				path: path({boundaries: [...morning, commit({lsn: '0/5FFFFF0', endLsn: '0/6000040', xid: 3780})]}),
				request: {target: byLsn('0/5FFFFF0')},
			},
			TargetBeyondArchiveError,
			'the target needs WAL up to 0/6000040, and the archive ends at 0/6000000',
			['wait until the segment is archived, or choose an earlier target'],
		],
		[
			'where replay would run CREATE TABLESPACE',
			{path: path({wal: {facts: created('0/5200000')}})},
			NoUsableBackupError,
			'replaying from base-0401 would run CREATE TABLESPACE at 0/5200000, which links to "/srv/pg/fast\\n": on the primary’s own host that overwrites live files',
			['choose a target before 0/5200000', 'or a base backup that was taken after the tablespace was created'],
		],
		[
			'where an inclusive target names CREATE TABLESPACE itself',
			{path: path({wal: {facts: created('0/5380000')}}), request: {target: byLsn('0/5380000', true)}},
			NoUsableBackupError,
			'replaying from base-0401 would run CREATE TABLESPACE at 0/5380000, which links to "/srv/pg/fast\\n": on the primary’s own host that overwrites live files',
			['choose a target before 0/5380000', 'or a base backup that was taken after the tablespace was created'],
		],
		[
			'into a folder that is not empty',
			{host: occupied(['PG_VERSION', 'base', 'global', 'pg_wal', 'postgresql.conf'])},
			DataDirectoryOccupiedError,
			'the destination /restore/harbor is not empty: it holds PG_VERSION, base, global and 2 more',
			['choose an empty folder or one that does not exist yet', 'lastgood never overwrites a data directory'],
		],
		[
			'into the archive, by whatever name',
			{host: at('/archive/restored')},
			DataDirectoryOccupiedError,
			'the destination /restore/harbor lies inside /archive, which is only ever read',
			['choose a folder outside the archive and the base backups'],
		],
		[
			'into a base backup',
			{host: at('/backups/base-0401')},
			DataDirectoryOccupiedError,
			'the destination /restore/harbor lies inside /backups/base-0401, which is only ever read',
			['choose a folder outside the archive and the base backups'],
		],
		[
			'onto a file system that is too small',
			{host: {destination: async wanted => ({state: 'absent', realPath: wanted, freeBytes: 50_000_000, holds: []})}},
			DataDirectoryOccupiedError,
			'/restore/harbor has 50000000 bytes free, and the restore needs 108108864',
			['choose a destination on a larger file system', 'or free 58108864 bytes there'],
		],
		[
			'into a folder named from somewhere',
			{request: {destination: 'restore/harbor'}},
			UsageError,
			'the destination "restore/harbor" is not an absolute path',
			['type it from the root: /…'],
		],
		[
			'into a folder with a line break in its name',
			{request: {destination: '/restore/har\nbor'}},
			UsageError,
			'"/restore/har\\nbor" has a line break in its name',
			['choose another folder'],
		],
		[
			'where the server’s account cannot get',
			{host: {unreachableFor: async user => `${user.name} may not enter /root`}, request: {destination: '/root/x'}},
			UsageError,
			'postgres, who will run the restored server, cannot reach /root/x: postgres may not enter /root',
			['choose a destination below folders that this account may enter, such as /var/lib/postgresql or /srv'],
		],
		[
			'on a port that is in use',
			{request: {port: 5432}, host: {portTaken: async () => true}},
			ServerStillRunningError,
			'port 5432 is in use on this machine',
			['choose another: --port <number>', 'or leave --port out and a free one is taken'],
		],
		[
			'from an archive that the server’s account cannot read',
			{host: {unreadableFor: async (user, where) => `${user.name} may not read ${where}`}},
			ArchiveUnreachableError,
			'postgres, who will run the restored server, cannot read the archive: postgres may not read /archive/000000010000000000000005',
			[
				'let postgres read /archive',
				'or make the destination folder beforehand, owned by an account that can: the server runs as its owner',
			],
		],
		[
			'without the programs of its version',
			{
				host: {
					serverPrograms: () =>
						Promise.reject(new WaldumpVersionMismatchError('only programs of 15 can restore it', ['install them'])),
				},
			},
			WaldumpVersionMismatchError,
			'only programs of 15 can restore it',
			['install them'],
		],
	])('%s', async (_, given, errorClass, message, whatToDo) => {
		const error = await refusal(given)
		expect(error).toBeInstanceOf(errorClass)
		expect(error.message).toBe(message)
		expect(error.whatToDo).toEqual(whatToDo)
	})

	test('where CREATE TABLESPACE stands behind the stop it is not', async () => {
		for (const place of ['0/5400070', '0/5400098', '0/5500000'])
			expect((await planning({path: path({wal: {facts: created(place)}})})).stop.lsn).toBe(lsn('0/5400070'))
		const exclusive = {path: path({wal: {facts: created('0/5380000')}}), request: {target: byLsn('0/5380000')}}
		expect((await planning(exclusive)).stop.lsn).toBe(lsn('0/5380000'))
	})

	test('where CREATE TABLESPACE stands before the base backup that is taken it is not', async () => {
		const newer = backup({
			id: 'noon',
			startLsn: lsn('0/5210000'),
			stopLsn: lsn('0/5250000'),
			stoppedAt: utc('09:41:00'),
		})
		const surveyed = survey({backups: [backup(), newer]})
		const its = path({of: surveyed, wal: {facts: created('0/5200000')}})
		expect((await planning({survey: surveyed, path: its})).backup.id).toBe('noon')
	})

	test('before anything is looked at on the machine, where the archive alone decides it', async () => {
		const silent: Partial<HostFacts> = Object.fromEntries(
			Object.keys(machine).map(call => [
				call,
				() => {
					throw new Error(`host.${call} was not expected`)
				},
			]),
		)
		const error = await refusal({host: silent, request: {target: byLsn('0/9000000')}})
		expect(error).toBeInstanceOf(TargetBeyondArchiveError)
	})

	test('where damage ends the decoding, in the words of that damage', async () => {
		const damaged = path({
			warnings: ['000000010000000000000006 is damaged at 0/6000100'],
			boundaries: [...morning, boundary({lsn: '0/57800A0', xid: 3774})],
			wal: {lastLsn: lsn('0/6000000'), endLsn: lsn('0/6000100')},
		})
		const error = await refusal({path: damaged, request: {target: byLsn('0/7000000')}})
		expect(error).toBeInstanceOf(ArchiveGapError)
		expect(error.message).toBe(
			'nothing in the archived WAL, which ends at 0/6000100, is a stop for LSN 0/7000000, exclusive; 000000010000000000000006 is damaged at 0/6000100',
		)
	})
})
