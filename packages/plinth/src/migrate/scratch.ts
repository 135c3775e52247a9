import { randomBytes } from 'node:crypto'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createDatabase } from '../database/database.ts'
import type { Database } from '../database/queryable.ts'
import { startEmbedded } from '../embedded/server.ts'
import { isPlinthError } from '../errors.ts'
import type { Direction } from './migrate-options.ts'
import type { Migration } from './migration.ts'

/** What work on a scratch tells while it goes on. */
export type ScratchProgress =
  /** The server is opened: an embedded one starts in about half a second. */
  | { readonly kind: 'open' }
  /** A migration begins, the how manieth of how many that run on one database. */
  | {
      readonly kind: 'migration'
      readonly migration: Migration
      readonly direction: Direction
      readonly at: number
      readonly of: number
    }

type Listener = (progress: ScratchProgress) => void

/** A server for databases that are thrown away. */
export interface Scratch extends AsyncDisposable {
  /** A new, empty database. It is dropped with the others when the scratch is disposed of. */
  create(): Promise<Database>
  /** Runs `work` on it; where that names a role which is not there, makes the role and runs `work` again. */
  withRoles<R>(on: Database, work: () => Promise<R>): Promise<R>
  readonly onProgress: Listener
}

const settings = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }

/** A history that names more roles than this has something else wrong. */
const maxRoles = 100

/**
 * Opens a scratch on an embedded PostgreSQL of its own, started in about half a second and removed afterwards; with
 * `url`, on that server, where the user must be allowed to create databases: for migrations that need an extension or
 * the version of production. Roles that migrations name are made on the embedded server alone.
 */
export async function openScratch(url: string | undefined, onProgress: Listener = () => {}): Promise<Scratch> {
  onProgress({ kind: 'open' })
  if (url !== undefined) return scratchOn(url, { isOurs: false, onProgress }, async () => {})
  const folder = await mkdtemp(join(tmpdir(), 'plinth-scratch-'))
  // As root, PostgreSQL runs as nobody, who must get through.
  await chmod(folder, 0o755)
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true })
  try {
    const server = await startEmbedded({ dataDir: join(folder, 'data'), settings })
    return scratchOn(server.url, { isOurs: true, onProgress }, async () => {
      await server.stop()
      await remove()
    })
  } catch (error) {
    await remove()
    throw error
  }
}

interface ScratchServer {
  /** Where a migration may make roles. */
  readonly isOurs: boolean
  readonly onProgress: Listener
}

function scratchOn(server: string, { isOurs, onProgress }: ScratchServer, end: () => Promise<void>): Scratch {
  const root = open(server)
  const made: { readonly database: Database; readonly name: string }[] = []
  const create = async (): Promise<Database> => {
    const name = `plinth_scratch_${randomBytes(6).toString('hex')}`
    await root.query(`create database ${name} template template0 strategy file_copy`)
    const url = new URL(server)
    url.pathname = `/${name}`
    const database = open(url.href)
    made.push({ database, name })
    return database
  }
  const dispose = async (): Promise<void> => {
    await using ending = new AsyncDisposableStack()
    ending.defer(end)
    ending.use(root)
    if (!isOurs) for (const { name } of made) ending.defer(() => dropDatabase(root, name))
    for (const { database } of made) ending.use(database)
  }
  const withRoles: Scratch['withRoles'] = (on, work) => (isOurs ? makingRoles(on, work) : work())
  return { create, onProgress, withRoles, [Symbol.asyncDispose]: dispose }
}

function open(url: string): Database {
  const pool = { max: 2, sharedLanes: 0, warm: 1 }
  return createDatabase({ url, service: 'plinth-scratch', pool, statementTimeoutMs: 60_000 })
}

async function dropDatabase(root: Database, name: string): Promise<void> {
  await root.query(`drop database if exists ${name} with (force)`)
}

async function makingRoles<R>(on: Database, work: () => Promise<R>): Promise<R> {
  for (let left = maxRoles; ; left -= 1) {
    try {
      return await work()
    } catch (error) {
      const role = missingRole(error)
      if (role === undefined || left === 0) throw error
      await on.query(`create role "${role.replaceAll('"', '""')}"`)
    }
  }
}

/** The runner's own error may stand around that of the statement. */
function missingRole(error: unknown): string | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (!isPlinthError(cause) || cause.sqlstate !== '42704') continue
    const role = /^role "(.+)" does not exist$/.exec(cause.server?.message ?? '')?.[1]
    if (role !== undefined) return role
  }
  return undefined
}
