import { type Database, PlinthError } from 'plinth'
import type { Catalog } from 'plinth/operation'
import { defaultDialect, type Dialect } from './dialect.ts'
import { defaultLimits, fromFetch, type Limits, toFetch } from './exchange.ts'
import { hearNotices } from './change-notices.ts'
import { createHandle } from './handle.ts'
import { type AdminOptions, type AdminSubject, startAdmin } from './operate/admin.ts'
import { shownSettings } from './operate/shown-settings.ts'
import { refuseSuperuser } from './operate/superuser.ts'
import { LargeAnswers } from './large-answer.ts'
import { SchemaCache } from './schema-cache.ts'
import { SettingsCache } from './settings-cache.ts'
import { startServer, type Listening } from './server.ts'
import { checkAllowed } from './stage/allow.ts'
import { authorize } from './stage/authorize.ts'
import { createIdentify, type Identify } from './stage/identify.ts'
import { checkRole, createKeyFinder, createSubjectFinder, type ServiceOptions } from './stage/service-key.ts'
import { validate } from './stage/validate.ts'
import { createFindRules, refuseUnknownRules, ruledColumns, type ValidationRules } from './validation/rules.ts'
import { createTokenVerifier, type JwtOptions } from './stage/token.ts'

export interface HubOptions {
  /** Connected by the hub when it listens; closed by whoever made it. */
  readonly database: Database
  /** Schemas whose tables and functions are served; a request's default is the first. Default `['public']`. */
  readonly schemas?: readonly string[]
  /** Role of a request without a credential. Absent: such a request is answered 401. */
  readonly anonymousRole?: string
  readonly jwt?: JwtOptions
  /** Services by name, each with its database role and hashed keys. */
  readonly services?: Readonly<Record<string, ServiceOptions>>
  /** A key that acts as the role of the database URL itself. For one run on one machine. */
  readonly runKey?: string
  /**
   * What may be written, by table and column: schemas of any library with Standard Schema. They only say yes or no; what
   * a schema would make of a value is not used. Null is asked about too, and a column that is not written is not.
   */
  readonly validate?: ValidationRules
  readonly limits?: Partial<Limits>
  /** Where PostgREST has a setting. */
  readonly dialect?: Partial<Dialect>
  /** /live, /ready, /health, /config and /schema_cache on a port of their own. Absent: none. */
  readonly admin?: AdminOptions
  /** Serve also beyond this machine as a role that passes every grant and policy. Default false. */
  readonly allowSuperuser?: boolean
  /** Called with a fault of the hub itself, which its caller is told nothing of. Default: a process warning. */
  readonly onFault?: (error: unknown) => void
}

export interface ListenOptions {
  /** Default 127.0.0.1. Elsewhere a superuser role is refused, the URL's and any configured one, unless it is allowed. */
  readonly host?: string
  /** 0 takes a free one. Default 4000. */
  readonly port?: number
}

export interface Hub extends AsyncDisposable {
  /** Answers a request without a socket, by the same steps as over one. Rejects only for a body that cannot be read. */
  handle(request: Request): Promise<Response>
  /** Connects the database, reads its catalog, and serves. Resolves to the address, as `url` then says it. */
  listen(options?: ListenOptions): Promise<string>
  /** Undefined until the hub listens. */
  readonly url: string | undefined
  readonly adminUrl: string | undefined
  /** Takes no new request, lets running ones finish until the deadline, then cuts them off. Default 10,000. */
  close(options?: { readonly deadlineMs?: number }): Promise<void>
}

/**
 * Makes the gate in front of a database: PostgREST's dialect over HTTP, and `/-/run` for `connectHub`.
 *
 *     const hub = createHub({ database, anonymousRole: 'web' })
 *     await hub.listen({ port: 4000 })
 *
 * Throws InvalidOption.
 */
export function createHub(options: HubOptions): Hub {
  const { database, schemas = ['public'], anonymousRole, validate: rules = {}, onFault = warn } = options
  const limits = readLimits(options.limits ?? {})
  if (schemas.length === 0) throw new PlinthError('InvalidOption', 'schemas is empty: the hub would serve nothing.')
  if (anonymousRole !== undefined) checkRole(anonymousRole, 'anonymousRole')
  const dialect = { ...defaultDialect, ...options.dialect }
  const schema = new SchemaCache(database, { schemas, extraSearchPath: dialect.extraSearchPath }, onFault)
  const handle = createHandle({
    identify: identifyBy(options),
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
      settings: new SettingsCache(database),
      large: new LargeAnswers(),
      defaultSchema: schemas[0] ?? '',
    },
    limits,
    dialect,
    onFault,
  })
  const subject: AdminSubject = {
    database,
    isCatalogRead: () => schema.isLoaded,
    config: () => ({ ...shownSettings(plainOptions(options)), validate: ruledColumns(rules) }),
    catalog: () => schema.current,
  }
  let server: Listening | undefined
  let admin: Listening | undefined
  let notices: AsyncDisposable | undefined

  function hear(payload: string): void {
    if (payload === '' || payload === 'reload schema') schema.noteChanged()
  }

  async function listen({ host = '127.0.0.1', port = 4000 }: ListenOptions = {}): Promise<string> {
    if (server !== undefined) throw new PlinthError('InvalidOption', `The hub already listens on ${server.url}.`)
    try {
      // First, so that whoever starts the hub can see it wait for the database.
      if (options.admin) admin = await startAdmin(options.admin, subject)
      await database.connect()
      const takesAnyRole = options.jwt !== undefined && options.jwt.roles === undefined
      if (options.allowSuperuser !== true) await refuseSuperuser(database, host, configuredRoles(options), takesAnyRole)
      notices = await hearNotices(database, { channels: dialect.channels, hear, onFault })
      const catalog = await schema.reload()
      checkServices(options.services ?? {}, catalog)
      refuseUnknownRules(rules, catalog)
      server = await startServer(handle, limits, host, port)
    } catch (error) {
      await close()
      throw error
    }
    return server.url
  }

  async function close({ deadlineMs = 10_000 }: { readonly deadlineMs?: number } = {}): Promise<void> {
    await server?.close(deadlineMs)
    await notices?.[Symbol.asyncDispose]()
    await admin?.close(0)
    server = undefined
    notices = undefined
    admin = undefined
  }

  return {
    handle: async (request) => toFetch(await handle(await fromFetch(request, limits.bodyBytes))),
    listen,
    get url() {
      return server?.url
    },
    get adminUrl() {
      return admin?.url
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** Before anybody is served: what a service may name must be there. */
function checkServices(services: NonNullable<HubOptions['services']>, catalog: Catalog): void {
  for (const [name, { allow }] of Object.entries(services)) if (allow !== undefined) checkAllowed(name, allow, catalog)
}

function identifyBy({ services = {}, runKey, jwt, anonymousRole, dialect, onFault = warn }: HubOptions): Identify {
  const isPostgrest = dialect?.isPostgrest ?? false
  const context = { anonymousRole, findSubject: createSubjectFinder(services), isPostgrest, report: onFault }
  return createIdentify({
    findKey: createKeyFinder(services, runKey),
    hasKeys: runKey !== undefined || Object.keys(services).length > 0,
    verifyToken: jwt && createTokenVerifier(jwt, context),
    anonymousRole,
    isPostgrest,
  })
}

/** What can be printed. */
type PlainOptions = Omit<HubOptions, 'database' | 'onFault' | 'validate'>

/** Without what is no data. */
function plainOptions({ database: _1, onFault: _2, validate: _3, ...options }: HubOptions): PlainOptions {
  return options
}

function warn(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : String(error))
}

function configuredRoles({ anonymousRole, services = {}, jwt }: HubOptions): readonly string[] {
  const named = anonymousRole === undefined ? [] : [anonymousRole]
  return [...named, ...Object.values(services).map(({ role }) => role), ...(jwt?.roles ?? [])]
}

function readLimits(given: Partial<Limits>): Limits {
  const limits = { ...defaultLimits, ...given }
  for (const [name, value] of Object.entries(limits)) {
    if (!Number.isSafeInteger(value) || value < 1)
      throw new PlinthError('InvalidOption', `limits.${name} is ${String(value)}; it must be a whole number above 0.`)
  }
  return limits
}
