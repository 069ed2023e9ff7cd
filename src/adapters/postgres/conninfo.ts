/** Connection parameters under libpq's keywords: `host`, `port`, `user`, `dbname`, `password`, `sslmode` and the rest. */
export type ConnectionKeywords = Readonly<Record<string, string>>

export type ConninfoReading =
	| {readonly ok: true; readonly keywords: ConnectionKeywords}
	/** The problem never quotes the text: there may be a password in it. */
	| {readonly ok: false; readonly problem: string}

/**
 * Reads a connection string as libpq does: `host=/run/postgresql port=5432 dbname=harbor`, values quoted with `'` where they
 * hold spaces, `\` before a quote or a backslash; or `postgres://user@host:port/dbname?sslmode=require`.
 */
export function parseConninfo(text: string): ConninfoReading {
	const trimmed = text.trim()
	return /^postgres(?:ql)?:\/\//.test(trimmed) ? parseUri(trimmed) : parseKeywords(trimmed)
}

const pair = /\s*([^\s=]+)\s*=\s*(?:'((?:[^'\\]|\\[\s\S])*)'|((?:[^\s'\\]|\\[\s\S])(?:[^\s\\]|\\[\s\S])*)?)(?=\s|$)/y

function parseKeywords(text: string): ConninfoReading {
	const keywords: Record<string, string> = {}
	pair.lastIndex = 0
	while (pair.lastIndex < text.length) {
		const found = pair.exec(text)
		if (found === null) {
			return {ok: false, problem: 'the connection string is no list of keyword=value, nor a postgres:// URI'}
		}
		const [, keyword = '', quoted, plain = ''] = found
		keywords[keyword] = (quoted ?? plain).replaceAll(/\\([\s\S])/g, '$1')
	}
	return {ok: true, keywords}
}

const uri = /^postgres(?:ql)?:\/\/(?:([^@/?#]*)@)?([^/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/

function parseUri(text: string): ConninfoReading {
	const [, credentials, hosts = '', database, query = ''] = uri.exec(text) ?? []
	if (uri.exec(text) === null) return {ok: false, problem: 'the postgres:// URI cannot be read'}
	const colon = credentials?.indexOf(':') ?? -1
	const places = hosts.split(',').map(place => /^(\[[^\]]*\]|[^:]*)(?::(\d*))?$/.exec(place))
	if (places.includes(null)) return {ok: false, problem: 'the postgres:// URI has no readable host and port'}
	try {
		const entries: (readonly [string, string])[] = [
			['user', decode(colon === -1 ? credentials : credentials?.slice(0, colon))],
			['password', decode(colon === -1 ? undefined : credentials?.slice(colon + 1))],
			['host', decode(places.map(place => place?.[1]?.replace(/^\[(.*)\]$/, '$1') ?? '').join(','))],
			['port', places.map(place => place?.[2] ?? '').join(',')],
			['dbname', decode(database)],
		]
		for (const parameter of query.split('&').filter(item => item !== '')) {
			const equals = parameter.indexOf('=')
			if (equals === -1) return {ok: false, problem: 'the postgres:// URI has a parameter without a value'}
			entries.push([decode(parameter.slice(0, equals)), decode(parameter.slice(equals + 1))])
		}
		return {ok: true, keywords: Object.fromEntries(entries.filter(([, value]) => value.replaceAll(',', '') !== ''))}
	} catch {
		return {ok: false, problem: 'the postgres:// URI holds a % that encodes nothing'}
	}
}

function decode(text: string | undefined): string {
	return decodeURIComponent(text ?? '')
}
