import { isPlinthError } from 'plinth'
import { errorToWire } from 'plinth/operation'
import type { ErrorAnswer } from '../refusal.ts'
import { Refusal } from '../refusal.ts'

/**
 * What `connectHub` needs to throw the same PlinthError as in process; PostgREST's four keys alone do not tell whether
 * a write was applied. What failed between hub and database is told by its code: the message in process names hosts.
 */
export function clientErrorFields(error: unknown, { body }: ErrorAnswer): Readonly<Record<string, unknown>> {
  if (!isPlinthError(error)) return {}
  const wire = errorToWire(error)
  const isCallers = error instanceof Refusal || error.sqlstate !== undefined || error.code === 'InvalidOperation'
  if (isCallers) return { plinth: wire }
  const { code, outcome, retryable } = wire
  return { plinth: { code, message: body.message, outcome, retryable } }
}
