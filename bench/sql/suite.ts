import assert from 'node:assert/strict'
import type { Contestant, Suite } from '../contestant.ts'
import { userOf } from '../sample.ts'
import { drizzleBuilder, drizzlePrepared } from './drizzle.ts'
import { kysely } from './kysely.ts'
import { pgPipeline, pgPool } from './pg.ts'
import { plinthQuery, plinthRun } from './plinth.ts'

export function sqlSuite(url: string): Suite {
  return {
    title: 'In process',
    baseline: 'pg.Pool unnamed',
    works: [
      { name: 'read', title: 'point reads by key', check: checkUser },
      { name: 'insert', title: 'single inserts, the row returned', check: checkEntry },
      {
        name: 'mixed',
        title: '4 point reads to 1 insert',
        check: (seen, n) => (isInsert(n) ? checkEntry(seen, n) : checkUser(seen, n)),
      },
    ],
    open: async () => {
      const alike = [pgPool(url, false), pgPool(url, true), drizzleBuilder(url), drizzlePrepared(url), kysely(url)]
      const ours = [plinthQuery(url), plinthRun(url)]
      return [...[...alike, ...ours].map(withMixed), await pgPipeline(url, 2)]
    },
  }
}

/** Reads beside writes: a read must not wait for the disk because an insert went before it on the same connection. */
function withMixed(contestant: Contestant): Contestant {
  const { read, insert } = contestant.works
  assert.ok(read && insert)
  return { ...contestant, works: { ...contestant.works, mixed: (n) => (isInsert(n) ? insert(n) : read(n)) } }
}

function isInsert(n: number): boolean {
  return n % 5 === 0
}

function checkUser(seen: unknown, n: number): void {
  const id = userOf(n)
  const { last: _, ...user } = objectOf(seen)
  assert.deepEqual(user, {
    id,
    name: `User ${id}`,
    email: `user${id}@example.com`,
    age: 18 + (id % 60),
    active: true,
    joined: new Date('2026-01-01T00:00:00Z'),
  })
}

export function checkEntry(seen: unknown, n: number): void {
  const { id, made, ...given } = objectOf(seen)
  assert.ok(Number.isInteger(id) && made instanceof Date)
  assert.deepEqual(given, { author: userOf(n), note: `note ${n}` })
}

export function objectOf(value: unknown): Record<string, unknown> {
  assert.ok(typeof value === 'object' && value !== null, `no row: ${JSON.stringify(value)}`)
  return { ...value }
}
