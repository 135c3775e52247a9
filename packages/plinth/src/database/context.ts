import { AsyncLocalStorage } from 'node:async_hooks'
import { type DatabaseIdentity, observe } from '../observe/observation.ts'
import { captureCallSite, placeOf } from '../driver/call-site.ts'
import { enclosingHoldings } from './holding.ts'
import { type Named, nestedTransaction, rootHandle } from './misuse-errors.ts'
import type { MisuseMode } from './queryable.ts'

/** The open transaction (or savepoint) whose callback is running. */
export interface RunningScope extends Named {
  readonly database: object
  readonly isOpen: boolean
  readonly parent: RunningScope | undefined
  /** What the pool knows the holder of its connection as. */
  readonly holder?: object
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

/** All who hold a connection while the caller's code runs, of whatever database. */
export function enclosingHolders(): ReadonlySet<object> {
  const holders = new Set<object>(enclosingHoldings())
  for (let at = running.getStore(); at; at = at.outer)
    if (at.scope.isOpen && at.scope.holder) holders.add(at.scope.holder)
  return holders
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

/** The transaction that a savepoint is in. */
export function wholeTransaction(scope: RunningScope): RunningScope {
  let whole = scope
  while (whole.parent) whole = whole.parent
  return whole
}

/** Inside `db.independent`, a savepoint of it included. */
export function isIndependent(scope: RunningScope): boolean {
  for (let at: RunningScope | undefined = scope; at; at = at.parent) if (at.isIndependent) return true
  return false
}

export function refuseRootHandle(database: object): void {
  const outer = enclosingScope(database)
  if (outer) throw rootHandle(outer, captureCallSite())
}

interface Guarded {
  readonly database: object
  readonly identity: DatabaseIdentity
  readonly misuse: MisuseMode
}

/** The database handle inside one of its transactions: reported, and refused where misuse is an error. */
export function guardRootHandle({ database, identity, misuse }: Guarded): void {
  const outer = enclosingScope(database)
  if (!outer) return
  const site = captureCallSite()
  const place = placeOf(site)
  const at = place === undefined ? {} : { place }
  observe({ kind: 'misuse', database: identity, what: 'root handle', transaction: outer.name, ...at })
  if (misuse === 'error') throw rootHandle(outer, site)
}
