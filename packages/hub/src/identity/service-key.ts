import { createHash, timingSafeEqual } from 'node:crypto'
import { PlinthError } from 'plinth'
import { type AllowOptions, checkAllowOptions } from '../stage/allow-options.ts'
import type { Caller, ServiceCaller } from './caller.ts'

export interface ServiceOptions {
  readonly role: string
  /** `sha256:` and 64 hex digits of the key's SHA-256. Two at once while a key is being changed. */
  readonly keys?: readonly string[]
  /** A token with this `sub` is the service's. */
  readonly jwtSubject?: string
  /** What it may name. Absent: all that its role may. */
  readonly allow?: AllowOptions
  /** How long the database may work on one of its requests; not more than `limits.statementTimeoutMs`. */
  readonly statementTimeoutMs?: number
}

type Services = Readonly<Record<string, ServiceOptions>>

/** Finds whose key this is. */
export type FindKey = (key: string) => Caller | undefined

/**
 * Finds a key by its hash, so that a thousand services cost a request no more than one does. What is looked up is the
 * SHA-256 of what came, and the time that takes tells nothing of a key; the hash found is compared once more in full.
 * Throws InvalidOption.
 */
export function createKeyFinder(services: Services, runKey: string | undefined): FindKey {
  const known = new Map<string, readonly [hash: Buffer, caller: Caller]>()
  const add = (hash: Buffer, caller: Caller): void => {
    const text = hash.toString('latin1')
    if (known.has(text))
      throw new PlinthError('InvalidOption', `Two services have the same key: ${nameOf(caller)} is one.`)
    known.set(text, [hash, caller])
  }
  for (const [name, service] of Object.entries(services)) {
    checkRole(service.role, `services.${name}.role`)
    checkService(name, service)
    if (service.keys === undefined && service.jwtSubject === undefined)
      throw new PlinthError('InvalidOption', `services.${name} has neither keys nor a jwtSubject, so nobody can be it.`)
    for (const key of service.keys ?? []) add(readHash(name, key), callerOf(name, service))
  }
  if (runKey !== undefined) add(hashOf(runKey), { kind: 'owner', claims: '{}' })
  return (key) => {
    if (known.size === 0) return undefined
    const given = hashOf(key)
    const [hash, caller] = known.get(given.toString('latin1')) ?? []
    return hash !== undefined && timingSafeEqual(hash, given) ? caller : undefined
  }
}

function checkService(name: string, { allow, statementTimeoutMs = 1 }: ServiceOptions): void {
  if (allow !== undefined) checkAllowOptions(allow, `services.${name}.allow`)
  if (!Number.isSafeInteger(statementTimeoutMs) || statementTimeoutMs < 1)
    throw new PlinthError(
      'InvalidOption',
      `services.${name}.statementTimeoutMs is ${statementTimeoutMs}; it must be a whole number above 0.`,
    )
}

function nameOf(caller: Caller): string {
  return caller.kind === 'service' ? caller.name : 'the key for this run'
}

function callerOf(name: string, { role, allow, statementTimeoutMs }: ServiceOptions): ServiceCaller {
  return {
    kind: 'service',
    name,
    role,
    claims: JSON.stringify({ role, sub: name }),
    ...(allow && { allow }),
    ...(statementTimeoutMs === undefined ? {} : { statementTimeoutMs }),
  }
}

/** Finds the service of a token's `sub`. Throws InvalidOption where two services have the same. */
export function createSubjectFinder(services: Services): (subject: string) => ServiceCaller | undefined {
  const known = new Map<string, ServiceCaller>()
  for (const [name, service] of Object.entries(services)) {
    const { jwtSubject } = service
    if (jwtSubject === undefined) continue
    if (known.has(jwtSubject)) throw new PlinthError('InvalidOption', `Two services have the jwtSubject ${jwtSubject}.`)
    known.set(jwtSubject, callerOf(name, service))
  }
  return (subject) => known.get(subject)
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
