import type { CatalogColumn, CatalogRelation } from 'plinth/operation'
import type { ColumnType, TypedSchema } from './typed-schema.ts'
import { arrayOf, distinct, indented, pascalCase, property, union } from './typescript.ts'

/** What pg gives for each type that is not its text (pg-types 2.2), by the name of a helper below or a type. */
const plain: Readonly<Record<string, string>> = {
  bool: 'boolean',
  bytea: 'Buffer',
  int2: 'number',
  int4: 'number',
  int8: 'Int8',
  oid: 'number',
  float4: 'number',
  float8: 'number',
  numeric: 'Numeric',
  json: 'Json',
  jsonb: 'Json',
  date: 'Timestamp',
  timestamp: 'Timestamp',
  timestamptz: 'Timestamp',
  interval: 'Interval',
  point: 'Point',
  circle: 'Circle',
}

/** Of arrays that pg takes apart. */
const elements: Readonly<Record<string, string>> = {
  bool: 'boolean',
  bytea: 'Buffer',
  int2: 'number',
  int4: 'number',
  int8: 'string',
  oid: 'number',
  float4: 'number',
  float8: 'number',
  numeric: 'number',
  json: 'unknown',
  jsonb: 'unknown',
  date: 'Date',
  timestamp: 'Date',
  timestamptz: 'Date',
  ...Object.fromEntries(
    ['text', 'varchar', 'bpchar', 'uuid', 'inet', 'cidr', 'macaddr', 'money', 'time', 'timetz', 'numrange'].map(
      (name) => [name, 'string'],
    ),
  ),
}

const helpers: Readonly<Record<string, string>> = {
  Int8: 'ColumnType<string, string | number | bigint, string | number | bigint>',
  Numeric: 'ColumnType<string, string | number, string | number>',
  Json: 'ColumnType<unknown, string, string>',
  Timestamp: 'ColumnType<Date, Date | string, Date | string>',
  Interval: `ColumnType<
  { years?: number; months?: number; days?: number; hours?: number; minutes?: number; seconds?: number },
  string,
  string
>`,
  Point: 'ColumnType<{ x: number; y: number }, string, string>',
  Circle: 'ColumnType<{ x: number; y: number; radius: number }, string, string>',
}

/** `Kysely<DB>`: an interface for each table, and DB with all of them. */
export function kyselyTypes(schema: TypedSchema): string {
  const names = distinct(schema.relations.map((relation) => pascalCase(keyOf(relation))))
  const blocks = schema.relations.map((relation, i) => relationBlock(relation, names[i] ?? '', schema))
  const tables = schema.relations.map((relation, i) => `${property(keyOf(relation))}: ${names[i] ?? ''}Table`)
  const all = ['export interface DB {', ...indented(tables), '}'].join('\n')
  const body = [...blocks, all].join('\n\n')
  const used = Object.entries(helpers).filter(([name]) => new RegExp(`[ <]${name}\\b(?!:)`).test(body))
  const types = ['ColumnType', 'Generated', 'GeneratedAlways', 'SelectType'].filter(
    (name) => new RegExp(`\\b${name}<`).test(body) || (name === 'ColumnType' && used.length > 0),
  )
  const imports = types.length === 0 ? [] : [`import type { ${types.join(', ')} } from 'kysely'`]
  return [...imports, ...used.map(([name, type]) => `type ${name} = ${type}`), body].join('\n\n')
}

/** As it stands in a query: `posts`, and `blog.posts` of another schema than public. */
function keyOf({ schema, name }: CatalogRelation): string {
  return schema === 'public' ? name : `${schema}.${name}`
}

function relationBlock({ columns }: CatalogRelation, name: string, { typeOf }: TypedSchema): string {
  const lines = [...columns.values()].map((column) => `${property(column.name)}: ${columnType(column, typeOf(column))}`)
  return [`export interface ${name}Table {`, ...indented(lines), '}'].join('\n')
}

function columnType({ isNullable, hasDefault, isGenerated }: CatalogColumn, type: ColumnType): string {
  const own = `${typed(type)}${isNullable ? ' | null' : ''}`
  if (isGenerated) return `GeneratedAlways<SelectType<${own}>>`
  return hasDefault ? `Generated<${own}>` : own
}

function typed(type: ColumnType): string {
  if (type.kind === 'plain') return plain[type.name] ?? 'string'
  if (type.kind === 'enum') return union(type.labels)
  const element = type.of.kind === 'plain' ? elements[type.of.name] : undefined
  // pg takes no other arrays apart: they come as PostgreSQL's text.
  return element === undefined ? 'string' : arrayOf(element)
}
