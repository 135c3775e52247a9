import type { Operation } from 'plinth'
import type { Caller } from '../identity/caller.ts'

export type Run<R> = (operation: Operation, caller: Caller) => Promise<R>

/** A step around an operation. It passes on by returning `next(…)`, and is then not `async`: that costs nothing. */
export type Stage = <R>(operation: Operation, caller: Caller, next: Run<R>) => Promise<R>

/** Wraps `last` in the stages, the first outermost. A stage that does not call `next` has answered by itself. */
export function pipeline<R>(stages: readonly Stage[], last: Run<R>): Run<R> {
  return stages.reduceRight<Run<R>>((next, stage) => (operation, caller) => stage(operation, caller, next), last)
}
