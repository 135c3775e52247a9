import type { Call, Operation, Row } from 'plinth'
import { type Catalog, type CatalogFunction, type CatalogRelation, findFunctions, findRelation } from 'plinth/operation'
import { chooseFunction } from '../postgrest/arguments.ts'
import { unknownRelation, unknownWriteColumn } from '../postgrest/unknown-names.ts'
import type { SchemaCache } from '../schema/schema-cache.ts'
import type { TableOperation } from './allow-options.ts'
import { allColumns, catalogFor, permit } from './allow.ts'
import { checkFunctionRows, checkLevel, lookUpRelation, readable, readOutputs } from './readable.ts'
import type { Stage } from './stage.ts'

/**
 * Lets an operation pass when every name in it is in the catalog, and gives its target the schema found there. Which
 * rows and columns a role may touch is PostgreSQL's to say, by grants and policies; this stage sees to it that a name
 * reaches PostgreSQL as what it was looked up to be, and that a service names no more than its configuration allows.
 * REST and `/-/run` both come through here.
 */
export function authorize(schema: SchemaCache): Stage {
  return async (operation, caller, next) =>
    next(await schema.lookUp((catalog) => resolve(operation, catalogFor(caller, catalog))), caller)
}

/** The operation with its relations in their schemas. Throws a Refusal for a name that is not there. */
function resolve(operation: Operation, catalog: Catalog): Operation {
  if (operation.kind === 'call') return resolveCall(operation, catalog)
  const relation = lookUpRelation(operation.target, catalog)
  const target = { schema: relation.schema, name: relation.name }
  for (const needed of operationsOf(operation)) permit(relation, needed)
  checkWritten(operation, relation)
  const isRead = operation.kind === 'select' || operation.kind === 'count'
  const columns = isRead ? operation.columns : operation.returning
  checkLevel({ ...operation, columns: columns ?? [] }, relation, catalog)
  if (columns === undefined) return { ...operation, target }
  const read = readOutputs(columns, relation, catalog)
  return operation.kind === 'select' || operation.kind === 'count'
    ? { ...operation, target, columns: read }
    : { ...operation, target, returning: read }
}

function operationsOf(operation: Exclude<Operation, Call>): readonly TableOperation[] {
  if (operation.kind === 'upsert') return operation.action === 'update' ? ['insert', 'update'] : ['insert']
  return [operation.kind === 'count' ? 'select' : operation.kind]
}

/** A function without a row type of a relation yields columns that only PostgreSQL knows; embeds need a relation. */
function resolveCall(operation: Call, catalog: Catalog): Operation {
  const { schema, name } = operation.target
  const candidates = findFunctions(catalog, name, schema)
  const home = schema ?? candidates[0]?.schema ?? catalog.schemas[0] ?? ''
  const chosen =
    typed(operation, candidates) ?? chooseFunction(catalog, home, name, { names: Object.keys(operation.args) })
  const target = { schema: chosen.schema, name: chosen.name }
  const { relation: rows } = chosen.returns
  const relation = rows && findRelation(catalog, rows.name, rows.schema)
  const { columns = 'all' } = operation
  const embed = columns === 'all' ? undefined : columns.find((output) => 'embed' in output)
  if (relation === undefined && embed !== undefined) throw unknownRelation(home, embed.as ?? name)
  if (relation === undefined) {
    checkFunctionRows(operation, chosen)
    return { ...operation, target }
  }
  checkLevel(operation, relation, catalog)
  const read = columns === 'all' ? allColumns(relation) : readOutputs(columns, relation, catalog)
  return read === 'all' ? { ...operation, target } : { ...operation, target, columns: read }
}

/** The overload that a request was resolved to before, told by the types of its arguments. */
function typed({ types }: Call, candidates: readonly CatalogFunction[]): CatalogFunction | undefined {
  const asked = Object.entries(types ?? {})
  if (asked.length === 0) return undefined
  const fitting = candidates.filter(({ args }) =>
    asked.every(([name, type]) => args.some((argument) => argument.name === name && argument.type === type)),
  )
  return fitting.length === 1 ? fitting[0] : undefined
}

function writable(relation: CatalogRelation, column: string): void {
  if (!relation.columns.has(column)) throw unknownWriteColumn(relation, column)
}

/** What a write puts into columns, and by which it tells rows apart. */
function checkWritten(operation: Exclude<Operation, { kind: 'call' }>, relation: CatalogRelation): void {
  switch (operation.kind) {
    case 'insert':
      checkRows(operation.rows, relation)
      for (const column of operation.columns ?? []) writable(relation, column)
      return
    case 'upsert':
      checkRows(operation.rows, relation)
      for (const column of operation.conflict) readable(relation, column)
      for (const column of [...(operation.columns ?? []), ...(operation.overwrite ?? [])]) writable(relation, column)
      return
    case 'update':
      checkRows([operation.set], relation)
      for (const column of operation.defaults ?? []) writable(relation, column)
      return
    case 'select':
    case 'count':
    case 'delete':
      return
  }
}

function checkRows(rows: readonly Row[], relation: CatalogRelation): void {
  for (const row of rows) for (const column of Object.keys(row)) writable(relation, column)
}
