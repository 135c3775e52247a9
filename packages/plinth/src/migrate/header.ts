import { PlinthError } from '../errors.ts'
import type { Replaced } from './migration.ts'

/** What the comments above the first statement of a SQL file say to the runner. */
export interface Header {
  readonly inTransaction: boolean
  readonly replaces: readonly Replaced[]
}

const directive = /^[ \t]*--[ \t]*plinth:[ \t]*(.*?)[ \t\r]*$/
const blankOrComment = /^\s*(?:--.*)?$/
const replaced = /^replaces (0*([1-9]\d*)_\S+) ([0-9a-f]{64})$/

/**
 * Reads `-- plinth: no-transaction` and what a squash writes. A directive that is misspelt or stands below a statement
 * is refused: it would be a comment that silently does nothing.
 */
export function readHeader(file: string, text: string): Header {
  let inTransaction = true
  const replaces: Replaced[] = []
  let isAbove = true
  for (const [at, line] of text.split('\n').entries()) {
    const [, words] = directive.exec(line) ?? []
    if (words === undefined) isAbove &&= blankOrComment.test(line)
    else if (!isAbove) throw wrong(file, at + 1, `"${words}" must stand above the first statement`)
    else if (words === 'no-transaction') inTransaction = false
    else replaces.push(readReplaced(file, at + 1, words))
  }
  return { inTransaction, replaces }
}

export function withoutDirectives(text: string): string {
  return text
    .split('\n')
    .filter((line) => !directive.test(line))
    .join('\n')
}

/** The line that `readHeader` reads. */
export function replacesLine({ id, checksum }: Pick<Replaced, 'id' | 'checksum'>): string {
  return `-- plinth: replaces ${id} ${checksum}`
}

function readReplaced(file: string, line: number, words: string): Replaced {
  const [, id, number, checksum] = replaced.exec(words) ?? []
  if (id !== undefined && checksum !== undefined) return { id, number: Number(number), checksum }
  throw wrong(file, line, `"${words}" is no directive`)
}

function wrong(file: string, line: number, what: string): PlinthError {
  return new PlinthError('InvalidMigration', `${file}, line ${line}: ${what}.`, {
    hint: 'Known is -- plinth: no-transaction, for a file whose statements cannot run in a transaction.',
  })
}
