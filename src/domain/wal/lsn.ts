declare const lsnBrand: unique symbol

/** Byte position in the WAL. The start of a record unless the name says End. */
export type Lsn = bigint & {readonly [lsnBrand]: true}

const lsnText = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/
const largestLsn = 0xffff_ffff_ffff_ffffn

/** Reads `0/6DCE410`, zero-padded or not (pg_waldump pads in its prefix and not in its descriptions); undefined for anything else. */
export function parseLsn(text: string): Lsn | undefined {
	const parts = lsnText.exec(text)
	return parts === null ? undefined : lsnOfParts(parts[1] ?? '', parts[2] ?? '')
}

/** The LSN of the two hexadecimal halves as PostgreSQL prints them. Throws on anything that is not hexadecimal. */
export function lsnOfParts(high: string, low: string): Lsn {
	return ((BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`)) as Lsn
}

/** The LSN at this byte position. Throws a RangeError outside 0 to 2^64-1. */
export function lsnAt(bytePosition: bigint): Lsn {
	if (bytePosition < 0n || bytePosition > largestLsn) throw new RangeError(`no LSN at byte ${bytePosition}`)
	return bytePosition as Lsn
}

/** PostgreSQL's own spelling, without zero padding: `0/6DCE410`. */
export function formatLsn(lsn: Lsn): string {
	return `${(lsn >> 32n).toString(16).toUpperCase()}/${(lsn & 0xffff_ffffn).toString(16).toUpperCase()}`
}

/** Negative, zero or positive as `a` stands before, at or after `b` in the WAL. */
export function compareLsn(a: Lsn, b: Lsn): number {
	return a < b ? -1 : a > b ? 1 : 0
}

/** The LSN so many bytes further on. */
export function advanceLsn(lsn: Lsn, bytes: number | bigint): Lsn {
	return lsnAt(lsn + BigInt(bytes))
}

/** Bytes of WAL from `from` to `to`; negative when `to` stands before `from`. */
export function walBytesBetween(from: Lsn, to: Lsn): number {
	return Number(to - from)
}
