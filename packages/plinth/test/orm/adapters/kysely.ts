import { Kysely, PostgresDialect, sql } from 'kysely'
import type { Pool } from 'pg'
import type { Orm } from '../orm.ts'

interface Tables {
  item: { id: number }
}

export async function open(pool: Pool): Promise<Orm> {
  const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) })
  const inside = (handle: Kysely<Tables>): Pick<Orm, 'insert' | 'run'> => ({
    insert: (id) => handle.insertInto('item').values({ id }).execute(),
    run: (text) => sql.raw(text).execute(handle),
  })
  return {
    ...inside(db),
    transaction: (work) => db.transaction().execute((tx) => work(inside(tx))),
    close: () => db.destroy(),
  }
}
