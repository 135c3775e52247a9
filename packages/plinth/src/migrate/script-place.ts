import { isPlinthError, PlinthError } from '../errors.ts'

/** The place goes in front once: the innermost one knows best. */
export function atLine(error: unknown, place: string): unknown {
  if (!isPlinthError(error) || /^lines? \d/.test(error.message)) return error
  const { server, sqlstate = '' } = error
  if (server === undefined) return copied(error, `${place}: ${error.message}`)
  // The file is the user's own, so the values PostgreSQL quotes may be shown.
  const detail = server.detail === undefined ? '' : ` ${server.detail}`
  return copied(error, `${place}: ${server.message} (${sqlstate}).${detail}`)
}

/** Completes a place that `atLine` has put in front. */
export function inFile(error: unknown, name: string): unknown {
  return isPlinthError(error) && /^lines? \d/.test(error.message) ? copied(error, `${name}, ${error.message}`) : error
}

function copied(error: PlinthError, message: string): PlinthError {
  const { code, hint, sqlstate, statement, outcome, retryable } = error
  return new PlinthError(code, message, {
    outcome,
    retryable,
    cause: error,
    ...(hint === undefined ? {} : { hint }),
    ...(sqlstate === undefined ? {} : { sqlstate }),
    ...(statement === undefined ? {} : { statement }),
  })
}
