import type { CatalogObject, CatalogState } from './catalog-state.ts'

/** One object that is not as it should be. Without `found` it is missing, without `expected` nothing made it. */
export interface CatalogDifference {
  readonly kind: string
  readonly name: string
  readonly expected?: string
  readonly found?: string
}

/** What differs, in the order of names. What is part of a missing or unexpected table is not listed beside it. */
export function catalogDifferences(expected: CatalogState, found: CatalogState): CatalogDifference[] {
  const all = new Map([...expected, ...found])
  const differences = [...all].flatMap(([key, one]) => differenceOf(one, expected.get(key), found.get(key)))
  const whole = differences.filter((one) => one.kind !== 'column' && isWhole(one)).map(({ name }) => `${name}.`)
  return differences
    .filter(({ kind, name }) => !(kind === 'index' ? [] : whole).some((start) => name.startsWith(start)))
    .sort((one, other) => compare(one.name, other.name) || compare(one.kind, other.kind))
}

function differenceOf(
  { kind, name }: CatalogObject,
  expected: CatalogObject | undefined,
  found: CatalogObject | undefined,
): CatalogDifference[] {
  if (expected?.definition === found?.definition && expected && found) return []
  return [
    {
      kind,
      name: shortName(name),
      ...(expected && { expected: expected.definition }),
      ...(found && { found: found.definition }),
    },
  ]
}

function isWhole({ kind, expected, found }: CatalogDifference): boolean {
  return kind === 'table' && (expected === undefined || found === undefined)
}

function shortName(name: string): string {
  return name.replace(/^public\./, '')
}

function compare(one: string, other: string): number {
  return one < other ? -1 : Number(one > other)
}

/**
 * A line a difference, for people: `column users.name is varchar(120), not varchar(200)`. `expected` and `found` say
 * whose definitions they are: `the migrations`, `the database`.
 */
export function describeDifference(one: CatalogDifference, expected: string, found: string): string {
  const what = `${one.kind} ${one.name}`
  if (one.found === undefined) return `${what}: in ${expected}, not in ${found}${said(one.expected)}`
  if (one.expected === undefined) return `${what}: in ${found}, not in ${expected}${said(one.found)}`
  return `${what}: ${line(one.found)} in ${found}, ${line(one.expected)} in ${expected}`
}

function said(definition: string | undefined): string {
  return definition === undefined || definition === '' || definition === 'plain' ? '' : ` (${line(definition)})`
}

const maxShown = 200

function line(definition: string): string {
  const flat = definition.replaceAll(/\s+/g, ' ').trim()
  return flat.length > maxShown ? `${flat.slice(0, maxShown)}…` : flat
}
