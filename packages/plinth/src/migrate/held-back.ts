import { stripVTControlCharacters } from 'node:util'
import type { PlinthError } from '../errors.ts'

/** Thrown in place of the end of the process. */
class Ended extends Error {}

/**
 * Runs a part of drizzle-kit that, about wrong entities, writes to the console and ends the process. Here its lines
 * become an error, and the process goes on. What it only warns of is a warning of the process.
 */
export async function heldBack<R>(
  work: () => Promise<R>,
  refused: (reason: string, cause?: unknown) => PlinthError,
): Promise<R> {
  const lines: string[] = []
  const restoreLog = replace(console, 'log', (...parts: unknown[]) => {
    lines.push(stripVTControlCharacters(parts.join(' ')).replaceAll(/\s+/g, ' ').trim())
  })
  const restoreExit = replace(process, 'exit', () => {
    throw new Ended()
  })
  try {
    const result = await work()
    for (const line of lines) process.emitWarning(`drizzle-kit: ${line}`)
    return result
  } catch (error) {
    if (error instanceof Ended) throw refused(lines.join(' '))
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
