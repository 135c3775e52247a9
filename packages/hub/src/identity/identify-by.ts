import type { HubOptions } from '../hub-options.ts'
import { createIdentify, type Identify } from './identify.ts'
import type { PublishedKeys } from './key-source.ts'
import { createKeyFinder, createSubjectFinder } from './service-key.ts'
import { createTokenVerifier } from './token.ts'

/** Knows callers by the keys, services and tokens that the options name. Throws InvalidOption. */
export function identifyBy(options: HubOptions, published: PublishedKeys, report: (error: unknown) => void): Identify {
  const { services = {}, runKey, jwt, anonymousRole, dialect } = options
  const isPostgrest = dialect?.isPostgrest ?? false
  const context = { anonymousRole, findSubject: createSubjectFinder(services), isPostgrest, report, published }
  return createIdentify({
    findKey: createKeyFinder(services, runKey),
    hasKeys: runKey !== undefined || Object.keys(services).length > 0,
    verifyToken: jwt && createTokenVerifier(jwt, context),
    anonymousRole,
    isPostgrest,
  })
}
