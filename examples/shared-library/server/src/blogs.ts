import { blogs, Refused, users } from '@example/database'
import type { PageOf, Queryable, Transaction } from 'plinth'

// Services take part in the transaction of a router. They could not begin or commit one if they wanted to: a
// Transaction has no such methods.

export interface Blog {
  readonly id: number
  readonly title: string
  readonly description: string
  readonly author: string | null
  readonly userId: number | null
}

type Text = Pick<Blog, 'title' | 'description'>

interface NewBlog extends Text {
  readonly author?: string | null | undefined
}

/** A blog of the user, under the username; without a user a guest's, under a name that no user has, or under none. */
export async function writeBlog(tx: Transaction, userId: number | null, blog: NewBlog): Promise<Blog> {
  const given = blog.author ?? null
  const author = userId === null ? await nameOfGuest(tx, given) : await nameOfUser(tx, userId, given)
  return toPublic(await tx.run(blogs.insert({ ...blog, author, userId })))
}

async function nameOfGuest(tx: Transaction, given: string | null): Promise<string | null> {
  if (given !== null && (await tx.run(users.exists({ username: given }))))
    throw new Refused(401, `"${given}" is a user. To write under this name, log in: POST /sessions.`, ['author'])
  return given
}

async function nameOfUser(tx: Transaction, userId: number, given: string | null): Promise<string> {
  const { username } = await tx.run(users.get(userId))
  if (given === null || given === username) return username
  throw new Refused(422, `author: You are logged in as "${username}". Give this name, or none.`, ['author'])
}

export async function editBlog(tx: Transaction, id: number, userId: number, text: Text): Promise<Blog> {
  const blog = await tx.run(blogs.first({ id }))
  if (!blog) throw new Refused(404, `There is no blog ${id}.`)
  if (blog.userId !== userId) throw new Refused(403, 'Only the user whose blog it is may change it.')
  return toPublic(await tx.run(blogs.update(id, text)))
}

export async function findBlog(db: Queryable, id: number): Promise<Blog | undefined> {
  return db.run(blogs.first({ id }, { select: ['id', 'title', 'description', 'author', 'userId'] }))
}

/** Newest first, 20 at a time. `after` is the `next` of the page before: however deep, no row is read twice. */
export async function newestBlogs(
  db: Queryable,
  after: string | undefined,
): Promise<PageOf<Omit<Blog, 'description'>>> {
  return db.run(
    blogs.page({}, { select: ['id', 'title', 'author', 'userId'], order: [{ id: 'desc' }], size: 20, after }),
  )
}

function toPublic({ id, title, description, author, userId }: Blog): Blog {
  return { id, title, description, author, userId }
}
