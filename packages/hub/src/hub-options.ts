import type { Database } from 'plinth'
import type { Dialect } from './dialect.ts'
import type { ServiceOptions } from './identity/service-key.ts'
import type { JwtOptions } from './identity/token.ts'
import type { Limits } from './limits.ts'
import type { AdminOptions } from './operate/admin.ts'
import type { ValidationRules } from './validation/rules.ts'

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
   * What may be written, by table and column: schemas of any library with Standard Schema. They only say yes or no;
   * what a schema would make of a value is not used. Null is asked about too, and a column that is not written is not.
   */
  readonly validate?: ValidationRules
  readonly limits?: Partial<Limits>
  /** Where PostgREST has a setting. */
  readonly dialect?: Partial<Dialect>
  /** /live, /ready, /health, /config and /schema_cache on a port of their own. Absent: none. */
  readonly admin?: AdminOptions
  /** Serve also beyond this machine as a role that passes every grant and policy. Default false. */
  readonly allowSuperuser?: boolean
  /** Called when NOTIFY asks for the settings to be read anew, for `hub.reconfigure`. Default: nothing is done. */
  readonly onReloadSettings?: () => void
  /** Called with a fault of the hub itself, which its caller is told nothing of. Default: a process warning. */
  readonly onFault?: (error: unknown) => void
}

/** What may be other when the settings are read anew; the rest is fixed while a hub runs. */
export type NewSettings = Omit<HubOptions, 'database' | 'admin' | 'allowSuperuser' | 'onReloadSettings' | 'onFault'>

/** The options that say something about the hub rather than being part of it, and can be printed. */
export function plainOptions(options: HubOptions): Omit<HubOptions, 'database' | 'onReloadSettings' | 'onFault'> {
  const { database: _1, onReloadSettings: _2, onFault: _3, ...plain } = options
  return plain
}

/** The database roles that the options name. */
export function configuredRoles({ anonymousRole, services = {}, jwt }: HubOptions): readonly string[] {
  const named = anonymousRole === undefined ? [] : [anonymousRole]
  return [...named, ...Object.values(services).map(({ role }) => role), ...(jwt?.roles ?? [])]
}
