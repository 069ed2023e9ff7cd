import {existsSync} from 'node:fs'
import {delimiter, join} from 'node:path'
import {stream} from '../../src/adapters/process.ts'

/** What a packer of this machine makes of these bytes, given through a pipe. */
export async function packWith(
	program: string,
	args: readonly string[],
	content: Uint8Array,
): Promise<Uint8Array<ArrayBuffer>> {
	const running = stream(program, args, {input: content})
	const packed = Buffer.concat(await Array.fromAsync(running.stdout))
	const {exitCode, stderr} = await running.finished
	if (exitCode !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr}`)
	return new Uint8Array(packed)
}

/** Why a test that needs a program must be skipped; undefined where the program is there. */
export function missingProgram(program: string): string | undefined {
	const found = (process.env.PATH ?? '').split(delimiter).some(folder => existsSync(join(folder, program)))
	return found ? undefined : `${program} is not installed on this machine`
}
