/** Thrown out of work that somebody stopped: nothing is written about it, and what follows it must not go on. */
export class Stopped extends Error {}

const parentPollMs = 500

/** Exit code of a program that was ended by Ctrl-C before its work was done. */
export const stoppedCode = 130

/** One for the process, whose signals they are: a command that listens twice would need Ctrl-C twice to end at once. */
let listening: AbortSignal | undefined

/**
 * Aborts at the first Ctrl-C, SIGTERM or closed terminal: whoever runs ends in order. The second one ends the process
 * at once, and the embedded PostgreSQL follows by its guard.
 */
export function listenForStop(): AbortSignal {
  listening ??= listen()
  return listening
}

function listen(): AbortSignal {
  const stop = new AbortController()
  const receive = (): void => {
    if (stop.signal.aborted) process.exit(stoppedCode)
    stop.abort(new Stopped())
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, receive)
  if (process.env['npm_lifecycle_event'] !== undefined) followParent(() => stop.abort(new Stopped()))
  return stop.signal
}

/** npm that is killed by force takes nobody along: without it, what `npm start` began would stay on its port unseen. */
function followParent(end: () => void): void {
  const parent = process.ppid
  const poll = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(poll)
    end()
  }, parentPollMs)
  poll.unref()
}

/** Resolves when the signal is aborted. */
export function whenStopped(stop: AbortSignal): Promise<void> {
  if (stop.aborted) return Promise.resolve()
  return new Promise((resolve) => stop.addEventListener('abort', () => resolve(), { once: true }))
}

/** Serves until it is stopped, which is how a server ends: also one that was still starting is no failure then. */
export async function serve(work: (stop: AbortSignal) => Promise<void>): Promise<void> {
  try {
    await work(listenForStop())
  } catch (error) {
    if (!(error instanceof Stopped)) throw error
  }
}

/** Turns what a stopped piece of work rejects with into `Stopped`; every other error stays as it is. */
export async function unlessStopped<T>(stop: AbortSignal, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    stop.throwIfAborted()
    throw error
  }
}
