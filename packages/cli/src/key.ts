import { createHash, randomBytes } from 'node:crypto'
import { PlinthError } from 'plinth'

/** A new key of a service. Its name is in it, so that a key found in a log or a repository says whose it is. */
export function createKey(service: string): string {
  return `plinth_${service}_${randomBytes(24).toString('base64url')}`
}

/** What a configuration holds of a key. */
export function hashKey(key: string): string {
  return `sha256:${createHash('sha256').update(key).digest('hex')}`
}

/** `plinth key NAME`: the key goes to the service, the hash into plinth.config.ts. */
export function printKey(service: string): void {
  if (!/^[A-Za-z0-9_-]{1,50}$/.test(service)) {
    throw new PlinthError('InvalidOption', `The name ${JSON.stringify(service)} is not letters, digits, - and _.`)
  }
  const key = createKey(service)
  console.log(`Key of ${service}, shown once; give it to the service:

  ${key}

Its hash, for plinth.config.ts:

  services: {
    '${service}': { role: '${service}', keys: ['${hashKey(key)}'] },
  }`)
}
