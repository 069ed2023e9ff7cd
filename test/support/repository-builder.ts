import {createHash} from 'node:crypto'
import {ArchiveBuilder, allBytes, builtSystemIdentifier, segmentContent, segmentName} from './archive-builder.ts'

/** Sections of an info file of pgBackRest: its values are JSON text. */
export type InfoSections = Readonly<Record<string, Readonly<Record<string, string>>>>

/** An info file of pgBackRest with the checksum that it carries. */
export function infoText(sections: InfoSections): string {
	const written = {backrest: {'backrest-format': '5', 'backrest-version': '"2.45"'}, ...sections}
	const pairs = (section: Readonly<Record<string, string>>) => Object.entries(section)
	const json = Object.entries(written).map(
		([title, section]) => `"${title}":{${pairs(section).map(([key, value]) => `"${key}":${value}`)}}`,
	)
	const checksum = createHash('sha1')
		.update(`{${json.join(',')}}`)
		.digest('hex')
	const lines = Object.entries(written).flatMap(([title, section]) => [
		`[${title}]`,
		...pairs(section).map(([key, value]) => `${key}=${value}`),
		'',
	])
	return [...lines, '[backrest]', `backrest-checksum="${checksum}"`, ''].join('\n')
}

/** A backup as `backup.info` of pgBackRest lists it. */
export interface BuiltPgBackRestBackup {
	readonly label: string
	readonly type: 'full' | 'diff' | 'incr'
	readonly startLsn: string
	readonly stopLsn: string
	readonly timeline?: number
	readonly prior?: string
	readonly references?: readonly string[]
	readonly dbId?: number
	readonly tablespaces?: readonly (readonly [number, string])[]
}

/** A stanza's lists of clusters, as archive.info and backup.info hold them. */
export function clusterSections(ids: readonly number[], systemIdentifier = builtSystemIdentifier): InfoSections {
	const last = ids.at(-1) ?? 1
	return {
		db: {'db-id': `${last}`, 'db-system-id': `${systemIdentifier}`, 'db-version': '"15"'},
		'db:history': Object.fromEntries(
			ids.map(id => [`${id}`, `{"db-id":${systemIdentifier},"db-system-id":${systemIdentifier},"db-version":"15"}`]),
		),
	}
}

export class RepositoryBuilder extends ArchiveBuilder {
	/** Segments as pgBackRest names them: by the sha1 of what they hold. */
	pgBackRestSegments(
		from: number,
		to: number,
		options: {
			readonly timeline?: number
			readonly pageTimeline?: number
			readonly stanza?: string
			readonly id?: string
		} = {},
	): this {
		const {timeline = 1, pageTimeline = timeline, stanza = 'main', id = '15-1'} = options
		for (let number = from; number <= to; number += 1) {
			const content = segmentContent({timeline, pageTimeline, number})
			const hash = createHash('sha1').update(allBytes(content)).digest('hex')
			const name = segmentName(timeline, number)
			this.put(`archive/${stanza}/${id}/${name.slice(0, 16)}/${name}-${hash}`, content)
		}
		return this
	}

	pgBackRest(
		backups: readonly BuiltPgBackRestBackup[],
		{stanza = 'main', ids = [1]}: {readonly stanza?: string; readonly ids?: readonly number[]} = {},
	): this {
		const clusters = clusterSections(ids)
		const current = backups.map(({label, type, startLsn, stopLsn, timeline = 1, prior, references, dbId = 1}) => [
			label,
			JSON.stringify({
				'backup-archive-start': segmentName(timeline, Number.parseInt(startLsn.split('/')[1] ?? '', 16) >> 20),
				'backup-error': false,
				'backup-info-size': 23_058_106,
				'backup-lsn-start': startLsn,
				'backup-lsn-stop': stopLsn,
				...(prior === undefined ? {} : {'backup-prior': prior}),
				...(references === undefined ? {} : {'backup-reference': references}),
				'backup-timestamp-start': 1795390826,
				'backup-timestamp-stop': 1795390828,
				'backup-type': type,
				'db-id': dbId,
			}),
		])
		const info = infoText({'backup:current': Object.fromEntries(current), ...clusters})
		for (const file of ['archive.info', 'archive.info.copy']) this.put(`archive/${stanza}/${file}`, infoText(clusters))
		for (const file of ['backup.info', 'backup.info.copy']) this.put(`backup/${stanza}/${file}`, info)
		for (const {label, tablespaces = []} of backups) {
			const targets = tablespaces.map(([oid, path]) => [
				`pg_tblspc/${oid}`,
				`{"path":"${path}","tablespace-id":"${oid}","tablespace-name":"ts","type":"link"}`,
			])
			this.put(
				`backup/${stanza}/${label}/backup.manifest`,
				infoText({'backup:target': {pg_data: '{"path":"/d","type":"path"}', ...Object.fromEntries(targets)}}),
			)
			this.put(`backup/${stanza}/${label}/pg_data/global/pg_control.zst`, 'packed')
		}
		return this
	}

	/** backup.info of a Barman backup, complete where nothing else is given. */
	barmanInfo(key: string, changes: Readonly<Record<string, string>> = {}): this {
		const values = {
			backup_label: 'None',
			begin_time: '2026-11-22 07:44:48.907210+00:00',
			begin_wal: segmentName(1, 2),
			begin_xlog: '0/200028',
			compression: 'None',
			end_time: '2026-11-22 07:45:00.575867+00:00',
			end_wal: segmentName(1, 2),
			end_xlog: '0/300000',
			error: 'None',
			mode: 'postgres',
			server_name: 'main',
			size: '23196046',
			status: 'DONE',
			systemid: `${builtSystemIdentifier}`,
			tablespaces: 'None',
			timeline: '1',
			version: '150018',
			xlog_segment_size: '1048576',
			...changes,
		}
		const lines = Object.entries(values).map(([name, value]) => `${name}=${value}\n`)
		return this.put(key, lines.join(''))
	}

	/** Segments in the folders of their first sixteen digits. */
	walFolders(from: number, to: number, folder: string, timeline = 1, suffix = ''): this {
		for (let number = from; number <= to; number += 1) {
			const name = segmentName(timeline, number)
			this.put(`${folder}/${name.slice(0, 16)}/${name}${suffix}`, segmentContent({timeline, number}))
		}
		return this
	}

	/** The sentinel of a WAL-G backup: LSNs are whole numbers beyond what a JSON number holds. */
	walgSentinel(name: string, values: Readonly<Record<string, bigint | string | number>>, prefix = ''): this {
		const fields = Object.entries(values).map(
			([key, value]) => `${JSON.stringify(key)}:${typeof value === 'string' ? JSON.stringify(value) : value}`,
		)
		return this.put(`${prefix}basebackups_005/${name}_backup_stop_sentinel.json`, `{${fields.join(',')}}`)
	}
}
