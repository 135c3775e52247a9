import { existsSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { PlinthError } from 'plinth'

/**
 * Imports a file of the project, once for each time that it was written: Node keeps a module for as long as it runs.
 * Throws InvalidOption, naming it, where it is missing or does not run.
 */
export async function importModule(path: string, what: string): Promise<object> {
  if (!existsSync(path)) throw new PlinthError('InvalidOption', `There is no file ${path}${what}.`)
  const { mtimeMs } = statSync(path)
  const loaded: unknown = await import(`${pathToFileURL(resolve(path)).href}?written=${mtimeMs}`).catch(
    (cause: unknown) => {
      const reason = cause instanceof Error ? cause.message : String(cause)
      throw new PlinthError('InvalidOption', `${path} cannot be run: ${reason}`, { cause })
    },
  )
  return typeof loaded === 'object' && loaded !== null ? loaded : {}
}
