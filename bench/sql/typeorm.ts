import pg from 'pg'
import { DataSource, type EntityManager, EntitySchema } from 'typeorm'
import type { Contestant } from '../contestant.ts'
import { type Entry, poolSize, type User, userOf } from '../sample.ts'

const users = new EntitySchema<User>({
  name: 'users',
  columns: {
    id: { type: 'int', primary: true },
    name: { type: 'text' },
    email: { type: 'text' },
    age: { type: 'int' },
    active: { type: 'boolean' },
    last: { type: 'int', nullable: true },
    joined: { type: 'timestamptz' },
  },
})

const entries = new EntitySchema<Entry>({
  name: 'entries',
  columns: {
    id: { type: 'int', primary: true, generated: true },
    author: { type: 'int' },
    note: { type: 'text' },
    made: { type: 'timestamptz', default: () => 'now()' },
  },
})

export async function typeorm(url: string): Promise<Contestant> {
  const extra = { max: poolSize, idleTimeoutMillis: 60_000 }
  const source = new DataSource({ type: 'postgres', driver: pg, url, entities: [users, entries], extra })
  await source.initialize()
  return {
    name: 'TypeORM',
    works: {
      'short transaction': (n) => source.transaction((tx) => insert(tx, userOf(n), `note ${n}`)),
      transaction: (n) =>
        source.transaction(async (tx) => {
          const { id } = await tx.findOneByOrFail(users, { id: userOf(n) })
          const entry = await insert(tx, id, `note ${n}`)
          await tx.update(users, { id }, { last: Number(entry['id']) })
          return entry
        }),
    },
    [Symbol.asyncDispose]: () => source.destroy(),
  }
}

async function insert(tx: EntityManager, author: number, note: string): Promise<Record<string, unknown>> {
  const { generatedMaps } = await tx.insert(entries, { author, note })
  return { author, note, ...generatedMaps[0] }
}
