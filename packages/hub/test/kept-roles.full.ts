import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keys, testHub } from './support/hub.ts'
import { callers, quietTables } from './support/quiet.ts'

const hub = testHub(({ anonymous }) => ({ anonymousRole: anonymous }), quietTables)
const narrow = testHub(() => ({}), quietTables, { max: 1 })

test('a role that was taken from the login is refused soon after', { timeout: 20_000 }, async () => {
  const { server, login } = narrow.roles
  assert.equal((await narrow.ask('GET', '/rpc/who', { key: keys.server })).status, 200)
  await narrow.sql(`revoke ${server} from ${login}`)
  for (;;) {
    const { status, json } = await narrow.ask('GET', '/rpc/who', { key: keys.server })
    if (status === 200) assert.equal(json, server)
    else {
      assert.equal(json.code, '42501')
      break
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  assert.equal((await narrow.ask('GET', '/rpc/who')).json, narrow.roles.backend)
  await narrow.sql(`grant ${server} to ${login}`)
})

test('a connection that breaks takes its role along', async () => {
  const pids = await hub.sql('select pid from pg_stat_activity where usename = $1', [hub.roles.login])
  const asked = Array.from({ length: 60 }, async (_, i) => {
    if (i === 20) for (const { pid } of pids) await hub.sql('select pg_terminate_backend($1)', [pid])
    const [key, role] = callers(hub)[i % 3] ?? [null, '']
    const { status, json } = await hub.ask('GET', '/rpc/who', { key })
    // Each of its attempts may have met another connection that was about to die.
    if (status === 503) assert.equal(json.code, '57P01')
    else assert.equal(json, role)
  })
  await Promise.all(asked)
  for (const [key, role] of callers(hub)) assert.equal((await hub.ask('GET', '/rpc/who', { key })).json, role)
})
