import { failureOf } from './failure.ts'
import {
  type DatabaseIdentity,
  isObserved,
  observe,
  type TransactionOutcome,
  type TransactionRef,
} from './observation.ts'
import { summarize } from './summary.ts'

/** When a statement starts, for `watchStatement`; 0 while nobody listens. */
export function statementStart(): number {
  return isObserved('statement.end') ? performance.now() : 0
}

/** Publishes how a statement ended. With `from` 0 it is `answer` itself: nothing is made for a listener that is not. */
export function watchStatement<A>(
  answer: Promise<A>,
  from: number,
  database: DatabaseIdentity,
  text: string,
  transaction?: TransactionRef,
): Promise<A> {
  return from === 0 ? answer : publishEnd(answer, from, database, text, transaction)
}

async function publishEnd<A>(
  answer: Promise<A>,
  from: number,
  database: DatabaseIdentity,
  text: string,
  transaction: TransactionRef | undefined,
): Promise<A> {
  const end = (rows: number, error?: unknown): void =>
    observe({
      kind: 'statement.end',
      database,
      summary: summarize(text),
      ms: performance.now() - from,
      rows,
      ...(transaction ? { transaction: plainRef(transaction) } : {}),
      ...(error === undefined ? {} : { failure: failureOf(error) }),
    })
  try {
    const done = await answer
    end(rowsOf(done))
    return done
  } catch (error) {
    end(0, error)
    throw error
  }
}

/** Of our answers and of pg's results; of the last one where a text held several statements. */
function rowsOf(answer: unknown): number {
  const last: unknown = Array.isArray(answer) ? answer.at(-1) : answer
  const isResult = typeof last === 'object' && last !== null && 'rowCount' in last
  return isResult && typeof last.rowCount === 'number' ? last.rowCount : 0
}

type Unit = 'attempt' | 'transaction'

/** Publishes that a transaction, or an attempt at it, begins; answers when, or 0 while nobody listens to its end. */
export function startOf(unit: Unit, database: DatabaseIdentity, ref: TransactionRef, readOnly: boolean): number {
  if (isObserved(`${unit}.begin`)) observe({ kind: `${unit}.begin`, database, transaction: plainRef(ref), readOnly })
  return isObserved(`${unit}.end`) ? performance.now() : 0
}

/** Publishes how a transaction, or an attempt at it, ended. With `from` 0 it is `work` itself. */
export function watchUnit<R>(
  unit: Unit,
  work: Promise<R>,
  from: number,
  database: DatabaseIdentity,
  ref: TransactionRef,
): Promise<R> {
  return from === 0 ? work : publishUnit(unit, work, from, database, ref)
}

async function publishUnit<R>(
  unit: Unit,
  work: Promise<R>,
  from: number,
  database: DatabaseIdentity,
  ref: TransactionRef,
): Promise<R> {
  try {
    const result = await work
    endUnit(unit, from, database, ref, 'committed')
    return result
  } catch (error) {
    endUnit(unit, from, database, ref, 'rolled back', error)
    throw error
  }
}

/** Nothing when `from` is 0. An error whose outcome is unknown says so whatever `outcome` is given. */
export function endUnit(
  unit: Unit,
  from: number,
  database: DatabaseIdentity,
  ref: TransactionRef,
  outcome: TransactionOutcome,
  error?: unknown,
): void {
  if (from === 0) return
  const failure = error === undefined ? undefined : failureOf(error)
  observe({
    kind: `${unit}.end`,
    database,
    transaction: plainRef(ref),
    ms: performance.now() - from,
    outcome: failure?.outcome === 'unknown' ? 'unknown' : outcome,
    ...(failure ? { failure } : {}),
  })
}

/** Publishes the begin of a transaction that is never run again, whose one attempt is the whole; returns its end. */
export function watchOnlyAttempt(
  database: DatabaseIdentity,
  ref: TransactionRef,
  readOnly: boolean,
): (outcome: TransactionOutcome, error?: unknown) => void {
  const whole = startOf('transaction', database, ref, readOnly)
  const attempt = startOf('attempt', database, ref, readOnly)
  return (outcome, error) => {
    endUnit('attempt', attempt, database, ref, outcome, error)
    endUnit('transaction', whole, database, ref, outcome, error)
  }
}

/** Of an object that holds more, or that will change. */
function plainRef({ id, name, attempt }: TransactionRef): TransactionRef {
  return { id, name, attempt }
}

/** Publishes how long a caller waited for a connection that was not free at once. */
export function watchWait<C>(
  connection: Promise<C>,
  database: DatabaseIdentity,
  transaction?: TransactionRef,
): Promise<C> {
  return isObserved('pool.wait') ? publishWait(connection, database, transaction) : connection
}

async function publishWait<C>(
  connection: Promise<C>,
  database: DatabaseIdentity,
  transaction: TransactionRef | undefined,
): Promise<C> {
  const from = performance.now()
  const whose = transaction ? { transaction: plainRef(transaction) } : {}
  try {
    const given = await connection
    observe({ kind: 'pool.wait', database, ...whose, ms: performance.now() - from })
    return given
  } catch (error) {
    observe({ kind: 'pool.wait', database, ...whose, ms: performance.now() - from, failure: failureOf(error) })
    throw error
  }
}
