import type { Database } from '../database/queryable.ts'
import { type CatalogDifference, catalogDifferences } from './catalog-difference.ts'
import { type Change, expectedState, withoutHandMade } from './expected-state.ts'
import type { CatalogState } from './catalog-state.ts'
import type { Direction } from './migrate-options.ts'
import type { Migration } from './migration.ts'
import type { Scratch } from './scratch.ts'
import { runOnScratch } from './scratch-run.ts'

/** A migration whose files are not written yet. */
export interface Candidate {
  readonly migration: Migration
  /** Their text by name. */
  readonly files: Readonly<Record<string, string>>
  /** What whoever runs it should know, as it stands in up.sql too. */
  readonly notes: readonly string[]
  readonly change: Change
}

export interface Refutation {
  /** The migration as it would be called. */
  readonly id: string
  /** Up: it does not lead to what the entities say. Down: it does not lead back to what was there before. */
  readonly direction: Direction
  readonly differences: readonly CatalogDifference[]
}

/** What the entities ask for and the state is without. */
export function differencesFromEntities(change: Change, found: CatalogState): CatalogDifference[] {
  return catalogDifferences(withoutHandMade(expectedState(change), change), withoutHandMade(found, change))
}

/** Runs a candidate on a database that has all before it. Afterwards that is what the next one starts from. */
export async function proveUp(
  scratch: Scratch,
  database: Database,
  { migration, change }: Candidate,
): Promise<CatalogState | Refutation> {
  const found = await runOnScratch(scratch, database, [migration], 'up')
  const differences = differencesFromEntities(change, found)
  return differences.length === 0 ? found : { id: migration.id, direction: 'up', differences }
}

/** Runs the candidates down again, the last one first. Undefined: each left what it had found. */
export async function proveDown(
  scratch: Scratch,
  database: Database,
  candidates: readonly Candidate[],
): Promise<Refutation | undefined> {
  for (const { migration, change } of candidates.toReversed()) {
    const found = await runOnScratch(scratch, database, [migration], 'down')
    const differences = catalogDifferences(change.before, found)
    if (differences.length > 0) return { id: migration.id, direction: 'down', differences }
  }
  return undefined
}
