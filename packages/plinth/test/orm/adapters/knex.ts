import knex from 'knex'
import type { Pool } from 'pg'
import type { Orm, OrmTransaction } from '../orm.ts'

const inside = (tx: knex.Knex.Transaction): OrmTransaction => ({
  insert: async (id) => await tx('item').insert({ id }),
  run: async (text) => await tx.raw(text),
  nested: (work) => tx.transaction((inner) => work(inside(inner))),
})

export async function open(pool: Pool): Promise<Orm> {
  const db = knex({ client: 'pg', connectionPool: pool })
  return {
    insert: async (id) => await db('item').insert({ id }),
    run: async (text) => await db.raw(text),
    transaction: (work) => db.transaction((tx) => work(inside(tx))),
    close: () => db.destroy(),
  }
}
