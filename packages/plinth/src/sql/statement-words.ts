/** What PostgreSQL's lexer takes for blank, with the semicolon: `;commit` is a COMMIT after an empty statement. */
const blank: ReadonlySet<string> = new Set([' ', '\t', '\n', '\r', '\f', '\v', ';'])

/**
 * The first two words of a statement in lower case, past blanks and comments, which nest. A scan and no regular
 * expression: one with a group for comments took 20 s for 20,000 of them and did not see a nested one.
 */
export function firstWords(text: string): readonly [string, string] {
  const [first = '', second = ''] = leadingWords(text, 2)
  return [first, second]
}

export function leadingWords(text: string, count: number): readonly string[] {
  const words: string[] = []
  let at = 0
  while (words.length < count) {
    const start = skipBlank(text, at)
    at = wordEnd(text, start)
    words.push(text.slice(start, at).toLowerCase())
  }
  return words
}

function skipBlank(text: string, from: number): number {
  let at = from
  for (;;) {
    if (blank.has(text[at] ?? '')) at++
    else if (text.startsWith('--', at)) at = lineEnd(text, at)
    else if (text.startsWith('/*', at)) at = commentEnd(text, at)
    else return at
  }
}

function lineEnd(text: string, from: number): number {
  let at = from
  while (at < text.length && text[at] !== '\n' && text[at] !== '\r') at++
  return at
}

function commentEnd(text: string, from: number): number {
  let depth = 0
  for (let at = from; at < text.length; at += 2) {
    if (text.startsWith('/*', at)) depth++
    else if (text.startsWith('*/', at)) depth--
    else at--
    if (depth === 0) return at + 2
  }
  return text.length
}

function wordEnd(text: string, from: number): number {
  let at = from
  while (at < text.length && /\w/.test(text[at] ?? '')) at++
  return at
}

const controlsTransaction: ReadonlySet<string> = new Set(
  'begin start commit end rollback abort savepoint release'.split(' '),
)
const changesSession: ReadonlySet<string> = new Set(
  'set reset listen unlisten prepare deallocate discard declare fetch close move load'.split(' '),
)
/** Second words that keep SET inside the transaction, and that make a table of the connection alone. */
const endsWithTransaction: ReadonlySet<string> = new Set(['local', 'transaction', 'constraints'])
const temporary: ReadonlySet<string> = new Set(['temp', 'temporary', 'local', 'global'])

export type Words = readonly [string, string]

export function isTransactionControl([first, second]: Words): boolean {
  return controlsTransaction.has(first) || (first === 'prepare' && second === 'transaction')
}

export function isSessionChange([first, second]: Words): boolean {
  return changesSession.has(first) || (first === 'create' && temporary.has(second))
}

/**
 * True when a connection keeps something of the statement after its transaction: it is reset before the next holder.
 */
export function outlivesTransaction(text: string): boolean {
  const words = firstWords(text)
  return isSessionChange(words) && !(words[0] === 'set' && endsWithTransaction.has(words[1]))
}
