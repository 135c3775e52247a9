import { asc, defineRelations, eq } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { boolean, integer, pgTable, text, timestamp } from 'drizzle-orm/pg-core'
import type pg from 'pg'
import { openPool } from '../sql/pg.ts'
import type { Answers } from './fastify.ts'

/** Not those of bench/sql: times are passed on as text here, for an answer in JSON needs no Date. */
const users = pgTable('users', {
  id: integer().primaryKey(),
  name: text().notNull(),
  email: text().notNull(),
  age: integer().notNull(),
  active: boolean().notNull(),
  joined: timestamp({ withTimezone: true, mode: 'string' }).notNull(),
})
const posts = pgTable('posts', {
  id: integer().primaryKey(),
  author: integer().notNull(),
  title: text().notNull(),
})
const comments = pgTable('comments', {
  id: integer().primaryKey(),
  post: integer().notNull(),
  text: text().notNull(),
})
const entries = pgTable('entries', {
  id: integer().primaryKey().generatedAlwaysAsIdentity(),
  author: integer().notNull(),
  note: text().notNull(),
  made: timestamp({ withTimezone: true, mode: 'string' }).notNull().defaultNow(),
})
const relations = defineRelations({ users, posts, comments, entries }, (r) => ({
  users: { posts: r.many.posts({ from: r.users.id, to: r.posts.author }) },
  posts: { comments: r.many.comments({ from: r.posts.id, to: r.comments.post }) },
}))

/** Drizzle's own builders, and its relational queries for what is nested. */
export function byDrizzle(url: string): { readonly answers: Answers; readonly pool: pg.Pool } {
  const pool = openPool(url)
  const db = drizzle({ client: pool, relations })
  const { id, name, email, age } = users
  return {
    pool,
    answers: {
      read: async (key) => JSON.stringify(await db.select().from(users).where(eq(id, key))),
      list: async (of, limit) => {
        const rows = db.select({ id, name, email, age }).from(users).where(eq(age, of)).orderBy(asc(id)).limit(limit)
        return JSON.stringify(await rows)
      },
      embed: async (key) => {
        const inside = { columns: { id: true, text: true } } as const
        const posts = { columns: { id: true, title: true }, with: { comments: inside } } as const
        const found = db.query.users.findMany({
          columns: { id: true, name: true },
          where: { id: key },
          with: { posts },
        })
        return JSON.stringify(await found)
      },
      insert: async (author, note) => JSON.stringify(await db.insert(entries).values({ author, note }).returning()),
    },
  }
}
