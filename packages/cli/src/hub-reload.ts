import { setTimeout as sleep } from 'node:timers/promises'
import type { Hub } from '@plinth/hub'
import { describeFailure } from './terminal/failure.ts'

/** Between two readings, and as long as the reading took: whoever may NOTIFY could else keep the hub busy with them. */
const restMs = 100

/**
 * Reads the settings anew each time it is called, one reading at a time; calls that come meanwhile are one more. What
 * cannot be followed is told, and the hub goes on as it was.
 */
export function createReload(read: () => Promise<void>): () => void {
  let [isReading, isAsked] = [false, false]
  const run = async (): Promise<void> => {
    isReading = true
    while (isAsked) {
      isAsked = false
      const startedAt = performance.now()
      await read().then(() => console.log('The settings were read anew.'), tellKept)
      await sleep(Math.max(restMs, performance.now() - startedAt), undefined, { ref: false })
    }
    isReading = false
  }
  return () => {
    isAsked = true
    if (!isReading) void run()
  }
}

function tellKept(error: unknown): void {
  console.error(`${describeFailure(error)} The hub goes on with the settings it has.`)
}

/** As PostgREST: SIGUSR1 reads the schema anew, SIGUSR2 the settings. */
export function followSignals(hub: Pick<Hub, 'reloadSchema'>, reload: () => void): Disposable {
  const reloadSchema = (): void => {
    hub.reloadSchema().then(
      () => console.log('The schema was read anew.'),
      (error: unknown) => console.error(describeFailure(error)),
    )
  }
  process.on('SIGUSR1', reloadSchema).on('SIGUSR2', reload)
  return {
    [Symbol.dispose]: () => void process.off('SIGUSR1', reloadSchema).off('SIGUSR2', reload),
  }
}
