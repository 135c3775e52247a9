import type { Work } from './contestant.ts'

export interface Sample {
  readonly operationsPerSecond: number
  /** CPU of the contestant's process, all its threads, µs an operation. PostgreSQL's is not in it. */
  readonly cpuMicroseconds: number
}

export function ownCpuUsage(): Promise<NodeJS.CpuUsage> {
  return Promise.resolve(process.cpuUsage())
}

/** Where the next operation starts, so that no contestant meets the same users in each round. */
let operation = 0

/** `callers` at once, each doing one operation after the other for `ms`. */
export async function measure(
  work: Work,
  callers: number,
  ms: number,
  cpuUsage: () => Promise<NodeJS.CpuUsage> = ownCpuUsage,
): Promise<Sample> {
  const before = await cpuUsage()
  const from = performance.now()
  const until = from + ms
  let done = 0
  const call = async (): Promise<void> => {
    do {
      await work(operation++)
      done++
    } while (performance.now() < until)
  }
  await Promise.all(Array.from({ length: callers }, call))
  const seconds = (performance.now() - from) / 1000
  const after = await cpuUsage()
  const used = after.user + after.system - before.user - before.system
  return { operationsPerSecond: done / seconds, cpuMicroseconds: used / done }
}

/**
 * The order of a round: the list turned by one each round, and backwards every other one. Nobody always comes first, or
 * always behind the same neighbour, whose garbage he would have to collect.
 */
export function turned<T>(list: readonly T[], round: number): T[] {
  const at = round % Math.max(1, list.length)
  const order = [...list.slice(at), ...list.slice(0, at)]
  return round % 2 === 0 ? order : order.toReversed()
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2
}
