import { EventEmitter } from 'node:events'
import { loadPg, type PgQuery, type Submittable } from '../driver/peer.ts'
import { notAQuery } from './refusals.ts'

export type TypeOverrides = InstanceType<ReturnType<typeof loadPg>['TypeOverrides']>
export type Callback = (error: unknown, result?: unknown) => void

/**
 * What every client of pg has: its ways to ask, its type parsers, its quoting. Inherited, not composed: libraries look
 * for these methods, and for those of an event emitter, on the client itself.
 */
export abstract class ClientSurface extends EventEmitter {
  protected readonly typeOverrides: TypeOverrides

  constructor(typeOverrides: TypeOverrides = new (loadPg().TypeOverrides)()) {
    super()
    this.typeOverrides = typeOverrides
  }

  /** Runs the query when those before it have ended. */
  protected abstract send(query: PgQuery): Promise<unknown>
  /** Cursors and streams, which read by themselves. */
  protected abstract pass(query: Submittable): Submittable

  query(config: unknown, values?: unknown, callback?: unknown): unknown {
    if (config === null || config === undefined) throw notAQuery(config)
    if (isSubmittable(config)) return this.pass(config)
    const query = new (loadPg().Query)(config, Array.isArray(values) ? values : undefined)
    query._result._types ??= this.typeOverrides
    const done = [callback, values, query.callback].find(isCallback)
    const work = this.send(query)
    return done ? deliver(work, done) : work
  }

  setTypeParser(...args: unknown[]): void {
    this.typeOverrides.setTypeParser(...args)
  }

  getTypeParser(...args: unknown[]): unknown {
    return this.typeOverrides.getTypeParser(...args)
  }

  escapeIdentifier(text: string): string {
    return loadPg().escapeIdentifier(text)
  }

  escapeLiteral(text: string): string {
    return loadPg().escapeLiteral(text)
  }
}

function isSubmittable(config: unknown): config is Submittable {
  return typeof config === 'object' && config !== null && 'submit' in config && typeof config.submit === 'function'
}

export function isCallback(value: unknown): value is Callback {
  return typeof value === 'function'
}

/** pg's older form: the callback hears of the result, and nothing is returned. */
export function deliver(work: Promise<unknown>, done: Callback): undefined {
  work.then(
    (result) => done(null, result),
    (error: unknown) => done(error),
  )
  return undefined
}
