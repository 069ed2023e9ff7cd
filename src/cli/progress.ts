import {paceOf} from '../domain/recovery/progress.ts'
import {describeBytes, describeDuration, isolatedText} from '../domain/text.ts'
import {addMs, formatInstant, type UtcInstant} from '../domain/time.ts'
import {formatLsn} from '../domain/wal/lsn.ts'
import type {RestoreNews} from '../operations/restore.ts'

/** Tells one thing: as a line of the JSON stream, or as a line for people. */
export type Tell = (event: Record<string, unknown>, text: string) => void

/** Progress is told at each tenth, and no seldomer than this. */
const tellEveryMs = 2000

/** Tells the news of a restore as they come; of its progress what is worth a line. */
export function newsTeller(now: () => UtcInstant, tell: Tell): (news: RestoreNews) => void {
	let startedAt = now()
	let toldAt: UtcInstant | undefined
	let toldTenth = -1

	function isWorthTelling(doneBytes: number, totalBytes: number): boolean {
		const tenth = totalBytes === 0 ? 10 : Math.floor((doneBytes * 10) / totalBytes)
		const at = now()
		if (tenth === toldTenth && toldAt !== undefined && at < addMs(toldAt, tellEveryMs)) return false
		toldTenth = tenth
		toldAt = at
		return true
	}

	return news => {
		switch (news.type) {
			case 'stepStarted':
				startedAt = now()
				toldAt = undefined
				tell({event: 'step', step: news.step, state: 'started'}, `${news.step} …`)
				break
			case 'stepFinished': {
				const notes = news.notes.length > 0 ? ` (${isolatedText(news.notes.join('; '))})` : ''
				tell({event: 'step', step: news.step, state: 'finished', notes: news.notes}, `${news.step}: done${notes}`)
				break
			}
			case 'copyProgressed': {
				const {doneBytes, totalBytes} = news.progress
				if (!isWorthTelling(doneBytes, totalBytes)) break
				const pace = paceOf(startedAt, now(), doneBytes, totalBytes)
				tell(
					{event: 'progress', phase: 'copying', doneBytes, totalBytes, ...paceJson(pace)},
					`  copied ${describeBytes(doneBytes)} of ${describeBytes(totalBytes)}${paceText(pace)}`,
				)
				break
			}
			case 'replayProgressed': {
				const {doneBytes, totalBytes, replayEndLsn, replayedAt} = news.replay
				if (!isWorthTelling(doneBytes, totalBytes)) break
				const replayLsn = replayEndLsn === undefined ? null : formatLsn(replayEndLsn)
				tell(
					{
						event: 'progress',
						phase: 'replaying',
						doneBytes,
						totalBytes,
						...paceJson(news.replay),
						replayLsn,
						replayedAt: replayedAt === undefined ? null : formatInstant(replayedAt),
						// The server fetches segment by segment: nothing is fetched ahead of it.
						segmentsAhead: 0,
						bottleneck: 'unknown',
					},
					replayLsn === null ? '  the server is starting' : `  replayed to ${replayLsn}${paceText(news.replay)}`,
				)
				break
			}
			default:
				news satisfies never
		}
	}
}

interface Pace {
	readonly bytesPerSecond: number | undefined
	readonly etaMs: number | undefined
}

function paceJson({bytesPerSecond, etaMs}: Pace): Record<string, number | null> {
	return {
		bytesPerSecond: bytesPerSecond === undefined ? null : Math.round(bytesPerSecond),
		etaMs: etaMs === undefined ? null : Math.round(etaMs),
	}
}

function paceText({bytesPerSecond, etaMs}: Pace): string {
	if (bytesPerSecond === undefined || etaMs === undefined) return ''
	return `, ${describeBytes(bytesPerSecond)}/s, ${describeDuration(etaMs)} left`
}
