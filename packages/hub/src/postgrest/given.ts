import type { ContentType } from './content-type.ts'

/** What a request gives to a function. */
export interface Given {
  readonly names: readonly string[]
  /** Of the body, where it may be the one argument of a function that has no name for it. */
  readonly body?: ContentType
}
