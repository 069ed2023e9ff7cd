import {answerRows, boundaryTableRows, lostTableRows, runbookRows, type TerminalSize} from '../../src/guide/layout.ts'
import type {
	BoundariesView,
	Column,
	Fact,
	Field,
	KeyContext,
	Row,
	ScreenView,
	Span,
	StepName,
	Table,
	Tone,
	View,
} from '../../src/guide/views.ts'

/** Every screen as it looks in a recovery of Harbor Point, with the rows that fit a terminal of this size. */
export function sampleViews(size: TerminalSize): Readonly<Record<string, View>> {
	const at = (
		screen: ScreenView,
		keys: KeyContext,
		more: Partial<Pick<View, 'badge' | 'notice' | 'trouble' | 'dialog' | 'help'>> = {},
	): View => ({
		screen,
		breadcrumb: steps.map((name, index) => {
			const current = steps.indexOf(screen.screen)
			return {name, state: index < current ? 'done' : index === current ? 'current' : 'ahead'}
		}),
		source: '/var/tmp/lastgood-demo/harbor-point/archive',
		badge: {text: 'read-only', tone: 'good'},
		clock: '2026-11-22 07:33:12Z',
		notice: undefined,
		trouble: undefined,
		dialog: undefined,
		help: false,
		keys,
		columns: size.columns,
		rows: size.rows,
		...more,
	})
	const held = {badge: {text: 'held at 0/6DCE410', tone: 'accent'}} as const
	const writes = {badge: {text: 'writes /srv/restore/harbor', tone: 'warn'}} as const
	return {
		'survey-reading': at(
			{...survey, ...nothingSurveyed, progress: 'reading page headers: 17 of 42 segments'},
			'survey',
		),
		survey: at(survey, 'survey'),
		'survey-findings': at(damagedSurvey, 'survey'),
		'survey-trouble': at({...survey, ...nothingSurveyed}, 'survey', {
			trouble: {
				title: 'the archive cannot be used',
				message: '/var/tmp/lastgood-demo/harbor-point holds no WAL segment and no base backup that lastgood knows',
				whatToDo: [
					'name the folder that archive_command copies into, with --archive',
					'name the folder of the base backup with --backups',
				],
			},
		}),
		incident: at(incident, 'incident-text'),
		'incident-empty': at(
			{...incident, field: {...incident.field, text: '', caret: 0}, reading: [], band: withoutMarks(coverage)},
			'incident-text',
		),
		'incident-zone': at(
			{
				...incident,
				field: {...incident.field, focused: false, text: 'today 09:41', caret: 11},
				zoneField: {
					label: 'zone',
					text: '',
					caret: 0,
					focused: true,
					placeholder: 'UTC, +02, Europe/Berlin',
					problem: 'a time needs its zone: UTC, +02, Europe/Berlin',
				},
				reading: [],
			},
			'incident-text',
		),
		'incident-ambiguous': at(
			{
				...incident,
				field: {...incident.field, focused: false, text: '2026-10-25 02:30 Europe/Berlin', caret: 30},
				reading: [fact('read as', '2026-10-25T00:30:00.000000Z', 'accent')],
				readings: [
					{text: '2026-10-25T00:30:00.000000Z   2026-10-25 02:30:00 Europe/Berlin', selected: true},
					{text: '2026-10-25T01:30:00.000000Z   2026-10-25 02:30:00 Europe/Berlin', selected: false},
				],
			},
			'incident-readings',
		),
		boundaries: at(boundaries(size, false), 'boundaries'),
		'boundaries-decoding': at(
			{
				...boundaries(size, false),
				decoding: {label: 'decoding', percent: 40.5, text: '17 of 42 segments, 3120 boundaries'},
				names: 'table names: asking',
			},
			'boundaries',
		),
		'boundaries-detail': at(boundaries(size, true), 'boundaries'),
		'boundaries-filter': at(
			{
				...boundaries(size, false),
				filter: {
					label: 'filter',
					text: 'gsi_open',
					caret: 8,
					focused: true,
					placeholder: 'table, xid, kind',
					problem: undefined,
				},
			},
			'boundaries-filter',
		),
		'boundaries-notice': at(boundaries(size, false), 'boundaries', {
			notice: {
				text: 'what a target loses is known once decoding has reached the end of the archive: wait for it',
				tone: 'warn',
			},
		}),
		target: at(target(size), 'target'),
		'target-kept': at(targetThatKeepsIt(size), 'target'),
		plan: at(plan, 'plan'),
		'plan-end': at({...plan, scrollRows: Number.MAX_SAFE_INTEGER}, 'plan'),
		'plan-typing': at({...plan, destination: {...plan.destination, focused: true}}, 'plan-text'),
		'plan-refused': at({...plan, summary: [], steps: [], settings: [], disarmed: [], findings: []}, 'plan', {
			trouble: {
				title: 'this plan cannot succeed',
				message: '/srv/restore/harbor is not empty: it holds 3 entries, base among them',
				whatToDo: ['choose another destination with e', 'or empty it, if nobody needs what is in it'],
			},
		}),
		confirm: at(confirm(''), 'confirm-text'),
		'confirm-typed': at(confirm('harbor'), 'confirm-text'),
		'restore-copying': at(restoreCopying, 'restore', writes),
		'restore-replaying': at(restoreReplaying, 'restore', writes),
		'restore-failed': at(
			{
				...restoreReplaying,
				steps: restoreReplaying.steps.map(step => ({
					...step,
					state: step.state === 'running' ? 'failed' : step.state,
				})),
			},
			'restore',
			{
				...writes,
				trouble: {
					title: 'the restore failed',
					message:
						'replay ended before the target: FATAL: could not restore file "00000001000000000000006C" from archive: child process exited with exit code 130',
					whatToDo: [
						'look whether the archive is still there',
						'then plan again: what was made is still in /srv/restore/harbor',
					],
				},
			},
		),
		'restore-leaving': at(restoreReplaying, 'dialog', {
			...writes,
			dialog: {
				title: 'The restore is running',
				lines: [
					'The restored server goes on replaying in /srv/restore/harbor and will hold at the target.',
					'lastgood status 20261122-073312-harbor',
					'Cancelling stops the restore and removes what it has made so far, or says what is left.',
				],
				answers: [
					{label: 'Go on', selected: true},
					{label: 'Leave', selected: false},
					{label: 'Cancel the restore', selected: false},
				],
			},
		}),
		inspect: at(inspect(size, false), 'inspect', held),
		'inspect-sql': at(inspect(size, true), 'inspect-text', held),
		'inspect-failed': at(
			{
				...inspect(size, false),
				checks: [
					...inspect(size, false).checks,
					{
						name: 'rows of bond_reservations',
						outcome: 'failed',
						expected: '18244 open',
						found: '17403 open',
					},
				],
				answer: undefined,
				answerNote: {text: 'cannot execute UPDATE in a read-only transaction — ask with SELECT', tone: 'bad'},
			},
			'inspect',
			held,
		),
		decide: at(decide(undefined), 'decide', held),
		'decide-typing': at(decide('promo'), 'decide-text', held),
		runbook: at(runbook(size), 'runbook', {badge: {text: 'promoted', tone: 'good'}}),
		help: at(boundaries(size, false), 'help', {help: true}),
		'help-typing': at(inspect(size, true), 'help', {...held, help: true}),
	}
}

const steps: readonly StepName[] = [
	'survey',
	'incident',
	'boundaries',
	'target',
	'plan',
	'confirm',
	'restore',
	'inspect',
	'decide',
	'runbook',
]

function fact(label: string, value: string, tone: Tone = 'plain'): Fact {
	return {label, value, tone}
}

function span(text: string, tone: Tone = 'plain'): Span {
	return {text, tone}
}

function row(key: string, cells: readonly (Span | string)[], selected = false, disabledReason?: string): Row {
	return {
		key,
		cells: cells.map(cell => (typeof cell === 'string' ? span(cell) : cell)),
		selected,
		disabledReason,
	}
}

function column(title: string, width: number, more: Partial<Column> = {}): Column {
	return {title, width, align: 'left', flexible: false, expendable: 0, ...more}
}

const right = {align: 'right'} as const

const coverage: SurveyViewOf['coverage'][number] = {
	label: '20261122T070102, timeline 1',
	fromText: '2026-11-22T07:01:09.118220Z',
	toText: '2026-11-22T07:31:40.221884Z',
	filled: [{from: 0, to: 1, tone: 'good'}],
	marks: [{at: 0.79, label: 'reported', tone: 'warn'}],
}

type SurveyViewOf = Extract<ScreenView, {readonly screen: 'survey'}>

function withoutMarks(band: typeof coverage): typeof coverage {
	return {...band, marks: []}
}

const backupColumns = [
	column('base backup', 24),
	column('TL', 3, {...right, expendable: 2}),
	column('finished', 20),
	column('size', 8, {...right, expendable: 1}),
	column('usable', 30, {flexible: true}),
]

const survey: SurveyViewOf = {
	screen: 'survey',
	progress: undefined,
	cluster: [
		fact('PostgreSQL', '15  (page magic D110)'),
		fact('system identifier', '7710895412341931179'),
		fact('archive', 'plain, local: 42 WAL segments of 16.8 MB'),
	],
	timelines: [
		[
			span('timeline 1', 'strong'),
			span('  42 segments'),
			span('  000000010000000000000044 … 00000001000000000000006E', 'dim'),
		],
	],
	backups: {
		columns: backupColumns,
		rows: [row('20261122T070102', ['20261122T070102', '1', '2026-11-22 07:01:09Z', '1.9 GB', span('✔ yes', 'good')])],
		position: '',
		empty: 'no base backup was found',
	},
	coverage: [withoutMarks(coverage)],
	findings: [
		{
			severity: 'info',
			message: 'the primary is 1 segment ahead of the archive: 00000001000000000000006F is still being written',
			whatToDo: ['SELECT pg_switch_wal() on the primary archives it, if it must be part of the recovery'],
		},
	],
	verdict: span('recoverable up to the commit of 2026-11-22T07:31:40.221884Z', 'good'),
	scrollRows: 0,
}

const nothingSurveyed = {
	cluster: [],
	timelines: [],
	backups: {columns: backupColumns, rows: [], position: '', empty: ''},
	coverage: [],
	findings: [],
	verdict: undefined,
}

const damagedSurvey: SurveyViewOf = {
	...survey,
	timelines: [
		...survey.timelines,
		[
			span('  └ timeline 2', 'strong'),
			span(' from timeline 1 at 0/6A000000 (no recovery target specified)', 'dim'),
			span('  3 segments'),
			span('  00000002000000000000006A … 00000002000000000000006C', 'dim'),
		],
	],
	backups: {
		...survey.backups,
		rows: [
			...survey.backups.rows,
			row('20261121T190001', [
				'20261121T190001',
				'1',
				'unknown',
				'1.2 GB',
				span('✘ it has no backup_label: it was cut short', 'bad'),
			]),
		],
	},
	coverage: [
		{
			...withoutMarks(coverage),
			filled: [
				{from: 0, to: 0.62, tone: 'good'},
				{from: 0.7, to: 1, tone: 'bad'},
			],
			marks: [{at: 0.62, label: 'the gap', tone: 'bad'}],
		},
	],
	findings: [
		{
			severity: 'error',
			message: '2 WAL segments missing from the archive, the first is 000000010000000000000061',
			whatToDo: [
				'look for 000000010000000000000061 in pg_wal of the old primary and of every standby, and copy it into the archive',
				'or choose a target at or before 0/60FFFF28, the last position replay can reach',
			],
		},
		{
			severity: 'warning',
			message: '00000001000000000000006C is 8.4 MB, not 16.8 MB: it was cut short',
			whatToDo: ['copy it again from the pg_wal it came from'],
		},
		...survey.findings,
	],
	verdict: span('2 errors: not everything here can be recovered', 'bad'),
}

const incident: Extract<ScreenView, {readonly screen: 'incident'}> = {
	screen: 'incident',
	field: {
		label: 'when, or what',
		text: 'today 02:25:06 America/New_York',
		caret: 31,
		focused: true,
		placeholder: 'a time with its zone',
		problem: undefined,
	},
	zoneField: undefined,
	reading: [
		fact('read as', '2026-11-22T07:25:06.000000Z', 'accent'),
		fact('there', '2026-11-22 02:25:06 America/New_York', 'dim'),
	],
	readings: [],
	window: '5 min before and after',
	examples: [
		'2026-04-01T09:41:23Z',
		'today 11:41 Europe/Berlin',
		'yesterday 23:10 UTC',
		'20 min ago',
		'xid 3770',
		'0/6DCE410',
		'table bond_reservations',
	],
	band: coverage,
}

const boundaryColumns = [
	column('UTC', 15),
	column('LSN', 12),
	column('xid', 7, right),
	column('end', 8, {expendable: 1}),
	column('took', 8, {...right, expendable: 2}),
	column('wrote', 24, {flexible: true}),
]

const issuers = ['CA-MUNI', 'NY-MUNI', 'TX-MUNI', 'US-TREAS']

/** Trades of one second, with the release job among them. */
function boundaryRows(count: number): readonly Row[] {
	const bad = Math.floor(count / 2)
	return Array.from({length: count}, (_, index) => {
		const micros = 501_967 + (index - bad) * 12_855
		const second = 6 + Math.floor(micros / 1_000_000)
		const clock = `07:25:${String(second).padStart(2, '0')}.${String(((micros % 1_000_000) + 1_000_000) % 1_000_000).padStart(6, '0')}`
		const lsn = `0/${(0x6dce410 + (index - bad) * 0x2e8).toString(16).toUpperCase()}`
		const xid = String(3770 + index - bad)
		if (index === bad) {
			return row(xid, [clock, lsn, xid, 'commit', '812 ms', 'bond_reservations ~841, gsi_open_by_issuer -841'], true)
		}
		if (index === bad + 3)
			return row(xid, [clock, lsn, xid, span('abort', 'dim'), '3 ms', span('bond_reservations +1', 'dim')])
		if (index === bad - 4) {
			return row(
				'point',
				['', lsn, '', span('point', 'accent'), '', span('restore point before_release', 'accent')],
				false,
				'a restore point is no commit',
			)
		}
		if (index === bad + 5)
			return row(xid, [clock, lsn, xid, 'commit2p', '2.1 s', 'bond_reservations +3, gsi_open_by_issuer +3'])
		return row(xid, [clock, lsn, xid, 'commit', `${1 + (index % 5)} ms`, 'bond_reservations +1, gsi_open_by_issuer +1'])
	})
}

function boundaries(size: TerminalSize, detail: boolean): BoundariesView {
	return {
		screen: 'boundaries',
		title: 'Commits, 5 min before and after 2026-11-22T07:25:06.000000Z',
		decoding: undefined,
		strip: {
			label: 'commits',
			counts: Array.from({length: 120}, (_, slot) =>
				Math.max(0, Math.round(30 + 22 * Math.sin(slot / 7) + 12 * Math.sin(slot / 2.3) - (slot > 100 ? 40 : 0))),
			),
			fromText: '07:20:06',
			toText: '07:30:06',
			markAt: 60,
			cursorAt: 66,
		},
		table: {
			columns: boundaryColumns,
			rows: boundaryRows(boundaryTableRows(size, detail)),
			position: '1187 of 2304',
			empty: '',
		},
		filter: undefined,
		order: 'WAL order',
		detail: detail
			? {
					title: 'commit, xid 3770',
					facts: [
						fact('stamped', '2026-11-22T07:25:06.501967Z'),
						fact('there', '2026-11-22 02:25:06 America/New_York', 'dim'),
						fact('LSN', '0/6DCE410'),
						fact('first write', '0/6D90A28'),
						fact('took', 'at most 812 ms'),
						fact('WAL', '251 kB'),
						fact('suspicion', '1. changes 1682 rows, 140 times the median', 'warn'),
					],
					rows: writtenRows(20),
				}
			: undefined,
		names: 'table names: live primary',
	}
}

function writtenRows(most: number): Table {
	const rows = [
		row('1', ['public.bond_reservations', '', span('841', 'warn'), '']),
		row('2', ['public.gsi_open_by_issuer', '', '', span('841', 'bad')]),
	]
	return {
		columns: [
			column('table', 30, {flexible: true}),
			column('inserted', 9, right),
			column('updated', 9, right),
			column('deleted', 9, right),
		],
		rows: rows.slice(0, most),
		position: '',
		empty: 'no rows in tables',
	}
}

function target(size: TerminalSize): Extract<ScreenView, {readonly screen: 'target'}> {
	const lost = lostTableRows(size)
	const option = (name: string, value: string, lastKept: string, loses: string, note: Span) =>
		row(name, [name, span(value, 'dim'), lastKept, loses, note], name === 'before it, by LSN')
	return {
		screen: 'target',
		suspect: [
			fact('marked as bad', 'xid 3770, commit at 0/6DCE410', 'bad'),
			fact('stamped', '2026-11-22T07:25:06.501967Z'),
			fact('wrote', 'bond_reservations ~841, gsi_open_by_issuer -841'),
		],
		options: {
			columns: [
				column('stop', 18),
				column('value', 32, {expendable: 2}),
				column('last kept', 11),
				column('loses', 7, right),
				column('', 20, {flexible: true, expendable: 1}),
			],
			rows: [
				option('before it, by LSN', '0/6DCE410', '0/6DCE128', '917', span('recommended', 'good')),
				option('with it, by LSN', '0/6DCE410', '0/6DCE410', '916', span('keeps 1 commit more', 'warn')),
				option('before it, by xid', '3770', '0/6DCE128', '917', span('same stop', 'dim')),
				option('with it, by xid', '3770', '0/6DCE410', '916', span('keeps 1 commit more', 'warn')),
				option(
					'before its time',
					'2026-11-22 07:25:06.501967+00',
					'0/6DCDE40',
					'918',
					span('keeps 1 commit fewer', 'warn'),
				),
				option(
					'up to its time',
					'2026-11-22 07:25:06.501967+00',
					'0/6DCE410',
					'916',
					span('keeps 1 commit more', 'warn'),
				),
				option('end of the archive', 'latest', '0/6EFFD10', '0', span('keeps 917 commits more', 'warn')),
			],
			position: '1 of 7',
			empty: '',
		},
		explanation:
			'Stops just before the commit record of xid 3770: an LSN names one place in the WAL, whatever clocks, zones and the order of xids say.',
		keeps: [
			fact('last kept commit', '2026-11-22T07:25:06.489112Z  0/6DCE128  xid 3769', 'good'),
			fact('kept in all', '4812 commits since the base backup'),
		],
		loses: [
			fact('first lost commit', '2026-11-22T07:25:06.501967Z  0/6DCE410  xid 3770', 'bad'),
			fact('given up', 'the bad one and 916 legitimate commits after it', 'warn'),
			fact('until', '2026-11-22T07:31:40.221884Z  (394 s)'),
		],
		lostRows: {
			...writtenRows(lost),
			rows: [
				row('1', ['public.bond_reservations', '902', span('841', 'warn'), '']),
				row('2', ['public.gsi_open_by_issuer', '902', '', span('853', 'bad')]),
			],
		},
		inFlight: [
			[span('xid 3752'), span(' began before 0/6DC8F60, ', 'dim'), span('commits later: lost', 'warn')],
			[span('prepared "settlement-1187"'), span(' stays in doubt: commit or roll it back after promotion', 'warn')],
		],
		cautions: [span('1 lost commit stamped earlier than the last kept one: WAL order decides, not time', 'warn')],
	}
}

function targetThatKeepsIt(size: TerminalSize): ReturnType<typeof target> {
	const sample = target(size)
	return {
		...sample,
		options: {
			...sample.options,
			rows: sample.options.rows.map(one => ({...one, selected: one.key === 'end of the archive'})),
		},
		explanation: 'Replays all that is archived: the bad commit is kept.',
		keeps: [
			fact('last kept commit', '2026-11-22T07:31:40.221884Z  0/6EFFD10  xid 4687', 'good'),
			fact('kept in all', '5729 commits since the base backup'),
		],
		loses: [fact('first lost commit', 'none', 'dim'), fact('given up', '0 commits; the bad one is KEPT', 'bad')],
		lostRows: {...sample.lostRows, rows: []},
		inFlight: [],
		cautions: [span('this target keeps xid 3770, the commit you marked as bad', 'bad')],
	}
}

const summary: readonly Fact[] = [
	fact('stops', 'lsn 0/6DCE410, exclusive, timeline 1', 'accent'),
	fact('last kept', '2026-11-22T07:25:06.489112Z  0/6DCE128  xid 3769', 'good'),
	fact('first lost', '2026-11-22T07:25:06.501967Z  0/6DCE410  xid 3770', 'bad'),
	fact('given up', '917 commits up to 2026-11-22T07:31:40.221884Z'),
	fact(
		'base backup',
		'20261122T070102, finished 2026-11-22 07:01:09Z: the latest that is consistent before the target',
	),
	fact('not', '20261121T190001: it has no backup_label', 'dim'),
	fact('copies', '1.9 GB in 3011 files'),
	fact('replays', '412 MB of WAL in 26 segments'),
	fact('takes about', '21 s (12 s to 48 s): copy at 210 MB/s and replay at 38 MB/s, measured here'),
	fact('runs as', 'postgres, PostgreSQL 15.14, port 54331 on a private socket'),
]

const plan: Extract<ScreenView, {readonly screen: 'plan'}> = {
	screen: 'plan',
	working: undefined,
	destination: {
		label: 'restore into',
		text: '/srv/restore/harbor',
		caret: 19,
		focused: false,
		placeholder: '/absolute/path',
		problem: undefined,
	},
	summary,
	steps: [
		{
			number: 1,
			what: 'create the destination and its work folder',
			command: 'install -d -m 0700 -o postgres /srv/restore/harbor /srv/restore/harbor.lastgood',
			by: 'by hand',
			irreversible: false,
		},
		{
			number: 2,
			what: 'copy the base backup',
			command: 'cp -a /var/tmp/lastgood-demo/harbor-point/backups/20261122T070102/. /srv/restore/harbor',
			by: 'by hand',
			irreversible: false,
		},
		{
			number: 3,
			what: 'disarm the copy',
			command: 'rm -f /srv/restore/harbor/standby.signal /srv/restore/harbor/postmaster.pid',
			by: 'by hand',
			irreversible: false,
		},
		{
			number: 4,
			what: 'write its configuration',
			command: 'touch /srv/restore/harbor/recovery.signal',
			by: 'by hand',
			irreversible: false,
		},
		{
			number: 5,
			what: 'start the server',
			command:
				"/usr/lib/postgresql/15/bin/pg_ctl start -D /srv/restore/harbor -l /srv/restore/harbor.lastgood/server.log -o '-c config_file=/srv/restore/harbor.lastgood/postgresql.conf'",
			by: 'runs',
			irreversible: false,
		},
		{number: 6, what: 'replay WAL to the target and hold there', command: '', by: 'runs', irreversible: false},
		{
			number: 7,
			what: 'promote, once you have looked at the data',
			command: '/usr/lib/postgresql/15/bin/pg_ctl promote -D /srv/restore/harbor',
			by: 'runs',
			irreversible: true,
		},
	],
	settings: [
		fact('restore_command', "'lastgood fetch-wal 20261122-073312-harbor %f %p'"),
		fact('recovery_target_lsn', '0/6DCE410'),
		fact('recovery_target_inclusive', 'off'),
		fact('recovery_target_timeline', '1'),
		fact('recovery_target_action', 'pause'),
		fact('hot_standby', 'on'),
		fact('listen_addresses', "''"),
		fact('archive_mode', 'off'),
		fact('primary_conninfo', "''"),
	],
	disarmed: [
		'nobody else can connect: no TCP, a private socket in a folder that only the server’s account and root can enter',
		'nothing is archived: archive_mode off, archive_command, archive_cleanup_command and recovery_end_command empty',
		'no streaming: standby.signal removed, primary_conninfo and primary_slot_name empty',
	],
	findings: [span('1 prepared transaction stays in doubt at the target: settlement-1187', 'warn')],
	scrollRows: 0,
}

function confirm(text: string): Extract<ScreenView, {readonly screen: 'confirm'}> {
	return {
		screen: 'confirm',
		facts: [
			fact('writes into', '/srv/restore/harbor', 'accent'),
			fact('and beside it', '/srv/restore/harbor.lastgood'),
			...summary.slice(0, 4),
		],
		promises: [
			'/var/tmp/lastgood-demo/harbor-point/archive is only read',
			'the damaged cluster is not touched: nothing is stopped, changed or connected to it',
			'nothing is promoted until you type it',
		],
		field: {
			label: 'type harbor to start',
			text,
			caret: text.length,
			focused: true,
			placeholder: '',
			problem: undefined,
		},
		word: 'harbor',
	}
}

type RestoreViewOf = Extract<ScreenView, {readonly screen: 'restore'}>

const restoreSteps = [
	'create the destination and its work folder',
	'copy the base backup',
	'disarm the copy',
	'write its configuration',
	'check the configuration',
	'start the server',
	'replay WAL to the target and hold there',
]

function restoreStepsUntil(running: number, notes: readonly string[]): RestoreViewOf['steps'] {
	return restoreSteps.map((what, index) => ({
		what,
		state: index < running ? 'done' : index === running ? 'running' : 'waiting',
		note: notes[index] ?? '',
	}))
}

const restoreCopying: RestoreViewOf = {
	screen: 'restore',
	steps: restoreStepsUntil(1, ['owned by postgres']),
	copy: {label: 'copy', percent: 63.4, text: '1.2 GB of 1.9 GB, 1904 of 3011 files, 210 MB/s, 3.3 s left'},
	replay: undefined,
	clock: [fact('target', '0/6DCE410', 'accent')],
	log: [],
}

const restoreReplaying: RestoreViewOf = {
	screen: 'restore',
	steps: restoreStepsUntil(6, [
		'owned by postgres',
		'1.9 GB in 3011 files',
		'set postgresql.auto.conf aside',
		'',
		'',
		'pid 41822',
	]),
	copy: {label: 'copy', percent: 100, text: '1.9 GB of 1.9 GB, 3011 of 3011 files'},
	replay: {label: 'replay', percent: 41.2, text: '170 MB of 412 MB, 38.1 MB/s, 6.4 s left'},
	clock: [
		fact('replayed to', '0/4F2A1C8'),
		fact('target', '0/6DCE410', 'accent'),
		fact('commit clock', '2026-11-22T07:12:44.901233Z'),
		fact('segment', '00000001000000000000004F'),
		fact('server', 'accepts read-only connections'),
	],
	log: [
		span(
			'2026-11-22 07:34:02.118 UTC [41822] LOG:  starting point-in-time recovery to WAL location (LSN) "0/6DCE410"',
			'dim',
		),
		span('2026-11-22 07:34:02.120 UTC [41825] LOG:  restored log file "000000010000000000000044" from archive', 'dim'),
		span('2026-11-22 07:34:02.221 UTC [41825] LOG:  redo starts at 0/44000028', 'accent'),
		span('2026-11-22 07:34:02.804 UTC [41825] LOG:  consistent recovery state reached at 0/4412F3A0', 'accent'),
		span('2026-11-22 07:34:02.805 UTC [41822] LOG:  database system is ready to accept read-only connections', 'dim'),
		span('2026-11-22 07:34:06.101 UTC [41825] LOG:  restored log file "00000001000000000000004F" from archive', 'dim'),
	],
}

function inspect(size: TerminalSize, asked: boolean): Extract<ScreenView, {readonly screen: 'inspect'}> {
	const prompt: Field = {
		label: 'SQL',
		text: asked ? "select issuer, status, count(*) from bond_reservations where issuer like '%MUNI' group by 1, 2" : '',
		caret: asked ? 93 : 0,
		focused: asked,
		placeholder: 's opens a prompt that can only read',
		problem: undefined,
	}
	return {
		screen: 'inspect',
		proof: [
			fact('stopped at', '0/6DCE410, exactly where planned', 'good'),
			fact('last kept', '2026-11-22T07:25:06.489112Z  xid 3769'),
			fact('first lost', '2026-11-22T07:25:06.501967Z  xid 3770'),
		],
		checks: [
			{name: 'stopped where planned', outcome: 'passed', expected: '0/6DCE410', found: '0/6DCE410'},
			{name: 'last kept commit is there', outcome: 'passed', expected: 'committed', found: 'xid 3769 committed'},
			{name: 'first lost commit is not', outcome: 'passed', expected: 'absent', found: 'xid 3770 unknown'},
			{name: 'every database can be read', outcome: 'passed', expected: 'all', found: '2 of 2'},
			{name: 'data checksums', outcome: 'noted', expected: '', found: 'off in this cluster'},
			{name: 'prepared transactions', outcome: 'noted', expected: '', found: '1 in doubt: settlement-1187'},
		],
		connect: '/usr/lib/postgresql/15/bin/psql -h /tmp/lg-a81f -p 54331 -U postgres -d harbor',
		prompt,
		database: 'harbor',
		answer: asked
			? {
					columns: [
						column('issuer', 10),
						column('status', 10, {expendable: 1}),
						column('count', 8, {...right, expendable: 2, flexible: true}),
					],
					rows: Array.from({length: Math.min(12, answerRows(size))}, (_, index) =>
						row(String(index), [
							issuers[Math.floor(index / 4)] ?? '',
							['open', 'filled', 'released', 'cancelled'][index % 4] ?? '',
							String(4411 - index * 311),
						]),
					),
					position: `1–${Math.min(12, answerRows(size))} of 12`,
					empty: 'no rows',
				}
			: undefined,
		answerNote: asked ? span('12 rows', 'dim') : undefined,
	}
}

function decide(typed: string | undefined): Extract<ScreenView, {readonly screen: 'decide'}> {
	const selected = typed === undefined ? 'leave' : 'promote'
	return {
		screen: 'decide',
		facts: [
			fact('holds at', '0/6DCE410, exactly where planned', 'good'),
			fact('checks', '6 checks, none failed', 'good'),
			fact('in doubt', '1 prepared transaction to decide after promotion: settlement-1187', 'warn'),
		],
		options: [
			{
				name: 'promote',
				what: 'opens /srv/restore/harbor for writes on timeline 2; replay cannot go on after that',
				selected: selected === 'promote',
				irreversible: true,
			},
			{
				name: 'leave',
				what: 'leaves it paused at the target; nothing changes until you come back',
				selected: selected === 'leave',
				irreversible: false,
			},
			{
				name: 'abandon',
				what: 'stops the restored server and removes /srv/restore/harbor and /srv/restore/harbor.lastgood',
				selected: false,
				irreversible: true,
			},
		],
		field:
			typed === undefined
				? undefined
				: {
						label: 'type promote',
						text: typed,
						caret: typed.length,
						focused: true,
						placeholder: '',
						problem: undefined,
					},
		working: undefined,
	}
}

function runbook(size: TerminalSize): Extract<ScreenView, {readonly screen: 'runbook'}> {
	const text = [
		'# Recovery 20261122-073312-harbor',
		'',
		'Promoted to timeline 2 on 2026-11-22 07:41:20Z by root on db7.',
		'',
		'## What was reported',
		'',
		'- typed: `today 02:25:06 America/New_York`',
		'- read as: 2026-11-22T07:25:06.000000Z',
		'',
		'## First bad commit',
		'',
		'| LSN | xid | UTC | wrote |',
		'| --- | --- | --- | --- |',
		'| 0/6DCE410 | 3770 | 2026-11-22T07:25:06.501967Z | bond_reservations ~841, gsi_open_by_issuer -841 |',
		'',
		'## Target',
		'',
		'LSN 0/6DCE410, exclusive, timeline 1. Kept 4812 commits, gave up 917.',
		'',
		'## Steps',
		'',
		...Array.from({length: 30}, (_, index) => `- 07:34:${String(index + 10).padStart(2, '0')}Z step ${index + 1}`),
	]
	const rows = runbookRows(size)
	return {
		screen: 'runbook',
		outcome: span('promoted: timeline 2', 'good'),
		facts: [
			fact('data directory', '/srv/restore/harbor'),
			fact('connect', '/usr/lib/postgresql/15/bin/psql -h /tmp/lg-a81f -p 54331 -U postgres'),
			fact('still', 'archives nothing and listens on its private socket only, until you hand it over'),
		],
		lines: text.slice(0, rows),
		position: `1–${Math.min(rows, text.length)} of ${text.length}`,
		savedAs: '/root/.local/state/lastgood/recoveries/20261122-073312-harbor/runbook.md',
	}
}
