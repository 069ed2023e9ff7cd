import {homedir} from 'node:os'
import {setTimeout as sleep} from 'node:timers/promises'
import {instantAt} from '../domain/time.ts'
import type {World} from '../ports.ts'
import {createCodecs} from './codec/codecs.ts'
import {LocalHost} from './host.ts'
import {FileJournalStore, stateDirectory} from './journal-store.ts'
import {allLayouts} from './layout/layouts.ts'
import {LocalRestoreEngine} from './postgres/engine.ts'
import {createNameSource} from './postgres/names.ts'
import {findInstallations} from './postgres/programs.ts'
import {LocalRestoredSql} from './postgres/restored-sql.ts'
import {createWalReader} from './postgres/waldump.ts'
import {openStore} from './store/open.ts'

/** How the world is set up. */
export interface WorldOptions {
	readonly env: Readonly<Record<string, string | undefined>>
	/** `--pg-bin`: where PostgreSQL's programs are looked for first. */
	readonly pgBin?: string | undefined
	/** The damaged primary as libpq spells it; nobody is asked for names without one. */
	readonly primary?: string | undefined
	/** Where recoveries are recorded; the usual place of the environment when absent. */
	readonly state?: string | undefined
}

/** This machine, as operations see it. */
export function openWorld({env, pgBin, primary, state}: WorldOptions): World {
	const search = {env, pgBin}
	const codecs = createCodecs()
	let installations: ReturnType<typeof findInstallations> | undefined
	// Microseconds: entries of a journal that follow one another within a millisecond keep their order.
	const now = () => instantAt(BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)))
	return {
		now,
		pause: async (ms, signal) => {
			await sleep(ms, undefined, signal === undefined ? {} : {signal}).catch(() => {})
		},
		openStore: (location, access = {}) => openStore(location, access, env),
		layouts: allLayouts,
		codecs,
		wal: createWalReader({
			codecs,
			installations: () => {
				installations ??= findInstallations(search)
				return installations
			},
		}),
		names: createNameSource({conninfo: primary, now}),
		host: new LocalHost(search),
		engine: new LocalRestoreEngine({now}),
		sql: new LocalRestoredSql(),
		journals: new FileJournalStore(state ?? stateDirectory(env, homedir())),
	}
}
