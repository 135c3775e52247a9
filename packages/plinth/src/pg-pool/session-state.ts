import type { Connection } from '../driver/connection.ts'
import { PlinthError } from '../errors.ts'
import { isSessionChange, leavesStateInside, outlivesTransaction, wordsOf } from '../sql/statement-words.ts'

/**
 * Hears of a statement before it is sent. What it leaves on the connection is undone when the connection is given back.
 * Behind a pooler nobody can undo it: the next transaction there is another client's, so it is refused.
 */
export function noteSessionState(connection: Connection, text: string): void {
  if (!outlivesTransaction(text)) return
  if (!connection.pooler) connection.needsReset = true
  else if (!endsWithTransaction(text)) throw leavesState(text)
}

/** Of what changes a session: what is gone when the transaction is, and so may run behind a pooler. */
function endsWithTransaction(text: string): boolean {
  const words = wordsOf(text)
  if (!isSessionChange(words)) return !leavesStateInside(text)
  const [first] = words
  if (first === 'create') return /\bon\s+commit\s+drop\b/i.test(text)
  return first === 'declare' ? !/\bwith\s+hold\b/i.test(text) : cursorWords.has(first)
}

const cursorWords: ReadonlySet<string> = new Set(['fetch', 'move', 'close'])

function leavesState(text: string): PlinthError {
  const message = `"${wordsOf(text)[0]}" would leave its effect on a connection of the pooler, for whoever has it next.`
  return new PlinthError('SessionStatement', message, {
    statement: text,
    hint:
      'Use SET LOCAL or `settings` inside a transaction, or a database handle with a url that leads straight ' +
      'to PostgreSQL.',
  })
}
