import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createHub } from '@plinth/hub'
import { hashed, keys, testHub } from './support/hub.ts'
import { recordStatements, type Sent } from './support/recorder.ts'

const hub = testHub()

/** Answers, and what was sent to the database for them, without the settings, which tell the request's headers. */
function recording(): (path: string, headers?: Record<string, string>) => Promise<unknown> {
  const sent: Sent[] = []
  const services = { backend: { role: hub.roles.backend, keys: [hashed(keys.backend)] } }
  const gate = createHub({ database: recordStatements(hub.database, (one) => sent.push(one)), services })
  return async (path, headers = {}) => {
    const all = { ...headers, authorization: `Bearer ${keys.backend}` }
    const response = await gate.handle(new Request(`http://hub${path}`, { headers: all }))
    const answer = [response.status, Object.fromEntries(response.headers), await response.text()]
    return { answer, statements: sent.splice(0).map(({ text, values }) => ({ text, values })) }
  }
}

const values = ['1', '2', '', 'A%2Cb', 'a+b', '%27%22%5C', '7', 'eq.1', '%E2%82%AC']

/** Each with holes for values of plain filters. */
const paths = [
  '/users?name=eq.‹›',
  '/users?name=not.neq.‹›&email=gt.‹›&select=id,name',
  '/users?name=lte.‹›&name=gte.‹›&order=id.desc&limit=2',
  '/users?select=id,notes(body)&notes.body=eq.‹›&name=neq.‹›',
  '/users?select=id,notes!inner(body)&notes.body=neq.‹›',
  '/users?extra->>k=eq.‹›',
  '/users?select=name&or=(id.eq.1,name.eq.x)&name=lt.‹›',
  '/odd%20%22table?select=eq:id&order=eq&%22a.b%22=eq.‹›',
  '/users?name=eq.‹›&id=in.(1,2)',
  '/users?id=eq.‹›',
  '/users?name=eq.‹›&limit=eq.1',
  '/unknown?id=eq.‹›',
]

for (const path of paths) {
  test(`requests of one shape are answered as if each were the first: ${path}`, async () => {
    const ask = recording()
    for (const [i, value] of values.entries()) {
      let at = i
      const url = path.replaceAll('‹›', () => values[at++ % values.length] ?? value)
      // A Range that says nothing makes another shape.
      assert.deepEqual(await ask(url), await ask(url, { range: `none ${i}` }), url)
    }
  })
}

test('an order is no filter, however its name is spelled', async () => {
  await hub.sql(`create table rated (id int, eq int); insert into rated values (1, 2), (2, 1)`)
  await hub.sql(`grant select on rated to ${hub.roles.backend}`)
  await hub.hub.reloadSchema()
  for (const name of ['order', 'order%20', '%22order%22'])
    for (let i = 0; i < 3; i++) {
      const { status, text } = await hub.ask('GET', `/rated?${name}=eq.asc&select=id&id=gt.${-i}`)
      assert.deepEqual([status, text.replace(/\s/g, '')], [200, '[{"id":2},{"id":1}]'], `${name} ${i}`)
    }
})

test('what is remembered of one request holds for no other header, method or catalog', async () => {
  const ask = recording()
  const url = '/users?id=eq.1&select=name'
  for (let i = 0; i < 4; i++) await ask(url)
  const accept = { accept: 'application/vnd.pgrst.object+json' }
  for (const headers of [accept, { prefer: 'count=exact' }, { range: '0-0' }, { 'accept-profile': 'unknown' }])
    assert.notDeepEqual(await ask(url, headers), await ask(url), JSON.stringify(headers))
})
