import type { Holder } from './holders.ts'
import type { Waiter } from './waiting-line.ts'

/**
 * Every holder is idle, and its callback waits for one more connection of the same pool: nobody will ever give one
 * back. The waiter that came last is the victim: its transaction ends, and what it held lets the others go on one by
 * one. `idle`: all holders, or undefined while one of them is at work. `waiters`: oldest first.
 */
export function deadlockVictim(idle: readonly Holder[] | undefined, waiters: readonly Waiter[]): Waiter | undefined {
  if (!idle?.every((holder) => waiters.some(({ inside }) => inside.has(holder)))) return undefined
  return waiters.findLast(({ inside }) => idle.some((holder) => inside.has(holder)))
}
