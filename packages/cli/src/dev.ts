import { join } from 'node:path'
import { createHub, type Hub } from '@plinth/hub'
import { createDatabase, type Database } from 'plinth'
import { type Embedded, startEmbedded } from 'plinth/embedded'
import { announcement } from './development/announcement.ts'
import { fileContent, sampleContent } from './development/content.ts'
import { type CurlLines, curlFor, sampleCurl } from './development/curl.ts'
import { loadContent, openHubRole } from './development/loaded-content.ts'
import { openFolder, openKeys } from './development/folder.ts'
import { type FoundTable, readSchemas, readTables } from './development/tables.ts'
import { hashKey } from './key.ts'
import { reportFault } from './terminal/failure.ts'
import { unlessStopped, whenStopped } from './terminal/stop.ts'

export interface DevOptions {
  readonly data: string
  readonly port: number
  /** Absent: the port behind `port`. */
  readonly adminPort: number | undefined
  /** A plain SQL file. Absent: the sample. */
  readonly load: string | undefined
}

type Keys = Readonly<Record<string, string>>

/** `plinth dev`: PostgreSQL in a folder of the project, filled once, with the hub in front of it. */
export async function dev(options: DevOptions, stop: AbortSignal): Promise<void> {
  const startedAt = performance.now()
  const content = options.load === undefined ? await sampleContent() : await fileContent(options.load)
  const folder = openFolder(options.data)
  await using server = await startEmbedded({ dataDir: join(folder, content.name), database: 'dev' })
  stop.throwIfAborted()
  const loaded = await unlessStopped(stop, loadContent(server.url, content, stop))
  const keys = openKeys(folder, content.name, content.services)
  await using database = createDatabase({ url: await openHubRole(server.url), service: 'plinth-hub' })
  const schemas = await readSchemas(database)
  await using hub = openHub(database, schemas, keys, options)
  const url = await hub.listen({ port: options.port })
  const found = await inspect(server, schemas, url, keys)
  stop.throwIfAborted()
  const running = { server, hub, content, loaded, keys, ...found, ms: performance.now() - startedAt }
  console.log(announcement(running))
  await untilStopped(server, stop)
  console.log('Stopping.')
}

function openHub(database: Database, schemas: readonly string[], keys: Keys, options: DevOptions): Hub {
  const services = Object.entries(keys).map(([name, key]) => [name, { role: name, keys: [hashKey(key)] }] as const)
  const { port, adminPort = port === 0 || port === 65_535 ? 0 : port + 1 } = options
  const admin = { port: adminPort }
  return createHub({ database, schemas, services: Object.fromEntries(services), admin, onFault: reportFault })
}

interface Found {
  readonly tables: readonly FoundTable[]
  readonly curl: CurlLines | undefined
}

/** Looks as the superuser, who sees every row of every table. */
async function inspect(server: Embedded, schemas: readonly string[], hubUrl: string, keys: Keys): Promise<Found> {
  await using database = createDatabase({ url: server.url, service: 'plinth-dev', pool: { max: 2 } })
  const tables = await readTables(database, schemas, Object.keys(keys))
  const { app, server: sample = '' } = keys
  const curl = app === undefined ? sampleCurl(hubUrl, sample) : await curlFor(database, tables, hubUrl, app)
  return { tables, curl }
}

async function untilStopped(server: Embedded, stop: AbortSignal): Promise<void> {
  const ended = await Promise.race([whenStopped(stop), server.exited])
  if (ended !== undefined) throw ended
}
