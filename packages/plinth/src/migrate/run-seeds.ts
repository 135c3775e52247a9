import { inspect } from 'node:util'
import { pause } from '../database/backoff.ts'
import { installSchema } from '../database/install-schema.ts'
import type { Database, Queryable, Transaction } from '../database/queryable.ts'
import { isPlinthError, PlinthError } from '../errors.ts'
import type { Environment, Seed } from './seed.ts'
import { loadSeed, readSeeds, type SeedFile } from './seed-folder.ts'

/**
 * | status | |
 * |---|---|
 * | `ran` | now, and it will not run again |
 * | `done` | it ran before |
 * | `changed` | it ran before, and its file is another one now: nothing was done |
 * | `other environment` | it is not for this one, and may run later for another |
 * | `missing` | it ran before, and its file is gone |
 */
export type SeedStatus = 'ran' | 'done' | 'changed' | 'other environment' | 'missing'

export interface SeedResult {
  readonly id: string
  readonly status: SeedStatus
  /** Of those that ran now. */
  readonly durationMs?: number
}

export interface SeedProgress {
  readonly id: string
  /** As the seed counts; both 0 when it begins. */
  readonly done: number
  readonly total: number
}

export interface RunSeedsOptions {
  /** Where the files are, from the folder the process was started in. Default `seeds`. */
  readonly folder?: string | URL
  /** Default `development`. */
  readonly environment?: Environment
  /** Called at once; what it throws fails the seed. */
  readonly onProgress?: (progress: SeedProgress) => void
  /** How long to wait, before each seed, for another process that seeds. Default 60,000. */
  readonly waitMs?: number
  /** Ends the seed that runs, which is undone; those before it stay. */
  readonly signal?: AbortSignal
}

/** As ASCII "seed"; xact, so that it ends with the seed's transaction. */
const lockText = 'select pg_try_advisory_xact_lock(8104, 1936024932) as locked'

const pollMs = 50

/**
 * Runs the seeds of a folder that this database has not had, in the order of their numbers, each in a transaction that
 * also records it in plinth.seed. Called by several processes at once, each seed runs in one of them. Stops at the
 * first that fails; those before it stay. Makes Plinth's own tables where they are missing.
 *
 * Throws SeedFailed, with `cause`, for a seed that failed or was aborted; InvalidSeed for a file that is none, and
 * LockTimeout when another process seeds for longer than `waitMs`.
 *
 *     await runSeeds(db, { environment: 'test' })
 */
export async function runSeeds(db: Database, options: RunSeedsOptions = {}): Promise<readonly SeedResult[]> {
  const { folder = 'seeds', environment = 'development', onProgress, waitMs = 60_000, signal } = options
  const files = await readSeeds(folder)
  await installSchema(db)
  const results: SeedResult[] = []
  for (const file of files) {
    const progress = (done: number, total: number): void => onProgress?.({ id: file.id, done, total })
    results.push(await inTurn(db, file, { environment, progress, waitMs, signal }))
  }
  return [...results, ...(await missing(db, files))]
}

interface Asked {
  readonly environment: Environment
  readonly progress: (done: number, total: number) => void
  readonly waitMs: number
  readonly signal: AbortSignal | undefined
}

async function inTurn(db: Database, file: SeedFile, asked: Asked): Promise<SeedResult> {
  const before = await earlier(db, file)
  if (before !== undefined) return before
  const seed = await loadSeed(file)
  if (!seed.environments.includes(asked.environment)) return { id: file.id, status: 'other environment' }
  const deadline = performance.now() + asked.waitMs
  // Polled: who waits in the lock itself holds a connection and a snapshot.
  for (;;) {
    const result = await tryRun(db, file, seed, asked)
    if (result !== 'busy') return result
    if (performance.now() > deadline) throw busy()
    await pause(pollMs)
  }
}

async function tryRun(
  db: Database,
  file: SeedFile,
  seed: Seed,
  { environment, progress, signal }: Asked,
): Promise<SeedResult | 'busy'> {
  const work = async (tx: Transaction): Promise<SeedResult | 'busy'> => {
    const { locked } = await tx.one<{ locked: boolean }>(lockText)
    if (!locked) return 'busy'
    const before = await earlier(tx, file)
    if (before !== undefined) return before
    // The limit of the database is one for requests; the seed's own ends with its transaction.
    await tx.query(`select set_config('statement_timeout', $1, true)`, [String(seed.timeoutMs)])
    const from = performance.now()
    progress(0, 0)
    await seed.run(tx, { environment, progress })
    const durationMs = Math.round(performance.now() - from)
    const values = [file.id, file.checksum, environment, durationMs]
    await tx.query('insert into plinth.seed (id, checksum, environment, duration_ms) values ($1, $2, $3, $4)', values)
    return { id: file.id, status: 'ran', durationMs }
  }
  // Read committed: what another process recorded while we waited for the lock must be seen.
  const limits = { timeoutMs: seed.timeoutMs, ...(signal && { signal }) }
  const options = { name: `seed ${file.id}`, isolation: 'read committed', ...limits } as const
  try {
    return await db.transaction(work, options)
  } catch (cause) {
    throw failed(file, cause)
  }
}

async function earlier(on: Queryable, { id, checksum }: SeedFile): Promise<SeedResult | undefined> {
  const row = await on.maybeOne<{ checksum: string }>('select checksum from plinth.seed where id = $1', [id])
  return row && { id, status: row.checksum === checksum ? 'done' : 'changed' }
}

async function missing(db: Database, files: readonly SeedFile[]): Promise<SeedResult[]> {
  const ids = files.map(({ id }) => id)
  const { rows } = await db.query<{ id: string }>('select id from plinth.seed where id <> all($1) order by id', [ids])
  return rows.map(({ id }) => ({ id, status: 'missing' }))
}

function failed({ id }: SeedFile, cause: unknown): PlinthError {
  const why = cause instanceof Error ? cause.message : inspect(cause)
  const known = isPlinthError(cause) ? cause : undefined
  const outcome = known?.outcome ?? 'not applied'
  const left = outcome === 'not applied' ? ['Nothing of it is left in the database.'] : []
  const hint = [...(known?.hint === undefined ? [] : [known.hint]), ...left].join(' ')
  const said = hint === '' ? {} : { hint }
  return new PlinthError('SeedFailed', `The seed ${id} failed: ${why}`, {
    cause,
    outcome,
    retryable: known?.retryable === true,
    ...said,
  })
}

function busy(): PlinthError {
  return new PlinthError('LockTimeout', 'Another process has been seeding this database all the time.', {
    retryable: true,
    hint: "Who it is: select pid from pg_locks where locktype = 'advisory' and classid = 8104",
  })
}
