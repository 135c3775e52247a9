/** Compiled, never run: each line marked as an error must be one. */
import { defineRelations } from 'drizzle-orm'
import { bytea, integer, jsonb, pgTable, serial, text, timestamp } from 'drizzle-orm/pg-core'
import { call, type PageOf, type Queryable, table, type Typed } from '../../src/index.ts'

declare const db: Queryable

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
declare function expectSame<A, B>(same: Same<A, B>): void

const users = table(
  pgTable('users', {
    id: serial().primaryKey(),
    email: text().notNull(),
    name: text(),
    age: integer(),
    avatar: bytea(),
    settings: jsonb().$type<{ theme: string }>(),
    createdAt: timestamp('created_at').notNull().defaultNow(),
  }),
)

export async function results(): Promise<void> {
  const user = await db.run(users.get(7))
  expectSame<typeof user.name, string | null>(true)
  expectSame<typeof user.avatar, Uint8Array | null>(true)
  expectSame<typeof user.settings, { theme: string } | null>(true)
  expectSame<typeof user.createdAt, Date>(true)
  const some = await db.run(users.find({ name: 'Ada' }, { select: ['id', 'email'], order: ['email', { id: 'desc' }] }))
  expectSame<(typeof some)[number]['id'], number>(true)
  // @ts-expect-error a column that was not selected
  void some[0]?.name
  const first = await db.run(users.first({ age: { gt: 17 } }, { select: ['id'] }))
  expectSame<typeof first, Pick<typeof user, 'id'> | undefined>(true)
  const page = await db.run(users.page({}, { size: 10, select: ['email'] }))
  expectSame<typeof page, PageOf<Pick<typeof user, 'email'>>>(true)
  expectSame<Awaited<ReturnType<typeof countAll>>, number>(true)
  const sum = await db.run(call<number>('add', { a: 1, b: 2 }, 'value'))
  expectSame<typeof sum, number>(true)
}

const countAll = (): Promise<number> => db.run(users.count())

export const conditions: Typed<unknown>[] = [
  users.find({ age: null, name: { like: 'A%', neq: null }, createdAt: { lt: new Date() }, id: { in: [1, 2] } }),
  users.find({ or: [{ age: 1 }, { not: { name: 'Ada' } }], and: [{ id: { gte: 1, lte: 9 } }] }),
  // @ts-expect-error no such column
  users.find({ nmae: 'Ada' }),
  // @ts-expect-error a text for a number
  users.find({ age: '18' }),
  // @ts-expect-error undefined is no condition
  users.find({ name: undefined }),
  // @ts-expect-error a list goes under `in`
  users.find({ id: [1, 2] }),
  // @ts-expect-error an object where a single value is meant
  users.find({ settings: { theme: 'dark' } }),
  // @ts-expect-error null in a column that has none
  users.find({ email: null }),
  // @ts-expect-error no such test
  users.find({ age: { above: 18 } }),
  // @ts-expect-error no such column to order by
  users.find({}, { order: ['nmae'] }),
  // @ts-expect-error no such direction
  users.find({}, { order: [{ name: 'up' }] }),
  // @ts-expect-error no such column to select
  users.find({}, { select: ['nmae'] }),
  // @ts-expect-error a page needs its size
  users.page({}, {}),
]

export const writes: Typed<unknown>[] = [
  users.insert({ email: 'ada@x.org' }),
  users.insert({ email: 'ada@x.org', avatar: new Uint8Array(), settings: { theme: 'dark' }, age: null }),
  users.update(7, { name: null }),
  users.update({ id: 7 }, { name: 'Ada' }),
  users.upsert({ email: 'ada@x.org' }, { on: ['email'], overwrite: ['name'] }),
  // @ts-expect-error a column that is needed is missing
  users.insert({ name: 'Ada' }),
  // @ts-expect-error a number for a text
  users.insert({ email: 7 }),
  // @ts-expect-error no such column
  users.update(7, { nmae: 'Ada' }),
  // @ts-expect-error null where none may be
  users.update(7, { email: null }),
  // @ts-expect-error a text for a number
  users.get('7'),
  // @ts-expect-error a condition is needed
  users.deleteWhere(),
  // @ts-expect-error no such column decides what is the same row
  users.upsert({ email: 'ada@x.org' }, { on: ['nmae'] }),
]

interface Post {
  readonly slug: string
  readonly author: number
}

const posts = table<Post>('blog.posts', { key: ['slug'] })

export async function named(): Promise<void> {
  const post = await db.run(posts.get('hello'))
  expectSame<typeof post, Post>(true)
  await db.run(posts.getOrCreate({ slug: 'hello', author: 7 }))
  // @ts-expect-error no such column in the key
  table<Post>('posts', { key: ['id'] })
  // @ts-expect-error no such column
  posts.find({ title: 'x' })
  const row = await db.run(table('anything').get(1))
  expectSame<typeof row, Record<string, unknown>>(true)
}

const people = table<Post, Pick<Post, 'slug'>>('people', { key: ['slug'] })
people.insert({ slug: 'ada' })
// @ts-expect-error a new row has what its own type says
people.insert({ author: 7 })

const author = pgTable('author', { id: serial().primaryKey(), name: text(), joined: timestamp().notNull() })
const article = pgTable('article', { id: serial().primaryKey(), by: integer().notNull(), title: text().notNull() })
const relations = defineRelations({ author, article }, (r) => ({
  author: { articles: r.many.article() },
  article: {
    author: r.one.author({ from: r.article.by, to: r.author.id, optional: false }),
    editor: r.one.author({ from: r.article.by, to: r.author.id, alias: 'editor' }),
  },
}))
const articles = table(relations, 'article')
const authors = table(relations, 'author')

export async function nested(): Promise<void> {
  const rows = await db.run(
    articles.find({}, { select: { title: true, author: { name: true }, editor: true }, limit: 1 }),
  )
  type Found = (typeof rows)[number]
  expectSame<Found['title'], string>(true)
  expectSame<Found['author']['name'], string | null>(true)
  expectSame<Found['editor'], { id: number; name: string | null; joined: Date } | null>(true)
  // @ts-expect-error a column that was not selected
  void rows[0]?.author.joined
  const select = {
    articles: [
      { id: true, author: { id: true } },
      { order: ['id'], limit: 3 },
    ],
  } as const
  const first = await db.run(authors.first({}, { select }))
  expectSame<NonNullable<typeof first>['articles'][number]['author']['id'], number>(true)
  const filtered = await db.run(articles.find({}, { select: { author: [{ id: true }, { where: { id: 1 } }] } }))
  expectSame<null extends (typeof filtered)[number]['author'] ? true : false, true>(true)
}

export async function nestedElsewhere(): Promise<void> {
  const one = await db.run(articles.get(1, { select: { title: true, editor: { id: true } } }))
  expectSame<typeof one.editor, { id: number } | null>(true)
  const some = await db.run(articles.get(1, { select: ['title'] }))
  expectSame<typeof some, Pick<{ title: string }, 'title'>>(true)
  const page = await db.run(articles.page({}, { size: 9, select: { author: { id: true } } }))
  expectSame<(typeof page.rows)[number]['author']['id'], number>(true)
}

export const selections: Typed<unknown>[] = [
  articles.find({}, { select: { author: { articles: { title: true } } } }),
  articles.find({}, { select: ['title'] }),
  // @ts-expect-error no such column
  articles.find({}, { select: { nope: true } }),
  // @ts-expect-error no such column of the related table
  articles.find({}, { select: { author: { nope: true } } }),
  // @ts-expect-error no such column of the related table
  articles.get(1, { select: { author: { nope: true } } }),
  // @ts-expect-error no such column of the related table
  articles.page({}, { size: 9, select: { author: { nope: true } } }),
  articles.find({ author: { name: 'Ada', articles: { title: 'x' } }, editor: null, not: { author: {} } }),
  authors.count({ articles: { author: { id: 1 } } }),
  authors.find({}, { select: { articles: [true, { where: { editor: { name: 'Ada' } } }] } }),
  // @ts-expect-error no such column of the related table
  articles.find({ author: { nope: 1 } }),
  // @ts-expect-error a text for a number, two relations away
  authors.exists({ articles: { author: { id: '1' } } }),
  // @ts-expect-error the condition of a write is about its own columns
  articles.deleteWhere({ author: { id: 1 } }),
  // @ts-expect-error one row has no limit
  articles.find({}, { select: { author: [true, { limit: 1 }] } }),
  // @ts-expect-error no such column to order by
  authors.find({}, { select: { articles: [true, { order: ['nope'] }] } }),
]
