import { PlinthError } from 'plinth'
import type { PlinthConfig } from './config.ts'
import { importModule } from './import-module.ts'

export type Entities = Readonly<Record<string, unknown>>

/** What the module of the entities exports. */
export async function loadEntities(path: string): Promise<Entities> {
  return Object.fromEntries(Object.entries(await importModule(path, ' with the entities')))
}

/** Throws InvalidOption where neither the command line nor the configuration names them. */
export function namedEntities(flag: string | undefined, config: PlinthConfig): string {
  const path = flag ?? config.entities
  if (path !== undefined) return path
  throw new PlinthError('InvalidOption', 'No entities are named.', {
    hint: 'Give --entities ./src/entities.ts, or entities in plinth.config.ts.',
  })
}
