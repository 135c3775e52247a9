import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { PostgrestClient } from '@supabase/postgrest-js'
import { keys, testHub } from './support/hub.ts'

const hub = testHub()

function client(key: string = keys.backend): PostgrestClient {
  return new PostgrestClient(hub.url, { headers: { Authorization: `Bearer ${key}` } })
}

describe('postgrest-js reads', () => {
  test('columns with aliases and casts, filtered, ordered and limited', async () => {
    const { data, error, status } = await client()
      .from('users')
      .select('id, called:name, balance::text')
      .gt('age', 35)
      .not('active', 'is', false)
      .order('age', { ascending: false })
      .limit(2)
    assert.equal(error, null)
    assert.equal(status, 200)
    assert.deepEqual(data, [
      { id: 2, called: 'Grace', balance: '12345678901234567890.5' },
      { id: 4, called: 'Edsger, W.', balance: '0' },
    ])
  })

  const filters: readonly (readonly [string, (query: any) => any, readonly string[]])[] = [
    ['eq', (query) => query.eq('name', 'Edsger, W.'), ['Edsger, W.']],
    ['neq', (query) => query.neq('id', 1).lte('id', 2), ['Grace']],
    ['gt and lt', (query) => query.gt('age', 41).lt('age', 85), ['Edsger, W.']],
    ['gte and lte', (query) => query.gte('age', 41).lte('age', 72), ['Alan', 'Edsger, W.']],
    [
      'in with quotes, commas and brackets',
      (query) => query.in('name', ['O Hara (x)', 'Edsger, W.', 'no']),
      ['Edsger, W.', 'O Hara (x)'],
    ],
    ['in of numbers', (query) => query.in('id', [1, 3]), ['Ada', 'Alan']],
    ['in of nothing', (query) => query.in('id', []), []],
    ['is null', (query) => query.is('email', null), ['Alan']],
    ['is false', (query) => query.is('active', false), ['Alan']],
    ['not is null', (query) => query.not('age', 'is', null).lt('age', 40), ['Ada']],
    ['like', (query) => query.like('name', 'A%'), ['Ada', 'Alan']],
    ['ilike', (query) => query.ilike('name', '%GRACE%'), ['Grace']],
    ['not in', (query) => query.not('id', 'in', '(1,2,3)'), ['Edsger, W.', 'O Hara (x)']],
    ['or', (query) => query.or('age.lt.37,name.eq."Edsger, W."'), ['Ada', 'Edsger, W.']],
    ['nested or', (query) => query.or('and(age.gt.40,age.lt.50),not.or(id.neq.2)'), ['Grace', 'Alan']],
    ['match', (query) => query.match({ id: 1, name: 'Ada' }), ['Ada']],
    ['filter', (query) => query.filter('email', 'like', '*ada*'), ['Ada']],
  ]
  for (const [name, filter, expected] of filters) {
    test(`filter ${name}`, async () => {
      const { data, error } = await filter(client().from('users').select('name').order('id'))
      assert.equal(error, null)
      assert.deepEqual(
        data,
        expected.map((found) => ({ name: found })),
      )
    })
  }

  test('nulls go where they are told', async () => {
    const first = await client().from('users').select('age').order('age', { nullsFirst: true })
    const last = await client().from('users').select('age').order('age', { ascending: false, nullsFirst: false })
    assert.deepEqual(
      first.data?.map(({ age }) => age),
      [null, 36, 41, 72, 85],
    )
    assert.deepEqual(
      last.data?.map(({ age }) => age),
      [85, 72, 41, 36, null],
    )
  })

  test('a range with its exact count', async () => {
    const { data, count, status } = await client()
      .from('users')
      .select('id', { count: 'exact' })
      .order('id')
      .range(1, 2)
    assert.deepEqual([data, count, status], [[{ id: 2 }, { id: 3 }], 5, 206])
  })

  test('head asks for the count alone', async () => {
    const { data, count, status } = await client().from('users').select('*', { count: 'exact', head: true })
    assert.deepEqual([data, count, status], [null, 5, 200])
  })

  test('single and maybeSingle', async () => {
    const one = await client().from('users').select('name').eq('id', 1).single()
    assert.deepEqual(one.data, { name: 'Ada' })
    const none = await client().from('users').select('name').eq('id', 99).single()
    assert.equal(none.error?.code, 'PGRST116')
    assert.equal(none.status, 406)
    const maybe = await client().from('users').select('name').eq('id', 99).maybeSingle()
    assert.deepEqual([maybe.data, maybe.error], [null, null])
    const many = await client().from('users').select('name').maybeSingle()
    assert.equal(many.error?.code, 'PGRST116')
  })

  test('a view, and a table with an odd name and odd columns', async () => {
    const view = await client().from('adults').select().eq('name', 'Ada')
    assert.deepEqual(view.data, [{ id: 1, name: 'Ada' }])
    const odd = await client().from('odd "table').select('"a.b","we ird",ünï,"select"').eq('"a.b"', 'dot')
    assert.deepEqual(odd.data, [{ 'a.b': 'dot', 'we ird': 'space', ünï: 'uni', select: 's' }])
  })

  test("an unknown table and an unknown column are errors with PostgREST's codes", async () => {
    const table = await client().from('nowhere').select()
    assert.deepEqual([table.status, table.error?.code], [404, 'PGRST205'])
    const column = await client().from('users').select('nope')
    assert.deepEqual([column.status, column.error?.code], [400, '42703'])
  })
})

describe('postgrest-js writes', () => {
  test('insert one, many with different keys, and with defaults', async () => {
    const one = await client().from('notes').insert({ body: 'first' })
    assert.deepEqual([one.status, one.data], [201, null])
    const many = await client()
      .from('users')
      .insert([
        { name: 'New', age: 1 },
        { name: 'Newer', active: false },
      ])
      .select('name,age,active')
    assert.deepEqual(many.data, [
      { name: 'New', age: 1, active: null },
      { name: 'Newer', age: null, active: false },
    ])
    const defaults = await client()
      .from('users')
      .insert(
        [
          { name: 'Newest', age: 2 },
          { name: 'Last', active: false },
        ],
        { defaultToNull: false },
      )
      .select('name,age,active')
    assert.deepEqual(defaults.data, [
      { name: 'Newest', age: 2, active: true },
      { name: 'Last', age: null, active: false },
    ])
    await hub.sql('delete from users where id > 5')
  })

  test('insert and read back as a single object', async () => {
    const { data, error } = await client().from('notes').insert({ body: 'single' }).select('body').single()
    assert.deepEqual([data, error], [{ body: 'single' }, null])
  })

  test('update by filter, counted', async () => {
    const { data, count, status } = await client()
      .from('users')
      .update({ tags: ['x', 'y,z'], extra: { deep: [1, { a: null }] } }, { count: 'exact' })
      .in('id', [1, 2])
      .select('id,tags,extra')

    assert.equal(status, 200)
    assert.equal(count, 2)
    assert.deepEqual(data?.[0], { id: 1, tags: ['x', 'y,z'], extra: { deep: [1, { a: null }] } })
  })

  test('an update of more than one row as a single object is refused and undone', async () => {
    const { error, status } = await client().from('users').update({ age: 7 }).gt('id', 0).select().single()
    assert.deepEqual([status, error?.code, error?.details], [406, 'PGRST116', 'The result contains 5 rows'])
    assert.deepEqual(await hub.sql('select count(*)::int as n from users where age = 7'), [{ n: 0 }])
  })

  test('upsert by primary key, by another key, and ignoring duplicates', async () => {
    const pairs = client().from('pairs')
    await pairs.upsert([
      { a: 1, b: 1, label: 'old' },
      { a: 1, b: 2, label: 'other' },
    ])
    const changed = await client().from('pairs').upsert({ a: 1, b: 1, label: 'new' }).select()
    assert.deepEqual(changed.data, [{ a: 1, b: 1, label: 'new' }])
    const ignored = await client()
      .from('pairs')
      .upsert({ a: 1, b: 1, label: 'newest' }, { ignoreDuplicates: true })
      .select()
    assert.deepEqual(ignored.data, [])
    const byEmail = await client()
      .from('users')
      .upsert({ name: 'Countess', email: 'ada@example.com' }, { onConflict: 'email' })
      .select('id,name')
    assert.deepEqual(byEmail.data, [{ id: 1, name: 'Countess' }])
    assert.deepEqual(await hub.sql('select label from pairs order by b'), [{ label: 'new' }, { label: 'other' }])
    await hub.sql(`update users set name = 'Ada' where id = 1`)
  })

  test('delete by filter, read back', async () => {
    await hub.sql(`insert into pairs values (9, 1, 'x'), (9, 2, 'y')`)
    const { data, count } = await client().from('pairs').delete({ count: 'exact' }).eq('a', 9).select('b')
    assert.deepEqual([data, count], [[{ b: 1 }, { b: 2 }], 2])
  })

  test('a violated constraint says which', async () => {
    const { error, status } = await client().from('users').insert({ name: 'Twin', email: 'grace@example.com' })
    assert.deepEqual([status, error?.code], [409, '23505'])
    assert.match(error?.details ?? '', /grace@example\.com/)
  })
})

describe('postgrest-js calls functions', () => {
  test('by POST, by GET and by HEAD', async () => {
    assert.equal((await client().rpc('add', { a: 2, b: 3 })).data, 5)
    assert.equal((await client().rpc('add', { a: 2 })).data, 3)
    assert.equal((await client().rpc('add', { a: 2, b: 3 }, { get: true })).data, 5)
    const head = await client().rpc('ids', {}, { head: true, count: 'exact' })
    assert.deepEqual([head.data, head.count, head.status], [null, 5, 200])
  })

  test('that return sets, rows, nothing, JSON and arrays', async () => {
    assert.deepEqual((await client().rpc('ids')).data, [1, 2, 3, 4, 5])
    assert.deepEqual((await client().rpc('one_column')).data, [{ x: 1 }, { x: 2 }])
    assert.equal((await client().rpc('first_user')).data.name, 'Ada')
    assert.deepEqual(
      (await client().rpc('older_than', { years: 80 })).data?.map(({ id }: { id: number }) => id),
      [2],
    )
    const nothing = await client().rpc('touch', { note: 'by rpc' })
    assert.deepEqual([nothing.status, nothing.data, nothing.error], [204, null, null])
    assert.deepEqual((await client().rpc('echo', { data: [1, { a: 'b' }] })).data, [1, { a: 'b' }])
    assert.equal((await client().rpc('total', { list: [1, 2, 3] })).data, 6)
    assert.equal((await client().rpc('total', { list: [4, 5] }, { get: true })).data, 9)
  })
})
