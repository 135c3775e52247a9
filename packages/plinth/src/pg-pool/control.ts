import { wordsOf } from '../sql/statement-words.ts'

/** What a statement does to the transaction around it. */
export type Control = 'begin' | 'commit' | 'rollback' | 'none'

/** A statement that begins or ends a transaction, and nothing behind it: it holds no semicolon but its last. */
export function isAlone(text: string): boolean {
  return !/;\s*\S/.test(text.replace(/^[\s;]+/, ''))
}

export function controlOf(text: string): Control {
  const [first, second, third] = wordsOf(text)
  if (second === 'prepared') return 'none'
  if (first === 'begin' || (first === 'start' && second === 'transaction')) return 'begin'
  if (first === 'commit' || first === 'end') return 'commit'
  if (first === 'abort') return 'rollback'
  if (first !== 'rollback') return 'none'
  // ROLLBACK [WORK | TRANSACTION] TO [SAVEPOINT] name stays inside. By its words: a comment may say "to" as well.
  const isToSavepoint = second === 'to' || ((second === 'work' || second === 'transaction') && third === 'to')
  return isToSavepoint ? 'none' : 'rollback'
}
