import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Operation } from 'plinth'
import type { Dialect } from '../src/dialect.ts'
import { type Answered, ask, testHub } from './support/hub.ts'

const hub = testHub()
const users = { name: 'users' }
const idOf = { column: 'id' } as const

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

  test('writes one value of xml as PostgreSQL shows it', async () => {
    await hub.sql(`create domain "text/xml" as xml;
      create function page() returns "text/xml" language sql immutable as $$ select E'\\n<p>hello</p>'::xml $$`)
    const page = await hub.ask('GET', '/rpc/page', { headers: { accept: 'text/xml' } })
    assert.deepEqual([page.status, page.text], [200, '<p>hello</p>'])
  })

  test('makes or changes the one row that a PUT names by its key', async () => {
    const headers = { prefer: 'return=representation' }
    const put = (url: string, body: unknown): ReturnType<typeof hub.ask> => hub.ask('PUT', url, { body, headers })
    assert.equal((await put('/pairs?a=eq.7&b=eq.7', { a: 7, b: 7, label: 'new' })).status, 201)
    assert.equal((await put('/pairs?a=eq.7&b=eq.7', { a: 7, b: 7, label: 'changed' })).status, 200)
    assert.equal((await put('/pairs?a=eq.7&b=eq.7', { a: 7, b: 8 })).json.code, 'PGRST115')
    for (const filters of ['a=eq.7', 'a=eq.7&b=gt.7', 'and=(a.eq.7,b.eq.7)', 'ghost=eq.7'])
      assert.equal((await put(`/pairs?${filters}`, { a: 7, b: 8 })).json.code, 'PGRST105', filters)
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

describe('an operation sent to /-/run is held to the dialect too', () => {
  const run = (dialect: Partial<Dialect>, body: Operation): Promise<Answered> =>
    ask(hub.another({ dialect }), 'POST', '/-/run', { body })
  const ids = { kind: 'select', target: users, columns: [idOf], order: [idOf], result: 'rows' } as const

  test('has no more rows than an answer may, and no page that would end before the last', async () => {
    const call = { kind: 'call', args: {}, result: 'rows' } as const
    for (const operation of [
      ids,
      { ...ids, limit: 4 },
      { ...call, target: { name: 'older_than' }, args: { years: 1 }, columns: [idOf] },
      { ...call, target: { name: 'ids' } },
    ] satisfies readonly Operation[]) {
      const { json, text } = await run({ maxRows: 2 }, operation)
      assert.deepEqual(json.rows?.length, 2, text)
    }
    const page = (size: number): Operation => ({ ...ids, limit: size + 1, result: { size, cursorColumns: 1 } })
    assert.equal((await run({ maxRows: 2 }, page(1))).json.rows.length, 2)
    assert.equal((await run({ maxRows: 2 }, page(2))).json.plinth.code, 'InvalidOperation')
    const embed = {
      embed: users,
      as: 'all',
      join: { kind: 'columns', on: [['active', 'active']] },
      rows: 'many',
    } as const
    const nested: Operation = { ...ids, columns: [{ ...embed, columns: [idOf] }], limit: 1 }
    assert.equal(JSON.parse((await run({ maxRows: 2 }, nested)).json.rows[0][0]).length, 2)
  })

  test('writes all rows that it is given, and undoes them where transactions end so', async () => {
    const rows = [1, 2, 3].map((b) => ({ a: 50, b }))
    const target = { name: 'pairs' }
    const insert: Operation = { kind: 'insert', target, rows, returning: 'all', result: 'rows' }
    const written = async (dialect: Partial<Dialect>): Promise<unknown> => {
      assert.equal((await run({ maxRows: 2, ...dialect }, insert)).json.rows.length, 3)
      return (await hub.sql('select count(*)::int as n from pairs where a = 50'))[0]?.['n']
    }
    assert.equal(await written({ transactionEnd: 'rollback' }), 0)
    assert.equal(await written({ transactionEnd: 'rollback-allow-override' }), 0)
    assert.equal(await written({ transactionEnd: 'commit' }), 3)
  })

  test('has no aggregates where there are none', async () => {
    const max = { column: 'age', aggregate: { name: 'max' } } as const
    const join = { kind: 'columns', on: [['id', 'author']] } as const
    const notes = { embed: { name: 'notes' }, as: 'notes', join, rows: 'many' } as const
    for (const output of [max, { count: 'rows' }, { ...notes, columns: [{ count: 'rows' }] }] as const) {
      const operation: Operation = { kind: 'select', target: users, columns: [output], result: 'rows' }
      assert.equal((await run({}, operation)).json.code, 'PGRST123')
      assert.equal((await run({ hasAggregates: true }, operation)).status, 200)
    }
  })

  test('writes nothing by reading', async () => {
    await hub.sql(`create function leave_note() returns int language sql volatile as
        $$ insert into notes (body) values ('left') returning id $$;
      create view leaving as select 1 as id, leave_note() as note;
      grant select on leaving to ${hub.roles.backend}; grant execute on function leave_note() to ${hub.roles.backend}`)
    const target = { name: 'leaving' }
    const where = { kind: 'compare', column: 'note', operator: 'gt', value: '0' } as const
    assert.equal((await run({}, { kind: 'select', target, columns: 'all', result: 'rows' })).json.code, '25006')
    assert.equal((await run({}, { kind: 'count', target, where, result: 'count' })).json.code, '25006')
    await hub.sql('drop view leaving; drop function leave_note')
  })
})
