import { createCache, type Redis, Refused, type Sessions, validated } from '@example/database'
import { Router } from 'express'
import type { Database } from 'plinth'
import type { ExpressDatabase } from 'plinth/express'
import { z } from 'zod'
import { hashPassword } from './password.ts'
import { findUser, type PublicUser, registerUser, renameUser } from './users.ts'

const username = z.string().trim().min(1).max(50)
const registration = z.object({
  username,
  email: z.string().trim().toLowerCase().max(100).pipe(z.email()),
  password: z.string().min(8).max(200),
})
const renaming = z.object({ username })

/** A router owns the transactions: it says where one begins, and what is answered when it has ended. */
export function userRoutes(db: Database, { needsDatabase }: ExpressDatabase, sessions: Sessions, redis: Redis): Router {
  const cache = createCache<number, PublicUser>({ db, redis, name: 'user', load: (id) => findUser(db, id) })
  const router = Router()

  async function cached(id: number): Promise<PublicUser> {
    const user = await cache.read(id)
    if (!user) throw new Refused(404, `There is no user ${id}.`)
    return user
  }

  router.post('/users', needsDatabase, async (request, response) => {
    const { password, ...given } = await validated(registration, request.body)
    // Before the transaction, which would hold a connection for as long as this takes.
    const passwordHash = await hashPassword(password)
    const user = await request.db.transaction((tx) => registerUser(tx, { ...given, passwordHash }), {
      name: 'registerUser',
    })
    response.status(201).location(`/users/${user.id}`).json(user)
  })

  // Both without needsDatabase: what Redis has is answered while the database is away.
  router.get('/users/me', async (request, response) => {
    response.json(await cached(await sessions.userOf(request.headers.cookie)))
  })

  router.get('/users/:id', async (request, response) => {
    response.json(await cached(await validated(z.coerce.number().int().positive(), request.params.id)))
  })

  router.put('/users/me/username', needsDatabase, async (request, response) => {
    const id = await sessions.userOf(request.headers.cookie)
    const given = await validated(renaming, request.body)
    const user = await request.db.transaction((tx) => {
      // Not before the commit: until then others read the old name from the database, and would cache it again.
      tx.afterCommit(() => cache.forget(id))
      return renameUser(tx, id, given.username)
    })
    response.json(user)
  })

  return router
}
