import { PlinthError } from '../errors.ts'
import { relatedShape } from './drizzle-relations.ts'
import { drizzleShape, isDrizzleTable } from './drizzle-table.ts'
import { encodeRow, isPlain } from './encode.ts'
import type { Delete, Outputs, Relation, Row, Select, Update, Upsert } from './operation.ts'
import { orderOf, withoutNotNull } from './order.ts'
import { withEmbeds } from './output.ts'
import { pageOf } from './page.ts'
import { invalidOperation } from './invalid-operation.ts'
import { type Column, columnOf, outputsOf, relationOf, type Shape } from './shape.ts'
import { selectionOf } from './selection.ts'
import type { FindOptions, KeyOf, PageOptions, Table, UpsertOptions } from './table-types.ts'
import { askedOf, keyCondition, neededCondition } from './where.ts'

/** What is needed of a Drizzle table's type. */
export interface DrizzleTable {
  readonly $inferSelect: object
  readonly $inferInsert: object
}

/** Rows as they are read: Drizzle promises Buffer for bytea, Plinth gives Uint8Array, which browsers have too. */
type Read<S> = { [K in keyof S]: unknown extends S[K] ? S[K] : WithoutBuffer<S[K]> }
type WithoutBuffer<V> = V extends Uint8Array ? Uint8Array : V extends Uint8Array[] ? Uint8Array[] : V

type New<T extends DrizzleTable> = {
  [K in keyof T['$inferInsert']]: unknown extends T['$inferInsert'][K]
    ? T['$inferInsert'][K]
    : WithoutBuffer<T['$inferInsert'][K]>
}

/** What is needed of the type of what Drizzle's `defineRelations` returns. */
export type DrizzleRelations = {
  readonly [name: string]: {
    readonly table: DrizzleTable
    readonly relations: {
      readonly [name: string]: { readonly relationType: 'one' | 'many'; readonly targetTableName: string }
    }
  }
}

type RowOf<R extends DrizzleRelations, K extends keyof R> = Read<R[K]['table']['$inferSelect']>

type RelatedTo<R extends DrizzleRelations, K extends keyof R> = {
  readonly [N in keyof R[K]['relations']]: R[K]['relations'][N] extends {
    readonly relationType: infer Rows
    readonly targetTableName: infer T extends keyof R
  }
    ? {
        readonly rows: Rows
        readonly row: RowOf<R, T>
        readonly isOptional: R[K]['relations'][N] extends { readonly optional: false } ? false : true
        readonly related: RelatedTo<R, T>
      }
    : never
}

export interface TableOptions<Row> {
  /** Columns of the primary key. Default `['id']`. */
  readonly key?: readonly (keyof Row & string)[]
}

/**
 * Describes a table: a Drizzle table with its types, columns and key; one of Drizzle's relations, whose related rows
 * can be read with it; or a table's name with your type of its rows (and, where that differs, of its new rows). With a
 * name every value is what its PostgreSQL type gives (int8 and numeric are strings), and columns are not checked here.
 *
 *     const users = table(schema.users)
 *     const books = table(relations, 'books')
 *     const posts = table<Post>('blog.posts', { key: ['id'] })
 *     const user = await db.run(users.get(7))
 *
 * Throws InvalidOption for a Drizzle column whose promised type Plinth does not make (point, vector, mapped custom
 * types).
 */
export function table<T extends DrizzleTable>(source: T): Table<Read<T['$inferSelect']>, New<T>>
export function table<R extends DrizzleRelations, K extends keyof R & string>(
  relations: R,
  name: K,
): Table<RowOf<R, K>, New<R[K]['table']>, KeyOf<RowOf<R, K>>, RelatedTo<R, K>>
export function table<Row extends object = Record<string, unknown>, New extends object = Partial<Row>>(
  source: string | Relation,
  options?: TableOptions<NoInfer<Row>>,
): Table<Row, New>
export function table(
  source: DrizzleTable | DrizzleRelations | string | Relation,
  options: TableOptions<Record<string, unknown>> | string = {},
): Table<Record<string, unknown>, object> {
  if (typeof options !== 'string') return methods(shapeOf(source, options))
  return methods(relatedShape(typeof source === 'object' ? source : {}, options))
}

function shapeOf(source: object | string, options: TableOptions<Record<string, unknown>>): Shape {
  if (typeof source === 'object' && isDrizzleTable(source)) return drizzleShape(source)
  if (typeof source === 'string' || isRelation(source))
    return { target: relationOf(source), key: options.key ?? ['id'] }
  throw new PlinthError('InvalidOption', 'table() takes a Drizzle table, a name, or { schema, name }.')
}

function isRelation(source: object): source is Relation {
  return 'name' in source && typeof source.name === 'string'
}

type AnyRow = Record<string, unknown>
type AnyOptions = Omit<FindOptions<AnyRow, string>, 'select'> & { readonly select?: unknown }

type AnyPageOptions = Omit<PageOptions<AnyRow, string>, 'select'> & { readonly select?: unknown }

function methods(shape: Shape): Table<AnyRow, object> {
  const whole = outputsOf(shape)
  return { ...reads(shape, whole), ...inserts(shape, whole), ...changes(shape, whole) }
}

/** `whole` is the same list in all that is built here, so that `objectReader` makes its reader once. */
function reads(
  shape: Shape,
  whole: Outputs,
): Pick<Table<AnyRow>, 'get' | 'first' | 'find' | 'page' | 'exists' | 'count'> {
  const { target } = shape
  const columns = (select: unknown): Outputs => (select === undefined ? whole : selectionOf(shape, select))
  const read = (where: unknown, columns: Outputs, range: AnyOptions, result: 'first' | 'rows' | 'exists'): Select => {
    const { embeds, ...asked } = askedOf(shape, where)
    const read = withEmbeds(columns, embeds)
    return { kind: 'select', target, columns: read, ...asked, ...rangeOf(shape, range), result }
  }
  return {
    get: (key: unknown, { select }: AnyOptions = {}): Select => ({
      kind: 'select',
      target,
      columns: columns(select),
      where: keyCondition(shape, key),
      limit: 1,
      result: 'row',
    }),
    first: (where: unknown, options: AnyOptions = {}) =>
      read(where, columns(options.select), { ...options, limit: 1 }, 'first'),
    find: (where: unknown = {}, options: AnyOptions = {}) => read(where, columns(options.select), options, 'rows'),
    page: (where: unknown, { select, ...options }: AnyPageOptions) =>
      pageOf(shape, askedOf(shape, where), columns(select), options),
    exists: (where = {}) => read(where, [], { limit: 1 }, 'exists'),
    count: (where = {}) => {
      const { embeds, ...asked } = askedOf(shape, where)
      return { kind: 'count', target, ...(embeds.length > 0 && { columns: embeds }), ...asked, result: 'count' }
    },
  }
}

function rangeOf(shape: Shape, { order, limit, offset }: AnyOptions): Pick<Select, 'order' | 'limit' | 'offset'> {
  return {
    ...(order && { order: orderOf(shape, order).map(withoutNotNull) }),
    ...(limit !== undefined && { limit }),
    ...(offset !== undefined && { offset }),
  }
}

function inserts(
  shape: Shape,
  returning: Outputs,
): Pick<Table<AnyRow, object>, 'insert' | 'insertMany' | 'upsert' | 'getOrCreate'> {
  const { target } = shape
  return {
    insert: (row) => ({ kind: 'insert', target, rows: [newRow(shape, row)], returning, result: 'row' }),
    insertMany: (rows) => ({
      kind: 'insert',
      target,
      rows: rows.map((row) => newRow(shape, row)),
      returning,
      result: 'rows',
    }),
    upsert: (row, options = {}) => ({
      ...conflicting(shape, row, options),
      action: 'update',
      overwrite: overwritten(shape, row, options),
      returning,
      result: 'row',
    }),
    getOrCreate: (row, options = {}) => ({
      ...conflicting(shape, row, options),
      action: 'get',
      returning,
      result: 'row',
    }),
  }
}

function conflicting(
  shape: Shape,
  row: object,
  { on = shape.key }: UpsertOptions<AnyRow>,
): Pick<Upsert, 'kind' | 'target' | 'rows' | 'conflict'> {
  if (on.length === 0)
    throw invalidOperation(`${shape.target.name} has no primary key: say in \`on\` what is the same row.`)
  return { kind: 'upsert', target: shape.target, rows: [newRow(shape, row)], conflict: namesOf(shape, on) }
}

/**
 * Columns that only got a generated value are not overwritten: an upsert by e-mail must not give the old row a new id.
 */
function overwritten(shape: Shape, row: object, { on = shape.key, overwrite }: UpsertOptions<AnyRow>): string[] {
  if (overwrite) return namesOf(shape, overwrite)
  const given = Object.entries(row).flatMap(([key, value]) => (value === undefined ? [] : [key]))
  const touched = generating(shape, 'updateValue').map(({ key }) => key)
  return namesOf(
    shape,
    [...new Set([...given, ...touched])].filter((key) => !on.includes(key)),
  )
}

function namesOf(shape: Shape, keys: readonly string[]): string[] {
  return keys.map((key) => columnOf(shape, key).name)
}

function changes(
  shape: Shape,
  returning: Outputs,
): Pick<Table<AnyRow, object>, 'update' | 'updateWhere' | 'updateAll' | 'delete' | 'deleteWhere' | 'deleteAll'> {
  const { target } = shape
  const update = (where: Update['where'], row: object): Update => {
    const set = changedRow(shape, row)
    return { kind: 'update', target, set, where, result: 'count' }
  }
  const remove = (where: Delete['where']): Delete => ({ kind: 'delete', target, where, result: 'count' })
  return {
    update: (key, row) => ({ ...update(keyCondition(shape, key), row), returning, result: 'row' }),
    updateWhere: (where, row) => update(neededCondition(shape, where, 'To change them all: updateAll().'), row),
    updateAll: (row) => update('every row', row),
    delete: (key) => ({ ...remove(keyCondition(shape, key)), returning, result: 'row' }),
    deleteWhere: (where) => remove(neededCondition(shape, where, 'To delete them all: deleteAll().')),
    deleteAll: () => remove('every row'),
  }
}

function newRow(shape: Shape, row: object): Row {
  return encodeRow(shape, withGenerated(shape, row, 'insertValue'))
}

function changedRow(shape: Shape, row: object): Row {
  const given = encodeRow(shape, row)
  if (Object.keys(given).length === 0)
    throw invalidOperation(`An update of ${shape.target.name} must change at least one column.`)
  return encodeRow(shape, withGenerated(shape, row, 'updateValue'))
}

/** Adds what Drizzle's `$defaultFn` and `$onUpdate` make; PostgreSQL knows nothing of them. */
function withGenerated(shape: Shape, row: object, maker: 'insertValue' | 'updateValue'): object {
  if (!isPlain(row)) return row
  const missing = generating(shape, maker).filter(({ key }) => row[key] === undefined)
  return missing.length === 0
    ? row
    : { ...row, ...Object.fromEntries(missing.map((column) => [column.key, column[maker]?.()])) }
}

function generating(shape: Shape, maker: 'insertValue' | 'updateValue'): Column[] {
  return [...(shape.columns?.values() ?? [])].filter((column) => column[maker] !== undefined)
}
