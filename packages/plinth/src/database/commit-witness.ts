import type { Statement, StepAnswer } from '../driver/exchange.ts'
import { wordsOf } from '../sql/statement-words.ts'

/** What a transaction is known by on the server. */
export interface TransactionIdentity {
  /** The 64-bit transaction id, in decimal. */
  readonly xid: string
  readonly processId: number
  /** See `incarnation`. */
  readonly incarnation: string
}

/**
 * SQL for a text that changes whenever a transaction id may be given out a second time. That is at a promotion, which
 * begins a new timeline, and at a crash recovery: ids whose records were not on disk are unknown after it. A recovery
 * resets the statistics, so the time of their reset stands for it (PostgreSQL 18, 27.2.4 "after an immediate shutdown,
 * a server crash …, all statistics counters are reset"). Null on a standby, where no transaction has an id.
 */
export const incarnation = `case when pg_is_in_recovery() then null else
  substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) || ' ' || pg_stat_get_bgwriter_stat_reset_time() end`

/** No row until the transaction has an id, which PostgreSQL gives it at its first write. */
const capture: Statement = {
  text: `select xid, pg_backend_pid(), ${incarnation}
    from (select pg_current_xact_id_if_assigned()::text as xid) as own where xid is not null`,
  values: [],
}

/**
 * Knows by what name a lost COMMIT can be asked for. A capture travels behind each statement, in the same round trip,
 * until the transaction has an id.
 */
export class CommitWitness {
  readonly #isWriting: boolean
  #identity: TransactionIdentity | undefined
  #isMissed = false
  #worksAtCommit = false

  constructor(isWriting: boolean) {
    this.#isWriting = isWriting
  }

  get identity(): TransactionIdentity | undefined {
    return this.#identity
  }

  /** True when it is certain that the server has nothing to commit. */
  get hasWrittenNothing(): boolean {
    return this.#identity === undefined && !this.#isMissed && !this.#worksAtCommit
  }

  /**
   * What to send behind a statement with this text; undefined when nothing more is to be learnt. None behind what
   * writes nothing and stands before the snapshot is taken: under repeatable read a capture would take it.
   */
  captureBehind(text: string): Statement | undefined {
    if (this.#identity || !this.#isWriting || isBeforeSnapshot(text)) return undefined
    this.#worksAtCommit ||= worksAtCommit(text)
    return capture
  }

  /** Hears the answer to a capture. */
  note(answer: StepAnswer | undefined): void {
    this.#isMissed = false
    const [xid, processId, mark] = answer?.rows[0] ?? []
    if (typeof xid === 'string' && typeof mark === 'string')
      this.#identity = { xid, processId: Number(processId), incarnation: mark }
  }

  /** What runs now may belong to another transaction: one text can end a transaction and begin the next. */
  forget(): void {
    this.#identity = undefined
    this.#isMissed = true
  }

  /** A statement ran that no capture was answered for; the next answer covers it. */
  noteMissed(): void {
    this.#isMissed = true
  }
}

const beforeSnapshots: ReadonlySet<string> = new Set(['set', 'show', 'reset', 'lock'])

/** A text of several statements, which the simple protocol takes, may hold anything behind the first. */
function isBeforeSnapshot(text: string): boolean {
  return beforeSnapshots.has(wordsOf(text)[0]) && !text.includes(';')
}

/**
 * NOTIFY gets its transaction id at COMMIT, and a cursor WITH HOLD runs then. A function that does nothing but notify
 * is not seen; its notification may be lost with the answer.
 */
function worksAtCommit(text: string): boolean {
  const [first] = wordsOf(text)
  return first === 'notify' || first === 'declare' || /\bpg_notify\b/i.test(text)
}
