import type { HubOptions } from '@plinth/hub'
import type { PoolOptions } from 'plinth'

/** What plinth.config.ts exports as its default. Command line options go before it. */
export interface PlinthConfig extends Omit<HubOptions, 'database' | 'runKey' | 'onFault'> {
  /** postgres://user:password@host:port/database, with a role that may `set role` to those of the services. */
  readonly url?: string
  /** Default 127.0.0.1. */
  readonly host?: string
  /** Default 4000. */
  readonly port?: number
  readonly pool?: PoolOptions
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
