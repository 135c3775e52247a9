import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

export interface Options {
  readonly rounds: number
  readonly roundMs: number
  readonly callers: readonly number[]
  /** Words; a cell is measured when its name holds all of them. */
  readonly only: readonly string[]
  readonly jsonFile: string | undefined
  readonly url: string | undefined
  readonly suites: readonly SuiteName[]
}

const suiteNames = ['sql', 'transactions', 'hub'] as const
export type SuiteName = (typeof suiteNames)[number]

const usage = `npm run bench -- [${suiteNames.join('] [')}] [options]     default: all three
  --smoke         a few milliseconds a round: does everything run?
  --rounds N      counted rounds of each cell, default 5; one more before them warms up
  --ms N          length of a round, default 200
  --only WORDS    cells whose name holds all the words: --only "read 64 plinth"
  --json FILE     where every round is written, default bench/results.json (none for --smoke)
  --url URL       another server than an embedded one; a database and two roles are made in it and dropped`

export function readOptions(args: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      smoke: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      ms: { type: 'string' },
      only: { type: 'string', default: '' },
      json: { type: 'string' },
      url: { type: 'string' },
    },
  })
  return {
    rounds: atLeastOne('--rounds', values.rounds ?? (values.smoke ? '1' : '5')),
    roundMs: atLeastOne('--ms', values.ms ?? (values.smoke ? '5' : '200')),
    callers: [1, 16, 64],
    only: values.only.toLowerCase().split(/\s+/).filter(Boolean),
    jsonFile: values.json ?? (values.smoke ? undefined : fileURLToPath(new URL('results.json', import.meta.url))),
    url: values.url,
    suites: positionals.length === 0 ? suiteNames : positionals.map(suiteName),
  }
}

function suiteName(text: string): SuiteName {
  const found = suiteNames.find((name) => name === text)
  if (found !== undefined) return found
  throw new Error(`There is no suite ${text}.\n\n${usage}`)
}

function atLeastOne(name: string, text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= 1) return value
  throw new Error(`${name} is ${text}; it must be a whole number of at least 1.\n\n${usage}`)
}
