import {readdir, readFile} from 'node:fs/promises'
import {join} from 'node:path'
import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi} from 'vitest'
import {createCodecs} from '../../src/adapters/codec/codecs.ts'
import {findInstallations} from '../../src/adapters/postgres/programs.ts'
import {createWalReader} from '../../src/adapters/postgres/waldump.ts'
import {run} from '../../src/adapters/process.ts'
import {surveyToJson} from '../../src/domain/archive/survey-json.ts'
import {decodePath} from '../../src/operations/find.ts'
import {planRestore} from '../../src/operations/plan.ts'
import {surveyArchive} from '../../src/operations/survey.ts'
import type {World} from '../../src/ports.ts'
import {type ObjectStorage, objectStorage, whyNoObjectStorage} from '../support/object-storage.ts'
import {type ServerTestFolder, serverTestFolder} from '../support/postgres.ts'
import {type RestorableCluster, restorableCluster, segmentBytes} from '../support/restorable.ts'
import {type S3Proxy, startS3Proxy} from '../support/s3-proxy.ts'
import {openTestWorld} from '../support/world.ts'

const program = join(import.meta.dirname, '../../dist/lastgood.js')
const lacking = whyNoObjectStorage()

describe('a real archive with its base backup in a bucket', () => {
	let folder: ServerTestFolder
	let source: RestorableCluster
	let storage: ObjectStorage
	let bucket: string
	let proxy: S3Proxy
	let world: World

	beforeAll(async () => {
		if (lacking !== undefined) return
		storage = await objectStorage()
		folder = await serverTestFolder()
		source = await restorableCluster(folder)
		for (let megabytes = 0; megabytes < 12; megabytes += 1) {
			await source.commit(`commit ${megabytes}`)
			await source.primary.query("insert into ledger (note) select repeat('x', 1000) from generate_series(1, 800)")
		}
		await source.archiveAll()
		bucket = await storage.createBucket(['list', 'get'])
		await storage.putAll(bucket, await filesBelow(source.archive, 'harbor/wal/'))
		await storage.putAll(bucket, await filesBelow(source.backup, 'harbor/base/nightly/'))
	})
	afterAll(() => folder?.remove())

	beforeEach(async context => {
		if (lacking !== undefined) return context.skip(lacking)
		vi.stubEnv('AWS_CONFIG_FILE', '/nonexistent/config')
		vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/nonexistent/credentials')
		vi.stubEnv('AWS_ACCESS_KEY_ID', storage.reader.id)
		vi.stubEnv('AWS_SECRET_ACCESS_KEY', storage.reader.secret)
		proxy = await startS3Proxy(storage.endpoint)
		world = openTestWorld({stateDirectory: join(folder.path, 'state')})
	})
	afterEach(async () => {
		vi.unstubAllEnvs()
		await proxy?.close()
	})

	const inBucket = () => ({location: `s3://${bucket}/harbor`, endpoint: proxy.endpoint})
	const onDisk = () => ({archive: source.archive, backups: [source.backup]})

	test('is surveyed as the same archive on a disk is', async () => {
		const {survey} = await surveyArchive(world, inBucket())
		const {survey: same} = await surveyArchive(world, onDisk())
		expect(survey).toMatchObject({store: 's3', layout: 'plain', location: `s3://${bucket}/harbor`})
		expect(survey.cluster).toEqual(same.cluster)
		expect(survey.segments.map(({name}) => name)).toEqual(same.segments.map(({name}) => name))
		expect(survey.coverage.map(({fromAt, toAt, fromLsn, toLsn}) => [fromAt, toAt, fromLsn, toLsn])).toEqual(
			same.coverage.map(({fromAt, toAt, fromLsn, toLsn}) => [fromAt, toAt, fromLsn, toLsn]),
		)
		expect(survey.coverage[0]?.toAt).toBeDefined()
		expect(survey.findings).toEqual(same.findings)
		expect(survey.backups).toMatchObject([
			{
				id: 'nightly',
				location: `s3://${bucket}/harbor/base/nightly`,
				startLsn: same.backups[0]?.startLsn,
				stopLsn: same.backups[0]?.stopLsn,
				bytes: same.backups[0]?.bytes,
				whyNot: undefined,
			},
		])
	})

	test('takes of each segment the first bytes, and few requests at once', async () => {
		proxy.latencyMs = 300
		await surveyArchive(world, inBucket())
		const segments = proxy.requests.filter(
			({path, range}) => /harbor\/wal\/[0-9A-F]{24}\?/.test(path) && range !== undefined,
		)
		expect(new Set(segments.map(({path}) => path)).size).toBe((await source.segments()).length)
		expect(new Set(segments.map(({range}) => range))).toEqual(new Set(['bytes=0-511']))
		expect(proxy.mostAtOnce).toBeGreaterThan(4)
		expect(proxy.mostAtOnce).toBeLessThanOrEqual(16)
	})

	test('is decoded to the same commits, names of segments and all', async () => {
		const ofBucket = await decodePath(world, await surveyArchive(world, inBucket()), {})
		const ofDisk = await decodePath(world, await surveyArchive(world, onDisk()), {})
		expect(ofBucket.wal.boundaries.length).toBeGreaterThan(12)
		expect(ofBucket.wal).toEqual(ofDisk.wal)
		expect(ofBucket.warnings).toEqual(ofDisk.warnings)
	})

	test('is decoded also where connections break, and where the server is asked too often', async () => {
		const opened = await surveyArchive(world, inBucket())
		const undisturbed = await decodePath(world, opened, {})
		let count = 0
		const everyThird = ({method}: {readonly method: string}) => method === 'GET' && ++count % 3 === 0
		proxy.fail(everyThird, {kind: 'cut', afterBytes: 300_000}, 6)
		proxy.fail(({method}) => method === 'GET', {kind: 'error', status: 503, code: 'SlowDown'}, 2)
		expect((await decodePath(world, opened, {})).wal).toEqual(undisturbed.wal)
	})

	test('lies on this machine a few segments at a time while it is decoded', async () => {
		const temporaryDirectory = join(folder.path, 'temporary')
		await run('mkdir', ['-p', temporaryDirectory])
		const reader = createWalReader({
			codecs: createCodecs(),
			installations: () => findInstallations({env: process.env}),
			batchBytes: 2 * segmentBytes,
			temporaryDirectory,
		})
		const opened = await surveyArchive(world, inBucket())
		const {survey, store} = opened
		let most = 0
		const dump = await reader.dump({
			store,
			postgresMajor: survey.cluster.postgresMajor,
			walSegmentBytes: survey.cluster.walSegmentBytes,
			segments: survey.segments,
		})
		for await (const _text of dump.text) {
			const [own = ''] = await readdir(temporaryDirectory)
			most = Math.max(most, (await readdir(join(temporaryDirectory, own))).length)
		}
		expect((await dump.ended).exitCode).not.toBeNull()
		expect(survey.segments.length).toBeGreaterThan(10)
		expect(most).toBeGreaterThan(0)
		expect(most).toBeLessThanOrEqual(6)
		expect(await readdir(temporaryDirectory)).toEqual([])
	})

	test('is not restored from yet, and the plan says so before it looks at anything', async () => {
		const opened = await surveyArchive(world, inBucket())
		const path = await decodePath(world, opened, {})
		const boundary = path.wal.boundaries.at(-2)
		if (boundary === undefined) throw new Error('there are no commits')
		const plan = planRestore(world, opened, path, {
			target: {kind: 'lsn', lsn: boundary.lsn, inclusive: false, timeline: path.history.timeline},
			destination: join(folder.path, 'restored'),
		})
		await expect(plan).rejects.toMatchObject({
			code: 'usage',
			message: expect.stringContaining('restores from folders of this machine only'),
			whatToDo: [expect.stringContaining(`aws s3 sync s3://${bucket}/harbor`), expect.any(String)],
		})
	})

	test('is surveyed and listed by the program itself, which writes nothing to the bucket', async () => {
		const before = (await storage.requests(bucket)).length
		const env = {
			AWS_ACCESS_KEY_ID: storage.reader.id,
			AWS_SECRET_ACCESS_KEY: storage.reader.secret,
			AWS_CONFIG_FILE: '/nonexistent/config',
		}
		const lastgood = (...args: readonly string[]) =>
			run(process.execPath, [program, ...args, '--endpoint', storage.endpoint, '--json'], {env})
		const surveyed = await lastgood('survey', `s3://${bucket}/harbor`)
		expect(surveyed.stderr).toBe('')
		const {survey} = await surveyArchive(world, {
			archive: `s3://${bucket}/harbor/wal`,
			backups: [`s3://${bucket}/harbor/base`],
			endpoint: storage.endpoint,
		})
		const told = JSON.parse(surveyed.stdout)
		expect(told.source).toEqual({location: `s3://${bucket}/harbor`, layout: 'plain', store: 's3'})
		expect(told.coverage).toEqual(JSON.parse(JSON.stringify(surveyToJson(survey))).coverage)
		expect(surveyed.exitCode).toBe(0)

		const around = told.coverage[0].toAt
		const listed = await lastgood('boundaries', `s3://${bucket}/harbor`, '--around', around)
		expect(listed.exitCode).toBe(0)
		expect(JSON.parse(listed.stdout).boundaries.length).toBeGreaterThan(12)

		const asked = (await storage.requests(bucket)).slice(before)
		expect(asked.length).toBeGreaterThan(20)
		expect(asked.filter(({account}) => account !== 'reader')).toEqual([])
		expect(asked.filter(({method, status}) => !['GET', 'HEAD'].includes(method) || status >= 400)).toEqual([])
	})

	test('a segment that was removed between listing and reading is a gap, not a failure', async () => {
		const [, , gone = ''] = await source.segments()
		const key = `harbor/wal/${gone}`
		const other = await storage.createBucket(['list', 'get'])
		await storage.putAll(other, await filesBelow(source.archive, 'harbor/wal/'))
		const open: World = {
			...world,
			openStore: (location, access) => {
				const store = world.openStore(location, access)
				return {
					...store,
					async *list(prefix, signal) {
						yield* store.list(prefix, signal)
						await storage.remove(other, key)
					},
				}
			},
		}
		const {survey} = await surveyArchive(open, {location: `s3://${other}/harbor`, endpoint: proxy.endpoint})
		expect(survey.findings.map(({code}) => code)).toContain('archive-gap')
		expect(survey.segments.map(({name}) => name)).not.toContain(gone)
	})
})

async function filesBelow(folder: string, prefix: string): Promise<(readonly [string, Uint8Array])[]> {
	const entries = await readdir(folder, {recursive: true, withFileTypes: true})
	return Promise.all(
		entries
			.filter(entry => entry.isFile())
			.map(async entry => {
				const path = join(entry.parentPath, entry.name)
				return [`${prefix}${path.slice(folder.length + 1)}`, await readFile(path)] as const
			}),
	)
}
