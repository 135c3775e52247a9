import type { Call } from 'plinth'
import { type Catalog, type CatalogFunction, findFunctions } from 'plinth/operation'

/**
 * Settings of a function that only mean something before it runs: a limit for its statement, the level of its
 * transaction. The others PostgreSQL sets itself while it runs.
 */
const hoisted: readonly string[] = [
  'statement_timeout',
  'default_transaction_isolation',
  'plan_filter.statement_cost_limit',
]

/** What `create function … set` says of the function that is called, as settings of the whole request. */
export function hoistedSettings({ target, args }: Call, catalog: Catalog): Readonly<Record<string, string>> {
  const given = Object.keys(args)
  const called = findFunctions(catalog, target.name, target.schema).find((one) => takes(one, given))
  const settings = Object.entries(called?.settings ?? {})
  return Object.fromEntries(settings.filter(([name]) => hoisted.includes(name)))
}

function takes({ args }: CatalogFunction, given: readonly string[]): boolean {
  const names = new Set(args.map(({ name }) => name))
  return given.every((name) => names.has(name)) && args.every((arg) => arg.hasDefault || given.includes(arg.name))
}
