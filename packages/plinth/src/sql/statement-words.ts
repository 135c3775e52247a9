import { commentEnd, leavesSessionState, lineEnd } from './session-state.ts'

/** What PostgreSQL's lexer takes for blank, with the semicolon: `;commit` is a COMMIT after an empty statement. */
const blank: ReadonlySet<string> = new Set([' ', '\t', '\n', '\r', '\f', '\v', ';'])

/** The first three words of a statement in lower case, past blanks and comments; empty where there are fewer. */
export type Words = readonly [first: string, second: string, third: string]

/** Texts whose words are kept, the oldest forgotten first: an application with more than this sends made-up texts. */
const mostKept = 1000
/** A longer text is likely made once (a long list of literals), and keeping it would cost memory. */
const longestKept = 4096

interface Read {
  readonly words: Words
  /** Undefined until somebody asks. */
  leavesState?: boolean
}

const kept = new Map<string, Read>()

/** Read once for each text: several guards look at each statement, and one reading costs 0.25 µs. */
export function wordsOf(text: string): Words {
  return readOf(text).words
}

function readOf(text: string): Read {
  const known = kept.get(text)
  if (known) return known
  const read: Read = { words: readWords(text) }
  if (text.length > longestKept) return read
  if (kept.size >= mostKept) for (const oldest of kept.keys()) if (kept.delete(oldest)) break
  kept.set(text, read)
  return read
}

/** True for a text that leaves something on its connection although no word in front says so. */
export function leavesStateInside(text: string): boolean {
  const read = readOf(text)
  read.leavesState ??= leavesSessionState(text, read.words[0])
  return read.leavesState
}

/**
 * Comments nest. A scan and no regular expression: one with a group for comments took 20 s for 20,000 of them and did
 * not see a nested one.
 */
function readWords(text: string): Words {
  let at = 0
  const next = (): string => {
    const start = skipBlank(text, at)
    at = wordEnd(text, start)
    return text.slice(start, at).toLowerCase()
  }
  return [next(), next(), next()]
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

export function isTransactionControl([first, second]: Words): boolean {
  return controlsTransaction.has(first) || (first === 'prepare' && second === 'transaction')
}

export function isSessionChange([first, second]: Words): boolean {
  return changesSession.has(first) || (first === 'create' && temporary.has(second))
}

/**
 * CALL and DO may commit on the way when they run alone: an error says nothing about what came before, and running them
 * again does it twice.
 */
export function mayCommitInside(text: string): boolean {
  const [first] = wordsOf(text)
  return first === 'call' || first === 'do'
}

/**
 * True when a connection keeps something of the statement after its transaction: it is reset before the next holder.
 */
export function outlivesTransaction(text: string): boolean {
  const words = wordsOf(text)
  if (isSessionChange(words)) return !(words[0] === 'set' && endsWithTransaction.has(words[1]))
  return leavesStateInside(text)
}
