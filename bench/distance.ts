import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** The same database, further away. */
export interface Distance extends AsyncDisposable {
  readonly url: string
}

/**
 * Each round trip to `url` takes `roundTripMs` longer. Node's timers are exact to 1 ms, so half of it must be whole.
 */
export async function startDistance(url: string, roundTripMs: number): Promise<Distance> {
  if (roundTripMs === 0) return { url, [Symbol.asyncDispose]: () => Promise.resolve() }
  const line = fork(fileURLToPath(new URL('line.ts', import.meta.url)), [url, String(roundTripMs / 2)])
  const exited = once(line, 'exit')
  const started = once(line, 'message')
  const first: readonly unknown[] = await Promise.race([started, exited])
  const answer = first[0]
  if (typeof answer !== 'string') throw new Error(`The line of ${roundTripMs} ms ended before it was open.`)
  return {
    url: answer,
    [Symbol.asyncDispose]: async () => {
      line.disconnect()
      await exited
    },
  }
}
