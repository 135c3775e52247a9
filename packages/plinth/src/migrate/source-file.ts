import { createHash } from 'node:crypto'
import type { Dirent } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { pathToFileURL } from 'node:url'
import type { PlinthError } from '../errors.ts'

/** The error that a folder of migrations, or one of seeds, has for its files. */
type Refusal = (message: string, hint: string, cause: unknown) => PlinthError

/** SHA-256 of a text with line ends as \n, which a checkout may have changed. */
export function checksumOf(text: string): string {
  return createHash('sha256').update(text.replaceAll('\r\n', '\n')).digest('hex')
}

/** What is in a folder; nothing where there is no such folder. */
export async function listFolder(path: string, refused: Refusal): Promise<Dirent[]> {
  try {
    return await readdir(path, { withFileTypes: true })
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return []
    throw refused(`${path} cannot be read.`, 'It must be a folder that this user may read.', cause)
  }
}

/** What a module exports by that name. `name` is how people know the file. */
export async function importFrom(path: string, exported: string, name: string, refused: Refusal): Promise<unknown> {
  const loaded: unknown = await import(pathToFileURL(path).href).catch((cause: unknown) => {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw refused(`${name} cannot be loaded: ${reason}`, 'Node runs TypeScript as it is, without enums.', cause)
  })
  return typeof loaded === 'object' && loaded !== null ? Reflect.get(loaded, exported) : undefined
}
