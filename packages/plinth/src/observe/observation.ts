import { channel } from 'node:diagnostics_channel'

/** Whether a database can be reached: the table of changes is in database/availability.ts. */
export type State = 'disconnected' | 'connecting' | 'connected' | 'error' | 'draining' | 'closed'

/** Everything the library can tell about itself. Published on the diagnostics channel `plinth:observation`. */
export type Observation =
  | { readonly kind: 'connection.state'; readonly from: State; readonly to: State; readonly cause?: unknown }
  | { readonly kind: 'connection.lost'; readonly cause: unknown }
  | { readonly kind: 'retry'; readonly attempt: number; readonly delayMs: number; readonly cause: unknown }
  /** The answer to a COMMIT was lost, and the server told afterwards what became of it. */
  | {
      readonly kind: 'commit.resolved'
      readonly transaction: string
      readonly isCommitted: boolean
      readonly ms: number
    }
  | { readonly kind: 'commit.unknown'; readonly transaction: string; readonly why: string; readonly ms: number }
  /** PostgreSQL committed with a warning: somebody cancelled the wait for the synchronous standby. */
  | { readonly kind: 'commit.unreplicated'; readonly transaction: string; readonly warning: string }
  | { readonly kind: 'listener.failed'; readonly cause: unknown }
  | { readonly kind: 'hook.failed'; readonly transaction: string; readonly cause: unknown }

const observations = channel('plinth:observation')

/** Costs one property read when nobody listens. */
export function observe(observation: Observation): void {
  if (observations.hasSubscribers) observations.publish(observation)
}
