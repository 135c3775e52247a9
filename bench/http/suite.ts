import assert from 'node:assert/strict'
import { createHub } from '@plinth/hub'
import { createDatabase } from 'plinth'
import type { Contestant, Suite } from '../contestant.ts'
import { poolSize, serviceKey, serviceKeyHash, userOf } from '../sample.ts'
import { HttpClient } from './client.ts'
import { type Server, startHandWritten } from './hand-written.ts'

interface Paths {
  readonly read: (id: number) => string
  readonly list: (age: number) => string
}

const ownPaths: Paths = { read: (id) => `/users/${id}`, list: (age) => `/users?age=${age}&limit=20` }
const hubPaths: Paths = {
  read: (id) => `/users?id=eq.${id}&select=id,name,email,age,active,joined`,
  list: (age) => `/users?age=eq.${age}&select=id,name,email,age&order=id&limit=20`,
}

/** `url` logs in as a role that becomes the service's for each request, `serviceUrl` as the service itself. */
export function httpSuite(url: string, serviceUrl: string): Suite {
  const role = new URL(serviceUrl).username
  return {
    title: 'Over HTTP',
    baseline: 'Fastify + pg',
    works: [
      { name: 'read', title: 'GET one row by key', check: checkRead },
      { name: 'list', title: 'GET 20 rows: filter, order, limit', check: checkList },
      { name: 'insert', title: 'POST one row, the row returned', check: checkInsert },
    ],
    open: async () => [
      contestant('Fastify + pg', await startHandWritten(url, role), ownPaths),
      contestant('Fastify + pg, no role', await startHandWritten(serviceUrl), ownPaths),
      contestant('Plinth hub', await startHub(url, role), hubPaths),
    ],
  }
}

async function startHub(url: string, role: string): Promise<Server> {
  const database = createDatabase({ url, pool: { max: poolSize } })
  const hub = createHub({ database, services: { bench: { role, keys: [`sha256:${serviceKeyHash}`] } } })
  return {
    url: await hub.listen({ port: 0 }),
    [Symbol.asyncDispose]: async () => {
      await hub.close({ deadlineMs: 1000 })
      await database.close()
    },
  }
}

function contestant(name: string, server: Server, paths: Paths): Contestant {
  const client = new HttpClient(server.url)
  const key = { authorization: `Bearer ${serviceKey}` }
  const posting = { ...key, prefer: 'return=representation' }
  return {
    name,
    works: {
      read: (n) => client.send(client.request('GET', paths.read(userOf(n)), key)),
      list: (n) => client.send(client.request('GET', paths.list(18 + (n % 60)), key)),
      insert: (n) =>
        client.send(
          client.request('POST', '/entries', posting, JSON.stringify({ author: userOf(n), note: `note ${n}` })),
        ),
    },
    [Symbol.asyncDispose]: async () => {
      client.close()
      await server[Symbol.asyncDispose]()
    },
  }
}

function checkRead(seen: unknown, n: number): void {
  const id = userOf(n)
  assert.deepEqual(jsonOf(seen, 200), [{ ...shownUser(id), active: true, joined: '2026-01-01T00:00:00+00:00' }])
}

function checkList(seen: unknown, n: number): void {
  const first = n % 60 === 0 ? 60 : n % 60
  assert.deepEqual(
    jsonOf(seen, 200),
    Array.from({ length: 20 }, (_, i) => shownUser(first + 60 * i)),
  )
}

function checkInsert(seen: unknown, n: number): void {
  const row = jsonOf(seen, 201, (rows) => rows[0])
  assert.ok(
    typeof row === 'object' && row !== null && 'id' in row && 'made' in row,
    `no entry: ${JSON.stringify(seen)}`,
  )
  const { id, made, ...given } = row
  assert.ok(Number.isInteger(id) && typeof made === 'string')
  assert.deepEqual(given, { author: userOf(n), note: `note ${n}` })
}

function shownUser(id: number): object {
  return { id, name: `User ${id}`, email: `user${id}@example.com`, age: 18 + (id % 60) }
}

function jsonOf(seen: unknown, status: number, pick = (rows: readonly unknown[]): unknown => rows): unknown {
  assert.ok(typeof seen === 'object' && seen !== null && 'status' in seen && 'body' in seen)
  assert.equal(seen.status, status, String(seen.body))
  const rows: unknown = JSON.parse(String(seen.body))
  assert.ok(Array.isArray(rows))
  return pick(rows)
}
