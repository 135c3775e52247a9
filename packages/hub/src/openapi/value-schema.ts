import type { CatalogColumn, CatalogRelation } from 'plinth/operation'

/** A JSON Schema of draft 2020-12, which OpenAPI 3.1 takes as it is. */
export interface ValueSchema {
  readonly [keyword: string]: unknown
}

const integer = (format: string): ValueSchema => ({ type: 'integer', format })
const number = (format: string): ValueSchema => ({ type: 'number', format })
const string = (format: string): ValueSchema => ({ type: 'string', format })

/** How PostgreSQL writes values of its types in JSON, by the name of the type without its modifier. */
const schemas: ReadonlyMap<string, ValueSchema> = new Map([
  ['smallint', integer('int32')],
  ['integer', integer('int32')],
  ['bigint', integer('int64')],
  ['numeric', number('numeric')],
  ['real', number('float')],
  ['double precision', number('double')],
  ['boolean', { type: 'boolean' }],
  ['text', { type: 'string' }],
  ['character varying', { type: 'string' }],
  ['character', { type: 'string' }],
  ['bpchar', { type: 'string' }],
  ['name', { type: 'string' }],
  ['uuid', string('uuid')],
  ['date', string('date')],
  ['timestamp with time zone', string('date-time')],
  // Without a zone it is no date-time of RFC 3339.
  ['timestamp without time zone', string('timestamp')],
  ['time without time zone', string('time-local')],
  ['time with time zone', string('time')],
  ['interval', string('interval')],
  ['bytea', string('bytea')],
  ['inet', string('inet')],
  ['cidr', string('cidr')],
  ['xml', string('xml')],
  ['tsvector', string('tsvector')],
])

/** Of a type that has no entry, a composite one or json among them, any value is right. */
export function typeSchema(type: string): ValueSchema {
  if (type.endsWith('[]')) return { type: 'array', items: typeSchema(type.slice(0, -2)) }
  // The modifier may stand in the middle: timestamp(3) with time zone.
  return schemas.get(type.replace(/\([^)]*\)/, '')) ?? {}
}

export function columnSchema(column: CatalogColumn, relation: CatalogRelation): ValueSchema {
  const plain = plainSchema(column)
  const value = defaultValue(column, plain)
  const description = [column.comment, ...keyNotes(column, relation)].filter((text) => text !== undefined).join('\n\n')
  return {
    ...(column.isNullable ? orNull(plain, column.enumValues) : plain),
    ...(column.maxLength === undefined || plain['type'] === undefined ? {} : { maxLength: column.maxLength }),
    ...(value === undefined ? {} : { default: value }),
    ...(column.isGenerated ? { readOnly: true } : {}),
    ...(description === '' ? {} : { description }),
  }
}

/** Where functions of the database say how a value is shown and read, only they know what is right. */
function plainSchema({ representation, enumValues, baseType, type }: CatalogColumn): ValueSchema {
  if (representation?.format || representation?.parseJson) return {}
  return enumValues ? { type: 'string', enum: enumValues } : typeSchema(baseType ?? type)
}

function orNull(schema: ValueSchema, labels: readonly string[] | undefined): ValueSchema {
  if (schema['type'] === undefined) return schema
  return { ...schema, type: [schema['type'], 'null'], ...(labels && { enum: [...labels, null] }) }
}

/** A default that is a plain value; an expression such as `now()` is known to PostgreSQL alone. */
function defaultValue({ default: text }: CatalogColumn, { type, format }: ValueSchema): unknown {
  if (text === undefined) return undefined
  const quoted = /^'((?:[^']|'')*)'::/.exec(text)?.[1]?.replaceAll("''", "'")
  // PostgreSQL writes a time in SQL in another form than in JSON.
  if (type === 'string') return format === undefined ? quoted : undefined
  const literal = quoted ?? text
  if (type === 'boolean') return literal === 'true' || literal === 'false' ? literal === 'true' : undefined
  const isNumber = type === 'integer' || type === 'number'
  return isNumber && /^-?\d+(\.\d+)?$/.test(literal) ? Number(literal) : undefined
}

function keyNotes(column: CatalogColumn, { primaryKey, foreignKeys }: CatalogRelation): string[] {
  const references = foreignKeys.filter(({ columns }) => columns.length === 1 && columns[0] === column.name)
  return [
    ...(primaryKey.includes(column.name) ? ['Part of the primary key.'] : []),
    ...references.map(({ target }) => `Refers to ${target.name}.${String(target.columns[0])}.`),
  ]
}
