import { isPlinthError, type PlinthError } from 'plinth'

/** What is written about a failure: one line where somebody can do something about it, else everything for a report. */
export function describeFailure(error: unknown): string {
  // Closing failed too, after the error that matters.
  if (error instanceof Error && 'suppressed' in error) return describeFailure(error.suppressed)
  if (isPlinthError(error)) return `plinth: ${oneLine(error)}`
  if (error instanceof Error && error.name === 'CACError') return `plinth: ${error.message}. See plinth --help.`
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return `plinth: this is a bug of Plinth, not of yours. Please report it with these lines:\n${stack}`
}

function oneLine(error: PlinthError): string {
  const hint = error.hint === undefined ? '' : ` ${error.hint}`
  return `${withoutLog(error.message)}${hint}`.replaceAll(/\s*\n\s*/g, ' ')
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
