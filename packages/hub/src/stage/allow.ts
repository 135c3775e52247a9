import { type Outputs, PlinthError } from 'plinth'
import type { Catalog, CatalogRelation } from 'plinth/operation'
import type { Caller } from '../identity/caller.ts'
import { Refusal } from '../refusal.ts'
import { type AllowOptions, columnsOf, type TableOperation } from './allow-options.ts'
import { findAllowedFunctions, findAllowedTable, narrowCatalog } from './narrow-catalog.ts'

/** The last catalog that a service was shown, so that narrowing it costs once and not in each request. */
const shown = new WeakMap<AllowOptions, { readonly whole: Catalog; readonly narrow: Catalog }>()
/** Of each relation of a narrowed catalog. */
const allowedOn = new WeakMap<CatalogRelation, ReadonlySet<TableOperation>>()
const hasNamedColumns = new WeakSet<CatalogRelation>()

/**
 * The catalog as this caller may know it. What the configuration hides is not in it, so no use of its name, whatever
 * for, can tell it from a name that never was.
 */
export function catalogFor(caller: Caller, catalog: Catalog): Catalog {
  const allow = caller.kind === 'service' ? caller.allow : undefined
  if (allow === undefined) return catalog
  const last = shown.get(allow)
  if (last?.whole === catalog) return last.narrow
  const narrow = narrowCatalog(catalog, allow, (relation, operations, isNamed) => {
    allowedOn.set(relation, operations)
    if (isNamed) hasNamedColumns.add(relation)
  })
  shown.set(allow, { whole: catalog, narrow })
  return narrow
}

/** Refuses what the service may not do with a table it may see, in PostgreSQL's words. */
export function permit(relation: CatalogRelation, operation: TableOperation): void {
  if (isPermitted(relation, operation)) return
  const message = `permission denied for ${relation.kind.includes('view') ? 'view' : 'table'} ${relation.name}`
  throw new Refusal(403, '42501', message, { code: 'PermissionDenied', sqlstate: '42501' })
}

export function isPermitted(relation: CatalogRelation, operation: TableOperation): boolean {
  return allowedOn.get(relation)?.has(operation) ?? true
}

/** Every column that may be read: PostgreSQL's own `*` would bring the hidden ones along. */
export function allColumns(relation: CatalogRelation): Outputs {
  return isShownWhole(relation) ? 'all' : [...relation.columns.keys()].map((column) => ({ column }))
}

/** Whether the configuration hides no column of it, also none that is added later. */
export function isShownWhole(relation: CatalogRelation): boolean {
  return !hasNamedColumns.has(relation)
}

/**
 * Throws InvalidOption for a name that the database does not have. A misspelt one would hide what was to be shown; one
 * of a column that was dropped would show whatever later has that name.
 */
export function checkAllowed(service: string, allow: AllowOptions, catalog: Catalog): void {
  for (const [name, table] of Object.entries(allow.tables ?? {})) {
    const relation = findAllowedTable(name, catalog)
    if (relation === undefined) throw unknownName(`services.${service}.allow.tables`, name)
    for (const column of columnsOf(table) ?? [])
      if (!relation.columns.has(column))
        throw unknownName(`services.${service}.allow.tables['${name}'].columns`, column)
  }
  for (const name of allow.functions ?? []) {
    if (findAllowedFunctions(name, catalog).length === 0) throw unknownName(`services.${service}.allow.functions`, name)
  }
}

function unknownName(place: string, name: string): PlinthError {
  return new PlinthError('InvalidOption', `${place} names ${name}, which the served schemas do not have.`, {
    hint: 'Write it as the database does, with its schema where that is not a served one: stock.parts.',
  })
}
