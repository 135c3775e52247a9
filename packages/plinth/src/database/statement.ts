import type { Statement, StepAnswer } from '../driver/exchange.ts'
import { toParameter } from '../driver/parameters.ts'
import { PlinthError } from '../errors.ts'
import { objectReader } from '../operation/answer.ts'
import type { Value } from '../operation/value.ts'
import { isSql, type Sql } from '../sql/sql.ts'
import type { QueryResult, StatementOptions } from './queryable.ts'

/** Text and bound parameters of what a caller gave to `query`. */
export function toStatement(statement: string | Sql, values: readonly Value[] | undefined): Statement {
  const { text, values: given } = isSql(statement) ? statement : { text: statement, values: values ?? [] }
  if (isSql(statement) && values !== undefined && values.length > 0) {
    throw new PlinthError('InvalidOperation', 'A sql template brings its own values; a second list was given.')
  }
  return { text, values: given.map((value, i) => toParameter(value, i + 1)) }
}

/**
 * What runs in front of a statement in its round trip: settings that live as long as the transaction it is in, which
 * for a single statement is the implicit one around it.
 */
export function settingsStatement(options: StatementOptions): Statement | undefined {
  const settings = Object.entries(options.settings ?? {})
  if (options.timeoutMs !== undefined) settings.push(['statement_timeout', String(wholeMs(options.timeoutMs))])
  if (settings.length === 0) return undefined
  const calls = settings.map((_, i) => `set_config($${2 * i + 1}, $${2 * i + 2}, true)`)
  return { text: `select ${calls.join(', ')}`, values: settings.flat() }
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

/** White space and comments in front of a statement. One character a turn, so that no input makes it backtrack. */
const lead = String.raw`^(?:\s|--[^\n]*\n|/\*(?:[^*]|\*(?!/))*\*/)*`
const controlsTransaction = new RegExp(
  `${lead}(?:begin|start\\s+transaction|commit|end|rollback|abort|savepoint|release|prepare\\s+transaction)\\b`,
  'i',
)
const changesSession = new RegExp(
  `${lead}(?:set|reset|listen|unlisten|prepare|deallocate|discard|declare|fetch|close|move)\\b`,
  'i',
)

/** A lane that is shared, or will be somebody else's next, must not be left in a state of its own. */
export function refuseSessionStatement(text: string): void {
  if (!controlsTransaction.test(text) && !changesSession.test(text)) return
  throw new PlinthError('SessionStatement', `"${firstWord(text)}" changes the state of a connection that is shared.`, {
    statement: text,
    hint: 'Use db.transaction() for transactions, db.session() for everything else that must stay on one connection.',
  })
}

/** Ending a transaction is its owner's; a statement must not do it behind the owner's back. */
export function refuseTransactionControl(text: string): void {
  if (!controlsTransaction.test(text)) return
  throw new PlinthError(
    'SessionStatement',
    `"${firstWord(text)}" would begin or end a transaction behind its owner's back.`,
    {
      statement: text,
      hint: 'Return to commit, throw to roll back, and use tx.savepoint() for a part that may fail alone.',
    },
  )
}

function firstWord(text: string): string {
  return text.trim().split(/\s/, 1)[0] ?? ''
}
