import { Kysely, PostgresDialect, sql } from 'kysely'
import { acceptOrm, type Orm } from './acceptance.ts'

interface Tables {
  item: { id: number }
}

await acceptOrm('Kysely', async (pool): Promise<Orm> => {
  const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) })
  return {
    insert: (id) => db.insertInto('item').values({ id }).execute(),
    transaction: (work) =>
      db.transaction().execute((tx) =>
        work({
          insert: (id) => tx.insertInto('item').values({ id }).execute(),
          run: (text) => sql.raw(text).execute(tx),
        }),
      ),
    close: () => db.destroy(),
  }
})
