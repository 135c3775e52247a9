import { createHash, randomBytes } from 'node:crypto'
import type { Database, Transaction } from 'plinth'
import { type Cache, createCache } from './cache.ts'
import type { Redis } from './redis.ts'
import { Refused } from './refused.ts'
import { sessions } from './tables.ts'

/**
 * A session is a row, and Redis has a copy of it. So logging in needs the database, nobody is logged out when Redis
 * restarts, and who is logged in stays so while the database is away.
 */
export interface Sessions {
  /** The user of the cookie's session. Throws Refused (401) without one. */
  userOf(cookie: string | undefined): Promise<number>
  /** The same, or null for a guest, who has no session; one that has ended is refused. */
  userOrGuest(cookie: string | undefined): Promise<number | null>
  /** Resolves with the cookie to set. */
  open(tx: Transaction, userId: number): Promise<string>
  close(tx: Transaction, cookie: string | undefined): Promise<void>
}

interface Session {
  readonly userId: number
  readonly expiresAt: number
}

const lifetimeSeconds = 7 * 24 * 3600

export function createSessions(db: Database, redis: Redis): Sessions {
  const cache: Cache<string, Session> = createCache({ db, redis, name: 'session', load: (hash) => find(db, hash) })

  async function userOf(cookie: string | undefined): Promise<number> {
    const token = tokenIn(cookie)
    const session = token && (await cache.read(hashOf(token)))
    if (!session || session.expiresAt <= Date.now()) throw new Refused(401, 'Log in first: POST /sessions.')
    return session.userId
  }

  return {
    userOf,
    userOrGuest: async (cookie) => (tokenIn(cookie) ? userOf(cookie) : null),
    open: async (tx, userId) => {
      const token = randomBytes(32).toString('base64url')
      const expiresAt = new Date(Date.now() + lifetimeSeconds * 1000)
      await tx.run(sessions.insert({ tokenHash: hashOf(token), userId, expiresAt }))
      // Behind TLS, with Secure.
      return `session=${token}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${lifetimeSeconds}`
    },
    close: async (tx, cookie) => {
      const token = tokenIn(cookie)
      if (!token) return
      await tx.run(sessions.deleteWhere({ tokenHash: hashOf(token) }))
      tx.afterCommit(() => cache.forget(hashOf(token)))
    },
  }
}

async function find(db: Database, tokenHash: string): Promise<Session | undefined> {
  const row = await db.run(sessions.first({ tokenHash }))
  return row && { userId: row.userId, expiresAt: row.expiresAt.getTime() }
}

/** Sessions that nobody can use any more; a task of the backend. */
export function removeExpiredSessions(db: Database): Promise<number> {
  return db.run(sessions.deleteWhere({ expiresAt: { lt: new Date() } }))
}

function tokenIn(cookie = ''): string | undefined {
  return /(?:^|; )session=([\w-]+)/.exec(cookie)?.[1]
}

function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('base64url')
}
