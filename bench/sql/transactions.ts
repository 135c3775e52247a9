import assert from 'node:assert/strict'
import pg from 'pg'
import type { Contestant, Suite } from '../contestant.ts'
import { startDistance } from '../distance.ts'
import { userOf } from '../sample.ts'
import { drizzleBuilder } from './drizzle.ts'
import { kysely } from './kysely.ts'
import { pgPool } from './pg.ts'
import { plinthQuery, plinthRun } from './plinth.ts'
import { prisma } from './prisma.ts'
import { checkEntry, objectOf } from './suite.ts'
import { typeorm } from './typeorm.ts'

/** What a transaction costs beside its statements, near the server and `roundTripMs` away. */
export function transactionSuite(url: string, roundTripMs: number): Suite {
  return {
    title: `Transactions at ${roundTripMs} ms`,
    baseline: 'pg.Pool unnamed',
    works: [
      {
        name: 'short transaction',
        title: '1 statement: insert',
        check: (seen, n) => checkSaved(url, 'select id from entries where author = $1 and id = $2', seen, n),
      },
      {
        name: 'transaction',
        title: '3 statements: read, insert, update',
        check: (seen, n) => checkSaved(url, bothWrites, seen, n),
      },
    ],
    open: () => openContestants(url, roundTripMs),
  }
}

const bothWrites = `
  select e.id from entries e join users u on u.id = e.author and u.last = e.id where u.id = $1 and e.id = $2`

async function openContestants(near: string, roundTripMs: number): Promise<readonly Contestant[]> {
  const line = await startDistance(near, roundTripMs)
  const { url } = line
  const byHand = [pgPool(url, false), pgPool(url, true)]
  const libraries = [drizzleBuilder(url), kysely(url), await prisma(url), await typeorm(url)]
  // What is opened last is closed first, so the line ends after everybody who uses it.
  return [theLine(line), ...byHand, ...libraries, plinthQuery(url), plinthRun(url)]
}

/** Takes no part; the suite closes it with the contestants. */
function theLine(line: AsyncDisposable): Contestant {
  return { name: 'line', works: {}, [Symbol.asyncDispose]: () => Promise.resolve(line[Symbol.asyncDispose]()) }
}

/** Looks past the contestant, on a connection of its own: committed as a whole. */
async function checkSaved(url: string, text: string, seen: unknown, n: number): Promise<void> {
  checkEntry(seen, n)
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const { rows } = await client.query<{ id: number }>(text, [userOf(n), objectOf(seen)['id']])
    assert.equal(rows.length, 1, `operation ${n} was not saved as a whole`)
  } finally {
    await client.end()
  }
}
