import { isPlinthError } from 'plinth'
import { clientErrorFields } from './run/client-error.ts'
import type { Dialect } from './dialect.ts'
import type { Reply } from './http/exchange.ts'
import type { Caller } from './identity/caller.ts'
import { Refusal } from './refusal.ts'
import { errorAnswer, errorReply } from './reply/error-reply.ts'
import type { SchemaCache } from './schema/schema-cache.ts'
import { withoutHidden } from './stage/hidden-names.ts'

export interface Failed {
  /** Undefined when the failure came before the caller was known. */
  readonly caller: Caller | undefined
  /** The client is `connectHub` and rebuilds the error. */
  readonly isRun: boolean
  readonly schema: SchemaCache
  readonly dialect: Dialect
  readonly onFault: (error: unknown) => void
}

/** The reply to a request that failed, whatever failed. */
export async function failureReply(
  failure: unknown,
  { caller, isRun, schema, dialect, onFault }: Failed,
): Promise<Reply> {
  const error = withoutHidden(failure, caller, schema.current)
  if (isOutdated(error)) await schema.noteOutdated()
  // Every caller but the anonymous one has proved who it is; without one, logging in may help.
  const isAnonymous = caller === undefined || caller.kind === 'anonymous'
  const answer = errorAnswer(error, isAnonymous)
  if (answer.body.code === 'PLT500') onFault(error)
  const more = isRun ? clientErrorFields(error, answer) : {}
  return errorReply(answer, more, dialect.isPostgrest ? 'PostgREST' : undefined)
}

/** PostgreSQL refused names or types (class 42, a missing grant apart), which the catalog had given: it has changed. */
function isOutdated(error: unknown): boolean {
  if (!isPlinthError(error) || error instanceof Refusal) return false
  return error.sqlstate?.startsWith('42') === true && error.sqlstate !== '42501'
}
