import {readFileSync} from 'node:fs'
import {afterEach, beforeEach, describe, expect, test, vi} from 'vitest'
import {openStore} from '../../../src/adapters/store/open.ts'
import {createS3Store} from '../../../src/adapters/store/s3.ts'
import {explainS3Error} from '../../../src/adapters/store/s3-errors.ts'
import {ArchiveUnreachableError, UsageError} from '../../../src/domain/errors.ts'
import {importsWhere} from '../../architecture/arrows.ts'
import {readSources} from '../../architecture/sources.ts'
import {type Fault, type S3Proxy, startS3Proxy} from '../../support/s3-proxy.ts'

beforeEach(() => {
	for (const name of ['AWS_PROFILE', 'AWS_SESSION_TOKEN', 'AWS_REGION', 'AWS_DEFAULT_REGION'])
		vi.stubEnv(name, undefined)
	vi.stubEnv('AWS_CONFIG_FILE', '/nonexistent/config')
	vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/nonexistent/credentials')
	vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true')
	vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDOFTHETEST')
	vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret-of-the-test')
})
afterEach(() => {
	vi.unstubAllEnvs()
})

describe('a location', () => {
	test.each([
		['s3://bucket', 's3://bucket'],
		['s3://bucket/', 's3://bucket'],
		['s3://bucket/prefix/', 's3://bucket/prefix'],
		['s3://bucket//two/parts//', 's3://bucket/two/parts'],
	])('%s is shown as %s', (written, shown) => {
		const store = createS3Store(written)
		expect(store).toMatchObject({kind: 's3', location: shown})
		expect(store.localPath('a')).toBeUndefined()
	})

	test.each(['s3://', 's3:///prefix', 's3://key:secret@bucket/prefix'])('%s names no bucket', location => {
		expect(() => createS3Store(location)).toThrow(UsageError)
	})

	test('is a bucket by its scheme, else a folder; other schemes are refused', () => {
		expect(openStore('s3://bucket/a', {}, {}).kind).toBe('s3')
		expect(openStore('/srv/archive', {}, {}).kind).toBe('local')
		expect(openStore('s3:/not/a/scheme', {}, {}).kind).toBe('local')
		expect(() => openStore('gs://bucket/a', {}, {})).toThrow('gs:// cannot be read')
	})

	test.each(['127.0.0.1:9000', 'ftp://server', 'nothing'])('%s is no endpoint', endpoint => {
		expect(() => createS3Store('s3://bucket', {endpoint})).toThrow('is no http or https address')
	})

	test('an endpoint with a password is refused without repeating it', () => {
		const attempt = () => createS3Store('s3://bucket', {endpoint: 'https://user:pass-word@server'})
		expect(attempt).toThrow(UsageError)
		expect(attempt).toThrow(/^(?!.*pass-word)/)
	})
})

describe('what can be asked of a bucket', () => {
	const sources = readSources()
	const reader = readFileSync(new URL('../../../src/adapters/store/s3-reader.ts', import.meta.url), 'utf8')

	test('are three questions: the client has no other command', () => {
		expect(new Set(reader.match(/\b\w+Command\b/g))).toEqual(
			new Set(['GetObjectCommand', 'HeadObjectCommand', 'ListObjectsV2Command']),
		)
	})

	test('goes through one file, which is loaded with the client when a bucket is first asked', () => {
		expect(importsWhere(sources, ({target}) => /^@(aws-sdk|smithy)\//.test(target))).toEqual([
			'src/adapters/store/s3-reader.ts -> @aws-sdk/client-s3',
		])
		const store = readFileSync(new URL('../../../src/adapters/store/s3.ts', import.meta.url), 'utf8')
		expect(store.match(/.*s3-reader\.ts.*/g)).toEqual([
			expect.stringMatching(/^import type /),
			expect.stringContaining("import('./s3-reader.ts')"),
		])
		expect(importsWhere(sources, ({target, typeOnly}) => target.endsWith('/s3-reader.ts') && !typeOnly)).toEqual([
			'src/adapters/store/s3.ts -> src/adapters/store/s3-reader.ts',
		])
	})
})

/** These show how answers are told to the operator; that S3 works is shown by s3.long.test.ts against a real server. */
describe('an answer that is an error', () => {
	let proxy: S3Proxy
	beforeEach(async () => {
		proxy = await startS3Proxy()
	})
	afterEach(() => proxy.close())

	async function told(fault: Fault, region?: string): Promise<ArchiveUnreachableError> {
		proxy.fail(() => true, fault)
		const store = createS3Store('s3://bucket/wal', {endpoint: proxy.endpoint, region})
		const error = await Array.fromAsync(store.list('')).catch((reason: unknown) => reason)
		expect(error).toBeInstanceOf(ArchiveUnreachableError)
		return error as ArchiveUnreachableError
	}

	test.each([
		['AccessDenied', 403, 's3://bucket/wal may not be listed', 's3:ListBucket'],
		['InvalidAccessKeyId', 403, 'does not know the access key', 'AWS_PROFILE'],
		['SignatureDoesNotMatch', 403, 'the secret key does not belong', 'secret key'],
		['ExpiredToken', 400, 'refuses the session token', 'aws sso login'],
		['NoSuchBucket', 404, 'there is no bucket bucket', 's3://'],
		['InvalidObjectState', 403, 'cannot be read at once', 'restore-object'],
		['SomethingNew', 400, 'answers 400 SomethingNew', '--endpoint'],
	])('%s', async (code, status, message, advice) => {
		const error = await told({kind: 'error', status, code})
		expect(error.message).toContain(message)
		expect(error.whatToDo.join('\n')).toContain(advice)
		expect(`${error.message}${error.whatToDo.join()}${String(error.cause)}`).not.toContain('secret-of-the-test')
	})

	test('RequestTimeTooSkewed tells the server’s time', async () => {
		const error = await told({
			kind: 'error',
			status: 403,
			code: 'RequestTimeTooSkewed',
			headers: {date: 'Wed, 01 Apr 2026 09:41:23 GMT'},
		})
		expect(error.message).toContain('too far apart: there it is Wed, 01 Apr 2026 09:41:23 GMT')
		expect(error.whatToDo[0]).toContain('timedatectl')
	})

	test.each([
		['a redirection', {status: 301, code: 'PermanentRedirect', headers: {'x-amz-bucket-region': 'eu-central-1'}}],
		['a refused signature', {status: 400, code: 'AuthorizationHeaderMalformed', more: '<Region>eu-central-1</Region>'}],
	])('the wrong region, told by %s, names the right one', async (_, answer) => {
		const error = await told({kind: 'error', ...answer}, 'us-west-2')
		expect(error.message).toMatch(/^the bucket bucket is not in the region \S+ but in eu-central-1$/)
		expect(error.whatToDo).toEqual(['lastgood … --region eu-central-1'])
	})

	test.each([
		['a page', 200, '<!doctype html><html><body><br>Console</body></html>'],
		['a page with an error', 400, '<!doctype html><p>Bad request'],
		['nothing of S3', 200, '{"status": "ok"}'],
	])('of something that is no S3 server: %s', async (_, status, body) => {
		const error = await told({kind: 'page', status, body})
		expect(error.message).toMatch(/but not as an S3 server does$/)
		expect(error.whatToDo[0]).toContain('--endpoint')
	})

	test('no credentials at all: says where they may stand', async () => {
		vi.stubEnv('AWS_ACCESS_KEY_ID', undefined)
		vi.stubEnv('AWS_SECRET_ACCESS_KEY', undefined)
		const error = await told({kind: 'error', status: 403, code: 'AccessDenied'})
		expect(error.message).toContain('no credentials for S3 were found')
		expect(error.whatToDo[0]).toContain('AWS_ACCESS_KEY_ID')
		expect(proxy.requests).toEqual([])
	})

	test('a program that should give credentials and fails is not quoted', async () => {
		const failed = Object.assign(new Error('Command failed: get-keys --password hunter2'), {
			name: 'CredentialsProviderError',
		})
		const error = explainS3Error(failed, {bucket: 'b', prefix: '', endpoint: undefined}, {doing: 'list', key: ''})
		expect([error.message, ...error.whatToDo, String(error.cause), error.stack].join('\n')).not.toContain('hunter2')
	})
})

describe('a connection that fails', () => {
	const place = {bucket: 'bucket', prefix: '', endpoint: 'https://s3.example.net'}

	test.each([
		['ECONNREFUSED', 'nothing answers at https://s3.example.net'],
		['ENOTFOUND', 'the name of https://s3.example.net is not known'],
		['EAI_AGAIN', 'the name of https://s3.example.net is not known'],
		['ENETUNREACH', 'there is no way to https://s3.example.net'],
		['CERT_HAS_EXPIRED', 'is not valid now'],
		['SELF_SIGNED_CERT_IN_CHAIN', 'is not trusted'],
		['EPROTO', 'does not speak TLS'],
		['ECONNRESET', 'breaks off: ECONNRESET, still after 6 attempts'],
	])('with %s: %s', (code, message) => {
		const failed = Object.assign(new Error('failed'), {code, $metadata: {attempts: 6}})
		const error = explainS3Error(failed, place, {doing: 'read', key: 'a'})
		expect(error.message).toContain(message)
		expect(error.whatToDo.length).toBeGreaterThan(0)
	})

	test('to each of several addresses tells why', () => {
		const failed = new AggregateError([Object.assign(new Error('failed'), {code: 'ECONNREFUSED'})], 'all failed')
		expect(explainS3Error(failed, place, {doing: 'list', key: ''}).message).toContain('refused')
	})

	test.each([
		['SlowDown', 503, 'is asked too often (SlowDown), still after 6 attempts'],
		['ServiceUnavailable', 503, 'cannot answer now: 503 ServiceUnavailable, still after 6 attempts'],
		['InternalError', 500, 'cannot answer now: 500 InternalError'],
	])('because the server answers %s', (name, httpStatusCode, message) => {
		const failed = Object.assign(new Error('failed'), {name, $metadata: {httpStatusCode, attempts: 6}})
		expect(explainS3Error(failed, place, {doing: 'list', key: ''}).message).toContain(message)
	})

	test('without any server is told within seconds', async () => {
		const store = createS3Store('s3://bucket', {endpoint: 'http://127.0.0.1:1'})
		await expect(store.stat('a')).rejects.toThrow('nothing answers at http://127.0.0.1:1: the connection is refused')
	})
})
