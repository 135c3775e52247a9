import type { Asked } from './asked.ts'

/** The order in which `plinth` lists them. */
export const groups = ['Develop', 'Serve', 'Look', 'Migrate', 'Fill and repair', 'Tasks'] as const

export interface Option {
  /** What stands behind it, such as `url` for `--url <url>`. Absent: it is given or not. */
  readonly value?: string
  readonly about: string
}

/** What a command found out. `--json` prints `data`, else people get `text`. */
export interface Report {
  readonly data: unknown
  readonly text: string
  /** True when a check found something to do: exit code 3. */
  readonly hasFindings?: boolean
}

/** One command. What it needs to run is imported when it runs: `plinth key` needs no HTTP server. */
export interface Command<Name extends string = string> {
  /** One word or two: `health`, `tasks ls`. */
  readonly name: string
  readonly group: (typeof groups)[number]
  /** One line, without a full stop. */
  readonly about: string
  /** `<name>` must be given, `[name]` may be; `[names...]` takes all that follow. */
  readonly args?: readonly string[]
  /** By the name behind `--`. */
  readonly options: Readonly<Record<Name, Option>>
  readonly example?: string
  run(asked: Asked<Name>): Promise<Report | void>
}

/**
 * Gives `run` the names of the options, so that it cannot ask for one that is not declared.
 *
 *     export const health: Command = defineCommand({
 *       name: 'health',
 *       group: 'Look',
 *       about: 'Whether the database can be reached and written',
 *       options: { ...connectionOptions, ...reportOptions },
 *       run: (asked) => withDatabase(asked, async (database) => ({ data: …, text: … })),
 *     })
 */
export function defineCommand<const Name extends string>(command: Command<Name>): Command {
  return command
}

/** Of each command that returns a report. */
export const reportOptions = { json: { about: 'Print JSON, for programs' } } as const
