import type { Dialect } from '@plinth/hub'
import type { PlinthConfig } from '../config/config.ts'
import { jwtOptions } from './jwt-settings.ts'
import { choice, flag, list, text, type Values, whole, wrongValue } from './values.ts'

type FunctionName = NonNullable<Dialect['preRequest']>

/**
 * What PostgREST's settings mean to the hub. What neither they nor the configuration set is as PostgREST has it, and
 * not as the hub has it.
 */
export function fromPostgrest(values: Values, config: PlinthConfig): PlinthConfig {
  const anonymousRole = text(values, 'db-anon-role') ?? config.anonymousRole
  const jwt = jwtOptions(values) ?? config.jwt
  const admin = adminOptions(values) ?? config.admin
  return {
    ...config,
    host: hostOf(text(values, 'server-host') ?? config.host ?? '!4'),
    port: whole(values, 'server-port', 65_535) ?? config.port ?? 3000,
    schemas: schemasOf(values) ?? config.schemas ?? ['public'],
    ...(anonymousRole === undefined ? {} : { anonymousRole }),
    ...(jwt === undefined ? {} : { jwt }),
    ...(admin === undefined ? {} : { admin }),
    pool: { ...config.pool, ...poolOptions(values) },
    dialect: { ...config.dialect, ...dialectOf(values) },
  }
}

/** PostgREST's words for "any address". Node's `::` takes IPv4 as well. */
const anyHost: ReadonlyMap<string, string> = new Map([
  ['!4', '0.0.0.0'],
  ['*4', '0.0.0.0'],
  ['*', '::'],
  ['*6', '::'],
  ['!6', '::'],
])

function hostOf(host: string): string {
  return anyHost.get(host) ?? host
}

function adminOptions(values: Values): PlinthConfig['admin'] {
  const port = whole(values, 'admin-server-port', 65_535)
  if (port === undefined) return undefined
  if (port !== 0 && port === (whole(values, 'server-port', 65_535) ?? 3000))
    throw wrongValue('admin-server-port', 'is the port of the server itself')
  const host = text(values, 'admin-server-host') ?? text(values, 'server-host') ?? '!4'
  return { host: hostOf(host), port }
}

function schemasOf(values: Values): string[] | undefined {
  const given = text(values, 'db-schemas')
  if (given === undefined) return undefined
  const schemas = list(given)
  const hidden = schemas.find((name) => name === 'pg_catalog' || name === 'information_schema')
  if (hidden !== undefined) throw wrongValue('db-schemas', `names ${hidden}, which is PostgreSQL's own`)
  return schemas
}

function poolOptions(values: Values): NonNullable<PlinthConfig['pool']> {
  return {
    max: whole(values, 'db-pool') ?? 10,
    acquireTimeoutMs: (whole(values, 'db-pool-acquisition-timeout', 86_400) ?? 10) * 1000,
    idleTimeoutMs: (whole(values, 'db-pool-max-idletime', 86_400) ?? 30) * 1000,
    lifetimeMs: (whole(values, 'db-pool-max-lifetime', 86_400) ?? 1800) * 1000,
  }
}

const transactionEnds = ['commit', 'commit-allow-override', 'rollback', 'rollback-allow-override'] as const
const openApiModes = ['follow-privileges', 'ignore-privileges', 'disabled'] as const

function dialectOf(values: Values): Partial<Dialect> {
  const [maxRows, origins] = [whole(values, 'db-max-rows'), text(values, 'server-cors-allowed-origins')]
  const [preRequest, root] = [text(values, 'db-pre-request'), text(values, 'db-root-spec')]
  const [traceHeader, proxy] = [text(values, 'server-trace-header'), text(values, 'openapi-server-proxy-uri')]
  const [searched, channel] = [values.get('db-extra-search-path'), text(values, 'db-channel') ?? 'pgrst']
  return {
    isPostgrest: true,
    hasAggregates: flag(values, 'db-aggregates-enabled') ?? false,
    transactionEnd: choice(values, 'db-tx-end', transactionEnds) ?? 'commit',
    extraSearchPath: searched === undefined ? ['public'] : list(searched).filter((name) => name !== ''),
    hasServerTiming: flag(values, 'server-timing-enabled') ?? false,
    openApi: choice(values, 'openapi-mode', openApiModes) ?? 'follow-privileges',
    hasOpenApiSecurity: flag(values, 'openapi-security-active') ?? false,
    channels: flag(values, 'db-channel-enabled') === false ? [] : [...new Set([channel, 'plinth'])],
    ...(maxRows === undefined ? {} : { maxRows }),
    ...(preRequest === undefined ? {} : { preRequest: functionNamed(preRequest) }),
    ...(origins === undefined ? {} : { corsOrigins: list(origins) }),
    ...(traceHeader === undefined ? {} : { traceHeader }),
    ...(root === undefined ? {} : { rootFunction: functionNamed(root) }),
    ...(proxy === undefined ? {} : { openApiUrl: openApiUrl(proxy) }),
  }
}

/** Without a schema PostgreSQL looks for it on the search path. */
function functionNamed(given: string): FunctionName {
  const dot = given.indexOf('.')
  return dot < 0 ? { name: given } : { schema: given.slice(0, dot), name: given.slice(dot + 1) }
}

function openApiUrl(given: string): string {
  const protocol = URL.parse(given)?.protocol
  if (protocol === 'http:' || protocol === 'https:') return given
  throw wrongValue('openapi-server-proxy-uri', 'is no address such as https://example.com:8443/path')
}
