import {existsSync} from 'node:fs'
import {appendFile, mkdir, readFile, rm, writeFile} from 'node:fs/promises'
import {createServer} from 'node:net'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import {
	CreateBucketCommand,
	DeleteObjectCommand,
	PutBucketPolicyCommand,
	PutObjectCommand,
	S3Client,
} from '@aws-sdk/client-s3'
import {inject} from 'vitest'
import {run, startDetached} from '../../src/adapters/process.ts'
import {mapConcurrently} from '../../src/operations/concurrently.ts'

declare module 'vitest' {
	interface ProvidedContext {
		/** Where the object storage of this test run lies, and whose end is its end too. */
		objectStorage: {readonly folder: string; readonly ownerPid: number}
	}
}

/** Keys of an account of the object storage. */
export interface StorageKeys {
	readonly id: string
	readonly secret: string
}

/** A request as the server itself recorded it. */
export interface RecordedRequest {
	readonly account: string
	readonly method: string
	readonly path: string
	readonly status: number
	/** The range that was asked for, `-` without one. */
	readonly range: string
}

/** What the account that only reads may do in a bucket. */
export type Grant = 'list' | 'get'

/** A real S3 server: Ceph's RADOS Gateway on this machine, its objects in memory. */
export interface ObjectStorage {
	readonly endpoint: string
	/** Owns what tests put there. */
	readonly writer: StorageKeys
	/** Has the rights that a bucket grants it, and no others. */
	readonly reader: StorageKeys
	/** Makes an empty bucket of a name that no other has. */
	createBucket(grants?: readonly Grant[]): Promise<string>
	put(bucket: string, key: string, content: Uint8Array): Promise<void>
	putAll(bucket: string, objects: Iterable<readonly [key: string, content: Uint8Array]>): Promise<void>
	remove(bucket: string, key: string): Promise<void>
	/** What this bucket was asked, from the server's own log. */
	requests(bucket: string): Promise<readonly RecordedRequest[]>
}

const writer: StorageKeys = {id: 'LASTGOODWRITER', secret: 'a-writer-of-tests'}
const reader: StorageKeys = {id: 'LASTGOODREADER', secret: 'a-reader-of-tests'}

const packages = ['ceph-mon', 'ceph-osd', 'ceph-mgr', 'radosgw', 'ceph-common']
const programs = ['/usr/bin/ceph-mon', '/usr/bin/ceph-osd', '/usr/bin/ceph-mgr', '/usr/bin/radosgw', '/usr/bin/ceph']
const portFile = 'port'
const startWithinMs = 120_000

/** The object storage of this test run: started by the first test that asks, stopped with the run. Throws where it can be neither found nor installed. */
export async function objectStorage(): Promise<ObjectStorage> {
	const {folder, ownerPid} = inject('objectStorage')
	if (!existsSync(join(folder, portFile))) await startObjectStorage(folder, ownerPid)
	return connect(folder)
}

/** Why no object storage can be had here; undefined where one can. */
export function whyNoObjectStorage(): string | undefined {
	if (programs.every(program => existsSync(program))) return undefined
	if (process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) return undefined
	return `Ceph's gateway is not installed, and only root on Debian can install it: ${packages.join(' ')}`
}

/** A folder for an object storage, which is made when that starts. */
export function objectStorageFolder(): string {
	return join(tmpdir(), `lastgood-object-storage-${crypto.randomUUID()}`)
}

/** Starts one in a new folder. It ends with the process of this id, however that ends, and its folder is removed then. */
export async function startObjectStorage(folder: string, ownerPid: number): Promise<ObjectStorage> {
	await install()
	const [gateway = 0, monitor = 0, oldMonitor = 0] = await freePorts(3)
	await mkdir(folder, {mode: 0o700})
	for (const name of ['mon', 'osd', 'mgr', 'rgw', 'run', 'log']) await mkdir(join(folder, name))
	const [cluster, disk] = [crypto.randomUUID(), crypto.randomUUID()]
	const config = join(folder, 'ceph.conf')
	await writeFile(config, configText({folder, cluster, gateway, monitor, oldMonitor}))
	await startDetached('/bin/sh', ['-c', keeper, 'keeper', String(ownerPid), folder], {
		cwd: '/',
		outputFile: join(folder, 'log', 'keeper'),
	})

	const log = join(folder, 'log', 'setup')
	const tool = async (program: string, ...args: readonly string[]) => {
		const {exitCode, stdout, stderr} = await run('timeout', ['120', program, ...args], {cwd: folder})
		await appendFile(log, `${program} ${args.join(' ')}\n${stdout}${stderr}`)
		if (exitCode !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${exitCode}: ${stderr}${stdout}`)
	}
	const addresses = `[v2:127.0.0.1:${monitor},v1:127.0.0.1:${oldMonitor}]`
	await tool('monmaptool', '--create', '--fsid', cluster, '--addv', 'a', addresses, join(folder, 'monmap'))
	await tool('ceph-mon', '-c', config, '--mkfs', '-i', 'a', '--monmap', join(folder, 'monmap'))
	await tool('ceph-mon', '-c', config, '-i', 'a')
	await tool('ceph', '-c', config, 'osd', 'new', disk)
	await tool('ceph-osd', '-c', config, '-i', '0', '--mkfs', '--osd-uuid', disk)
	await tool('ceph-osd', '-c', config, '-i', '0')
	await tool('ceph-mgr', '-c', config, '-i', 'x')
	for (const [account, {id, secret}] of [['writer', writer] as const, ['reader', reader] as const]) {
		const names = [`--uid=${account}`, `--display-name=${account}`, `--access-key=${id}`, `--secret-key=${secret}`]
		await tool('radosgw-admin', '-c', config, 'user', 'create', ...names)
	}
	await tool('radosgw', '-c', config, '-n', 'client.admin')
	await untilItAnswers(gateway)
	await writeFile(join(folder, portFile), String(gateway))
	return connect(folder)
}

/** Stops the object storage of a folder and removes the folder. */
export async function stopObjectStorage(folder: string): Promise<void> {
	// The keeper does the rest.
	await rm(join(folder, 'ceph.conf'), {force: true})
	for (let waitedMs = 0; existsSync(join(folder, 'log')) && waitedMs < 30_000; waitedMs += 100) await sleep(100)
	await rm(folder, {recursive: true, force: true})
}

// Ends the servers when their owner has ended, a killed one too, or when the configuration is gone.
const keeper = `
owner=$1 folder=$2
while kill -0 "$owner" 2>/dev/null && [ -f "$folder/ceph.conf" ]; do sleep 0.5; done
for signal in TERM KILL; do
	for file in "$folder"/run/*.pid; do
		[ -f "$file" ] && kill -s $signal "$(cat "$file")" 2>/dev/null
	done
	sleep 2
done
rm -rf "$folder"`

async function install(): Promise<void> {
	if (programs.every(program => existsSync(program))) return
	const reason = whyNoObjectStorage()
	if (reason !== undefined) throw new Error(reason)
	process.stderr.write(`installing ${packages.join(', ')} with apt-get\n`)
	const env = {DEBIAN_FRONTEND: 'noninteractive'}
	const wait = ['-o', 'DPkg::Lock::Timeout=300']
	await run('apt-get', ['update', ...wait], {env})
	const {exitCode, stderr} = await run(
		'apt-get',
		['install', '--yes', '--no-install-recommends', ...wait, ...packages],
		{
			env,
		},
	)
	if (exitCode !== 0) throw new Error(`apt-get could not install ${packages.join(' ')}: ${stderr}`)
}

interface Cluster {
	readonly folder: string
	readonly cluster: string
	readonly gateway: number
	readonly monitor: number
	readonly oldMonitor: number
}

/** One monitor, one disk that is memory, one manager and the gateway, on the loopback address, without keys among themselves. */
function configText({folder, cluster, gateway, monitor, oldMonitor}: Cluster): string {
	return `[global]
fsid = ${cluster}
mon_host = [v2:127.0.0.1:${monitor},v1:127.0.0.1:${oldMonitor}]
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
# The gateway asks the monitor for an encrypted channel by default, which takes keys.
ms_mon_client_mode = crc
ms_mon_service_mode = crc
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 1
osd_crush_chooseleaf_type = 0
mon_allow_pool_size_one = true
mon_data_avail_crit = 1
mon_data_avail_warn = 2
osd_objectstore = memstore
memstore_device_bytes = 6442450944
run_dir = ${folder}/run
admin_socket = ${folder}/run/$name.asok
pid_file = ${folder}/run/$name.pid
log_file = ${folder}/log/$name.log
mon_data = ${folder}/mon
osd_data = ${folder}/osd
mgr_data = ${folder}/mgr
rgw_data = ${folder}/rgw
# Without it the end of every small answer waits 40 ms for an acknowledgement.
rgw_frontends = beast endpoint=127.0.0.1:${gateway} tcp_nodelay=1
rgw_thread_pool_size = 64
`
}

async function freePorts(count: number): Promise<readonly number[]> {
	const servers = await Promise.all(
		Array.from({length: count}, async () => {
			const server = createServer()
			await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
			return server
		}),
	)
	const ports = servers.map(server => {
		const address = server.address()
		return typeof address === 'object' && address !== null ? address.port : 0
	})
	await Promise.all(servers.map(server => new Promise(resolve => server.close(resolve))))
	return ports
}

async function untilItAnswers(port: number): Promise<void> {
	for (const deadline = Date.now() + startWithinMs; ; await sleep(200)) {
		try {
			await fetch(`http://127.0.0.1:${port}`)
			return
		} catch (error) {
			if (Date.now() > deadline) throw error
		}
	}
}

async function connect(folder: string): Promise<ObjectStorage> {
	const endpoint = `http://127.0.0.1:${(await readFile(join(folder, portFile), 'utf8')).trim()}`
	const client = new S3Client({
		endpoint,
		region: 'us-east-1',
		forcePathStyle: true,
		credentials: {accessKeyId: writer.id, secretAccessKey: writer.secret},
		requestChecksumCalculation: 'WHEN_REQUIRED',
	})
	const put = async (bucket: string, key: string, content: Uint8Array) => {
		await client.send(new PutObjectCommand({Bucket: bucket, Key: key, Body: content}))
	}
	return {
		endpoint,
		writer,
		reader,
		async createBucket(grants = []) {
			const bucket = `archive-${crypto.randomUUID()}`
			await client.send(new CreateBucketCommand({Bucket: bucket}))
			if (grants.length > 0)
				await client.send(new PutBucketPolicyCommand({Bucket: bucket, Policy: policyText(bucket, grants)}))
			return bucket
		},
		put,
		putAll: async (bucket, objects) => {
			await mapConcurrently([...objects], 16, ([key, content]) => put(bucket, key, content))
		},
		remove: async (bucket, key) => {
			await client.send(new DeleteObjectCommand({Bucket: bucket, Key: key}))
		},
		async requests(bucket) {
			// The gateway writes its log a moment after it has answered.
			await sleep(1500)
			const log = await readFile(join(folder, 'log', 'client.admin.log'), 'utf8')
			return [...log.matchAll(recordedRequest)].flatMap(
				([, account = '', method = '', path = '', status = '', range = '']) =>
					path.startsWith(`/${bucket}/`) || path === `/${bucket}`
						? [{account, method, path, status: Number(status), range}]
						: [],
			)
		},
	}
}

// beast: 0x7f: 127.0.0.1 - reader [22/Nov/2026:23:38:53.839 +0000] "GET /bucket/key HTTP/1.1" 200 236 - "agent" bytes=0-0 latency=0.1s
const recordedRequest = / beast: \S+: \S+ - (\S+) \[[^\]]*\] "(\S+) (\S+) [^"]*" (\d+) \d+ \S+ "[^"]*" (\S+) latency=/g

function policyText(bucket: string, grants: readonly Grant[]): string {
	const allow = (action: string, resource: string) => ({
		Effect: 'Allow',
		Principal: {AWS: ['arn:aws:iam:::user/reader']},
		Action: [action],
		Resource: [resource],
	})
	const statements = {
		list: allow('s3:ListBucket', `arn:aws:s3:::${bucket}`),
		get: allow('s3:GetObject', `arn:aws:s3:::${bucket}/*`),
	}
	return JSON.stringify({Version: '2012-10-17', Statement: grants.map(grant => statements[grant])})
}
