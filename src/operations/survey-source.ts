import {codecOfFirstBytes} from '../domain/archive/codec.ts'
import type {SortedListing} from '../domain/archive/listing.ts'
import type {Codec} from '../domain/archive/survey.ts'
import {LayoutUnrecognizedError, UsageError} from '../domain/errors.ts'
import type {ArchiveStore, Codecs, RepositoryLayout, World} from '../ports.ts'

/** Where an archive is said to be: one location that holds everything, or WAL and base backups apart. */
export interface SourceRequest {
	readonly location?: string | undefined
	readonly archive?: string | undefined
	readonly backups?: readonly string[] | undefined
}

/** A store with its objects sorted. */
export interface ListedStore {
	readonly store: ArchiveStore
	readonly layout: RepositoryLayout
	readonly listing: SortedListing
}

/** A source, listed: where its WAL lies and where its base backups do. */
export interface ListedSource {
	readonly location: string
	readonly wal: ListedStore
	readonly backups: readonly ListedStore[]
}

const reportEvery = 500

/** Lists each store of the source once. Throws LayoutUnrecognizedError when there is no WAL segment where the WAL should be. */
export async function listSource(
	world: Pick<World, 'openStore' | 'layouts'>,
	request: SourceRequest,
	onListed: (objectCount: number) => void,
	signal: AbortSignal | undefined,
): Promise<ListedSource> {
	const walLocation = request.archive ?? request.location
	if (walLocation === undefined) {
		throw new UsageError('no WAL archive is named', ['give its location, or --archive <where> and --backups <where>'])
	}
	let objectCount = 0
	const listed = new Map<string, ListedStore>()
	const listAt = async (location: string) => {
		const store = world.openStore(location)
		const known = listed.get(store.location)
		if (known !== undefined) return known
		const sorters = world.layouts.map(layout => ({layout, sorter: layout.sort()}))
		for await (const object of store.list('', signal)) {
			for (const {sorter} of sorters) sorter.add(object)
			objectCount += 1
			if (objectCount % reportEvery === 0) onListed(objectCount)
		}
		const sortings = sorters.map(({layout, sorter}) => ({layout, listing: sorter.sorted()}))
		const fitting =
			sortings.find(({listing}) => listing.segments.length > 0) ??
			sortings.find(({listing}) => listing.backups.length > 0) ??
			sortings[0]
		if (fitting === undefined) throw new Error('no repository layout is known')
		const found = {store, ...fitting}
		listed.set(store.location, found)
		return found
	}

	const wal = await listAt(walLocation)
	onListed(objectCount)
	if (wal.listing.segments.length === 0) throw noSegments(wal, request)
	const backupLocations = request.backups ?? [request.location ?? walLocation]
	const backups: ListedStore[] = []
	for (const location of backupLocations) backups.push(await listAt(location))
	onListed(objectCount)
	return {location: wal.store.location, wal, backups: [...new Set(backups)]}
}

function noSegments({store, listing}: ListedStore, request: SourceRequest): LayoutUnrecognizedError {
	const {location} = store
	const whatAnArchiveIs = [
		'name the folder into which archive_command copies: it holds files with names of 24 hexadecimal digits, such as 000000010000000000000042, packed or not',
		'on the server, the question "show archive_command" tells where it archives',
	]
	if (listing.objectCount === 0) return new LayoutUnrecognizedError(`${location} is empty`, whatAnArchiveIs)
	if (listing.resembles !== undefined) {
		return new LayoutUnrecognizedError(
			`${location} looks like a repository of ${listing.resembles}, which this version of lastgood does not read`,
			[`let ${listing.resembles} put the WAL and a base backup into plain folders, and name those`],
		)
	}
	if (listing.backups.length > 0) {
		const backups = listing.backups.map(backup => (backup.key === '' ? 'itself' : backup.key)).slice(0, 3)
		return new LayoutUnrecognizedError(
			`${location} holds ${countText(listing.backups.length, 'base backup')} (${backups.join(', ')}) and no WAL segment outside of ${listing.backups.length === 1 ? 'it' : 'them'}`,
			[
				`name the WAL archive with --archive, and this folder with --backups${request.archive === undefined ? '' : ' only'}`,
				...whatAnArchiveIs,
			],
		)
	}
	if (listing.serverDirectories.length > 0) {
		const where = listing.serverDirectories[0] === '' ? location : `${location}/${listing.serverDirectories[0]}`
		return new LayoutUnrecognizedError(
			`${where} is the data directory of a PostgreSQL server, and ${location} holds no WAL archive`,
			whatAnArchiveIs,
		)
	}
	const others = [
		listing.histories.length > 0 ? 'timeline history files' : '',
		listing.partials.length > 0 ? 'partial segments' : '',
		listing.otherExamples.length > 0
			? `files such as ${listing.otherExamples
					.slice(0, 3)
					.map(key => JSON.stringify(key))
					.join(', ')}`
			: '',
	]
	return new LayoutUnrecognizedError(
		`${location} is no WAL archive: among its ${countText(listing.objectCount, 'file')} there is no WAL segment (it holds ${others.filter(text => text !== '').join(' and ')})`,
		whatAnArchiveIs,
	)
}

function countText(count: number, what: string): string {
	return `${count} ${what}${count === 1 ? '' : 's'}`
}

const mostTextBytes = 1024 * 1024

/** A small object's whole text, unpacked, and how it was packed. Throws ArchiveUnreachableError. What is longer than any such file is cut. */
export async function readText(
	codecs: Codecs,
	store: ArchiveStore,
	key: string,
	signal: AbortSignal | undefined,
): Promise<{readonly codec: Codec; readonly text: string}> {
	const codec = codecOfFirstBytes(await store.read(key, 0, 8, signal))
	const decoder = new TextDecoder()
	let text = ''
	for await (const chunk of codecs.content(store, {key, codec}, signal)) {
		text += decoder.decode(chunk, {stream: true})
		if (text.length > mostTextBytes) break
	}
	return {codec, text: text + decoder.decode()}
}
