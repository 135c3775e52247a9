import { PlinthError } from '../errors.ts'
import { wordsOf } from './statement-words.ts'

/**
 * The server would wait for rows, and read over the Sync behind the statement: in the extended protocol nothing would
 * answer any more. Streams that bring rows of their own, as pg-copy-streams does, are no text.
 */
export function refuseCopyIn(text: string): void {
  if (wordsOf(text)[0] === 'copy' && /\bstdin\b/i.test(text))
    throw new PlinthError('InvalidOperation', 'COPY FROM STDIN has no source here. Insert the rows instead.')
}
