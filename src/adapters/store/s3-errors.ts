import {shownKey} from '../../domain/archive/listing.ts'
import {ArchiveUnreachableError} from '../../domain/errors.ts'
import {isolatedText} from '../../domain/text.ts'

/** Where a request went. */
export interface S3Place {
	readonly bucket: string
	/** Empty, or ends with a slash. */
	readonly prefix: string
	/** Amazon's own when absent. */
	readonly endpoint: string | undefined
	/** What requests are signed for, once that is known. */
	readonly region?: string
}

/** What was asked: for a listing below a key, or for an object. */
export interface S3Question {
	readonly doing: 'list' | 'read'
	readonly key: string
}

/** What an error of the client tells, as far as it is used. */
export interface S3Answer {
	/** The server's code, such as AccessDenied; else the name of the client's own error. */
	readonly code: string
	/** HTTP status; undefined where no answer came. */
	readonly status: number | undefined
	readonly message: string
	readonly attempts: number
	/** Where the server says that the bucket is. */
	readonly region: string | undefined
	readonly serverTime: string | undefined
	/** Node's code of a failed connection, such as ECONNREFUSED. */
	readonly system: string | undefined
}

/** Reads an error of the client. */
export function answerOf(error: unknown): S3Answer {
	const metadata = fieldOf(error, '$metadata')
	const headers = fieldOf(fieldOf(error, '$response'), 'headers')
	const status = fieldOf(metadata, 'httpStatusCode')
	const attempts = fieldOf(metadata, 'attempts')
	return {
		code: textOf(error, 'Code') ?? textOf(error, 'name') ?? 'Unknown',
		status: typeof status === 'number' ? status : undefined,
		message: textOf(error, 'message') ?? String(error),
		attempts: typeof attempts === 'number' ? attempts : 1,
		region: textOf(error, 'Region') ?? textOf(headers, 'x-amz-bucket-region'),
		serverTime: textOf(error, 'ServerTime') ?? textOf(headers, 'date'),
		system: systemCodeOf(error),
	}
}

/**
 * Says what went wrong with a bucket and what to do. The client's error itself is not kept: it holds the request with its
 * signature and session token, and some providers of credentials quote the commands they ran.
 */
export function explainS3Error(error: unknown, place: S3Place, question: S3Question): ArchiveUnreachableError {
	const answer = answerOf(error)
	const {message, whatToDo} =
		answer.status === undefined ? explainSilence(answer, place) : explainAnswer(answer, place, question)
	const said = [answer.status, answer.code].filter(part => part !== undefined).join(' ')
	return new ArchiveUnreachableError(message, whatToDo, {cause: new Error(answer.system ?? said)})
}

interface Explanation {
	readonly message: string
	readonly whatToDo: readonly string[]
}

const otherCredentials =
	'use other credentials: AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (under sudo: sudo -E, or --preserve-env)'

function explainAnswer(answer: S3Answer, place: S3Place, question: S3Question): Explanation {
	const {code, status = 0, attempts} = answer
	const bucket = `the bucket ${shownKey(place.bucket)}`
	const what = shownPlace(place, question.key)
	const where = serverOf(place)
	const clock = 'compare the clocks: timedatectl on this machine, and the time of the server'
	switch (code) {
		case 'NoSuchBucket':
			return {
				message: `there is no bucket ${shownKey(place.bucket)} at ${where}`,
				whatToDo: [
					'check its name, which is what follows s3:// up to the next slash',
					place.endpoint === undefined
						? 'give the server’s address with --endpoint, if the bucket is not Amazon’s'
						: 'check that --endpoint names the server that has it',
				],
			}
		case 'AccessDenied':
		case 'AllAccessDisabled':
		case 'Forbidden':
			return accessDenied(place, question)
		case 'InvalidAccessKeyId':
			return {
				message: `${where} does not know the access key that was used: ${code}`,
				whatToDo: [otherCredentials, 'check that the key is of this server: --endpoint'],
			}
		case 'SignatureDoesNotMatch':
			return {
				message: `${where} refuses the signature of the request: the secret key does not belong to the access key`,
				whatToDo: [
					'check the secret key for a character too many or too few',
					clock,
					'look for a proxy between here and the server that changes requests',
				],
			}
		case 'ExpiredToken':
		case 'ExpiredTokenException':
		case 'TokenRefreshRequired':
		case 'InvalidToken':
			return {
				message: `${where} refuses the session token: ${code}`,
				whatToDo: ['get new temporary credentials, for instance with aws sso login', otherCredentials],
			}
		case 'RequestTimeTooSkewed':
		case 'RequestExpired':
		case 'RequestInTheFuture':
			return {
				message: `this machine's clock and that of ${where} are too far apart${answer.serverTime === undefined ? '' : `: there it is ${isolatedText(answer.serverTime)}`}`,
				whatToDo: [clock, 'set the clock, for instance with timedatectl set-ntp true'],
			}
		case 'PermanentRedirect':
		case 'AuthorizationHeaderMalformed':
		case 'IllegalLocationConstraintException':
		case 'TemporaryRedirect':
			return {
				message: `${bucket} is not in the region ${place.region ?? 'that was asked'}${answer.region === undefined ? '' : ` but in ${isolatedText(answer.region)}`}`,
				whatToDo: [
					answer.region === undefined
						? 'name its region: --region'
						: `lastgood … --region ${isolatedText(answer.region)}`,
				],
			}
		case 'InvalidObjectState':
			return {
				message: `${what} lies in a storage class that cannot be read at once`,
				whatToDo: ['have it restored from there first (aws s3api restore-object), which takes minutes to hours'],
			}
		case 'PreconditionFailed':
			return {
				message: `${what} was replaced by another object while it was read`,
				whatToDo: ['survey the source again: something writes to it'],
			}
		case 'SlowDown':
		case 'Throttling':
		case 'ThrottlingException':
		case 'TooManyRequests':
		case 'TooManyRequestsException':
		case 'RequestLimitExceeded':
			return {
				message: `${where} says that it is asked too often (${code}), still after ${attemptsText(attempts)}`,
				whatToDo: ['wait a minute and try again', 'look what else reads from this bucket at the moment'],
			}
		default:
			break
	}
	if (status === 404) {
		return {
			message: `${what} is not in the archive any more`,
			whatToDo: ['survey the source again: something removes files from it'],
		}
	}
	if (status === 403) return accessDenied(place, question)
	if (status === 429 || status >= 500) {
		return {
			message: `${where} cannot answer now: ${status} ${isolatedText(code)}, still after ${attemptsText(attempts)}`,
			whatToDo: ['wait a minute and try again', 'look at the server’s own state'],
		}
	}
	if (isUnreadable(answer)) return notS3(answer, place)
	return {
		message: `${what} cannot be read: ${where} answers ${status} ${isolatedText(code)}, ${briefly(answer.message)}`,
		whatToDo: ['check --endpoint and --region', otherCredentials],
	}
}

function accessDenied(place: S3Place, {doing, key}: S3Question): Explanation {
	const whose = place.endpoint === undefined ? ['see whose they are: aws sts get-caller-identity'] : []
	if (doing === 'list') {
		return {
			message: `${shownPlace(place, key)} may not be listed with these credentials: access denied`,
			whatToDo: [
				`allow them s3:ListBucket on the bucket ${shownKey(place.bucket)}: to be allowed to read is not enough, lastgood has to see what is there`,
				...whose,
				otherCredentials,
			],
		}
	}
	return {
		message: `${shownPlace(place, key)} may not be read with these credentials: access denied`,
		whatToDo: [
			`allow them s3:GetObject on ${shownKey(place.bucket)}/${shownKey(place.prefix)}*, and kms:Decrypt where a key of KMS encrypts it`,
			...whose,
			otherCredentials,
		],
	}
}

function explainSilence(answer: S3Answer, place: S3Place): Explanation {
	const {code, system, message, attempts} = answer
	const where = serverOf(place)
	const options =
		place.endpoint === undefined
			? 'give the server’s address with --endpoint, if the bucket is not Amazon’s'
			: 'check the address that --endpoint gives'
	if (/Credential|TokenProviderError/.test(code)) {
		return /sso/i.test(message) || code === 'TokenProviderError'
			? {
					message: 'the single sign-on session that the credentials come from has ended',
					whatToDo: ['aws sso login, with the profile in use', otherCredentials],
				}
			: {
					message: 'no credentials for S3 were found, or what should give them failed',
					whatToDo: [
						'set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE for a profile of ~/.aws (under sudo: sudo -E, or --preserve-env)',
						'on a machine of a cloud, give it a role that may read the bucket',
						'see whether another program finds them: aws sts get-caller-identity',
					],
				}
	}
	if (code === 'ListingStuckError') {
		return {
			message: `${where} cuts its listing of ${shownKey(place.bucket)} off and does not say where it goes on`,
			whatToDo: ['look for a proxy between here and the server', 'the server does not speak ListObjectsV2 as S3 does'],
		}
	}
	if (isUnreadable(answer)) return notS3(answer, place)
	switch (system) {
		case 'ECONNREFUSED':
			return {
				message: `nothing answers at ${where}: the connection is refused`,
				whatToDo: [options, 'look whether the server runs'],
			}
		case 'ENOTFOUND':
		case 'EAI_AGAIN':
			return {
				message: `the name of ${where} is not known: ${system}`,
				whatToDo: [options, 'check the network and the name service: getent hosts <name>'],
			}
		case 'EHOSTUNREACH':
		case 'ENETUNREACH':
			return {message: `there is no way to ${where}: ${system}`, whatToDo: ['check the network: ip route', options]}
		case 'CERT_HAS_EXPIRED':
		case 'CERT_NOT_YET_VALID':
			return {
				message: `the certificate of ${where} is not valid now: ${system}`,
				whatToDo: ['have the server’s certificate renewed', 'check this machine’s clock: timedatectl'],
			}
		case 'DEPTH_ZERO_SELF_SIGNED_CERT':
		case 'SELF_SIGNED_CERT_IN_CHAIN':
		case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
		case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
		case 'ERR_TLS_CERT_ALTNAME_INVALID':
			return {
				message: `the certificate of ${where} is not trusted: ${system}`,
				whatToDo: ['name the file of its authority in NODE_EXTRA_CA_CERTS', options],
			}
		case 'EPROTO':
		case 'ERR_SSL_WRONG_VERSION_NUMBER':
			return {
				message: `${where} does not speak TLS`,
				whatToDo: ['write http:// in --endpoint, if the server has no TLS', options],
			}
		default:
			return {
				message: `the connection to ${where} breaks off: ${system ?? briefly(message)}, still after ${attemptsText(attempts)}`,
				whatToDo: ['try again', 'check the network, and proxies between here and the server'],
			}
	}
}

/** The client takes an answer for S3's and finds something else in it. */
function isUnreadable({code, message}: S3Answer): boolean {
	return code === 'SyntaxError' || code === 'TypeError' || /deserializ|not well-formed|unclosed|expected/i.test(message)
}

function notS3({status}: S3Answer, place: S3Place): Explanation {
	return {
		message: `${serverOf(place)} answers${status === undefined ? '' : ` ${status}`}, but not as an S3 server does`,
		whatToDo: [
			'check the address and port of --endpoint: consoles and web pages often listen beside the server',
			'look for a proxy between here and the server',
		],
	}
}

function serverOf({endpoint}: S3Place): string {
	return endpoint === undefined ? 'Amazon S3' : isolatedText(endpoint)
}

function shownPlace({bucket, prefix}: S3Place, key: string): string {
	return shownKey(`s3://${bucket}/${prefix}${key}`.replace(/\/+$/, ''))
}

function attemptsText(attempts: number): string {
	return attempts === 1 ? 'one attempt' : `${attempts} attempts`
}

function briefly(message: string): string {
	const line = isolatedText(message.split('\n')[0] ?? '')
	return line.length > 200 ? `${line.slice(0, 200)}…` : line
}

function fieldOf(value: unknown, name: string): unknown {
	return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
}

function textOf(value: unknown, name: string): string | undefined {
	const text = fieldOf(value, name)
	return typeof text === 'string' && text !== '' ? text : undefined
}

/** Where each of several addresses failed, the reasons stand in `errors`. */
function systemCodeOf(error: unknown): string | undefined {
	const code = textOf(error, 'code')
	if (code !== undefined) return code
	const inner = fieldOf(error, 'errors')
	return Array.isArray(inner) ? inner.map(each => textOf(each, 'code')).find(each => each !== undefined) : undefined
}
