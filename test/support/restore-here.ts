import {json} from 'node:stream/consumers'
import {setTimeout as sleep} from 'node:timers/promises'
import {LocalRestoreEngine} from '../../src/adapters/postgres/engine.ts'
import {LocalRestoredSql} from '../../src/adapters/postgres/restored-sql.ts'
import {planFromJson} from '../../src/domain/recovery/plan.ts'
import {instantOfMs} from '../../src/domain/time.ts'
import {formatLsn} from '../../src/domain/wal/lsn.ts'

/** Carries out the plan on standard input as whoever runs this, and prints where it held, what is there, and what was removed again. */
const reading = planFromJson(await json(process.stdin))
if (!reading.ok) throw new Error(reading.problem)
const {plan} = reading
const engine = new LocalRestoreEngine({now: () => instantOfMs(Date.now())})
await engine.createDirectories(plan)
await engine.copyBaseBackup(plan, () => {}, new AbortController().signal)
await engine.disarm(plan)
await engine.writeConfiguration(plan)
await engine.checkConfiguration(plan)
await engine.startServer(plan)
let held: string | undefined
while (held === undefined) {
	const {answers, processAlive, log} = await engine.observe(plan)
	if (!processAlive) throw new Error(log.join('\n'))
	if (answers?.pauseState === 'paused') held = formatLsn(answers.replayEndLsn)
	else await sleep(50)
}
const {rows} = await new LocalRestoredSql().ask(plan, 'postgres', 'select note from ledger order by id')
const removed = await engine.removeAll(plan)
process.stdout.write(JSON.stringify({uid: process.getuid?.(), held, notes: rows.flat(), removed}))
