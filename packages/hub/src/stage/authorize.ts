import type { Condition, Operation, Outputs, Relation, Row } from 'plinth'
import { type Catalog, type CatalogRelation, findFunctions, findRelation } from 'plinth/operation'
import { chooseFunction } from '../postgrest/arguments.ts'
import { unknownColumn, unknownRelation, unknownWriteColumn } from '../postgrest/unknown-names.ts'
import type { SchemaCache } from '../schema-cache.ts'
import type { Stage } from './stage.ts'

/**
 * Lets an operation pass when every name in it is in the catalog, and gives its target the schema found there. Which
 * rows and columns a role may touch is PostgreSQL's to say, by grants and policies; this stage sees to it that a name
 * reaches PostgreSQL as what it was looked up to be. REST and `/-/run` both come through here.
 */
export function authorize(schema: SchemaCache): Stage {
  return async (operation, caller, next) => next(await schema.lookUp((catalog) => resolve(operation, catalog)), caller)
}

/** The operation with its target in its schema. Throws a Refusal for a name that is not there. */
function resolve(operation: Operation, catalog: Catalog): Operation {
  if (operation.kind === 'call') {
    const { schema, name } = operation.target
    const home = schema ?? catalog.schemas[0] ?? ''
    const chosen = chooseFunction(findFunctions(catalog, name, schema), home, name, Object.keys(operation.args))
    return { ...operation, target: { schema: chosen.schema, name: chosen.name } }
  }
  const relation = lookUpRelation(operation.target, catalog)
  checkColumns(operation, relation)
  return { ...operation, target: { schema: relation.schema, name: relation.name } }
}

function lookUpRelation({ schema, name }: Relation, catalog: Catalog): CatalogRelation {
  const relation = findRelation(catalog, name, schema)
  if (relation === undefined) throw unknownRelation(schema ?? catalog.schemas[0] ?? '', name)
  return relation
}

/**
 * The one place that decides which columns an operation may use, whatever for: read, filter, order, return, conflict
 * target. A column that a use went past would be readable through that use.
 */
function readable(relation: CatalogRelation, column: string): void {
  if (!relation.columns.has(column)) throw unknownColumn(relation, column)
}

function writable(relation: CatalogRelation, column: string): void {
  if (!relation.columns.has(column)) throw unknownWriteColumn(relation, column)
}

function checkColumns(operation: Exclude<Operation, { kind: 'call' }>, relation: CatalogRelation): void {
  switch (operation.kind) {
    case 'select':
      checkOutputs(operation.columns, relation)
      checkCondition(operation.where, relation)
      for (const { column } of operation.order ?? []) readable(relation, column)
      return
    case 'count':
      checkCondition(operation.where, relation)
      return
    case 'insert':
      checkRows(operation.rows, relation)
      for (const column of operation.columns ?? []) writable(relation, column)
      break
    case 'upsert':
      checkRows(operation.rows, relation)
      for (const column of operation.conflict) readable(relation, column)
      for (const column of operation.overwrite ?? []) writable(relation, column)
      break
    case 'update':
      checkRows([operation.set], relation)
      checkCondition(operation.where, relation)
      break
    case 'delete':
      checkCondition(operation.where, relation)
      break
  }
  if (operation.returning !== undefined) checkOutputs(operation.returning, relation)
}

function checkOutputs(outputs: Outputs, relation: CatalogRelation): void {
  if (outputs === 'all') return
  for (const output of outputs) if ('column' in output) readable(relation, output.column)
}

function checkRows(rows: readonly Row[], relation: CatalogRelation): void {
  for (const row of rows) for (const column of Object.keys(row)) writable(relation, column)
}

function checkCondition(where: Condition | 'every row' | undefined, relation: CatalogRelation): void {
  if (where === undefined || where === 'every row') return
  switch (where.kind) {
    case 'and':
    case 'or':
      for (const part of where.of) checkCondition(part, relation)
      return
    case 'not':
      checkCondition(where.of, relation)
      return
    case 'embedded':
      return
    default:
      readable(relation, where.column)
  }
}
