import { readFileSync } from 'node:fs'
import { cac, type CAC } from 'cac'
import { PlinthError } from 'plinth'
import { listenForStop, Stopped } from './terminal/stop.ts'

// Each command is imported when it runs: `plinth key` needs no HTTP server, and 0.2 s are felt at a prompt.

function readVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest ? String(manifest.version) : ''
}

interface DevFlags {
  readonly data: string | number
  readonly port: unknown
  readonly adminPort?: unknown
  readonly load?: string | number
}

interface HubFlags {
  readonly url?: string | number
  readonly host?: string | number
  readonly port?: unknown
  readonly adminPort?: unknown
  readonly schema?: string | number
  readonly config?: string | number
  readonly wait: unknown
}

function createCommand(): CAC {
  const cli = cac('plinth')
  cli
    .command('dev', 'A PostgreSQL and a hub for development, with sample tables')
    .option('--data <folder>', 'Where the data is kept', { default: '.plinth' })
    .option('--port <port>', 'Of the hub on 127.0.0.1; 0 takes a free one', { default: 4000 })
    .option('--admin-port <port>', 'Of /live and /ready (default: the port behind --port)')
    .option('--load <file>', 'Fill the database from a plain SQL file instead of the sample')
    .example('plinth dev --load dump.sql')
    .action(async (flags: DevFlags) => {
      const { dev } = await import('./dev.ts')
      const load = text('--load', flags.load)
      const adminPort = optional('--admin-port', flags.adminPort)
      await dev({ data: String(flags.data), port: whole('--port', flags.port), adminPort, load }, listenForStop())
    })
  cli
    .command('hub', 'The hub over a database that is there already')
    .option('--url <url>', 'postgres://user:password@host:port/database')
    .option('--host <host>', 'Address to listen on (default: 127.0.0.1)')
    .option('--port <port>', 'Default: 4000; 0 takes a free one')
    .option('--admin-port <port>', 'Of /live and /ready on 127.0.0.1 (default: none)')
    .option('--schema <names>', 'Schemas to serve, with commas between (default: public)')
    .option('--config <file>', 'Default: plinth.config.ts, where there is one')
    .option('--wait <seconds>', 'How long to wait for the database', { default: 10 })
    .example('plinth hub --url postgres://app@localhost/shop')
    .action(async (flags: HubFlags) => {
      const { hub } = await import('./hub.ts')
      const ports = { port: optional('--port', flags.port), adminPort: optional('--admin-port', flags.adminPort) }
      const named = {
        url: text('--url', flags.url),
        host: text('--host', flags.host),
        config: text('--config', flags.config),
      }
      const schema = text('--schema', flags.schema)
      await hub({ ...named, schema, ...ports, waitMs: whole('--wait', flags.wait) * 1000 }, listenForStop())
    })
  cli
    .command('key <name>', 'A new key for a service, and its hash for plinth.config.ts')
    .action(async (name: unknown) => {
      const { printKey } = await import('./key.ts')
      printKey(String(name))
    })
  cli.version(readVersion())
  cli.help()
  return cli
}

/**
 * cac makes a number of what looks like one: 7 of a schema called so, and 0 of the empty text that an unset variable
 * leaves.
 */
function text(flag: string, value: string | number | undefined): string | undefined {
  if (value === '' || value === 0) throw new PlinthError('InvalidOption', `${flag} is empty.`)
  return value === undefined ? undefined : String(value)
}

function optional(flag: string, value: unknown): number | undefined {
  return value === undefined ? undefined : whole(flag, value)
}

function whole(flag: string, value: unknown): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 65_535) return value
  throw new UsageError(`${flag} is ${String(value)}; it must be a whole number from 0 to 65535`)
}

/** Named as cac names its own, which are shown the same way. */
class UsageError extends Error {
  override readonly name = 'CACError'
}

async function main(): Promise<void> {
  try {
    const cli = createCommand()
    const { args, options } = cli.parse(process.argv, { run: false })
    if (options['help'] === true || (options['version'] === true && cli.matchedCommand === undefined)) return
    if (cli.matchedCommand === undefined) {
      if (args[0] !== undefined) throw new UsageError(`there is no command ${args[0]}`)
      cli.outputHelp()
      process.exitCode = 1
      return
    }
    await cli.runMatchedCommand()
  } catch (error) {
    if (error instanceof Stopped) return
    const { describeFailure } = await import('./terminal/failure.ts')
    console.error(describeFailure(error))
    process.exitCode = 1
  }
}

await main()
