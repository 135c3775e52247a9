import { type Command, defineCommand } from '../command-line/command.ts'
import { connectionOptions } from '../command-line/connection.ts'

export const hub: Command = defineCommand({
  name: 'hub',
  group: 'Serve',
  about: 'The hub over a database that is there already',
  options: {
    ...connectionOptions,
    host: { value: 'host', about: 'Address to listen on (default: 127.0.0.1)' },
    port: { value: 'port', about: 'Default: 4000; 0 takes a free one' },
    'admin-port': { value: 'port', about: 'Of /live, /ready and more on 127.0.0.1 (default: none)' },
    'allow-superuser': { about: 'Also beyond this machine, where every grant and policy would be passed over' },
    schema: { value: 'names', about: 'Schemas to serve, with commas between (default: public)' },
  },
  example: 'plinth hub --url postgres://app@localhost/shop',
  async run(asked) {
    const { hub: start } = await import('../hub.ts')
    const { waitMs } = await import('../command-line/connection.ts')
    const { serve } = await import('../terminal/stop.ts')
    const named = { url: asked.text('url'), config: asked.text('config'), schema: asked.text('schema') }
    const wait = asked.has('wait') ? waitMs(asked) : undefined
    const listening = { host: asked.text('host'), port: asked.whole('port'), adminPort: asked.whole('admin-port') }
    await serve((stop) =>
      start({ ...named, ...listening, allowSuperuser: asked.has('allow-superuser'), waitMs: wait }, stop),
    )
  },
})
