import type { ObservationKind } from './observation.ts'

/** What should not happen, and is counted one by one. */
export const incidentKinds: readonly ObservationKind[] = [
  'pool.oversized',
  'leak',
  'transaction.idle',
  'retry.refused',
  'transaction.forgotten',
  'commit.unreplicated',
  'hook.failed',
  'misuse',
  'task.dead',
  'worker.failed',
  'listener.failed',
]
