import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { createTestDatabase, type TestDatabase } from 'plinth/testing'
import { addressOf, plinth, refusal, temporaryFolder } from './support/command.ts'
import { projectsIn } from './support/project.ts'

const cwd = temporaryFolder()
const project = projectsIn(cwd)
const server = { url: process.env['PLINTH_TEST_DATABASE_URL'] ?? '' }
// A role of every PostgreSQL, so that none has to be made on a shared server.
const role = 'pg_read_all_data'
const script = `create table books (id int primary key); insert into books values (1), (2)`

async function withDatabase(work: (database: TestDatabase) => Promise<void>): Promise<void> {
  await using database = await createTestDatabase({ server, script })
  await work(database)
}

test('over any database, with nothing declared, it prints a key for this run', async () => {
  await withDatabase(async ({ url }) => {
    await using command = plinth(['hub', '--url', url, '--port', '0', '--admin-port', '0'], { cwd })
    const output = await command.output('Ctrl-C stops the hub.')
    const key = /^ {2}(plinth_run_\S+)$/m.exec(output)?.[1]
    const address = `${addressOf('Hub', output)}/books?order=id`
    const response = await fetch(address, { headers: { authorization: `Bearer ${key}` } })
    assert.deepEqual(await response.json(), [{ id: 1 }, { id: 2 }])
    assert.equal((await fetch(address)).status, 401)
    assert.equal((await fetch(addressOf('Admin', output))).status, 200)
    assert.ok(!output.includes(new URL(url).password || 'no password'), 'the password of the url is not shown')
    assert.equal((await command.stop('SIGTERM')).code, 0)
  })
})

test('with services in plinth.config.ts it takes their keys, as plinth key prints them', async () => {
  await withDatabase(async ({ url }) => {
    const printed = (await plinth(['key', 'reader']).ended).stdout
    const [key] = /plinth_reader_\S+/.exec(printed) ?? []
    const [hash] = /sha256:[0-9a-f]{64}/.exec(printed) ?? []
    const config = `import { defineConfig, type PlinthConfig } from '@plinth/cli'
const config: PlinthConfig = { url: '${url}', port: 0, services: { reader: { role: '${role}', keys: ['${hash}'] } } }
export default defineConfig(config)`
    await using command = plinth(['hub'], { cwd: project('services', config) })
    const output = await command.output('Ctrl-C stops the hub.')
    assert.match(output, /Service reader +role pg_read_all_data/)
    const address = `${addressOf('Hub', output)}/books`
    const headers = { authorization: `Bearer ${key}` }
    const json = { ...headers, 'content-type': 'application/json' }
    assert.equal((await fetch(address, { headers })).status, 200)
    assert.equal((await fetch(address, { headers: json, method: 'POST', body: '{"id":3}' })).status, 403)
    assert.equal((await command.stop('SIGINT')).code, 0)
  })
})

test('without an identity it is refused on any other address than this machine', async () => {
  const line = await refusal(['hub', '--url', server.url, '--host', '0.0.0.0'], { cwd })
  assert.match(line, /No identity is configured, so the hub stays on 127\.0\.0\.1/)
})

const plainKey = "export default { services: { a: { role: 'a', keys: ['plain'] } } }"

test('a configuration, a database or a port that cannot be had is told in one line', async () => {
  const taken = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => taken.once('listening', resolve))
  const address = taken.address()
  const port = String(typeof address === 'object' ? address?.port : 0)
  const lines = await Promise.all([
    refusal(['hub', '--config', 'none.ts'], { cwd }),
    refusal(['hub'], { cwd }),
    refusal(['hub', '--url', 'postgres://nobody@127.0.0.1:1/none', '--wait', '1'], { cwd }),
    refusal(['hub', '--url', server.url, '--port', port], { cwd }),
    refusal(['hub', '--url', server.url, '--port', 'http'], { cwd }),
    refusal(['hub', '--ulr', server.url], { cwd }),
    refusal(['hub', '--url', server.url], { cwd: project('hash', plainKey) }),
    refusal(['hub', '--url', server.url, '--schema', 'public, 7'], { cwd }),
  ])
  taken.close()
  assert.match(lines[0] ?? '', /There is no file none\.ts/)
  assert.match(lines[1] ?? '', /No database is named/)
  assert.match(lines[2] ?? '', /127\.0\.0\.1:1\/none was not reachable within 1000 ms.*ECONNREFUSED/)
  assert.match(lines[3] ?? '', new RegExp(`Port ${port} on 127\\.0\\.0\\.1 is taken`))
  assert.match(lines[4] ?? '', /--port is http; it must be a whole number/)
  assert.match(lines[7] ?? '', /no schema 7/)
  assert.match(lines[6] ?? '', /key of the service a is not sha256/)
  assert.match(lines[5] ?? '', /unknown option '--ulr'/)
})
