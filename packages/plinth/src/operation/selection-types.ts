import type { OrderBy } from './order-types.ts'
import type { Relationship } from './related-types.ts'
import type { Where } from './where.ts'

/** `{ title: true, author: { name: true }, comments: [{ text: true }, { order: ['id'], limit: 3 }] }` */
export type Selection<Row, Related> = { readonly [K in keyof Row]?: true } & {
  readonly [K in keyof Related]?: Related[K] extends Relationship ? Nested<Related[K]> : never
}

type Nested<L extends Relationship> =
  | true
  | Selection<L['row'], L['related']>
  | readonly [select: true | Selection<L['row'], L['related']>, options: NestedOptions<L>]

type NestedOptions<L extends Relationship> = {
  readonly where?: Where<L['row'], L['related']>
} & (L['rows'] extends 'one'
  ? object
  : { readonly order?: OrderBy<L['row']>; readonly limit?: number; readonly offset?: number })

/** The selection again, with `never` for each name that is neither a column nor a relation. */
export type Known<S, Row, Related> = {
  readonly [K in keyof S]: K extends keyof Related
    ? Related[K] extends Relationship
      ? KnownNested<S[K], Related[K]>
      : never
    : K extends keyof Row
      ? true
      : never
}

type KnownNested<S, L extends Relationship> = S extends true
  ? true
  : S extends readonly [infer P, infer O]
    ? readonly [P extends true ? true : Known<P, L['row'], L['related']>, KnownOptions<O, NestedOptions<L>>]
    : Known<S, L['row'], L['related']>

type KnownOptions<O, Options> = { readonly [K in keyof O]: K extends keyof Options ? O[K] : never }

/** The row that a selection reads. */
export type Selected<Row, Related, S> = {
  [K in keyof S & (keyof Row | keyof Related)]: K extends keyof Related
    ? Related[K] extends Relationship
      ? SelectedRows<Related[K], S[K]>
      : never
    : K extends keyof Row
      ? Row[K]
      : never
}

type SelectedRows<L extends Relationship, S> = S extends readonly [infer P, infer O]
  ? Rows<L, SelectedRow<L, P>, O extends { readonly where: object } ? true : L['isOptional']>
  : Rows<L, SelectedRow<L, S>, L['isOptional']>

type SelectedRow<L extends Relationship, S> = S extends true ? L['row'] : Selected<L['row'], L['related'], S>

type Rows<L extends Relationship, Row, IsOptional> = L['rows'] extends 'many'
  ? Row[]
  : Row | (IsOptional extends true ? null : never)
