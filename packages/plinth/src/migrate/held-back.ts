import { stripVTControlCharacters } from 'node:util'
import type { PlinthError } from '../errors.ts'

/** Thrown in place of the end of the process. */
class Ended extends Error {}

/**
 * Runs a part of drizzle-kit that, about wrong entities, writes to the console and ends the process. Here its lines
 * become an error, and the process goes on. Warnings go to stderr, for stdout may be JSON that somebody reads.
 */
export async function heldBack<R>(work: () => Promise<R>, refused: (reason: string) => PlinthError): Promise<R> {
  const former = [Object.getOwnPropertyDescriptor(process, 'exit'), Object.getOwnPropertyDescriptor(console, 'log')]
  const lines: string[] = []
  console.log = (...parts: unknown[]) => void lines.push(stripVTControlCharacters(parts.join(' ')).trim())
  process.exit = () => {
    throw new Ended()
  }
  try {
    const result = await work()
    for (const line of lines) console.error(line)
    return result
  } catch (error) {
    throw error instanceof Ended ? refused(lines.join(' ').replaceAll(/\s+/g, ' ')) : error
  } finally {
    Object.defineProperty(process, 'exit', former[0] ?? {})
    Object.defineProperty(console, 'log', former[1] ?? {})
  }
}
