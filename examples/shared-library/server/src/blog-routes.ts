import { createCache, type Redis, Refused, type Sessions, validated } from '@example/database'
import type { FastifyInstance } from 'fastify'
import type { Database } from 'plinth'
import { z } from 'zod'
import { type Blog, editBlog, findBlog, newestBlogs, writeBlog } from './blogs.ts'

const text = z.object({ title: z.string().trim().min(1).max(200), description: z.string().min(1).max(50_000) })
const newBlog = text.extend({ author: z.string().trim().min(1).max(50).nullish() })
const place = z.object({ id: z.coerce.number().int().positive() })
const list = z.object({ after: z.string().optional() })

const needsDatabase = { config: { needsDatabase: true } }

/** A router owns the transactions: it says where one begins, and what is answered when it has ended. */
export function blogRoutes(app: FastifyInstance, sessions: Sessions, db: Database, redis: Redis): void {
  const cache = createCache<number, Blog>({ db, redis, name: 'blog', load: (id) => findBlog(db, id) })

  app.post('/blogs', needsDatabase, async (request, reply) => {
    const userId = await sessions.userOrGuest(request.headers.cookie)
    const written = await validated(newBlog, request.body)
    const blog = await request.db.transaction((tx) => writeBlog(tx, userId, written), { name: 'writeBlog' })
    return reply.code(201).header('location', `/blogs/${blog.id}`).send(blog)
  })

  app.get('/blogs', needsDatabase, async (request) => {
    const { after } = await validated(list, request.query)
    return newestBlogs(request.db, after)
  })

  // Without needsDatabase: what Redis has is answered while the database is away.
  app.get('/blogs/:id', async (request) => {
    const { id } = await validated(place, request.params)
    const blog = await cache.read(id)
    if (!blog) throw new Refused(404, `There is no blog ${id}.`)
    return blog
  })

  app.put('/blogs/:id', needsDatabase, async (request) => {
    const userId = await sessions.userOf(request.headers.cookie)
    const { id } = await validated(place, request.params)
    const written = await validated(text, request.body)
    return request.db.transaction(
      async (tx) => {
        // Not before the commit: until then others read the old text from the database, and would cache it again.
        tx.afterCommit(() => cache.forget(id))
        return editBlog(tx, id, userId, written)
      },
      { name: 'editBlog' },
    )
  })
}
