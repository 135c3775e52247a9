import { createHash } from 'node:crypto'
import { after, before } from 'node:test'
import { createHub, type Hub, type HubOptions } from '@plinth/hub'
import { Client } from 'pg'
import { createDatabase, type Database, type PoolOptions } from 'plinth'
import { createTestDatabase } from 'plinth/testing'
import { createRoles, drawRoles, dropRoles, type Roles, sampleTables } from './sample.ts'

export const keys = { backend: 'backend-key-1', server: 'server-key-1' } as const

/** What a configuration holds of a key. */
export function hashed(key: string): string {
  return `sha256:${createHash('sha256').update(key).digest('hex')}`
}

export interface TestHub {
  readonly hub: Hub
  readonly roles: Roles
  readonly database: Database
  /** Those it was made with. */
  readonly options: HubOptions
  /** The address it listens on. */
  readonly url: string
  /** Runs SQL as the superuser, past the hub. */
  sql(text: string, values?: readonly unknown[]): Promise<Record<string, unknown>[]>
  /** Another hub over the same database, not listening. */
  another(options: Partial<HubOptions>): Hub
  /** A request as the backend service, without a socket; `null` for no key. */
  ask(method: string, path: string, options?: AskOptions): Promise<Answered>
}

export interface AskOptions {
  readonly key?: string | null
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
  /** Sent as it is. */
  readonly text?: string | Uint8Array<ArrayBuffer>
}

export interface Answered {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  readonly json: any
}

/** A hub over a database of its own with the sample tables, listening, for the tests of one file. */
export function testHub(
  options: (roles: Roles) => Partial<HubOptions> = () => ({}),
  tables: (roles: Roles) => string = sampleTables,
  pool: PoolOptions = {},
): TestHub {
  const roles = drawRoles()
  let started: Started | undefined
  const running = (): Started => {
    if (started === undefined) throw new Error('The hub starts in the before hook.')
    return started
  }
  before(async () => {
    started = await start(roles, options(roles), tables(roles), pool)
  })
  after(() => started?.stop())
  return {
    roles,
    get hub() {
      return running().hub
    },
    get database() {
      return running().database
    },
    get options() {
      return running().options
    },
    get url() {
      return running().url
    },
    sql: async (text, values = []) => (await running().client.query(text, [...values])).rows,
    another: (more) => {
      const { options } = running()
      // One database has one connection for notices, and the hub that listens holds it.
      return createHub({ ...options, ...more, dialect: { channels: [], ...options.dialect, ...more.dialect } })
    },
    ask: (method, path, given) => ask(running().hub, method, path, given),
  }
}

interface Started {
  readonly hub: Hub
  readonly database: Database
  readonly url: string
  readonly client: Client
  readonly options: HubOptions
  stop(): Promise<void>
}

async function start(roles: Roles, given: Partial<HubOptions>, tables: string, pool: PoolOptions): Promise<Started> {
  const server = { url: process.env['PLINTH_TEST_DATABASE_URL'] ?? '' }
  const test = await createTestDatabase({ server })
  const client = new Client({ connectionString: test.url })
  await client.connect()
  await client.query(createRoles(roles))
  await client.query(tables)
  const login = new URL(test.url)
  login.username = roles.login
  login.password = 'test'
  const database = createDatabase({ url: login.href, pool })
  const options: HubOptions = {
    database,
    services: {
      backend: { role: roles.backend, keys: [hashed(keys.backend)] },
      server: { role: roles.server, keys: [hashed(keys.server)] },
    },
    ...given,
  }
  const hub = createHub(options)
  const url = await hub.listen({ port: 0 })
  const stop = async (): Promise<void> => {
    await hub.close({ deadlineMs: 1_000 })
    await database.close({ deadlineMs: 1_000 })
    for (const role of Object.values(roles)) await client.query(`drop owned by ${role}`)
    await client.query(dropRoles(roles))
    await client.end()
    await test.drop()
  }
  return { hub, database, url, client, options, stop }
}

export async function ask(hub: Hub, method: string, path: string, given: AskOptions = {}): Promise<Answered> {
  const { key = keys.backend, headers = {}, body, text } = given
  const sent = text ?? (body === undefined ? null : JSON.stringify(body))
  const response = await hub.handle(
    new Request(`http://hub${path}`, {
      method,
      headers: {
        ...(key === null ? {} : { authorization: `Bearer ${key}` }),
        ...(sent === null ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      body: sent,
    }),
  )
  const answer = await response.text()
  return { status: response.status, headers: response.headers, text: answer, json: parsed(answer) }
}

/** The code of an error answer; empty for another. */
export async function codeOf(response: Response): Promise<string> {
  const body: any = await response.json()
  return body.code ?? ''
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
