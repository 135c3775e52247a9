/** A relation of a table, as the types know it. */
export interface Relationship {
  readonly rows: 'one' | 'many'
  readonly row: object
  /** Whether there may be no such row. */
  readonly isOptional: boolean
  readonly related: Relationships
}

/** The relations of a table by name. */
export type Relationships = { readonly [name: string]: Relationship }
