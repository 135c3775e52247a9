import { readFileSync } from 'node:fs'
import { PlinthError } from 'plinth'
import { type PostgrestName, variableOf } from './names.ts'

/** The text itself, or what the file holds that it names as `@file`, without the line end behind it. */
export function textOrFile(name: PostgrestName, given: string): string {
  if (!given.startsWith('@')) return given
  const path = given.slice(1)
  try {
    return readFileSync(path, 'utf8').replace(/\r?\n$/, '')
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new PlinthError('InvalidOption', `${name} (${variableOf(name)}) names a file that is not read: ${reason}`, {
      cause,
    })
  }
}
