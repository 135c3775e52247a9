import { PlinthError } from '../errors.ts'
import type { Reading } from './operation.ts'
import type { Column, Shape } from './shape.ts'

/**
 * Reads a Drizzle table by the symbols it publishes (0.45 and 1.0), without importing drizzle-orm: the library stays
 * free of it, and two copies of Drizzle are no problem.
 */
export function drizzleShape(table: object): Shape {
  const name = String(field(table, Symbol.for('drizzle:Name')))
  const schema = field(table, Symbol.for('drizzle:Schema'))
  const columns = new Map<string, Column>()
  const primary: string[] = []
  for (const [key, column] of Object.entries(objectOf(field(table, Symbol.for('drizzle:Columns'))))) {
    const source = objectOf(column)
    columns.set(key, drizzleColumn(name, key, source))
    if (field(source, 'primary') === true) primary.push(key)
  }
  return {
    target: typeof schema === 'string' ? { schema, name } : { name },
    key: primary.length > 0 ? primary : compositeKey(table, columns),
    columns,
  }
}

export function isDrizzleTable(value: object): boolean {
  return Symbol.for('drizzle:IsDrizzleTable') in value
}

/**
 * Drizzle's column classes whose promised values we give, and how. `undefined` is the default of the PostgreSQL type.
 * Points, lines, vectors and geometries are missing: their values would not be what `$inferSelect` says.
 */
const classes: ReadonlyMap<string, Reading | undefined> = new Map<string, Reading | undefined>([
  ['PgBigInt53', 'number'],
  ['PgBigSerial53', 'number'],
  ['PgNumericNumber', 'number'],
  ['PgBigInt64', 'bigint'],
  ['PgBigSerial64', 'bigint'],
  ['PgNumericBigInt', 'bigint'],
  ['PgTimestampString', 'string'],
  ['PgDate', 'date'],
  ...(
    'PgBigIntString PgBinaryVector PgBoolean PgBytea PgChar PgCidr PgDateString PgDoublePrecision PgEnumColumn ' +
    'PgEnumObjectColumn PgInet PgInteger PgInterval PgJson PgJsonb PgMacaddr PgMacaddr8 PgNumeric PgReal PgSerial ' +
    'PgSmallInt PgSmallSerial PgSparseVector PgText PgTime PgTimestamp PgUUID PgVarchar'
  )
    .split(' ')
    .map((name) => [name, undefined] as const),
])

function drizzleColumn(table: string, key: string, source: object): Column {
  const nested = field(source, 'baseColumn')
  const base = typeof nested === 'object' && nested !== null ? nested : source
  const isArray = base !== source || Number(field(source, 'dimensions') ?? 0) > 0
  const type = String(field(base, 'columnType'))
  if (!classes.has(type) && !isPlainCustomType(type, base)) {
    throw new PlinthError(
      'InvalidOption',
      `${table}.${key} has Drizzle's type ${type}, whose values Plinth does not make.`,
      {
        hint: "Use table<Row>('name') for this table: such a column is then its text, as PostgreSQL writes it.",
      },
    )
  }
  const read = classes.get(type)
  const isJson = type === 'PgJson' || type === 'PgJsonb'
  const insertValue = makerOf(source, 'defaultFn') ?? makerOf(source, 'onUpdateFn')
  const updateValue = makerOf(source, 'onUpdateFn')
  return {
    key,
    name: String(field(source, 'name')),
    form: isArray ? (isJson ? 'json array' : 'array') : isJson ? 'json' : 'scalar',
    notNull: field(source, 'notNull') === true,
    ...(read && { read }),
    ...(insertValue && { insertValue }),
    ...(updateValue && { updateValue }),
  }
}

/**
 * A custom type that maps nothing promises what the driver gives. One with functions of its own cannot cross a wire.
 */
function isPlainCustomType(type: string, column: object): boolean {
  return type === 'PgCustomColumn' && isUnmapped(column, 'mapFromDriverValue') && isUnmapped(column, 'mapToDriverValue')
}

function isUnmapped(column: object, name: string): boolean {
  const map = field(column, name)
  return typeof map === 'function' && field(map, 'isNoop') === true
}

function makerOf(column: object, name: string): (() => unknown) | undefined {
  const make = field(column, name)
  return typeof make === 'function' ? (): unknown => Reflect.apply(make, undefined, []) : undefined
}

/** `primaryKey({ columns: [a, b] })` stands in the table's extra configuration. */
function compositeKey(table: object, columns: ReadonlyMap<string, Column>): readonly string[] {
  const build = field(table, Symbol.for('drizzle:ExtraConfigBuilder'))
  if (typeof build !== 'function') return []
  const extras: unknown = Reflect.apply(build, undefined, [field(table, Symbol.for('drizzle:ExtraConfigColumns'))])
  const names = Object.values(objectOf(extras)).flat().flatMap(keyColumns)
  return [...columns.values()].filter(({ name }) => names.includes(name)).map(({ key }) => key)
}

function keyColumns(extra: unknown): string[] {
  const object = objectOf(extra)
  if (field(object.constructor, Symbol.for('drizzle:entityKind')) !== 'PgPrimaryKeyBuilder') return []
  return Object.values(objectOf(field(object, 'columns'))).map((column) => String(field(objectOf(column), 'name')))
}

function field(object: object, name: string | symbol): unknown {
  return Reflect.get(object, name)
}

export function objectOf(value: unknown): object {
  return typeof value === 'object' && value !== null ? value : {}
}
