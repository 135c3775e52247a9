import { createHash, timingSafeEqual } from 'node:crypto'
import { PlinthError } from 'plinth'
import type { Caller } from './caller.ts'

export interface ServiceOptions {
  readonly role: string
  /** `sha256:` and 64 hex digits of the key's SHA-256. Two at once while a key is being changed. */
  readonly keys: readonly string[]
}

/** Finds whose key this is. */
export type FindKey = (key: string) => Caller | undefined

/** Every configured key is compared in full each time, so that the time taken tells nothing of a key. */
export function createKeyFinder(
  services: Readonly<Record<string, ServiceOptions>>,
  runKey: string | undefined,
): FindKey {
  const known: (readonly [hash: Buffer, caller: Caller])[] = Object.entries(services).flatMap(([name, service]) => {
    checkRole(service.role, `services.${name}.role`)
    return service.keys.map((key) => [readHash(name, key), { kind: 'service', name, role: service.role }] as const)
  })
  if (runKey !== undefined) known.push([hashOf(runKey), { kind: 'owner' }])
  return (key) => {
    const given = hashOf(key)
    let found: Caller | undefined
    for (const [hash, caller] of known) if (timingSafeEqual(hash, given)) found = caller
    return found
  }
}

function hashOf(key: string): Buffer {
  return createHash('sha256').update(key).digest()
}

function readHash(service: string, key: string): Buffer {
  const hex = /^sha256:([0-9a-fA-F]{64})$/.exec(key)?.[1]
  if (hex === undefined)
    throw new PlinthError('InvalidOption', `A key of the service ${service} is not sha256: and 64 hex digits.`, {
      hint: "Hash the key: printf %s KEY | sha256sum, and write 'sha256:…'.",
    })
  const hash = Buffer.from(hex, 'hex')
  // What the command above prints where its variable was not set: an empty `apikey` header would be this service.
  if (hash.equals(hashOf('')))
    throw new PlinthError('InvalidOption', `A key of the service ${service} is the hash of an empty key.`)
  return hash
}

/** `SET ROLE none` goes back to the login role, which is exactly what a caller must not become. */
export function checkRole(role: string, option: string): void {
  if (role === '' || role.toLowerCase() === 'none')
    throw new PlinthError(
      'InvalidOption',
      `${option} is ${JSON.stringify(role)}, which is not the name of a database role.`,
    )
}
