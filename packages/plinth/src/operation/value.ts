/** A value bound to a parameter. An array becomes a PostgreSQL array; a plain object becomes JSON. */
export type Value =
  | string
  | number
  | bigint
  | boolean
  | null
  | Date
  | Uint8Array
  | readonly Value[]
  | { readonly [key: string]: unknown }
