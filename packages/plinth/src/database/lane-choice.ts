import { wordsOf } from '../sql/statement-words.ts'

interface Known {
  readonly isRead: boolean
  isSlow: boolean
}

/** A statement that takes longer would hold up what is pipelined behind it for longer than a lane of its own costs. */
const slowMs = 5

const readWords: ReadonlySet<string> = new Set(['select', 'table', 'values', 'show', 'explain'])

/**
 * Which single statements share a lane. Answers come in the order sent, so behind a statement that waits everything
 * waits. A write waits for the disk at its commit, and perhaps for another's lock: 64 callers inserting over two shared
 * lanes got 0.15 of the rate of `pg.Pool` (fsync on, 2026-11), and a read behind a lock wait ended at its timeout. So
 * writes take an exclusive lane; reads share, but for those that were slow the last time.
 */
export class LaneChoice {
  readonly #known = new Map<string, Known>()
  readonly #limit: number

  /** Remembers `limit` texts, the oldest forgotten first. */
  constructor(limit: number) {
    this.#limit = limit
  }

  /** `isKnownRead`: the caller knows that it is one, whatever its words. */
  mayShare(text: string, isKnownRead?: boolean): boolean {
    const known = this.#known.get(text) ?? this.#add(text, isKnownRead)
    return known.isRead && !known.isSlow
  }

  /** `ms`: how long the server was busy with it, waiting in line not included. */
  note(text: string, ms: number): void {
    const known = this.#known.get(text)
    if (known) known.isSlow = ms > slowMs
  }

  #add(text: string, isKnownRead?: boolean): Known {
    const [first] = this.#known.size < this.#limit ? [] : this.#known.keys()
    if (first !== undefined) this.#known.delete(first)
    const known = { isRead: isKnownRead ?? isRead(text), isSlow: false }
    this.#known.set(text, known)
    return known
  }
}

/** By its words: a function that writes is not seen. */
export function isRead(text: string): boolean {
  return readWords.has(wordsOf(text)[0]) && !locksRows.test(text)
}

const locksRows = /\bfor\s{1,10}(?:update|share|no\s{1,10}key|key)\b/i
