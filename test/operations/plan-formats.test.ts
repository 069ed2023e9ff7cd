import {expect, test} from 'vitest'
import type {BackupFormat} from '../../src/domain/archive/survey.ts'
import {NoUsableBackupError} from '../../src/domain/errors.ts'
import {planRestore} from '../../src/operations/plan.ts'
import type {ArchiveStore, HostFacts, JournalStore} from '../../src/ports.ts'
import {backup, lsn, path, survey, utc} from '../support/builders.ts'
import {only} from './fakes.ts'

async function refusalOf(format: BackupFormat): Promise<unknown> {
	const surveyed = survey({backups: [backup({format})]})
	const store = only<ArchiveStore>('store', {kind: 'local'})
	const world = {
		now: () => utc('10:05:00'),
		host: only<HostFacts>('host', {}),
		journals: only<JournalStore>('journals', {}),
	}
	const target = {kind: 'lsn', lsn: lsn('0/5400070'), inclusive: false, timeline: 1} as const
	return planRestore(world, {store, survey: surveyed, storeOf: () => store}, path({of: surveyed}), {
		target: target as never,
		destination: '/restore/harbor',
	}).then(
		() => undefined,
		(error: unknown) => error,
	)
}

test.each([
	['pgbackrest', 'pgBackRest', 'pgbackrest restore --set=base-0401 --type=none'],
	['barman', 'Barman', 'barman recover'],
	['barman-cloud', 'barman-cloud', 'barman-cloud-restore'],
	['walg', 'WAL-G', 'wal-g backup-fetch'],
] as const)('a base backup that %s keeps is refused, with what puts it together', async (format, tool, command) => {
	const error = await refusalOf(format)
	expect(error).toBeInstanceOf(NoUsableBackupError)
	expect(error).toMatchObject({
		message: expect.stringContaining(`base backup base-0401 is kept by ${tool}`),
		whatToDo: [expect.stringContaining(command), expect.stringContaining('--backups')],
	})
})
