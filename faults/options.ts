import { parseArgs } from 'node:util'
import { PlinthError } from '../packages/plinth/src/errors.ts'
import type { OpenContestant } from './contestant.ts'
import { contestants } from './contestants/all.ts'

export interface Options {
  readonly seed: number
  /** Faults are brought about in turn until this time is over, each at least once. */
  readonly seconds: number
  /** Part of a fault's name. */
  readonly only: string
  /** A fault of each kind instead of all. */
  readonly isShort: boolean
  readonly contestant: string
  readonly open: OpenContestant
  readonly recoveryMs: number
}

const usage = `npm run faults -- [options]
  --seed N            what the clients do and which COMMIT is lost, default 1
  --seconds N         go on until this time is over, each fault at least once; default 0
  --only WORDS        faults whose name holds the words
  --short             a fault of each kind, in about 80 s
  --contestant NAME   plinth; pg: the same clients on pg.Pool by hand, to see what the checker finds;
                      pg-pool: that code on db.pgPool()
  --recovery-ms N     everybody works again this long after a fault is mended, default 3000`

export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string', default: '1' },
      seconds: { type: 'string', default: '0' },
      only: { type: 'string', default: '' },
      short: { type: 'boolean', default: false },
      contestant: { type: 'string', default: 'plinth' },
      'recovery-ms': { type: 'string', default: '3000' },
    },
  })
  const open = contestants[values.contestant]
  if (!open) throw refused(`There is no contestant ${values.contestant}.`)
  return {
    seed: wholeNumber('--seed', values.seed),
    seconds: wholeNumber('--seconds', values.seconds),
    only: values.only,
    isShort: values.short,
    contestant: values.contestant,
    open,
    recoveryMs: wholeNumber('--recovery-ms', values['recovery-ms']),
  }
}

function wholeNumber(name: string, text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= 0) return value
  throw refused(`${name} is ${text}; it must be a whole number of at least 0.`)
}

function refused(why: string): PlinthError {
  return new PlinthError('InvalidOption', `${why}\n\n${usage}`)
}
