import knex from 'knex'
import { acceptOrm, type Orm, type OrmTransaction } from './acceptance.ts'

const inside = (tx: knex.Knex.Transaction): OrmTransaction => ({
  insert: async (id) => await tx('item').insert({ id }),
  run: async (text) => await tx.raw(text),
  nested: (work) => tx.transaction((inner) => work(inside(inner))),
})

await acceptOrm('Knex', async (pool): Promise<Orm> => {
  const db = knex({ client: 'pg', connectionPool: pool })
  return {
    insert: async (id) => await db('item').insert({ id }),
    transaction: (work) => db.transaction((tx) => work(inside(tx))),
    close: () => db.destroy(),
  }
})
