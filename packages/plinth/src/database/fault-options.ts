import { PlinthError } from '../errors.ts'
import type { FaultOptions } from './queryable.ts'

/** What can meet a transaction at its end, and at most one of them does: the first. */
export const endings = ['commitUnknown', 'serializationFailure', 'deadlock', 'connectionLost'] as const
export type Ending = (typeof endings)[number]

const shares = [...endings, 'poolTimeout'] as const
const here = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\]|)$/

/** Throws InvalidOption for a share that is none, and for a server that may be somebody's real one. */
export function readFaults(faults: FaultOptions | undefined, url: string): FaultOptions | undefined {
  if (!faults) return undefined
  for (const name of shares) {
    const share = faults[name] ?? 0
    if (!(share >= 0 && share <= 1)) {
      throw new PlinthError('InvalidOption', `faults.${name} is ${share}; it must be a share from 0 to 1.`)
    }
  }
  const host = URL.parse(url)?.hostname ?? ''
  if (here.test(host) || faults.onAnyHost === true) return faults
  throw new PlinthError('InvalidOption', `faults is set for a server that is not on this machine: ${host}.`, {
    hint: 'It is for tests. Where the test server runs elsewhere, say so: faults.onAnyHost.',
  })
}
