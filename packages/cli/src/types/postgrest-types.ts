import type { CatalogColumn, CatalogFunction, CatalogRelation, ForeignKey } from 'plinth/operation'
import { type ColumnType, isOptional, type TypedSchema } from './typed-schema.ts'
import { arrayOf, indented, property, text, union } from './typescript.ts'

const numbers = new Set(['int2', 'int4', 'int8', 'oid', 'float4', 'float8', 'numeric'])

/** `PostgrestClient<Database>`: what the hub answers as JSON. */
export function postgrestTypes(schema: TypedSchema): string {
  const json = 'export type Json = string | number | boolean | null | { [key: string]: Json | undefined } | Json[]'
  const schemas = schema.catalog.schemas.flatMap((name) => schemaLines(name, schema))
  return [json, ['export type Database = {', ...indented(schemas), '}'].join('\n')].join('\n\n')
}

function schemaLines(name: string, schema: TypedSchema): string[] {
  const relations = schema.relations.filter((relation) => relation.schema === name)
  const isTable = ({ kind }: CatalogRelation): boolean => kind === 'table' || kind === 'partitioned table'
  const lines = (some: readonly CatalogRelation[]): string[] => some.flatMap((one) => relationLines(one, schema))
  const functions = [...(schema.catalog.functions.get(name)?.entries() ?? [])]
  return nested(property(name), [
    ...nested('Tables', lines(relations.filter(isTable))),
    ...nested('Views', lines(relations.filter((relation) => !isTable(relation)))),
    ...nested(
      'Functions',
      functions.flatMap(([called, overloads]) => functionLines(called, overloads, schema)),
    ),
  ])
}

function nested(name: string, lines: readonly string[]): string[] {
  // `{}` would take every value.
  return lines.length === 0 ? [`${name}: Record<never, never>`] : [`${name}: {`, ...indented(lines), '}']
}

function relationLines(relation: CatalogRelation, schema: TypedSchema): string[] {
  const columns = [...relation.columns.values()]
  const writable = columns.filter(({ isGenerated }) => !isGenerated)
  const of = (column: CatalogColumn, form: 'format' | 'parseJson'): string => {
    // What a function of the database makes of it, or takes for it, can be any json.
    if (column.representation?.[form]) return 'Json'
    return orNull(column, typed(schema.typeOf(column)))
  }
  const optional = (column: CatalogColumn): string => (isOptional(column) ? '?' : '')
  return nested(property(relation.name), [
    ...nested(
      'Row',
      columns.map((column) => `${property(column.name)}: ${of(column, 'format')}`),
    ),
    ...nested(
      'Insert',
      writable.map((column) => `${property(column.name)}${optional(column)}: ${of(column, 'parseJson')}`),
    ),
    ...nested(
      'Update',
      writable.map((column) => `${property(column.name)}?: ${of(column, 'parseJson')}`),
    ),
    ...relationships(relation),
  ])
}

function relationships(relation: CatalogRelation): string[] {
  if (relation.foreignKeys.length === 0) return ['Relationships: []']
  const unique = [relation.primaryKey, ...relation.uniqueKeys]
  const blocks = relation.foreignKeys.map((key) => [
    '{',
    ...indented([
      `foreignKeyName: ${text(key.name)}`,
      `columns: [${key.columns.map(text).join(', ')}]`,
      `isOneToOne: ${isOneToOne(key, unique)}`,
      `referencedRelation: ${text(key.target.name)}`,
      `referencedColumns: [${key.target.columns.map(text).join(', ')}]`,
    ]),
    '},',
  ])
  return ['Relationships: [', ...indented(blocks.flat()), ']']
}

/** At most one row refers to each: its columns, or some of them, are a key. */
function isOneToOne({ columns }: ForeignKey, unique: readonly (readonly string[])[]): boolean {
  return unique.some((key) => key.length > 0 && key.every((column) => columns.includes(column)))
}

function functionLines(name: string, overloads: readonly CatalogFunction[], schema: TypedSchema): string[] {
  // Only arguments with a name can be given over HTTP.
  const callable = overloads.filter(({ args }) => args.every((arg) => arg.name !== ''))
  const types = callable.map(({ args, returns }) => {
    const given = args.map((arg) => `${property(arg.name)}${arg.hasDefault ? '?' : ''}: ${typed(schema.typeOf(arg))}`)
    const result =
      returns.kind === 'scalar' ? typed(schema.typeOf(returns)) : returns.kind === 'void' ? 'undefined' : 'Json'
    const argsType = given.length === 0 ? 'Record<PropertyKey, never>' : `{ ${given.join('; ')} }`
    return `{ Args: ${argsType}; Returns: ${returns.isSet ? arrayOf(result) : result} }`
  })
  return types.length === 0 ? [] : [`${property(name)}: ${types.join(' | ')}`]
}

function orNull({ isNullable }: CatalogColumn, type: string): string {
  return isNullable ? `${type} | null` : type
}

function typed(type: ColumnType): string {
  if (type.kind === 'array') return arrayOf(typed(type.of))
  if (type.kind === 'enum') return union(type.labels)
  if (type.name === 'bool') return 'boolean'
  if (type.name === 'json' || type.name === 'jsonb') return 'Json'
  return numbers.has(type.name) ? 'number' : 'string'
}
