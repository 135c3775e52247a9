import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keys, testHub } from './support/hub.ts'

const schema = '日本'
const hub = testHub(() => ({ schemas: ['public', schema] }))

test('a schema whose name is not Latin is chosen by the bytes of its name, and left out of the answer', async () => {
  await hub.sql(`create schema "${schema}"; create table "${schema}".cities (id int primary key);
    grant usage on schema "${schema}" to ${hub.roles.backend}; grant all on "${schema}".cities to ${hub.roles.backend}`)
  const profile = Buffer.from(schema).toString('latin1')
  const authorization = `Bearer ${keys.backend}`
  const written = await fetch(`${hub.url}/cities`, {
    method: 'POST',
    body: '{"id":1}',
    headers: {
      authorization,
      'content-type': 'application/json',
      'content-profile': profile,
      prefer: 'return=representation',
    },
  })
  assert.deepEqual([written.status, await written.json()], [201, [{ id: 1 }]])
  assert.equal(written.headers.get('content-profile'), null)
  const read = await fetch(`${hub.url}/cities`, { headers: { authorization, 'accept-profile': profile } })
  assert.deepEqual([read.status, await read.json()], [200, [{ id: 1 }]])
  const other = await fetch(`${hub.url}/cities`, { headers: { authorization, 'accept-profile': 'public' } })
  assert.equal(other.status, 404)
})
