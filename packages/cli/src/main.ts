import { readFileSync } from 'node:fs'
import type { Report } from './command-line/command.ts'
import { commandHelp, listHelp } from './command-line/help.ts'
import { type CommandLine, parseCommandLine } from './command-line/parse.ts'
import { commands } from './commands.ts'
import { Stopped, stoppedCode } from './terminal/stop.ts'

const foundSomething = 3

function readVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest ? String(manifest.version) : ''
}

async function follow(line: CommandLine): Promise<void> {
  if (line.kind === 'version') console.log(`plinth ${readVersion()}, Node ${process.versions.node}`)
  else if (line.kind === 'help') console.log(`\n${help(line.of, line.isOne)}\n`)
  else print(await line.command.run(line.asked), line.asked.has('json'))
}

function help(of: typeof commands, isOne: boolean): string {
  const [first] = of
  return isOne && first !== undefined ? commandHelp(first) : listHelp(of)
}

function print(report: Report | void, isJson: boolean): void {
  if (report === undefined) return
  console.log(isJson ? JSON.stringify(report.data, null, 2) : report.text)
  if (report.hasFindings === true) process.exitCode = foundSomething
}

async function main(): Promise<void> {
  try {
    await follow(parseCommandLine(commands, process.argv.slice(2)))
  } catch (error) {
    if (error instanceof Stopped) {
      process.exitCode = stoppedCode
      return
    }
    const { describeFailure, exitCodeOf } = await import('./terminal/failure.ts')
    console.error(describeFailure(error))
    process.exitCode = exitCodeOf(error)
  }
}

await main()
