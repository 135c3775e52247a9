import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import type { PlinthConfig } from '../src/config/config.ts'
import { setUpHub, type HubSetup } from '../src/config/hub-setup.ts'
import { readConnectionString } from '../src/postgrest-settings/connection-string.ts'

const set = (environment: Record<string, string>, config: PlinthConfig = {}, url?: string): HubSetup =>
  setUpHub(config, url, environment)
const refusedAs = (environment: Record<string, string>, message: RegExp): void =>
  assert.throws(() => set(environment), { code: 'InvalidOption', message })

const file = join(tmpdir(), `plinth-setting-${process.pid}`)
after(() => rmSync(file, { force: true }))

describe('settings of PostgREST', () => {
  test('that are not there leave the configuration as it is', () => {
    const config = { port: 5 }
    assert.deepEqual(set({ PGHOST: 'elsewhere' }, config), { config, database: {}, warnings: [] })
  })

  test('have the defaults of PostgREST when one of them is there', () => {
    const { config } = set({ PGRST_DB_URI: 'postgres://app@db/app' })
    assert.deepEqual(config, {
      url: 'postgres://app@db:5432/app',
      host: '0.0.0.0',
      port: 3000,
      schemas: ['public'],
      pool: { max: 10, acquireTimeoutMs: 10_000, idleTimeoutMs: 30_000, lifetimeMs: 1_800_000 },
      dialect: {
        isPostgrest: true,
        hasAggregates: false,
        transactionEnd: 'commit',
        extraSearchPath: ['public'],
        hasServerTiming: false,
        openApi: 'follow-privileges',
        hasOpenApiSecurity: false,
        channels: ['pgrst', 'plinth'],
      },
    })
  })

  test('are each followed', () => {
    const { config, database, warnings } = set({
      PGRST_ADMIN_SERVER_HOST: '127.0.0.2',
      PGRST_ADMIN_SERVER_PORT: '3001',
      PGRST_DB_AGGREGATES_ENABLED: 'TRUE',
      PGRST_DB_ANON_ROLE: 'web_anon',
      PGRST_DB_CHANNEL: 'news',
      PGRST_DB_EXTRA_SEARCH_PATH: 'public, My ext',
      PGRST_DB_MAX_ROWS: '1000',
      PGRST_DB_POOL: '4',
      PGRST_DB_POOL_ACQUISITION_TIMEOUT: '1',
      PGRST_DB_POOL_MAX_IDLETIME: '2',
      PGRST_DB_POOL_MAX_LIFETIME: '3',
      PGRST_DB_PRE_REQUEST: 'auth.check',
      PGRST_DB_PREPARED_STATEMENTS: 'false',
      PGRST_DB_ROOT_SPEC: 'root',
      PGRST_DB_SCHEMAS: 'api, v2',
      PGRST_DB_TX_END: 'rollback-allow-override',
      PGRST_DB_URI: 'postgres://app@db/app',
      PGRST_JWT_AUD: 'https://example.com',
      PGRST_JWT_CACHE_MAX_ENTRIES: '7',
      PGRST_JWT_ROLE_CLAIM_KEY: '$.app.role',
      PGRST_JWT_SECRET: 'a secret of at least thirty-two bytes',
      PGRST_OPENAPI_MODE: 'disabled',
      PGRST_OPENAPI_SECURITY_ACTIVE: '1',
      PGRST_OPENAPI_SERVER_PROXY_URI: 'https://example.com/api',
      PGRST_SERVER_CORS_ALLOWED_ORIGINS: 'https://a.example, https://b.example',
      PGRST_SERVER_HOST: '*',
      PGRST_SERVER_PORT: '8080',
      PGRST_SERVER_TIMING_ENABLED: '"true"',
      PGRST_SERVER_TRACE_HEADER: 'X-Request-Id',
    })
    assert.deepEqual(config, {
      url: 'postgres://app@db:5432/app',
      host: '::',
      port: 8080,
      schemas: ['api', 'v2'],
      anonymousRole: 'web_anon',
      jwt: {
        secret: Buffer.from('a secret of at least thirty-two bytes'),
        requireExpiry: false,
        audience: 'https://example.com',
        roleClaim: '$.app.role',
        cacheEntries: 7,
      },
      admin: { host: '127.0.0.2', port: 3001 },
      pool: { max: 4, acquireTimeoutMs: 1000, idleTimeoutMs: 2000, lifetimeMs: 3000 },
      dialect: {
        isPostgrest: true,
        hasAggregates: true,
        transactionEnd: 'rollback-allow-override',
        extraSearchPath: ['public', 'My ext'],
        hasServerTiming: true,
        openApi: 'disabled',
        hasOpenApiSecurity: true,
        maxRows: 1000,
        preRequest: { schema: 'auth', name: 'check' },
        corsOrigins: ['https://a.example', 'https://b.example'],
        traceHeader: 'X-Request-Id',
        rootFunction: { name: 'root' },
        openApiUrl: 'https://example.com/api',
        channels: ['news', 'plinth'],
      },
    })
    assert.deepEqual([database, warnings], [{ preparedStatements: 0 }, []])
  })

  test('of the file mean the same, and those of the environment go before them', () => {
    const postgrest = { 'db-uri': 'postgres://app@db/app', 'db-schemas': ['a', 'b'], 'db-max-rows': 5, 'db-pool': 3 }
    const { config } = set({ PGRST_DB_POOL: '4' }, { postgrest })
    assert.deepEqual([config.schemas, config.dialect?.maxRows, config.pool?.max], [['a', 'b'], 5, 4])
  })

  test('are taken under their older names too', () => {
    const { config } = set({ PGRST_DB_SCHEMA: 'api', PGRST_MAX_ROWS: '5', PGRST_PRE_REQUEST: 'check' })
    assert.deepEqual(
      [config.schemas, config.dialect?.maxRows, config.dialect?.preRequest],
      [['api'], 5, { name: 'check' }],
    )
  })

  test('that are empty are not there, and an empty extra search path is none', () => {
    const { config } = set({ PGRST_DB_ANON_ROLE: '', PGRST_DB_MAX_ROWS: '', PGRST_DB_EXTRA_SEARCH_PATH: '' })
    assert.deepEqual([config.anonymousRole, config.dialect?.maxRows], [undefined, undefined])
    assert.deepEqual(config.dialect?.extraSearchPath, [])
    assert.deepEqual(set({ PGRST_DB_CHANNEL_ENABLED: 'false' }).config.dialect?.channels, [])
  })

  test('of the application reach each session of the database', () => {
    const { config } = set({
      PGRST_DB_URI: 'postgres://app@db/app?options=-c%20work_mem%3D8MB',
      PGRST_APP_SETTINGS_API_KEY: 'two words \\',
    })
    const options = new URL(config.url ?? '').searchParams.get('options')
    assert.equal(options, '-c app.settings.api_key=two\\ words\\ \\\\ -c work_mem=8MB')
  })

  test('that PostgREST does not have stop the start', () => {
    refusedAs({ PGRST_DB_SHEMAS: 'a' }, /^PGRST_DB_SHEMAS is not a setting of PostgREST/)
    assert.throws(() => set({}, { postgrest: { 'db-shemas': 'a' } }), { message: /^db-shemas is not a setting/ })
  })

  test('that the hub does not follow are told, and stop the start where less would be done than was asked for', () => {
    const hoisted = 'statement_timeout, plan_filter.statement_cost_limit, default_transaction_isolation'
    const told = set({
      PGRST_LOG_QUERY: 'true',
      PGRST_DB_PLAN_ENABLED: 'false',
      PGRST_DB_CONFIG: 'true',
      PGRST_DB_HOISTED_TX_SETTINGS: hoisted,
    }).warnings
    assert.equal(told.length, 2)
    assert.match(told.join(' '), /PGRST_LOG_QUERY is not followed.*PGRST_DB_CONFIG is not followed/)
    refusedAs({ PGRST_CLIENT_ERROR_VERBOSITY: 'minimal' }, /PGRST_CLIENT_ERROR_VERBOSITY is not followed/)
    refusedAs({ PGRST_SERVER_UNIX_SOCKET: '/tmp/s' }, /proxy in front/)
  })

  test('with a value that is none are refused by both their names', () => {
    refusedAs({ PGRST_DB_MAX_ROWS: 'ten' }, /^db-max-rows \(PGRST_DB_MAX_ROWS\) is "ten"; it must be a whole number/)
    refusedAs({ PGRST_SERVER_PORT: '70000' }, /from 0 to 65535/)
    refusedAs({ PGRST_DB_TX_END: 'maybe' }, /one of commit, commit-allow-override/)
    refusedAs({ PGRST_SERVER_TIMING_ENABLED: 'yes' }, /must be true or false/)
    refusedAs({ PGRST_DB_SCHEMAS: 'api,pg_catalog' }, /PostgreSQL's own/)
    refusedAs({ PGRST_ADMIN_SERVER_PORT: '3000' }, /is the port of the server itself/)
    refusedAs({ PGRST_OPENAPI_SERVER_PROXY_URI: 'example' }, /is no address/)
    refusedAs({ PGRST_JWT_SECRET: 'a', PGRST_JWT_AUD: 'a:b c' }, /^jwt-aud .* has a colon and is no URI/)
  })
})

describe('jwt-secret', () => {
  const jwk = '{"kty":"oct","k":"c2VjcmV0"}'
  const jwtOf = (environment: Record<string, string>): object => ({ ...set(environment).config.jwt })

  test('is a text, a key, a set of keys, or any of them in a file or in base64', () => {
    const keys = { kty: 'oct', k: 'c2VjcmV0' }
    assert.deepEqual(jwtOf({ PGRST_JWT_SECRET: jwk }), { keys, requireExpiry: false })
    const set = JSON.stringify({ keys: [keys] })
    assert.deepEqual(jwtOf({ PGRST_JWT_SECRET: set }), { keys: { keys: [keys] }, requireExpiry: false })
    writeFileSync(file, 'of the file\n')
    assert.deepEqual(jwtOf({ PGRST_JWT_SECRET: `@${file}` }), {
      secret: Buffer.from('of the file'),
      requireExpiry: false,
    })
    const base64 = { PGRST_JWT_SECRET: '_-8.', PGRST_JWT_SECRET_IS_BASE64: 'true' }
    assert.deepEqual(jwtOf(base64), { secret: Buffer.from([0xff, 0xef]), requireExpiry: false })
    assert.deepEqual(jwtOf({ ...base64, PGRST_JWT_SECRET: Buffer.from(jwk).toString('base64') }), {
      keys,
      requireExpiry: false,
    })
    assert.deepEqual(jwtOf({ PGRST_JWT_SECRET: '{"a":1}' }), { secret: Buffer.from('{"a":1}'), requireExpiry: false })
  })

  test('that cannot be read is named and not shown', () => {
    refusedAs(
      { PGRST_JWT_SECRET: '@/none/of/it' },
      /^jwt-secret \(PGRST_JWT_SECRET\) names a file that is not read: ENOENT/,
    )
    refusedAs({ PGRST_JWT_SECRET: 'hush!', PGRST_JWT_SECRET_IS_BASE64: 'true' }, /^jwt-secret [^!]*is no base64/)
  })
})

describe('db-uri', () => {
  const none = new Map<string, string>()
  const urlOf = (given: string, environment: Record<string, string> = {}): string =>
    readConnectionString(given, environment, none).url

  for (const [given, url] of [
    ['postgres://u:p@h:1/d', 'postgres://u:p@h:1/d'],
    ['postgresql://u@h/d', 'postgres://u@h:5432/d'],
    ['postgres://u:?pa:ss%40?@h/d', 'postgres://u:%3Fpa%3Ass%40%3F@h:5432/d'],
    ['postgres://u@a,b:2/d', 'postgres://u@a:5432,b:2/d'],
    ['postgres://u@[::1]:7/d', 'postgres://u@[::1]:7/d'],
    ['postgres:///d?host=/run/pg&port=7', 'postgres://localhost:7/d?host=%2Frun%2Fpg'],
    ['postgres://u@h/d?sslmode=require', 'postgres://u@h:5432/d?sslmode=require&uselibpqcompat=true'],
    ['host=h port=5433 user=u password=p dbname=d', 'postgres://u:p@h:5433/d'],
    ["host = h  user='o''' dbname='a b'", undefined],
    ["host = h user='o\\'k' dbname='a b'", "postgres://o'k@h:5432/a%20b"],
    ['host=a,b port=1,2 user=u dbname=d', 'postgres://u@a:1,b:2/d'],
    ['host=a,b port=1 user=u dbname=d', 'postgres://u@a:1,b:1/d'],
    ['nonsense', undefined],
    ['postgres://u:%zz@h/d', undefined],
    ['postgres://u@h/d?sslmode=verify-ca', undefined],
    ['host=/run/a,/run/b dbname=d', undefined],
  ] as const) {
    test(`${given} is ${url ?? 'refused, and not shown'}`, () => {
      if (url !== undefined) return assert.equal(urlOf(given), url)
      assert.throws(
        () => urlOf(given),
        (error: Error & { code?: string }) => error.code === 'InvalidOption' && !error.message.includes(given),
      )
    })
  }

  test("leaves to libpq's variables what it does not say", () => {
    const environment = { PGHOST: 'h', PGPORT: '7', PGUSER: 'u', PGDATABASE: 'd', PGOPTIONS: '-c a.b=c' }
    assert.equal(urlOf('postgresql://', environment), 'postgres://u@h:7/d?options=-c%20a.b%3Dc')
    assert.equal(urlOf('postgres://v@g/e', environment), 'postgres://v@g:7/e?options=-c%20a.b%3Dc')
  })

  test('tells what it does not follow', () => {
    const { warnings, connectTimeoutMs } = readConnectionString(
      'postgres://u@h/d?target_session_attrs=read-only&sslmode=prefer&connect_timeout=3&application_name=a',
      {},
      none,
    )
    assert.equal(connectTimeoutMs, 3000)
    assert.deepEqual(warnings, [
      'target_session_attrs of db-uri is not followed.',
      'sslmode=prefer of db-uri is not followed: the connection is not encrypted.',
    ])
  })

  test('may lie in a file, and the command line goes before it', () => {
    writeFileSync(file, 'postgres://u@h/d\n')
    assert.equal(set({ PGRST_DB_URI: `@${file}` }).config.url, 'postgres://u@h:5432/d')
    assert.equal(set({ PGRST_DB_URI: `@${file}` }, {}, 'postgres://u@x/d').config.url, 'postgres://u@x:5432/d')
  })
})
