import type { CatalogFunction } from 'plinth/operation'

/**
 * Settings of a function that only mean something before it runs: a limit for its statement, the level of its
 * transaction. The others PostgreSQL sets itself while it runs.
 */
const hoisted: readonly string[] = [
  'statement_timeout',
  'default_transaction_isolation',
  'plan_filter.statement_cost_limit',
]

/** What `create function … set` says of a function, as settings of the whole request that calls it. */
export function hoistedSettings({ settings = {} }: CatalogFunction): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(settings).filter(([name]) => hoisted.includes(name)))
}
