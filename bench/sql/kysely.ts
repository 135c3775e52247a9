import { type Generated, Kysely, PostgresDialect } from 'kysely'
import type { Contestant } from '../contestant.ts'
import { type User, userOf } from '../sample.ts'
import { openPool } from './pg.ts'

interface Tables {
  users: User
  entries: { id: Generated<number>; author: number; note: string; made: Generated<Date> }
}

export function kysely(url: string): Contestant {
  const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool: openPool(url) }) })
  return {
    name: 'Kysely',
    works: {
      read: (n) => db.selectFrom('users').selectAll().where('id', '=', userOf(n)).executeTakeFirst(),
      insert: (n) =>
        db
          .insertInto('entries')
          .values({ author: userOf(n), note: `note ${n}` })
          .returningAll()
          .executeTakeFirst(),
      'short transaction': (n) =>
        db.transaction().execute((tx) => {
          const insert = tx.insertInto('entries').values({ author: userOf(n), note: `note ${n}` })
          return insert.returningAll().executeTakeFirst()
        }),
      transaction: (n) =>
        db.transaction().execute(async (tx) => {
          const user = await tx.selectFrom('users').selectAll().where('id', '=', userOf(n)).executeTakeFirstOrThrow()
          const entry = await tx
            .insertInto('entries')
            .values({ author: user.id, note: `note ${n}` })
            .returningAll()
            .executeTakeFirstOrThrow()
          await tx.updateTable('users').set({ last: entry.id }).where('id', '=', user.id).execute()
          return entry
        }),
    },
    [Symbol.asyncDispose]: () => db.destroy(),
  }
}
