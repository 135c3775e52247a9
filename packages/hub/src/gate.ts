import { PlinthError } from 'plinth'
import { defaultDialect } from './dialect.ts'
import type { LargeAnswers } from './execution/large-answer.ts'
import { SettingsCache } from './execution/settings-cache.ts'
import { createHandle, type Handle } from './handle.ts'
import { configuredRoles, type HubOptions } from './hub-options.ts'
import { identifyBy } from './identity/identify-by.ts'
import type { PublishedKeys } from './identity/key-source.ts'
import { checkRole } from './identity/service-key.ts'
import { type Limits, readLimits } from './limits.ts'
import { isLoopback } from './operate/loopback.ts'
import { refuseSuperuser } from './operate/superuser.ts'
import { SchemaCache } from './schema/schema-cache.ts'
import { checkAllowed } from './stage/allow.ts'
import { authorize } from './stage/authorize.ts'
import { validate } from './stage/validate.ts'
import { createFindRules, refuseUnknownRules } from './validation/rules.ts'

/**
 * All that the settings decide about a request. Settings that are read anew make another gate, and a request that is
 * under way ends by the one it came through.
 */
export interface Gate {
  readonly options: HubOptions
  readonly limits: Limits
  readonly schema: SchemaCache
  readonly handle: Handle
  /** Reads the catalog. Throws InvalidOption where the settings name what the database has not, or may not have. */
  open(host: string): Promise<void>
}

/** What the gates of a hub have together: what is being read now, and keys that were fetched. */
export interface Shared {
  readonly large: LargeAnswers
  readonly published: PublishedKeys
}

/** Throws InvalidOption. */
export function createGate(options: HubOptions, { large, published }: Shared, onFault: (error: unknown) => void): Gate {
  const { database, schemas = ['public'], anonymousRole, services = {}, validate: rules = {} } = options
  const limits = readLimits(options.limits ?? {})
  if (schemas.length === 0) throw new PlinthError('InvalidOption', 'schemas is empty: the hub would serve nothing.')
  if (anonymousRole !== undefined) checkRole(anonymousRole, 'anonymousRole')
  const dialect = { ...defaultDialect, ...options.dialect }
  const settings = new SettingsCache(database)
  const hears = { onFault, onRead: () => settings.lookAgain() }
  const schema = new SchemaCache(database, { schemas, extraSearchPath: dialect.extraSearchPath }, hears)
  const handle = createHandle({
    identify: identifyBy(options, published, onFault),
    schema,
    stages: [
      authorize(schema),
      validate({ schema, findRules: createFindRules(rules), usesCatalog: !dialect.isPostgrest }),
    ],
    executor: {
      database,
      timeoutMs: limits.statementTimeoutMs,
      answerBytes: limits.answerBytes,
      dialect,
      settings,
      large,
      defaultSchema: schemas[0] ?? '',
    },
    limits,
    dialect,
    onFault,
  })

  async function open(host: string): Promise<void> {
    const takesAnyRole = options.jwt !== undefined && options.jwt.roles === undefined
    const isOpen = !isLoopback(host) && options.allowSuperuser !== true
    if (isOpen) await refuseSuperuser(database, host, configuredRoles(options), takesAnyRole)
    const catalog = await schema.reload()
    for (const [name, { allow }] of Object.entries(services)) if (allow) checkAllowed(name, allow, catalog)
    refuseUnknownRules(rules, catalog)
  }

  return { options, limits, schema, handle, open }
}
