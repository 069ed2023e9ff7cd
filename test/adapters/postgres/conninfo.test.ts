import {describe, expect, test} from 'vitest'
import {parseConninfo} from '../../../src/adapters/postgres/conninfo.ts'

describe('a connection string', () => {
	test.each([
		[
			'host=/var/run/postgresql port=5432 user=postgres dbname=harbor',
			{host: '/var/run/postgresql', port: '5432', user: 'postgres', dbname: 'harbor'},
		],
		['  host = db1\n\tport=5433 ', {host: 'db1', port: '5433'}],
		["password='it\\'s a \\\\ secret' user='a b'", {password: "it's a \\ secret", user: 'a b'}],
		["password=a\\ b\\'c user=x", {password: "a b'c", user: 'x'}],
		["password='' host=''", {password: '', host: ''}],
		['password= host=x', {password: 'host=x'}],
		['options=-cgeqo=off', {options: '-cgeqo=off'}],
		['', {}],
		['postgres://', {}],
		['postgresql://db1', {host: 'db1'}],
		[
			'postgres://postgres:s%3Acret%40@db1:5433/harbor?sslmode=require&application_name=x',
			{
				user: 'postgres',
				password: 's:cret@',
				host: 'db1',
				port: '5433',
				dbname: 'harbor',
				sslmode: 'require',
				application_name: 'x',
			},
		],
		['postgres:///harbor?host=/tmp/s&port=5433', {dbname: 'harbor', host: '/tmp/s', port: '5433'}],
		['postgres://u@%2Fvar%2Frun%2Fpostgresql/harbor', {user: 'u', host: '/var/run/postgresql', dbname: 'harbor'}],
		['postgres://[::1]:5433/harbor', {host: '::1', port: '5433', dbname: 'harbor'}],
		['postgres://a:1,b:2/harbor', {host: 'a,b', port: '1,2', dbname: 'harbor'}],
	])('%j gives %j', (text, keywords) => {
		expect(parseConninfo(text)).toEqual({ok: true, keywords})
	})

	test.each([
		"password='secret",
		'secret',
		"password='secret'x",
		'postgres://u:secret@h:port/db',
		'postgres://u:secret%zz@h/db',
		'postgres://u:secret@h/db?sslmode',
	])('%j cannot be read, and what is said of it holds no secret', text => {
		const reading = parseConninfo(text)
		expect(reading.ok).toBe(false)
		expect(JSON.stringify(reading)).not.toContain('secret')
	})
})
