import { users } from '@example/database'
import type { Queryable, Transaction } from 'plinth'
import { enqueue } from 'plinth/services'
import { welcomeMail } from './welcome-mail.ts'

// Services take part in the transaction of a router. They could not begin or commit one if they wanted to: a
// Transaction has no such methods.

export interface PublicUser {
  readonly id: number
  readonly username: string
  readonly email: string
}

interface NewUser extends Omit<PublicUser, 'id'> {
  readonly passwordHash: string
}

/**
 * No look whether the e-mail or the username is taken: between looking and inserting somebody else may take it. The
 * unique constraints decide, and a violation is the answer 409. The welcome mail exists exactly when the user does.
 */
export async function registerUser(tx: Transaction, given: NewUser): Promise<PublicUser> {
  const user = await tx.run(users.insert(given))
  await enqueue(tx, welcomeMail, { userId: user.id })
  return toPublic(user)
}

export async function renameUser(tx: Transaction, id: number, username: string): Promise<PublicUser> {
  return toPublic(await tx.run(users.update(id, { username })))
}

export async function findUser(db: Queryable, id: number): Promise<PublicUser | undefined> {
  return db.run(users.first({ id }, { select: ['id', 'username', 'email'] }))
}

/** The one way out for a row: by what it names, so that a new column stays inside until somebody adds it here. */
function toPublic({ id, username, email }: PublicUser): PublicUser {
  return { id, username, email }
}
