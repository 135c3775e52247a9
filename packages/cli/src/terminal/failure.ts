import { isPlinthError, type PlinthError } from 'plinth'
import { UsageError } from '../command-line/usage-error.ts'
import { withoutSecrets } from './secrets.ts'
import { oneLine, printable } from './text.ts'

/** What is written about a failure: one line where somebody can do something about it, else everything for a report. */
export function describeFailure(error: unknown): string {
  return printable(withoutSecrets(describe(matters(error))))
}

/** 2 when the command line or the configuration cannot be followed, and nothing was done; else 1. */
export function exitCodeOf(failure: unknown): 1 | 2 {
  const error = matters(failure)
  return error instanceof UsageError || (isPlinthError(error) && error.code === 'InvalidOption') ? 2 : 1
}

/** Closing failed too, after the error that matters. */
function matters(error: unknown): unknown {
  return error instanceof Error && 'suppressed' in error ? matters(error.suppressed) : error
}

function describe(error: unknown): string {
  if (isPlinthError(error)) return `plinth: ${messageOf(error)}`
  if (error instanceof UsageError) return `plinth: ${error.message}. See plinth --help.`
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return `plinth: this is a bug of Plinth, not of yours. Please report it with these lines:\n${stack}`
}

function messageOf(error: PlinthError): string {
  const hint = error.hint === undefined ? '' : ` ${error.hint}`
  return oneLine(`${withoutLog(error.message)}${hint}`)
}

/** An error of the embedded server ends with its log; the line that says why is enough. */
function withoutLog(message: string): string {
  const [first = '', ...log] = message.split('\n')
  if (log.length === 0) return message
  const cause = log.findLast((line) => /\b(?:FATAL|PANIC|ERROR):/.test(line)) ?? log.at(-1) ?? ''
  return `${first.replace(/ Its log ends:$/, '')} ${cause.replace(/^.*?\b(?=(?:FATAL|PANIC|ERROR):)/, '')}`
}

/** A request that failed by a fault of the hub: its caller is told nothing, whoever runs it everything. */
export function reportFault(error: unknown): void {
  console.error(describeFailure(error))
}
