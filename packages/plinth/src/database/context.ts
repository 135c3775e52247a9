import { AsyncLocalStorage } from 'node:async_hooks'
import { captureCallSite } from './call-site.ts'
import { type Named, nestedTransaction, rootHandle } from './misuse-errors.ts'

/** The open transaction (or savepoint) whose callback is running. */
export interface RunningScope extends Named {
  readonly database: object
  readonly isOpen: boolean
  readonly parent: RunningScope | undefined
}

/** Used to notice misuse, never to find a transaction: that is passed as a parameter. */
const running = new AsyncLocalStorage<Running>()

/** A transaction of one database may run inside that of another, so the whole chain is kept. */
interface Running {
  readonly scope: RunningScope
  readonly outer: Running | undefined
}

export function runInScope<R>(scope: RunningScope, work: () => Promise<R>): Promise<R> {
  return running.run({ scope, outer: running.getStore() }, work)
}

export function runOutsideScopes<R>(work: () => R): R {
  return running.exit(work)
}

/** The open transaction of `database` around the caller, if any. */
export function enclosingScope(database: object): RunningScope | undefined {
  for (let at = running.getStore(); at; at = at.outer)
    if (at.scope.isOpen && at.scope.database === database) return at.scope
  return undefined
}

/** Inside the callback of an open transaction, of whatever database. */
export function isInsideTransaction(): boolean {
  for (let at = running.getStore(); at; at = at.outer) if (at.scope.isOpen) return true
  return false
}

export function refuseNested(database: object, inner: Named): void {
  const outer = enclosingScope(database)
  if (outer) throw nestedTransaction(inner, outer)
}

export function refuseRootHandle(database: object): void {
  const outer = enclosingScope(database)
  if (outer) throw rootHandle(outer, captureCallSite())
}
