import { PlinthError } from '../errors.ts'

/** Names that have another, longer spelling in the SQL standard, and what PostgreSQL calls them. */
const spellings: readonly (readonly [string, string])[] = [
  ['smallint', 'int2'],
  ['integer', 'int4'],
  ['int', 'int4'],
  ['bigint', 'int8'],
  ['decimal', 'numeric'],
  ['real', 'float4'],
  ['double precision', 'float8'],
  ['float', 'float8'],
  ['boolean', 'bool'],
  ['character varying', 'varchar'],
  ['character', 'bpchar'],
  ['timestamp without time zone', 'timestamp'],
  ['timestamp with time zone', 'timestamptz'],
  ['time without time zone', 'time'],
  ['time with time zone', 'timetz'],
]

const types: readonly string[] = (
  'bool bpchar bytea cidr date float4 float8 inet int2 int4 int8 interval json jsonb macaddr ' +
  'money name numeric oid text time timestamp timestamptz timetz uuid varchar xml'
).split(' ')

const casts: ReadonlyMap<string, string> = new Map(
  [...types.map((name) => [name, name] as const), ...spellings].flatMap(([name, type]) => [
    [name, `pg_catalog.${type}`] as const,
    [`${name}[]`, `pg_catalog.${type}[]`] as const,
    // PostgreSQL's own name of the list type.
    [`_${name}`, `pg_catalog.${type}[]`] as const,
  ]),
)

export function isCastType(name: string): boolean {
  return casts.has(name)
}

/**
 * The SQL of a type a caller may cast to. A type name cannot be bound and quoting does not make an arbitrary one safe
 * (a cast can call a function of the database), so the list is closed. `pg_catalog` keeps a type of the same name in
 * the search path from standing in for it.
 */
export function castType(name: string): string {
  const type = casts.get(name)
  if (type !== undefined) return type
  throw new PlinthError('UndefinedObject', `type "${name}" does not exist`, {
    // As PostgreSQL says it of a type that is not there.
    sqlstate: '42704',
    hint: `Types: ${types.join(', ')}, their standard names, and each with [].`,
  })
}
