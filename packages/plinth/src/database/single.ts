import type { Pooler } from '../driver/client-options.ts'
import type { Connection } from '../driver/connection.ts'
import type { Statement, StepAnswer } from '../driver/exchange.ts'
import { asOpened, type LaneSettings } from '../driver/lane-settings.ts'
import type { Pool } from '../driver/pool.ts'
import { type FailureContext, toPlinthError } from '../driver/sqlstate.ts'
import { isPlinthError, PlinthError } from '../errors.ts'
import type { DatabaseIdentity } from '../observe/observation.ts'
import { runOperation } from '../operation/answer.ts'
import type { Operation } from '../operation/operation.ts'
import { compile } from '../sql/compile.ts'
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

/** What one round trip does. */
export interface RoundTrip {
  readonly statements: readonly Statement[]
  /** Of the statement it is about. */
  readonly text: string
  readonly effect: Effect
  readonly settings: LaneSettings
  /** False: never on a lane with others. */
  readonly mayShare: boolean
  /** The server refuses a write in it, and no other server would take it. */
  readonly isReadOnly?: boolean
  /** They may run code that leaves settings on the session. */
  readonly runsCode?: boolean
  /** Its statements begin a transaction and end it. */
  readonly isTransaction?: true
}

/**
 * Runs one statement by itself in one round trip, its settings in front of it under the same Sync. A quick read goes
 * over a shared lane (see `LaneChoice`). A write, a slow read, and one with a signal or more time than the lanes allow
 * gets an exclusive lane: there it can be cancelled alone, and holds up nobody behind it.
 */
export async function runSingle(
  home: SingleHome,
  statement: Statement,
  options: StatementOptions,
  effect: Effect,
): Promise<StepAnswer> {
  const settings = settingsStatement(options, home.statementTimeoutMs, home.pooler)
  const statements = settings ? [settings, statement] : [statement]
  const { text } = statement
  const trip = { statements, text, effect, settings: asOpened, mayShare: home.lanes.mayShare(text) }
  const answer = (await runRoundTrip(home, trip, options)).at(-1)
  if (!answer) throw new PlinthError('StatementFailed', 'The server answered fewer statements than were sent.')
  return answer
}

/** Runs an operation by itself. */
export function runOperationAlone(home: SingleHome, operation: Operation): Promise<unknown> {
  const effect: Effect = operation.kind === 'select' || operation.kind === 'count' ? 'read' : 'write'
  return runOperation(operation, (one) => runSingle(home, compile(one), {}, effect))
}

/** Runs statements in one round trip, again where their failure says that another run can do better. */
export function runRoundTrip(
  home: SingleHome,
  trip: RoundTrip,
  options: StatementOptions,
): Promise<readonly StepAnswer[]> {
  const from = statementStart()
  return watchStatement(runAttempts(home, trip, options), from, home.identity, trip.text)
}

async function runAttempts(
  home: SingleHome,
  trip: RoundTrip,
  options: StatementOptions,
): Promise<readonly StepAnswer[]> {
  const { budget, defaults, identity: database } = home
  budget.noteCall()
  let attempts: Attempts | undefined
  const outcomeWhenLost = trip.effect === 'read' ? 'not applied' : 'unknown'
  for (;;) {
    const { isReadOnly = false } = trip
    const context = { ...contextAlone(trip.text, outcomeWhenLost), attempts: attempts?.number ?? 1, isReadOnly }
    try {
      return await runOnce(home, trip, options, context)
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
  trip: RoundTrip,
  options: StatementOptions,
  context: FailureContext,
): Promise<readonly StepAnswer[]> {
  const limitMs = Math.max(options.timeoutMs ?? 0, home.statementTimeoutMs)
  const mayShare =
    home.sharedLanes > 0 && trip.mayShare && options.signal === undefined && limitMs === home.statementTimeoutMs
  const lane = mayShare ? await sharedAlive(home, trip.settings.key) : undefined
  const { settings, runsCode, text } = trip
  const run: HeldRun = {
    limitMs,
    signal: options.signal,
    context,
    maxBytes: options.maxAnswerBytes,
    settings,
    runsCode,
    noteBusyMs: (ms) => home.lanes.note(text, ms),
  }
  return lane ? await runShared(lane, trip, run) : await runAlone(home, trip, run)
}

async function runAlone(home: SingleHome, trip: RoundTrip, run: HeldRun): Promise<readonly StepAnswer[]> {
  const { statements, text } = trip
  const connection = await acquireAlive(home, trip, run)
  const answers = runHeld(connection, statements, run)
  const asked = home.position && trip.effect === 'write' && !isRead(text) ? home.position.ask(connection) : undefined
  try {
    return await answers
  } finally {
    await asked
    if (trip.isTransaction) await endFailed(connection, run)
    home.pool.release(connection)
  }
}

/** What began a transaction and failed behind its BEGIN has left it open. */
async function endFailed(connection: Connection, { limitMs }: HeldRun): Promise<void> {
  if (connection.isLost || connection.status === 'I') return
  await connection.run([{ text: 'rollback', values: [] }], limitMs).catch((cause: unknown) => connection.destroy(cause))
}

/**
 * On a connection that turns out dead a write may have been applied, and a read would wait for its whole time limit. So
 * one that was idle for long is asked before.
 */
async function acquireAlive(home: SingleHome, trip: RoundTrip, run: HeldRun): Promise<Connection> {
  for (;;) {
    const connection = await acquireFor(home, trip, run)
    if (isTrusted(home, connection) || (await isAlive(home, connection))) return connection
    home.pool.release(connection)
  }
}

/** In a transaction of its own a statement cannot bring the settings of a session: its rollback would undo them. */
function acquireFor({ pool }: SingleHome, trip: RoundTrip, { signal }: HeldRun): Promise<Connection> {
  const holder = new StatementHolder(trip.text)
  return trip.isTransaction ? pool.acquire(holder, signal) : pool.acquireAs(trip.settings.key, holder, signal)
}

/** A lane that turns out dead has left, so the next one is another. */
async function sharedAlive(home: SingleHome, key: string): Promise<Connection | undefined> {
  for (;;) {
    const lane = await home.pool.shared(key)
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

async function runShared(lane: Connection, trip: RoundTrip, run: HeldRun): Promise<readonly StepAnswer[]> {
  try {
    return await lane.run(trip.statements, run.limitMs, run)
  } catch (error) {
    throw isFailure(error) ? toPlinthError(error, run.context) : error
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
