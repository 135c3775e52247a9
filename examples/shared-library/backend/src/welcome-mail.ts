import { users } from '@example/database'
import { task } from 'plinth/services'
import { sendMail } from './mail.ts'

/**
 * Runs after the commit of the transaction that enqueued it, in a worker, and again until it succeeds. That the mail is
 * out and that the row says so are two systems: when the process dies between the two it is sent twice, with the same
 * Message-ID, by which mail servers recognise it.
 */
export const welcomeMail = task('welcome-mail', async ({ userId }: { userId: number }, { db, id, complete }) => {
  const user = await db.run(users.first({ id: userId }))
  if (!user || user.welcomedAt) return
  await sendMail({
    messageId: `<welcome-${id}@shared-library.example>`,
    to: user.email,
    subject: `Welcome, ${user.username}`,
    text: `Hello ${user.username}, your account is ready.`,
  })
  await complete((tx) => tx.run(users.update(userId, { welcomedAt: new Date() })))
})
