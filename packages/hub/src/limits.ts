import { PlinthError } from 'plinth'

/** What one request may cost; whole numbers above 0, checked when the hub is made. */
export interface Limits {
  /** Default 1 MiB. */
  readonly bodyBytes: number
  /** Path and query. Default 8 kB. */
  readonly urlBytes: number
  /** All headers together. Default 16 kB. */
  readonly headerBytes: number
  /** Conditions, columns and order terms in one request. Default 1,000. */
  readonly nodes: number
  /** Nesting of conditions and of JSON. Default 64. */
  readonly depth: number
  /** Tables embedded in tables. Default 10. */
  readonly embedDepth: number
  /** Values in one `in` list. Default 1,000. */
  readonly listValues: number
  /** Rows in one write. Default 10,000. */
  readonly rows: number
  /** The JSON of one answer in PostgREST's dialect. Default 128 MiB. */
  readonly answerBytes: number
  /** How long a client may take to send its headers. Default 10,000. */
  readonly headersTimeoutMs: number
  /** How long a client may take to send the whole request. Default 30,000. */
  readonly requestTimeoutMs: number
  /**
   * How long the database may work on one request. Default 30,000. More than the database's own `statementTimeoutMs`
   * takes each request off the shared lanes.
   */
  readonly statementTimeoutMs: number
}

export const defaultLimits: Limits = {
  bodyBytes: 1_048_576,
  urlBytes: 8_192,
  headerBytes: 16_384,
  nodes: 1_000,
  depth: 64,
  embedDepth: 10,
  listValues: 1_000,
  rows: 10_000,
  answerBytes: 134_217_728,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  statementTimeoutMs: 30_000,
}

/** Throws InvalidOption. */
export function readLimits(given: Partial<Limits>): Limits {
  const limits = { ...defaultLimits, ...given }
  for (const [name, value] of Object.entries(limits)) {
    if (!Number.isSafeInteger(value) || value < 1)
      throw new PlinthError('InvalidOption', `limits.${name} is ${String(value)}; it must be a whole number above 0.`)
  }
  return limits
}
