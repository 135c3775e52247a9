import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SignJWT } from 'jose'
import { ask, hashed, keys, testHub } from './support/hub.ts'

// The main hub does not listen to notices, so that the others find the one connection for them.
const hub = testHub(() => ({ dialect: { channels: [] } }))
const [old, next] = ['an old secret of thirty-two bytes or more', 'a new secret of thirty-two bytes or more']
const soon = Math.floor(Date.now() / 1000) + 600

function token(secret: string): Promise<string> {
  const jwt = new SignJWT({ role: hub.roles.backend, exp: soon })
  return jwt.setProtectedHeader({ alg: 'HS256' }).sign(Buffer.from(secret))
}

test('new settings hold for the requests that come, and a token of the old key is no good any more', async () => {
  await using changing = hub.another({ jwt: { secret: old }, services: {} })
  await changing.listen({ port: 0 })
  const statuses = async (): Promise<number[]> => {
    const answers = await Promise.all(
      [await token(old), await token(next), keys.server].map((key) => ask(changing, 'GET', '/users?limit=1', { key })),
    )
    return answers.map(({ status }) => status)
  }
  assert.deepEqual(await statuses(), [200, 401, 401])
  const services = { server: { role: hub.roles.server, keys: [hashed(keys.server)] } }
  await changing.reconfigure({ jwt: { secret: next }, services })
  assert.deepEqual(await statuses(), [401, 200, 403])
  assert.equal((await fetch(`${changing.url}/users?limit=1`)).status, 401)
})

test('new settings that are wrong are refused, and the old ones hold', async () => {
  await using changing = hub.another({})
  await changing.listen({ port: 0 })
  const allow = { tables: { nowhere: ['select'] } } as const
  const services = { backend: { role: hub.roles.backend, keys: [hashed(keys.backend)], allow } }
  for (const wrong of [{ jwt: { secret: 'short' } }, { schemas: [] }, { limits: { nodes: 0 } }, { services }])
    await assert.rejects(changing.reconfigure(wrong), { code: 'InvalidOption' })
  assert.equal((await ask(changing, 'GET', '/users?limit=1')).status, 200)
})

test('new settings may name other schemas, whose tables are there at once', async () => {
  await hub.sql(`create schema stock; create table stock.parts (id int);
    grant usage on schema stock to ${hub.roles.backend}; grant select on stock.parts to ${hub.roles.backend}`)
  await using changing = hub.another({})
  assert.equal((await ask(changing, 'GET', '/parts')).status, 404)
  await changing.reconfigure({ services: hub.options.services ?? {}, schemas: ['stock'] })
  assert.equal((await ask(changing, 'GET', '/parts')).status, 200)
  assert.equal((await ask(changing, 'GET', '/users')).status, 404)
  await hub.sql('drop schema stock cascade')
})

test('NOTIFY asks for the settings to be read anew', async () => {
  let asked = 0
  await using changing = hub.another({ dialect: { channels: ['told'] }, onReloadSettings: () => asked++ })
  await changing.listen({ port: 0 })
  await hub.sql(`notify told, 'reload schema'`)
  await hub.sql(`notify told, 'reload config'`)
  const deadline = Date.now() + 30_000
  while (asked === 0 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 10))
  assert.equal(asked, 1)
})

test('the schema is read anew when told so', async () => {
  await using changing = hub.another({ admin: { port: 0 } })
  await changing.listen({ port: 0 })
  await hub.sql('create table later (id int)')
  await changing.reloadSchema()
  const shown: any = await (await fetch(`${changing.adminUrl}/schema_cache`)).json()
  assert.ok('later' in shown.relations.public)
  await hub.sql('drop table later')
})
