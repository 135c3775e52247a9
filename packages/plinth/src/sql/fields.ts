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
  const json = path.of === 'row' ? `to_jsonb(${value})` : value
  const parts = countedFromStart(path.steps)
  return parts.reduce((place, steps, i) => {
    const isLast = i === parts.length - 1
    return `(${place} ${isLast && path.as === 'text' ? '#>>' : '#>'} ${bind(arrayText(steps))}::text[])`
  }, json)
}

/**
 * The steps in parts of which only the first step may count from the end of a list. In json, PostgreSQL 18 counts a
 * later one from the end of the first list it meets at that depth, which may lie beside the path.
 */
function countedFromStart(steps: readonly string[]): readonly (readonly string[])[] {
  const parts: string[][] = []
  for (const step of steps) {
    const last = parts.at(-1)
    if (last === undefined || step.startsWith('-')) parts.push([step])
    else last.push(step)
  }
  return parts
}

/** Whether two fields are the same place. */
export function isSameField(one: Field, other: Field): boolean {
  return one.column === other.column && JSON.stringify(one.path) === JSON.stringify(other.path)
}
