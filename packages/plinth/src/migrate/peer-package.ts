import { PlinthError } from '../errors.ts'

/** Of import and of require. */
const missing = new Set(['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND'])

/** Loads an optional peer. Throws MissingPeer, which says what to install, where it is not there. */
export async function peerPackage<R>(name: string, version: string, load: () => Promise<R>): Promise<R> {
  try {
    return await load()
  } catch (cause) {
    const isMissing = cause instanceof Error && 'code' in cause && missing.has(String(cause.code))
    if (!isMissing) throw cause
    throw new PlinthError(
      'MissingPeer',
      `${name} is needed for this and not installed. Run: npm install --save-dev ${name}@${version}`,
      { cause },
    )
  }
}

/** Of what a peer gives, which nobody has checked. */
export function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
}
