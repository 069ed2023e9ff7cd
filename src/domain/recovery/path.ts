import type {BaseBackup, WalChain} from '../archive/survey.ts'
import type {RelationNames} from '../names.ts'
import type {Lsn} from '../wal/lsn.ts'
import type {DecodedWal} from '../wal/record.ts'
import type {TimelineHistory} from '../wal/timeline.ts'
import {type Prediction, predictStop, type RecoveryTarget} from './target.ts'

/** The decoded way from a base backup to the end of the archive: what boundaries are listed from and targets predicted on. */
export interface DecodedPath {
	readonly history: TimelineHistory
	/** undefined when there is no usable one: boundaries can be read all the same, nothing can be restored. */
	readonly backup: BaseBackup | undefined
	readonly chain: WalChain
	readonly wal: DecodedWal
	readonly segmentsRead: number
	readonly names: RelationNames
	readonly warnings: readonly string[]
}

/** What a target on this path keeps and loses, or why it cannot be reached. */
export function outlookOf(path: DecodedPath, target: RecoveryTarget): Prediction {
	return predictStop(target, path.wal, consistentLsnOf(path))
}

/** Where the backup of the path is consistent: its own record of its end, else the end of backup found in the WAL. */
export function consistentLsnOf({backup, wal}: Pick<DecodedPath, 'backup' | 'wal'>): Lsn {
	if (backup === undefined) return wal.fromLsn
	return backup.stopLsn ?? wal.facts.backupEnds.find(end => end.startLsn === backup.startLsn)?.endLsn ?? wal.endLsn
}
