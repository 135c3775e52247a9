import type { Connection } from '../driver/connection.ts'
import type { Statement, StepAnswer } from '../driver/exchange.ts'

/** Time for a question that the server answers out of its memory. */
const questionLimitMs = 2000

/** The insert position and not the flushed one: with synchronous_commit off a COMMIT is answered before its flush. */
const question: Statement = {
  text: 'select pg_current_wal_insert_lsn(), substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8)',
  values: [],
}

/** PostgreSQL's `16/B374D848` as a number. */
export function toPosition(text: string): bigint {
  const [high = '0', low = '0'] = text.split('/')
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`)
}

/**
 * How far the primary's log had grown when the writes of this process had ended: a replica that has replayed it as far
 * shows them all. Asked behind a COMMIT or a lone write, in its round trip. A write behind which it could not be asked
 * is counted as missed, and covered by the next answer to a question that was sent after it had ended.
 */
export class LogPosition {
  #timeline = ''
  #position = 0n
  #missed = 0
  /** How many of the missed were covered by an answer. */
  #covered = 0

  /** Undefined while there is a write that no answer covers. */
  get known(): bigint | undefined {
    return this.#covered === this.#missed ? this.#position : undefined
  }

  /** A write has ended, or may have, and nobody asked behind it. */
  noteMissed(): void {
    this.#missed++
  }

  /** Asks behind what was just sent on `connection`, which goes to the primary. Never rejects. */
  async ask(connection: Connection): Promise<void> {
    const missed = this.#missed
    try {
      const [answer] = await connection.run([question], questionLimitMs)
      this.#note(answer)
      this.#covered = Math.max(this.#covered, missed)
    } catch {
      this.noteMissed()
    }
  }

  /** A promoted server begins a new timeline, perhaps before the position the lost one had reached. */
  #note(answer: StepAnswer | undefined): void {
    const [text, timeline] = answer?.rows[0] ?? []
    if (typeof text !== 'string' || typeof timeline !== 'string' || timeline < this.#timeline) return
    const position = toPosition(text)
    if (timeline > this.#timeline || position > this.#position) this.#position = position
    this.#timeline = timeline
  }
}
