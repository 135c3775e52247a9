import { AsyncLocalStorage } from 'node:async_hooks'
import { PlinthError } from '../errors.ts'

/** The open transaction (or savepoint) whose callback is running. */
export interface RunningScope {
  readonly database: object
  readonly name: string
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

export function refuseNested(database: object, name: string): void {
  const outer = enclosingScope(database)
  if (!outer) return
  throw new PlinthError(
    'NestedTransaction',
    `Transaction "${name}" was begun inside the open transaction "${outer.name}".`,
    {
      phase: 'begin',
      transaction: name,
      hint:
        `It would use a second connection, not see the rows of ${outer.name}, and can deadlock with it. ` +
        'Take `tx: Transaction` as a parameter; for a part that may fail alone use tx.savepoint().',
    },
  )
}

export function refuseRootHandle(database: object): void {
  const outer = enclosingScope(database)
  if (!outer) return
  throw new PlinthError(
    'RootHandleInTransaction',
    `A statement on the database handle ran inside transaction "${outer.name}".`,
    {
      phase: 'statement',
      transaction: outer.name,
      hint: 'It would run on another connection, outside the transaction. Use the `tx` the callback was given.',
    },
  )
}
