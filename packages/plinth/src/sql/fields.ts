import { arrayText } from '../operation/array-text.ts'
import type { Field, Relation } from '../operation/operation.ts'
import type { Context, Source } from './context.ts'
import type { Bind } from './parameters.ts'
import { quoteName } from './sql.ts'

export function relation({ schema, name }: Relation): string {
  return schema === undefined ? quoteName(name) : `${quoteName(schema)}.${quoteName(name)}`
}

/** A table under an alias. */
export function tableSource(target: Relation, { alias }: Pick<Context, 'alias'>): Source {
  return namedSource(relation(target), alias())
}

export function namedSource(rows: string, alias: string): Source {
  return { from: `${rows} as ${alias}`, alias, row: `${alias}.*`, star: `${alias}.*` }
}

/**
 * `"r1"."title"`, `("r1"."data" #>> $1::text[])`. The places in json are one bound list: a quote in a key cannot end
 * anything. A function of the row is written like a column, which is why the alias is never left out.
 */
export function field({ column, path }: Field, alias: string, bind: Bind): string {
  const value = `${alias}.${quoteName(column)}`
  if (path === undefined) return value
  // PostgreSQL 18 counts from the end of the first list it meets at a depth: in json, also of one beside the path.
  const isFromEnd = path.steps.some((step) => step.startsWith('-'))
  const json = path.of === 'row' || isFromEnd ? `to_jsonb(${value})` : value
  return `(${json} ${path.as === 'json' ? '#>' : '#>>'} ${bind(arrayText(path.steps))}::text[])`
}

/** Whether two fields are the same place. */
export function isSameField(one: Field, other: Field): boolean {
  return one.column === other.column && JSON.stringify(one.path) === JSON.stringify(other.path)
}
