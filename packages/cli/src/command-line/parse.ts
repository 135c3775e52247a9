import { parseArgs } from 'node:util'
import { type Asked, readAsked } from './asked.ts'
import type { Command } from './command.ts'
import { UsageError } from './usage-error.ts'

export type CommandLine =
  | { readonly kind: 'run'; readonly command: Command; readonly asked: Asked<string> }
  | { readonly kind: 'help'; readonly of: readonly Command[]; readonly isOne: boolean }
  | { readonly kind: 'version' }

/**
 * Finds the command by its first word or two, and reads its options with Node's own parser, which leaves every text as
 * it was typed: a migration 0012 and a task 12345678901234567890 stay what they are.
 */
export function parseCommandLine(commands: readonly Command[], given: readonly string[]): CommandLine {
  const words = given[0] === 'help' ? [...given.slice(1), '--help'] : given
  const isHelp = asksForHelp(words)
  const command = find(commands, words)
  if (command !== undefined) return isHelp ? { kind: 'help', of: [command], isOne: true } : read(command, words)
  const [first] = words
  if (first === undefined || first === '--help' || first === '-h') return { kind: 'help', of: commands, isOne: false }
  if (first === '--version' || first === '-v') return { kind: 'version' }
  return family(commands, words, isHelp)
}

function asksForHelp(words: readonly string[]): boolean {
  const end = words.indexOf('--')
  const options = end < 0 ? words : words.slice(0, end)
  return options.includes('--help') || options.includes('-h')
}

function find(commands: readonly Command[], words: readonly string[]): Command | undefined {
  const byName = (name: string): Command | undefined => commands.find((one) => one.name === name)
  return byName(words.slice(0, 2).join(' ')) ?? byName(words[0] ?? '')
}

/** `plinth tasks` lists the commands of tasks. */
function family(commands: readonly Command[], [first = '', second]: readonly string[], isHelp: boolean): CommandLine {
  const members = commands.filter(({ name }) => name.startsWith(`${first} `))
  if (members.length === 0) throw new UsageError(`there is no command ${first}`)
  if (second === undefined || isHelp) return { kind: 'help', of: members, isOne: false }
  const known = members.map(({ name }) => name.slice(first.length + 1))
  throw new UsageError(`there is no command ${first} ${second}; ${first} has: ${known.join(', ')}`)
}

function read(command: Command, words: readonly string[]): CommandLine {
  const { values, positionals } = parse(command, words.slice(command.name.split(' ').length))
  checkCount(command, positionals)
  return { kind: 'run', command, asked: readAsked(positionals, new Map(Object.entries(values))) }
}

interface Parsed {
  readonly values: Readonly<Record<string, (string | true)[]>>
  readonly positionals: readonly string[]
}

function parse(command: Command, args: readonly string[]): Parsed {
  const options = Object.entries(command.options).map(
    ([name, { value }]) => [name, { type: value === undefined ? 'boolean' : 'string', multiple: true }] as const,
  )
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: Object.fromEntries(options),
      allowPositionals: true,
    })
    return { values: withoutFalse(values), positionals }
  } catch (error) {
    throw error instanceof TypeError ? new UsageError(firstSentence(error.message)) : error
  }
}

/** parseArgs knows `--no-x`, which is off here, but its types do not know that. */
function withoutFalse(values: Readonly<Record<string, unknown>>): Parsed['values'] {
  const lists = Object.entries(values).map(([name, value]) => [name, Array.isArray(value) ? value : []] as const)
  return Object.fromEntries(lists.map(([name, list]) => [name, list.filter((one) => one !== false)]))
}

/** Node goes on to explain how arguments that start with a dash are written. */
function firstSentence(message: string): string {
  const [sentence = message] = message.split(/[.\n]/)
  return sentence.charAt(0).toLowerCase() + sentence.slice(1)
}

function checkCount({ name, args = [] }: Command, given: readonly string[]): void {
  const needed = args.filter((arg) => arg.startsWith('<'))
  const missing = needed[given.length]
  if (missing !== undefined) throw new UsageError(`plinth ${name} needs ${missing}`)
  const takesAll = args.some((arg) => arg.includes('...'))
  const extra = takesAll ? undefined : given[args.length]
  if (extra !== undefined) throw new UsageError(`plinth ${name} does not take the argument ${extra}`)
}
