import {access, mkdir, mkdtemp, readdir, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import {fileURLToPath} from 'node:url'
import {serverUserFor} from '../../src/adapters/os-user.ts'
import {stopServersIn} from '../../src/demo/cluster.ts'
import {primaryConninfo} from '../../src/demo/demo.ts'
import {buildHarborPoint, cleanHarborPoint, type HarborPoint} from '../../src/demo/harbor-point.ts'
import {testInstallation} from '../support/postgres.ts'
import {type PtyProgram, startOnPty} from '../support/pty.ts'
import {writePng} from './render-png.ts'

/**
 * Pictures of every screen, from a real recovery of a real Harbor Point, carried out with keys on a real terminal. What is
 * drawn is what xterm makes of the bytes that the program sent.
 */

interface Look {
	readonly columns: number
	readonly rows: number
	readonly colour: boolean
	/** Only these pictures; all of them when absent. */
	readonly only?: ReadonlySet<string>
}

const looks: readonly Look[] = [
	{columns: 140, rows: 40, colour: true},
	{columns: 80, rows: 24, colour: true},
	{columns: 80, rows: 24, colour: false, only: new Set(['04-boundaries-ranked', '06-target', '14-plan-refused'])},
]

const program = fileURLToPath(new URL('../../dist/lastgood.js', import.meta.url))
const pictures = fileURLToPath(new URL('../../screenshots/', import.meta.url))
/** Seen in the pictures, so it has a plain name; never one that is there already. */
const folder = join(tmpdir(), 'harbor-point')

const installation = await testInstallation()
const serverUser = await serverUserFor(folder)
await refuseIfThere(folder)
const settings = await mkdtemp(join(tmpdir(), 'lastgood-settings-'))
let point: HarborPoint | undefined
try {
	point = await buildHarborPoint({
		folder,
		installation,
		serverUser,
		// Enough for the copy and the replay to be seen at work.
		reservations: 60_000,
		onStep: text => process.stderr.write(`${text}\n`),
	})
	await mkdir(pictures, {recursive: true})
	for (const name of await readdir(pictures)) if (name.endsWith('.png')) await rm(join(pictures, name))
	for (const look of looks) {
		await recover(point, look)
		await stopServersIn(join(folder, 'restored'), () => {})
		for (const made of ['restored', 'restored.lastgood', 'state']) {
			await rm(join(folder, made), {recursive: true, force: true})
		}
	}
} finally {
	if (point !== undefined) await cleanHarborPoint(folder, () => {})
	await rm(settings, {recursive: true, force: true})
}

/** Goes through the recovery from the first screen to the last, and draws each on the way. */
async function recover({archive, backups, report, ...harbor}: HarborPoint, look: Look): Promise<void> {
	const {columns, rows, colour, only} = look
	const pty = startOnPty(
		process.execPath,
		[
			program,
			...['--archive', archive, '--backups', backups],
			...['--primary', primaryConninfo({archive, backups, report, ...harbor})],
			...['--to', join(folder, 'restored'), '--state', join(folder, 'state')],
		],
		{
			columns,
			rows,
			env: {
				XDG_CONFIG_HOME: settings,
				// Where it is set, to whatever, chalk draws neither colour nor bold.
				CI: undefined,
				FORCE_COLOR: colour ? '1' : undefined,
				NO_COLOR: colour ? undefined : '1',
			},
		},
	)
	const {waitFor, waitUntilGone, press, type} = pty
	const picture = async (name: string): Promise<void> => {
		if (only?.has(name) === false) return
		await settled(pty)
		await draw(name)
	}
	const draw = async (name: string): Promise<void> => {
		if (only?.has(name) === false) return
		const file = `${name}-${columns}x${rows}${colour ? '' : '-no-color'}.png`
		await writePng(pty.terminal, join(pictures, file))
		process.stderr.write(`${file}\n`)
	}
	try {
		await waitFor('✔ recoverable up to')
		await picture('01-survey')
		press('enter')
		await waitFor('When did it go wrong?')
		type(`today ${report.at.slice(11, 19)} UTC`)
		await waitFor(report.at.replace('Z', '.000000Z'))
		await picture('02-incident')
		press('enter')
		await waitFor('table names: live primary')
		await picture('03-boundaries')
		press('r')
		await waitFor('most destructive first')
		await picture('04-boundaries-ranked')
		press('d')
		await waitFor(/suspicion +(! )?1\./)
		await picture('05-boundaries-detail')
		press('?')
		await waitFor('close the help')
		await picture('13-help')
		press('escape')
		await waitUntilGone('close the help')
		press('d', 'enter')
		await waitFor('Where should replay stop?')
		await picture('06-target')
		press('enter')
		await waitFor('In short')
		await planRefused(pty, () => picture('14-plan-refused'))
		await picture('07-plan')
		if (only !== undefined) return
		press('enter')
		await waitFor('type restored to start')
		type('restored')
		await picture('08-confirm')
		press('enter')
		// These two last for a moment only: drawn as they are when they first show this.
		await waitFor(/ [4-8]\d %/)
		await draw('09-restore-copying')
		await waitFor(/commit clock\s+\d{4}-/)
		await draw('09-restore-replaying')
		await waitFor('data checksums')
		press('s')
		await waitFor('Enter ask')
		type('select issuer, status, count(*), sum(quantity) from bond_reservations group by 1, 2 order by 1, 2')
		press('enter')
		await waitFor(/CA-MUNI +open/)
		await picture('10-inspect')
		press('escape')
		await waitFor('Enter decide')
		press('enter')
		await waitFor('What becomes of the restored server?')
		press('up')
		await waitFor('❯ promote')
		press('enter')
		await waitFor('type promote')
		type('promote')
		await picture('11-decide')
		press('enter')
		await waitFor('# Runbook of recovery')
		await picture('12-runbook')
	} finally {
		pty.kill('SIGTERM')
		await pty.ended
	}
}

/** Plans for a destination that somebody else's files are in, and back to the one that is free. */
async function planRefused({press, type, waitFor}: PtyProgram, draw: () => Promise<void>): Promise<void> {
	const occupied = join(folder, 'restored-last-week')
	await mkdir(occupied, {recursive: true})
	await writeFile(join(occupied, 'PG_VERSION'), '15\n')
	press('e', 'ctrl+u')
	type(occupied)
	press('enter')
	await waitFor('is not empty')
	await draw()
	press('e', 'ctrl+u')
	type(join(folder, 'restored'))
	press('enter')
	await waitFor('In short')
}

/** Waits until nothing has been drawn for a moment. */
async function settled(pty: PtyProgram): Promise<void> {
	for (let sent = -1; sent !== pty.sent().length; ) {
		sent = pty.sent().length
		await sleep(250)
	}
}

async function refuseIfThere(path: string): Promise<void> {
	const there = await access(path).then(
		() => true,
		() => false,
	)
	if (!there) return
	process.stderr.write(`${path} is there already: remove it first, the pictures are made in it\n`)
	process.exit(1)
}
