import type { Statement } from './exchange.ts'

/** Settings of a session that outlive the statement they are for, as its role and search_path. */
export interface LaneSettings {
  /** The same settings have the same key. */
  readonly key: string
  readonly names: readonly string[]
  readonly apply: Statement | undefined
}

/** How every connection begins, and how whoever says nothing of settings finds it. */
export const asOpened: LaneSettings = { key: '', names: [], apply: undefined }

/** `role` is set last: the login may have a right to set something that the role has not. */
export function laneSettings(given: Readonly<Record<string, string>>): LaneSettings {
  const entries = Object.entries(given).sort(([a], [b]) => Number(a === 'role') - Number(b === 'role'))
  if (entries.length === 0) return asOpened
  const calls = entries.map((_, i) => `set_config($${2 * i + 1}, $${2 * i + 2}, false)`)
  // The default is for transactions to come, and this one has begun.
  if (given[readOnlyByDefault] === 'on') calls.push("set_config('transaction_read_only', 'on', true)")
  return {
    key: JSON.stringify(entries),
    names: entries.map(([name]) => name),
    apply: { text: `select ${calls.join(', ')}`, values: entries.flat() },
  }
}

const readOnlyByDefault = 'default_transaction_read_only'

/**
 * The settings are sent again after this time, in ms, so that a role that was taken away from the login is refused
 * within it.
 */
const trustedMs = 1000

const resetRole: Statement = { text: 'reset role', values: [] }
/** A transaction that began as read-only may write if it is told so before it has looked at anything. */
const readWrite: Statement = { text: 'set transaction_read_only = off', values: [] }
const resetAll: Statement = { text: 'reset all', values: [] }
/** Of the role too; RESET ALL leaves both. */
const resetUser: Statement = { text: 'set session authorization default', values: [] }

/**
 * What settings the session of a lane has. A failed exchange takes back the settings it brought, and on a lane others
 * are behind it already; so they count as there only once the exchange that brought them, and no other after it, was
 * answered. Until then each brings its own.
 *
 * | known | the session has |
 * |---|---|
 * | settings | these: nothing that could change them is in flight |
 * | undefined | these or others: whoever comes brings his own |
 */
export class LaneState {
  #known: LaneSettings | undefined = asOpened
  #trustedUntil = Infinity
  /** Counts the exchanges that bring settings. */
  #turn = 0
  /** Names that may differ from how the connection was opened. */
  readonly #touched = new Set<string>()
  /** Code of the database's users ran: any name may differ, and nobody can say which. */
  #isSpoiled = false

  get key(): string | undefined {
    return this.#known?.key
  }

  /** What goes in front of a statement that needs `wanted`; empty where the session has them. */
  front(wanted: LaneSettings): readonly Statement[] {
    if (this.#known?.key === wanted.key && performance.now() < this.#trustedUntil) return []
    this.#known = undefined
    this.#turn++
    const isOpened = this.#touched.size === 0
    const isCovered = wanted.names.length >= this.#touched.size && wanted.names.every((name) => this.#touched.has(name))
    const mayWrite = this.#touched.has(readOnlyByDefault) ? [readWrite] : []
    for (const name of wanted.names) this.#touched.add(name)
    // First of all what a function may have set, as a time limit that the rest would not meet.
    const all = [resetAll, resetUser, readWrite]
    if (this.#isSpoiled) return wanted.apply ? [...all, wanted.apply] : all
    const resets = isOpened ? [] : [...mayWrite, resetRole, ...(isCovered ? [] : [resetAll])]
    return wanted.apply ? [...resets, wanted.apply] : resets
  }

  /** Marks the exchange that brings what `front` gave. */
  get turn(): number {
    return this.#turn
  }

  /** What was sent last may set anything: what comes behind it begins with a reset. */
  spoil(): void {
    this.#turn++
    this.#known = undefined
    this.#isSpoiled = true
  }

  /** The exchange of `turn` was answered. */
  confirm(turn: number, wanted: LaneSettings): void {
    if (turn !== this.#turn) return
    this.#known = wanted
    this.#isSpoiled = false
    this.#touched.clear()
    for (const name of wanted.names) this.#touched.add(name)
    this.#trustedUntil = wanted === asOpened ? Infinity : performance.now() + trustedMs
  }

  /** After DISCARD ALL. */
  clear(): void {
    this.#turn++
    this.#known = asOpened
    this.#isSpoiled = false
    this.#touched.clear()
    this.#trustedUntil = Infinity
  }
}
