import { setImmediate } from 'node:timers/promises'

/** A request that came meanwhile waits this long at most, besides what one step takes. */
const SLICE_MS = 8

/**
 * For work of many short steps on the thread that also answers requests: awaited between two steps, it lets everything
 * else have its turn whenever a slice of time is used up, and costs next to nothing otherwise.
 */
export function workInSlices(): () => Promise<void> {
  let endsAt = performance.now() + SLICE_MS
  return async () => {
    if (performance.now() < endsAt) return
    await setImmediate()
    endsAt = performance.now() + SLICE_MS
  }
}
