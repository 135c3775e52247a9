import { bold, columns, dim } from '../terminal/text.ts'
import { type Command, groups, type Option } from './command.ts'

/** What `plinth` says when nothing is asked of it, or `plinth tasks` of the commands of tasks. */
export function listHelp(commands: readonly Command[]): string {
  const width = Math.max(...commands.map((command) => invocation(command).length))
  const blocks = groups.flatMap((group) => {
    const members = commands.filter((command) => command.group === group)
    const rows = members.map((command) => [invocation(command).padEnd(width), command.about])
    return rows.length === 0 ? [] : [`${bold(group)}\n${columns(rows)}`]
  })
  return [...blocks, dim('plinth <command> --help tells more, docs/guides/commands.md everything.')].join('\n\n')
}

export function commandHelp(command: Command): string {
  const { about, options, example } = command
  const usage = [`${bold('plinth')} ${invocation(command)}`, ...(Object.keys(options).length > 0 ? ['[options]'] : [])]
  const rows = Object.entries<Option>(options).map(([name, option]) => [flag(name, option), option.about])
  return [
    `${usage.join(' ')}\n  ${about}.`,
    ...(rows.length === 0 ? [] : [`${bold('Options')}\n${columns(rows)}`]),
    ...(example === undefined ? [] : [`${bold('Example')}\n  ${example}`]),
  ].join('\n\n')
}

function invocation({ name, args = [] }: Command): string {
  return [name, ...args].join(' ')
}

function flag(name: string, { value }: Option): string {
  return value === undefined ? `--${name}` : `--${name} <${value}>`
}
