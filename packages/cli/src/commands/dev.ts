import { type Command, defineCommand } from '../command-line/command.ts'

export const dev: Command = defineCommand({
  name: 'dev',
  group: 'Develop',
  about: 'A PostgreSQL and a hub for development, with sample tables',
  options: {
    data: { value: 'folder', about: 'Where the data is kept (default: .plinth)' },
    port: { value: 'port', about: 'Of the hub on 127.0.0.1; 0 takes a free one (default: 4000)' },
    'admin-port': { value: 'port', about: 'Of /live and /ready (default: the port behind --port)' },
    load: { value: 'file', about: 'Fill the database from a plain SQL file instead of the sample' },
  },
  example: 'plinth dev --load dump.sql',
  async run(asked) {
    const { dev: start } = await import('../dev.ts')
    const { serve } = await import('../terminal/stop.ts')
    const [data = '.plinth', port = 4000] = [asked.text('data'), asked.whole('port')]
    const options = { data, port, adminPort: asked.whole('admin-port'), load: asked.text('load') }
    await serve((stop) => start(options, stop))
  },
})
