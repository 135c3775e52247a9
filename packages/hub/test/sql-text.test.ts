import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createHub, type Hub } from '@plinth/hub'
import { hashed, keys, testHub } from './support/hub.ts'
import { recordStatements, type Sent } from './support/recorder.ts'
import { signedToken, soon } from './support/token.ts'

const hub = testHub()
const marker = 'canary\'"`\\;--/*$1'
const encoded = encodeURIComponent(marker)
const secret = 'a secret of at least thirty-two bytes'
const quoted = encodeURIComponent(`"${marker.replaceAll(/["\\]/g, '\\$&')}"`)

/** A hub whose statements are written down on their way to the real database. */
function recording(): { hub: Hub; sent: Sent[] } {
  const sent: Sent[] = []
  const database = recordStatements(hub.database, (one) => sent.push(one))
  const services = { backend: { role: hub.roles.backend, keys: [hashed(keys.backend)] } }
  return { hub: createHub({ database, services, jwt: { secret }, dialect: { hasAggregates: true } }), sent }
}

interface Place {
  readonly method?: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
  /** Sent as it is. */
  readonly text?: string
}

const named = { column: 'name' }

/** Every place of a request that its sender writes. */
const places: Readonly<Record<string, Place>> = {
  'the table': { path: `/${encoded}` },
  'a filter value': { path: `/users?name=eq.${encoded}` },
  'a quoted list value': { path: `/users?name=in.(${quoted},x)` },
  'a bare list value': { path: `/users?name=in.(${encodeURIComponent("canary'`;--$1")})` },
  'a pattern': { path: `/users?name=like.${encoded}` },
  'a nested value': { path: `/users?or=(name.eq.${quoted},id.eq.1)` },
  'a value of several': { path: `/users?name=eq(any).{${quoted}}` },
  'a value to be distinct from': { path: `/users?name=isdistinct.${encoded}` },
  'a text search': { path: `/users?name=fts.${encoded}` },
  'a language of a text search': { path: `/users?name=plfts(${encoded}).x` },
  'an element of an array': { path: `/users?tags=cs.{${quoted}}` },
  'what an array overlaps': { path: `/users?tags=ov.${encoded}` },
  'a step into json': { path: `/users?select=extra->${quoted}` },
  'a last step into json': { path: `/users?select=k:extra->>${quoted}` },
  'a step of a filter': { path: `/users?extra->>${quoted}=eq.1` },
  'a step of an order': { path: `/users?order=extra->>${quoted}.desc` },
  'an aggregate': { path: `/users?select=id.${encoded}()` },
  'a cast of an aggregate': { path: `/users?select=id.sum()::${encoded}` },
  'an embed': { path: `/notes?select=id,${quoted}(*)` },
  'a hint of an embed': { path: `/notes?select=id,users!${quoted}(*)` },
  'an alias of an embed': { path: `/notes?select=id,${quoted}:users(name)` },
  'an alias of a spread': { path: `/notes?select=id,...users(${quoted}:name)` },
  'a column of an embed': { path: `/notes?select=id,users(${quoted})` },
  'a filter of an embed': { path: `/notes?select=id,users(name)&users.name=eq.${encoded}` },
  'a filter column of an embed': { path: `/notes?select=id,users(name)&users.${quoted}=eq.1` },
  'an order of an embed': { path: `/notes?select=id,users(name)&users.order=${quoted}` },
  'a limit of an embed': { path: `/users?select=id,notes(id)&notes.limit=${encoded}` },
  'an embed that is null': { path: `/notes?select=id,users()&${quoted}=is.null` },
  'an order by an embed': { path: `/notes?select=id,users(name)&order=users(${quoted})` },
  'an order by an embed of that name': { path: `/notes?select=id,users(name)&order=${quoted}(name)` },
  'a filter column': { path: `/users?${quoted}=eq.1` },
  'a nested column': { path: `/users?or=(${quoted}.eq.1)` },
  'a selected column': { path: `/users?select=${quoted}` },
  'an alias': { path: `/users?select=${quoted}:id` },
  'a cast': { path: `/users?select=id::${encoded}` },
  'an ordering column': { path: `/users?order=${quoted}.desc` },
  'a direction': { path: `/users?order=id.${encoded}` },
  'an operator': { path: `/users?id=${encoded}.1` },
  'a limit': { path: `/users?limit=${encoded}` },
  'an offset': { path: `/users?offset=${encoded}` },
  'a conflict column': {
    method: 'POST',
    path: `/users?on_conflict=${quoted}`,
    body: { name: 'x' },
    headers: { prefer: 'resolution=merge-duplicates' },
  },
  'the columns': { method: 'POST', path: `/users?columns=${quoted}`, body: { name: 'x' } },
  'a key of a row': { method: 'POST', path: '/users', body: { [marker]: 1 } },
  'a value of a row': { method: 'POST', path: '/notes', body: { body: marker } },
  'a set value': { method: 'PATCH', path: '/notes?id=eq.0', body: { body: marker } },
  'a set key': { method: 'PATCH', path: '/notes?id=eq.0', body: { [marker]: 1 } },
  'a returned column': { method: 'PATCH', path: `/notes?id=eq.0&select=${quoted}`, body: { body: 'x' } },
  'a function': { method: 'POST', path: `/rpc/${encoded}`, body: {} },
  'an argument': { method: 'POST', path: '/rpc/touch', body: { note: marker } },
  'a name of an argument': { method: 'POST', path: '/rpc/touch', body: { [marker]: 1 } },
  'an argument in the URL': { path: `/rpc/echo?data=${encoded}` },
  'a row that is put': { method: 'PUT', path: `/pairs?a=eq.1&b=eq.${encoded}`, body: { a: 1, b: 2, label: marker } },
  'a value that is put': { method: 'PUT', path: '/pairs?a=eq.1&b=eq.2', body: { a: 1, b: 2, label: marker } },
  'a value that may be there': {
    method: 'POST',
    path: '/users?on_conflict=email',
    body: { name: marker, email: marker },
    headers: { prefer: 'resolution=merge-duplicates,return=representation' },
  },
  'a value by its default': {
    method: 'POST',
    path: '/notes?columns=body,author',
    body: { body: marker },
    headers: { prefer: 'missing=default' },
  },
  'a column of CSV': { ...csv(), text: `"${marker.replaceAll('"', '""')}"\nx` },
  'a value of CSV': { ...csv(), text: `body\n"${marker.replaceAll('"', '""')}"` },
  'a name of a form': { ...form(), text: `${encoded}=x` },
  'a value of a form': { ...form(), text: `body=${encoded}` },
  'a body of text': {
    method: 'POST',
    path: '/rpc/whole_body',
    headers: { 'content-type': 'text/plain' },
    text: marker,
  },
  'a filter of the rows of a function': { path: `/rpc/older_than?years=1&name=eq.${encoded}` },
  'a column of the rows of a function': { path: `/rpc/one_column?select=${quoted}` },
  'an order of the rows of a function': { path: `/rpc/one_column?order=${quoted}` },
  'an alias of a row of a function': { path: `/rpc/older_than?years=1&select=${quoted}:id` },
  'a step into json of an embed': { path: `/notes?select=id,users(extra->${quoted})` },
  'a filter of all that are embedded': { path: `/users?select=id,notes!inner(id)&notes.or=(body.eq.${quoted})` },
  'an alias of an aggregate': { path: `/users?select=${quoted}:age.sum()` },
  'an alias of a count': { path: `/users?select=${quoted}:count()` },
  'the bound of a range': { path: `/users?tags=sl.${encoded}` },
  'a pattern of several': { path: `/users?name=ilike(all).{${quoted}}` },
  'a regular expression': { path: `/users?name=match.${encoded}` },
  'a profile of a write': { method: 'POST', path: '/notes', body: {}, headers: { 'content-profile': `canary'"` } },
  'how many may be affected': {
    method: 'DELETE',
    path: '/notes?id=eq.0',
    headers: { prefer: `handling=strict,max-affected=canary'` },
  },
  'a parameter of a media type': {
    path: '/users',
    headers: { accept: `application/vnd.pgrst.array+json;nulls=stripped;canary="'"` },
  },
  'a claim of a token': {
    path: '/owned',
    headers: { authorization: `Bearer ${token({ sub: marker, [marker]: marker })}` },
  },
  'the role of a token': { path: '/owned', headers: { authorization: `Bearer ${token({ role: marker })}` } },
  'a profile': { path: '/users', headers: { 'accept-profile': 'canary"; --' } },
  'a time zone': { path: '/users', headers: { prefer: `timezone=canary'"` } },
  'a range': { path: '/users', headers: { range: "canary'" } },
  'a preference': { path: '/users', headers: { prefer: "count=canary', canary" } },
  'a media type': { path: '/users', headers: { accept: "application/json, canary'/x" } },
  'another header': { path: '/users', headers: { 'x-canary': "canary'", cookie: "canary='" } },
  'the table of an operation': run({ target: { name: marker }, columns: 'all' }),
  'the schema of an operation': run({ target: { schema: marker, name: 'users' }, columns: 'all' }),
  'a column of an operation': run({ columns: [{ column: marker }] }),
  'an alias of an operation': run({ columns: [{ column: 'id', as: marker }] }),
  'a cast of an operation': run({ columns: [{ column: 'id', cast: marker }] }),
  'a value of an operation': run({ where: { kind: 'compare', column: 'name', operator: 'eq', value: marker } }),
  'an operator of an operation': run({ where: { kind: 'compare', column: 'name', operator: marker, value: 'x' } }),
  'a direction of an operation': run({ order: [{ column: 'id', direction: marker }] }),
  'a limit of an operation': run({ limit: marker }),
  'steps of an operation': run({
    columns: [place([marker, 'x'])],
    where: { kind: 'is', ...place([marker], {}), value: 'null' },
  }),
  'steps of an order of an operation': run({ order: [place([marker], {})] }),
  'several values of an operation': run({
    where: { ...named, kind: 'compare each', operator: 'eq', quantifier: 'any', values: [marker] },
  }),
  'a quantifier of an operation': run({
    where: { ...named, kind: 'compare each', operator: 'eq', quantifier: marker, values: [] },
  }),
  'a text search of an operation': run({
    where: { ...named, kind: 'search', query: 'fts', value: marker, of: 'text' },
  }),
  'a language of an operation': run({
    where: { ...named, kind: 'search', query: 'wfts', language: marker, value: 'x', of: 'text' },
  }),
  'an aggregate of an operation': run({ columns: [{ column: 'id', aggregate: { name: marker } }] }),
  'a cast of an aggregate of an operation': run({
    columns: [{ column: 'id', aggregate: { name: 'max', cast: marker } }],
  }),
  'an alias of a count of an operation': run({ columns: [{ count: 'rows', as: marker }] }),
  'the relation of an embed of an operation': run({ columns: [notes({ embed: { name: marker } })] }),
  'the name of an embed of an operation': run({ columns: [notes({ as: marker })] }),
  'a column of ours an embed joins by': run({
    columns: [notes({ join: { kind: 'columns', on: [[marker, 'author']] } })],
  }),
  'a column of theirs an embed joins by': run({
    columns: [notes({ join: { kind: 'columns', on: [['id', marker]] } })],
  }),
  'the table between of an embed': run({
    columns: [notes({ join: { kind: 'through', relation: { name: marker }, on: [['id', 'a']], to: [['b', 'id']] } })],
  }),
  'the function of an embed': run({ columns: [notes({ join: { kind: 'function', function: { name: marker } } })] }),
  'a value within an embed': run({
    columns: [notes({ where: { kind: 'compare', column: 'body', operator: 'eq', value: marker } })],
  }),
  'a column within an embed': run({ columns: [notes({ columns: [{ column: marker }] })] }),
  'the embed of a condition': run({ columns: [notes({})], where: { kind: 'embedded', embed: marker, value: 'null' } }),
  'the embed of an order': run({ columns: [notes({})], order: [{ column: 'id', embed: marker }] }),
  'a type of an argument': call({ args: { note: 'x' }, types: { note: marker } }),
  'the variadic argument': call({ args: { note: 'x' }, variadic: marker }),
  'a value of an argument': call({ args: { note: marker } }),
  'a column of a call': call({
    args: { note: 'x' },
    columns: [{ column: 'id', as: 'x', cast: marker }],
    result: 'rows',
  }),
  'a returned step': {
    method: 'POST',
    path: '/-/run',
    body: {
      kind: 'update',
      target: { name: 'users' },
      set: { name: 'x' },
      where: { kind: 'in', column: 'id', values: [] },
      returning: [place([marker])],
      result: 'rows',
    },
  },
}

function csv(): Place {
  return { method: 'POST', path: '/notes', headers: { 'content-type': 'text/csv' } }
}

function form(): Place {
  return { method: 'POST', path: '/notes', headers: { 'content-type': 'application/x-www-form-urlencoded' } }
}

function token(claims: Readonly<Record<string, unknown>>): string {
  return signedToken({ role: hub.roles.backend, exp: soon, ...claims }, { secret })
}

function run(part: Readonly<Record<string, unknown>>): Place {
  const operation = { kind: 'select', target: { name: 'users' }, columns: 'all', result: 'rows', ...part }
  return { method: 'POST', path: '/-/run', body: operation }
}

function place(steps: readonly string[], more: object = { as: 'x' }): object {
  return { column: 'extra', path: { steps, as: 'text' }, ...more }
}

function notes(part: object): object {
  const join = { kind: 'columns', on: [['id', 'author']] }
  return { embed: { name: 'notes' }, as: 'notes', join, rows: 'many', columns: [{ column: 'body' }], ...part }
}

function call(part: object): Place {
  return { method: 'POST', path: '/-/run', body: { kind: 'call', target: { name: 'touch' }, result: 'none', ...part } }
}

/** A name that the sender gives; the only ones that reach SQL text, as quoted identifiers. */
const aliases = new Set([
  'an alias',
  'a step into json',
  'an alias of an embed',
  'an alias of a spread',
  'an alias of an aggregate',
  'an alias of a count',
  'an alias of a row of a function',
  'a step into json of an embed',
  'an alias of an operation',
  'an alias of a count of an operation',
  'the name of an embed of an operation',
])

describe('what the sender writes never becomes SQL', () => {
  // One hub for all of them: a hub of its own would read the catalog for each.
  let shared: ReturnType<typeof recording> | undefined
  for (const [place, { method = 'GET', path, headers = {}, body, text: sent }] of Object.entries(places)) {
    test(`written as ${place}`, async () => {
      const recorder = (shared ??= recording())
      const before = recorder.sent.length
      const response = await recorder.hub.handle(
        new Request(`http://hub${path}`, {
          method,
          headers: { authorization: `Bearer ${keys.backend}`, 'content-type': 'application/json', ...headers },
          body: sent ?? (body === undefined ? null : JSON.stringify(body)),
        }),
      )
      assert.ok(response.status < 500, `${response.status} ${await response.clone().text()}`)
      const texts = recorder.sent.slice(before).map(({ text }) => text)
      const identifier = `"${marker.replaceAll('"', '""')}"`
      if (aliases.has(place)) assert.ok(texts.join('').includes(identifier), 'no statement has the name')
      for (const text of texts) {
        const rest = aliases.has(place) ? text.replaceAll(identifier, '') : text
        assert.ok(!rest.includes('canary'), rest)
      }
    })
  }

  test('and values do reach PostgreSQL, as values', async () => {
    const recorder = recording()
    const headers = { authorization: `Bearer ${keys.backend}` }
    await recorder.hub.handle(new Request(`http://hub/users?name=eq.${encoded}`, { headers }))
    const last = recorder.sent.at(-1)
    assert.equal(last?.values[0], marker)
    assert.equal(last?.settings['role'], hub.roles.backend)
  })

  test('the same shape has the same text, whatever the values', async () => {
    const recorder = recording()
    const headers = { authorization: `Bearer ${keys.backend}` }
    for (const value of ['a', 'b'])
      await recorder.hub.handle(new Request(`http://hub/users?name=eq.${value}&limit=${value.length + 4}`, { headers }))
    const [first, second] = recorder.sent.slice(-2)
    assert.equal(first?.text, second?.text)
  })

  test('one request is one statement', async () => {
    const recorder = recording()
    const headers = {
      authorization: `Bearer ${keys.backend}`,
      prefer: 'count=exact',
      'content-type': 'application/json',
    }
    await recorder.hub.handle(new Request('http://hub/users', { headers }))
    const before = recorder.sent.length
    await recorder.hub.handle(new Request('http://hub/users?id=eq.1', { headers }))
    await recorder.hub.handle(new Request('http://hub/notes', { method: 'POST', headers, body: '{"body":"x"}' }))
    assert.equal(recorder.sent.length - before, 2)
  })
})
