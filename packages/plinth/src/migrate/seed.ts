import type { Transaction } from '../database/queryable.ts'

export const environments = ['development', 'test', 'production'] as const

/** Which rows a database starts with. */
export type Environment = (typeof environments)[number]

export interface SeedContext {
  readonly environment: Environment
  /** Says how far a long seed has come, in whatever unit it counts: `progress(2000, 10_000)`. */
  readonly progress: (done: number, total: number) => void
}

export interface SeedOptions {
  /** Where it runs. Default: everywhere, production included. */
  readonly environments?: readonly Environment[]
  /** Of the whole seed. Default 600,000, ten minutes. */
  readonly timeoutMs?: number
}

/** What the module of a seed exports as its default. */
export interface Seed {
  readonly run: (tx: Transaction, context: SeedContext) => Promise<void>
  readonly environments: readonly Environment[]
  readonly timeoutMs: number
}

/**
 * Describes rows that a database starts with, in a file `seeds/NNN_name.ts` as its default export. The transaction is
 * the seed's own, and in it is recorded that it has run: it runs once, whole or not at all. As with every transaction,
 * one that failed by a conflict is run again, so effects outside belong elsewhere.
 *
 *     export default defineSeed(async (tx) => {
 *       await tx.run(users.insertMany([{ email: 'ada@example.org' }]))
 *     }, { environments: ['development', 'test'] })
 */
export function defineSeed(run: Seed['run'], options: SeedOptions = {}): Seed {
  return { run, environments: options.environments ?? environments, timeoutMs: options.timeoutMs ?? 600_000 }
}
