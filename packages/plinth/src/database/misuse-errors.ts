import { PlinthError } from '../errors.ts'
import { summarize } from '../observe/summary.ts'
import { type CallSite, placeOf } from '../driver/call-site.ts'

/** A transaction as the errors speak of it. */
export interface Named {
  readonly name: string
  /** Where it was begun. */
  readonly site: CallSite
  /** By `db.independent`, inside another one. */
  readonly isIndependent?: boolean
}

/** The first statement of a transaction that failed. */
export interface FirstFailure {
  readonly error: unknown
  /** Its number in the transaction, from 1. */
  readonly statement: number
  /** Made when it failed: with the frames of the code that awaits it. */
  readonly site: CallSite
}

export function nestedTransaction(inner: Named, outer: Named): PlinthError {
  const fix =
    'take `tx: Transaction` as a parameter. A part that may fail alone: tx.savepoint(). ' +
    'Work that must commit by itself: db.independent().'
  const cause =
    `a service began its own transaction${at(inner.site)}. It would use a second connection, not see ` +
    `${outer.name}'s rows, and can deadlock with it.${begunAt(outer)}`
  return new PlinthError(
    'NestedTransaction',
    explained(`transaction "${inner.name}" was begun inside the open transaction "${outer.name}".`, cause, fix),
    { phase: 'begin', transaction: inner.name, hint: fix },
  )
}

export function nestedIndependent(inner: Named, outer: Named): PlinthError {
  const fix = `do both in "${outer.name}", or begin the second after the first has ended.`
  const cause =
    `db.independent() was called${at(inner.site)} inside an independent transaction. Each level holds one more ` +
    `connection while it waits for the next, and callers enough of them wait for each other.${begunAt(outer)}`
  return new PlinthError(
    'NestedTransaction',
    explained(`transaction "${inner.name}" was begun inside the independent transaction "${outer.name}".`, cause, fix),
    { phase: 'begin', transaction: inner.name, hint: fix },
  )
}

export function rootHandle(outer: Named, site: CallSite): PlinthError {
  const fix = 'use the `tx` the callback was given. Work that must commit by itself: db.independent().'
  const cause =
    `db was used${at(site)} where tx was meant. It would run on another connection, outside the transaction, and ` +
    `wait for what the transaction has locked.${begunAt(outer)}`
  return new PlinthError(
    'RootHandleInTransaction',
    explained(`a statement on the database handle ran inside the open transaction "${outer.name}".`, cause, fix),
    { phase: 'statement', transaction: outer.name, hint: fix },
  )
}

/** `request`: `POST api.example.com`. */
export function httpInTransaction(
  request: string,
  outer: Named,
  place: string | undefined,
): { readonly text: string; readonly detail: string } {
  const where = place === undefined ? '' : ` at ${place}`
  const text = `an HTTP request (${request}) was made inside the open transaction "${outer.name}".`
  const cause =
    `the request was made${where}. Until it is answered the transaction keeps its connection and its locks, and ` +
    `when the transaction is rolled back, the request is not.${begunAt(outer)}`
  const fix = 'make the request before the transaction, or in tx.afterCommit(), or in a task.'
  return { text, detail: `  Cause: ${cause}\n  Fix: ${fix}` }
}

export function abortedTransaction(name: string, first: FirstFailure | undefined): PlinthError {
  const fix = 'let the error propagate, or put the risky statement in tx.savepoint(), or use ON CONFLICT.'
  const { error } = first ?? {}
  const which = first ? `statement ${first.statement} failed${withState(error)}` : 'a statement failed'
  const place = placeOf(first?.site)
  const caught = `the error was caught${place === undefined ? '' : ` at or above ${place}`}`
  return new PlinthError(
    'TransactionAborted',
    explained(`"${name}" was rolled back: nothing was saved.`, `${which} and ${caught}.`, fix),
    {
      transaction: name,
      phase: 'commit',
      sqlstate: '25P02',
      retryable: error instanceof PlinthError && error.retryable,
      cause: error,
      hint: fix,
    },
  )
}

/** `how`: `committed 84 ms ago`, `was rolled back 3 ms ago`, `is just ending`. */
export function closedTransaction(name: string, how: string, site: CallSite): PlinthError {
  const fix = 'await everything inside the callback; do later work in tx.afterCommit() or a task.'
  const cause = `a promise was not awaited, or the handle was stored. It was used${at(site) || ' afterwards'}.`
  return new PlinthError('TransactionClosed', explained(`statement on "${name}", which ${how}.`, cause, fix), {
    transaction: name,
    phase: 'statement',
    hint: fix,
  })
}

/** `texts`: of the statements nobody waited for, the first of which is named. */
export function floatingStatement(transaction: Named, texts: readonly string[]): PlinthError {
  const { name } = transaction
  const what = texts.length === 1 ? 'a statement was' : `${texts.length} statements were`
  const which = `${summarize(texts[0] ?? '') || 'a statement'}${texts.length === 1 ? '' : ' and others'}`
  const fix = 'await every statement inside the callback.'
  return new PlinthError(
    'FloatingStatement',
    explained(
      `"${name}" was rolled back: ${what} still running when its callback returned.`,
      `nobody waited for ${which}.${begunAt(transaction)}`,
      fix,
    ),
    { transaction: name, phase: 'commit', hint: fix },
  )
}

/** A library, or its caller, began a transaction on `tx.pg` and did not end it: which half was meant is not known. */
export function floatingInnerTransaction(transaction: Named): PlinthError {
  const { name } = transaction
  const fix = 'await the inner transaction inside the callback, and end each BEGIN on tx.pg with COMMIT or ROLLBACK.'
  return new PlinthError(
    'FloatingStatement',
    explained(
      `"${name}" was rolled back: a transaction on its tx.pg was still open when its callback returned.`,
      `nobody waited for its end.${begunAt(transaction)}`,
      fix,
    ),
    { transaction: name, phase: 'commit', hint: fix },
  )
}

/** `inside`: the part of the transaction that the statement would wait for. */
export function savepointOpen(name: string, inside: 'savepoint' | 'transaction on tx.pg'): PlinthError {
  const right = inside === 'savepoint' ? 'the handle the savepoint callback was given' : 'the client that began it'
  return new PlinthError('SavepointOpen', `A statement on "${name}" ran inside a ${inside} of it.`, {
    transaction: name,
    hint: `It would wait for the ${inside} that waits for it. Use ${right}.`,
  })
}

function explained(what: string, cause: string, fix: string): string {
  return `${what}\n  Cause: ${cause}\n  Fix: ${fix}`
}

function at(site: CallSite | undefined): string {
  const place = placeOf(site)
  return place === undefined ? '' : ` at ${place}`
}

function begunAt(outer: Named): string {
  const place = placeOf(outer.site)
  return place === undefined ? '' : ` "${outer.name}" was begun at ${place}.`
}

/** ` with 23505 (unique violation on orders_number_key)` */
function withState(error: unknown): string {
  if (!(error instanceof PlinthError)) return ''
  const words = error.code.replace(/(?<=[a-z])[A-Z]/g, (letter) => ` ${letter}`).toLowerCase()
  const on = error.constraint ?? error.table
  const kind = `${words}${on === undefined ? '' : ` on ${on}`}`
  return error.sqlstate === undefined ? `: ${kind},` : ` with ${error.sqlstate} (${kind})`
}
