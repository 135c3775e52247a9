/** One direction of a migration that is SQL. */
export interface SqlStep {
  readonly kind: 'sql'
  /** Path of the file. */
  readonly file: string
  readonly text: string
  /** False where the header of the file says `-- plinth: no-transaction`. */
  readonly inTransaction: boolean
}

/**
 * One direction of a migration that is TypeScript: the export `up` or `down` of its module, called with a transaction.
 */
export interface CodeStep {
  readonly kind: 'code'
  readonly file: string
}

export type Step = SqlStep | CodeStep

/** A migration that a squashed one stands for. */
export interface Replaced {
  /** `0001_add_users`. */
  readonly id: string
  readonly number: number
  readonly checksum: string
}

/** What a folder `migrations/NNNN_name` holds. */
export interface Migration {
  /** The folder's name, `0001_add_users`. */
  readonly id: string
  readonly number: number
  /** Without the number, `add_users`. */
  readonly name: string
  readonly folder: string
  readonly up: Step
  /** Undefined where there is no way back. A module is only asked for its `down` when it is to be reverted. */
  readonly down: Step | undefined
  /** SHA-256 of up.sql or of the module, with line ends as \n, so that a checkout on Windows has the same one. */
  readonly checksum: string
  /** Of a squashed migration: those it was made of, in their order. */
  readonly replaces: readonly Replaced[]
  /** Path of snapshot.json, where there is one. */
  readonly snapshot: string | undefined
}

/** Numbers are written with four digits at least, so that a listing of the folder is in order. */
export function migrationId(number: number, name: string): string {
  return `${String(number).padStart(4, '0')}_${name}`
}
