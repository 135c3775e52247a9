import { seededRandom as seededNumbers } from '../packages/plinth/src/database/seeded-random.ts'

/** Reproducible random numbers. */
export interface Random {
  /** From 0 to below 1. */
  next(): number
  /** A whole number from 0 to below `limit`. */
  below(limit: number): number
  pick<T>(from: readonly [T, ...T[]]): T
}

export function seededRandom(seed: number): Random {
  const next = seededNumbers(seed)
  const below = (limit: number): number => Math.floor(next() * limit)
  return { next, below, pick: (from) => from[below(from.length)] ?? from[0] }
}
