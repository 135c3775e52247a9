import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Condition, Operation, Outputs, Embed } from 'plinth'
import { hashed, keys, testHub } from './support/hub.ts'

const hub = testHub()

interface Way {
  readonly name: string
  /** Runs an operation as the holder of the key and tells how it went. */
  run(operation: Operation, key: string | null): Promise<{ status: number; code: string | undefined; text: string }>
}

/** The same operations through every entry of the hub: what one refuses, the other must. */
const ways: readonly Way[] = [
  {
    name: 'REST',
    run: async (operation, key) => {
      const { method, path, body } = asRest(operation)
      const answer = await hub.ask(method, path, {
        key,
        ...(body === undefined ? {} : { body }),
        headers: { prefer: 'return=representation' },
      })
      return { status: answer.status, code: answer.json?.code, text: answer.text }
    },
  },
  {
    name: '/-/run',
    run: async (operation, key) => {
      const answer = await hub.ask('POST', '/-/run', { key, body: operation })
      return { status: answer.status, code: answer.json?.code, text: answer.text }
    },
  },
]

function outputText(output: Exclude<Outputs, 'all'>[number]): string {
  if ('embed' in output)
    return `${output.embed.name}(${output.columns === 'all' ? '*' : output.columns.map(outputText).join(',')})`
  const name = 'column' in output ? output.column : 'count()'
  return output.as ? `${output.as}:${name}` : name
}

function asRest(operation: Operation): { method: string; path: string; body?: unknown } {
  const { name } = operation.target
  const query = new URLSearchParams()
  const where = 'where' in operation ? operation.where : undefined
  if (typeof where === 'object' && where.kind === 'compare') query.set(where.column, `${where.operator}.${where.value}`)
  const outputs =
    operation.kind === 'select' ? operation.columns : 'returning' in operation ? operation.returning : undefined
  if (outputs !== undefined && outputs !== 'all') query.set('select', outputs.map(outputText).join(','))
  if (operation.kind === 'select' && operation.order)
    query.set('order', operation.order.map(({ column }) => column).join(','))
  const path = `/${name}?${query.toString()}`
  switch (operation.kind) {
    case 'insert':
      return { method: 'POST', path, body: operation.rows }
    case 'update':
      return { method: 'PATCH', path, body: operation.set }
    case 'delete':
      return { method: 'DELETE', path }
    case 'call':
      return { method: 'POST', path: `/rpc/${name}`, body: operation.args }
    default:
      return { method: 'GET', path }
  }
}

const target = (name: string): { name: string } => ({ name })
const equals = (column: string, value: string): Condition => ({ kind: 'compare', column, operator: 'eq', value })
const all = (name: string): Operation => ({ kind: 'select', target: target(name), columns: 'all', result: 'rows' })

const writesTo = (name: string, row: Record<string, string | number>, column: string): readonly Operation[] => [
  { kind: 'insert', target: target(name), rows: [row], returning: 'all', result: 'rows' },
  {
    kind: 'update',
    target: target(name),
    set: { [column]: 'changed' },
    where: equals('id', '1'),
    returning: 'all',
    result: 'rows',
  },
  { kind: 'delete', target: target(name), where: equals('id', '1'), returning: 'all', result: 'rows' },
]

/** Everything a refusal must leave as it was. */
function everything(): Promise<Record<string, unknown>[]> {
  return hub.sql(`select (select json_agg(u order by id) from users u)::text as users,
    (select json_agg(i order by id) from invoices i)::text as invoices,
    (select json_agg(o order by id) from owned o)::text as owned,
    (select json_agg(h order by id) from half h)::text as half, (select count(*) from notes) as notes`)
}

async function refused(
  way: Way,
  operation: Operation,
  key: string | null,
  status: number,
  code: string,
): Promise<void> {
  const before = await everything()
  const answer = await way.run(operation, key)
  assert.deepEqual([operation.kind, answer.status, answer.code], [operation.kind, status, code])
  assert.deepEqual(await everything(), before)
}

for (const way of ways) {
  describe(`access over ${way.name}`, () => {
    test("another service's table is refused for every kind of operation, and nothing changes", async () => {
      for (const operation of [all('invoices'), ...writesTo('invoices', { id: 9, owner: 'x' }, 'owner')])
        await refused(way, operation, keys.backend, 403, '42501')
      for (const operation of [all('users'), ...writesTo('users', { name: 'x' }, 'name')])
        await refused(way, operation, keys.server, 403, '42501')
    })

    test('its own table is served', async () => {
      assert.equal((await way.run(all('users'), keys.backend)).status, 200)
      assert.equal((await way.run(all('invoices'), keys.server)).status, 200)
    })

    test('without a key, or with a wrong one, nothing is served', async () => {
      for (const operation of [all('adults'), all('users'), ...writesTo('users', { name: 'x' }, 'name')]) {
        await refused(way, operation, null, 401, 'PGRST302')
        await refused(way, operation, 'wrong-key', 401, 'PGRST301')
        await refused(way, operation, keys.backend.slice(0, -1), 401, 'PGRST301')
      }
    })

    test('a column hidden by GRANT cannot be read by any use of it', async () => {
      const select = { kind: 'select', target: target('half'), result: 'rows' } as const
      const set = { shown: 'changed' }
      const update = { kind: 'update', target: target('half'), set, result: 'rows' } as const
      const uses: readonly Operation[] = [
        { ...select, columns: 'all' },
        { ...select, columns: [{ column: 'hidden' }] },
        { ...select, columns: [{ column: 'hidden', as: 'shown' }] },
        { ...select, columns: [{ column: 'id' }], where: equals('hidden', 'secret') },
        { ...select, columns: [{ column: 'id' }], order: [{ column: 'hidden' }] },
        { ...update, where: equals('hidden', 'secret'), returning: [{ column: 'id' }] },
        { ...update, where: equals('id', '1'), returning: [{ column: 'hidden' }] },
        {
          kind: 'insert',
          target: target('half'),
          rows: [{ id: 9, hidden: 'x' }],
          returning: [{ column: 'id' }],
          result: 'rows',
        },
      ]
      for (const operation of uses) await refused(way, operation, keys.backend, 403, '42501')
      const shown = await way.run({ ...select, columns: [{ column: 'shown' }] }, keys.backend)
      assert.equal(shown.status, 200)
      assert.doesNotMatch(shown.text, /secret/)
    })

    test('a policy sees the name of the service, and rows of others are as if not there', async () => {
      const before = await everything()
      const read = await way.run(all('owned'), keys.backend)
      assert.equal(read.status, 200)
      assert.doesNotMatch(read.text, /mine|theirs/)
      const [insert, update, remove] = writesTo('owned', { id: 9, owner: 'one' }, 'body')
      assert.ok(insert && update && remove)
      assert.equal((await way.run(insert, keys.backend)).status, 403)
      assert.equal((await way.run(update, keys.backend)).status, 200)
      assert.equal((await way.run(remove, keys.backend)).status, 200)
      assert.deepEqual(await everything(), before)
    })

    test('schemas that are not served are not there, and no name reaches past its schema', async () => {
      const schemas = ['pg_catalog', 'information_schema', 'pg_toast', 'public"."users', 'public.users']
      for (const name of [
        'pg_authid',
        'pg_class',
        'pg_catalog.pg_class',
        'public.users',
        'users"; drop table users; --',
      ])
        await refused(way, all(name), keys.backend, 404, 'PGRST205')
      if (way.name === 'REST') return
      for (const schema of schemas)
        await refused(way, { ...all('pg_class'), target: { schema, name: 'pg_class' } }, keys.backend, 404, 'PGRST205')
      const call: Operation = {
        kind: 'call',
        target: { schema: 'pg_catalog', name: 'pg_ls_dir' },
        args: {},
        result: 'rows',
      }
      await refused(way, call, keys.backend, 404, 'PGRST202')
    })

    test('unknown columns are told in the words of their use', async () => {
      const select = { kind: 'select', target: target('users'), result: 'rows' } as const
      await refused(way, { ...select, columns: [{ column: 'xmin' }] }, keys.backend, 400, '42703')
      await refused(way, { ...select, columns: 'all', where: equals('tableoid', '1') }, keys.backend, 400, '42703')
      await refused(way, { ...select, columns: 'all', order: [{ column: 'ctid' }] }, keys.backend, 400, '42703')
      const [insert] = writesTo('users', { name: 'x', nope: 1 }, 'name')
      assert.ok(insert)
      await refused(way, insert, keys.backend, 400, 'PGRST204')
    })

    test("another service's table is refused in an embed too", async () => {
      await hub.sql(`grant select on notes to ${hub.roles.server}; insert into notes (author) values (1)`)
      const join = { kind: 'columns', on: [['author', 'id']] } as const
      const users = { embed: target('users'), as: 'users', join, rows: 'one', columns: [{ column: 'name' }] } as const
      const columns = [{ column: 'id' }, users]
      const operation: Operation = { kind: 'select', target: target('notes'), columns, result: 'rows' }
      await refused(way, operation, keys.server, 403, '42501')
      assert.equal((await way.run(operation, keys.backend)).status, 200)
      await hub.sql(`revoke select on notes from ${hub.roles.server}; truncate notes`)
    })

    test("functions are the role's too", async () => {
      const touch: Operation = { kind: 'call', target: target('touch'), args: { note: 'x' }, result: 'none' }
      await refused(way, touch, keys.server, 403, '42501')
    })
  })
}

describe('an embed', () => {
  test('reaches no further than its caller, whatever it is used for', async () => {
    const way = ways.find(({ name }) => name === '/-/run')
    assert.ok(way)
    const embed = { embed: target('half'), as: 'x', rows: 'many', columns: [{ column: 'id' }] } as const
    const on = { kind: 'columns', on: [['id', 'id']] } as const
    const select = (more: Partial<Embed>): Operation => ({
      ...{ kind: 'select', target: target('users'), result: 'rows' },
      columns: [{ ...embed, join: on, ...more }],
    })
    const shown = await way.run(select({}), keys.backend)
    assert.equal(shown.status, 200)
    const hidden: readonly Partial<Embed>[] = [
      { columns: [{ column: 'hidden' }] },
      { columns: [], isInner: true, where: equals('hidden', 'secret') },
      { order: [{ column: 'hidden' }] },
      { join: { kind: 'columns', on: [['name', 'hidden']] } },
      { join: { kind: 'through', relation: target('invoices'), on: [['id', 'id']], to: [['id', 'id']] } },
      { embed: target('invoices') },
    ]
    for (const more of hidden) await refused(way, select(more), keys.backend, 403, '42501')
    await refused(way, select({ embed: { schema: 'pg_catalog', name: 'pg_authid' } }), keys.backend, 404, 'PGRST205')
    const asleep = { kind: 'function', function: { schema: 'pg_catalog', name: 'pg_sleep' } } as const
    await refused(way, select({ join: asleep }), keys.backend, 404, 'PGRST205')
    await refused(way, select({ columns: [{ column: 'nope' }] }), keys.backend, 400, '42703')
  })
})

describe('the anonymous role', () => {
  test('reads what it was granted; the rest asks for a login', async () => {
    const open = hub.another({ anonymousRole: hub.roles.anonymous })
    const read = await open.handle(new Request('http://hub/adults?select=name&id=eq.1'))
    assert.deepEqual([read.status, await read.json()], [200, [{ name: 'Ada' }]])
    const before = await everything()
    const other = await open.handle(new Request('http://hub/users', { method: 'DELETE' }))
    assert.deepEqual([other.status, other.headers.get('www-authenticate')], [401, 'Bearer'])
    assert.deepEqual(await everything(), before)
  })

  test('is no way out for a wrong credential', async () => {
    const open = hub.another({ anonymousRole: hub.roles.anonymous })
    for (const authorization of ['Bearer wrong', 'Basic YTpi', 'Bearer', 'Bearer a b', ''])
      assert.equal((await open.handle(new Request('http://hub/adults', { headers: { authorization } }))).status, 401)
  })
})

describe('the key for this run', () => {
  test("acts as the URL's own role and as no other", async () => {
    const own = hub.another({ runKey: 'run-key' })
    const ask = (apikey: string): Promise<Response> =>
      own.handle(new Request('http://hub/users', { headers: { apikey } }))
    // The login role owns nothing and inherits nothing here.
    assert.equal((await ask('run-key')).status, 403)
    assert.equal((await ask('other-key')).status, 401)
    assert.equal((await ask(keys.backend)).status, 200)
  })
})

describe('a caller', () => {
  test('leaves nothing behind for the next one on the same connection', async () => {
    await hub.sql(
      `create function who() returns json language sql stable as $$ select json_build_object('role', current_user,
        'claims', current_setting('request.jwt.claims', true), 'zone', current_setting('TimeZone')) $$;
       grant execute on function who() to public`,
    )
    const mixed = hub.another({ runKey: 'run-key', anonymousRole: hub.roles.anonymous })
    const who = async (headers: Record<string, string>): Promise<string> =>
      (await mixed.handle(new Request('http://hub/rpc/who', { method: 'POST', headers }))).text()
    const callers = [
      [{ apikey: keys.backend, prefer: 'timezone=Asia/Tokyo' }, hub.roles.backend],
      [{ apikey: keys.server }, hub.roles.server],
      [{ apikey: 'run-key' }, hub.roles.login],
      [{}, hub.roles.anonymous],
    ] as const
    const rounds = Array.from({ length: 25 }, () => callers).flat()
    const answers = await Promise.all(rounds.map(([headers]) => who({ ...headers })))
    for (const [at, [headers, role]] of rounds.entries()) {
      const answer = JSON.parse(answers[at] ?? '')
      assert.equal(answer.role, role)
      assert.equal(answer.zone === 'Asia/Tokyo', 'prefer' in headers)
      assert.equal(JSON.parse(answer.claims).role, role === hub.roles.login ? undefined : role)
    }
  })
})

describe('service keys', () => {
  test('are two at once while one is being changed', async () => {
    const changing = hub.another({
      services: { backend: { role: hub.roles.backend, keys: ['old', 'new'].map(hashed) } },
    })
    for (const [key, status] of [
      ['old', 200],
      ['new', 200],
      ['older', 401],
    ] as const) {
      const answer = await changing.handle(
        new Request('http://hub/users', { headers: { authorization: `bearer ${key}` } }),
      )
      assert.equal(answer.status, status)
    }
  })

  test('that are not hashes, and roles that are none, stop the start', () => {
    const make = (role: string, key: string) => () => hub.another({ services: { one: { role, keys: [key] } } })
    const good = `sha256:${'0'.repeat(64)}`
    assert.throws(make('r', 'plain text'), { code: 'InvalidOption' })
    assert.throws(make('r', `sha256:${'0'.repeat(63)}`), { code: 'InvalidOption' })
    assert.throws(make('r', hashed('')), { code: 'InvalidOption' })
    for (const role of ['', 'none', 'NONE']) assert.throws(make(role, good), { code: 'InvalidOption' })
    assert.throws(() => hub.another({ anonymousRole: 'none' }), { code: 'InvalidOption' })
  })
})
