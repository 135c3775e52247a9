import { type CatalogObject, type CatalogState, keyOf } from './catalog-state.ts'

export interface Change {
  /** The database before the migration. */
  readonly before: CatalogState
  /** What the entities of the last snapshot make in an empty database. */
  readonly described: CatalogState
  /** What the entities make now. */
  readonly wanted: CatalogState
}

/**
 * What the migration should leave: of all that the entities describe, or described before, what they say; of the rest,
 * which somebody wrote by hand, what it was. Where a statement by hand changed something of the entities and they say
 * the same of it as before, it stays as that statement left it.
 */
export function expectedState({ before, described, wanted }: Change): CatalogState {
  const expected = new Map(before)
  for (const key of described.keys()) if (!wanted.has(key)) expected.delete(key)
  for (const [key, one] of wanted) {
    if (described.get(key)?.definition !== one.definition) expected.set(key, one)
  }
  return expected
}

/**
 * What was written by hand and is somewhere else now, or says something else, because what it stands on was renamed or
 * dropped. It is left out of both states: of these PostgreSQL itself knows best.
 */
export function withoutHandMade(state: CatalogState, { before, described, wanted }: Change): CatalogState {
  const isDescribed = (key: string): boolean => described.has(key) || wanted.has(key)
  const byHand = new Set([...before].filter(([key]) => !isDescribed(key)).map(([, one]) => nameKey(one)))
  return new Map([...state].filter(([key, one]) => isDescribed(key) || !byHand.has(nameKey(one))))
}

/** Without its place. A view or function in one schema and another of its name elsewhere count as one here. */
function nameKey(one: CatalogObject): string {
  return keyOf({ kind: one.kind, name: one.name.split('.').at(-1) ?? one.name })
}
