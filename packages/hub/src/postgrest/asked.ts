import type { Operation } from 'plinth'
import type { Preferences } from './prefer.ts'

/** A request in PostgREST's dialect, understood: what to do, and how the answer is to look. */
export interface Asked {
  readonly operation: Exclude<Operation, { kind: 'count' }>
  readonly form: Form
}

export interface Form {
  readonly verb: 'read' | 'create' | 'change' | 'remove' | 'call'
  /** HEAD: all headers of the answer, and no body. */
  readonly isHead: boolean
  /** The answer is one object and not a list; anything but one row is refused, and a write of it undone. */
  readonly isSingular: boolean
  readonly contentType: string
  readonly body: 'full' | 'none' | 'location'
  readonly exactCount: boolean
  /** Rows a write may touch; others undo it. */
  readonly allowedRows?: { readonly least: number; readonly most: number }
  /** The function yields bare values. */
  readonly isScalar?: boolean
  /** The function returns a set; else it returns one value or row, or nothing. */
  readonly isSet?: boolean
  /** Told back in Preference-Applied. */
  readonly applied: Preferences
  /** Schema chosen by a profile header; told back. */
  readonly profile?: string
  /** Schema the request is about: where its functions and types are found first. */
  readonly schema: string
  /** What it does is undone once it is answered: `Prefer: tx=rollback`, or `db-tx-end`. */
  readonly isUndone?: true
  /** PostgreSQL settings for this request besides the caller's. */
  readonly settings: Readonly<Record<string, string>>
}
