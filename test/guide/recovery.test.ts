import {expect, test} from 'vitest'
import {planSteps} from '../../src/domain/recovery/plan.ts'
import {beforeReleaseJob, lsn, morning, path, plan, survey, utc} from '../support/builders.ts'
import {decodedBatch, heldEvent, makesPlan, story} from './story.ts'

test('the whole recovery goes from the survey to a promoted cluster', () => {
	const told = story({zone: 'Europe/Berlin'})
	const {operator, world, screen} = told

	// Survey.
	screen.is('survey')
	screen.shows('looking at what lies there', 'read-only')
	world.answers('survey', {type: 'surveyProgressed', text: 'page headers: 2 of 3'})
	screen.shows('page headers: 2 of 3')
	world.answers('survey', {type: 'surveyed', survey: survey()})
	screen.shows(
		'PostgreSQL: 15  (page magic D110)',
		'system identifier: 7710895412341931179',
		'archive: plain, local: 3 WAL segments of 16.8 MB',
		'base-0401  1  2026-04-01 01:00:07Z  41.0 MB  ✔ yes',
		'recoverable up to the commit of 2026-04-01T09:44:02.000000Z',
	)
	operator.accepts()

	// Incident: as people say it, in their zone.
	screen.is('incident')
	operator.types('today 11:41:23 Europe/Berlin')
	screen.shows(
		'read as: 2026-04-01T09:41:23.000000Z',
		'there: 2026-04-01 11:41:23 Europe/Berlin',
		'5 min before and after',
	)
	operator.accepts()

	// Boundaries, while they are decoded and after.
	screen.is('boundaries')
	expect(world.wasAsked('decode')).toMatchObject({from: utc('09:36:23')})
	screen.shows('decoding …', 'table names: asking')
	world.answers(
		'decode',
		{type: 'decodingStarted', backup: survey().backups[0], segmentCount: 3},
		decodedBatch(morning),
	)
	screen.shows('1 of 3 segments, 8 boundaries', 'relation 16402 ~841, relation 16410 -841')
	world.answers('decode', {type: 'decodingFinished', path: path()})
	screen.shows(
		'Commits, 5 min before and after 2026-04-01T09:41:23.000000Z',
		'> 09:41:23.501967  0/5400070  3770  commit  503 ms  bond_reservations ~841, gsi_open_by_issuer -841',
		'table names: live primary',
	)
	operator.accepts()

	// Target: what it keeps and loses.
	screen.is('target')
	screen.shows(
		'marked as bad: xid 3770, commit at 0/5400070',
		'> before it, by LSN  0/5400070  0/5300060  4  recommended',
		'last kept commit: 2026-04-01T09:41:22.998731Z  0/5300060  xid 3768',
		'first lost commit: 2026-04-01T09:41:23.501967Z  0/5400070  xid 3770',
		'given up: the bad one and 3 legitimate commits after it',
		'xid 3769 began at 0/5390000, commits later: lost',
	)
	operator.accepts()

	// Plan: what is shown is what is executed.
	screen.is('plan')
	screen.shows('checking the destination, the chain of WAL and the base backup', 'restore into [/restore/harbor]')
	expect(world.wasAsked('plan')).toEqual({
		type: 'plan',
		request: 1,
		path: path(),
		target: beforeReleaseJob,
		destination: '/restore/harbor',
		incident: {typed: 'today 11:41:23 Europe/Berlin', at: utc('09:41:23'), zone: 'Europe/Berlin'},
	})
	const made = plan()
	makesPlan(told, made)
	for (const {what} of planSteps(made)) screen.shows(what)
	for (const [name, value] of made.settings) screen.shows(`${name}: ${value === '' ? "''" : value}`)
	screen.shows(...made.disarmed, 'stops: lsn 0/5400070, exclusive, timeline 1')
	operator.accepts()

	// Confirm: with the destination's own name.
	screen.is('confirm')
	screen.shows('type harbor to start', 'writes into: /restore/harbor', '/archive is only read', 'read-only')
	operator.types('harbor')
	operator.accepts()

	// Restore: copy, then replay.
	screen.is('restore')
	screen.shows('writes /restore/harbor')
	expect(world.wasAsked('restore')).toMatchObject({plan: made, how: 'the operator typed harbor'})
	world.answers(
		'restore',
		{type: 'stepStarted', step: 'create-directories'},
		{type: 'stepFinished', step: 'create-directories', notes: []},
		{type: 'stepStarted', step: 'copy-base-backup'},
	)
	world.answers('restore', {
		type: 'copyProgressed',
		progress: {doneBytes: 20_500_000, totalBytes: 41_000_000, doneFiles: 600, totalFiles: 1296},
	})
	screen.shows('20.5 MB of 41.0 MB, 600 of 1296 files, 20.5 MB/s, 1.0 s left')
	world.answers(
		'restore',
		{type: 'stepFinished', step: 'copy-base-backup', notes: ['1296 files, 41000000 bytes']},
		{type: 'stepStarted', step: 'replay'},
		{
			type: 'replayProgressed',
			replay: {
				accepting: true,
				replayEndLsn: lsn('0/5200028'),
				replayedAt: utc('09:40:58.120001'),
				doneBytes: 2_000_000,
				totalBytes: 4_000_000,
				bytesPerSecond: 1_000_000,
				etaMs: 2000,
				segment: '000000010000000000000005',
				logTail: ['LOG:  redo starts at 0/5000028', 'LOG:  \u001b[31mred\u001b[0m'],
			},
		},
	)
	screen.shows(
		'1296 files, 41000000 bytes',
		'2.0 MB of 4.0 MB, 1.0 MB/s, 2.0 s left',
		'replayed to: 0/5200028',
		'commit clock: 2026-04-01T09:40:58.120001Z',
		'server: accepts read-only connections',
		'LOG:  \\u001b[31mred\\u001b[0m',
	)
	world.answers('restore', heldEvent)

	// Inspect: checks, then a question.
	screen.is('inspect')
	screen.shows('held at 0/5400070', 'stopped at: 0/5400070, exactly where planned', 'checking')
	world.answers(
		'check',
		{
			type: 'checkFinished',
			check: {name: 'replay stopped where the plan says', outcome: 'passed', expected: 'there', found: '0/5400070'},
		},
		{type: 'checksFinished'},
	)
	operator.does({type: 'questionOpened'})
	operator.types('select count(*) from bond_reservations')
	operator.accepts()
	expect(world.wasAsked('ask')).toMatchObject({
		database: 'harbor',
		statement: 'select count(*) from bond_reservations',
	})
	screen.shows('asking …')
	world.answers('ask', {type: 'questionAnswered', columns: ['count'], rows: [['12890']], cut: false})
	screen.shows('12890', '1 row')
	operator.goesBack()
	operator.accepts()

	// Decide: promotion is typed.
	screen.is('decide')
	screen.shows('1 check, none failed', 'opens /restore/harbor for writes on timeline 2; replay cannot go on after that')
	operator.moves(-1)
	operator.accepts()
	operator.types('promote')
	operator.accepts()
	screen.shows('promoting')
	expect(world.wasAsked('promote')).toEqual({type: 'promote', plan: made, how: 'the operator typed promote'})
	world.answers('promote', {type: 'promoted', timeline: 2, lsn: lsn('0/54000A0')})

	// Runbook.
	screen.is('runbook')
	screen.shows('promoted: timeline 2', 'data directory: /restore/harbor')
	world.answers('renderRunbook', {
		type: 'runbookRendered',
		text: '# Runbook of recovery r20260401-100500\n',
		path: '/state/r20260401-100500/runbook.md',
	})
	screen.shows('# Runbook of recovery r20260401-100500', '/state/r20260401-100500/runbook.md')
	operator.accepts()
	screen.shows('Promoted: /restore/harbor runs on timeline 2')
	operator.accepts()
	expect(world.wasAsked('leave')).toEqual({
		type: 'leave',
		summary: [
			'Promoted: /restore/harbor runs on timeline 2, on its private socket /restore/harbor.lastgood/socket, port 54330.',
			'runbook: /state/r20260401-100500/runbook.md',
		],
		exitCode: 0,
	})
	expect(world.owes()).toEqual([])
})

test('what was decided before there was a journal is written to it with its own times', () => {
	const told = story()
	const {operator, world} = told
	world.answers('survey', {type: 'surveyed', survey: survey()})
	operator.accepts()
	operator.types('2026-04-01T09:41:23Z')
	operator.accepts()
	const reportedAt = told.now
	world.answers('decode', {type: 'decodingFinished', path: path()})
	world.ticks(60)
	operator.accepts()
	const markedAt = told.now
	operator.accepts()
	const made = plan({plannedAt: utc('10:02:30')})
	makesPlan(told, made)
	world.ticks(120)
	operator.accepts()
	operator.types('harbor')
	operator.accepts()
	const confirmedAt = told.now
	expect(world.wasAsked('restore')).toEqual({
		type: 'restore',
		plan: made,
		how: 'the operator typed harbor',
		decisions: [
			{event: 'opened', at: confirmedAt, recovery: 'r20260401-100500', lastgood: '0.1.0', host: 'db2', user: 'anna'},
			{
				event: 'incident-reported',
				at: reportedAt,
				typed: '2026-04-01T09:41:23Z',
				incidentAt: utc('09:41:23'),
				zone: 'Z',
			},
			{
				event: 'boundaries-listed',
				at: markedAt,
				from: utc('09:36:23'),
				to: utc('09:46:23'),
				commits: 8,
				segmentsRead: 3,
				namesFrom: 'primary',
			},
			{
				event: 'boundary-chosen',
				at: markedAt,
				lsn: lsn('0/5400070'),
				xid: 3770,
				committedAt: utc('09:41:23.501967'),
				wrote: 'bond_reservations ~841, gsi_open_by_issuer -841',
			},
			{event: 'planned', at: utc('10:02:30'), plan: made},
		],
	})
})

test('a commit that is marked again takes the place of the one before, and a new report that of the old', () => {
	const told = story()
	const {operator, world} = told
	world.answers('survey', {type: 'surveyed', survey: survey()})
	operator.accepts()
	operator.types('2026-04-01T09:40:00Z')
	operator.accepts()
	world.answers('decode', {type: 'decodingFinished', path: path()})
	operator.accepts()
	operator.goesBack()
	operator.goesBack()
	operator.clears()
	operator.types('2026-04-01T09:41:23Z')
	operator.accepts()
	world.answers('decode', {type: 'decodingFinished', path: path()})
	operator.accepts()
	operator.goesBack()
	operator.moves(1)
	operator.accepts()
	operator.accepts()
	makesPlan(told)
	operator.accepts()
	operator.types('harbor')
	operator.accepts()
	const {decisions} = world.wasAsked('restore')
	expect(decisions.map(({event}) => event)).toEqual([
		'opened',
		'incident-reported',
		'boundaries-listed',
		'boundary-chosen',
		'planned',
	])
	expect(decisions[1]).toMatchObject({typed: '2026-04-01T09:41:23Z'})
	expect(decisions[3]).toMatchObject({xid: 3769})
})
