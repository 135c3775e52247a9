import type { ByteRow, Database, IsolationLevel, ReadTransaction } from 'plinth'
import type { Statement } from 'plinth/operation'
import type { Caller } from '../identity/caller.ts'
import { Refusal } from '../refusal.ts'
import type { Told } from './session-settings.ts'

/** An answer with more rows than this is not held in memory; it is read as its client takes it. */
export const mostHeldRows = 5_000

/** Large answers read at once, at most: each holds a connection for as long as its client takes to read. */
const mostAtOnce = 4

/** Of them, for one caller: two slow readers of one service, role or of nobody leave room for everybody else's. */
const mostOfOne = 2

/** Statements known to answer more than is held, at most; the oldest is forgotten, and found out again. */
const mostKnown = 1000

/** How long a client may take no byte before the server ends its transaction, in ms. */
const idleMs = 120_000

/** A timer cannot wait longer; a large answer takes as long as its client does. */
const longestMs = 2_147_483_647

/** Which statements answer much, and how many such answers are being read. */
export class LargeAnswers {
  readonly #known = new Set<string>()
  readonly #reading: string[] = []

  isKnown(text: string): boolean {
    return this.#known.has(text)
  }

  note(text: string, isLarge: boolean): void {
    this.#known.delete(text)
    if (!isLarge) return
    const [oldest] = this.#known
    if (oldest !== undefined && this.#known.size >= mostKnown) this.#known.delete(oldest)
    this.#known.add(text)
  }

  /** Counts one of the caller in until the returned function is called. */
  enter(caller: Caller): () => void {
    const who = nameOf(caller)
    const own = this.#reading.filter((one) => one === who).length
    if (this.#reading.length >= mostAtOnce || own >= mostOfOne)
      throw new Refusal(503, 'PLT503', 'Too many large answers are being read.', {
        hint: 'Ask for fewer rows, with limit and offset, or come again later.',
        headers: { 'retry-after': '1' },
      })
    this.#reading.push(who)
    let isIn = true
    return () => {
      if (isIn) this.#reading.splice(this.#reading.indexOf(who), 1)
      isIn = false
    }
  }
}

function nameOf(caller: Caller): string {
  if (caller.kind === 'owner') return caller.kind
  return `${caller.kind} ${caller.kind === 'service' ? caller.name : caller.role}`
}

export interface RowSource {
  readonly told: Told
  /** Answers each row as one JSON text. */
  readonly rows: Statement
  /** Answers the number of all rows as `total`, in the same snapshot. */
  readonly count: Statement | undefined
  /** Whether something may have set `response.headers` and `response.status`. */
  readonly readsResponse: boolean
  readonly timeoutMs: number
  readonly mostBytes: number
}

export interface OpenedRows {
  readonly total: number | undefined
  /** `response.headers` and `response.status`, as they are in front of the first byte. */
  readonly said: ByteRow
  /** All of them, where they are no more than are held; undefined where more follow. */
  readonly whole: readonly Uint8Array[] | undefined
  /** The JSON array in pieces. Whoever leaves it early cancels what runs. */
  readonly pieces: AsyncIterable<Uint8Array>
  /** Gives the rest up. */
  readonly close: () => Promise<void>
}

/**
 * Opens a select in a READ ONLY transaction of its own and reads as many rows as are held, so that whatever fails
 * before the first byte of the answer still has a status of its own.
 */
export async function openRows(database: Database, source: RowSource, left: () => void): Promise<OpenedRows> {
  const abort = new AbortController()
  const ended = Promise.withResolvers<void>()
  const opened = Promise.withResolvers<Reading>()
  const isolation: IsolationLevel | undefined = source.told.options.isolation ?? (source.count && 'repeatable read')
  const options = { name: 'large answer', timeoutMs: longestMs, signal: abort.signal, retry: { attempts: 1 } }
  const done = database
    .read(
      async (tx) => {
        opened.resolve(await begin(tx, source))
        await ended.promise
      },
      { ...options, ...(isolation && { isolation }) },
    )
    .finally(left)
  done.catch(opened.reject)
  const close = async (): Promise<void> => {
    abort.abort()
    ended.resolve()
    // It was given up; that this is what it ends with is no news.
    await done.catch(() => undefined)
  }
  try {
    const { total, batches, said } = await opened.promise
    const { first, isWhole } = await readFirst(batches)
    const heads = await said()
    if (isWhole) {
      ended.resolve()
      await done
    }
    const pieces = arrayOf(first, batches, { finish: ended.resolve, close })
    return { total, said: heads, whole: isWhole ? first : undefined, pieces, close }
  } catch (error) {
    await close()
    throw error
  }
}

type Batches = AsyncIterator<readonly ByteRow[]>

interface Reading {
  readonly total: number | undefined
  readonly batches: Batches
  readonly said: () => Promise<ByteRow>
}

const whatWasSaid =
  "select nullif(current_setting('response.headers', true), ''), nullif(current_setting('response.status', true), '')"

async function begin(tx: ReadTransaction, source: RowSource): Promise<Reading> {
  const { told, rows, count, timeoutMs, mostBytes } = source
  const settings = { ...told.options.settings, idle_in_transaction_session_timeout: String(idleMs) }
  await tx.query('select', [], { settings })
  for (const { text, values } of told.before) await tx.query(text, values)
  const counted = count && (await tx.one<{ total: string }>(count.text, count.values, { timeoutMs }))
  return {
    total: counted === undefined ? undefined : Number(counted.total),
    batches: tx.streamBytes(rows.text, rows.values, { timeoutMs, maxAnswerBytes: mostBytes })[Symbol.asyncIterator](),
    said: async () => {
      if (!source.readsResponse) return []
      const { rows: found } = await tx.query(whatWasSaid, [], { rows: 'text' })
      return (found[0] ?? []).map((value) => (value === null ? null : Buffer.from(value)))
    },
  }
}

async function readFirst(batches: Batches): Promise<{ first: Uint8Array[]; isWhole: boolean }> {
  const first: Uint8Array[] = []
  while (first.length <= mostHeldRows) {
    const next = await batches.next()
    if (next.done) return { first, isWhole: true }
    for (const [text] of next.value) if (text) first.push(text)
  }
  return { first, isWhole: false }
}

/** No generator: one that waits for rows could not be told to stop before they are there. */
function arrayOf(first: readonly Uint8Array[], batches: Batches, ends: Ends): AsyncIterable<Uint8Array> {
  const pieces = piecesOf(first, batches, ends.finish)
  const iterator: AsyncIterator<Uint8Array> = {
    next: () =>
      pieces.next().catch(async (error: unknown) => {
        await ends.close()
        throw error
      }),
    return: async () => {
      await ends.close()
      return { done: true, value: undefined }
    },
  }
  return { [Symbol.asyncIterator]: () => iterator }
}

interface Ends {
  readonly finish: () => void
  readonly close: () => Promise<void>
}

async function* piecesOf(
  first: readonly Uint8Array[],
  batches: Batches,
  finish: () => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield joined('[', first)
  for (;;) {
    const next = await batches.next()
    if (next.done) break
    const rows = next.value.flatMap(([text]) => (text ? [text] : []))
    if (rows.length > 0) yield joined(separator, rows)
  }
  finish()
  yield Buffer.from(']')
}

/** What json_agg puts between rows: a large answer is byte for byte what a small one would be. */
const separator = ', \n '
const separatorBytes = Buffer.from(separator)

/** Copied, so that the chunks the rows came in need not be kept. */
export function joined(opening: string, rows: readonly Uint8Array[], closing = ''): Buffer {
  const [front, back] = [Buffer.from(opening), Buffer.from(closing)]
  return Buffer.concat([front, ...rows.flatMap((row, i) => (i === 0 ? [row] : [separatorBytes, row])), back])
}
