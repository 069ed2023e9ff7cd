import type {Lsn} from './lsn.ts'
import {parseLsn} from './lsn.ts'

declare const timelineBrand: unique symbol

/** A branch of WAL history, from 1. Decimal everywhere but in file names. */
export type TimelineId = number & {readonly [timelineBrand]: true}

/** The timeline of this number; undefined when it is none. */
export function timelineId(number: number): TimelineId | undefined {
	return Number.isInteger(number) && number > 0 && number <= 0xffff_ffff ? (number as TimelineId) : undefined
}

/** The first timeline of every cluster. */
export const firstTimeline = 1 as TimelineId

/** Eight hexadecimal digits as file names carry them: timeline 17 is `00000011`. */
export function timelineHex(timeline: TimelineId): string {
	return timeline.toString(16).toUpperCase().padStart(8, '0')
}

/** Reads the eight digits of a file name; undefined for timeline 0, which does not exist. */
export function parseTimelineHex(text: string): TimelineId | undefined {
	return /^[0-9A-F]{8}$/.test(text) ? timelineId(Number.parseInt(text, 16)) : undefined
}

/** One line of a timeline history file: replay leaves `parent` at `switchLsn`. */
export interface TimelineSwitch {
	readonly parent: TimelineId
	readonly switchLsn: Lsn
	readonly reason: string
}

/** Where a timeline comes from, oldest ancestor first. Timeline 1 has no switches and no file. */
export interface TimelineHistory {
	readonly timeline: TimelineId
	readonly switches: readonly TimelineSwitch[]
}

export type HistoryReading =
	| {readonly ok: true; readonly history: TimelineHistory}
	| {readonly ok: false; readonly problem: string}

/** File name of a timeline's history. */
export function historyFileName(timeline: TimelineId): string {
	return `${timelineHex(timeline)}.history`
}

/**
 * Reads a timeline history file as timeline.c readTimeLineHistory does: blank and `#` lines skipped, the parent
 * decimal, strictly increasing, below the timeline itself; a reason may be followed by an empty line of its own.
 */
export function parseTimelineHistory(timeline: TimelineId, text: string): HistoryReading {
	const switches: TimelineSwitch[] = []
	for (const line of text.split('\n')) {
		if (line.trim() === '' || line.trimStart().startsWith('#')) continue
		const [, parentText = '', lsnText = '', reason = ''] = /^\s*(\d+)\s+(\S+)\s*(.*)$/.exec(line) ?? []
		const parent = timelineId(Number(parentText))
		const switchLsn = parseLsn(lsnText)
		if (parent === undefined || switchLsn === undefined)
			return {ok: false, problem: `line ${JSON.stringify(line)} is no parent timeline with a switch point`}
		if (parent <= (switches.at(-1)?.parent ?? 0)) return {ok: false, problem: `timeline ${parent} stands out of order`}
		if (parent >= timeline) return {ok: false, problem: `parent timeline ${parent} is not below timeline ${timeline}`}
		switches.push({parent, switchLsn, reason: reason.trim()})
	}
	return switches.length === 0
		? {ok: false, problem: 'it names no parent timeline'}
		: {ok: true, history: {timeline, switches}}
}

/** The history of timeline 1. */
export const firstHistory: TimelineHistory = {timeline: firstTimeline, switches: []}

/** Where this timeline left its parent; undefined for a timeline without a parent. */
export function forkOf(history: TimelineHistory): TimelineSwitch | undefined {
	return history.switches.at(-1)
}

/** The timeline whose records stand at this LSN on the way to the history's own timeline. */
export function timelineAt(history: TimelineHistory, lsn: Lsn): TimelineId {
	return history.switches.find(step => lsn < step.switchLsn)?.parent ?? history.timeline
}
