import type { CatalogColumn, CatalogRelation } from 'plinth/operation'
import { type ColumnType, isOptional, type TypedSchema } from './typed-schema.ts'
import { arrayOf, distinct, indented, pascalCase, property, text, union } from './typescript.ts'

/** What plinth reads and takes for each type that is not its text; packages/plinth decodes so. */
const plain: Readonly<Record<string, readonly [read: string, written: string]>> = {
  bool: ['boolean', 'boolean'],
  bytea: ['Uint8Array', 'Uint8Array'],
  int2: ['number', 'number'],
  int4: ['number', 'number'],
  int8: ['string', 'string | number | bigint'],
  oid: ['number', 'number'],
  float4: ['number', 'number'],
  float8: ['number', 'number'],
  numeric: ['string', 'string | number'],
  json: ['unknown', 'unknown'],
  jsonb: ['unknown', 'unknown'],
  timestamp: ['Date', 'Date | string'],
  timestamptz: ['Date', 'Date | string'],
}

/** `export const users = table<User, NewUser>('users', { key: ['id'] })` for each table. */
export function tableTypes(schema: TypedSchema): string {
  const names = distinct(
    schema.relations.map((relation) => pascalCase(longName(relation))),
    madeFrom,
  )
  const blocks = schema.relations.map((relation, i) => relationBlock(relation, names[i] ?? '', schema))
  return ["import { table, type Table } from 'plinth'", ...blocks].join('\n\n')
}

/** Of the tables `foo_row` and `new_foo` both would have a NewFooRow, which TypeScript merges without a word. */
function madeFrom(name: string): string[] {
  return [`${name}Row`, `New${name}`, variable(name)]
}

function longName({ schema, name }: CatalogRelation): string {
  return schema === 'public' ? name : `${schema}_${name}`
}

function relationBlock(relation: CatalogRelation, name: string, { typeOf }: TypedSchema): string {
  const columns = [...relation.columns.values()]
  const read = columns.map((column) => `readonly ${property(column.name)}: ${readType(column, typeOf(column))}`)
  const written = columns
    .filter(({ isGenerated }) => !isGenerated)
    .map(
      (column) =>
        `readonly ${property(column.name)}${isOptional(column) ? '?' : ''}: ${newType(column, typeOf(column))}`,
    )
  const key = relation.primaryKey.map(text).join(', ')
  return [
    ...block(`export interface ${name}Row`, read),
    '',
    ...block(`export interface New${name}`, written),
    '',
    `export const ${variable(name)}: Table<${name}Row, New${name}> = table<${name}Row, New${name}>(` +
      `{ schema: ${text(relation.schema)}, name: ${text(relation.name)} }, { key: [${key}] })`,
  ].join('\n')
}

function block(head: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [`${head} {}`] : [`${head} {`, ...indented(lines), '}']
}

/** Words that cannot name a constant of a module (ECMA-262, 12.7.2; TypeScript 2397, 2441), and what is imported. */
const reserved = new Set(
  `arguments await break case catch class const continue debugger default delete do else enum eval export exports
  extends false finally for function globalThis if implements import in instanceof interface let new null package
  private protected public require return static super switch table this throw true try typeof undefined var void while
  with yield`.split(/\s+/),
)

function variable(name: string): string {
  const own = name.charAt(0).toLowerCase() + name.slice(1)
  return reserved.has(own) ? `${own}Table` : own
}

function readType(column: CatalogColumn, type: ColumnType): string {
  return orNull(column, typed(type, 0))
}

function newType(column: CatalogColumn, type: ColumnType): string {
  return orNull(column, typed(type, 1))
}

function orNull({ isNullable }: CatalogColumn, type: string): string {
  return isNullable && type !== 'unknown' ? `${type} | null` : type
}

function typed(type: ColumnType, at: 0 | 1): string {
  if (type.kind === 'plain') return plain[type.name]?.[at] ?? 'string'
  if (type.kind === 'enum') return union(type.labels)
  // An array of an enum has no oid that plinth knows beforehand, so it is read as PostgreSQL's text.
  const element = type.of.kind === 'enum' && at === 0 ? undefined : typed(type.of, at)
  return element === undefined ? 'string' : arrayOf(element)
}
