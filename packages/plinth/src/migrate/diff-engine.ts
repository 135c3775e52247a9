/** The schema as the entities describe it, as JSON. What is inside is its engine's own business. */
export type Snapshot = Readonly<Record<string, unknown>>

/** What somebody must say before a difference is SQL: what became of a thing that the entities no longer name. */
export interface Question {
  readonly object: 'schema' | 'table' | 'column' | 'enum' | 'sequence'
  /** `users.name`; of a schema other than public with that in front. */
  readonly removed: string
  /** What it may be called now, in the order of the entities. Empty: it can only be gone. */
  readonly added: readonly string[]
}

export interface Rename {
  readonly from: string
  readonly to: string
}

/** Answers to questions. Names are written as in the question, or with the schema in front. */
export interface Answers {
  readonly renames: readonly Rename[]
  readonly drops: readonly string[]
}

export interface Statements {
  readonly up: readonly string[]
  readonly down: readonly string[]
}

export interface Difference extends Statements {
  /** While there are any, no statement is given. */
  readonly questions: readonly Question[]
}

/** Tells what has changed between two states of the entities, and how PostgreSQL is brought from one to the other. */
export interface DiffEngine {
  readonly empty: Snapshot
  /** The entities are what a module exports; what is no entity is passed over. Throws InvalidOption for wrong ones. */
  snapshot(entities: Readonly<Record<string, unknown>>): Promise<Snapshot>
  /**
   * The states on the way, each of which must be a migration of its own; the last is `after`. An index that is built
   * concurrently cannot share the transaction of the rest.
   */
  stages(before: Snapshot, after: Snapshot): readonly Snapshot[]
  /** Throws InvalidOption for an answer to nothing. */
  difference(before: Snapshot, after: Snapshot, answers: Answers): Promise<Difference>
}
