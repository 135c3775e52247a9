import { PlinthError } from '../errors.ts'

export function released(): PlinthError {
  return new PlinthError('TransactionClosed', 'A statement on a client that was given back to the pool.', {
    phase: 'statement',
    hint:
      'A promise was not awaited, or the client was stored. It would have run on a connection somebody else ' +
      'has now.',
  })
}

export function ending(): PlinthError {
  return new PlinthError('TransactionClosed', 'A statement on a client whose transaction is just ending.', {
    phase: 'statement',
    hint: 'A promise was not awaited: it would have run outside the transaction.',
  })
}

export function nested(name: string): PlinthError {
  return new PlinthError('NestedTransaction', `BEGIN inside the open transaction "${name}" of the same client.`, {
    phase: 'begin',
    transaction: name,
    hint: 'PostgreSQL would only warn, and the first COMMIT would end both. Use a savepoint.',
  })
}

export interface Failure {
  readonly error: unknown
  readonly statement: number
}

/** Nothing was saved although the client asked for COMMIT. */
export function aborted(name: string, first: Failure | undefined): PlinthError {
  const error = first?.error
  const code = error instanceof Error && 'code' in error ? ` with ${String(error.code)}` : ''
  const why = first ? `statement ${first.statement} failed${code} and its error was caught` : 'a statement of it failed'
  return new PlinthError('TransactionAborted', `"${name}" was rolled back: nothing was saved. Cause: ${why}.`, {
    transaction: name,
    phase: 'commit',
    sqlstate: '25P02',
    cause: error,
    hint: 'Let the error propagate, or put the risky statement in a savepoint, or use on conflict.',
  })
}

export function lostBeforeCommit(name: string, cause: unknown): PlinthError {
  return new PlinthError('ConnectionLost', `The connection broke before "${name}" was committed: nothing was saved.`, {
    transaction: name,
    phase: 'commit',
    retryable: true,
    cause,
  })
}

/** Of the statements in one text the server may have run some, the end of a transaction among them. */
export function endUnknown(name: string, cause: unknown): PlinthError {
  const message = `The connection broke at a text that may have ended "${name}". Whether it is saved is not known.`
  return new PlinthError('CommitUnknown', message, {
    transaction: name,
    phase: 'commit',
    outcome: 'unknown',
    cause,
    hint: 'Send COMMIT as a text of its own: then the server is asked what became of it.',
  })
}

export function givenBackBroken(): PlinthError {
  return new PlinthError('ConnectionLost', 'The client was given back with release(true) or release(error).')
}

export function releasedTwice(): PlinthError {
  return new PlinthError('TransactionClosed', 'The client was given back to the pool before.', {
    hint: 'Call release() once, in a finally block.',
  })
}

export function ended(): PlinthError {
  return new PlinthError('DatabaseClosed', 'end() was called on this pool.', {
    phase: 'acquire',
    hint: 'db.pgPool() gives another one for as long as the database is open.',
  })
}

/** The end of a transaction of ours is its owner's. */
export function notItsOwn(control: string, name: string): PlinthError {
  return new PlinthError(
    'SessionStatement',
    `${control.toUpperCase()} on tx.pg would end "${name}" behind its owner.`,
    {
      transaction: name,
      hint: 'Return from the callback to commit, throw to roll back. A BEGIN on tx.pg is a savepoint of its own.',
    },
  )
}

/** The level and the mode of a transaction hold for the whole of it. */
export function modeNotOurs(asked: string, name: string): PlinthError {
  const message = `BEGIN on tx.pg asked for ${asked.toUpperCase()}, which "${name}" around it does not have.`
  return new PlinthError('SessionStatement', message, {
    transaction: name,
    hint: 'It is a savepoint there. Give the outer transaction the level, or run the inner one on db.pgPool().',
  })
}

export function markOfOurs(name: string): PlinthError {
  return new PlinthError('SessionStatement', `A savepoint named plinth_… on tx.pg of "${name}".`, {
    transaction: name,
    hint: 'These names are those of savepoints of ours. Choose another one.',
  })
}

export function severalStatements(control: string, name: string): PlinthError {
  const message = `A text with ${control.toUpperCase()} and more statements cannot run on tx.pg of "${name}".`
  return new PlinthError('SessionStatement', message, { transaction: name, hint: 'Send them one by one.' })
}

export function noCursor(name: string): PlinthError {
  return new PlinthError('InvalidOperation', `A cursor or stream cannot run on tx.pg of "${name}".`, {
    transaction: name,
    hint: 'Use tx.stream(), or a client of db.pgPool().',
  })
}

export function notAQuery(config: unknown): PlinthError {
  const what = config === null ? 'null' : typeof config
  return new PlinthError('InvalidOperation', `query() takes a text, a config or a submittable; it was given ${what}.`)
}
