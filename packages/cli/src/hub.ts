import { isIPv4 } from 'node:net'
import { createHub, type Hub } from '@plinth/hub'
import { createDatabase, type Database, PlinthError } from 'plinth'
import { namedUrl } from './command-line/connection.ts'
import { hubOptions, type PlinthConfig } from './config/config.ts'
import { setUpHub } from './config/hub-setup.ts'
import { loadConfig } from './config/load-config.ts'
import { curlLine, encode } from './development/curl.ts'
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
  readonly waitMs: number
}

/** `plinth hub`: the hub over any database. Without identities it stays on this machine, with a key for this run. */
export async function hub(flags: HubFlags, stop: AbortSignal): Promise<void> {
  const setup = setUpHub(await loadConfig(flags.config), flags.url, process.env)
  const { config } = setup
  const { host = config.host ?? '127.0.0.1', port = config.port ?? 4000 } = flags
  const url = namedUrl(isPostgrest(config) ? undefined : flags.url, config)
  const runKey = hasIdentity(config) ? undefined : createRunKey(host)
  const schemas = flags.schema?.split(',').map((name) => name.trim()) ?? config.schemas ?? ['public']
  await using database = createDatabase({
    ...setup.database,
    url,
    service: 'plinth-hub',
    ...(config.pool && { pool: config.pool }),
  })
  await using served = openHub(database, schemas, config, flags.adminPort, runKey)
  for (const warning of setup.warnings) console.error(`plinth: ${warning}`)
  await unlessStopped(stop, database.connect({ deadlineMs: Math.max(flags.waitMs, 1), signal: stop }))
  await refuseMissingSchema(database, schemas)
  await served.listen({ host, port })
  stop.throwIfAborted()
  console.log(await announcement({ database, hub: served, schemas, config, runKey, url }))
  await whenStopped(stop)
  console.log('Stopping.')
}

async function refuseMissingSchema(database: Database, schemas: readonly string[]): Promise<void> {
  const { rows } = await database.query<{ name: string }>(
    'select name from unnest($1::text[]) as name where to_regnamespace(quote_ident(name)) is null',
    [[...schemas]],
  )
  const [first] = rows
  if (first !== undefined) throw new PlinthError('InvalidOption', `The database has no schema ${first.name}.`)
}

function openHub(
  database: Database,
  schemas: readonly string[],
  config: PlinthConfig,
  adminPort: number | undefined,
  runKey: string | undefined,
): Hub {
  const admin = adminPort === undefined ? {} : { admin: { ...config.admin, port: adminPort } }
  const key = runKey === undefined ? {} : { runKey }
  return createHub({ ...hubOptions(config), ...admin, ...key, database, schemas, onFault: reportFault })
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
