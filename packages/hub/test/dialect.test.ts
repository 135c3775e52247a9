import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { testHub } from './support/hub.ts'

const hub = testHub()

describe('the dialect around its queries', () => {
  test('takes rows as CSV and as a form', async () => {
    const csv = { 'content-type': 'text/csv', prefer: 'return=representation' }
    const made = await hub.ask('POST', '/pairs', { text: 'a,b,label\n1,1,"x,""y"\n1,2,NULL\n', headers: csv })
    assert.deepEqual(made.json, [
      { a: 1, b: 1, label: 'x,"y' },
      { a: 1, b: 2, label: null },
    ])
    const uneven = await hub.ask('POST', '/pairs', { text: 'a,b\n1\n', headers: csv })
    assert.deepEqual([uneven.status, uneven.json.code], [400, 'PGRST102'])
    const form = { 'content-type': 'application/x-www-form-urlencoded' }
    assert.equal((await hub.ask('POST', '/pairs', { text: 'a=2&b=2&label=a+b', headers: form })).status, 201)
  })

  test('writes rows as CSV, and without nulls', async () => {
    const csv = await hub.ask('GET', '/users?select=id,name&id=eq.4', { headers: { accept: 'text/csv' } })
    assert.deepEqual(
      [csv.text, csv.headers.get('content-type')],
      ['id,name\n4,"Edsger, W."', 'text/csv; charset=utf-8'],
    )
    const accept = 'application/vnd.pgrst.object+json;nulls=stripped'
    const { json } = await hub.ask('GET', '/users?select=id,email&id=eq.3', { headers: { accept } })
    assert.deepEqual(json, { id: 3 })
  })

  test('makes or changes the one row that a PUT names by its key', async () => {
    const headers = { prefer: 'return=representation' }
    const put = (url: string, body: unknown): ReturnType<typeof hub.ask> => hub.ask('PUT', url, { body, headers })
    assert.equal((await put('/pairs?a=eq.7&b=eq.7', { a: 7, b: 7, label: 'new' })).status, 201)
    assert.equal((await put('/pairs?a=eq.7&b=eq.7', { a: 7, b: 7, label: 'changed' })).status, 200)
    assert.equal((await put('/pairs?a=eq.7&b=eq.7', { a: 7, b: 8 })).json.code, 'PGRST115')
    assert.equal((await put('/pairs?a=eq.7', { a: 7, b: 8 })).json.code, 'PGRST105')
    assert.equal((await put('/pairs?a=eq.7&b=eq.7&limit=1', { a: 7, b: 7 })).json.code, 'PGRST114')
    assert.deepEqual(await hub.sql('select b, label from pairs where a = 7'), [{ b: 7, label: 'changed' }])
  })

  test('says by OPTIONS what can be asked, and answers a browser of another site without a key', async () => {
    assert.match((await hub.ask('OPTIONS', '/users')).headers.get('allow') ?? '', /^OPTIONS,GET,HEAD,POST,PUT/)
    assert.equal((await hub.ask('OPTIONS', '/rpc/touch')).headers.get('allow'), 'OPTIONS,POST')
    const headers = { origin: 'http://a.test', 'access-control-request-method': 'POST' }
    const preflight = await hub.ask('OPTIONS', '/users', { key: null, headers })
    assert.deepEqual([preflight.status, preflight.headers.get('access-control-allow-origin')], [200, '*'])
  })
})
