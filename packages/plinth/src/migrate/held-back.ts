import { stripVTControlCharacters } from 'node:util'
import { isPlinthError, type PlinthError } from '../errors.ts'

let last: Promise<unknown> = Promise.resolve()

/**
 * Runs a part of drizzle-kit that, about wrong entities, writes to the console and ends the process. Here its lines
 * become an error, and the process goes on. What it only warns of is a warning of the process. One call runs at a time:
 * the second of two would keep what the first has put in place of the console.
 */
export function heldBack<R>(
  work: () => Promise<R>,
  refused: (reason: string, cause?: unknown) => PlinthError,
): Promise<R> {
  const turn = last.then(() => capture(work, refused))
  last = turn.catch(() => undefined)
  return turn
}

async function capture<R>(
  work: () => Promise<R>,
  refused: (reason: string, cause?: unknown) => PlinthError,
): Promise<R> {
  const lines: string[] = []
  const restoreLog = replace(console, 'log', (...parts: unknown[]) => {
    lines.push(stripVTControlCharacters(parts.join(' ')).replaceAll(/\s+/g, ' ').trim())
  })
  const restoreExit = replace(process, 'exit', () => {
    throw refused(lines.join(' '))
  })
  try {
    const result = await work()
    for (const line of lines) process.emitWarning(`drizzle-kit: ${line}`)
    return result
  } catch (error) {
    if (isPlinthError(error)) throw error
    // A reference to a table that is not defined yet, and other slips of a module.
    throw refused(error instanceof Error ? error.message : String(error), error)
  } finally {
    restoreExit()
    restoreLog()
  }
}

function replace(object: object, name: string, value: (...args: unknown[]) => void): () => void {
  const former = Object.getOwnPropertyDescriptor(object, name)
  Object.defineProperty(object, name, { ...former, value })
  return () => void Object.defineProperty(object, name, { ...former })
}
