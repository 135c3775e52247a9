import { type Json, PlinthError } from 'plinth'
import { type Catalog, type CatalogRelation, findRelation } from 'plinth/operation'
import type { FieldIssue } from '../refusal.ts'
import { withoutValue } from './rule-message.ts'

/**
 * Part of https://standardschema.dev, version 1: the schemas of Zod, Valibot, ArkType and others have it. The hub only
 * asks whether a value is right; what a schema would make of it is not used.
 */
export interface ValueRule {
  readonly '~standard': {
    validate(value: unknown): RuleResult | Promise<RuleResult>
  }
}

interface RuleResult {
  readonly issues?: readonly RuleIssue[] | undefined
}

interface RuleIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/** By table, as `users` or `blog.users`, and column: what is written to it must satisfy the schema. */
export type ValidationRules = Readonly<Record<string, Readonly<Record<string, ValueRule>>>>

/** The rules of one relation by column. */
type ColumnRules = ReadonlyMap<string, ValueRule>

export type FindRules = (relation: CatalogRelation, catalog: Catalog) => ColumnRules

const none: ColumnRules = new Map()

/** Undefined where there are no rules. Throws InvalidOption for what is no schema. */
export function createFindRules(rules: ValidationRules): FindRules | undefined {
  for (const [table, columns] of Object.entries(rules))
    for (const [column, rule] of Object.entries(columns)) if (!isRule(rule)) throw noRule(`validate.${table}.${column}`)
  const named = Object.entries(rules).map(([table, columns]) => [table, new Map(Object.entries(columns))] as const)
  if (named.length === 0) return undefined
  return (relation, catalog) => named.find(([table]) => findRuled(table, catalog) === relation)?.[1] ?? none
}

/** For people to look at: a schema itself may hold anything. */
export function ruledColumns(rules: ValidationRules): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(Object.entries(rules).map(([table, columns]) => [table, Object.keys(columns)]))
}

function isRule(value: unknown): value is ValueRule {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null || !('~standard' in value))
    return false
  const standard = value['~standard']
  return typeof standard === 'object' && standard !== null && 'validate' in standard
}

function noRule(path: string): PlinthError {
  return new PlinthError('InvalidOption', `${path} is no schema.`, {
    hint: 'It takes one of Zod, Valibot, ArkType or another library with Standard Schema.',
  })
}

function findRuled(table: string, catalog: Catalog): CatalogRelation | undefined {
  const schema = catalog.schemas.find((name) => table.startsWith(`${name}.`))
  const inSchema = schema === undefined ? undefined : findRelation(catalog, table.slice(schema.length + 1), schema)
  return inSchema ?? findRelation(catalog, table)
}

/** Throws InvalidOption for a rule of a table or column that is not there: it would guard nothing. */
export function refuseUnknownRules(rules: ValidationRules, catalog: Catalog): void {
  for (const [table, columns] of Object.entries(rules)) {
    const relation = findRuled(table, catalog)
    if (relation === undefined)
      throw unknown(`validate.${table}`, `the schemas ${catalog.schemas.join(', ')} have no table ${table}`)
    const missing = Object.keys(columns).find((column) => !relation.columns.has(column))
    if (missing !== undefined)
      throw unknown(`validate.${table}.${missing}`, `the table ${table} has no column ${missing}`)
  }
}

function unknown(path: string, why: string): PlinthError {
  return new PlinthError('InvalidOption', `${path} is a rule for nothing: ${why}.`)
}

/** What the rule has against a value, the first of it. */
export async function ruleIssue(rule: ValueRule, field: string, value: Json): Promise<FieldIssue | undefined> {
  const plain = plainValue(value)
  const result = await rule['~standard'].validate(plain)
  const [issue] = result.issues ?? []
  if (issue === undefined) return undefined
  // ArkType's path is an array with a constructor of its own, which `map` would call.
  const keys = Array.from(issue.path ?? [], (part) => String(typeof part === 'object' ? part.key : part))
  return { field: [field, ...keys].join('.'), code: 'rule', message: withoutValue(issue.message, plain) }
}

/** A number that is kept as its source text is one to a rule. */
function plainValue(value: Json): unknown {
  return typeof value === 'object' && value !== null ? JSON.parse(JSON.stringify(value)) : value
}
