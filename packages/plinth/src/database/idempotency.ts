import { createHash, randomUUID } from 'node:crypto'
import { isPlinthError, PlinthError } from '../errors.ts'
import type { RowProof } from './commit-resolution.ts'
import { wholeNumber } from './options.ts'
import type { Database, IdempotencyKey, Transaction } from './queryable.ts'

/** One call of `db.transaction` under a key, with all its attempts. */
export interface KeyedCall {
  readonly scope: string
  readonly key: string
  readonly requestHash: string
  readonly expiresAfterMs: number
  /** Of this call alone: a row that has it was written by it, whoever else used the key. */
  readonly id: string
  readonly proof: RowProof
}

/** An index of PostgreSQL takes 2,704 bytes a row; a key is an identifier, not a document. */
const mostCharacters = 255
/** Of the stored response: it is kept for a day, and read whole. */
const mostBytes = 1_048_576
const dayMs = 86_400_000
const questionLimitMs = 2000

export function readIdempotencyKey(given: string | IdempotencyKey): KeyedCall {
  const { key, scope = '', request, expiresAfterMs = dayMs } = typeof given === 'string' ? { key: given } : given
  checkText('key', key, 1)
  checkText('scope', scope, 0)
  const id = randomUUID()
  return {
    scope,
    key,
    requestHash: createHash('sha256')
      .update(toJson(request, 'request', sortKeys) ?? '')
      .digest('hex'),
    expiresAfterMs: wholeNumber('idempotencyKey.expiresAfterMs', expiresAfterMs, 1),
    id,
    proof: async (reserved) => {
      const text = 'select 1 from plinth.idempotency where scope = $1 and key = $2 and call = $3::uuid'
      const [answer] = await reserved.run([{ text, values: [scope, key, id] }], questionLimitMs)
      return answer?.rows.length === 1
    },
  }
}

function checkText(name: string, text: unknown, least: number): void {
  if (typeof text === 'string' && text.length >= least && text.length <= mostCharacters && !text.includes('\0')) return
  throw new PlinthError(
    'InvalidOption',
    `idempotencyKey.${name} must be a text of ${least} to ${mostCharacters} characters.`,
  )
}

/**
 * Runs `work` unless its answer is stored; then that is the answer. The row is written by the same transaction, so it
 * is there exactly when the transaction is. The first caller too gets what JSON keeps of the result, so that a repeat
 * cannot answer otherwise.
 */
export async function answerOnce<R>(
  tx: Transaction,
  call: KeyedCall,
  work: (tx: Transaction) => Promise<R>,
): Promise<R> {
  const stored = await lookUp(tx, call)
  if (stored) return fromJson<R>(stored.response)
  const response = toJson(await work(tx), 'result')
  if (response !== undefined && Buffer.byteLength(response) > mostBytes) {
    throw new PlinthError('InvalidValue', `The result under an idempotency key is over ${mostBytes} bytes of JSON.`)
  }
  await tx.query(
    `insert into plinth.idempotency (scope, key, request_hash, response, call, expires_at)
      values ($1, $2, $3, $4::json, $5::uuid, now() + $6::float8 * interval '1 ms')
      on conflict (scope, key) do update set request_hash = excluded.request_hash, response = excluded.response,
        call = excluded.call, created_at = excluded.created_at, expires_at = excluded.expires_at`,
    [call.scope, call.key, call.requestHash, response ?? null, call.id, call.expiresAfterMs],
  )
  return fromJson<R>(response ?? null)
}

/**
 * Two statements, the lock first: under read committed the second then sees what its last holder committed. The lock
 * is tried, for an insert would wait for the other transaction's end. Its key cannot meet one of `tx.lock`: another
 * seed.
 */
async function lookUp(
  tx: Transaction,
  { scope, key, requestHash }: KeyedCall,
): Promise<{ readonly response: string | null } | undefined> {
  const { locked } = await tx.one<{ locked: boolean }>(
    `select pg_try_advisory_xact_lock(hashtextextended($1 || chr(1) || $2, 8101)) as locked`,
    [scope, key],
  )
  const row = await tx
    .maybeOne<{ hash: string; response: string | null }>(
      `select request_hash as hash, response::text as response from plinth.idempotency
        where scope = $1 and key = $2 and expires_at > now()`,
      [scope, key],
    )
    .catch((error: unknown) => {
      throw isPlinthError(error, 'UndefinedObject') ? notInstalled(tx.name, error) : error
    })
  if (row && row.hash !== requestHash) throw conflict(tx.name)
  if (!row && !locked) throw inFlight(tx.name)
  return row
}

/**
 * Deletes the idempotency keys that have expired, 10,000 at most, and resolves with how many. Nothing else removes
 * them: call it from a task, once a minute for up to 160 keys a second. An expired key counts as unused although it is
 * still there. Any number of processes may do so at the same time.
 */
export async function removeExpiredKeys(db: Database): Promise<number> {
  const { rowCount } = await db.query(`delete from plinth.idempotency where ctid = any(array(
    select ctid from plinth.idempotency where expires_at <= now()
    order by expires_at limit 10000 for update skip locked))`)
  return rowCount
}

type Replacer = (key: string, value: unknown) => unknown

/**
 * The same request is the same text, in whatever order its properties were set. What JSON would write as `{}` or null
 * whatever is in it is refused: two different requests must not look the same.
 */
const sortKeys: Replacer = (_key, value) => {
  if (!isTold(value)) {
    throw new PlinthError('InvalidValue', 'The request under an idempotency key holds a value that JSON cannot tell.', {
      hint: 'Give plain objects, arrays, texts, finite numbers, booleans, null, and what has toJSON.',
    })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
}

function isTold(value: unknown): boolean {
  if (typeof value === 'number') return Number.isFinite(value)
  if (typeof value === 'function' || typeof value === 'symbol') return false
  return typeof value !== 'object' || value === null || Array.isArray(value) || isPlain(value)
}

/** Of whatever realm: its prototype has none of its own. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return typeof prototype !== 'object' || prototype === null || Object.getPrototypeOf(prototype) === null
}

/** Undefined for undefined. */
function toJson(value: unknown, what: string, replacer?: Replacer): string | undefined {
  try {
    return JSON.stringify(value, replacer)
  } catch (cause) {
    if (isPlinthError(cause)) throw cause
    throw new PlinthError('InvalidValue', `The ${what} under an idempotency key cannot be written as JSON.`, { cause })
  }
}

function fromJson<R>(text: string | null): R {
  const value: unknown = text === null ? undefined : JSON.parse(text)
  // The type is the caller's word for what its own callback answered.
  return value as R
}

function conflict(transaction: string): PlinthError {
  return new PlinthError('IdempotencyConflict', `"${transaction}": its idempotency key belongs to another request.`, {
    transaction,
    hint: 'A key is made once for one request, and sent again only with the same one.',
  })
}

function inFlight(transaction: string): PlinthError {
  return new PlinthError('IdempotencyInFlight', `"${transaction}": the same idempotency key is being worked on.`, {
    transaction,
    retryable: true,
    hint: 'Answer 409 with Retry-After; the repeat will find the stored response.',
  })
}

function notInstalled(transaction: string, cause: PlinthError): PlinthError {
  return new PlinthError(
    'UndefinedObject',
    `"${transaction}" has an idempotency key, and its table is not installed.`,
    {
      transaction,
      ...(cause.sqlstate === undefined ? {} : { sqlstate: cause.sqlstate }),
      cause,
      hint: 'Call installSchema(db) at the start, or in a migration.',
    },
  )
}
