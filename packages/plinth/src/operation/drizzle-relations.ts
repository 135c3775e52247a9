import { PlinthError } from '../errors.ts'
import { drizzleShape, isDrizzleTable, objectOf } from './drizzle-table.ts'
import { isPlain } from './encode.ts'
import type { ColumnPair, Join } from './operation.ts'
import { columnOf, type Related, type Shape } from './shape.ts'

/**
 * Reads what `defineRelations` of Drizzle 1.0 returns, as plainly as a table is read: one entry for each table, with
 * its relations by name. Tables may relate in circles, so the shape of a related one is made when it is asked for.
 */
export function relatedShape(relations: object, name: string, made: Map<string, Shape> = new Map()): Shape {
  const known = made.get(name)
  if (known) return known
  const entry = objectAt(relations, name)
  const table = objectAt(entry, 'table')
  if (!isDrizzleTable(table))
    throw new PlinthError('InvalidOption', `The relations hold no table ${JSON.stringify(name)}.`, {
      hint: "table(relations, 'posts') takes what defineRelations() returns, and the key of a table in it.",
    })
  const own = drizzleShape(table)
  const shape: Shape = {
    ...own,
    related: new Map(
      Object.entries(objectAt(entry, 'relations')).map(([key, relation]) => [
        key,
        () => related(own, key, objectOf(relation), (target) => relatedShape(relations, target, made)),
      ]),
    ),
  }
  made.set(name, shape)
  return shape
}

function related(own: Shape, key: string, relation: object, shapeOf: (name: string) => Shape): Related {
  const subject = `${own.target.name}.${key}`
  const where: unknown = Reflect.get(relation, 'where')
  if (isPlain(where) && Object.keys(where).length > 0)
    throw new PlinthError(
      'InvalidOption',
      `The relation ${subject} has a condition of its own, which Plinth does not read.`,
      {
        hint: 'Give the condition where the relation is read: { posts: [{ title: true }, { where: … }] }.',
      },
    )
  const shape = shapeOf(String(Reflect.get(relation, 'targetTableName')))
  const rows = Reflect.get(relation, 'relationType') === 'one' ? 'one' : 'many'
  return { rows, shape, join: joinOf(own, shape, relation) }
}

function joinOf(own: Shape, theirs: Shape, relation: object): Join {
  const [ours, others] = [keysAt(relation, 'sourceColumns'), keysAt(relation, 'targetColumns')]
  const through: unknown = Reflect.get(relation, 'through')
  if (!isPlain(through)) return { kind: 'columns', on: pairs(own, ours, theirs, others) }
  const between = drizzleShape(objectAt(relation, 'throughTable'))
  return {
    kind: 'through',
    relation: between.target,
    on: pairs(own, ours, between, keysAt(through, 'source')),
    to: pairs(between, keysAt(through, 'target'), theirs, others),
  }
}

function pairs(one: Shape, keys: readonly string[], other: Shape, others: readonly string[]): ColumnPair[] {
  return keys.map((key, i) => [columnOf(one, key).name, columnOf(other, others[i] ?? '').name])
}

/** Each column of a relation says under `_` by which key the table has it. */
function keysAt(object: object, name: string): string[] {
  const columns: unknown = Reflect.get(object, name)
  if (!Array.isArray(columns)) return []
  return columns.map((column: unknown) => String(Reflect.get(objectAt(objectOf(column), '_'), 'key')))
}

function objectAt(object: object, name: string): object {
  return objectOf(Object.hasOwn(object, name) ? Reflect.get(object, name) : undefined)
}
