import {formatInstant, formatInZone} from '../../domain/time.ts'
import {formatLsn} from '../../domain/wal/lsn.ts'
import {readIncident} from '../incident.ts'
import type {GuideState, Incident, IncidentStep} from '../state.ts'
import {windowMinutes} from '../state.ts'
import {fieldView} from '../text-field.ts'
import type {Fact, IncidentView} from '../views.ts'
import {coverageBands} from './survey.ts'

const examples: readonly string[] = [
	'2026-04-01T09:41:23Z',
	'today 11:41 Europe/Berlin',
	'yesterday 23:10 UTC',
	'20 min ago',
	'xid 3770',
	'0/6DCE410',
	'table bond_reservations',
]

/** The question when it happened, with the UTC reading of what is typed so far. */
export function incidentView(state: GuideState, step: IncidentStep): IncidentView {
	const zoneTyped = step.zoneField?.text.trim()
	const reading = readIncident(step.field.text, state.now, zoneTyped === '' ? undefined : zoneTyped)
	const chosen = step.readings?.choices[step.readings.selected]
	const at = chosen ?? (reading.ok && reading.incident.kind === 'time' ? reading.incident.at : undefined)
	const facts: Fact[] = []
	if (at !== undefined) {
		facts.push({label: 'read as', value: formatInstant(at), tone: 'accent'})
		const own = state.zone === undefined ? undefined : formatInZone(at, state.zone)
		if (own !== undefined) facts.push({label: 'there', value: own, tone: 'dim'})
		const typedZone =
			reading.ok && reading.incident.kind === 'time' && reading.incident.zone.includes('/')
				? reading.incident.zone
				: undefined
		const typed = typedZone === undefined || typedZone === state.zone ? undefined : formatInZone(at, typedZone)
		if (typed !== undefined) facts.push({label: 'typed as', value: typed, tone: 'dim'})
	} else if (reading.ok) {
		facts.push(factOf(reading.incident))
	}
	const minutes = windowMinutes[step.windowIndex]
	return {
		screen: 'incident',
		field: fieldView(step.field, {
			label: 'when, or what',
			focused: step.zoneField === undefined && step.readings === undefined,
			placeholder: 'a time with its zone',
			problem: step.zoneField === undefined ? step.problem : undefined,
		}),
		zoneField:
			step.zoneField === undefined
				? undefined
				: fieldView(step.zoneField, {
						label: 'zone',
						focused: step.readings === undefined,
						placeholder: 'UTC, +02, Europe/Berlin',
						problem: step.problem,
					}),
		reading: facts,
		readings: (step.readings?.choices ?? []).map((choice, index) => ({
			text: `${formatInstant(choice)}   ${formatInZone(choice, step.readings?.zone ?? 'UTC') ?? ''}`,
			selected: index === step.readings?.selected,
		})),
		window:
			minutes === undefined
				? 'all that is archived since the base backup'
				: `${minutes >= 60 ? `${minutes / 60} h` : `${minutes} min`} before and after`,
		examples,
		band: coverageBands(step.survey, at === undefined ? undefined : {at, label: 'reported'})[0],
	}
}

function factOf(incident: Incident): Fact {
	const read = (value: string): Fact => ({label: 'read as', value, tone: 'accent'})
	switch (incident.kind) {
		case 'time':
			return read(formatInstant(incident.at))
		case 'lsn':
			return read(`LSN ${formatLsn(incident.lsn)}`)
		case 'xid':
			return read(`transaction ${incident.xid}`)
		case 'table':
			return read(`commits that touched ${incident.table}`)
		default:
			return incident satisfies never
	}
}
