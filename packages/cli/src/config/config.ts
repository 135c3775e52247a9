import type { HubOptions } from '@plinth/hub'
import type { PoolOptions } from 'plinth'
import type { PostgrestOptions } from '../postgrest-settings/settings.ts'

/** What plinth.config.ts exports as its default. Command line options go before it. */
export interface PlinthConfig extends Omit<HubOptions, 'database' | 'runKey' | 'onReloadSettings' | 'onFault'> {
  /** postgres://user:password@host:port/database, with a role that may `set role` to those of the services. */
  readonly url?: string
  /** Default 127.0.0.1. */
  readonly host?: string
  /** Default 4000. */
  readonly port?: number
  readonly pool?: PoolOptions
  /**
   * Settings under PostgREST's own names, such as `'db-uri'`; those of the environment (`PGRST_DB_URI`) go before them.
   * With any of them the hub behaves as PostgREST does, also where its own rules are stricter.
   */
  readonly postgrest?: PostgrestOptions
  /** Folder of the migrations, from where the command is started. Default migrations. */
  readonly migrations?: string
  /** Folder of the seeds. Default seeds. */
  readonly seeds?: string
  /** Module that exports the tables as Drizzle describes them, such as ./src/entities.ts; only generating needs it. */
  readonly entities?: string
  /**
   * Url of a server where databases may be made and dropped again, for proof and comparison: with the version and the
   * extensions of production. Default: an embedded PostgreSQL.
   */
  readonly scratch?: string
}

/** The part that the hub takes. */
export function hubOptions(config: PlinthConfig): Omit<HubOptions, 'database'> {
  const { url: _1, host: _2, port: _3, pool: _4, postgrest: _5, ...others } = config
  const { migrations: _6, seeds: _7, entities: _8, scratch: _9, ...options } = others
  return options
}

/**
 * Gives the configuration its type; it returns what it is given.
 *
 *     export default defineConfig({
 *       services: { backend: { role: 'backend', keys: ['sha256:…'] } },
 *     })
 */
export function defineConfig(config: PlinthConfig): PlinthConfig {
  return config
}
