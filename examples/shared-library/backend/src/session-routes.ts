import { Refused, type Sessions, users, validated } from '@example/database'
import { Router } from 'express'
import type { ExpressDatabase } from 'plinth/express'
import { z } from 'zod'
import { isPassword } from './password.ts'

const credentials = z.object({ email: z.string().trim().toLowerCase(), password: z.string().max(200) })

export function sessionRoutes({ needsDatabase }: ExpressDatabase, sessions: Sessions): Router {
  const router = Router()

  router.post('/sessions', needsDatabase, async (request, response) => {
    const { email, password } = await validated(credentials, request.body)
    const user = await request.db.run(users.first({ email }, { select: ['id', 'passwordHash'] }))
    if (!user || !(await isPassword(password, user.passwordHash)))
      throw new Refused(401, 'No user has this e-mail and this password.')
    const cookie = await request.db.transaction((tx) => sessions.open(tx, user.id))
    response.status(201).set('set-cookie', cookie).json({ userId: user.id })
  })

  router.delete('/sessions/mine', needsDatabase, async (request, response) => {
    await request.db.transaction((tx) => sessions.close(tx, request.headers.cookie))
    response.status(204).end()
  })

  return router
}
