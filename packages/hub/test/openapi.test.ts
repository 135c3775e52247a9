import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import type { HubOptions } from '@plinth/hub'
import { Validator } from '@seriousme/openapi-schema-validator'
import { ask, type Answered, hashed, keys, testHub } from './support/hub.ts'

const hub = testHub(({ anonymous }) => ({ anonymousRole: anonymous }))

const described = `
  comment on schema public is E'Library\\n\\nBooks and who lent them.';
  create type state as enum ('lent', 'there');
  create domain isbn as varchar(13);
  create table books (
    id int generated always as identity primary key, isbn isbn not null, title varchar(80) not null default 'it''s',
    state state, pages int default 10, price numeric(6, 2), cover bytea, added timestamptz default now(),
    dimensions int[], more jsonb, author bigint references users);
  comment on table books is E'All books\\nEvery copy once.';
  comment on column books.title is 'As on the cover';
  create table failure (id int);
  create function lend(book int, days int default 14) returns setof books language sql volatile as
    'select * from books';
  comment on function lend is E'Lends a book\\nFor two weeks.';
  create function whole(json) returns void language sql as '';
  create function unnamed(int) returns int language sql immutable as 'select $1';`

function document(options: Partial<HubOptions> = {}, key: string | null = keys.backend): Promise<Answered> {
  return ask(hub.another(options), 'GET', '/', { key })
}

/** Its schema of OpenAPI is compiled once. */
const validator = new Validator()

async function errorsOf(json: Answered['json']): Promise<unknown> {
  const { valid, errors } = await validator.validate(json)
  return valid ? undefined : errors
}

describe('the document at the root', () => {
  let all: Answered['json']
  before(async () => {
    await hub.sql(described)
    await hub.sql(`grant all on books, failure to ${hub.roles.backend}`)
    all = (await document()).json
  })

  test('is valid OpenAPI 3.1, whatever the tables are called', async () => {
    assert.equal(all.openapi, '3.1.0')
    assert.equal(await errorsOf(all), undefined)
    assert.ok(all.paths['/odd%20%22table'].get)
    const { $ref } = all.paths['/odd%20%22table'].get.responses[200].content['application/json'].schema.items
    assert.ok(all.components.schemas[$ref.split('/').pop()])
  })

  test('names what the schema comment says, and takes comments as summary and description', () => {
    assert.deepEqual(all.info, { title: 'Library', version: '1', description: 'Books and who lent them.' })
    const { summary, description } = all.paths['/books'].get
    assert.deepEqual({ summary, description }, { summary: 'All books', description: 'Every copy once.' })
    assert.equal(all.paths['/rpc/lend'].post.summary, 'Lends a book')
  })

  test('tells of each column its type, limit, labels, default and keys', () => {
    assert.deepEqual(all.components.schemas.books.properties, {
      id: { type: 'integer', format: 'int32', readOnly: true, description: 'Part of the primary key.' },
      isbn: { type: 'string', maxLength: 13 },
      title: { type: 'string', maxLength: 80, default: "it's", description: 'As on the cover' },
      state: { type: ['string', 'null'], enum: ['lent', 'there', null] },
      pages: { type: ['integer', 'null'], format: 'int32', default: 10 },
      price: { type: ['number', 'null'], format: 'numeric' },
      cover: { type: ['string', 'null'], format: 'bytea' },
      added: { type: ['string', 'null'], format: 'date-time' },
      dimensions: { type: ['array', 'null'], items: { type: 'integer', format: 'int32' } },
      more: {},
      author: { type: ['integer', 'null'], format: 'int64', description: 'Refers to users.id.' },
    })
    const [one] = all.paths['/books'].post.requestBody.content['application/json'].schema.anyOf
    assert.deepEqual(one, { allOf: [{ $ref: '#/components/schemas/books' }, { required: ['isbn'] }] })
  })

  test('tells of each function its arguments and its result, and of none that cannot be called', async () => {
    const { post, get } = all.paths['/rpc/lend']
    assert.equal(get, undefined)
    assert.deepEqual(post.requestBody.content['application/json'].schema, {
      type: 'object',
      properties: { book: { type: 'integer', format: 'int32' }, days: { type: 'integer', format: 'int32' } },
      required: ['book'],
    })
    assert.deepEqual(post.responses[200].content['application/json'].schema, {
      type: 'array',
      items: { $ref: '#/components/schemas/books' },
    })
    assert.ok(all.paths['/rpc/whole'].post.responses[204])
    assert.equal(all.paths['/rpc/unnamed'], undefined)
    assert.equal(all.paths['/rpc/add'].get.parameters.length, 2)
    assert.equal(all.paths['/rpc/twins'].post.requestBody.content['application/json'].schema.anyOf.length, 2)
  })

  test('shows a role what it may use: tables, columns, methods, functions', async () => {
    assert.equal(all.paths['/invoices'], undefined)
    assert.deepEqual(Object.keys(all.paths['/half']), ['get', 'post', 'patch'])
    assert.deepEqual(Object.keys(all.components.schemas.half.properties), ['id', 'shown'])
    const { json } = await document({}, null)
    const open = Object.keys(json.paths).filter((path) => !path.startsWith('/rpc/'))
    assert.deepEqual(open, ['/adults'])
    assert.deepEqual(Object.keys(json.paths['/adults']), ['get'])
    assert.equal(json.paths['/rpc/add'], undefined)
    assert.equal(await errorsOf(json), undefined)
    const server = await document({}, keys.server)
    assert.ok(server.json.paths['/invoices'].delete)
  })

  test('shows everything when privileges are to be ignored, but what the configuration hides', async () => {
    const { json } = await document({ dialect: { openApi: 'ignore-privileges' } }, null)
    assert.ok(json.paths['/invoices'].get)
    assert.deepEqual(Object.keys(json.components.schemas.half.properties), ['id', 'shown', 'hidden'])
    const allow = { tables: { books: { operations: ['select'], columns: ['id', 'title'] } } } as const
    const services = { backend: { role: hub.roles.backend, keys: [hashed(keys.backend)], allow } }
    const narrow = await document({ services })
    assert.deepEqual(Object.keys(narrow.json.paths), ['/books'])
    assert.deepEqual(Object.keys(narrow.json.paths['/books']), ['get'])
    assert.deepEqual(Object.keys(narrow.json.components.schemas.books.properties), ['id', 'title'])
  })

  test('says how to log in, and where', async () => {
    assert.equal(all.components.securitySchemes.token.scheme, 'bearer')
    assert.deepEqual(all.servers, [{ url: '/' }])
    const url = 'https://api.example.com/'
    const { json } = await document({ dialect: { isPostgrest: true, openApiUrl: url } })
    assert.equal(json.components.securitySchemes, undefined)
    assert.deepEqual(json.servers, [{ url }])
  })

  test('is made once for a role, and anew with the next catalog', async () => {
    const again = hub.another({})
    const paths = async (): Promise<object> => (await ask(again, 'GET', '/')).json.paths
    assert.ok(!('/invoices' in (await paths())))
    await hub.sql(`grant select on invoices to ${hub.roles.backend}`)
    assert.ok(!('/invoices' in (await paths())))
    await hub.sql('create table newer (id int)')
    await ask(again, 'GET', '/newer')
    assert.ok('/invoices' in (await paths()))
  })
})

describe('a request for the root', () => {
  test('is answered in the type it accepts, with HEAD without a body', async () => {
    const type = async (accept?: string): Promise<string | null> =>
      (await ask(hub.hub, 'GET', '/', accept === undefined ? {} : { headers: { accept } })).headers.get('content-type')
    for (const accept of [undefined, '', '*/*'])
      assert.equal(await type(accept), 'application/openapi+json; charset=utf-8')
    assert.equal(await type('text/html, application/json;q=0.9'), 'application/json; charset=utf-8')
    assert.equal((await ask(hub.hub, 'GET', '/', { headers: { accept: 'text/csv' } })).json.code, 'PGRST107')
    const { status, text } = await ask(hub.hub, 'HEAD', '/')
    assert.deepEqual([status, text], [200, ''])
  })

  test('that would write is 405, and one for a schema that is not served 406', async () => {
    assert.equal((await ask(hub.hub, 'POST', '/', { body: {} })).status, 405)
    assert.equal((await ask(hub.hub, 'GET', '/', { headers: { 'accept-profile': 'other' } })).json.code, 'PGRST106')
  })

  test('is refused, as any other, in a role that the hub may not take, and where the function in front refuses', async () => {
    const { login, server } = hub.roles
    await hub.sql(`create function nobody() returns void language plpgsql as
      $$ begin if current_user <> '${server}' then raise insufficient_privilege using message = 'not you'; end if; end $$`)
    for (const [role, code] of [
      ['postgres', '42501'],
      ['nobody_at_all', '22023'],
    ] as const) {
      const { status, json } = await document({ anonymousRole: role }, null)
      assert.deepEqual([status, json.code], [401, code], role)
    }
    assert.equal((await document({ anonymousRole: login }, null)).status, 200)
    const dialect = { preRequest: { schema: 'public', name: 'nobody' } }
    const { status, json } = await document({ dialect })
    assert.deepEqual([status, json.message], [403, 'not you'])
    assert.equal((await document({ dialect }, keys.server)).status, 200)
  })

  test('is 404 when there is no document', async () => {
    const { status, json } = await document({ dialect: { openApi: 'disabled' } })
    assert.deepEqual([status, json.code], [404, 'PGRST126'])
  })
})
