// Here, so that it finds PostGraphile beside it: its 185 packages are installed only for the benchmark.
import { createServer } from 'node:http'
import { postgraphile } from 'postgraphile'
import { makePgService } from 'postgraphile/adaptors/pg'
import { grafserv } from 'postgraphile/grafserv/node'
import { PostGraphileAmberPreset } from 'postgraphile/presets/amber'

/** Starts PostGraphile over the schema public, acting as `role`; resolves to its port and a function that stops it. */
export async function startPostGraphile(url, role, poolSize) {
  const service = makePgService({ connectionString: url, schemas: ['public'], poolConfig: { max: poolSize } })
  const graph = postgraphile({
    extends: [PostGraphileAmberPreset],
    pgServices: [service],
    grafserv: { graphiql: false, watch: false },
    grafast: { context: { pgSettings: { role } } },
  })
  const serv = graph.createServ(grafserv)
  // As the others have it: after Node's own 5 s the connections would be gone when their next turn comes.
  const server = createServer({ keepAliveTimeout: 72_000 })
  await serv.addTo(server)
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: server.address().port,
    async stop() {
      server.close()
      server.closeAllConnections()
      await serv.release()
      await service.release?.()
    },
  }
}
