import type {Codec} from '../../domain/archive/survey.ts'
import {type RunningStream, stream} from '../process.ts'

/** A codec that a program of the system unpacks, from its standard input to its standard output. */
export interface UnpackTool {
	readonly program: string
	/** How to get the program where it is missing. */
	readonly install: string
	/**
	 * Length of the content as the packed bytes tell it, from their end. 0 where they break off, so that all of it is unpacked and the
	 * damage shows; undefined where only unpacking would tell.
	 */
	claimedBytes(readEnd: (bytes: number) => Promise<Uint8Array>): Promise<number | undefined>
}

/** The codecs that lastgood leaves to the system's own programs: those in JavaScript are ten times as slow. */
export const unpackTools: Readonly<Partial<Record<Codec, UnpackTool>>> = {
	bzip2: {
		program: 'bzip2',
		install: 'install it: package bzip2 on Debian, Ubuntu and RHEL',
		claimedBytes: async readEnd => (endsLikeBzip2(await readEnd(bzip2EndBytes)) ? undefined : 0),
	},
	xz: {
		program: 'xz',
		install: 'install it: package xz-utils on Debian and Ubuntu, xz on RHEL and with Homebrew',
		claimedBytes: async readEnd => xzContentBytes(await readEnd(xzEndBytes)),
	},
}

/** The program is not there; what else went wrong is told by `UnpackFailed`. */
export class UnpackToolMissing extends Error {}

/** The program refused what it was given, in its own words. */
export class UnpackFailed extends Error {}

/** Pipes packed bytes through a program. Throws what the giver of the bytes throws, UnpackToolMissing, or UnpackFailed. Leaving early ends the program. */
export async function* unpackWith(
	program: string,
	packed: AsyncIterable<Uint8Array>,
	signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
	let failure: {readonly error: unknown} | undefined
	async function* input() {
		try {
			yield* packed
		} catch (error) {
			failure = {error}
		}
	}
	const running = stream(program, ['-dc'], {input: input(), signal})
	yield* outputOf(running)
	const ending = await running.finished
	if (failure !== undefined) throw failure.error
	if (ending.exitCode !== 0)
		throw new UnpackFailed(firstLine(ending.stderr) ?? `${program} ended with ${ending.exitCode ?? ending.signal}`)
}

async function* outputOf({stdout}: RunningStream): AsyncGenerator<Uint8Array> {
	try {
		yield* stdout
	} catch (error) {
		if (error instanceof Error && codeOf(error.cause) === 'ENOENT')
			throw new UnpackToolMissing(error.message, {cause: error})
		throw error
	}
}

/** Both programs begin with their own name and `(stdin): `, and go on with advice for people at a terminal. */
function firstLine(stderr: string): string | undefined {
	const line = stderr.split('\n').find(text => text.trim() !== '')
	return line?.replace(/^\w+: /, '').replace(/^\(stdin\): /, '')
}

function codeOf(error: unknown): string | undefined {
	return error instanceof Error && 'code' in error ? String(error.code) : undefined
}

const bzip2EndBytes = 11
const bzip2EndMark = 0x177245385090n

/** The end mark (48 bits) and a checksum (32) close the last stream, followed by up to 7 bits that fill its last byte. */
function endsLikeBzip2(end: Uint8Array): boolean {
	const bits = end.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n)
	return Array.from({length: 8}, (_, filling) => (bits >> BigInt(32 + filling)) & 0xffff_ffff_ffffn).includes(
		bzip2EndMark,
	)
}

/** Enough for the footer and an index of a few hundred blocks; a segment of any size has one, or one for each thread that packed it. */
const xzEndBytes = 4096
const xzFooterBytes = 12

/** The sum that the index of the last stream gives (xz-file-format §4); undefined for an index that is longer than what was read. */
function xzContentBytes(end: Uint8Array): number | undefined {
	const footerAt = end.byteLength - xzFooterBytes
	if (footerAt < 0 || end[footerAt + 10] !== 0x59 || end[footerAt + 11] !== 0x5a) return 0
	const view = new DataView(end.buffer, end.byteOffset, end.byteLength)
	const indexBytes = (view.getUint32(footerAt + 4, true) + 1) * 4
	let at = footerAt - indexBytes
	if (at < 0) return undefined
	if (end[at] !== 0) return 0
	at += 1
	const next = () => {
		let value = 0
		for (let scale = 1; ; scale *= 128) {
			const byte = end[at] ?? 0
			at += 1
			value += (byte & 0x7f) * scale
			if (byte < 0x80 || at >= footerAt) return value
		}
	}
	let blocks = next()
	let contentBytes = 0
	for (; blocks > 0 && at < footerAt; blocks -= 1) {
		next()
		contentBytes += next()
	}
	return contentBytes
}
