import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, test } from 'node:test'
import { createDatabase } from 'plinth'
import { ask, keys, testHub } from './support/hub.ts'
import { until } from './support/until.ts'

const hub = testHub()
const authorization = `Bearer ${keys.backend}`

describe('a hub that closes', () => {
  test('finishes what runs, takes nothing new, and is gone', async () => {
    const closing = hub.another({})
    const url = await closing.listen({ port: 0 })
    await hub.sql(
      'create function slow(ms int) returns int language sql volatile as $$ select 1 from pg_sleep(ms / 1000.0) $$',
    )
    await hub.sql(`grant execute on function slow(int) to ${hub.roles.backend}`)
    const running = fetch(`${url}/rpc/slow?ms=500`, { headers: { authorization } })
    await waitFor(
      `select 1 from pg_stat_activity where datname = current_database() and query like '%"slow"(%'
        and state = 'active' and pid <> pg_backend_pid()`,
    )
    const closed = closing.close({ deadlineMs: 10_000 })
    await assert.rejects(fetch(`${url}/users`, { headers: { authorization, connection: 'close' } }))
    const answer = await running
    assert.deepEqual([answer.status, await answer.json()], [200, 1])
    await soon(closed)
    assert.equal(closing.url, undefined)
  })

  test('does not cut short a long answer that its client still reads', async () => {
    await hub.sql(`create function long() returns text language sql as $$ select repeat('x', 20000000) $$`)
    await hub.sql(`grant execute on function long() to ${hub.roles.backend}`)
    await using closing = hub.another({})
    const { hostname, port } = new URL(await closing.listen({ port: 0 }))
    const socket = connect(Number(port), hostname)
    socket.write(`GET /rpc/long HTTP/1.1\r\nhost: hub\r\nauthorization: ${authorization}\r\n\r\n`)
    await once(socket, 'readable')
    const closed = soon(closing.close({ deadlineMs: 60_000 }))
    let received = 0
    for await (const chunk of socket) received += chunk.length
    await closed
    assert.ok(received > 20_000_000, `${received} bytes`)
  })

  test('cuts off at its deadline what does not finish', async () => {
    const closing = hub.another({})
    const { hostname, port } = new URL(await closing.listen({ port: 0 }))
    const socket = connect(Number(port), hostname)
    await once(socket, 'connect')
    const head = `POST /notes HTTP/1.1\r\nhost: hub\r\nauthorization: ${authorization}\r\n`
    socket.write(`${head}content-type: application/json\r\ncontent-length: 100\r\nexpect: 100-continue\r\n\r\n`)
    // The hub has read the headers and waits for a body that does not come.
    await once(socket, 'data')
    const gone = once(socket, 'close')
    await soon(closing.close({ deadlineMs: 100 }))
    await gone
  })

  test('does not wait for a connection that is only kept open', async () => {
    await using closing = hub.another({})
    const { hostname, port } = new URL(await closing.listen({ port: 0 }))
    const socket = connect(Number(port), hostname)
    socket.write(`GET /users?limit=1 HTTP/1.1\r\nhost: hub\r\nauthorization: ${authorization}\r\n\r\n`)
    await once(socket, 'data')
    const gone = once(socket, 'close')
    await soon(closing.close({ deadlineMs: 60_000 }))
    await gone
  })

  test('can be closed twice, and before it ever listened', async () => {
    const idle = hub.another({})
    await idle.close()
    await idle.close()
  })

  test('is closed at the end of its scope', async () => {
    let url: string
    {
      await using scoped = hub.another({})
      url = await scoped.listen({ port: 0 })
      assert.equal((await fetch(`${url}/users?limit=1`, { headers: { authorization } })).status, 200)
    }
    await assert.rejects(fetch(url))
  })
})

describe('where a hub listens', () => {
  test('a port that is taken is a clear error', async () => {
    const { port } = new URL(hub.url)
    await assert.rejects(hub.another({}).listen({ port: Number(port) }), {
      code: 'PortInUse',
      message: `Port ${port} on 127.0.0.1 is taken.`,
    })
  })

  test('twice is refused', async () => {
    await assert.rejects(hub.hub.listen({ port: 0 }), { code: 'InvalidOption' })
  })

  test("beyond loopback no superuser is let in, neither the URL's role nor a configured one", async () => {
    await using superuser = createDatabase({ url: process.env['PLINTH_TEST_DATABASE_URL'] ?? '', pool: { max: 2 } })
    const refused = { code: 'InvalidOption', message: /is a superuser, and 0\.0\.0\.0 can be reached by others/ }
    await assert.rejects(hub.another({ database: superuser }).listen({ host: '0.0.0.0', port: 0 }), refused)
    const [row] = await hub.sql('select rolname::text as name from pg_roles where rolsuper limit 1')
    const anonymousRole = String(row?.['name'])
    await assert.rejects(hub.another({ anonymousRole }).listen({ host: '0.0.0.0', port: 0 }), refused)
    await using near = hub.another({ database: superuser })
    await near.listen({ host: '127.0.0.1', port: 0 })
    await using far = hub.another({})
    await far.listen({ host: '0.0.0.0', port: 0 })
  })

  test('beyond loopback no superuser can be named by a token', async () => {
    const { login } = hub.roles
    const named = `${login}_super`
    await hub.sql(`create role ${named} superuser; grant ${named} to ${login}`)
    try {
      const secret = 'x'.repeat(32)
      const open = hub.another({ jwt: { secret } })
      await assert.rejects(open.listen({ host: '0.0.0.0', port: 0 }), { code: 'InvalidOption', message: /_super is a/ })
      await using closed = hub.another({ jwt: { secret, roles: [hub.roles.backend] } })
      assert.match(await closed.listen({ host: '0.0.0.0', port: 0 }), /^http/)
    } finally {
      await hub.sql(`drop role ${named}`)
    }
  })
})

describe('a fault of the hub itself', () => {
  test('is told to whoever runs the hub, and not to the caller', async () => {
    const faults: unknown[] = []
    const database: typeof hub.database = Object.create(hub.database, {
      transaction: { value: () => Promise.reject(new TypeError('the secret inside')) },
    })
    const broken = hub.another({ database, onFault: (error) => faults.push(error) })
    const answer = await ask(broken, 'GET', '/users')
    assert.deepEqual([answer.status, answer.json.code], [500, 'PLT500'])
    assert.doesNotMatch(answer.text, /secret/)
    assert.equal(faults.length, 1)
  })
})

describe('a table that comes later', () => {
  test('is found without a restart, by many at once', async () => {
    const fresh = hub.another({})
    assert.equal((await ask(fresh, 'GET', '/users?limit=1')).status, 200)
    await hub.sql(`create table later (id int primary key); grant all on later to ${hub.roles.backend}`)
    const find = async (): Promise<boolean> => {
      const answers = await Promise.all(Array.from({ length: 5 }, () => ask(fresh, 'GET', '/later')))
      return answers.every(({ status }) => status === 200)
    }
    assert.ok(await find())
    await hub.sql('alter table later add column more int')
    await until(async () => (await ask(fresh, 'GET', '/later?select=more')).status === 200)
    await hub.sql('drop table later')
    assert.equal((await ask(fresh, 'GET', '/later')).status, 404)
    await until(async () => (await ask(fresh, 'GET', '/later')).json.code === 'PGRST205')
  })

  test('does not let requests for names that do not exist keep the database busy', async () => {
    let loads = 0
    const { database } = hub
    const transaction = (...given: Parameters<typeof database.transaction>): Promise<unknown> => {
      loads++
      return database.transaction(...given)
    }
    const query = { value: database.query.bind(database) }
    const counted = hub.another({ database: Object.create(database, { transaction: { value: transaction }, query }) })
    for (let n = 0; n < 50; n++) assert.equal((await ask(counted, 'GET', `/nowhere${n}`)).status, 404)
    // The first reading, and at most a few for names not found.
    assert.ok(loads <= 4, `${loads} readings`)
  })
})

/** Fails when it takes longer than anything but waiting for a time limit would. */
async function soon(closed: Promise<void>): Promise<void> {
  const startedAt = Date.now()
  await closed
  assert.ok(Date.now() - startedAt < 8_000, 'closing waited for something')
}

async function waitFor(text: string): Promise<void> {
  await until(async () => (await hub.sql(text)).length > 0)
}
