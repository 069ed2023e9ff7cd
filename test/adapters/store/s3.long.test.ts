import {mkdtemp, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {afterEach, beforeAll, beforeEach, describe, expect, test, vi} from 'vitest'
import {createS3Store} from '../../../src/adapters/store/s3.ts'
import {ArchiveUnreachableError} from '../../../src/domain/errors.ts'
import type {ArchiveStore} from '../../../src/ports.ts'
import {type ObjectStorage, objectStorage, type StorageKeys, whyNoObjectStorage} from '../../support/object-storage.ts'
import {type S3Proxy, startS3Proxy} from '../../support/s3-proxy.ts'
import {describeStoreContract} from './contract.ts'

const lacking = whyNoObjectStorage()
let storage: ObjectStorage

beforeAll(async () => {
	if (lacking === undefined) storage = await objectStorage()
})

beforeEach(context => {
	if (lacking !== undefined) context.skip(lacking)
	// Neither the settings nor the keys of whoever runs the tests.
	vi.stubEnv('AWS_CONFIG_FILE', '/nonexistent/config')
	vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/nonexistent/credentials')
	vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true')
	signInAs(storage.writer)
})
afterEach(() => {
	vi.unstubAllEnvs()
})

function signInAs({id, secret}: StorageKeys): void {
	vi.stubEnv('AWS_ACCESS_KEY_ID', id)
	vi.stubEnv('AWS_SECRET_ACCESS_KEY', secret)
}

const text = (content: string) => new TextEncoder().encode(content)

async function keys(store: ArchiveStore, prefix = ''): Promise<readonly string[]> {
	return (await Array.fromAsync(store.list(prefix))).map(({key}) => key)
}

async function streamed(store: ArchiveStore, key: string, signal?: AbortSignal): Promise<Uint8Array> {
	return Buffer.concat(await Array.fromAsync(store.stream(key, signal)))
}

/** Fails for another reason than the store's own. */
async function refusal(act: Promise<unknown>): Promise<ArchiveUnreachableError> {
	const error = await act.then(
		() => undefined,
		(reason: unknown) => reason,
	)
	if (error instanceof ArchiveUnreachableError) return error
	throw new Error('it is no ArchiveUnreachableError', {cause: error})
}

describeStoreContract('a bucket', async () => {
	const bucket = await storage.createBucket()
	return {
		store: createS3Store(`s3://${bucket}`, {endpoint: storage.endpoint}),
		put: (key, content) => storage.put(bucket, key, content),
		remove: key => storage.remove(bucket, key),
		discard: async () => {},
	}
})

describeStoreContract('a prefix in a bucket', async () => {
	const bucket = await storage.createBucket()
	await storage.put(bucket, 'deep/archive-2/beside', text('x'))
	await storage.put(bucket, 'deep/archive', text('x'))
	await storage.put(bucket, 'deep/archive/', text(''))
	return {
		store: createS3Store(`s3://${bucket}/deep/archive/`, {endpoint: storage.endpoint}),
		put: (key, content) => storage.put(bucket, `deep/archive/${key}`, content),
		remove: key => storage.remove(bucket, `deep/archive/${key}`),
		discard: async () => {},
	}
})

describe('a listing of many objects', () => {
	let bucket: string
	const names = Array.from({length: 2600}, (_, index) => `wal/${String(index).padStart(24, '0')}`)
	beforeAll(async () => {
		if (lacking !== undefined) return
		bucket = await storage.createBucket()
		await storage.putAll(
			bucket,
			names.map(name => [name, text('x')]),
		)
	})

	test('is whole, each object once, and takes a request for each thousand', async () => {
		const proxy = await startS3Proxy(storage.endpoint)
		expect(await keys(createS3Store(`s3://${bucket}`, {endpoint: proxy.endpoint}))).toEqual(names)
		expect(proxy.requests).toHaveLength(3)
		await proxy.close()
	})

	test('is whole also when the server is asked too often in the middle of it', async () => {
		const proxy = await startS3Proxy(storage.endpoint)
		proxy.fail(({path}) => path.includes('continuation-token'), {kind: 'error', status: 503, code: 'SlowDown'}, 2)
		expect(await keys(createS3Store(`s3://${bucket}`, {endpoint: proxy.endpoint}))).toEqual(names)
		await proxy.close()
	})

	test('that is left early asks for no more than the page that was under way', async () => {
		const proxy = await startS3Proxy(storage.endpoint)
		for await (const _object of createS3Store(`s3://${bucket}`, {endpoint: proxy.endpoint}).list('')) break
		expect(proxy.requests.length).toBeLessThanOrEqual(2)
		await proxy.close()
	})

	test('ends when it is told to while the server is slow', async () => {
		const proxy = await startS3Proxy(storage.endpoint)
		proxy.latencyMs = 5000
		const stop = new AbortController()
		setTimeout(() => stop.abort(new Error('enough')), 200)
		const startedMs = performance.now()
		const store = createS3Store(`s3://${bucket}`, {endpoint: proxy.endpoint})
		await expect(Array.fromAsync(store.list('', stop.signal))).rejects.toThrow('enough')
		expect(performance.now() - startedMs).toBeLessThan(2000)
		await proxy.close()
	})
})

describe('who may do what', () => {
	const archive = async (grants: Parameters<ObjectStorage['createBucket']>[0]) => {
		const bucket = await storage.createBucket(grants)
		await storage.put(bucket, 'wal/1', text('content'))
		signInAs(storage.reader)
		return {bucket, store: createS3Store(`s3://${bucket}/wal`, {endpoint: storage.endpoint})}
	}

	test('listing and reading granted is all that it takes', async () => {
		const {store} = await archive(['list', 'get'])
		expect(await keys(store)).toEqual(['1'])
		expect(Buffer.from(await store.read('1', 0, 7)).toString()).toBe('content')
		expect(await store.stat('1')).toMatchObject({bytes: 7})
	})

	test('reading without listing is an error that names the right', async () => {
		const {store, bucket} = await archive(['get'])
		const error = await refusal(keys(store))
		expect(error.message).toBe(`s3://${bucket}/wal may not be listed with these credentials: access denied`)
		expect(error.whatToDo[0]).toContain(`allow them s3:ListBucket on the bucket ${bucket}`)
		expect(Buffer.from(await store.read('1', 0, 7)).toString()).toBe('content')
	})

	test('listing without reading is an error that names the object and the right', async () => {
		const {store, bucket} = await archive(['list'])
		expect(await keys(store)).toEqual(['1'])
		for (const attempt of [() => store.read('1', 0, 1), () => streamed(store, '1')]) {
			const error = await refusal(attempt())
			expect(error.message).toBe(`s3://${bucket}/wal/1 may not be read with these credentials: access denied`)
			expect(error.whatToDo[0]).toContain(`allow them s3:GetObject on ${bucket}/wal/*`)
		}
		expect(await store.stat('1')).toMatchObject({bytes: 7})
		expect(await store.stat('2')).toBeUndefined()
	})

	test('nothing granted, a wrong secret, an unknown key, no bucket: each says so', async () => {
		const {store, bucket} = await archive([])
		expect((await refusal(keys(store))).message).toContain('may not be listed')
		expect((await refusal(store.stat('1'))).message).toContain('may not be read')
		const asking = (as: StorageKeys, name: string) => {
			signInAs(as)
			return refusal(keys(createS3Store(`s3://${name}`, {endpoint: storage.endpoint})))
		}
		expect((await asking({...storage.reader, secret: 'not-the-secret'}, bucket)).message).toContain(
			'the secret key does not belong to the access key',
		)
		expect((await asking({...storage.reader, id: 'NOSUCHKEY'}, bucket)).message).toContain(
			'does not know the access key that was used',
		)
		const missing = await asking(storage.reader, 'no-such-bucket')
		expect(missing.message).toBe(`there is no bucket no-such-bucket at ${storage.endpoint}`)
	})

	test('a refusal of HEAD, which has no words, is told in the words of a reading', async () => {
		const {bucket} = await archive([])
		signInAs({...storage.reader, secret: 'not-the-secret'})
		const error = await refusal(createS3Store(`s3://${bucket}`, {endpoint: storage.endpoint}).stat('1'))
		expect(error.message).toContain('the secret key does not belong to the access key')
	})

	test('no error holds a secret, a signature or a token', async () => {
		const {bucket} = await archive([])
		const token = 'a-token-of-a-session'
		vi.stubEnv('AWS_SESSION_TOKEN', token)
		for (const as of [storage.reader, {...storage.reader, secret: 'not-the-secret'}]) {
			signInAs(as)
			const error = await refusal(keys(createS3Store(`s3://${bucket}`, {endpoint: storage.endpoint})))
			const everything = [
				error.message,
				...error.whatToDo,
				String(error.stack),
				JSON.stringify(error.cause),
				String(error.cause),
			]
			for (const secret of [as.secret, token, 'Signature=', 'AWS4-HMAC'])
				expect(everything.join('\n')).not.toContain(secret)
			expect(Object.keys(error.cause ?? {})).toEqual([])
		}
	})

	test('credentials come from a profile too', async () => {
		const {bucket} = await archive(['list'])
		const folder = await mkdtemp(join(tmpdir(), 'lastgood-aws-'))
		const {id, secret} = storage.reader
		await writeFile(
			join(folder, 'credentials'),
			`[recovery]\naws_access_key_id = ${id}\naws_secret_access_key = ${secret}\n`,
			{mode: 0o600},
		)
		vi.stubEnv('AWS_ACCESS_KEY_ID', undefined)
		vi.stubEnv('AWS_SECRET_ACCESS_KEY', undefined)
		vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', join(folder, 'credentials'))
		vi.stubEnv('AWS_PROFILE', 'recovery')
		expect(await keys(createS3Store(`s3://${bucket}`, {endpoint: storage.endpoint}))).toEqual(['wal/1'])
		await rm(folder, {recursive: true})
	})
})

describe('behind a network that fails', () => {
	const large = new Uint8Array(4 * 1024 * 1024 + 11).map((_, index) => (index * 7 + (index >> 11)) % 251)
	let proxy: S3Proxy
	let bucket: string
	let store: ArchiveStore
	beforeEach(async () => {
		proxy = await startS3Proxy(storage.endpoint)
		bucket = await storage.createBucket()
		await storage.put(bucket, 'large', large)
		store = createS3Store(`s3://${bucket}`, {endpoint: proxy.endpoint})
	})
	afterEach(() => proxy?.close())

	const always = () => true
	const reading = ({method}: {readonly method: string}) => method === 'GET'

	test('a server that is asked too often, fails or hangs up is asked again', async () => {
		proxy.fail(always, {kind: 'error', status: 503, code: 'SlowDown'}, 1)
		expect(await keys(store)).toEqual(['large'])
		proxy.fail(always, {kind: 'error', status: 500, code: 'InternalError'}, 2)
		expect(await store.stat('large')).toMatchObject({bytes: large.byteLength})
		proxy.fail(always, {kind: 'reset'}, 2)
		expect(Buffer.compare(await store.read('large', 5, 1000), large.subarray(5, 1005))).toBe(0)
	})

	test('one that never stops is given up, with how often it was asked', async () => {
		proxy.fail(always, {kind: 'error', status: 503, code: 'SlowDown'})
		const error = await refusal(keys(store))
		expect(error.message).toBe(`${proxy.endpoint} says that it is asked too often (SlowDown), still after 6 attempts`)
		expect(proxy.requests).toHaveLength(6)
	})

	test('giving up does not wait for the attempts that are left', async () => {
		proxy.fail(always, {kind: 'error', status: 503, code: 'SlowDown'})
		const stop = new AbortController()
		setTimeout(() => stop.abort(new Error('enough')), 300)
		const startedMs = performance.now()
		await expect(store.read('large', 0, 1, stop.signal)).rejects.toThrow('enough')
		expect(performance.now() - startedMs).toBeLessThan(8000)
	})

	test('a stream that breaks off goes on where it was, and only with the same object', async () => {
		proxy.fail(reading, {kind: 'cut', afterBytes: 1_000_000}, 2)
		expect(Buffer.compare(await streamed(store, 'large'), large)).toBe(0)
		expect(proxy.requests.map(({range}) => range)).toEqual([undefined, 'bytes=1000000-', 'bytes=2000000-'])
	})

	test('a stream of an object that is replaced in the middle is an error, never a mixture', async () => {
		proxy.fail(reading, {kind: 'cut', afterBytes: 1_000_000}, 1)
		let bytes = 0
		const error = await refusal(
			(async () => {
				for await (const chunk of store.stream('large')) {
					if (bytes === 0) await storage.put(bucket, 'large', new Uint8Array(large.byteLength))
					bytes += chunk.byteLength
				}
			})(),
		)
		expect(error.message).toBe(`s3://${bucket}/large was replaced by another object while it was read`)
		expect(bytes).toBe(1_000_000)
	})

	test('a reading that breaks off is made again', async () => {
		proxy.fail(reading, {kind: 'cut', afterBytes: 10}, 3)
		expect(Buffer.compare(await store.read('large', 1000, 5000), large.subarray(1000, 6000))).toBe(0)
	})

	test('an object that never comes whole is an error', async () => {
		proxy.fail(reading, {kind: 'cut', afterBytes: 0})
		const error = await refusal(streamed(store, 'large'))
		expect(error.message).toContain(`the connection to ${proxy.endpoint} breaks off`)
	})

	test('a stream that stands still goes on by itself', async () => {
		proxy.fail(reading, {kind: 'stall', afterBytes: 2_000_000}, 1)
		expect(Buffer.compare(await streamed(store, 'large'), large)).toBe(0)
	})

	test('a stream ends at once when it is told to', async () => {
		proxy.fail(reading, {kind: 'stall', afterBytes: 2_000_000}, 1)
		const stop = new AbortController()
		setTimeout(() => stop.abort(new Error('enough')), 500)
		const startedMs = performance.now()
		await expect(streamed(store, 'large', stop.signal)).rejects.toThrow('enough')
		expect(performance.now() - startedMs).toBeLessThan(3000)
	})

	test('an object that vanishes between listing and reading is gone, not a failure of the network', async () => {
		await storage.put(bucket, 'small', text('x'))
		for (const {key} of await Array.fromAsync(store.list(''))) {
			if (key !== 'small') continue
			await storage.remove(bucket, key)
			expect((await refusal(store.read(key, 0, 1))).message).toBe(`s3://${bucket}/small is not in the archive any more`)
			expect(await store.stat(key)).toBeUndefined()
		}
	})

	test('a server that knows no ranges is read all the same', async () => {
		proxy.fail(reading, {kind: 'page', status: 200, body: large}, 2)
		expect(Buffer.compare(await store.read('large', 1000, 5000), large.subarray(1000, 6000))).toBe(0)
		expect(await store.read('large', large.byteLength + 5, 1)).toHaveLength(0)
	})

	test('connections are used again', async () => {
		for (let index = 0; index < 40; index += 1) await store.read('large', index, 40)
		expect(proxy.connectionCount).toBe(1)
	})
})

test('nothing that is asked of a bucket writes: the server’s own log has only readings', async () => {
	const bucket = await storage.createBucket(['list', 'get'])
	await storage.put(bucket, 'wal/1', text('content'))
	signInAs(storage.reader)
	const store = createS3Store(`s3://${bucket}/wal`, {endpoint: storage.endpoint})
	await keys(store)
	await store.stat('1')
	await store.stat('2')
	await store.read('1', 0, 3)
	await streamed(store, '1')
	const asked = (await storage.requests(bucket)).filter(({account}) => account === 'reader')
	expect(asked.map(({method, status}) => `${method} ${status}`)).toEqual([
		'GET 200',
		'HEAD 200',
		'HEAD 404',
		'GET 206',
		'GET 200',
	])
})

test('a clock that is wrong is corrected by the server’s', async () => {
	const bucket = await storage.createBucket()
	const real = Date.now
	vi.spyOn(Date, 'now').mockImplementation(() => real() + 3_600_000)
	try {
		expect(await keys(createS3Store(`s3://${bucket}`, {endpoint: storage.endpoint}))).toEqual([])
	} finally {
		vi.restoreAllMocks()
	}
})
