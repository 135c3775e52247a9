import { sql } from 'drizzle-orm-045'
import { drizzle } from 'drizzle-orm-045/node-postgres'
import { integer, pgTable } from 'drizzle-orm-045/pg-core'
import type { Pool } from 'pg'
import type { Orm } from '../orm.ts'
import { drizzleOrm } from './drizzle-orm.ts'

const item = pgTable('item', { id: integer('id').primaryKey() })

export async function open(pool: Pool): Promise<Orm> {
  return drizzleOrm({ db: drizzle({ client: pool }), item, raw: sql.raw, pool })
}
