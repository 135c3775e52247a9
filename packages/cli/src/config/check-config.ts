import type { AdminOptions, AllowOptions, Dialect, JwtOptions, Limits, ServiceOptions } from '@plinth/hub'
import { PlinthError, type PoolOptions } from 'plinth'
import type { PlinthConfig } from './config.ts'

/** Throws InvalidOption, naming the path of what is wrong. */
type Check = (value: unknown, path: string) => void

type Checks<T> = Readonly<Record<keyof T, Check>>

const text = ofType('string', 'a text')
const number = ofType('number', 'a number')
const flag = ofType('boolean', 'true or false')

const pool: Checks<PoolOptions> = {
  max: number,
  sharedLanes: number,
  acquireTimeoutMs: number,
  maxWaiting: number,
  idleTimeoutMs: number,
  warm: number,
  lifetimeMs: number,
  leakAfterMs: number,
  pingAfterMs: number,
}

const limits: Checks<Limits> = {
  bodyBytes: number,
  urlBytes: number,
  headerBytes: number,
  nodes: number,
  depth: number,
  embedDepth: number,
  listValues: number,
  rows: number,
  answerBytes: number,
  headersTimeoutMs: number,
  requestTimeoutMs: number,
  statementTimeoutMs: number,
}

const jwt: Checks<JwtOptions> = {
  secret: textOrBytes,
  keyId: text,
  keys: (value, path) => void entries(value, path),
  keysFile: text,
  keysUrl: text,
  audience: text,
  issuer: text,
  requiredClaims: list(text),
  requireExpiry: flag,
  roleClaim: text,
  roles: list(text),
  clockToleranceSeconds: number,
  cacheEntries: number,
}

const allowedTable = either(list(text), object({ operations: list(text), columns: list(text) }, ['operations']))
const allow: Checks<AllowOptions> = { tables: named(allowedTable), functions: list(text) }
const service: Checks<ServiceOptions> = {
  role: text,
  keys: list(text),
  jwtSubject: text,
  allow: object(allow),
  statementTimeoutMs: number,
}
const admin: Checks<AdminOptions> = { host: text, port: number }

const relation = object({ schema: text, name: text }, ['name'])

const dialect: Checks<Dialect> = {
  maxRows: number,
  hasAggregates: flag,
  preRequest: relation,
  transactionEnd: oneOf(['commit', 'commit-allow-override', 'rollback', 'rollback-allow-override']),
  extraSearchPath: list(text),
  corsOrigins: list(text),
  traceHeader: text,
  hasServerTiming: flag,
  rootFunction: relation,
  openApi: oneOf(['follow-privileges', 'ignore-privileges', 'disabled']),
  openApiUrl: text,
  hasOpenApiSecurity: flag,
  channels: list(text),
  isPostgrest: flag,
}

const config: Checks<PlinthConfig> = {
  url: text,
  host: text,
  port: number,
  schemas: list(text),
  anonymousRole: text,
  services: named(object(service, ['role'])),
  jwt: object(jwt),
  // The hub says which of them are no schemas.
  validate: named(named(() => {})),
  limits: object(limits),
  admin: object(admin, ['port']),
  allowSuperuser: flag,
  pool: object(pool),
  postgrest: named(anySetting),
  dialect: object(dialect),
  migrations: text,
  seeds: text,
  entities: text,
  scratch: text,
}

const checkAll = object(config)

/** A misspelt setting would otherwise be a setting that silently does nothing. */
export function checkConfig(value: unknown): asserts value is PlinthConfig {
  checkAll(value, '')
}

function ofType(type: 'string' | 'number' | 'boolean', what: string): Check {
  return (value, path) => {
    if (typeof value !== type) throw wrong(path, `must be ${what}, and is ${describe(value)}`)
  }
}

function oneOf(choices: readonly string[]): Check {
  return (value, path) => {
    if (!choices.some((one) => one === value)) throw wrong(path, `must be one of ${choices.join(', ')}`)
  }
}

/** As a configuration file of PostgREST has them: what each must be is checked with those of the environment. */
function anySetting(value: unknown, path: string): void {
  if (Array.isArray(value)) list(text)(value, path)
  else if (!['string', 'number', 'boolean'].includes(typeof value))
    throw wrong(path, `must be a text, a number, true or false, or a list, and is ${describe(value)}`)
}

/** A list, or what stands for it with more words. */
function either(short: Check, long: Check): Check {
  return (value, path) => (Array.isArray(value) ? short : long)(value, path)
}

function textOrBytes(value: unknown, path: string): void {
  if (!(value instanceof Uint8Array)) text(value, path)
}

function list(check: Check): Check {
  return (value, path) => {
    if (!Array.isArray(value)) throw wrong(path, `must be a list, and is ${describe(value)}`)
    value.forEach((item, i) => check(item, `${path}[${i}]`))
  }
}

function named(check: Check): Check {
  return (value, path) => {
    for (const [name, item] of entries(value, path)) check(item, `${path}.${name}`)
  }
}

function object(checks: Readonly<Record<string, Check>>, required: readonly string[] = []): Check {
  return (value, path) => {
    const given = entries(value, path)
    const inside = (name: string): string => (path === '' ? name : `${path}.${name}`)
    for (const [name, item] of given) {
      const check = Object.hasOwn(checks, name) ? checks[name] : undefined
      if (check === undefined) throw wrong(inside(name), `is not a setting; known: ${Object.keys(checks).join(', ')}`)
      check(item, inside(name))
    }
    const missing = required.find((name) => !given.some(([one]) => one === name))
    if (missing !== undefined) throw wrong(inside(missing), 'is missing')
  }
}

function entries(value: unknown, path: string): [string, unknown][] {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return Object.entries(value)
  throw wrong(path === '' ? 'the default export' : path, `must be an object, and is ${describe(value)}`)
}

/** Never the value itself: it may be a secret. */
function describe(value: unknown): string {
  if (value === undefined) return 'undefined (is its environment variable set?)'
  if (value === null) return 'null'
  return Array.isArray(value) ? 'a list' : `a ${typeof value}`
}

function wrong(path: string, what: string): PlinthError {
  return new PlinthError('InvalidOption', `${path} ${what}.`)
}
