import { sql } from 'drizzle-orm-045'
import { drizzle } from 'drizzle-orm-045/node-postgres'
import { integer, pgTable } from 'drizzle-orm-045/pg-core'
import type { Pool } from 'pg'
import { acceptOrm, type Orm, type OrmTransaction } from './acceptance.ts'

const item = pgTable('item', { id: integer('id').primaryKey() })

type Db = ReturnType<typeof open>
type Tx = Parameters<Parameters<Db['transaction']>[0]>[0]

function open(pool: Pool) {
  return drizzle({ client: pool })
}

const inside = (tx: Tx): OrmTransaction => ({
  insert: (id) => tx.insert(item).values({ id }).execute(),
  run: (text) => tx.execute(sql.raw(text)),
  nested: (work) => tx.transaction((inner) => work(inside(inner))),
})

await acceptOrm('Drizzle 0.45', async (pool): Promise<Orm> => {
  const db = open(pool)
  return {
    insert: (id) => db.insert(item).values({ id }).execute(),
    transaction: (work) => db.transaction((tx) => work(inside(tx))),
    close: () => pool.end(),
  }
})
