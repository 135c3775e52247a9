import type { Condition, CountOutput, Order, Output } from 'plinth'

/**
 * What a request says of one level of its tree, before any name has been looked up: the root, or an embed inside. The
 * parameters of a URL come in any order, so a level is filled as they are read.
 */
export interface Level {
  readonly outputs: readonly Wanted[]
  /** All of them hold. */
  readonly conditions: Condition[]
  order: readonly Order[] | undefined
  limit: string | undefined
  offset: string | undefined
}

export type Wanted =
  /** `*`: every column. */
  | { readonly kind: 'star' }
  | { readonly kind: 'column'; readonly output: Output }
  | { readonly kind: 'count'; readonly output: CountOutput }
  | WantedEmbed

export interface WantedEmbed {
  readonly kind: 'embed'
  /** A table, view or computed relationship; or a foreign key, by its name or its column. */
  readonly target: string
  /** Which of several relationships is meant. */
  readonly hint: string | undefined
  readonly alias: string | undefined
  readonly isInner: boolean
  readonly isSpread: boolean
  readonly level: Level
}

export function createLevel(outputs: readonly Wanted[]): Level {
  return { outputs, conditions: [], order: undefined, limit: undefined, offset: undefined }
}

export function embedsOf({ outputs }: Level): readonly WantedEmbed[] {
  return outputs.filter((output) => output.kind === 'embed')
}
