import {codecOfFirstBytes} from '../domain/archive/codec.ts'
import {type SortedListing, shownKey} from '../domain/archive/listing.ts'
import type {Codec, Survey} from '../domain/archive/survey.ts'
import {LayoutUnrecognizedError, UsageError} from '../domain/errors.ts'
import type {ArchiveStore, Codecs, LaidOutArchive, RepositoryLayout, World} from '../ports.ts'

/** Where an archive is said to be: one location that holds everything, or WAL and base backups apart. */
export interface SourceRequest {
	readonly location?: string | undefined
	readonly archive?: string | undefined
	readonly backups?: readonly string[] | undefined
	/** How it is arranged; seen by itself when absent. */
	readonly layout?: Survey['layout'] | undefined
	/** Which archive of a repository that holds several, by the tool's own name. */
	readonly archiveName?: string | undefined
	/** Of buckets among them. */
	readonly endpoint?: string | undefined
	readonly region?: string | undefined
}

/** A store with its objects sorted. */
export interface ListedStore {
	readonly store: ArchiveStore
	readonly layout: RepositoryLayout
	readonly listing: SortedListing
	readonly recorded: LaidOutArchive['recorded']
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
		const store = world.openStore(location, {endpoint: request.endpoint, region: request.region})
		const known = listed.get(store.location)
		if (known !== undefined) return known
		const sorters = world.layouts
			.filter(({name}) => request.layout === undefined || name === request.layout)
			.map(layout => ({layout, sorter: layout.sort()}))
		for await (const object of store.list('', signal)) {
			for (const {sorter} of sorters) sorter.add(object)
			objectCount += 1
			if (objectCount % reportEvery === 0) onListed(objectCount)
		}
		const archives = sorters.flatMap(({layout, sorter}) => sorter.archives().map(archive => ({layout, archive})))
		const {layout, archive} = chooseArchive(archives, store, request)
		const found = {store, layout, listing: archive.listing, recorded: archive.recorded}
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

interface FoundArchive {
	readonly layout: RepositoryLayout
	readonly archive: LaidOutArchive
}

/** The archive that is meant: the first layout that finds WAL, else base backups, else anything. Throws UsageError where a repository holds several and none is named. */
function chooseArchive(
	found: readonly FoundArchive[],
	store: ArchiveStore,
	{archiveName, layout}: SourceRequest,
): FoundArchive {
	const named = found.filter(({archive}) => archiveName === undefined || archive.name === archiveName)
	// Layouts stand in the order of how much shows them: plain, which anything may be, is the last.
	const best = named.find(({archive}) => archive.listing.segments.length > 0) ?? named[0]
	const others = found.filter(candidate => candidate.layout === (best ?? found[0])?.layout)
	const names = others.map(({archive}) => archive.name).filter(name => name !== '')
	const nameOne =
		names.length === 0 ? [] : [`name one of them with --stanza or --server: ${names.map(shownKey).join(', ')}`]
	if (best === undefined) {
		if (archiveName !== undefined) {
			throw new UsageError(`${store.location} holds no archive of the name ${JSON.stringify(archiveName)}`, [
				...nameOne,
				'or leave the name out',
			])
		}
		throw new LayoutUnrecognizedError(`${store.location} is no repository of the layout ${layout ?? 'any'}`, [
			'leave --layout out: lastgood tells the layout by what is there',
		])
	}
	const holdsWal = ({archive}: FoundArchive) => archive.listing.segments.length > 0
	const rivals = others.filter(
		other => !other.archive.isFormer && other.archive !== best.archive && (holdsWal(other) || !holdsWal(best)),
	)
	if (archiveName !== undefined || rivals.length === 0) {
		// A former cluster's WAL is read only when it is asked for by name.
		const present = others.find(({archive}) => !archive.isFormer)
		return archiveName === undefined && best.archive.isFormer && present !== undefined ? present : best
	}
	throw new UsageError(`${store.location} holds ${names.length} archives (${best.layout.name})`, nameOne)
}

function noSegments({store, layout, listing}: ListedStore, request: SourceRequest): LayoutUnrecognizedError {
	const {location} = store
	const whatAnArchiveIs = [
		'name the folder into which archive_command copies: it holds files with names of 24 hexadecimal digits, such as 000000010000000000000042, packed or not',
		'on the server, the question "show archive_command" tells where it archives',
	]
	if (layout.name !== 'plain') {
		return new LayoutUnrecognizedError(
			`${location} is a repository (${layout.name}), and there is no WAL segment in it`,
			[
				'name the folder that holds the whole repository, with its WAL',
				'or name the WAL archive with --archive, and this folder with --backups only',
			],
		)
	}
	if (listing.objectCount === 0) return new LayoutUnrecognizedError(`${location} is empty`, whatAnArchiveIs)
	if (listing.backups.length > 0) {
		const backups = listing.backups.map(backup => (backup.key === '' ? 'itself' : shownKey(backup.key))).slice(0, 3)
		return new LayoutUnrecognizedError(
			`${location} holds ${countText(listing.backups.length, 'base backup')} (${backups.join(', ')}) and no WAL segment outside of ${listing.backups.length === 1 ? 'it' : 'them'}`,
			[
				`name the WAL archive with --archive, and this folder with --backups${request.archive === undefined ? '' : ' only'}`,
				...whatAnArchiveIs,
			],
		)
	}
	if (listing.serverDirectories.length > 0) {
		const [first = ''] = listing.serverDirectories
		return new LayoutUnrecognizedError(
			first === ''
				? `${location} is the data directory of a PostgreSQL server, not a WAL archive`
				: `${location} holds the data directory of a PostgreSQL server (${shownKey(first)}) and no WAL archive`,
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
	mostBytes: number = mostTextBytes,
): Promise<{readonly codec: Codec; readonly text: string}> {
	const codec = codecOfFirstBytes(await store.read(key, 0, 8, signal))
	const decoder = new TextDecoder()
	let text = ''
	for await (const chunk of codecs.content(store, {key, codec}, signal)) {
		text += decoder.decode(chunk, {stream: true})
		if (text.length > mostBytes) break
	}
	return {codec, text: text + decoder.decode()}
}
