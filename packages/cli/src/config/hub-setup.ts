import type { DatabaseOptions } from 'plinth'
import { type Environment, readConnectionString } from '../postgrest-settings/connection-string.ts'
import { fromPostgrest } from '../postgrest-settings/hub-settings.ts'
import { textOrFile } from '../postgrest-settings/secret-file.ts'
import { readPostgrestSettings } from '../postgrest-settings/settings.ts'
import { flag, text } from '../postgrest-settings/values.ts'
import type { PlinthConfig } from './config.ts'

/** A configuration with what the environment adds to it. */
export interface HubSetup {
  readonly config: PlinthConfig
  readonly database: Pick<DatabaseOptions, 'connectTimeoutMs' | 'preparedStatements'>
  /** What was set and is not followed, a sentence each. */
  readonly warnings: readonly string[]
}

/**
 * Takes the `PGRST_*` of the environment into the configuration. `url` is that of the command line, which goes before
 * all. Throws InvalidOption.
 */
export function setUpHub(config: PlinthConfig, url: string | undefined, environment: Environment): HubSetup {
  const settings = readPostgrestSettings(config.postgrest, environment)
  if (settings === undefined) return { config, database: {}, warnings: [] }
  const { values, appSettings, warnings } = settings
  const named = text(values, 'db-uri') ?? config.url ?? 'postgresql://'
  const connection = readConnectionString(url ?? textOrFile('db-uri', named).trim(), environment, appSettings)
  const { connectTimeoutMs } = connection
  return {
    config: { ...fromPostgrest(values, config), url: connection.url },
    database: {
      ...(connectTimeoutMs === undefined ? {} : { connectTimeoutMs }),
      ...(flag(values, 'db-prepared-statements') === false ? { preparedStatements: 0 } : {}),
    },
    warnings: [...warnings, ...connection.warnings],
  }
}
