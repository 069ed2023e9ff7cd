/** JSON in which whole numbers beyond 2^53 stay exact, as bigint: LSNs and system identifiers are 64-bit integers. Undefined for what is no JSON. */
export function parseExactJson(text: string): unknown {
	const exact = (_key: string, value: unknown, context?: {readonly source?: string}) =>
		typeof value === 'number' && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? '')
			? BigInt(context?.source ?? 0)
			: value
	try {
		return JSON.parse(text, exact) as unknown
	} catch {
		return undefined
	}
}
