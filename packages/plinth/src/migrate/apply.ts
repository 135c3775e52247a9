import { delayMs, pause } from '../database/backoff.ts'
import type { Session, Transaction } from '../database/queryable.ts'
import { isPlinthError, PlinthError } from '../errors.ts'
import { mayCommitInside } from '../sql/statement-words.ts'
import { type Direction, refuseAborted } from './migrate-options.ts'
import * as records from './migration-record.ts'
import type { Migration } from './migration.ts'
import { type PreparedStep, prepareStep, type StatementOfFile } from './prepared-step.ts'
import type { Runner } from './runner.ts'
import { atLine, inFile } from './script-place.ts'

export interface MigrationResult {
  /** `0001_add_users`. */
  readonly id: string
  readonly number: number
  readonly direction: Direction
  readonly durationMs: number
}

/** What is to be done with one migration. */
export interface Job {
  readonly migration: Migration
  readonly direction: Direction
}

interface Work extends Job {
  readonly startedAt: number
}

/** 24.8 days: a migration has no limit as a whole, each of its statements has one. */
const longestMs = 2_147_483_647
/** A lock is often held for as long as a report runs. */
const lockBackoff = { baseMs: 500, factor: 2, capMs: 30_000 }

/**
 * One after the other, each whole before the next one begins; all are read before the first is run. Adds to `results`
 * what is done, so that it is known also when a later one fails.
 */
export async function applyAll(runner: Runner, jobs: readonly Job[], results: MigrationResult[]): Promise<void> {
  const prepared: (readonly [Job, PreparedStep])[] = []
  for (const job of jobs) prepared.push([job, await prepareStep(job.migration, job.direction)])
  const { onProgress } = runner.settings
  for (const [before, [{ migration, direction }, step]] of prepared.entries()) {
    const work = { migration, direction, startedAt: performance.now() }
    onProgress({ kind: 'begin', migration, direction, at: before + 1, of: prepared.length })
    try {
      await freshen(runner)
      await (step.kind === 'alone' ? applyAlone(runner, work, step) : applyInTransaction(runner, work, step))
    } catch (error) {
      throw failed(error, work, results)
    }
    const durationMs = sinceMs(work)
    results.push({ id: migration.id, number: migration.number, direction, durationMs })
    onProgress({ kind: 'end', migration, direction, durationMs })
  }
}

/** The record is written by the same transaction: it is there exactly when the migration is. */
async function applyInTransaction(
  { session, settings }: Runner,
  work: Work,
  { run, statements }: PreparedStep & { kind: 'transaction' },
): Promise<void> {
  const { migration } = work
  const { lockAttempts: attempts, onProgress, signal } = settings
  const attempt = async (tx: Transaction): Promise<void> => {
    if (tx.attempt > 1) onProgress({ kind: 'retry', migration, attempt: tx.attempt })
    let at = 0
    await run(tx, (line) => onProgress({ kind: 'statement', migration, line, at: ++at, of: statements }))
    // The migration may have changed it, and the record is ours to write.
    await tx.query('reset role')
    await recordDone(tx, work)
  }
  const retryable = (error: unknown): boolean => isPlinthError(error, 'LockTimeout')
  const retry = { attempts, ...lockBackoff, retryable }
  await session.transaction(attempt, { name: migration.id, timeoutMs: longestMs, retry, ...(signal && { signal }) })
}

async function recordDone(tx: Transaction, work: Work): Promise<void> {
  const { migration, direction } = work
  const durationMs = sinceMs(work)
  if (direction === 'up') await records.recordApplied(tx, migration, durationMs)
  else await records.removeRecord(tx, migration.number)
  await records.noteChange(tx, migration, direction === 'up' ? 'run' : 'revert', { durationMs })
}

/**
 * Statement by statement, each in a transaction of its own. The record says where it is before each of them, so that
 * nothing has to be written when this process is killed.
 */
async function applyAlone(runner: Runner, work: Work, step: PreparedStep & { kind: 'alone' }): Promise<void> {
  const { session, settings } = runner
  const { migration, direction } = work
  const { statements, file } = step
  await records.recordRunning(session, migration, direction)
  let [at, isSent] = [1, false]
  try {
    for (const statement of statements) {
      if (at > 1) await records.recordStatement(session, migration.number, at)
      settings.onProgress({ kind: 'statement', migration, line: statement.line, at, of: statements.length })
      isSent = true
      await runAlone(runner, statement)
      at++
    }
    await session.transaction((tx) => recordDone(tx, work), { name: migration.id })
  } catch (cause) {
    const stopped = statements[at - 1]
    const error = stopped ? inFile(atLine(cause, `line ${stopped.line}`), file) : cause
    const isUntouched = !isSent || (at === 1 && stopped !== undefined && isUndone(stopped, cause))
    await recordFailure(session, work, error, isUntouched)
    throw isUntouched ? error : stoppedHalfWay(error, work, Math.min(at, statements.length))
  }
}

/**
 * Waits for no table lock longer than others may wait behind it. What says `concurrently` blocks nobody while it waits
 * for older transactions, and would leave an invalid index when it gave up. What may have committed inside before it
 * met the lock is not run again.
 */
async function runAlone({ session, settings }: Runner, { text }: StatementOfFile): Promise<void> {
  const limitMs = isConcurrent(text) ? 0 : settings.lockTimeoutMs
  await session.query(`select set_config('lock_timeout', $1, false)`, [String(limitMs)])
  for (let attempt = 1; ; attempt++) {
    refuseAborted(settings.signal)
    try {
      return await session.script(text)
    } catch (error) {
      const isWhole = isPlinthError(error, 'LockTimeout') && !mayCommitInside(text)
      if (!isWhole || attempt >= settings.lockAttempts) throw error
      await pause(delayMs(lockBackoff, attempt), settings.signal)
    }
  }
}

function isConcurrent(text: string): boolean {
  return /\bconcurrently\b/i.test(text)
}

/** PostgreSQL has undone all of the statement that failed, or it was never sent. */
function isUndone({ text }: StatementOfFile, error: unknown): boolean {
  if (isPlinthError(error, 'Cancelled')) return true
  const isKnown = isPlinthError(error) && error.outcome === 'not applied'
  return isKnown && !isConcurrent(text) && !mayCommitInside(text)
}

async function recordFailure(session: Session, work: Work, error: unknown, isUntouched: boolean): Promise<void> {
  const { migration, direction } = work
  const message = error instanceof Error ? error.message : String(error)
  try {
    // The migration may have changed it, and the record is ours to write.
    await session.script('reset session authorization; reset role')
    await session.transaction((tx) =>
      isUntouched
        ? records.recordUntouched(tx, migration.number, direction)
        : records.recordBroken(tx, migration, message.slice(0, 2000)),
    )
  } catch {
    // The connection is gone: the record still says `running`, and nobody holds the lock, which means the same.
  }
}

/** What was set for the session before, such as a search_path, must not meet the next migration. */
async function freshen({ session, settings }: Runner): Promise<void> {
  refuseAborted(settings.signal)
  const { statementTimeoutMs, lockTimeoutMs } = settings
  await session.script(
    `reset session authorization; reset all; discard temp;
     set statement_timeout = ${statementTimeoutMs}; set lock_timeout = ${lockTimeoutMs}`,
  )
}

function sinceMs({ startedAt }: Work): number {
  return Math.round(performance.now() - startedAt)
}

function stoppedHalfWay(cause: unknown, { migration, direction }: Work, at: number): PlinthError {
  const { id, number } = migration
  const message = cause instanceof Error ? cause.message : String(cause)
  return new PlinthError(
    'MigrationBroken',
    `${id} stopped half way, at statement ${at} of its ${direction}.sql: ${message}`,
    {
      outcome: 'unknown',
      cause,
      hint:
        'Finish or undo it by hand, then say which: ' +
        `plinth migrate resolve ${number} --applied, or plinth migrate resolve ${number} --reverted.`,
    },
  )
}

/** Only what happened to the migration is ours to say; why is the cause. */
function failed(cause: unknown, { migration, direction }: Work, before: readonly MigrationResult[]): unknown {
  if (isPlinthError(cause, 'MigrationBroken') || isPlinthError(cause, 'Cancelled')) return cause
  const known = isPlinthError(cause) ? cause : undefined
  const message = cause instanceof Error ? cause.message : String(cause)
  const isUnknown = known?.outcome === 'unknown'
  const what = `${isUnknown ? 'may not have been' : 'was not'} ${direction === 'up' ? 'applied' : 'reverted'}`
  const done = before.map(({ id }) => id).join(', ')
  const left = isUnknown ? 'plinth migrate status tells whether it was.' : 'Nothing of it is left in the database.'
  return new PlinthError('MigrationFailed', `${migration.id} ${what}: ${message}`, {
    outcome: known?.outcome ?? 'not applied',
    retryable: known?.retryable === true || known?.code === 'LockTimeout',
    cause,
    hint: [known?.hint, left, ...(done === '' ? [] : [`Done before it and kept: ${done}.`])]
      .filter((one) => one !== undefined)
      .join(' '),
    ...(known?.sqlstate === undefined ? {} : { sqlstate: known.sqlstate }),
  })
}
