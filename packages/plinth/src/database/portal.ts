import { type Statement, type StepAnswer, suspendedTag } from '../driver/exchange.ts'
import { wholeNumber } from './options.ts'
import type { StreamOptions } from './queryable.ts'
import { toQueryResult } from './statement.ts'

interface PortalHolder {
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
