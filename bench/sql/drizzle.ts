import { eq, sql } from 'drizzle-orm'
import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres'
import { boolean, integer, pgTable, text, timestamp } from 'drizzle-orm/pg-core'
import type { Contestant } from '../contestant.ts'
import { userOf } from '../sample.ts'
import { openPool } from './pg.ts'

const users = pgTable('users', {
  id: integer().primaryKey(),
  name: text().notNull(),
  email: text().notNull(),
  age: integer().notNull(),
  active: boolean().notNull(),
  last: integer(),
  joined: timestamp({ withTimezone: true }).notNull(),
})

const entries = pgTable('entries', {
  id: integer().primaryKey().generatedAlwaysAsIdentity(),
  author: integer().notNull(),
  note: text().notNull(),
  made: timestamp({ withTimezone: true }).notNull().defaultNow(),
})

export function drizzleBuilder(url: string): Contestant {
  const pool = openPool(url)
  const db = drizzle({ client: pool })
  return {
    name: 'Drizzle',
    works: {
      read: async (n) =>
        (
          await db
            .select()
            .from(users)
            .where(eq(users.id, userOf(n)))
        )[0],
      insert: async (n) =>
        (
          await db
            .insert(entries)
            .values({ author: userOf(n), note: `note ${n}` })
            .returning()
        )[0],
      'short transaction': (n) =>
        db.transaction(async (tx) => {
          const values = { author: userOf(n), note: `note ${n}` }
          return (await tx.insert(entries).values(values).returning())[0]
        }),
      transaction: (n) =>
        db.transaction(async (tx) => {
          const [user] = await tx
            .select()
            .from(users)
            .where(eq(users.id, userOf(n)))
          const id = user?.id ?? 0
          const [entry] = await tx
            .insert(entries)
            .values({ author: id, note: `note ${n}` })
            .returning()
          await tx
            .update(users)
            .set({ last: entry?.id ?? 0 })
            .where(eq(users.id, id))
          return entry
        }),
    },
    [Symbol.asyncDispose]: () => pool.end(),
  }
}

/**
 * Drizzle with what it offers for speed: `prepare` once and `execute` often, and rows mapped by generated code. What is
 * prepared belongs to the database it was built on, so in a transaction it is built anew; its name still saves the
 * server the parsing.
 */
export function drizzlePrepared(url: string): Contestant {
  const pool = openPool(url)
  const db = drizzle({ client: pool, jit: true })
  const read = prepareRead(db)
  const insert = prepareInsert(db)
  return {
    name: 'Drizzle prepared',
    works: {
      read: async (n) => (await read.execute({ id: userOf(n) }))[0],
      insert: async (n) => (await insert.execute({ author: userOf(n), note: `note ${n}` }))[0],
      'short transaction': (n) =>
        db.transaction(async (tx) => {
          return (await prepareInsert(tx).execute({ author: userOf(n), note: `note ${n}` }))[0]
        }),
      transaction: (n) =>
        db.transaction(async (tx) => {
          const [user] = await prepareRead(tx).execute({ id: userOf(n) })
          const id = user?.id ?? 0
          const [entry] = await prepareInsert(tx).execute({ author: id, note: `note ${n}` })
          const change = tx.update(users).set({ last: entry?.id ?? 0 })
          await change.where(eq(users.id, id)).prepare('update').execute()
          return entry
        }),
    },
    [Symbol.asyncDispose]: () => pool.end(),
  }
}

type Builder = Pick<NodePgDatabase, 'select' | 'insert'>

function prepareRead(db: Builder) {
  return db
    .select()
    .from(users)
    .where(eq(users.id, sql.placeholder('id')))
    .prepare('read')
}

function prepareInsert(db: Builder) {
  return db
    .insert(entries)
    .values({ author: sql.placeholder('author'), note: sql.placeholder('note') })
    .returning()
    .prepare('insert')
}
