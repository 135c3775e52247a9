import type { Pooler } from '../driver/client-options.ts'
import type { Connection } from '../driver/connection.ts'
import type { Statement, StepAnswer } from '../driver/exchange.ts'
import type { Pool } from '../driver/pool.ts'
import { type FailureContext, toPlinthError } from '../driver/sqlstate.ts'
import { isPlinthError, PlinthError } from '../errors.ts'
import type { DatabaseIdentity } from '../observe/observation.ts'
import { summarize } from '../observe/summary.ts'
import { statementStart, watchStatement } from '../observe/watch.ts'
import { type HeldRun, isFailure, isWrongServer, runHeld } from './held.ts'
import { isRead, type LaneChoice } from './lane-choice.ts'
import type { LogPosition } from './log-position.ts'
import type { StatementOptions } from './queryable.ts'
import { Attempts, readRetry } from './retry.ts'
import type { ServerDefaults } from './first-question.ts'
import type { RetryBudget } from './retry-budget.ts'
import { contextAlone, settingsStatement } from './statement.ts'

export interface SingleHome {
  readonly identity: DatabaseIdentity
  readonly pool: Pool
  /** See `TransactionHome`. */
  readonly leaveServer: () => void
  readonly lanes: LaneChoice
  readonly sharedLanes: number
  readonly statementTimeoutMs: number
  readonly pooler: Pooler | undefined
  readonly budget: RetryBudget
  readonly defaults: ServerDefaults
  /** A connection that was idle for longer is asked whether it lives before a statement on it. */
  readonly pingAfterMs: number
  /** Hears where writes end in the server's log. Only where there are replicas. */
  readonly position: LogPosition | undefined
}

/** What is asked for once more when the connection breaks: only a statement that changes nothing. */
export type Effect = 'read' | 'write'

const policy = readRetry(undefined)
const pingLimitMs = 2000

/**
 * Runs one statement by itself in one round trip, its settings in front of it under the same Sync. A quick read goes
 * over a shared lane (see `LaneChoice`). A write, a slow read, and one with a signal or more time than the lanes allow
 * gets an exclusive lane: there it can be cancelled alone, and holds up nobody behind it.
 */
export function runSingle(
  home: SingleHome,
  statement: Statement,
  options: StatementOptions,
  effect: Effect,
): Promise<StepAnswer> {
  const from = statementStart()
  return watchStatement(runAttempts(home, statement, options, effect), from, home.identity, statement.text)
}

async function runAttempts(
  home: SingleHome,
  statement: Statement,
  options: StatementOptions,
  effect: Effect,
): Promise<StepAnswer> {
  const settings = settingsStatement(options, home.statementTimeoutMs, home.pooler)
  const statements = settings ? [settings, statement] : [statement]
  const { budget, defaults, identity: database } = home
  budget.noteCall()
  let attempts: Attempts | undefined
  const outcomeWhenLost = effect === 'read' ? 'not applied' : 'unknown'
  for (;;) {
    const context = { ...contextAlone(statement.text, outcomeWhenLost), attempts: attempts?.number ?? 1 }
    try {
      return await runOnce(home, statements, options, context)
    } catch (error) {
      if (isWrongServer(error)) home.leaveServer()
      if (context.mayCommitInside && isPlinthError(error) && error.outcome === 'unknown') throw error
      const about = { database, what: 'statement' } as const
      attempts ??= new Attempts({ policy, budget, leftMs: () => Number.POSITIVE_INFINITY, defaults, about })
      await attempts.next(error, options.signal)
    }
  }
}

async function runOnce(
  home: SingleHome,
  statements: readonly Statement[],
  options: StatementOptions,
  context: FailureContext,
): Promise<StepAnswer> {
  const limitMs = Math.max(options.timeoutMs ?? 0, home.statementTimeoutMs)
  const text = statements.at(-1)?.text ?? ''
  const mayShare =
    home.sharedLanes > 0 &&
    options.signal === undefined &&
    limitMs === home.statementTimeoutMs &&
    home.lanes.mayShare(text)
  const lane = mayShare ? await sharedAlive(home) : undefined
  const run: HeldRun = { limitMs, signal: options.signal, context, maxBytes: options.maxAnswerBytes }
  const answers = lane
    ? await runShared(home, lane, statements, text, run)
    : await runAlone(home, statements, text, run)
  const answer = answers.at(-1)
  if (!answer) throw new PlinthError('StatementFailed', 'The server answered fewer statements than were sent.')
  return answer
}

async function runAlone(
  home: SingleHome,
  statements: readonly Statement[],
  text: string,
  run: HeldRun,
): Promise<readonly StepAnswer[]> {
  const connection = await acquireAlive(home, text, run)
  const from = performance.now()
  const answers = runHeld(connection, statements, run)
  const asked = home.position && !isRead(text) ? home.position.ask(connection) : undefined
  try {
    return await answers
  } finally {
    home.lanes.note(text, performance.now() - from)
    await asked
    home.pool.release(connection)
  }
}

/**
 * On a connection that turns out dead a write may have been applied, and a read would wait for its whole time limit. So
 * one that was idle for long is asked before.
 */
async function acquireAlive(home: SingleHome, text: string, run: HeldRun): Promise<Connection> {
  for (;;) {
    const connection = await home.pool.acquire(new StatementHolder(text), run.signal)
    if (isTrusted(home, connection) || (await isAlive(home, connection))) return connection
    home.pool.release(connection)
  }
}

/** A lane that turns out dead has left, so the next one is another. */
async function sharedAlive(home: SingleHome): Promise<Connection | undefined> {
  for (;;) {
    const lane = await home.pool.shared()
    if (!lane || isTrusted(home, lane) || (await isAlive(home, lane))) return lane
  }
}

function isTrusted(home: SingleHome, connection: Connection): boolean {
  return performance.now() - connection.quietSince < home.pingAfterMs
}

async function isAlive(home: SingleHome, connection: Connection): Promise<boolean> {
  const limitMs = home.pooler?.patienceMs ?? pingLimitMs
  return connection.run([], limitMs, { firstWithinMs: limitMs }).then(
    () => true,
    () => false,
  )
}

async function runShared(
  home: SingleHome,
  lane: Connection,
  statements: readonly Statement[],
  text: string,
  { limitMs, maxBytes, context }: HeldRun,
): Promise<readonly StepAnswer[]> {
  try {
    return await lane.run(statements, limitMs, { maxBytes, noteBusyMs: (ms) => home.lanes.note(text, ms) })
  } catch (error) {
    throw isFailure(error) ? toPlinthError(error, context) : error
  }
}

/** Its summary is read out of the text only when somebody asks who holds the connections. */
class StatementHolder {
  readonly #text: string

  constructor(text: string) {
    this.#text = text
  }

  get name(): string {
    return summarize(this.#text)
  }
}
