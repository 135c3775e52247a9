import { acquireTimedOut } from '../driver/pool-errors.ts'
import type { PoolLimits } from '../driver/pool-options.ts'
import { PlinthError } from '../errors.ts'
import { type Ending, endings } from './fault-options.ts'
import type { FaultOptions } from './queryable.ts'
import { seededRandom } from './seeded-random.ts'
import type { TransactionLine } from './transaction-line.ts'

const sqlstates = { serializationFailure: '40001', deadlock: '40P01' } as const

/**
 * Brings about, in a user's own tests, the failures that are rare. Nothing is made up but the moment: a serialization
 * failure is the server's own error and really rolls back, a lost connection really is, and of the transactions whose
 * outcome is reported as unknown a half is in the database.
 */
export class FaultMode {
  readonly #options: FaultOptions
  readonly #limits: PoolLimits
  readonly #random: () => number

  constructor(options: FaultOptions, limits: PoolLimits) {
    this.#options = options
    this.#limits = limits
    this.#random = seededRandom(options.seed ?? 1)
  }

  /** Rejects with PoolTimeout at once, instead: a test need not wait for it. */
  acquire<C>(acquire: () => Promise<C>): Promise<C> {
    const { max, acquireTimeoutMs } = this.#limits
    if (this.#happens(this.#options.poolTimeout)) return Promise.reject(acquireTimedOut(acquireTimeoutMs, [], max))
    return acquire()
  }

  /** In the place of the line's own `commit`. */
  async commit(line: TransactionLine): Promise<void> {
    const ending = this.#drawEnding()
    // What wrote nothing has no outcome that could be unknown, and nothing another transaction could be in the way of.
    if (ending === undefined || !line.hasWritten) return line.commit()
    if (ending === 'commitUnknown') return this.#loseAnswer(line)
    if (ending === 'connectionLost') {
      line.lose(new PlinthError('ConnectionLost', 'The fault mode of this database cut the connection.'))
      return line.commit()
    }
    return line.raise(sqlstates[ending])
  }

  async #loseAnswer(line: TransactionLine): Promise<void> {
    const { name } = line
    if (this.#happens(0.5)) await line.commit()
    else await line.rollback()
    throw new PlinthError(
      'CommitUnknown',
      `The fault mode of this database lost the answer to the COMMIT of "${name}". Whether it is saved is not known.`,
      {
        transaction: name,
        phase: 'commit',
        outcome: 'unknown',
        attempts: line.attempt,
        hint: 'Look for a row that only it writes before you run it again.',
      },
    )
  }

  /** Each has its own number, so that one share does not move the others. */
  #drawEnding(): Ending | undefined {
    const met = endings.filter((ending) => this.#happens(this.#options[ending]))
    return met[0]
  }

  #happens(share = 0): boolean {
    return this.#random() < share
  }
}
