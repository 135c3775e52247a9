import type { Pooler } from '../driver/client-options.ts'
import type { Statement, StepAnswer } from '../driver/exchange.ts'
import type { Parameter } from '../driver/message-writer.ts'
import { toParameter } from '../driver/parameters.ts'
import type { FailureContext } from '../driver/sqlstate.ts'
import { type Outcome, PlinthError } from '../errors.ts'
import { objectReader } from '../operation/row-reader.ts'
import type { Value } from '../operation/value.ts'
import { setLocally } from '../sql/set-locally.ts'
import { isSql, type Sql } from '../sql/sql.ts'
import { refuseCopyIn } from '../sql/copy-in.ts'
import type { QueryResult, StatementOptions } from './queryable.ts'
import {
  isSessionChange,
  isTransactionControl,
  leavesStateInside,
  mayCommitInside,
  wordsOf,
} from '../sql/statement-words.ts'

/** Text and bound parameters of what a caller gave to `query`. */
export function toStatement(statement: string | Sql, values: readonly Value[] | undefined): Statement {
  const { text, values: given } = isSql(statement) ? statement : { text: statement, values: values ?? [] }
  if (isSql(statement) && values !== undefined && values.length > 0) {
    throw new PlinthError('InvalidOperation', 'A sql template brings its own values; a second list was given.')
  }
  refuseUnsendable(text, given.length)
  const bound: Parameter[] = []
  // Not map, which would leave holes as they are.
  for (let i = 0; i < given.length; i++) bound.push(toParameter(given[i], i + 1))
  return { text, values: bound }
}

/**
 * The protocol counts parameters in 16 bits and ends a text at U+0000; what it cannot carry would break the lane for
 * all.
 */
const maxParameters = 65_535

function refuseUnsendable(text: string, parameters: number): void {
  if (typeof text !== 'string' || text.includes('\0') || !text.isWellFormed())
    throw new PlinthError('InvalidOperation', 'A statement must be text without U+0000 and without lone surrogates.')
  if (parameters > maxParameters) {
    throw new PlinthError('InvalidOperation', `${parameters} values were given; PostgreSQL takes ${maxParameters}.`, {
      hint: 'Give a list as one value: `= any($1)`, or `select … from unnest($1::int[])`.',
    })
  }
  refuseCopyIn(text)
}

/**
 * What runs in front of a statement in its round trip: settings that live as long as the transaction it is in, which
 * for a single statement is the implicit one around it. A time limit the session
 * has already (`sessionTimeoutMs`) is left out; behind a pooler no session has any.
 */
export function settingsStatement(
  options: StatementOptions,
  sessionTimeoutMs?: number,
  pooler?: Pooler,
): Statement | undefined {
  const given = Object.entries(options.settings ?? {})
  for (const [name, value] of given) refuseSetting(name, value)
  const settings = [...Object.entries(pooler?.settings ?? {}), ...given]
  if (options.timeoutMs !== undefined && options.timeoutMs !== sessionTimeoutMs)
    settings.push(['statement_timeout', String(wholeMs(options.timeoutMs))])
  return settings.length === 0 ? undefined : setLocally(settings)
}

function refuseSetting(name: string, value: unknown): void {
  if (typeof value === 'string' && value.isWellFormed() && !value.includes('\0')) return
  throw new PlinthError('InvalidOption', `The setting ${JSON.stringify(name)} must be text that PostgreSQL can hold.`)
}

export function wholeMs(timeoutMs: number): number {
  if (!(timeoutMs > 0 && timeoutMs <= 2_147_483_647)) {
    throw new PlinthError('InvalidOption', `timeoutMs is ${timeoutMs}; it must be between 1 and 2147483647 ms.`)
  }
  return Math.ceil(timeoutMs)
}

/** The caller's result of an answer. The type of a row is the caller's claim about its own SQL, as in every driver. */
export function toQueryResult<R>(answer: StepAnswer, options: StatementOptions): QueryResult<R> {
  const rows: unknown = options.rows === 'text' ? answer.rows : answer.rows.map(objectReader(answer.columns))
  return { rows: rows as R[], rowCount: answer.rowCount, columns: answer.columns }
}

/** The level is part of BEGIN's text, and not every caller is type-checked. */
const isolationLevels: ReadonlySet<unknown> = new Set(['read committed', 'repeatable read', 'serializable'])

export function checkIsolation(level: unknown): void {
  if (level === undefined || isolationLevels.has(level)) return
  throw new PlinthError('InvalidOption', `isolation must be one of ${[...isolationLevels].join(', ')}.`)
}

/** A lane that is shared, or will be somebody else's next, must not be left in a state of its own. */
export function refuseSessionStatement(text: string): void {
  const words = wordsOf(text)
  if (leavesStateInside(text)) throw leavesState(text)
  if (!isTransactionControl(words) && !isSessionChange(words)) return
  throw new PlinthError('SessionStatement', `"${words[0]}" changes the state of a connection that is shared.`, {
    statement: text,
    hint: 'Use db.transaction() for transactions, db.session() for everything else that must stay on one connection.',
  })
}

function leavesState(text: string): PlinthError {
  const message = 'The statement leaves a setting, a lock or a temporary table on a connection that is shared.'
  return new PlinthError('SessionStatement', message, {
    statement: text,
    hint: 'Use set_config(…, true) or `settings`, pg_advisory_xact_lock or tx.lock(), else db.session().',
  })
}

/** Ending a transaction is its owner's; a statement must not do it behind the owner's back. */
export function refuseTransactionControl(text: string): void {
  const words = wordsOf(text)
  if (!isTransactionControl(words)) return
  throw new PlinthError('SessionStatement', `"${words[0]}" would begin or end a transaction behind its owner's back.`, {
    statement: text,
    hint: 'Return to commit, throw to roll back, and use tx.savepoint() for a part that may fail alone.',
  })
}

/** What is known about a failure of a statement that is in no transaction of ours. */
export function contextAlone(text: string, outcomeWhenLost: Outcome): FailureContext {
  return { phase: 'statement', statement: text, outcomeWhenLost, mayCommitInside: mayCommitInside(text) }
}

/** For `one`: the answer's only row. `outcome`: of a statement that answered more, as its transaction can be undone. */
export function onlyRow<R>(rows: readonly R[], outcome: Outcome = 'applied'): R {
  const row = onlyRowIfAny(rows, outcome)
  if (row !== undefined) return row
  throw new PlinthError('RowNotFound', 'The statement found no row, where one was promised.', {
    phase: 'statement',
    hint: 'Use maybeOne() where no row is a normal answer.',
  })
}

/** For `maybeOne`. */
export function onlyRowIfAny<R>(rows: readonly R[], outcome: Outcome = 'applied'): R | undefined {
  if (rows.length <= 1) return rows[0]
  throw new PlinthError('TooManyRows', `The statement ran and answered ${rows.length} rows, where one was promised.`, {
    phase: 'statement',
    outcome,
    hint: 'Name the row by its key, or use query() for a list.',
  })
}
