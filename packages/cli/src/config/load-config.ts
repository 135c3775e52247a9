import { existsSync } from 'node:fs'
import { isPlinthError, PlinthError } from 'plinth'
import { checkConfig } from './check-config.ts'
import type { PlinthConfig } from './config.ts'
import { importModule } from './import-module.ts'

const standardNames = ['plinth.config.ts', 'plinth.config.js', 'plinth.config.mjs']

/** Reads the file that was named, or the standard one of this folder where there is one. */
export async function loadConfig(named: string | undefined): Promise<PlinthConfig> {
  const path = named ?? standardNames.find((name) => existsSync(name))
  if (path === undefined) return {}
  const config = await importDefault(path)
  try {
    checkConfig(config)
  } catch (error) {
    throw isPlinthError(error) ? new PlinthError('InvalidOption', `${path}: ${error.message}`, { cause: error }) : error
  }
  return config
}

async function importDefault(path: string): Promise<unknown> {
  const loaded = await importModule(path, '')
  if ('default' in loaded) return loaded.default
  throw new PlinthError('InvalidOption', `${path} has no default export.`, {
    hint: 'export default defineConfig({ … })',
  })
}
