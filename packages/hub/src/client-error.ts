import { isPlinthError } from 'plinth'

/**
 * What `connectHub` needs to throw the same PlinthError as in process; PostgREST's four keys alone do not tell whether
 * a write was applied. The server's report is what the four keys hold as well.
 */
export function clientErrorFields(error: unknown): Readonly<Record<string, unknown>> {
  if (!isPlinthError(error)) return {}
  const { code, outcome, retryable, phase, sqlstate, server } = error
  return { plinth: { code, message: error.message, hint: error.hint, outcome, retryable, phase, sqlstate, server } }
}
