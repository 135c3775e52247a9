import { Server } from 'node:http'
import { Server as SecureServer } from 'node:https'
import { followConnections } from './drain.ts'

/** An HTTP server, a Redis client, a database: whatever has one of these. */
export type Closable = AsyncDisposable | { close(): unknown }

export interface CloseOnSignalOptions {
  /**
   * For all of it together; then the process ends with code 1. An `http.Server` gets two thirds of it for the requests
   * that run, so that what stands behind it can still close. Default 15,000.
   */
  readonly deadlineMs?: number
  /** Hears why closing one of them failed; the others are closed all the same. Default: a line on stderr. */
  readonly onError?: (error: unknown) => void
}

/** Exit codes of a process that a signal ended: 128 and its number. */
const codes = { SIGINT: 130, SIGTERM: 143 } as const

/**
 * At SIGTERM or SIGINT closes `resources` one after the other and ends the process: with code 0 when all went well, 1
 * when one failed or the deadline passed, and at once at a second signal. First what lets work in, last what work
 * needs:
 *
 *     closeOnSignal([server, redis, db])
 *
 * The returned function takes the listeners off again.
 */
export function closeOnSignal(resources: readonly Closable[], options: CloseOnSignalOptions = {}): () => void {
  const { deadlineMs = 15_000, onError = report } = options
  const closings = resources.map((resource) => closingOf(resource, (deadlineMs * 2) / 3))
  let isClosing = false
  const receive = (signal: keyof typeof codes): void => {
    if (isClosing) process.exit(codes[signal])
    isClosing = true
    setTimeout(() => {
      onError(`Closing took longer than ${deadlineMs} ms.`)
      process.exit(1)
    }, deadlineMs)
    void closeAll(closings, onError).then((isClean) => process.exit(isClean ? 0 : 1))
  }
  const stop = (): void => {
    process.off('SIGTERM', receive)
    process.off('SIGINT', receive)
  }
  process.on('SIGTERM', receive)
  process.on('SIGINT', receive)
  return stop
}

async function closeAll(closings: readonly (() => unknown)[], onError: (error: unknown) => void): Promise<boolean> {
  let isClean = true
  for (const close of closings) {
    try {
      await close()
    } catch (error) {
      isClean = false
      onError(error)
    }
  }
  return isClean
}

function closingOf(resource: Closable, drainMs: number): () => unknown {
  if (resource instanceof Server || resource instanceof SecureServer) {
    const drain = followConnections(resource)
    return () => drain(drainMs)
  }
  return () => (Symbol.asyncDispose in resource ? resource[Symbol.asyncDispose]() : resource.close())
}

function report(error: unknown): void {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
}
