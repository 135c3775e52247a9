import { PlinthError } from '../errors.ts'
import { invalidOperation } from './invalid-operation.ts'
import type { Join, Output, Outputs, Reading, Relation } from './operation.ts'

/** What `table()` knows about one column. */
export interface Column {
  /** Property in the caller's rows. */
  readonly key: string
  /** Name in the database. */
  readonly name: string
  readonly read?: Reading
  /** `open`: nothing is known of its type, PostgreSQL decides what a value means. */
  readonly form: 'open' | 'scalar' | 'array' | 'json' | 'json array'
  readonly notNull: boolean
  /** Makes the value of a row that comes without one (Drizzle's `$defaultFn`). */
  readonly insertValue?: () => unknown
  /** Makes the value of an update that does not set one (Drizzle's `$onUpdate`). */
  readonly updateValue?: () => unknown
}

/** What `table()` knows about a table. */
export interface Shape {
  readonly target: Relation
  /** Properties of the primary key; empty when there is none. */
  readonly key: readonly string[]
  /** By property. Absent: every name is taken for a column. */
  readonly columns?: ReadonlyMap<string, Column>
  /** By property. Absent: nothing is known to be related. */
  readonly related?: ReadonlyMap<string, () => Related>
}

/** How rows of another table belong to a row. */
export interface Related {
  readonly rows: 'one' | 'many'
  readonly shape: Shape
  readonly join: Join
}

/** The column behind a property of a row, a condition or an option. A Map, so that `constructor` is no column. */
export function columnOf(shape: Shape, key: string): Column {
  if (shape.columns === undefined) return { key, name: key, form: 'open', notNull: shape.key.includes(key) }
  const column = shape.columns.get(key)
  if (column) return column
  throw invalidOperation(`${shape.target.name} has no column ${JSON.stringify(key)}.`)
}

/** The outputs of the named properties, or of the whole row. */
export function outputsOf(shape: Shape, keys?: readonly string[]): Outputs {
  if (keys === undefined) return shape.columns ? [...shape.columns.values()].map(output) : 'all'
  if (keys.length === 0) throw invalidOperation('`select` must name at least one column.')
  return keys.map((key) => output(columnOf(shape, key)))
}

function output({ key, name, read, form }: Column): Output {
  const as = key === name ? {} : { as: key }
  const array = form === 'array' || form === 'json array' ? { array: true as const } : {}
  return { column: name, ...as, ...(read && { read }), ...array }
}

/** `'users'`, `'billing.invoices'`, or the parts. A name that holds a dot itself can only be said in parts. */
export function relationOf(name: string | Relation): Relation {
  if (typeof name !== 'string')
    return name.schema === undefined ? { name: name.name } : { schema: name.schema, name: name.name }
  const parts = name.split('.')
  const [first = '', second] = parts
  if (parts.length > 2 || parts.includes('')) {
    throw new PlinthError('InvalidOption', `${JSON.stringify(name)} is not the name of a table or function.`, {
      hint: "Give 'name', 'schema.name', or { schema, name } for names that contain a dot.",
    })
  }
  return second === undefined ? { name: first } : { schema: first, name: second }
}
