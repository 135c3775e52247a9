import assert from 'node:assert/strict'
import type { Contestant, Suite, Work, WorkKind } from '../contestant.ts'
import { serviceKey, userOf } from '../sample.ts'
import { HttpClient } from './client.ts'
import { type RemoteServer, startRemote } from './remote.ts'
import { hasPostGraphile, type ServerName } from './servers.ts'

/** The same work in the words of a server. */
interface Requests {
  readonly read: (id: number) => Request
  readonly list: (age: number) => Request
  readonly embed: (id: number) => Request
  readonly insert: (author: number, note: string) => Request
}

interface Request {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: object
}

const rows = 25
const get = (path: string): Request => ({ method: 'GET', path })

const ownRequests: Requests = {
  read: (id) => get(`/users/${id}`),
  list: (age) => get(`/users?age=${age}&limit=${rows}`),
  embed: (id) => get(`/users/${id}/posts`),
  insert: (author, note) => ({ method: 'POST', path: '/entries', body: { author, note } }),
}

const hubRequests: Requests = {
  read: (id) => get(`/users?id=eq.${id}&select=id,name,email,age,active,joined`),
  list: (age) => get(`/users?age=eq.${age}&select=id,name,email,age&order=id&limit=${rows}`),
  embed: (id) => get(`/users?id=eq.${id}&select=id,name,posts(id,title,comments(id,text))`),
  insert: (author, note) => ({
    method: 'POST',
    path: '/entries',
    headers: { prefer: 'return=representation' },
    body: { author, note },
  }),
}

const graphql = (query: string, variables: object): Request => ({
  method: 'POST',
  path: '/graphql',
  headers: { accept: 'application/json' },
  body: { query, variables },
})
const graphRequests: Requests = {
  read: (id) =>
    graphql('query($id: Int!) { userByRowId(rowId: $id) { id: rowId name email age active joined } }', { id }),
  list: (age) =>
    graphql(
      `query($age: Int!) { allUsers(condition: { age: $age }, orderBy: [ROW_ID_ASC], first: ${rows}) {
        nodes { id: rowId name email age } } }`,
      { age },
    ),
  embed: (id) =>
    graphql(
      `query($id: Int!) { userByRowId(rowId: $id) { id: rowId name postsByAuthor { nodes { id: rowId title
        commentsByPost { nodes { id: rowId text } } } } } }`,
      { id },
    ),
  insert: (author, note) =>
    graphql(
      `mutation($author: Int!, $note: String!) {
        createEntry(input: { entry: { author: $author, note: $note } }) { entry { id: rowId author note made } } }`,
      { author, note },
    ),
}

const works: readonly WorkKind[] = [
  { name: 'read', title: 'read one row by key', check: checkRead },
  { name: 'list', title: `read ${rows} rows: filter, order, limit`, check: checkList },
  { name: 'embed', title: 'read a row with two levels of rows inside', check: checkEmbed },
  { name: 'insert', title: 'insert one row, the row returned', check: checkInsert },
]

export interface HubDatabases {
  /** Login that may become `role`, and the URL of that role itself. */
  readonly login: string
  readonly service: string
  readonly role: string
  /** The same tables, and a function that reads the settings of a request: so each request must bring them. */
  readonly readingLogin: string
  /** The same tables among 2,000. */
  readonly largeLogin: string
}

/** Servers in processes of their own; the ratio is to PostgREST's sequence of statements. */
export function httpSuite({ login, service, role, readingLogin }: HubDatabases): Suite {
  type Entry = readonly [title: string, name: ServerName, url: string, requests: Requests]
  const graph: readonly Entry[] = hasPostGraphile ? [['PostGraphile 5', 'postgraphile', login, graphRequests]] : []
  const all: readonly Entry[] = [
    ['four trips', 'four trips', login, ownRequests],
    ['Fastify + pg', 'one trip', service, ownRequests],
    ['Fastify + Drizzle', 'drizzle', service, ownRequests],
    ...graph,
    ['Plinth hub, settings', 'hub', readingLogin, hubRequests],
    ['Plinth hub', 'hub', login, hubRequests],
  ]
  return {
    title: 'Over HTTP',
    baseline: 'four trips',
    works,
    open: () => Promise.all(all.map(([title, name, url, requests]) => contestant(title, name, url, requests, role))),
  }
}

/** What a hub's request costs when there is more that it does not ask for. */
export function growthSuite({ login, largeLogin, role }: HubDatabases): Suite {
  return {
    title: 'Growth',
    baseline: '10 tables, 1 service',
    works: works.filter(({ name }) => name === 'read' || name === 'insert'),
    open: () =>
      Promise.all([
        contestant('10 tables, 1 service', 'hub', login, hubRequests, role),
        contestant('2,000 tables', 'hub', largeLogin, hubRequests, role),
        contestant('1,000 services', 'hub of 1,000 services', login, hubRequests, role),
      ]),
  }
}

async function contestant(
  title: string,
  name: ServerName,
  url: string,
  requests: Requests,
  role: string,
): Promise<Contestant> {
  const server = await startRemote(name, url, role)
  const client = new HttpClient(server.url)
  return {
    name: title,
    works: worksOf(client, requests),
    cpuUsage: () => server.cpuUsage(),
    [Symbol.asyncDispose]: () => stop(client, server),
  }
}

async function stop(client: HttpClient, server: RemoteServer): Promise<void> {
  client.close()
  await server[Symbol.asyncDispose]()
}

function worksOf(client: HttpClient, requests: Requests): Readonly<Record<string, Work>> {
  const send = ({ method, path, headers, body }: Request): Promise<unknown> => {
    const all = { authorization: `Bearer ${serviceKey}`, ...headers }
    return client.send(client.request(method, path, all, body && JSON.stringify(body)))
  }
  return {
    read: (n) => send(requests.read(userOf(n))),
    list: (n) => send(requests.list(18 + (n % 60))),
    embed: (n) => send(requests.embed(userOf(n))),
    insert: (n) => send(requests.insert(userOf(n), `note ${n}`)),
  }
}

function checkRead(seen: unknown, n: number): void {
  const [user] = rowsIn(seen)
  const { joined, ...others } = record(user)
  assert.deepEqual(others, { ...shownUser(userOf(n)), active: true })
  assert.equal(new Date(String(joined)).toISOString(), '2026-01-01T00:00:00.000Z')
}

function checkList(seen: unknown, n: number): void {
  const first = n % 60 === 0 ? 60 : n % 60
  const users = Array.from({ length: rows }, (_, i) => shownUser(first + 60 * i))
  assert.deepEqual(rowsIn(seen), users)
}

function checkEmbed(seen: unknown, n: number): void {
  const id = userOf(n)
  const [user] = rowsIn(seen)
  const { posts } = record(user)
  assert.deepEqual(
    rowsIn(posts).map((post) => record(post)['id']),
    [2 * id - 1, 2 * id],
  )
  const [post] = rowsIn(posts)
  assert.deepEqual(
    rowsIn(record(post)['comments']).map((comment) => record(comment)['text']),
    [`comment ${4 * id - 3}`, `comment ${4 * id - 2}`],
  )
}

function checkInsert(seen: unknown, n: number): void {
  const [entry] = rowsIn(seen)
  const { id, made, ...given } = record(entry)
  assert.ok(Number.isInteger(id) && typeof made === 'string')
  assert.deepEqual(given, { author: userOf(n), note: `note ${n}` })
}

function shownUser(id: number): object {
  return { id, name: `User ${id}`, email: `user${id}@example.com`, age: 18 + (id % 60) }
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  assert.ok(typeof value === 'object' && value !== null, JSON.stringify(value))
  return { ...value }
}

/** Rows as JSON, or as GraphQL wraps them: data, the name of the query, and lists under `nodes`. */
function rowsIn(seen: unknown): readonly unknown[] {
  if (Array.isArray(seen)) return seen
  const reply = record(seen)
  if ('status' in reply) {
    assert.ok(reply['status'] === 200 || reply['status'] === 201, JSON.stringify(reply))
    return rowsIn(JSON.parse(String(reply['body'])))
  }
  if (Array.isArray(reply['nodes'])) return reply['nodes'].map(unwrapped)

  const [only] = Object.values(record(reply['data']))
  const inside = record(only)
  return 'nodes' in inside ? rowsIn(inside) : [unwrapped('entry' in inside ? inside['entry'] : inside)]
}

/** GraphQL names a list after its table and column. */
function unwrapped(row: unknown): unknown {
  const { postsByAuthor, commentsByPost, ...others } = record(row)
  return {
    ...others,
    ...(postsByAuthor === undefined ? {} : { posts: rowsIn(postsByAuthor) }),
    ...(commentsByPost === undefined ? {} : { comments: rowsIn(commentsByPost) }),
  }
}
