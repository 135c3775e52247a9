import type { EventEmitter } from 'node:events'
import { createRequire } from 'node:module'
import type { Duplex } from 'node:stream'
import { PlinthError } from '../errors.ts'

/** The part of `pg` that Plinth stands on, as pg 8.23 has it: its client, and the surface it offers to submittables. */
export interface WireClient extends EventEmitter {
  readonly connection: WireConnection
  readonly processID: number
  readonly secretKey: number
  readonly host: string
  readonly port: number
  /** As given to pg's TLS; false without it. */
  readonly ssl: unknown
  readonly sslNegotiation: string
  connect(): Promise<unknown>
  end(): Promise<void>
  query(submittable: object): unknown
  /** Whether queries are sent before the ones in front are answered. Read at each query. */
  pipeline: boolean
  /** From the last ReadyForQuery: idle, in a transaction, in a failed transaction. */
  getTransactionStatus(): 'I' | 'T' | 'E' | null
}

export interface WireConnection extends EventEmitter {
  readonly stream: Duplex & { cork(): void; uncork(): void; destroy(error?: Error): void; unref(): void }
  connect(portOrPath: number | string, host?: string): void
  requestSsl(): void
  cancel(processId: number, secretKey: number): void
  parse(message: { readonly name: string; readonly text: string }): void
  bind(message: {
    readonly portal?: string
    readonly statement: string
    readonly values: readonly (string | Uint8Array | null)[]
  }): void
  describe(message: { readonly type: 'P'; readonly name: string }): void
  execute(message?: { readonly portal: string; readonly rows: number }): void
  close(message: { readonly type: 'S'; readonly name: string }): void
  query(text: string): void
  sync(): void
  flush(): void
  /** Texts of the named statements pg has prepared here for queries of its own. */
  parsedStatements: Record<string, string>
  sendCopyFail(reason: string): void
}

/** An ErrorResponse as pg parses it. */
export interface ServerError extends Error {
  readonly severity: string
  readonly code: string
  readonly detail?: string
  readonly hint?: string
  readonly schema?: string
  readonly table?: string
  readonly column?: string
  readonly constraint?: string
}

export interface WireClientOptions {
  readonly connectionString: string
  readonly application_name: string
  readonly connectionTimeoutMillis: number
  readonly keepAlive: boolean
  readonly keepAliveInitialDelayMillis: number
  readonly options: string
  readonly pipeline: boolean
}

/** One of pg's own queries, or anything a pg client takes in place of one: pg-cursor, pg-query-stream. */
export interface Submittable {
  submit(connection: unknown): unknown
  handleError(error: Error, connection: unknown): void
}

export interface PgQuery extends Submittable {
  readonly text: string
  name?: string | undefined
  /** `extended`: also without values, so that the server takes one statement alone. */
  queryMode?: 'extended'
  callback: ((error: Error | null | undefined, result?: unknown) => void) | undefined
  readonly _result: { _types?: unknown }
}

export interface PgPackage {
  readonly Client: new (options: WireClientOptions) => WireClient
  readonly Connection: new (options: { readonly ssl: unknown; readonly sslNegotiation: string }) => WireConnection
  readonly Query: { new (config: unknown, values?: unknown): PgQuery; readonly prototype: object }
  readonly Pool: { readonly prototype: object }
  readonly Result: new () => object
  readonly TypeOverrides: new () => {
    setTypeParser(...args: unknown[]): void
    getTypeParser(...args: unknown[]): unknown
  }
  readonly escapeIdentifier: (text: string) => string
  readonly escapeLiteral: (text: string) => string
}

let loaded: PgPackage | undefined

/**
 * `pg` is an optional peer: the hub client runs without it. Whoever opens a connection needs it and is told so by name.
 */
export function loadPg(): PgPackage {
  if (loaded) return loaded
  try {
    const pg: unknown = createRequire(import.meta.url)('pg')
    // pg's own types say nothing of the surface for submittables; this file does.
    loaded = pg as PgPackage
    return loaded
  } catch (cause) {
    throw new PlinthError(
      'MissingPeer',
      'createDatabase needs the package pg, which is not installed. Run: npm install pg',
      { cause },
    )
  }
}

export function isServerError(error: unknown): error is ServerError {
  return error instanceof Error && 'severity' in error && 'code' in error && typeof error.code === 'string'
}
