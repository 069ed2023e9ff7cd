import {setTimeout as sleep} from 'node:timers/promises'
import {UsageError} from '../../domain/errors.ts'
import {instantOfMs, type UtcInstant} from '../../domain/time.ts'
import type {ArchiveStore, StoreAccess, StoredObject} from '../../ports.ts'
import {answerOf, explainS3Error, type S3Place} from './s3-errors.ts'
import type {S3Body, S3Page, S3Reader} from './s3-reader.ts'

/** How often a body that breaks off is asked for again without a byte of progress, and how long one may stand still. */
const mostBreaks = 5
const firstPauseMs = 100
const stallMs = 30_000

/** A bucket, or what lies below a prefix in it, as a store. Throws UsageError for a location or an endpoint that is none; the server is asked nothing yet. */
export function createS3Store(location: string, access: StoreAccess = {}): ArchiveStore {
	const {bucket, prefix} = parseS3Location(location)
	const place: S3Place = {bucket, prefix, endpoint: checkedEndpoint(access.endpoint)}
	let opening: Promise<S3Reader> | undefined

	/** Asks, and turns what goes wrong into what an operator can act on. */
	async function asked<Answer>(
		doing: 'list' | 'read',
		key: string,
		signal: AbortSignal | undefined,
		ask: (from: S3Reader) => Promise<Answer>,
	): Promise<Answer> {
		signal?.throwIfAborted()
		// Loading the SDK takes longer than starting all the rest.
		opening ??= import('./s3-reader.ts').then(({openS3Reader}) => openS3Reader(bucket, access))
		const from = await opening
		try {
			return await ask(from)
		} catch (error) {
			throw signal?.aborted === true
				? signal.reason
				: explainS3Error(error, {...place, region: from.region}, {doing, key})
		}
	}

	/** The object as a listing tells of it, which takes no right to read it. */
	async function listedObject(key: string, signal: AbortSignal | undefined): Promise<StoredObject | undefined> {
		const page = await asked('read', key, signal, from => from.list(prefix + key, {most: 1}, signal))
		const object = page.objects.find(candidate => candidate.key === prefix + key)
		return object === undefined ? undefined : {key, bytes: object.bytes, modifiedAt: stamp(object.modifiedAtMs)}
	}

	/** The bytes of a range as they come. A body that breaks off or stands still is asked for again from there, while it is the same object. */
	async function* bytesOf(
		key: string,
		start: number,
		end: number | undefined,
		signal: AbortSignal | undefined,
	): AsyncGenerator<Uint8Array> {
		let offset = start
		let etag: string | undefined
		for (let breaks = 0; ; ) {
			const range = {offset, ...(end === undefined ? {} : {end}), etag}
			const body = await asked('read', key, signal, from => getOrNothing(from, prefix + key, range, signal))
			if (body === undefined) return
			etag ??= body.etag
			const stopsAt = Math.min(end ?? Number.POSITIVE_INFINITY, body.totalBytes ?? Number.POSITIVE_INFINITY)
			let trouble: unknown = new Error('the answer was cut off')
			try {
				let position = body.offset
				for await (const chunk of watched(body)) {
					signal?.throwIfAborted()
					const wanted = chunk.subarray(Math.max(0, offset - position), Math.max(0, stopsAt - position))
					position += chunk.byteLength
					offset += wanted.byteLength
					if (wanted.byteLength > 0) {
						breaks = 0
						yield wanted
					}
					// Read to its end, a connection can be used again: an answer is left early only where it goes on without need.
					if (offset >= stopsAt && position < body.offset + (body.bytes ?? 0)) return
				}
			} catch (error) {
				trouble = error
			}
			signal?.throwIfAborted()
			if (offset >= stopsAt) return
			breaks += 1
			if (breaks >= mostBreaks) throw explainS3Error(trouble, place, {doing: 'read', key})
			await sleep(firstPauseMs * 2 ** (breaks - 1))
		}
	}

	return {
		kind: 's3',
		location: locationOf(place),
		localPath: () => undefined,

		async *list(below, signal) {
			const page = (next?: string): Promise<S3Page> =>
				asked('list', below, signal, from => from.list(prefix + below, next === undefined ? {} : {next}, signal))
			let pending: Promise<S3Page> | undefined = page()
			while (pending !== undefined) {
				const {objects, next}: S3Page = await pending
				// Under way while this page is looked at.
				pending = next === undefined ? undefined : page(next)
				pending?.catch(() => {})
				for (const {key, bytes, modifiedAtMs} of objects) {
					signal?.throwIfAborted()
					// What ends with a slash stands for a folder: consoles make such objects.
					if (key.startsWith(prefix) && !key.endsWith('/'))
						yield {key: key.slice(prefix.length), bytes, modifiedAt: stamp(modifiedAtMs)}
				}
			}
		},

		async stat(key, signal) {
			signal?.throwIfAborted()
			if (key === '' || key.endsWith('/')) return undefined
			const found = await asked('read', key, signal, async from => {
				try {
					return await from.head(prefix + key, signal)
				} catch (error) {
					const {status} = answerOf(error)
					if (status === 404) return 'absent'
					if (status === 403) return 'refused'
					if (status === undefined || status >= 500) throw error
					// The answer to HEAD has no body that would tell why: reading a byte brings one.
					const body = await from.get(prefix + key, {offset: 0, end: 1}, signal)
					body.chunks.destroy()
					throw error
				}
			})
			if (found === 'absent') return undefined
			if (found === 'refused') return listedObject(key, signal)
			return {key, bytes: found.bytes, modifiedAt: stamp(found.modifiedAtMs)}
		},

		async read(key, offset, length, signal) {
			// A range holds at least one byte.
			const chunks = await Array.fromAsync(bytesOf(key, offset, offset + Math.max(1, length), signal))
			return joined(chunks).subarray(0, length)
		},

		stream: (key, signal) => bytesOf(key, 0, undefined, signal),
	}
}

/** Bucket and prefix of `s3://bucket/prefix`; the prefix is empty or ends with a slash. Throws UsageError. */
function parseS3Location(location: string): {readonly bucket: string; readonly prefix: string} {
	const parts = /^s3:\/\/([^/\s?#@]+)(?:\/+(.*))?$/s.exec(location)
	if (parts === null) {
		throw new UsageError(`${JSON.stringify(location)} names no bucket`, [
			'write it as s3://bucket or s3://bucket/prefix',
		])
	}
	const prefix = (parts[2] ?? '').replace(/\/+$/, '')
	return {bucket: parts[1] ?? '', prefix: prefix === '' ? '' : `${prefix}/`}
}

function locationOf({bucket, prefix}: S3Place): string {
	return `s3://${bucket}${prefix === '' ? '' : `/${prefix.slice(0, -1)}`}`
}

/** The endpoint as it may be shown. Throws UsageError, without repeating a password that stands in it. */
function checkedEndpoint(endpoint: string | undefined): string | undefined {
	if (endpoint === undefined) return undefined
	const url = URL.parse(endpoint)
	const isWeb = url?.protocol === 'http:' || url?.protocol === 'https:'
	if (isWeb && url.username === '' && url.password === '') return endpoint
	const what = isWeb
		? 'the endpoint holds a user name or a password'
		: `the endpoint ${endpoint.includes('@') ? '' : `${JSON.stringify(endpoint)} `}is no http or https address`
	throw new UsageError(what, [
		'write it with its scheme and port, such as https://s3.example.net or http://127.0.0.1:9000',
		'keys go into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or into a profile of ~/.aws/credentials',
	])
}

/** undefined where the range begins at the object's end, or behind. */
async function getOrNothing(
	from: S3Reader,
	key: string,
	range: Parameters<S3Reader['get']>[1],
	signal: AbortSignal | undefined,
): Promise<S3Body | undefined> {
	try {
		return await from.get(key, range, signal)
	} catch (error) {
		if (answerOf(error).status === 416) return undefined
		throw error
	}
}

/** A body that ends with an error when nothing comes for a while. Time that whoever reads it takes does not count. */
async function* watched({chunks}: S3Body): AsyncGenerator<Uint8Array> {
	const give = () => chunks.destroy(new Error(`nothing came for ${stallMs / 1000} s`))
	let timer = setTimeout(give, stallMs)
	try {
		for await (const chunk of chunks) {
			clearTimeout(timer)
			yield chunk
			timer = setTimeout(give, stallMs)
		}
	} finally {
		clearTimeout(timer)
	}
}

/** A listing tells milliseconds, a question after one object whole seconds: the same object has one time. */
function stamp(modifiedAtMs: number): UtcInstant {
	return instantOfMs(Math.floor(modifiedAtMs / 1000) * 1000)
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
	const [only] = chunks
	return chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks)
}
