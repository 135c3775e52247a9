import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { failureOf } from './failure.ts'
import { type Observation, type ObservationKind, type ObservationOf, observationKinds, observe } from './observation.ts'

export type ObservationListeners = { readonly [K in ObservationKind]?: (observation: ObservationOf<K>) => void }

/** Ends a subscription: call it, or let `using` do so. */
export interface Subscription extends Disposable {
  (): void
}

/**
 * Calls a listener for each observation of its kind, of every database in this process, synchronously and in the async
 * context of the caller it is about. A kind without a listener costs nothing. A listener that throws is the observation
 * `listener.failed`, and disturbs nobody.
 *
 *     using slow = onObservations({ 'statement.end': ({ summary, ms }) => console.log(summary, ms) })
 */
export function onObservations(listeners: ObservationListeners): Subscription {
  const subscriptions = observationKinds.flatMap((kind) => {
    // Each channel carries its own kind alone.
    const listener = listeners[kind] as ((observation: Observation) => void) | undefined
    return listener ? [{ channel: `plinth:${kind}`, receive: guarded(kind, listener) }] : []
  })
  for (const { channel, receive } of subscriptions) subscribe(channel, receive)
  const end = (): void => {
    for (const { channel, receive } of subscriptions) unsubscribe(channel, receive)
  }
  return Object.assign(end, { [Symbol.dispose]: end })
}

/**
 * What a subscriber of diagnostics_channel throws ends the process (Node 24, `publish`: thrown again in a next tick).
 */
function guarded(kind: ObservationKind, listener: (observation: Observation) => void): (message: unknown) => void {
  return (message) => {
    const observation = message as Observation
    try {
      listener(observation)
    } catch (error) {
      if (kind === 'listener.failed') return
      observe({ kind: 'listener.failed', database: observation.database, failure: failureOf(error) })
    }
  }
}
