import assert from 'node:assert/strict'
import type { Report } from '../../src/command-line/command.ts'
import { parseCommandLine } from '../../src/command-line/parse.ts'
import { commands } from '../../src/commands.ts'

/** What the command of one line found out, run in this process: what main.ts would print. */
export async function report(...words: readonly string[]): Promise<Report> {
  const line = parseCommandLine(commands, words)
  assert.ok(line.kind === 'run', `${words.join(' ')} is help`)
  const found = await line.command.run(line.asked)
  assert.ok(found, `${words.join(' ')} has no report`)
  // What --json prints must be JSON.
  return { ...found, data: JSON.parse(JSON.stringify(found.data)) }
}
