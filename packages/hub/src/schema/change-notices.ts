import { setTimeout as sleep } from 'node:timers/promises'
import { type Database, isPlinthError } from 'plinth'

/** A connection that is silent may be gone without a word, in a router or a firewall. */
const ASK_EVERY_MS = 30_000
const ASK_LIMIT_MS = 5_000
/** Between two attempts to listen, doubled each time, and any part of it. */
const FIRST_PAUSE_MS = 200
const LONGEST_PAUSE_MS = 10_000

export interface NoticeOptions {
  readonly channels: readonly string[]
  /** Called with the payload of each notice, and with an empty one when notices may have been missed. */
  readonly hear: (payload: string) => void
  /** Told of what keeps it from listening, but not of a server that is away: the database tells that itself. */
  readonly onFault: (error: unknown) => void
}

/**
 * Listens on a connection beside the pool until it is disposed, and again whenever that was lost. Resolves when the
 * first attempt has ended, well or not.
 */
export async function hearNotices(database: Database, options: NoticeOptions): Promise<AsyncDisposable> {
  const end = new AbortController()
  const first = Promise.withResolvers<void>()
  const following = follow(database, options, end.signal, first.resolve)
  await first.promise
  return {
    [Symbol.asyncDispose]: async () => {
      end.abort()
      await following
    },
  }
}

/** Never rejects. `onTried` is called after the first attempt. */
async function follow(
  database: Database,
  { channels, hear, onFault }: NoticeOptions,
  signal: AbortSignal,
  onTried: () => void,
): Promise<void> {
  let failures = 0
  let isFirst = true
  const onListening = (): void => {
    // Before the first time nobody has read anything that could be out of date.
    if (!isFirst) hear('')
    failures = 0
    isFirst = false
    onTried()
  }
  while (channels.length > 0 && !signal.aborted) {
    try {
      await listen(database, channels, hear, signal, onListening)
    } catch (error) {
      if (failures === 0 && !signal.aborted && isFault(error)) onFault(error)
      // Behind a pooler no session will ever be had.
      if (isPlinthError(error) && error.code === 'SessionStatement') break
    }
    isFirst = false
    onTried()
    await wait(Math.random() * Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** failures), signal)
    failures++
  }
  onTried()
}

/** Until the connection is lost or the signal comes. */
async function listen(
  database: Database,
  channels: readonly string[],
  hear: (payload: string) => void,
  signal: AbortSignal,
  onListening: () => void,
): Promise<void> {
  await using session = await database.session({ signal, isBesidePool: true })
  const lost = new AbortController()
  session.onLost((cause) => lost.abort(cause))
  const ended = AbortSignal.any([signal, lost.signal])
  for (const channel of channels) await session.listen(channel, hear)
  onListening()
  while (!ended.aborted) {
    await wait(ASK_EVERY_MS, ended)
    if (!ended.aborted) await session.query('select 1', [], { timeoutMs: ASK_LIMIT_MS })
  }
}

function isFault(error: unknown): boolean {
  return !isPlinthError(error) || !['ConnectionLost', 'ConnectionFailed', 'DatabaseClosed'].includes(error.code)
}

/** Ends early when the signal comes, and keeps no process alive. */
async function wait(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { ref: false, signal }).catch(() => undefined)
}
