import type { EventEmitter } from 'node:events'
import { createRequire } from 'node:module'
import type { Duplex } from 'node:stream'
import { PlinthError } from '../errors.ts'

/** The part of `pg` that Plinth stands on, as pg 8.23 has it: its client, and the surface it offers to submittables. */
export interface WireClient extends EventEmitter {
  readonly connection: WireConnection
  readonly connectionParameters: { options: string }
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
  const require = createRequire(import.meta.url)
  let pg: unknown
  try {
    pg = require('pg')
  } catch (cause) {
    throw new PlinthError(
      'MissingPeer',
      'createDatabase needs the package pg, which is not installed. Run: npm install pg',
      { cause },
    )
  }
  const missing = missingParts(pg)
  if (missing.length > 0) throw unfitPg(require('pg/package.json'), missing)
  // pg's own types say nothing of the surface for submittables; this file does.
  loaded = pg as PgPackage
  return loaded
}

// What an object of each class must have. Most of it is not pg's documented surface, and the peer is `^8.23.1`: a later
// 8 that has changed it should say so here, not in the middle of a statement.
const parts = {
  Client: ['connect', 'end', 'query', 'getTransactionStatus', 'connection', 'connectionParameters'],
  Connection: [
    ...['connect', 'requestSsl', 'cancel', 'parse', 'bind', 'describe', 'execute', 'close', 'query', 'sync', 'flush'],
    ...['parsedStatements', 'sendCopyFail', 'stream'],
  ],
  Query: ['submit', 'handleError', '_result'],
  TypeOverrides: ['setTypeParser', 'getTypeParser'],
} as const

function missingParts(pg: unknown): string[] {
  const part = (name: string): unknown => member(pg, name)
  const functions = ['Pool', 'Result', 'escapeIdentifier', 'escapeLiteral']
  const absent = functions.filter((name) => typeof part(name) !== 'function')
  const incomplete = Object.entries(parts).flatMap(([name, members]) => {
    const maker = part(name)
    if (!isClass(maker)) return [name]
    const made = new maker({ pipeline: true, text: '' })
    const without: string[] = members.filter((member) => !(member in made))
    if (name === 'Client' && !('pipeline' in made && made.pipeline === true)) without.push('pipeline')
    return without.map((member) => `${name}.${member}`)
  })
  return [...absent, ...incomplete]
}

function member(of: unknown, name: string): unknown {
  return typeof of === 'object' && of !== null ? Reflect.get(of, name) : undefined
}

function isClass(value: unknown): value is new (options: object) => object {
  return typeof value === 'function'
}

function unfitPg(about: unknown, missing: readonly string[]): PlinthError {
  return new PlinthError(
    'MissingPeer',
    `pg ${String(member(about, 'version'))} lacks what Plinth stands on: ${missing.join(', ')}. ` +
      'Run: npm install pg@^8.23.1',
  )
}

export function isServerError(error: unknown): error is ServerError {
  return error instanceof Error && 'severity' in error && 'code' in error && typeof error.code === 'string'
}
