import {Agent, createServer, type IncomingMessage, request, type ServerResponse} from 'node:http'
import type {AddressInfo, Socket} from 'node:net'
import {setTimeout as sleep} from 'node:timers/promises'

/** What the proxy does with a request instead of passing it on, or on the way. */
export type Fault =
	/** An error as S3 writes it; without a body on HEAD. */
	| {
			readonly kind: 'error'
			readonly status: number
			readonly code: string
			readonly more?: string
			readonly headers?: Readonly<Record<string, string>>
	  }
	/** An answer of something else than the S3 server. */
	| {readonly kind: 'page'; readonly status: number; readonly body: string | Uint8Array}
	/** The connection is closed before anything is answered. */
	| {readonly kind: 'reset'}
	/** The answer begins as it should and then breaks off, or stands still. */
	| {readonly kind: 'cut' | 'stall'; readonly afterBytes: number}
	| {readonly kind: 'delay'; readonly ms: number}

export interface ProxiedRequest {
	readonly method: string
	readonly path: string
	readonly range: string | undefined
}

/** Stands in front of an S3 server, or of none, and fails as it is told. */
export interface S3Proxy {
	readonly endpoint: string
	/** Everything that was asked, in order. */
	readonly requests: ProxiedRequest[]
	/** Every request waits so long. */
	latencyMs: number
	/** The most requests that were under way at once. */
	readonly mostAtOnce: number
	readonly connectionCount: number
	/** Lets requests that match fail, the first `times` of them. */
	fail(matches: (request: ProxiedRequest) => boolean, fault: Fault, times?: number): void
	close(): Promise<void>
}

/** Starts a proxy in front of a server; without one, what meets no fault is answered with status 500. */
export async function startS3Proxy(upstream?: string): Promise<S3Proxy> {
	const agent = new Agent({keepAlive: true})
	const faults: {readonly matches: (request: ProxiedRequest) => boolean; readonly fault: Fault; left: number}[] = []
	const requests: ProxiedRequest[] = []
	const sockets = new Set<Socket>()
	let atOnce = 0

	function faultFor(asked: ProxiedRequest): Fault | undefined {
		const found = faults.find(({matches, left}) => left > 0 && matches(asked))
		if (found !== undefined) found.left -= 1
		return found?.fault
	}

	async function answer(from: IncomingMessage, to: ServerResponse): Promise<void> {
		const asked: ProxiedRequest = {method: from.method ?? '', path: from.url ?? '', range: from.headers.range}
		requests.push(asked)
		const fault = faultFor(asked)
		if (proxy.latencyMs > 0) await sleep(proxy.latencyMs)
		switch (fault?.kind) {
			case 'error': {
				const body = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${fault.code}</Code><Message>${fault.code}</Message>${fault.more ?? ''}</Error>`
				to.writeHead(fault.status, {'content-type': 'application/xml', ...fault.headers})
				to.end(asked.method === 'HEAD' ? undefined : body)
				return
			}
			case 'page':
				to.writeHead(fault.status, {'content-type': 'text/html'})
				to.end(fault.body)
				return
			case 'reset':
				from.socket.resetAndDestroy()
				return
			case 'delay':
				await sleep(fault.ms)
				break
			case 'cut':
			case 'stall':
			case undefined:
				break
			default:
				fault satisfies never
		}
		passOn(from, to, fault)
	}

	function passOn(from: IncomingMessage, to: ServerResponse, fault: Fault | undefined): void {
		if (upstream === undefined) {
			to.writeHead(500)
			to.end()
			return
		}
		// The signature covers the name of the host: it is passed on as it came.
		const onward = request(new URL(from.url ?? '/', upstream), {
			agent,
			method: from.method ?? 'GET',
			headers: from.headers,
			setHost: false,
			// Not the one of the URL class, which shortens paths with dots.
			path: from.url ?? '/',
		})
		onward.on('error', () => from.socket.destroy())
		to.on('close', () => onward.destroy())
		onward.on('response', response => {
			to.writeHead(response.statusCode ?? 502, response.headers)
			let left = fault?.kind === 'cut' || fault?.kind === 'stall' ? fault.afterBytes : Number.POSITIVE_INFINITY
			const breakOff = () => setTimeout(() => from.socket.destroy(), 20)
			to.flushHeaders()
			if (left === 0 && fault?.kind === 'cut') breakOff()
			response.on('error', () => from.socket.destroy())
			response.on('data', (chunk: Uint8Array) => {
				if (left <= 0) return
				to.write(chunk.subarray(0, left))
				left -= chunk.byteLength
				if (left <= 0 && fault?.kind === 'cut') breakOff()
			})
			response.on('end', () => {
				if (left > 0) to.end()
			})
		})
		from.pipe(onward)
	}

	const server = createServer((from, to) => {
		atOnce += 1
		proxy.mostAtOnce = Math.max(proxy.mostAtOnce, atOnce)
		to.on('close', () => {
			atOnce -= 1
		})
		answer(from, to).catch(() => from.socket.destroy())
	})
	server.on('connection', socket => {
		socket.setNoDelay(true)
		proxy.connectionCount += 1
		sockets.add(socket)
		socket.on('close', () => sockets.delete(socket))
	})
	await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
	const proxy = {
		endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
		requests,
		latencyMs: 0,
		mostAtOnce: 0,
		connectionCount: 0,
		fail(matches: (request: ProxiedRequest) => boolean, fault: Fault, times = Number.POSITIVE_INFINITY) {
			faults.push({matches, fault, left: times})
		},
		async close() {
			agent.destroy()
			for (const socket of sockets) socket.destroy()
			await new Promise(resolve => server.close(resolve))
		},
	}
	return proxy
}
