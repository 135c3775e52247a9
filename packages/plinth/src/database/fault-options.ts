import { hostOf } from '../driver/sqlstate.ts'
import { PlinthError } from '../errors.ts'
import type { FaultOptions } from './queryable.ts'

/** What can meet a transaction at its end, and at most one of them does: the first. */
export const endings = ['commitUnknown', 'serializationFailure', 'deadlock', 'connectionLost'] as const
export type Ending = (typeof endings)[number]

const shares = [...endings, 'poolTimeout'] as const
const here = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/

/** Throws InvalidOption for a share that is none, and for a server that may be somebody's real one. */
export function readFaults(faults: FaultOptions | undefined, url: string): FaultOptions | undefined {
  if (!faults) return undefined
  for (const name of shares) {
    const share = faults[name] ?? 0
    if (!(share >= 0 && share <= 1)) {
      throw new PlinthError('InvalidOption', `faults.${name} is ${share}; it must be a share from 0 to 1.`)
    }
  }
  const parsed = URL.parse(url)
  // Without a host pg takes one of the environment, which may be anywhere.
  const host = parsed && (parsed.hostname || parsed.searchParams.has('host')) ? hostOf(parsed) : ''
  if (here.test(host) || faults.onAnyHost === true) return faults
  throw new PlinthError(
    'InvalidOption',
    `faults is set for a server that may not be on this machine: ${host || 'its url names none'}.`,
    {
      hint: 'It is for tests. Where the test server runs elsewhere, say so: faults.onAnyHost.',
    },
  )
}
