import type { Condition, Operation } from 'plinth'
import type { BodyFormat } from 'plinth/operation'
import type { Count, Preferences } from './prefer.ts'

/** A request in PostgREST's dialect, understood: what to do, and how the answer is to look. */
export interface Asked {
  readonly operation: Exclude<Operation, { kind: 'count' }>
  readonly form: Form
  /** Where the request was remembered. */
  readonly shape?: Shape
}

/** What requests have in common that differ only in the values of plain filters. */
export interface Shape {
  /** The same object for each of them. */
  readonly of: object
  /** The conditions of this one's operation that have those values. */
  readonly conditions: readonly Compare[]
}

export type Compare = Extract<Condition, { kind: 'compare' }>

export interface Form {
  readonly verb: 'read' | 'create' | 'put' | 'change' | 'remove' | 'call'
  /** HEAD: all headers of the answer, and no body. */
  readonly isHead: boolean
  /** The answer is one object and not a list; anything but one row is refused, and a write of it undone. */
  readonly isSingular: boolean
  readonly contentType: string
  readonly format: BodyFormat
  readonly body: 'full' | 'none' | 'location'
  readonly count?: Count
  /** Rows a write may touch; others undo it. */
  readonly allowedRows?: { readonly least: number; readonly most: number }
  /** Rows of the answer at most, by the hub's own setting. */
  readonly maxRows?: number
  /** So many rows may be fewer than there are, as the hub cut them: said by 206. */
  readonly cutAt?: number
  /** The function yields bare values. */
  readonly isScalar?: boolean
  /** The function returns a set; else it returns one value or row, or nothing. */
  readonly isSet?: boolean
  /** Told back in Preference-Applied. */
  readonly applied: Preferences
  /** Schema chosen by a profile header; told back. */
  readonly profile?: string
  /** The same request in one spelling, told back by a read. */
  readonly contentLocation?: string
  /** Schema the request is about: where its functions and types are found first. */
  readonly schema: string
  /** What it does is undone once it is answered: `Prefer: tx=rollback`, or `db-tx-end`. */
  readonly isUndone?: true
  /** PostgreSQL settings for this request besides the caller's. */
  readonly settings: Readonly<Record<string, string>>
}
