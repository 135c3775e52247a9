import { channel } from 'node:diagnostics_channel'

/** Whether a database can be reached: the table of changes is in database/availability.ts. */
export type State = 'disconnected' | 'connecting' | 'connected' | 'error' | 'draining' | 'closed'

/** Everything the library can tell about itself. Published on the diagnostics channel `plinth:observation`. */
export type Observation =
  | { readonly kind: 'connection.state'; readonly from: State; readonly to: State; readonly cause?: unknown }
  | { readonly kind: 'connection.lost'; readonly cause: unknown }
  | { readonly kind: 'retry'; readonly attempt: number; readonly delayMs: number; readonly cause: unknown }
  | { readonly kind: 'listener.failed'; readonly cause: unknown }
  | { readonly kind: 'hook.failed'; readonly transaction: string; readonly cause: unknown }

const observations = channel('plinth:observation')

/** Costs one property read when nobody listens. */
export function observe(observation: Observation): void {
  if (observations.hasSubscribers) observations.publish(observation)
}
