import { randomBytes } from 'node:crypto'
import { createDatabase, type Database, type Queryable } from 'plinth'
import { runScript } from 'plinth/migrate'
import type { Content } from './content.ts'

/** A file of some gigabytes takes minutes; the limits of a service would cut it off. */
const loadTimeoutMs = 3_600_000

export interface LoadedContent {
  /** True when this start made the content. */
  readonly isNew: boolean
  /** False when the file differs from what the database was filled with. */
  readonly isCurrent: boolean
  readonly loadedAt: Date
  /** Lines of the file that were passed over. */
  readonly passed: readonly string[]
}

/** Fills the database once: content, grants and the note that they are there commit together or not at all. */
export async function loadContent(url: string, content: Content, stop: AbortSignal): Promise<LoadedContent> {
  // A connection of its own: a dump changes the search_path and other settings of its session.
  await using database = createDatabase({
    url,
    service: 'plinth-dev',
    pool: { max: 1 },
    statementTimeoutMs: loadTimeoutMs,
    idleInTransactionTimeoutMs: loadTimeoutMs,
  })
  const note = await readNote(database)
  if (note) return { ...note, isNew: false, isCurrent: note.sha256 === content.sha256, passed: [] }
  console.log(`Filling the database from ${content.source}.`)
  const passed = await database.transaction(
    async (tx) => {
      const lines = await runScript(tx, content.source, content.script)
      if (content.grants !== '') await tx.query(content.grants)
      await writeNote(tx, content)
      return lines
    },
    { name: 'fill', timeoutMs: loadTimeoutMs, signal: stop, retry: { attempts: 1 } },
  )
  await database.query('analyze')
  return { isNew: true, isCurrent: true, loadedAt: new Date(), passed }
}

async function readNote(database: Database): Promise<{ sha256: string; loadedAt: Date } | undefined> {
  const { rows: exists } = await database.query<{ found: string | null }>(
    `select to_regclass('plinth.content')::text as found`,
  )
  if (exists[0]?.found === null) return undefined
  const { rows } = await database.query<{ sha256: string; loadedAt: Date }>(
    'select sha256, loaded_at as "loadedAt" from plinth.content',
  )
  return rows[0]
}

async function writeNote(tx: Queryable, { source, sha256 }: Content): Promise<void> {
  await tx.query('create schema if not exists plinth')
  await tx.query(
    'create table plinth.content (source text, sha256 text, loaded_at pg_catalog.timestamptz default pg_catalog.now())',
  )
  await tx.query('insert into plinth.content (source, sha256) values ($1, $2)', [source, sha256])
}

/** Gives the hub's login role a password for this run. Returns the URL the hub connects by. */
export async function openHubRole(url: string): Promise<string> {
  const password = randomBytes(24).toString('base64url')
  await using database = createDatabase({ url, service: 'plinth-dev', pool: { max: 1 } })
  await database.query(`alter role plinth_hub password '${password}'`)
  const hubUrl = new URL(url)
  hubUrl.username = 'plinth_hub'
  hubUrl.password = password
  return hubUrl.href
}
