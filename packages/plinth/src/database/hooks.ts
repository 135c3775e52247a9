import { PlinthError } from '../errors.ts'
import { failureOf } from '../observe/failure.ts'
import { type DatabaseIdentity, observe } from '../observe/observation.ts'
import { runOutsideScopes } from './context.ts'

export type Hook = () => void | Promise<void>

/** The transaction has ended, but its caller waits for the hook. */
const limitMs = 30_000

/** In order; one that fails or takes too long is an observation and stops none of the others. */
export async function runHooks(hooks: readonly Hook[], database: DatabaseIdentity, transaction: string): Promise<void> {
  for (const hook of hooks) {
    try {
      await runOutsideScopes(() => withinLimit(hook))
    } catch (error) {
      observe({ kind: 'hook.failed', database, transaction, failure: failureOf(error) })
    }
  }
}

async function withinLimit(hook: Hook): Promise<void> {
  const late = Promise.withResolvers<never>()
  const error = new PlinthError('TransactionTimeout', `A hook did not end within ${limitMs} ms.`)
  const timer = setTimeout(() => late.reject(error), limitMs).unref()
  try {
    await Promise.race([hook(), late.promise])
  } finally {
    clearTimeout(timer)
  }
}
