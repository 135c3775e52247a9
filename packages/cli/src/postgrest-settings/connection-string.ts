import { existsSync } from 'node:fs'
import { PlinthError } from 'plinth'

/** What a connection string of libpq comes to. */
export interface Connection {
  /** As `createDatabase` takes it. */
  readonly url: string
  readonly connectTimeoutMs?: number
  readonly warnings: readonly string[]
}

/** By libpq's keyword. */
type Parameters = ReadonlyMap<string, string>

export type Environment = Readonly<Record<string, string | undefined>>

/** Where a parameter that the string leaves out comes from. `pg` itself reads PGPASSWORD, PGPASSFILE and PGSSLMODE. */
const variables = { host: 'PGHOST', port: 'PGPORT', user: 'PGUSER', dbname: 'PGDATABASE', options: 'PGOPTIONS' }

/**
 * Reads a URI or the form with keywords, each as in
 * https://www.postgresql.org/docs/18/libpq-connect.html#LIBPQ-CONNSTRING. Throws InvalidOption, which shows no part of
 * the string: a password may be in it. `settings` are PostgreSQL's, for each of its sessions.
 */
export function readConnectionString(
  given: string,
  environment: Environment,
  settings: ReadonlyMap<string, string>,
): Connection {
  const said = /^postgres(?:ql)?:\/\//.test(given) ? readUri(given) : readKeywords(given)
  const left = Object.entries(variables).flatMap(([name, variable]) => {
    const value = said.get(name) || environment[variable]
    return value ? [[name, value] as const] : []
  })
  const parameters = withSettings(new Map([...said, ...left]), settings)
  const timeout = Number(parameters.get('connect_timeout') ?? 0)
  return {
    url: toUrl(parameters),
    ...(timeout > 0 ? { connectTimeoutMs: timeout * 1000 } : {}),
    warnings: [...parameters].flatMap(([name, value]) => warning(name, value)),
  }
}

function withSettings(parameters: Parameters, settings: ReadonlyMap<string, string>): Parameters {
  if (settings.size === 0) return parameters
  const ours = [...settings].map(([name, value]) => `-c ${name}=${value.replaceAll(/([\\\s])/g, '\\$1')}`)
  return new Map([...parameters, ['options', [...ours, parameters.get('options') ?? ''].join(' ').trim()]])
}

function readUri(given: string): Parameters {
  const form = /^postgres(?:ql)?:\/\/(?:([^@/]*)@)?([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/s
  const [, login = '', servers = '', dbname = '', query = ''] = form.exec(given) ?? []
  const [user = '', ...password] = login.split(':')
  const places = servers === '' ? [] : servers.split(',').map(splitPlace)
  const found = [
    ['user', decode(user)],
    ['password', decode(password.join(':'))],
    ['host', places.map(([host]) => decode(host)).join(',')],
    ['port', places.some(([, port]) => port !== '') ? places.map(([, port]) => port).join(',') : ''],
    ['dbname', decode(dbname)],
  ] as const
  const more = query.split('&').flatMap((pair) => {
    const [name = '', ...value] = pair.split('=')
    return name === '' ? [] : [[decode(name), decode(value.join('='))] as const]
  })
  return new Map([...found.filter(([, value]) => value !== ''), ...more])
}

function splitPlace(place: string): [host: string, port: string] {
  const [, bracketed, plain = '', port = ''] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d*))?$/.exec(place) ?? []
  return [bracketed ?? plain, port]
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw unreadable('a % is not followed by two hex digits')
  }
}

/** `host=localhost password='it\\'s'`: a quote or a backslash inside stands behind a backslash. */
function readKeywords(given: string): Parameters {
  const found = new Map<string, string>()
  const pair = /\s*(\w+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|((?:[^\s'\\]|\\.)*))(?=\s|$)/suy
  const end = given.trimEnd().length
  while (pair.lastIndex < end) {
    const [, name, quoted, plain = ''] = pair.exec(given) ?? []
    if (name === undefined) throw unreadable('it is neither a URI nor pairs such as host=localhost')
    found.set(name, (quoted ?? plain).replaceAll(/\\(.)/gs, '$1'))
  }
  return found
}

function unreadable(why: string): PlinthError {
  return new PlinthError('InvalidOption', `db-uri (PGRST_DB_URI) cannot be read: ${why}.`, {
    hint: 'postgres://user:password@host:5432/database; percent-encode special characters of the password.',
  })
}

function toUrl(parameters: Parameters): string {
  const user = parameters.get('user') ?? ''
  const password = parameters.get('password') ?? ''
  const login = user === '' && password === '' ? '' : `${encode(user)}${password && `:${encode(password)}`}@`
  const ports = (parameters.get('port') ?? '5432').split(',')
  const hosts = (parameters.get('host') ?? socketFolder(ports[0] ?? '') ?? 'localhost').split(',')
  const query = new URLSearchParams(passedOn(parameters))
  const isSocket = hosts.some((host) => host.startsWith('/'))
  if (isSocket && hosts.length > 1) throw unreadable('a list of servers has a Unix socket in it')
  if (isSocket) query.set('host', hosts[0] ?? '')
  const places = hosts.map((host, at) => `${bracketed(host)}:${ports[at] || (ports.length === 1 && ports[0]) || 5432}`)
  const servers = isSocket ? `localhost:${ports[0]}` : places.join(',')
  const text = query.size === 0 ? '' : `?${query.toString().replaceAll('+', '%20')}`
  return `postgres://${login}${servers}/${encode(parameters.get('dbname') ?? '')}${text}`
}

/** libpq's own default, in Debian's packages and in PostgreSQL's sources. */
function socketFolder(port: string): string | undefined {
  return ['/run/postgresql', '/tmp'].find((folder) => existsSync(`${folder}/.s.PGSQL.${port || '5432'}`))
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : encode(host || 'localhost')
}

function encode(text: string): string {
  return encodeURIComponent(text)
}

const passed = ['options', 'sslcert', 'sslkey', 'sslrootcert']
const used = [...Object.keys(variables), ...passed, 'password', 'connect_timeout']
/** What the hub does anyway, or what is only a name. */
const agreed: readonly (readonly [name: string, value: RegExp])[] = [
  ['target_session_attrs', /^(?:any|read-write|primary)$/],
  ['client_encoding', /^(?:auto|utf-?8)$/i],
  ['keepalives', /^1$/],
  ['application_name', /^/],
  ['fallback_application_name', /^/],
  ['sslmode', /^(?:disable|require|verify-ca|verify-full)$/],
]

/** libpq's `require` encrypts without asking who answers, where `pg` would verify the certificate. */
function passedOn(parameters: Parameters): [string, string][] {
  const mode = parameters.get('sslmode')
  if (mode === 'verify-ca' && !parameters.has('sslrootcert')) throw unreadable('sslmode=verify-ca needs sslrootcert')
  const isStrict = mode === 'disable' || mode === 'require' || mode === 'verify-ca' || mode === 'verify-full'
  const tls: [string, string][] = mode !== undefined && isStrict ? [['sslmode', mode]] : []
  const same: [string, string][] = tls.length === 0 ? [] : [['uselibpqcompat', 'true']]
  const others = passed.flatMap((name): [string, string][] => {
    const value = parameters.get(name)
    return value === undefined ? [] : [[name, value]]
  })
  return [...tls, ...same, ...others]
}

function warning(name: string, value: string): string[] {
  if (used.includes(name) || agreed.some(([known, fine]) => known === name && fine.test(value))) return []
  if (name === 'sslmode') return [`sslmode=${value} of db-uri is not followed: the connection is not encrypted.`]
  return [`${name} of db-uri is not followed.`]
}
