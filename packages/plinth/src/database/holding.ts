import { AsyncLocalStorage } from 'node:async_hooks'

/** A connection in the hands of code that is in no callback of ours: `db.begin()`, a session, a client of pgPool(). */
export interface Holding {
  /** The caller is about to get it. */
  begin(): void
  end(): void
}

interface Entry {
  readonly holder: object
  /** Callers that started beside its owner, before it was given, are not inside. */
  isGiven: boolean
  isOver: boolean
}

/** By code that goes on in this context. Those that are over leave when the next one enters. */
const holdings = new AsyncLocalStorage<readonly Entry[]>()

/**
 * Lets the pool see who waits for it with a connection in hand. To be called in the turn of the caller, before any
 * await: what follows in the caller's own function is then inside. It is guessed, not known: code that is started from
 * there and never awaited counts as inside too.
 *
 * | the caller | is inside |
 * |---|---|
 * | goes on behind `await db.begin()` | yes, until the transaction ends |
 * | began its own beside it, in the same turn (`Promise.all`) | no |
 * | calls from a context made earlier: another request, a timer | no |
 */
export function enterHolding(holder: object): Holding {
  const entry: Entry = { holder, isGiven: false, isOver: false }
  const outer = holdings.getStore() ?? []
  holdings.enterWith([...outer.filter(({ isGiven, isOver }) => isGiven && !isOver), entry])
  return {
    begin: () => {
      entry.isGiven = true
    },
    end: () => {
      entry.isOver = true
    },
  }
}

export function enclosingHoldings(): readonly object[] {
  const all = holdings.getStore() ?? []
  return all.filter(({ isGiven, isOver }) => isGiven && !isOver).map(({ holder }) => holder)
}
