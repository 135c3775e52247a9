import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { PlinthError } from 'plinth'
import type { PlinthConfig } from './config.ts'

export type Entities = Readonly<Record<string, unknown>>

/** What the module of the entities exports. */
export async function loadEntities(path: string): Promise<Entities> {
  if (!existsSync(path)) throw new PlinthError('InvalidOption', `There is no file ${path} with the entities.`)
  const loaded: unknown = await import(pathToFileURL(resolve(path)).href).catch((cause: unknown) => {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new PlinthError('InvalidOption', `${path} cannot be run: ${reason}`, { cause })
  })
  return typeof loaded === 'object' && loaded !== null ? Object.fromEntries(Object.entries(loaded)) : {}
}

/** Throws InvalidOption where neither the command line nor the configuration names them. */
export function namedEntities(flag: string | undefined, config: PlinthConfig): string {
  const path = flag ?? config.entities
  if (path !== undefined) return path
  throw new PlinthError('InvalidOption', 'No entities are named.', {
    hint: 'Give --entities ./src/entities.ts, or entities in plinth.config.ts.',
  })
}
