import { isIPv4 } from 'node:net'
import { createHub, type Hub, type HubOptions, type NewSettings } from '@plinth/hub'
import { createDatabase, type Database, PlinthError } from 'plinth'
import { namedUrl } from './command-line/connection.ts'
import { hubOptions, type PlinthConfig } from './config/config.ts'
import { type HubSetup, setUpHub } from './config/hub-setup.ts'
import { loadConfig } from './config/load-config.ts'
import { curlLine, encode } from './development/curl.ts'
import { createReload, followSignals } from './hub-reload.ts'
import { createKey } from './key.ts'
import { reportFault } from './terminal/failure.ts'
import { unlessStopped, whenStopped } from './terminal/stop.ts'
import { bold, columns, count, dim } from './terminal/text.ts'

/** What is absent comes from the configuration, or is the default there. */
export interface HubFlags {
  readonly url: string | undefined
  readonly host: string | undefined
  readonly port: number | undefined
  readonly adminPort: number | undefined
  /** Names with commas between. */
  readonly schema: string | undefined
  readonly config: string | undefined
  readonly allowSuperuser: boolean
  /** Absent: 10,000, and without an end as PostgREST. */
  readonly waitMs: number | undefined
}

/** `plinth hub`: the hub over any database. Without identities it stays on this machine, with a key for this run. */
export async function hub(flags: HubFlags, stop: AbortSignal): Promise<void> {
  const setup = await readSetup(flags)
  const { config } = setup
  const { host = config.host ?? '127.0.0.1', port = config.port ?? 4000 } = flags
  const url = namedUrl(isPostgrest(config) ? undefined : flags.url, config)
  const runKey = hasIdentity(config) ? undefined : createRunKey(host)
  const settings = hubSettings(flags, config, runKey)
  const { schemas } = settings
  await using database = createDatabase({
    ...setup.database,
    url,
    service: 'plinth-hub',
    ...(config.pool && { pool: config.pool }),
  })
  const reload = createReload(async () =>
    served.reconfigure(hubSettings(flags, (await readSetup(flags)).config, runKey)),
  )
  await using served = createHub({ ...fixedOptions(flags, config), ...settings, database, onReloadSettings: reload })
  for (const warning of setup.warnings) console.error(`plinth: ${warning}`)
  const deadlineMs = flags.waitMs ?? (isPostgrest(config) ? longestMs : 10_000)
  await unlessStopped(stop, database.connect({ deadlineMs, signal: stop }))
  await refuseMissingSchema(database, schemas, isPostgrest(config))
  await served.listen({ host, port })
  stop.throwIfAborted()
  using _signals = followSignals(served, reload)
  console.log(await announcement({ database, hub: served, schemas, config, runKey, url }))
  await whenStopped(stop)
  console.log('Stopping.')
}

/** PostgREST waits for its database without an end; Node's timers end here, after 24 days. */
const longestMs = 2_147_483_647

async function readSetup(flags: HubFlags): Promise<HubSetup> {
  return setUpHub(await loadConfig(flags.config), flags.url, process.env)
}

type Settings = NewSettings & { readonly schemas: readonly string[] }

/** What is read anew on demand; the rest holds until the hub is started again. */
function hubSettings(flags: HubFlags, config: PlinthConfig, runKey: string | undefined): Settings {
  const { admin: _1, allowSuperuser: _2, ...options } = hubOptions(config)
  const schemas = flags.schema?.split(',').map((name) => name.trim()) ?? config.schemas ?? ['public']
  return { ...options, schemas, ...(runKey === undefined ? {} : { runKey }) }
}

function fixedOptions(flags: HubFlags, config: PlinthConfig): Pick<HubOptions, 'admin' | 'allowSuperuser' | 'onFault'> {
  const { adminPort } = flags
  const admin = adminPort === undefined ? config.admin : { ...config.admin, port: adminPort }
  const allowSuperuser = flags.allowSuperuser || config.allowSuperuser === true
  return { ...(admin && { admin }), allowSuperuser, onFault: reportFault }
}

/** PostgREST serves a schema that is not there yet: its tables are found when they come. */
async function refuseMissingSchema(database: Database, schemas: readonly string[], isTold: boolean): Promise<void> {
  const { rows } = await database.query<{ name: string }>(
    'select name from unnest($1::text[]) as name where to_regnamespace(quote_ident(name)) is null',
    [[...schemas]],
  )
  const [first] = rows
  if (first === undefined) return
  const message = `The database has no schema ${first.name}.`
  if (!isTold) throw new PlinthError('InvalidOption', message)
  console.error(`plinth: ${message}`)
}

function isPostgrest({ dialect }: PlinthConfig): boolean {
  return dialect?.isPostgrest === true
}

/** As PostgREST a hub without one starts too, and answers 401. */
function hasIdentity(config: PlinthConfig): boolean {
  const { services = {}, jwt, anonymousRole } = config
  return isPostgrest(config) || Object.keys(services).length > 0 || jwt !== undefined || anonymousRole !== undefined
}

function createRunKey(host: string): string {
  if (host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'))) return createKey('run')
  throw new PlinthError('InvalidOption', `No identity is configured, so the hub stays on 127.0.0.1, not on ${host}.`, {
    hint: 'Name services with their keys in plinth.config.ts (plinth key NAME makes one), or set jwt or anonymousRole.',
  })
}

interface Serving {
  readonly database: Database
  readonly hub: Hub
  readonly schemas: readonly string[]
  readonly config: PlinthConfig
  readonly runKey: string | undefined
  readonly url: string
}

async function announcement({ database, hub: served, schemas, config, runKey, url }: Serving): Promise<string> {
  const { username, host, pathname } = new URL(url)
  const { adminUrl, url: hubUrl = '' } = served
  const places = [
    ['Hub', hubUrl],
    ...(adminUrl === undefined ? [] : [['Admin', `${adminUrl}/ready`]]),
    ['Database', `${decodeURIComponent(username)}@${host}${pathname}`, `schema ${schemas.join(', ')}`],
  ]
  const callers =
    runKey === undefined ? [columns(identities(config))] : await describeRun(database, schemas[0] ?? '', hubUrl, runKey)
  return `\n${[bold('Plinth is running'), columns(places), ...callers, dim('Ctrl-C stops the hub.')].join('\n\n')}\n`
}

/** Names no number of rows: counting them may take the database minutes. */
async function describeRun(database: Database, schema: string, hubUrl: string, key: string): Promise<string[]> {
  const { rows } = await database.query<{ name: string }>(
    `select relname::text as name from pg_class as c join pg_namespace as n on n.oid = relnamespace
     where nspname = $1 and relkind in ('r', 'p', 'v', 'm', 'f') and has_table_privilege(c.oid, 'select')
     order by relkind not in ('r', 'p'), relname`,
    [schema],
  )
  const [first] = rows
  const explained = `Key for this run, which acts as the role of the url. For services: plinth key --help.\n  ${key}`
  if (first === undefined) return [explained, `The schema ${schema} has no table that this role may read.`]
  const path = `/${encode(first.name)}?limit=3`
  return [explained, `${dim(`Read one of ${count(rows.length)} tables:`)}\n${curlLine(hubUrl + path, key)}`]
}

function identities({ services = {}, jwt, anonymousRole }: PlinthConfig): string[][] {
  const named = Object.entries(services).map(([name, { role }]) => [`Service ${name}`, `role ${role}`])
  return [
    ...named,
    ...(jwt === undefined ? [] : [['Tokens', jwt.roles === undefined ? 'any role' : `roles ${jwt.roles.join(', ')}`]]),
    ...(anonymousRole === undefined ? [] : [['Without a key', `role ${anonymousRole}`]]),
  ]
}
