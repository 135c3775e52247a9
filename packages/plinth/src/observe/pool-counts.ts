import { channel } from 'node:diagnostics_channel'
import type { DatabaseIdentity, State } from './observation.ts'

/** Connections of one database in this process, shared lanes included. Those being opened are neither idle nor busy. */
export interface PoolCounts {
  readonly max: number
  readonly total: number
  /** Exclusive lanes nobody holds, and shared lanes with nothing in flight. */
  readonly idle: number
  readonly busy: number
  /** Callers that wait for a connection. */
  readonly waiting: number
  /** How long the first of them has waited. */
  readonly oldestWaitMs: number
  /** Holders that gave a connection back inside a transaction or a statement, or held it too long, since the start. */
  readonly leaks: number
}

interface PoolReading {
  readonly database: DatabaseIdentity
  readonly state: State
  readonly pool: PoolCounts
}

/**
 * Observations go from a database to whoever listens. This question goes the other way, because a gauge is read when it
 * is scraped, and costs nothing in between. Its message is a function that takes one answer.
 */
const question = channel('plinth:read pools')

/** Answers each question until the returned function is called. */
export function answerPoolQuestions(read: () => PoolReading): () => void {
  const answer = (message: unknown): void => {
    if (isTaker(message)) message(read())
  }
  question.subscribe(answer)
  return () => question.unsubscribe(answer)
}

/** The pools of all handles that are not closed, added up where they are told under one name. */
export function readPools(nameOf: (database: DatabaseIdentity) => string): ReadonlyMap<string, PoolCounts> {
  const pools = new Map<string, PoolCounts>()
  question.publish(({ database, pool }: PoolReading) => {
    const name = nameOf(database)
    const other = pools.get(name)
    pools.set(name, other ? together(pool, other) : pool)
  })
  return pools
}

/** How many handles are in each state, those not closed, by the name their database is told under. */
export function readStates(nameOf: (database: DatabaseIdentity) => string): ReadonlyMap<string, Map<State, number>> {
  const states = new Map<string, Map<State, number>>()
  question.publish(({ database, state }: PoolReading) => {
    const name = nameOf(database)
    const counts = states.get(name) ?? new Map<State, number>()
    states.set(name, counts.set(state, (counts.get(state) ?? 0) + 1))
  })
  return states
}

function together(one: PoolCounts, other: PoolCounts): PoolCounts {
  return {
    max: one.max + other.max,
    total: one.total + other.total,
    idle: one.idle + other.idle,
    busy: one.busy + other.busy,
    waiting: one.waiting + other.waiting,
    oldestWaitMs: Math.max(one.oldestWaitMs, other.oldestWaitMs),
    leaks: one.leaks + other.leaks,
  }
}

function isTaker(message: unknown): message is (reading: PoolReading) => void {
  return typeof message === 'function'
}
