import assert from 'node:assert/strict'
import pg from 'pg'
import type { Contestant } from '../contestant.ts'
import { type Entry, poolSize, type User, userOf } from '../sample.ts'

const readText = 'select id, name, email, age, active, last, joined from users where id = $1'
const insertText = 'insert into entries (author, note) values ($1, $2) returning id, author, note, made'
const updateText = 'update users set last = $1 where id = $2'

interface Texts {
  readonly read: { readonly text: string; readonly name?: string }
  readonly insert: { readonly text: string; readonly name?: string }
  readonly update: { readonly text: string; readonly name?: string }
}

const unnamed: Texts = { read: { text: readText }, insert: { text: insertText }, update: { text: updateText } }
const named: Texts = {
  read: { text: readText, name: 'read' },
  insert: { text: insertText, name: 'insert' },
  update: { text: updateText, name: 'update' },
}

export function openPool(url: string): pg.Pool {
  // Connections stay as long as Plinth keeps its own; pg's default of 10 s would reconnect between rounds.
  return new pg.Pool({ connectionString: url, max: poolSize, idleTimeoutMillis: 60_000 })
}

export function pgPool(url: string, isNamed: boolean): Contestant {
  const pool = openPool(url)
  const { read, insert, update } = isNamed ? named : unnamed
  return {
    name: isNamed ? 'pg.Pool named' : 'pg.Pool unnamed',
    works: {
      read: async (n) => (await pool.query<User>({ ...read, values: [userOf(n)] })).rows[0],
      insert: async (n) => (await pool.query<Entry>({ ...insert, values: [userOf(n), `note ${n}`] })).rows[0],
      'short transaction': (n) =>
        inTransaction(pool, async (client) => {
          return (await client.query<Entry>({ ...insert, values: [userOf(n), `note ${n}`] })).rows[0]
        }),
      transaction: (n) =>
        inTransaction(pool, async (client) => {
          const user = (await client.query<User>({ ...read, values: [userOf(n)] })).rows[0]
          const entry = (await client.query<Entry>({ ...insert, values: [user?.id, `note ${n}`] })).rows[0]
          await client.query({ ...update, values: [entry?.id, user?.id] })
          return entry
        }),
    },
    [Symbol.asyncDispose]: () => pool.end(),
  }
}

/** As node-postgres documents transactions, with the release it leaves to the reader on a failing rollback. */
async function inTransaction<R>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<R>): Promise<R> {
  const client = await pool.connect()
  try {
    await client.query('begin')
    const result = await work(client)
    await client.query('commit')
    client.release()
    return result
  } catch (error) {
    await client.query('rollback').then(
      () => client.release(),
      (failure: Error) => client.release(failure),
    )
    throw error
  }
}

/**
 * The floor under Plinth's shared lanes: as many bare clients in pg's pipeline mode, no pool, no time limits, no
 * recovery. For reads alone: writes behind each other on one connection would each wait for the disk.
 */
export async function pgPipeline(url: string, lanes: number): Promise<Contestant> {
  const clients = Array.from({ length: lanes }, () => new pg.Client({ connectionString: url, pipeline: true }))
  await Promise.all(clients.map((client) => client.connect()))
  const lane = (n: number): pg.Client => {
    const client = clients[n % lanes]
    assert.ok(client)
    return client
  }
  return {
    name: `${lanes} bare pipelines`,
    works: {
      read: async (n) => (await lane(n).query<User>({ ...named.read, values: [userOf(n)] })).rows[0],
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(clients.map((client) => client.end()))
    },
  }
}
