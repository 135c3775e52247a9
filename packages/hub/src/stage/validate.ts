import type { Json, Operation, Row } from 'plinth'
import { type Catalog, type CatalogRelation, findRelation } from 'plinth/operation'
import type { FieldIssue } from '../refusal.ts'
import type { SchemaCache } from '../schema/schema-cache.ts'
import { storedProblem, typeProblem } from '../validation/column-value.ts'
import { entryOf, type KnownIssue, refusedByCatalog, refusedByRules } from '../validation/refused-values.ts'
import { type FindRules, ruleIssue } from '../validation/rules.ts'
import type { Stage } from './stage.ts'

/** More would not be read, and make an answer as long as the body. */
const mostIssues = 20

interface Written {
  readonly target: { readonly schema?: string; readonly name: string }
  readonly rows: readonly Row[]
  /** Columns whose values a function makes: what is given for them is not of their type. */
  readonly parse?: Readonly<Record<string, unknown>>
  /** An update may meet no row, and then PostgreSQL accepts every value: it is the rules' alone. */
  readonly isNew: boolean
}

export interface ValidateOptions {
  readonly schema: SchemaCache
  readonly findRules: FindRules | undefined
  /** False: only the rules count, and what the catalog knows is left to PostgreSQL and its own errors. */
  readonly usesCatalog: boolean
}

/**
 * Refuses a write with values that cannot be, before the database is asked: by the rules of the configuration, and by
 * what the catalog says of its columns. It never refuses what PostgreSQL would take; where it cannot tell, the write
 * passes. The catalog may be old, so a newer one is asked before it counts.
 */
export function validate(options: ValidateOptions): Stage {
  const isIdle = options.findRules === undefined && !options.usesCatalog
  return (operation, caller, next) => {
    const written = isIdle ? undefined : writtenBy(operation)
    if (written === undefined) return next(operation, caller)
    return refuseInvalid(written, options).then(() => next(operation, caller))
  }
}

function writtenBy(operation: Operation): Written | undefined {
  switch (operation.kind) {
    case 'insert':
      return { ...operation, isNew: true }
    case 'upsert':
      return { ...operation, isNew: operation.action !== 'get' }
    case 'update':
      return { ...operation, rows: [operation.set], isNew: false }
    default:
      return undefined
  }
}

async function refuseInvalid(written: Written, { schema, findRules, usesCatalog }: ValidateOptions): Promise<void> {
  const ruled = findRules === undefined ? [] : await ruleIssues(written, findRules, schema)
  await schema.lookUp((catalog) => {
    const relation = relationOf(written, catalog)
    const known = usesCatalog && written.isNew && relation ? catalogIssues(written, relation) : []
    const [first] = known
    const fields = onePerField([...ruled, ...known.map(entryOf)])
    if (ruled.length > 0) throw refusedByRules(fields, first !== undefined)
    if (relation !== undefined && first !== undefined) throw refusedByCatalog(relation, first, fields)
  })
}

function relationOf({ target }: Written, catalog: Catalog): CatalogRelation | undefined {
  return findRelation(catalog, target.name, target.schema)
}

async function ruleIssues(written: Written, findRules: FindRules, schema: SchemaCache): Promise<FieldIssue[]> {
  const rules = await schema.lookUp((catalog) => {
    const relation = relationOf(written, catalog)
    return relation && findRules(relation, catalog)
  })
  const issues: FieldIssue[] = []
  for (const [i, row] of written.rows.entries())
    for (const [column, rule] of rules ?? []) {
      if (issues.length >= mostIssues) return issues
      const value = ownValue(row, column)
      if (value === undefined) continue
      const issue = await ruleIssue(rule, fieldOf(written, i, column), value)
      if (issue !== undefined) issues.push(issue)
    }
  return issues
}

function catalogIssues(written: Written, relation: CatalogRelation): KnownIssue[] {
  const isStoredAsIs = relation.kind === 'table' && relation.rewritesRows !== true
  const issues: KnownIssue[] = []
  for (const [i, row] of written.rows.entries())
    for (const column of relation.columns.values()) {
      if (issues.length >= mostIssues) return issues
      if (written.parse && Object.hasOwn(written.parse, column.name)) continue
      const value = ownValue(row, column.name)
      const problem =
        (value === undefined ? undefined : typeProblem(column, value)) ??
        (isStoredAsIs ? storedProblem(column, value) : undefined)
      const field = fieldOf(written, i, column.name)
      if (problem !== undefined) issues.push({ field, column: column.name, problem })
    }
  return issues
}

/** A column may be called `__proto__`. */
function ownValue(row: Row, column: string): Json | undefined {
  return Object.hasOwn(row, column) ? row[column] : undefined
}

function fieldOf({ rows }: Written, at: number, column: string): string {
  return rows.length > 1 ? `[${at}].${column}` : column
}

function onePerField(issues: readonly FieldIssue[]): FieldIssue[] {
  const isFirst = ({ field }: FieldIssue, at: number): boolean => issues.findIndex((one) => one.field === field) === at
  return issues.filter(isFirst).slice(0, mostIssues)
}
