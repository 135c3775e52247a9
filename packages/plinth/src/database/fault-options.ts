import { PlinthError } from '../errors.ts'
import type { FaultOptions } from './queryable.ts'
import { serverHosts } from './server-hosts.ts'

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
  const away = serverHosts(url).filter((host) => host === undefined || !here.test(host))
  if (away.length === 0 || faults.onAnyHost === true) return faults
  throw new PlinthError(
    'InvalidOption',
    `faults is set for a server that may not be on this machine: ${away.join(', ')}.`,
    {
      hint: 'It is for tests. Where the test server runs elsewhere, say so: faults.onAnyHost.',
    },
  )
}
