import { type Statement, type StepAnswer, suspendedTag } from '../driver/exchange.ts'
import { wholeNumber } from './options.ts'
import type { ByteRow, StreamOptions } from './queryable.ts'
import { toQueryResult } from './statement.ts'

/** What a batch of bytes is to be large, and how many rows it has at first and at most. */
const [batchBytes, firstRows, mostRows] = [131_072, 64, 4096]

export interface PortalHolder {
  /** Names of portals are one namespace in a transaction. */
  readonly portalName: string
  readonly run: (statement: Statement, options: StreamOptions) => Promise<StepAnswer>
  readonly closePortal: (name: string) => void
}

/** Rows of a statement in a transaction, batch by batch. */
export async function* readPortal<R>(
  statement: Statement,
  options: StreamOptions,
  { portalName: name, run, closePortal }: PortalHolder,
): AsyncGenerator<R, void, undefined> {
  const maxRows = wholeNumber('batchRows', options.batchRows ?? 500, 1)
  let answer = await run({ ...statement, portal: { name, maxRows, isOpen: false } }, options)
  const { columns } = answer
  // Settings last as long as the transaction, and were sent with the first batch.
  const { settings: _, ...later } = options
  let isReading = false
  try {
    for (;;) {
      yield* toQueryResult<R>({ ...answer, columns }, options).rows
      if (answer.tag !== suspendedTag) return
      isReading = true
      answer = await run({ ...statement, values: [], portal: { name, maxRows, isOpen: true } }, later)
      isReading = false
    }
  } finally {
    if (answer.tag === suspendedTag && !isReading) closePortal(name)
  }
}

/** The same as they came, in batches whose number of rows follows their size. */
export async function* readPortalBytes(
  statement: Statement,
  options: StreamOptions,
  { portalName: name, run, closePortal }: PortalHolder,
): AsyncGenerator<readonly ByteRow[], void, undefined> {
  const { settings: _, ...later } = options
  let maxRows = firstRows
  let answer = await run({ ...statement, asBytes: true, portal: { name, maxRows, isOpen: false } }, options)
  let isReading = false
  try {
    for (;;) {
      const { byteRows } = answer
      yield byteRows
      if (answer.tag !== suspendedTag) return
      maxRows = nextRows(byteRows)
      isReading = true
      answer = await run({ ...statement, values: [], asBytes: true, portal: { name, maxRows, isOpen: true } }, later)
      isReading = false
    }
  } finally {
    if (answer.tag === suspendedTag && !isReading) closePortal(name)
  }
}

/** At most four times as many: the rows behind may be larger than those so far. */
function nextRows(rows: readonly ByteRow[]): number {
  let bytes = 0
  for (const row of rows) for (const value of row) bytes += value?.length ?? 0
  const fitting = Math.floor((batchBytes * rows.length) / Math.max(1, bytes))
  return Math.max(1, Math.min(fitting, 4 * rows.length, mostRows))
}
