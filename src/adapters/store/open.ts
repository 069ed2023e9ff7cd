import {UsageError} from '../../domain/errors.ts'
import type {ArchiveStore, StoreAccess} from '../../ports.ts'
import {createLocalStore} from './local.ts'
import {createS3Store} from './s3.ts'

/** The store of a location: a bucket for `s3://…`, else a folder. The environment may name the endpoint, as it does for Amazon's own programs. */
export function openStore(
	location: string,
	access: StoreAccess,
	env: Readonly<Record<string, string | undefined>>,
): ArchiveStore {
	const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(location)?.[1]?.toLowerCase()
	if (scheme === undefined) return createLocalStore(location)
	if (scheme !== 's3') {
		throw new UsageError(`an archive at ${scheme}:// cannot be read`, [
			'name a folder of this machine, or a bucket as s3://bucket/prefix',
			'a bucket of another service can be read where that service speaks S3: --endpoint',
		])
	}
	const named = [access.endpoint, env.AWS_ENDPOINT_URL_S3, env.AWS_ENDPOINT_URL].find(
		endpoint => endpoint !== undefined && endpoint !== '',
	)
	return createS3Store(location, {endpoint: named, region: access.region})
}
