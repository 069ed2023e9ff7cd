import pg from 'pg'
import type {RestorePlan} from '../../domain/recovery/plan.ts'

const connectTimeoutMs = 3000

/** Its socket can be told not to keep lastgood running; the type of the package leaves that out. */
export type PrivateClient = pg.Client & {ref(): void; unref(): void}

/** A connection to the restored server, through its private socket as the bootstrap superuser, every value as text. */
export async function connectPrivately(
	plan: RestorePlan,
	database: string,
	settings: Readonly<Record<string, string>>,
): Promise<PrivateClient> {
	// Given outright, because pg fills what is missing from PG* variables, which may lead to another server.
	const client = new pg.Client({
		host: plan.socketDirectory,
		port: plan.port,
		user: plan.superuser,
		database,
		ssl: false,
		application_name: 'lastgood',
		client_encoding: 'UTF8',
		connectionTimeoutMillis: connectTimeoutMs,
		options: Object.entries({timezone: 'UTC', datestyle: 'ISO', ...unloaded, ...settings})
			.map(([name, value]) => `-c ${name}=${value.replace(/[\\\s]/g, '\\$&')}`)
			.join(' '),
		types: asText,
	}) as PrivateClient
	// A server that stops says so to every connection; who waits for an answer gets the error.
	client.on('error', () => {})
	try {
		await client.connect()
	} catch (error) {
		await client.end().catch(() => {})
		throw error
	}
	return client
}

/** The same, to a database that every cluster has: `postgres`, unless somebody dropped it, else template1. */
export async function connectSomewhere(
	plan: RestorePlan,
	settings: Readonly<Record<string, string>>,
): Promise<PrivateClient> {
	return connectPrivately(plan, 'postgres', settings).catch((error: unknown) => {
		if (sqlState(error) !== '3D000') throw error
		return connectPrivately(plan, 'template1', settings)
	})
}

/** Every value as the server writes it: numbers, times and arrays keep all of their digits. */
export const asText: pg.CustomTypesConfig = {getTypeParser: () => (value: string | Buffer) => value.toString()}

/** ALTER ROLE and ALTER DATABASE of the source may name libraries that are not here: what a connection asks for itself comes before. */
const unloaded = {session_preload_libraries: '', local_preload_libraries: ''}

/** SQLSTATE of a server's answer; undefined for any other error. */
export function sqlState(error: unknown): string | undefined {
	return error instanceof pg.DatabaseError ? error.code : undefined
}
