import {
	GetObjectCommand,
	HeadObjectCommand,
	ListObjectsV2Command,
	S3Client,
	type S3ClientConfig,
} from '@aws-sdk/client-s3'
import type {StoreAccess} from '../../ports.ts'

/** A page of a listing. */
export interface S3Page {
	readonly objects: readonly {readonly key: string; readonly bytes: number; readonly modifiedAtMs: number}[]
	/** What continues the listing; undefined on its last page. */
	readonly next: string | undefined
}

/** An object's bytes, or a range of them. */
export interface S3Body {
	/** Of the whole object. */
	readonly totalBytes: number | undefined
	/** Where in the object the first byte stands: a server that knows no ranges answers with all of it. */
	readonly offset: number
	/** How many bytes are to come. */
	readonly bytes: number | undefined
	/** Tells whether the object is still the same one. */
	readonly etag: string | undefined
	readonly chunks: AsyncIterable<Uint8Array> & {destroy(error?: Error): unknown}
}

/** All that lastgood can ask of a bucket. The client is held by nothing else, and these are its only commands: none of them writes. */
export interface S3Reader {
	/** The region that requests are signed for. */
	readonly region: string
	list(prefix: string, wishes: {readonly next?: string; readonly most?: number}, signal?: AbortSignal): Promise<S3Page>
	head(key: string, signal?: AbortSignal): Promise<{readonly bytes: number; readonly modifiedAtMs: number}>
	/** Bytes from `offset` to before `end`, or to the object's end; of the object with this etag only. */
	get(
		key: string,
		range: {readonly offset: number; readonly end?: number; readonly etag?: string | undefined},
		signal?: AbortSignal,
	): Promise<S3Body>
}

/** Where neither options nor settings name one, servers of one's own take any, and Amazon's answer with the right one. */
const anyRegion = 'us-east-1'

/** Reads a bucket with Amazon's own client. Loading this module takes a moment: it is imported when a bucket is first asked for something. */
export async function openS3Reader(bucket: string, access: StoreAccess): Promise<S3Reader> {
	const {client, region} = await connect(access)
	return {
		region,

		async list(prefix, {next, most}, signal) {
			const page = await client.send(
				new ListObjectsV2Command({
					Bucket: bucket,
					Prefix: prefix,
					// Names with control characters cannot stand in XML as they are.
					EncodingType: 'url',
					...(next === undefined ? {} : {ContinuationToken: next}),
					...(most === undefined ? {} : {MaxKeys: most}),
				}),
				aborting(signal),
			)
			const decode = page.EncodingType === 'url' ? decoded : (key: string) => key
			if (
				page.IsTruncated === true &&
				(page.NextContinuationToken === undefined || page.NextContinuationToken === next)
			)
				throw new ListingStuckError('the listing goes on, but the server does not say where')
			return {
				objects: (page.Contents ?? []).flatMap(({Key, Size, LastModified}) =>
					Key === undefined ? [] : [{key: decode(Key), bytes: Size ?? 0, modifiedAtMs: LastModified?.getTime() ?? 0}],
				),
				next: page.IsTruncated === true ? page.NextContinuationToken : undefined,
			}
		},

		async head(key, signal) {
			const {ContentLength, LastModified} = await client.send(
				new HeadObjectCommand({Bucket: bucket, Key: key}),
				aborting(signal),
			)
			return {bytes: ContentLength ?? 0, modifiedAtMs: LastModified?.getTime() ?? 0}
		},

		async get(key, {offset, end, etag}, signal) {
			const isWhole = offset === 0 && end === undefined
			const {Body, ContentLength, ContentRange, ETag} = await client.send(
				new GetObjectCommand({
					Bucket: bucket,
					Key: key,
					...(isWhole ? {} : {Range: `bytes=${offset}-${end === undefined ? '' : end - 1}`}),
					...(etag === undefined ? {} : {IfMatch: etag}),
				}),
				aborting(signal),
			)
			const range = /^bytes (\d+)-\d+\/(\d+)$/.exec(ContentRange ?? '')
			return {
				totalBytes: range === null ? ContentLength : Number(range[2]),
				offset: range === null ? 0 : Number(range[1]),
				bytes: ContentLength,
				etag: ETag,
				chunks: Body as S3Body['chunks'],
			}
		},
	}
}

/** A server that cuts its listing off and gives nothing to continue with. */
export class ListingStuckError extends Error {
	override readonly name = 'ListingStuckError'
}

async function connect(access: StoreAccess): Promise<{readonly client: S3Client; readonly region: string}> {
	const client = new S3Client(settings(access))
	const region = await client.config.region().catch(() => undefined)
	if (region !== undefined) return {client: onlyReading(client), region}
	return {client: onlyReading(new S3Client(settings({...access, region: anyRegion}))), region: anyRegion}
}

function settings({endpoint, region}: StoreAccess): S3ClientConfig {
	return {
		...(endpoint === undefined ? {} : {endpoint, forcePathStyle: true}),
		...(region === undefined ? {} : {region}),
		followRegionRedirects: true,
		// A server other than Amazon's may not know the newer checksums.
		requestChecksumCalculation: 'WHEN_REQUIRED',
		responseChecksumValidation: 'WHEN_REQUIRED',
		// Backs off up to 20 s between attempts: about 15 s in all where the server says it is asked too often, 3 s for other failures.
		maxAttempts: 6,
		requestHandler: {
			connectionTimeout: 10_000,
			requestTimeout: 30_000,
			throwOnRequestTimeout: true,
			httpAgent: {maxSockets: 256},
			httpsAgent: {maxSockets: 256},
			// It would write to the terminal that the screen is drawn on.
			logger: silent,
		},
		logger: silent,
	}
}

const silent = {trace() {}, debug() {}, info() {}, warn() {}, error() {}}

/** Refuses whatever is no reading, should the client ever make such a request by itself. Credentials are fetched by clients of their own. */
function onlyReading(client: S3Client): S3Client {
	client.middlewareStack.add(
		next => async args => {
			const {request} = args
			const method = typeof request === 'object' && request !== null && 'method' in request ? request.method : undefined
			if (method !== 'GET' && method !== 'HEAD') throw new Error(`a request that is no reading: ${String(method)}`)
			return next(args)
		},
		{step: 'finalizeRequest', name: 'onlyReading'},
	)
	return client
}

function aborting(signal: AbortSignal | undefined): {readonly abortSignal?: AbortSignal} {
	return signal === undefined ? {} : {abortSignal: signal}
}

/** A form's encoding, in which a space may be a plus sign. What is none is left as it is. */
function decoded(key: string): string {
	try {
		return decodeURIComponent(key.replaceAll('+', ' '))
	} catch {
		return key
	}
}
