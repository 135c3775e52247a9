import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { createDatabase } from 'plinth'
import { createTestDatabase } from 'plinth/testing'
import { addressOf, plinth, refusal, temporaryFolder, until } from './support/command.ts'

const cwd = temporaryFolder()
const server = { url: process.env['PLINTH_TEST_DATABASE_URL'] ?? '' }
// A role of every PostgreSQL, so that none has to be made on a shared server.
const role = 'pg_read_all_data'
const script = `create schema api; create table api.books (id int primary key); insert into api.books values (1), (2)`
const secretFile = join(cwd, 'secret')

function token(secret: string): string {
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const signed = `${encode({ alg: 'HS256' })}.${encode({ role, aud: 'somebody' })}`
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`
}

const [old, next] = ['an old secret of thirty-two bytes or more', 'a new secret of thirty-two bytes or more']

test('with nothing but PGRST_ variables it behaves as PostgREST does', async () => {
  await using database = await createTestDatabase({ server, script })
  writeFileSync(secretFile, `${old}\n`)
  const env = {
    PGRST_DB_URI: database.url,
    PGRST_DB_SCHEMAS: 'api',
    PGRST_JWT_SECRET: `@${secretFile}`,
    PGRST_APP_SETTINGS_GREETING: "it's me",
    PGRST_SERVER_HOST: '127.0.0.1',
    PGRST_SERVER_PORT: '0',
    PGRST_LOG_QUERY: 'true',
  }
  await using command = plinth(['hub'], { cwd, env })
  const output = await command.output('Ctrl-C stops the hub.')
  const address = addressOf('Hub', output)
  const read = async (bearer?: string, path = '/books?order=id'): Promise<readonly [number, any]> => {
    const headers = bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }
    const response = await fetch(address + path, { headers })
    return [response.status, await response.json()]
  }
  assert.equal((await read())[1].code, 'PGRST302')
  // Neither an expiry nor an audience is asked for.
  assert.deepEqual((await read(token(old)))[1], [{ id: 1 }, { id: 2 }])
  assert.equal((await read(token(next)))[1].code, 'PGRST301')
  writeFileSync(secretFile, next)
  command.child.kill('SIGUSR2')
  await command.output('The settings were read anew.')
  assert.equal((await read(token(next)))[0], 200)
  assert.equal((await read(token(old)))[0], 401)
  writeFileSync(secretFile, 'short')
  command.child.kill('SIGUSR2')
  {
    await using pool = createDatabase({ url: database.url, pool: { max: 1 } })
    await pool.query(`create function api.greeting() returns text language sql stable as
      $$ select current_setting('app.settings.greeting') $$`)
  }
  command.child.kill('SIGUSR1')
  await command.output('The schema was read anew.')
  assert.deepEqual(await read(token(next), '/rpc/greeting'), [200, "it's me"])
  const { code, stderr } = await command.stop('SIGTERM')
  assert.equal(code, 0)
  assert.match(stderr, /^plinth: PGRST_LOG_QUERY is not followed\./)
  assert.match(stderr, /jwt\.secret is 5 bytes.* The hub goes on with the settings it has\./)
  assert.doesNotMatch(output + stderr, /secret of thirty|debugger/i)
})

test('a superuser is refused beyond this machine, unless it is allowed', async () => {
  const env = { PGRST_DB_URI: server.url, PGRST_SERVER_PORT: '0' }
  assert.match(await refusal(['hub'], { cwd, env }), /is a superuser, and 0\.0\.0\.0 can be reached.*allowSuperuser/)
  await using command = plinth(['hub', '--allow-superuser'], { cwd, env })
  await command.output('Ctrl-C stops the hub.')
  assert.equal((await command.stop('SIGTERM')).code, 0)
})

test('a database that comes later is waited for', async () => {
  const env = {
    PGRST_DB_URI: 'postgres://nobody@127.0.0.1:1/none',
    PGRST_ADMIN_SERVER_PORT: '0',
    PGRST_SERVER_HOST: '127.0.0.1',
  }
  await using command = plinth(['hub'], { cwd, env })
  await until('waiting', 20_000, () => command.child.pid !== undefined)
  const { code, stderr } = await command.stop('SIGTERM')
  assert.deepEqual([code === 0 || code === null, stderr], [true, ''])
})
