import { encodeValue } from './encode.ts'
import type { Json, Relation, Typed } from './operation.ts'
import { relationOf } from './shape.ts'
import type { Value } from './value.ts'

/**
 * Calls a function of the database by named arguments. An array becomes a PostgreSQL array and an object JSON; a JSON
 * array must be given as its text.
 *
 *     call<Post>('blog.posts_of', { author: 7 })          select * from "blog"."posts_of"("author" => $1)   → rows
 *     call<number>('add', { a: 1, b: 2 }, 'value')        select "add"("a" => $1, "b" => $2)                → the value
 *
 * `none` is for functions that return void.
 */
export function call<R>(name: string | Relation, args: Args, result: 'value'): Typed<R>
export function call(name: string | Relation, args: Args, result: 'none'): Typed<undefined>
export function call<R = Record<string, unknown>>(name: string | Relation, args?: Args, result?: 'rows'): Typed<R[]>
export function call(
  name: string | Relation,
  args: Args = {},
  result: 'rows' | 'value' | 'none' = 'rows',
): Typed<unknown> {
  const encoded = Object.entries(args).map(([key, value]): [string, Json] => [key, encodeValue(value, 'open', key)])
  return { kind: 'call', target: relationOf(name), args: Object.fromEntries(encoded), result }
}

/** Argument name to value. */
export type Args = Readonly<Record<string, Value>>
