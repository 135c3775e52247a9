import { blogs, Refused } from '@example/database'
import type { PageOf, Queryable, Transaction } from 'plinth'

// Services take part in the transaction of a router. They could not begin or commit one if they wanted to: a
// Transaction has no such methods.

export interface Blog {
  readonly id: number
  readonly title: string
  readonly body: string
  readonly author: number
}

type Text = Pick<Blog, 'title' | 'body'>

export async function writeBlog(tx: Transaction, blog: Omit<Blog, 'id'>): Promise<Blog> {
  return toPublic(await tx.run(blogs.insert(blog)))
}

export async function editBlog(tx: Transaction, id: number, author: number, text: Text): Promise<Blog> {
  const blog = await tx.run(blogs.first({ id }))
  if (!blog) throw new Refused(404, `There is no blog ${id}.`)
  if (blog.author !== author) throw new Refused(403, 'Only its author may change a blog.')
  return toPublic(await tx.run(blogs.update(id, text)))
}

export async function findBlog(db: Queryable, id: number): Promise<Blog | undefined> {
  return db.run(blogs.first({ id }, { select: ['id', 'title', 'body', 'author'] }))
}

/** Newest first, 20 at a time. `after` is the `next` of the page before: however deep, no row is read twice. */
export async function newestBlogs(db: Queryable, after: string | undefined): Promise<PageOf<Omit<Blog, 'body'>>> {
  return db.run(blogs.page({}, { select: ['id', 'title', 'author'], order: [{ id: 'desc' }], size: 20, after }))
}

function toPublic({ id, title, body, author }: Blog): Blog {
  return { id, title, body, author }
}
