import { sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { integer, pgTable } from 'drizzle-orm/pg-core'
import type { Pool } from 'pg'
import type { Orm } from '../orm.ts'
import { drizzleOrm } from './drizzle-orm.ts'

const item = pgTable('item', { id: integer().primaryKey() })

export async function open(pool: Pool): Promise<Orm> {
  return drizzleOrm({ db: drizzle({ client: pool }), item, raw: sql.raw, pool })
}
