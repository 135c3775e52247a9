import { wordsOf } from '../sql/statement-words.ts'

/** What a statement does to the transaction around it. */
export type Control = 'begin' | 'commit' | 'prepare' | 'rollback' | 'none'

/** A statement that begins or ends a transaction, and nothing behind it: it holds no semicolon but its last. */
export function isAlone(text: string): boolean {
  return !/;\s*\S/.test(text.replace(/^[\s;]+/, ''))
}

export function controlOf(text: string): Control {
  const [first, second, third] = wordsOf(text)
  if (second === 'prepared') return 'none'
  if (first === 'begin' || (first === 'start' && second === 'transaction')) return 'begin'
  if (first === 'commit' || first === 'end') return 'commit'
  if (first === 'prepare' && second === 'transaction') return 'prepare'
  if (first === 'abort') return 'rollback'
  if (first !== 'rollback') return 'none'
  // ROLLBACK [WORK | TRANSACTION] TO [SAVEPOINT] name stays inside. By its words: a comment may say "to" as well.
  const isToSavepoint = second === 'to' || ((second === 'work' || second === 'transaction') && third === 'to')
  return isToSavepoint ? 'none' : 'rollback'
}

/** COMMIT or ROLLBACK [WORK | TRANSACTION] AND CHAIN: the next transaction begins with the end of this one. */
export function isChained(text: string): boolean {
  const [, second, third] = wordsOf(text)
  if (second === 'and') return third === 'chain'
  return third === 'and' && !/\band\s+no\s+chain\b/i.test(text)
}

const ends = /\b(?:commit|end|abort|prepare\s+transaction|rollback(?!\s+(?:(?:work|transaction)\s+)?to\b))\b/i

/**
 * True where the loss of the connection leaves open what was saved: the server may have ended the transaction before it
 * came to the rest of the text, and nobody can ask for a prepared one by its id. Finds too many (`case … end`) rather
 * than too few.
 */
export function mayEndUnheard(text: string): boolean {
  return controlOf(text) === 'prepare' || (!isAlone(text) && ends.test(text))
}

const marks: ReadonlySet<string> = new Set(['savepoint', 'release', 'rollback', 'abort'])

/** A savepoint of ours, set or undone by its name, is lost to the code that waits for its own. */
export function namesMarkOfOurs(text: string): boolean {
  return marks.has(wordsOf(text)[0]) && /\bplinth_/i.test(text)
}

/** What a BEGIN asks for and a transaction with this level does not give. READ WRITE is what a savepoint is anyway. */
export function modeBeyond(text: string, isolation: string): string | undefined {
  if (/\bread\s+only\b/i.test(text)) return 'read only'
  const level = /\bisolation\s+level\s+(serializable|repeatable\s+read|read\s+(?:un)?committed)\b/i.exec(text)?.[1]
  const asked = level?.toLowerCase().replace(/\s+/g, ' ')
  // PostgreSQL runs READ UNCOMMITTED as READ COMMITTED.
  return asked?.replace('uncommitted', 'committed') === isolation ? undefined : asked
}
