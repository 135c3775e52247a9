import { createDatabase, table } from 'plinth'
import type { Contestant } from '../contestant.ts'
import { type Entry, poolSize, type User, userOf } from '../sample.ts'

const users = table<User>('users')
const entries = table<Entry>('entries')

export function plinthQuery(url: string): Contestant {
  const db = createDatabase({ url, pool: { max: poolSize } })
  const readText = 'select id, name, email, age, active, last, joined from users where id = $1'
  const insertText = 'insert into entries (author, note) values ($1, $2) returning id, author, note, made'
  return {
    name: 'Plinth query',
    works: {
      read: async (n) => (await db.query<User>(readText, [userOf(n)])).rows[0],
      insert: async (n) => (await db.query<Entry>(insertText, [userOf(n), `note ${n}`])).rows[0],
      'short transaction': (n) =>
        db.transaction(async (tx) => (await tx.query<Entry>(insertText, [userOf(n), `note ${n}`])).rows[0]),
      transaction: (n) =>
        db.transaction(async (tx) => {
          const user = (await tx.query<User>(readText, [userOf(n)])).rows[0]
          const entry = (await tx.query<Entry>(insertText, [user?.id ?? 0, `note ${n}`])).rows[0]
          await tx.query('update users set last = $1 where id = $2', [entry?.id ?? 0, user?.id ?? 0])
          return entry
        }),
    },
    [Symbol.asyncDispose]: () => db.close(),
  }
}

export function plinthRun(url: string): Contestant {
  const db = createDatabase({ url, pool: { max: poolSize } })
  return {
    name: 'Plinth run',
    works: {
      read: (n) => db.run(users.get(userOf(n))),
      insert: (n) => db.run(entries.insert({ author: userOf(n), note: `note ${n}` })),
      'short transaction': (n) =>
        db.transaction((tx) => tx.run(entries.insert({ author: userOf(n), note: `note ${n}` }))),
      transaction: (n) =>
        db.transaction(async (tx) => {
          const user = await tx.run(users.get(userOf(n)))
          const entry = await tx.run(entries.insert({ author: user.id, note: `note ${n}` }))
          await tx.run(users.updateWhere({ id: user.id }, { last: entry.id }))
          return entry
        }),
    },
    [Symbol.asyncDispose]: () => db.close(),
  }
}
