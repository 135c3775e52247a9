import { PlinthError } from '../errors.ts'
import type { Transaction } from './queryable.ts'
import { beginTransaction, type TransactionHome } from './transaction.ts'

/** A timer cannot wait longer; a stream may take as long as its rows do, and has limits for each batch instead. */
const longestMs = 2_147_483_647

/** Rows of a statement that is no part of a transaction: in a READ ONLY one of its own. */
export async function* readAlone<R>(
  home: TransactionHome,
  given: AbortSignal | undefined,
  rowsOf: (tx: Transaction) => AsyncIterable<R>,
): AsyncGenerator<R, void, undefined> {
  const { idleInTransactionTimeoutMs: idleMs } = home
  const unread = new AbortController()
  const signal = given ? AbortSignal.any([unread.signal, given]) : unread.signal
  const tx = await beginTransaction(home, { name: 'stream', timeoutMs: longestMs, signal }, true)
  // The server would end the connection too, but nobody would give its place in the pool back.
  const timer = setTimeout(() => unread.abort(notRead(idleMs)), idleMs).unref()
  try {
    for await (const row of rowsOf(tx)) {
      timer.refresh()
      yield row
    }
    await tx.commit()
  } catch (error) {
    // What ended the transaction is what the caller must know, not that it has ended.
    if (unread.signal.aborted) throw unread.signal.reason
    throw tx.signal.aborted ? tx.signal.reason : error
  } finally {
    clearTimeout(timer)
    await tx[Symbol.asyncDispose]()
  }
}

function notRead(idleMs: number): PlinthError {
  return new PlinthError('TransactionTimeout', `A stream was ended: no row of it was taken for ${idleMs} ms.`, {
    phase: 'statement',
    hint: 'Do the slow part after the loop, or raise idleInTransactionTimeoutMs.',
  })
}
