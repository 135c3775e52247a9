import { firstWords } from '../sql/statement-words.ts'

/** What a statement does to the transaction around it. */
export type Control = 'begin' | 'commit' | 'rollback' | 'none'

export function controlOf(text: string): Control {
  const [first, second] = firstWords(text)
  if (second === 'prepared') return 'none'
  if (first === 'begin' || (first === 'start' && second === 'transaction')) return 'begin'
  if (first === 'commit' || first === 'end') return 'commit'
  if (first === 'abort') return 'rollback'
  // ROLLBACK [WORK | TRANSACTION] TO [SAVEPOINT] name stays inside.
  if (first === 'rollback') return /\bto\b/i.test(text) ? 'none' : 'rollback'
  return 'none'
}
