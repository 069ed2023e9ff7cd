import {ArchiveUnreachableError} from '../../src/domain/errors.ts'
import type {UtcInstant} from '../../src/domain/time.ts'
import {instantAt} from '../../src/domain/time.ts'
import type {ArchiveStore, StoredObject} from '../../src/ports.ts'

/** What an object of a memory store holds: all of its bytes, or the first of so many, the rest being zeros. */
export type MemoryContent = Uint8Array | {readonly head: Uint8Array; readonly bytes: number}

/** A store in memory, with the requests that were made of it. */
export interface MemoryStore extends ArchiveStore {
	readonly objects: Map<string, {readonly content: MemoryContent; readonly modifiedAt: UtcInstant}>
	readonly requests: {
		readonly call: 'list' | 'stat' | 'read' | 'stream'
		readonly key: string
		readonly bytes: number
	}[]
}

/** Stands in for any store that has no paths on this machine; held to the contract of stores. */
export function createMemoryStore(
	contents: ReadonlyMap<string, MemoryContent> = new Map(),
	location = 'memory:archive',
): MemoryStore {
	const objects = new Map([...contents].map(([key, content]) => [key, {content, modifiedAt: instantAt(0n)}]))
	const requests: MemoryStore['requests'] = []

	function objectAt(key: string): StoredObject | undefined {
		const object = objects.get(key)
		return object === undefined ? undefined : {key, bytes: sizeOf(object.content), modifiedAt: object.modifiedAt}
	}

	function bytesOf(key: string, offset: number, length: number): Uint8Array {
		const object = objects.get(key)
		if (object === undefined)
			throw new ArchiveUnreachableError(`${key} is not in the archive any more`, ['survey the source again'])
		const {content} = object
		if (content instanceof Uint8Array) return content.slice(offset, offset + length)
		const bytes = new Uint8Array(Math.max(0, Math.min(length, content.bytes - offset)))
		bytes.set(content.head.subarray(offset, offset + bytes.byteLength))
		return bytes
	}

	return {
		kind: 's3',
		location,
		objects,
		requests,
		localPath: () => undefined,
		async *list(prefix, signal) {
			requests.push({call: 'list', key: prefix, bytes: 0})
			for (const key of objects.keys()) {
				signal?.throwIfAborted()
				const object = key.startsWith(prefix) ? objectAt(key) : undefined
				if (object !== undefined) yield object
			}
		},
		async stat(key, signal) {
			signal?.throwIfAborted()
			requests.push({call: 'stat', key, bytes: 0})
			return objectAt(key)
		},
		async read(key, offset, length, signal) {
			signal?.throwIfAborted()
			const bytes = bytesOf(key, offset, length)
			requests.push({call: 'read', key, bytes: bytes.byteLength})
			return bytes
		},
		async *stream(key, signal) {
			signal?.throwIfAborted()
			const total = objectAt(key)?.bytes ?? 0
			const chunk = 64 * 1024
			if (total === 0) bytesOf(key, 0, 0)
			for (let offset = 0; offset < total; offset += chunk) {
				signal?.throwIfAborted()
				const bytes = bytesOf(key, offset, chunk)
				requests.push({call: 'stream', key, bytes: bytes.byteLength})
				yield bytes
			}
		},
	}
}

function sizeOf(content: MemoryContent): number {
	return content instanceof Uint8Array ? content.byteLength : content.bytes
}
