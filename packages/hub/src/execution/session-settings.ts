import type { BatchOptions, BatchStatement, IsolationLevel, Relation } from 'plinth'
import type { SettingsUse } from 'plinth/operation'
import type { Dialect } from '../dialect.ts'
import { type HubRequest, pathOf } from '../http/exchange.ts'
import { type Caller, settingsOf } from '../identity/caller.ts'
import type { Form } from '../postgrest/asked.ts'

/** What PostgreSQL is told in front of a request's statement. */
export interface Told {
  readonly options: Pick<BatchOptions, 'settings' | 'laneSettings' | 'isolation' | 'end' | 'timeoutMs'>
  readonly before: readonly BatchStatement[]
}

export interface Asking {
  readonly caller: Caller
  readonly request: HubRequest
  readonly form: Pick<Form, 'schema' | 'settings' | 'isUndone'>
  /** It gets a transaction of its own, so nothing may stay on a connection. */
  readonly isTransaction?: true
}

export interface Telling {
  readonly use: SettingsUse
  readonly dialect: Dialect
  /** Of the hub: neither a role nor a function has longer. */
  readonly timeoutMs: number
}

type Settings = Readonly<Record<string, string>>

/**
 * Where nothing in the database reads the request or changes its session, role and path stay on the connection, and a
 * request that finds one with its own says nothing. Else everything is said, for this request alone. What is said, and
 * in which order, is PostgREST's: https://docs.postgrest.org/en/latest/references/transactions.html
 */
export function tell(asking: Asking, telling: Telling): Told {
  const { use, dialect } = telling
  const { isUndone, settings: given } = asking.form
  const ofRole = roleSettings(asking.caller, use)
  const isolation = isolationOf(given['default_transaction_isolation'] ?? ofRole['default_transaction_isolation'])
  const timeoutMs = shortestMs(given['statement_timeout'] ?? ofRole['statement_timeout'], limitMs(asking, telling))
  const options = { timeoutMs, ...(isolation && { isolation }), ...(isUndone && { end: 'rollback' as const }) }
  const isTransaction = isolation !== undefined || isUndone === true || asking.isTransaction === true
  if (!isTransaction && keepsSession(use) && dialect.preRequest === undefined) {
    const { transaction_read_only: readOnly, ...rest } = without(given)
    const kept = keptSettings(asking, readOnly === 'on', telling)
    return { options: { ...options, ...kept, settings: rest }, before: [] }
  }
  return {
    options: { ...options, settings: allSettings(asking, telling) },
    before: dialect.preRequest ? [preRequest(dialect.preRequest)] : [],
  }
}

/** A service may have less than the hub gives everybody. */
function limitMs({ caller }: Asking, { timeoutMs }: Telling): number {
  return caller.kind === 'service' ? Math.min(caller.statementTimeoutMs ?? timeoutMs, timeoutMs) : timeoutMs
}

function keepsSession({ readsRequest, setsResponse, changesSession }: SettingsUse): boolean {
  return !readsRequest && !setsResponse && !changesSession
}

function roleSettings(caller: Caller, { roles }: SettingsUse): Settings {
  return (caller.kind === 'owner' ? undefined : roles.get(caller.role)) ?? {}
}

/** The two that are no settings of the session here: a limit the hub gives, and the level in BEGIN. */
function without({ default_transaction_isolation: _level, statement_timeout: _limit, ...rest }: Settings): Settings {
  return rest
}

/** In PostgREST's order: the login may have a right to set something for a role that the role itself has not. */
function allSettings({ caller, form, request }: Asking, { use, dialect }: Telling): Settings {
  return {
    search_path: searchPath(form.schema, dialect),
    ...without(roleSettings(caller, use)),
    ...settingsOf(caller),
    ...(use.readsRequest || dialect.preRequest ? requestSettings(request) : {}),
    // What an earlier request left on the connection is not this one's.
    ...(use.setsResponse ? { 'response.headers': '', 'response.status': '' } : {}),
    ...without(form.settings),
  }
}

/** The settings of the same role, schema and access are one object, for a connection is recognized by it. */
const kept = new WeakMap<SettingsUse, Map<string, Settings>>()
const mostKept = 1000

function keptSettings(
  { caller, form }: Asking,
  isReadOnly: boolean,
  { use, dialect }: Telling,
): Pick<BatchOptions, 'laneSettings'> {
  const role = caller.kind === 'owner' ? '' : caller.role
  const key = `${isReadOnly ? 'r' : 'w'}${form.schema}\0${role}`
  const known = kept.get(use) ?? new Map<string, Settings>()
  const found = known.get(key)
  if (found !== undefined) return { laneSettings: found }
  const laneSettings = {
    search_path: searchPath(form.schema, dialect),
    ...without(roleSettings(caller, use)),
    default_transaction_read_only: isReadOnly ? 'on' : 'off',
    ...(role !== '' && { role }),
  }
  if (known.size >= mostKept) known.clear()
  kept.set(use, known.set(key, laneSettings))
  return { laneSettings }
}

function searchPath(schema: string, { extraSearchPath }: Dialect): string {
  return [schema, ...extraSearchPath].map(quoted).join(', ')
}

function requestSettings(request: HubRequest): Settings {
  const { cookie = '', ...others } = Object.fromEntries(request.headers)
  return {
    'request.method': request.method,
    'request.path': pathOf(request),
    'request.headers': JSON.stringify(others),
    'request.cookies': JSON.stringify(cookiesOf(cookie)),
  }
}

function cookiesOf(header: string): Settings {
  const pairs = header
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair !== '')
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=')
      return at < 0 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + 1)]
    }),
  )
}

function preRequest({ schema, name }: Relation): BatchStatement {
  const path = [...(schema === undefined ? [] : [schema]), name].map(quoted).join('.')
  return { text: `select ${path}()`, values: [] }
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

const levels: ReadonlyMap<string, IsolationLevel> = new Map(
  (['read committed', 'repeatable read', 'serializable'] as const).map((level) => [level, level]),
)

function isolationOf(level: string | undefined): IsolationLevel | undefined {
  return level === undefined ? undefined : levels.get(level.toLowerCase())
}

const unitMs: ReadonlyMap<string, number> = new Map([
  ['us', 0.001],
  ['ms', 1],
  ['s', 1000],
  ['min', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
])

/** `setting` as PostgreSQL writes a time, in ms where it names no unit; 0 is no limit. */
function shortestMs(setting: string | undefined, limitMs: number): number {
  const [, number, unit] = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/.exec(setting ?? '') ?? []
  const ms = Number(number) * (unitMs.get(unit || 'ms') ?? Number.NaN)
  return ms > 0 ? Math.min(Math.max(1, Math.round(ms)), limitMs) : limitMs
}
