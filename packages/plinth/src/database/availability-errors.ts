import { describeServer } from '../driver/sqlstate.ts'
import { PlinthError } from '../errors.ts'

/** `last`: why the last attempt failed. */
export function unreachable(url: string, deadlineMs: number, last: PlinthError | undefined): PlinthError {
  const why = last ? ` Last: ${last.message}` : ''
  const message = `PostgreSQL at ${describeServer(url)} was not reachable within ${deadlineMs} ms.${why}`
  const hint = 'Is the server running, and reachable from here?'
  return new PlinthError('ConnectionFailed', message, { phase: 'connect', retryable: true, cause: last, hint })
}

export function takesNoWrites(url: string, isStandby: boolean): PlinthError {
  const why = isStandby ? 'it is a standby' : 'default_transaction_read_only is on'
  return new PlinthError('ReadOnlyServer', `PostgreSQL at ${describeServer(url)} takes no writes: ${why}.`, {
    phase: 'connect',
    retryable: true,
    hint: 'It is looked at again until it does, or until the name of the host leads to another server.',
  })
}

export function closedError(): PlinthError {
  return new PlinthError('DatabaseClosed', 'The database handle is closed, or is being closed.', {
    hint: 'Close it last: after the HTTP server and the workers that use it.',
  })
}
