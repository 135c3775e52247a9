import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { isPlinthError, PlinthError } from 'plinth'
import { checkConfig } from './check-config.ts'
import type { PlinthConfig } from './config.ts'

const standardNames = ['plinth.config.ts', 'plinth.config.js', 'plinth.config.mjs']

/** Reads the file that was named, or the standard one of this folder where there is one. */
export async function loadConfig(named: string | undefined): Promise<PlinthConfig> {
  const path = named ?? standardNames.find((name) => existsSync(name))
  if (path === undefined) return {}
  if (!existsSync(path)) throw new PlinthError('InvalidOption', `There is no file ${path}.`)
  const config = await importDefault(path)
  try {
    checkConfig(config)
  } catch (error) {
    throw isPlinthError(error) ? new PlinthError('InvalidOption', `${path}: ${error.message}`, { cause: error }) : error
  }
  return config
}

async function importDefault(path: string): Promise<unknown> {
  const loaded: unknown = await import(pathToFileURL(resolve(path)).href).catch((cause: unknown) => {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new PlinthError('InvalidOption', `${path} cannot be run: ${reason}`, { cause })
  })
  if (typeof loaded === 'object' && loaded !== null && 'default' in loaded) return loaded.default
  throw new PlinthError('InvalidOption', `${path} has no default export.`, {
    hint: 'export default defineConfig({ … })',
  })
}
