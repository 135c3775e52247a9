/**
 * What ends a wait early: as much of an AbortSignal as is needed here. A transaction's deadline is one by itself; an
 * AbortController for each, with a listener for each statement, was 3 % of a transaction's CPU (2026-11).
 */
export interface Interruption {
  readonly aborted: boolean
  readonly reason: unknown
  addEventListener(type: 'abort', listener: () => void): void
  removeEventListener(type: 'abort', listener: () => void): void
}
